"""What an HR_ACTION may be, and how it stands in its event.

The action is `attributes.action`; `value` are points of reputation. An action that answers another names it in `attributes.refers_to`.
An HR_ACTION without an action, but with a value, is one of reputation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import polars as pl

__all__ = ["ACTIONS", "EFFECTS", "PEOPLE", "action_event", "actions_of", "digest_of"]

EFFECTS = (
    "reputation", "suspension", "reinstatement", "case_opened", "plan_opened", "promotion", "demotion",
)  # fmt: skip
ACTIONS = (
    *EFFECTS, "case_closed", "case_reopened", "plan_closed", "proposal", "rejection", "contest", "upheld", "overturned", "confidence",
)  # fmt: skip
PEOPLE = ("officer",)  # kinds of actors whose standing only a person may change
_FIELDS = ("action", "refers_to", "until", "proposed", "approver", "rule")
_SCHEMA: dict[str, Any] = {"event_id": pl.String, "ts": pl.Datetime("us", "UTC"), "actor": pl.String, "actor_kind": pl.String, "case_id": pl.String,
           "value": pl.Float64, "severity": pl.String, "action": pl.String, "refers_to": pl.String, "until": pl.Datetime("us", "UTC"),
           "proposed": pl.String, "approver": pl.String, "rule": pl.String, "attributes": pl.String}  # fmt: skip


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
    **said: Any,
) -> dict[str, Any]:
    """An HR_ACTION as a dict on the contract; `said` goes into its attributes, what is None is left out.

    Examples
    --------
    >>> action_event("reputation", "gpt", "agent", event_id="e1", points=-5, rule="seed/1")["attributes"]
    '{"action": "reputation", "rule": "seed/1"}'
    """
    attributes = {"action": action} | {name: value for name, value in said.items() if value is not None}
    event = {"event_id": event_id, "type": "HR_ACTION", "ts": ts, "actor": actor, "actor_kind": actor_kind, "case_id": case_id,
             "value": points, "severity": severity, "attributes": json.dumps(attributes, ensure_ascii=False)}  # fmt: skip
    return {name: value for name, value in event.items() if value is not None}


def actions_of(events: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """HR actions as a table, in the order of time (at one instant, of their ids).

    Parameters
    ----------
    events
        Events on the contract.

    Returns
    -------
    polars.DataFrame
        `event_id`, `ts`, `actor`, `actor_kind`, `case_id`, `value`, `severity`, `action`, `refers_to`, `until`, `proposed`, `approver`, `rule`
        and the `attributes` themselves. Rows that are neither an action nor points are left out.
    """
    rows = events.lazy().filter(pl.col("type") == "HR_ACTION")
    plain = ["event_id", "ts", "actor", "actor_kind", "case_id", "value", "severity", "attributes"]
    found = rows.select(plain).collect(engine="in-memory").with_columns(pl.col("actor_kind", "severity").cast(pl.String))
    # attributes repeat (the same rule, the same action): each text is read once
    texts = found.select(pl.col("attributes").unique().drop_nulls())
    read = texts.with_columns(pl.col("attributes").str.json_path_match(f"$.{name}").alias(name) for name in _FIELDS)
    table = found.join(read, on="attributes", how="left", maintain_order="left")
    implied = pl.when(pl.col("value").is_not_null()).then(pl.lit("reputation"))
    until = pl.col("until").str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
    return (
        table.with_columns(action=pl.coalesce("action", implied), until=until)
        .filter(pl.col("action").is_in(list(ACTIONS)))
        .select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())
        .sort("ts", "event_id")
    )


def digest_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """A digest of the rows behind an action: SHA-256 of their ids and contents, whatever their order."""
    lines = sorted(json.dumps(dict(row), sort_keys=True, default=str, ensure_ascii=False) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def now() -> datetime:
    """The present moment."""
    return datetime.now(timezone.utc)
