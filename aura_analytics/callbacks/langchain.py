"""LangChain: record what a person decided on the actions that its human-in-the-loop middleware stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import IMPORTED
from aura_analytics.ledger import Ledger

__all__ = ["record_decisions"]

_VERDICTS = ("approve", "edit", "reject")


def record_decisions(
    ledger: Ledger,
    interrupts: Iterable[Any],
    decisions: Iterable[Mapping[str, Any]],
    *,
    reviewer: str,
    agent: str,
    thread: str,
) -> int:
    """Record decisions beside handing them to `Command(resume=...)`: the middleware does not know who decided.

    An approval is a `DECISION`, as is an edit that changes nothing; any other edit and a rejection are an `OVERRIDE`. A response in
    the place of a tool is no verdict. The case is the thread and the call, or the place of the action.

    Parameters
    ----------
    ledger
        Where to.
    interrupts
        What `graph.invoke` returned under `__interrupt__`: requests of all actions at once, or one of each call.
    decisions
        The decisions, in the order of the actions.
    reviewer, agent, thread
        Who decided, on whose actions, in which thread.

    Returns
    -------
    int
        How many events are new; the same decisions recorded again are none.

    Raises
    ------
    ParameterError
        If there are not as many decisions as actions, or one is of an unknown type.

    Examples
    --------
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> stopped = [{"id": "i-1", "value": {"action_requests": [{"name": "pay", "args": {"sum": 10}}], "review_configs": []}}]
    >>> with aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/a.db") as ledger:
    ...     new = record_decisions(ledger, stopped, [{"type": "reject"}], reviewer="anne", agent="claims", thread="t-1")
    ...     ledger.events().select("type", "actor", "ai_recommendation", "human_verdict").collect().row(0)
    ('OVERRIDE', 'anne', 'pay {"sum": 10}', 'reject')
    """
    actions = [action for one in interrupts for action in _actions(one)]
    decided = list(decisions)
    if len(actions) != len(decided):
        raise ParameterError(
            Problem("decisions and actions do not fit", f"{len(decided)} and {len(actions)}", "one for each action")
        )
    made = []
    for (number, action), decision in zip(actions, decided, strict=True):
        kind = decision.get("type")
        if kind == "respond":
            continue
        if kind not in _VERDICTS:
            raise ParameterError(Problem("a decision", kind, "approve, edit, reject or respond"))
        asked = _shown(action)
        verdict = {"approve": asked, "edit": _shown(decision.get("edited_action") or {})}.get(str(kind), "reject")
        made.append(
            {
                "event_id": f"{IMPORTED}langchain-{thread}-{number}-{sha256(verdict.encode()).hexdigest()[:12]}",
                "type": "DECISION" if verdict == asked else "OVERRIDE",
                "actor": reviewer,
                "actor_kind": "officer",
                "case_id": f"{thread}:{number}",
                "agent": agent,
                "ai_recommendation": asked,
                "human_verdict": verdict,
                "attributes": {"tool": action.get("name"), "message": decision.get("message")},
            }
        )
    return ledger.record_events_report(made, on_conflict="skip").stored if made else 0


def _actions(interrupt: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """The actions of an interrupt, each with its own id."""
    held = interrupt if isinstance(interrupt, Mapping) else {"id": interrupt.id, "value": interrupt.value}
    value = held["value"]
    if "action_requests" in value:
        return [(f"{held['id']}-{place}", action) for place, action in enumerate(value["action_requests"])]
    return [(str(value.get("tool_call_id") or held["id"]), value)]


def _shown(action: Mapping[str, Any]) -> str:
    return f"{action.get('name')} {json.dumps(action.get('args') or {}, sort_keys=True, ensure_ascii=False, default=str)}"
