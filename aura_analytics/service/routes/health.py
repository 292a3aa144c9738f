"""Whether it lives, whether it can serve, and what is measured."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Response

from aura_analytics.service.asking import State, needs

__all__ = ["router"]

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def healthz() -> dict[str, bool]:
    """The process lives."""
    return {"ok": True}


@router.get("/readyz")
def readyz(state: State) -> dict[str, Any]:
    """The ledger can be read; 503 where it cannot."""
    state.ledger.end()
    return {"ok": True}


@router.get("/metrics", response_class=Response, dependencies=[Depends(needs("audit:read"))])
def metrics(state: State) -> Response:
    """Counters in the format of Prometheus; no label names a person."""
    count, age = state.dispatcher.outbox.waiting()
    state.measures.waiting.set(count)
    state.measures.oldest.set(age)
    end = state.ledger.end()
    state.measures.ledger.set(end)
    state.measures.behind.set(max(0, end - state.hub.seq))
    mirrored = state.ledger.mirrored()
    state.measures.mirror.set(max(0, end - mirrored) if mirrored else 0)
    return Response(state.measures.text(), media_type="text/plain; version=0.0.4")
