"""Inspect: record what a person decided on a tool call, when they decide it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import IMPORTED
from aura_analytics.ledger import Ledger

__all__ = ["recorded"]

_KINDS = {"approve": "DECISION", "modify": "OVERRIDE", "reject": "OVERRIDE", "terminate": "OVERRIDE", "escalate": "ROUTED"}


def recorded(
    approver: Callable[..., Awaitable[Any]], ledger: Ledger, *, reviewer: str, agent: str
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """An approver that decides as another one does, and records it.

    Parameters
    ----------
    approver
        What decides, as `human_approver()` of Inspect.
    ledger
        Where to.
    reviewer, agent
        Who sits at the console, and whose tool calls they are.

    Returns
    -------
    callable
        An approver. An approval is a `DECISION`, a change, a rejection or an end an `OVERRIDE`, an escalation `ROUTED`; the case is
        the id of the call.

    Examples
    --------
    >>> import asyncio
    >>> from types import SimpleNamespace as Made
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> async def refuses(message, call, view, history):
    ...     return Made(decision="reject", explanation="no receipt")
    >>> ledger = aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/a.db")
    >>> approver = recorded(refuses, ledger, reviewer="anne", agent="gpt-x")
    >>> asyncio.run(approver("m", Made(id="c-1", function="pay"), None, [])).decision
    'reject'
    >>> ledger.events().select("type", "actor", "agent", "human_verdict").collect().row(0)
    ('OVERRIDE', 'anne', 'gpt-x', 'reject')
    """
    if not reviewer or not agent:
        raise ParameterError(Problem("reviewer and agent", (reviewer, agent), "who decides, and on whose calls"))

    async def approve(message: str, call: Any, view: Any, history: list[Any]) -> Any:
        decided = await approver(message, call, view, history)
        kind = _KINDS.get(decided.decision)
        event: dict[str, Any] = {
            "event_id": f"{IMPORTED}inspect-call-{call.id}",
            "type": kind,
            "actor": reviewer,
            "actor_kind": "officer",
            "case_id": str(call.id),
            "agent": agent,
            "attributes": {"tool": call.function, "explanation": decided.explanation, "decision": decided.decision},
        }
        if kind in ("DECISION", "OVERRIDE"):
            event |= {"ai_recommendation": "approve", "human_verdict": decided.decision}
        if kind is not None:
            ledger.record_event(event)
        return decided

    return approve
