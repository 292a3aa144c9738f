"""The accountability layer's log of decisions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from aura_analytics.decisions.accountability import AccountabilityLogger
from aura_analytics.errors import Problem
from aura_analytics.service.asking import Body, State, needs
from aura_analytics.service.models import DecisionEntry, OutcomeNoted
from aura_analytics.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(prefix="/decisions", tags=["decisions"])
_AUDITOR = Depends(needs("audit:read"))
OUTCOME: dict[str, Any] = {
    "type": "object",
    "required": ["outcome_type"],
    "properties": {"outcome_type": {"type": "string"}, "time_taken_seconds": {"type": ["number", "null"]}},
    "examples": [{"outcome_type": "success", "time_taken_seconds": 45.2}],
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": OUTCOME}}}}


@router.get("", response_model=list[DecisionEntry], dependencies=[_AUDITOR])
def decisions(
    state: State,
    start_time: Annotated[str | None, Query(description="ISO 8601")] = None,
    end_time: Annotated[str | None, Query(description="ISO 8601")] = None,
    outcome_type: Annotated[Literal["success", "failure", "partial", "cancelled"] | None, Query()] = None,
    has_outcome: Annotated[bool | None, Query()] = None,
    limit: Annotated[int, Query(ge=0, le=1_000)] = 100,
) -> Any:
    """Decisions that meet all conditions, the newest first."""
    found = AccountabilityLogger(state.ledger).query_decisions(
        None, start_time, end_time, outcome_type, has_outcome, limit, newest_first=True
    )
    return [asdict(one) for one in found]


@router.get("/{request_id}", response_model=DecisionEntry, dependencies=[_AUDITOR])
def decision(state: State, request_id: str) -> Any:
    """One decision with its last outcome."""
    found = AccountabilityLogger(state.ledger).query_decisions(request_id, limit=1)
    if not found:
        raise ProblemError(404, Problem("there is no such decision", got=request_id))
    return asdict(found[0])


@router.post(
    "/{request_id}/outcome",
    response_model=OutcomeNoted,
    status_code=201,
    openapi_extra=_BODY,
    dependencies=[Depends(needs("events:write"))],
)
def outcome(state: State, request_id: str, body: Body) -> Any:
    """Note what became of a decision; the last word counts."""
    if not AccountabilityLogger(state.ledger).log_outcome(request_id, body):
        raise ProblemError(404, Problem("there is no such decision", got=request_id))
    return OutcomeNoted(ok=True, request_id=request_id)
