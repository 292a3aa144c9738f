"""What a rule or a person wants done, as an event: in force at once, or a proposal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import Unpack

from aura_analytics.hr.vocabulary import Further, HRAction, action_event, digest_of, may_be_a_person, now

__all__ = ["drafted"]

_SHOWN = 50  # ids of rows behind an action that it carries; the digest covers all


def drafted(
    action: str,
    actor: str,
    actor_kind: str | None,
    *,
    event_id: str,
    rule: str,
    rows: Iterable[Mapping[str, Any]] = (),
    would_clear: str | None = None,
    reason: str | None = None,
    sign: bool = False,
    ts: datetime | None = None,
    case_id: str | None = None,
    points: float | None = None,
    days: float | None = None,
    severity: str | None = None,
    **said: Unpack[Further],
) -> HRAction:
    """An action as an event: a proposal where its subject may be a person (or `sign` asks for one), otherwise in force at once.

    Parameters
    ----------
    action, actor, actor_kind, event_id
        One of `EFFECTS`; whom it is about, and of which kind; its name, the same for the same cause.
    rule
        Name and version of the rule that it follows from.
    rows
        The events behind it: their ids (the first 50), how many there are, and a digest of all, as they are given, go into the
        action.
    would_clear, reason
        In words: what would clear it, why it was done.
    days
        Of a suspension: how long.
    points
        Of reputation.
    sign
        Whether it waits for a signature whoever it is about.
    ts, case_id, severity
        Of the event.
    said
        Further attributes; of a proposal that no person makes, `by` is the rule's name after `aura_analytics.people.RULE`.
    """
    held = [dict(row) for row in rows]
    actor_kind = None if actor_kind is None else str(actor_kind).strip().lower()
    sign = sign or may_be_a_person(actor_kind)
    moment = ts or now()
    attributes: dict[str, Any] = {
        "rule": rule,
        "reason": reason,
        "evidence": [row.get("event_id") for row in held[:_SHOWN]] if held else None,
        "evidence_n": len(held) or None,
        "evidence_sha256": digest_of(held) if held else None,
        "would_clear": would_clear,
        "until": (moment + timedelta(days=days)).isoformat() if days is not None and not sign else None,
        **said,
    }
    common: dict[str, Any] = {"event_id": event_id, "ts": ts, "case_id": case_id, "severity": severity}
    if sign:
        return action_event(
            "proposal", actor, actor_kind, **common, proposed=action, proposed_points=points, proposed_days=days, **attributes
        )
    return action_event(action, actor, actor_kind, points=points, **common, **attributes)
