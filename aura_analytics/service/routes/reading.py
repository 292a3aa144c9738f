"""Dossiers go out: one, or the board, to those who may see them; who reads another person's is recorded."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Depends, Query, Request, Response

from aura_analytics.errors import Problem
from aura_analytics.operations.client import board_of
from aura_analytics.service.access.keys import record_access
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.asking import State, needs
from aura_analytics.service.models import ActorRow, Board, DossierAnswer
from aura_analytics.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(tags=["read"])
Looker = Annotated[Reader, Depends(needs("dossiers:read:self", "dossiers:read:team", "dossiers:read:all"))]
_VERDICTS = Literal["insufficient", "clear", "watch", "flag"]
_NUMBERS = ("override_rate", "avg_processing_hours", "sat_score_mean")


def may_see(reader: Reader, actor: str) -> None:
    """Refuse who may not see somebody's dossier, whether there is one or not."""
    if not reader.may_read(actor):
        raise ProblemError(
            403, Problem("this dossier may not be read with this key", expected="dossiers:read:team or dossiers:read:all")
        )


def _tag(state: Any, *parts: object) -> str:
    told = [state.ledger.end(), *state.ledger.decisions_version(), state.policy_says, *parts]
    return 'W/"' + hashlib.sha256(repr(told).encode()).hexdigest()[:32] + '"'


@router.get(
    "/dossier/{actor:path}",
    response_model=DossierAnswer,
    response_model_exclude_unset=True,
    responses={304: {"description": "It is what the reader has (If-None-Match)."}},
)
def dossier(
    state: State,
    reader: Looker,
    actor: str,
    request: Request,
    response: Response,
    as_of: Annotated[str | None, Query(description="end of the window, ISO 8601; default the last event about work")] = None,
    window: Annotated[str | None, Query(description="its length, such as 90d, or all; default the policy's")] = None,
) -> Any:
    """The dossier of one actor: the tracker's four numbers, each with n and limits, and the verdict with its reasons.

    Somebody unknown has the tracker's defaults: no overrides, no numbers, no plan.
    """
    may_see(reader, actor)
    tag = _tag(state, actor, as_of, window)
    if actor != reader.name:
        record_access(state.ledger, reader.name, actor, {"what": "dossier", "as_of": as_of, "window": window})
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return dict(board_of(state.ledger).dossier(actor, as_of, window, state.policy))


@router.get("/dossiers", response_model=Board)
def dossiers(
    state: State,
    reader: Looker,
    verdict: Annotated[_VERDICTS | None, Query()] = None,
    queue: Annotated[str | None, Query()] = None,
    kind: Annotated[str | None, Query(description="officer, agent, ...")] = None,
    sort: Annotated[
        str, Query(description="actor, status, override_rate, avg_processing_hours or sat_score_mean; - before it turns it round")
    ] = "-status",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    window: Annotated[str | None, Query(description="such as 90d, or all; default the policy's")] = None,
) -> Any:
    """The board: dossiers of those whom the reader may see, the gravest verdicts first."""
    table = state.hub.board(window)
    if "dossiers:read:all" not in reader.scopes:
        seen = [actor for actor in table["actor"] if reader.may_read(actor)]
        table = table.filter(pl.col("actor").is_in(seen))
    if verdict is not None:
        table = table.filter(pl.col("pip_status") == verdict)
    if queue is not None and "queue" in table.columns:
        table = table.filter(pl.col("queue") == queue)
    if kind is not None:
        table = table.filter(pl.col("actor_kind").cast(pl.String) == kind)
    name = sort.removeprefix("-")
    known = ("actor", "status", *_NUMBERS)
    if name not in known:
        raise ProblemError(422, Problem("unknown sort", got=sort, expected=", ".join(known)))
    rank = {"insufficient": 0, "clear": 1, "watch": 2, "flag": 3}
    by = pl.col("pip_status").replace_strict(rank, default=0) if name == "status" else pl.col(name)
    ordered = table.sort(by, "actor", descending=[sort.startswith("-"), False], nulls_last=True)
    rows = ordered.head(limit)
    others = [actor for actor in rows["actor"] if actor != reader.name]
    if others:
        record_access(state.ledger, reader.name, "*", {"what": "board", "actors": len(others)})
    as_of: datetime | None = table["as_of"][0] if table.height and "as_of" in table.columns else None
    return Board(
        seq=state.hub.seq,
        as_of=as_of,
        policy=state.policy.name,
        policy_says=state.policy_says,
        total=table.height,
        actors=[row_of(row) for row in rows.iter_rows(named=True)],
    )


def row_of(row: dict[str, Any]) -> ActorRow:
    """A line of the board from a row of dossiers."""
    shown: dict[str, Any] = {name: row.get(name) for name in ("actor", "actor_kind", "queue", "pip_recommended")}
    for name in _NUMBERS:
        shown[name] = row.get(name)
        shown |= {f"{name}_{end}": row.get(f"{name}_{end}") for end in ("lo", "hi")}
        shown[f"{name}_n"] = row.get(f"{name}_n") or 0
    return ActorRow(**shown | {"status": row.get("pip_status") or "insufficient", "reasons": row.get("pip_reasons") or []})
