"""Inspect: record what a person decided on a tool call, when they decide it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from hashlib import sha256
from typing import Any

from aura_analytics.errors import ParameterError, Problem
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
        the id of the call, and a digest of what was asked, since ids of calls are not unique. Every decision is an event of its
        own: import the log, or record by this, and not both.

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
    >>> asyncio.run(approver("m", Made(id="c-1", function="pay", arguments={}), None, [])).decision
    'reject'
    >>> ledger.events().select("type", "actor", "agent", "human_verdict").collect().row(0)
    ('OVERRIDE', 'anne', 'gpt-x', 'reject')
    """
    if not reviewer or not agent:
        raise ParameterError(Problem("reviewer and agent", (reviewer, agent), "who decides, and on whose calls"))

    async def approve(message: str, call: Any, view: Any, history: list[Any]) -> Any:
        decided = await approver(message, call, view, history)
        kind = _KINDS.get(decided.decision)
        # ids of calls are not unique among samples
        asked = sha256(f"{message} {call.arguments} {len(history)}".encode()).hexdigest()[:12]
        event: dict[str, Any] = {
            "type": kind,
            "actor": reviewer,
            "actor_kind": "officer",
            "case_id": f"{call.id}:{asked}",
            "agent": agent,
            "attributes": {"tool": call.function, "explanation": decided.explanation, "decision": decided.decision},
        }
        if kind in ("DECISION", "OVERRIDE"):
            event |= {"ai_recommendation": "approve", "human_verdict": decided.decision}
        if kind is not None:
            ledger.record_event(event)
        return decided

    return approve
