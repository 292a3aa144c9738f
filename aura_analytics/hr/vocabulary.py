"""What an HR_ACTION may be, and how it stands in its event.

The action is `attributes.action`; `value` are points of reputation. An action that answers another names it in
`attributes.refers_to`. An HR_ACTION without an action, but with a value, is one of reputation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Literal, NotRequired, cast

import polars as pl
from typing_extensions import TypedDict, Unpack

from aura_analytics.events import MACHINE_KINDS
from aura_analytics.io.front_door import EventsLike, as_events

__all__ = [
    "ACTIONS",
    "EFFECTS",
    "MACHINES",
    "Further",
    "HRAction",
    "Said",
    "action_event",
    "actions_in",
    "actions_of",
    "digest_of",
    "may_be_a_person",
]

EFFECTS = (
    "warning",
    "reputation",
    "suspension",
    "reinstatement",
    "case_opened",
    "plan_opened",
    "promotion",
    "demotion",
)
ACTIONS = (
    *EFFECTS,
    "case_closed",
    "case_reopened",
    "plan_closed",
    "proposal",
    "rejection",
    "contest",
    "upheld",
    "overturned",
    "confidence",
)
MACHINES = MACHINE_KINDS  # kinds of actors that are acted upon at once; everybody else may be a person
_FIELDS = ("refers_to", "until", "proposed", "approver", "rule")
_SCHEMA: dict[str, Any] = {
    "event_id": pl.String,
    "ts": pl.Datetime("us", "UTC"),
    "actor": pl.String,
    "actor_kind": pl.String,
    "case_id": pl.String,
    "value": pl.Float64,
    "severity": pl.String,
    "action": pl.String,
    "refers_to": pl.String,
    "until": pl.Datetime("us", "UTC"),
    "proposed": pl.String,
    "approver": pl.String,
    "rule": pl.String,
    "attributes": pl.String,
}


class Further(TypedDict, total=False):
    """What some actions say besides their cause; None is left out."""

    until: str | None
    refers_to: str | None
    proposed: str | None
    proposed_points: float | None
    proposed_days: float | None
    approver: str | None
    by: str | None
    user: str | None
    plan: Mapping[str, Any] | None


class Said(Further, total=False):
    """What an action may say of itself, in its attributes; None is left out."""

    rule: str | None
    reason: str | None
    evidence: list[Any] | None
    evidence_n: int | None
    evidence_sha256: str | None
    would_clear: str | None


class HRAction(TypedDict):
    """An HR action as an event of the contract: its name, whom it is about, points (of reputation) as `value`, and what it says of
    itself as JSON in `attributes`.
    """

    event_id: str
    type: Literal["HR_ACTION"]
    actor: str
    attributes: str
    ts: NotRequired[datetime]
    actor_kind: NotRequired[str]
    case_id: NotRequired[str]
    value: NotRequired[float]
    severity: NotRequired[str]


def action_event(
    action: str,
    actor: str,
    actor_kind: str | None,
    *,
    event_id: str,
    ts: datetime | None = None,
    case_id: str | None = None,
    points: float | None = None,
    severity: str | None = None,
    **said: Unpack[Said],
) -> HRAction:
    """An HR_ACTION as a dict on the contract; `said` goes into its attributes, what is None is left out.

    Examples
    --------
    >>> action_event("reputation", "gpt", "agent", event_id="e1", points=-5, rule="seed/1")["attributes"]
    '{"action": "reputation", "rule": "seed/1"}'
    """
    attributes = {"action": action} | {name: value for name, value in said.items() if value is not None}
    event = {
        "event_id": event_id,
        "type": "HR_ACTION",
        "ts": ts,
        "actor": actor,
        "actor_kind": actor_kind,
        "case_id": case_id,
        "value": points,
        "severity": severity,
        "attributes": json.dumps(attributes, ensure_ascii=False),
    }
    return cast("HRAction", {name: value for name, value in event.items() if value is not None})


def actions_of(events: EventsLike, *, detail: bool = True) -> pl.DataFrame:
    """HR actions as a table.

    Parameters
    ----------
    events
        Events on the contract.
    detail
        False reads only what the folds need: `proposed` and `rule` are then null, and rows come in any order.

    Returns
    -------
    polars.DataFrame
        `event_id`, `ts`, `actor`, `actor_kind`, `case_id`, `value`, `severity`, `action`, `refers_to`, `until`, `proposed`,
        `approver`, `rule` and the `attributes` themselves, in the order of time (at one instant, of their ids). Rows that are
        neither an action nor points are left out.
    """
    return actions_in(as_events(events), detail=detail)


def actions_in(events: pl.LazyFrame, *, detail: bool = True) -> pl.DataFrame:
    """`actions_of` rows of a log of which only some columns were read, each as the contract has it."""
    rows = events.filter(pl.col("type") == "HR_ACTION")
    plain = ["event_id", "ts", "actor", "actor_kind", "case_id", "value", "severity", "attributes"]
    text = pl.col("attributes")
    # as `action_event` writes it; whatever else is read as JSON
    quick = text.str.extract(r'^\{"action": "([a-z_]+)"', 1)
    implied = pl.when(pl.col("value").is_not_null()).then(pl.lit("reputation"))
    action = pl.coalesce(quick, pl.when(quick.is_null()).then(_field("action")), implied)
    kept = rows.select(plain).with_columns(pl.col("actor_kind", "severity").cast(pl.String), action=action)
    found = kept.filter(pl.col("action").is_in(list(ACTIONS))).collect(engine="in-memory")
    asked = {name: _holds(name) for name in (_FIELDS if detail else ("refers_to", "until", "approver"))}
    parts = [_read(found, name, asked.get(name)) for name in _FIELDS]
    text_until = pl.col("until")
    day = text_until.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    until = pl.coalesce(day, text_until.str.to_datetime(time_unit="us", time_zone="UTC", strict=False))
    table = found.with_columns(*parts).with_columns(until=until).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
    return table.sort("ts", "event_id") if detail else table


def _holds(name: str) -> pl.Expr:
    """Whether the attributes may hold a field."""
    return pl.col("attributes").str.contains(f'"{name}"', literal=True)


def _field(name: str) -> pl.Expr:
    return pl.col("attributes").str.json_path_match(f"$.{name}")


def _read(found: pl.DataFrame, name: str, wanted: pl.Expr | None) -> pl.Series:
    """A field of the attributes, of the rows that need it."""
    column = pl.Series(name, [None], dtype=pl.String).new_from_index(0, found.height)
    if wanted is None or not found.height:
        return column
    some = found.with_row_index("row").filter(wanted)
    if some.height == found.height:
        return found.select(_field(name).alias(name)).to_series()
    values = some.select("row", _field(name).alias(name))
    return found.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("row")).join(
        values, on="row", how="left", maintain_order="left"
    )[name]


def may_be_a_person(kind: object) -> bool:
    """Whether an actor of this kind, however it is written, is acted upon only once somebody has signed."""
    return str(kind or "").strip().casefold() not in MACHINES


def digest_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """A digest of the rows behind an action: SHA-256 of their ids and contents, whatever their order."""
    lines = sorted(json.dumps(dict(row), sort_keys=True, default=str, ensure_ascii=False) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def now() -> datetime:
    """The present moment."""
    return datetime.now(timezone.utc)
