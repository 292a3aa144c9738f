"""The dossiers of many actors for one page: what is said of all is counted once, the rest for some hundreds of them at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.cases import Options
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.own_events import of_actors
from aura_analytics.dossier.reliance import reliance
from aura_analytics.dossier.tracing import latest_observations
from aura_analytics.metrics.kinds.base import MACHINES
from aura_analytics.metrics.wording import cards
from aura_analytics.widgets.explorer.payload import detail_of, four_fields, of_agents, table_of
from aura_analytics.widgets.explorer.state import line

if TYPE_CHECKING:
    from aura_analytics.widgets.explorer.state import ExplorerState

__all__ = ["pages_of"]

_WRONG = 1_000_000  # all of them
_SOME = 250  # actors whose events are held at a time


def pages_of(
    state: ExplorerState, actors: Sequence[str], rows: int, progress: Callable[[int, int], None] | None = None
) -> Iterator[str]:
    """The whole dossier of each of these actors as JSON, in their order.

    Parameters
    ----------
    state
        The explorer.
    actors
        Whose.
    rows
        Observations behind every number, the latest ones, at most.
    progress
        Called with how many are done, and of how many.
    """
    if not actors or state.as_of is None:
        return
    standings = {row["actor"]: row for row in state.standings().iter_rows(named=True)}
    verdicts = state.verdicts
    for begin in range(0, len(actors), _SOME):
        some = list(actors[begin : begin + _SOME])
        pages = _pages(state, some, rows, standings, verdicts.filter(pl.col("actor").is_in(some)))
        for i, actor in enumerate(some):
            yield json.dumps(pages.pop(actor), allow_nan=False)
            if progress is not None:
                progress(begin + i + 1, len(actors))


def _pages(
    state: ExplorerState, some: list[str], most: int, standings: dict[str, dict[str, Any]], verdicts: pl.DataFrame
) -> dict[str, dict[str, Any]]:
    assert state.as_of is not None
    own = collect(of_actors(state.events, some))
    if state.fixed:
        own = own.filter(pl.col("ts") <= state.as_of)
    board = state.board.filter(pl.col("actor").is_in(some))
    dossiers = {row["actor"]: row for row in board.iter_rows(named=True)}
    said = {row["actor"]: row for row in verdicts.iter_rows(named=True)}
    step, wide = state.series_window
    moving = {name: None for row in dossiers.values() for name in state.moving(row)}
    moved: dict[str, pl.DataFrame] = {}
    if moving:
        table = state.moved(own.lazy(), [state.metrics[name] for name in moving], wide, step).filter(pl.col("actor").is_in(some))
        moved = {str(names[0]): part for names, part in table.partition_by("actor", as_dict=True).items()}
    officers = {row["actor"]: row for row in reliance(own, as_of=state.as_of, window=state.window).iter_rows(named=True)}
    behind, wrong = _behind(state, own, some, most), _wrong(state, own, some)
    pages = {}
    for actor, row in dossiers.items():
        machine = row["actor_kind"] in MACHINES
        four = (of_agents(state) if machine else officers).get(actor)
        own_cards = cards(row, state.metrics.values())
        page = detail_of(
            state,
            row,
            cards=own_cards,
            verdict=said.get(actor),
            standing=standings.get(actor),
            series={name: line(moved[actor], name) for name in state.moving(row) if actor in moved},
            reliance=None if four is None else four_fields(four, machine=machine),
            reasons=said[actor]["reasons"] if actor in said else [],
        )
        empty = {"total": 0, "first": 0, "page": 0, "pages": 0, "columns": [], "rows": [], "numbers": []}
        page["wrong"] = wrong.get(actor, empty)
        page["behind"] = {card["metric"]: behind.get((actor, card["metric"]), empty) for card in own_cards}
        pages[actor] = page
    return pages


def _wrong(state: ExplorerState, own: pl.DataFrame, some: list[str]) -> dict[str, dict[str, Any]]:
    """What each accepted although it was wrong, however many other acceptances were judged since."""
    assert state.as_of is not None
    one = state.metrics.get("accepted_wrong_rate")
    if one is None:
        return {}
    since = None if state.policy.window is None else state.as_of - state.policy.window
    timing = state.timing
    options = Options(timing["attribution"], timing["holding"], timing["calendar"], timing["ratings"])
    found = {}
    for _, table in latest_observations(own, some, [one], state.as_of, since, options, timing["sla"], _WRONG):
        for (actor,), part in table.filter(pl.col("value") == 1).partition_by("of", as_dict=True).items():
            shown = table_of(part, one)
            found[str(actor)] = {"total": part.height, "first": 0, "page": 0, "pages": 1, "hits": True, **shown}
    return found


def _behind(state: ExplorerState, own: pl.DataFrame, some: list[str], most: int) -> dict[tuple[str, str], dict[str, Any]]:
    assert state.as_of is not None
    since = None if state.policy.window is None else state.as_of - state.policy.window
    timing = state.timing
    options = Options(timing["attribution"], timing["holding"], timing["calendar"], timing["ratings"])
    found = {}
    metrics = list(state.metrics.values())
    for one, table in latest_observations(own, some, metrics, state.as_of, since, options, timing["sla"], most):
        for (actor,), part in table.partition_by("of", as_dict=True).items():
            shown = table_of(part, one)
            found[str(actor), one.name] = {"total": part["total"][0], "first": 0, "page": 0, "pages": 1, **shown}
    return found
