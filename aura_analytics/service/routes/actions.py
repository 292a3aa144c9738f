"""HR actions are answered by people, each with a token of their own; a service's key never signs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Depends, Query

from aura_analytics.errors import Problem
from aura_analytics.hr.desk import HRDesk
from aura_analytics.hr.plans import draft_plan
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.asking import State, needs
from aura_analytics.service.models import ActionDone, Signed, Word
from aura_analytics.service.problems import ProblemError
from aura_analytics.service.routes.reading import Looker, may_see

__all__ = ["router"]

router = APIRouter(tags=["actions"])
Signer = Annotated[Reader, Depends(needs("verdicts:sign"))]


def _person(reader: Reader) -> str:
    if not reader.person:
        raise ProblemError(403, Problem("a service never signs", got=reader.name, expected="a person's own key or token"))
    return reader.name


@router.get("/actions", response_model=list[ActionDone])
def actions(
    state: State,
    reader: Looker,
    actor: Annotated[str | None, Query()] = None,
    only: Annotated[Literal["all", "pending"], Query()] = "all",
) -> Any:
    """HR actions and proposals on those whom the reader may see."""
    if actor is not None:
        may_see(reader, actor)
    desk = HRDesk(state.ledger)
    rows = desk.pending() if only == "pending" else desk.actions(actor)
    if actor is not None:
        rows = rows.filter(pl.col("actor") == actor)
    return [row for row in rows.iter_rows(named=True) if reader.may_read(row["actor"])]


@router.post("/actions/{name:path}/{word}", response_model=Signed, status_code=201)
def answer(
    state: State,
    reader: Annotated[Reader, Depends(needs("verdicts:sign", "dossiers:read:self"))],
    name: str,
    word: Literal["sign", "reject", "contest", "uphold", "overturn"],
    said: Word,
) -> Any:
    """Sign or reject a proposal, contest an action, uphold or overturn what was contested: by a person, with a reason."""
    person, desk = _person(reader), HRDesk(state.ledger)
    if word == "contest":
        mine = desk.actions(reader.name)["event_id"].to_list()
        if name not in mine and not reader.may("verdicts:sign"):
            raise ProblemError(403, Problem("somebody contests what was done to them", got=name))
        return Signed(ok=True, name=desk.contest(name, person, said.reason))
    if not reader.may("verdicts:sign"):
        raise ProblemError(403, Problem("this needs another scope", expected="verdicts:sign"))
    call = {"sign": desk.approve, "reject": desk.reject, "uphold": desk.uphold, "overturn": desk.overturn}[word]
    return Signed(ok=True, name=call(name, person, said.reason))


@router.get("/plan/{actor:path}")
def plan(state: State, reader: Looker, actor: str, days: Annotated[int, Query(ge=1, le=730)] = 60) -> dict[str, Any]:
    """An improvement plan, drafted from the verdict and its evidence, to be edited; only for somebody who is flagged."""
    may_see(reader, actor)
    return draft_plan(state.ledger, actor, state.policy, days=days).to_dict()


@router.post("/plan/{actor:path}", response_model=Signed, status_code=201)
def propose_plan(state: State, reader: Signer, actor: str, days: Annotated[int, Query(ge=1, le=730)] = 60) -> Any:
    """Propose the drafted plan; somebody else signs it."""
    person = _person(reader)
    may_see(reader, actor)
    drafted = draft_plan(state.ledger, actor, state.policy, days=days)
    return Signed(ok=True, name=drafted.open(HRDesk(state.ledger), by=person))
