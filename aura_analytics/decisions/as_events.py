"""A decision log as events: every component an actor, every request a case."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from aura_analytics import events
from aura_analytics.decisions.records import DecisionLog, components_of

__all__ = ["to_events"]


def to_events(entries: Iterable[DecisionLog]) -> pl.DataFrame:
    """Events of decisions.

    Parameters
    ----------
    entries
        Decisions with their last outcomes.

    Returns
    -------
    polars.DataFrame
        On the contract. Per decision and component a `ROUTED` event at the time of the decision (actor: the component, kind
        `component`, case: the request, queue: the primary domain of the diagnosis, confidence: the component's own or the total
        one) and, once it is known, an `OUTCOME` event at the time it was logged. Ids are made of the request and the component, so
        that the same log gives the same events.

    Raises
    ------
    EventError
        If a decision has no time that can be read.

    Examples
    --------
    >>> entry = DecisionLog("r1", "2026-01-17T10:30:00Z", "build", {}, {"execution_order": ["agent:a"]}, {"outcome_type": "success"})
    >>> to_events([entry]).select("type", "actor", "case_id", "outcome").rows()
    [('ROUTED', 'agent:a', 'r1', None), ('OUTCOME', 'agent:a', 'r1', 'success')]
    """
    records: list[dict[str, Any]] = []
    for entry in entries:
        diagnosis = entry.diagnosis if isinstance(entry.diagnosis, dict) else {}
        decisions = entry.decisions if isinstance(entry.decisions, dict) else {}
        own = _confidences(decisions)
        total = _share(decisions.get("total_confidence"))
        domain = diagnosis.get("primary_domain")
        for name in dict.fromkeys(components_of(decisions)):
            common = {
                "actor": name,
                "actor_kind": "component",
                "case_id": entry.request_id,
                "queue": domain if isinstance(domain, str) else None,
            }
            said = {"user_request": entry.user_request}
            records.append({
                **common, "event_id": f"{entry.request_id}/{name}/routed", "ts": entry.timestamp, "type": "ROUTED",
                "confidence": own.get(name, total), "attributes": json.dumps(said, ensure_ascii=False),
            })  # fmt: skip
            if entry.outcome is not None:
                rest = {key: value for key, value in entry.outcome.items() if key != "outcome_type" and value is not None}
                records.append({
                    **common, "event_id": f"{entry.request_id}/{name}/outcome", "ts": entry.logged_at or entry.timestamp, "type": "OUTCOME",
                    "outcome": entry.outcome.get("outcome_type"), "attributes": json.dumps(rest, ensure_ascii=False) if rest else None,
                })  # fmt: skip
    return events.from_records(records)


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
