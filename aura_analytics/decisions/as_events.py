"""A decision log as events: every component an actor, every request a case."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from aura_analytics.decisions.records import DecisionLog, components_of
from aura_analytics.decisions.tables import served
from aura_analytics.events.doors import from_rows

__all__ = ["to_events"]

_SAID = (
    "event_id",
    "ts",
    "type",
    "actor",
    "actor_kind",
    "case_id",
    "queue",
    "agent",
    "ai_recommendation",
    "human_verdict",
    "confidence",
    "outcome",
    "attributes",
)
_TEXT = json.JSONEncoder(ensure_ascii=False).encode


def to_events(
    entries: Iterable[DecisionLog], overrides: Iterable[Mapping[str, Any]] = (), approvals: Iterable[Mapping[str, Any]] = ()
) -> pl.DataFrame:
    """Events of decisions.

    Parameters
    ----------
    entries
        Decisions with their last outcomes.
    overrides, approvals
        Lines of the log that say what users changed or accepted, and who let a proposal be applied.

    Returns
    -------
    polars.DataFrame
        On the contract. Per decision and component a `ROUTED` event at the time of the decision (actor: the component, kind
        `component`, case: the request, queue: the primary domain of the diagnosis, confidence: the component's own or the total
        one) and, once it is known, an `OUTCOME` event at the time it was logged, of the components that served after users'
        overrides. Once users' overrides or acceptances are logged at all: per decision and component an `OVERRIDE` (human_verdict:
        the replacement) or a `DECISION`, so that the share overridden is that of all decisions. Their actor is `users`, who it was
        is in `attributes`: of a user only the overrides are known, and a rate of overrides alone would be 100 %. Of an approval an
        `HR_ACTION` per changed component. Ids are made of the request and the component, so that the same log gives the same
        events.

    Raises
    ------
    EventError
        If a decision has no time that can be read.

    Examples
    --------
    >>> outcome = {"outcome_type": "success"}
    >>> entry = DecisionLog("r1", "2026-01-17T10:30:00Z", "build", {}, {"execution_order": ["agent:a"]}, outcome)
    >>> to_events([entry]).select("type", "actor", "case_id", "outcome").rows()
    [('ROUTED', 'agent:a', 'r1', None), ('OUTCOME', 'agent:a', 'r1', 'success')]
    """
    said: dict[str, list[Mapping[str, Any]]] = {}
    for line in overrides:
        said.setdefault(str(line["overrides"]), []).append(line)
    rows: list[tuple[Any, ...]] = []  # of texts and numbers: a million dicts would keep the collector of garbage busy
    for entry in entries:
        rows += (tuple(map(one.get, _SAID)) for one in _of_entry(entry, said.get(entry.request_id, []), reviewed=bool(said)))
    for line in approvals:
        rows += (tuple(map(one.get, _SAID)) for one in _of_approval(line))
    return from_rows(_SAID, rows)


def _of_entry(entry: DecisionLog, lines: list[Mapping[str, Any]], *, reviewed: bool) -> list[dict[str, Any]]:
    diagnosis = entry.diagnosis if isinstance(entry.diagnosis, dict) else {}
    decisions = entry.decisions if isinstance(entry.decisions, dict) else {}
    own = _confidences(decisions)
    total = _share(decisions.get("total_confidence"))
    domain = diagnosis.get("primary_domain")
    case = {"case_id": entry.request_id, "queue": domain if isinstance(domain, str) else None}
    names = list(dict.fromkeys(components_of(decisions)))
    asked = _TEXT({"user_request": entry.user_request})
    records: list[dict[str, Any]] = [
        {
            **case,
            "actor": name,
            "actor_kind": "component",
            "event_id": f"{entry.request_id}/{name}/routed",
            "ts": entry.timestamp,
            "type": "ROUTED",
            "confidence": own.get(name, total),
            "attributes": asked,
        }
        for name in names
    ]
    if reviewed:
        records += [{**case, "confidence": own.get(name, total), **_verdict(entry, name, lines)} for name in names]
    for line in lines:
        names = served(names, line["override"])
    if entry.outcome is not None:
        rest = {key: value for key, value in entry.outcome.items() if key != "outcome_type" and value is not None}
        said = _TEXT(rest) if rest else None
        records += [
            {
                **case,
                "actor": name,
                "actor_kind": "component",
                "event_id": f"{entry.request_id}/{name}/outcome",
                "ts": entry.logged_at or entry.timestamp,
                "type": "OUTCOME",
                "outcome": entry.outcome.get("outcome_type"),
                "attributes": said,
            }
            for name in names
        ]
    return records


def _verdict(entry: DecisionLog, name: str, lines: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What users made of a component in a decision: an override outweighs an acceptance."""
    gone = [line for line in lines if line["override"].get("component") == name]
    kept = [line for line in lines if line["override"].get("accepted")]
    line: Mapping[str, Any] = (gone or kept or [{"override": {}}])[-1]
    override = line["override"]
    said = {key: override[key] for key in ("by", "reason") if override.get(key)}
    return {
        "event_id": f"{entry.request_id}/{name}/verdict",
        "ts": line.get("logged_at") or entry.timestamp,
        "type": "OVERRIDE" if gone else "DECISION",
        "actor": "users",
        "actor_kind": "citizen",
        "agent": name,
        "ai_recommendation": name,
        "human_verdict": (override.get("replacement") or "nothing") if gone else name,
        "attributes": _TEXT(said) if said else None,
    }


def _of_approval(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    name, approval = str(line["approves"]), line["approval"]
    return [
        {
            "event_id": f"{name}/{change.get('entry') or change['component']}/approved",
            "ts": line.get("logged_at"),
            "type": "HR_ACTION",
            "actor": change["component"],
            "actor_kind": "component",
            "attributes": _TEXT(
                {
                    "action": "confidence",
                    "proposal": name,
                    "approver": approval.get("approver"),
                    "reason": approval.get("reason"),
                    "file": approval.get("file"),
                    **change,
                }
            ),
        }
        for change in approval.get("changes") or []
    ]


def _confidences(decisions: dict[str, Any]) -> dict[str, float | None]:
    listed = decisions.get("decisions")
    found: dict[str, float | None] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            for name in components_of({"decisions": [item]}):
                found[name] = _share(item.get("confidence"))
    return found


def _share(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= 1 else None
