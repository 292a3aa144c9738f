"""The Accountant: outputs of agents are scored, and what follows is done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from aura_analytics.service.asking import Body, State, needs
from aura_analytics.service.models import EvaluationAnswer, JobRecord

__all__ = ["router"]

router = APIRouter(tags=["accountant"])
PAYLOAD: dict[str, Any] = {
    "type": "object",
    "required": ["model_name", "job_id"],
    "properties": {
        "model_name": {"type": "string"},
        "job_id": {"type": ["string", "integer"]},
        "task": {"type": ["object", "null"]},
        "model_output": {"description": "what the worker returned, whatever it is"},
        "attempt": {"type": "integer", "minimum": 1},
    },
    "examples": [
        {"model_name": "gpt", "job_id": 7, "task": {"min_length": 40}, "model_output": {"output": "short", "confidence": 0.8}}
    ],
}
_ASKING = needs("events:write", "audit:read", "dossiers:read:all")
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": PAYLOAD}}}}


@router.post("/evaluate", response_model=EvaluationAnswer, openapi_extra=_BODY, dependencies=[Depends(needs("events:write"))])
def evaluate(state: State, payload: Body) -> Any:
    """Score an output, record it, and do what follows: reputation, a case, suspension, another model.

    Whatever a worker returned is taken: what is no object is its output, and nothing at all is an empty one.
    """
    output = payload.get("model_output")
    if output is None:
        output = {}
    elif not isinstance(output, dict):
        output = {"output": output if isinstance(output, str) else str(output)}
    task = payload.get("task")
    return state.accountant.evaluate({**payload, "task": {} if task is None else task, "model_output": output})


@router.get("/jobs/{job_id:path}", response_model=JobRecord, dependencies=[Depends(_ASKING)])
def job(state: State, job_id: str) -> Any:
    """The record of a job: its evaluations, who has it now, and what followed. Of a job that nobody knows it is empty."""
    return state.accountant.job(job_id)
