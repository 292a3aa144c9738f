"""The explorer's table of everybody as plain data: who they are, the policy's verdict, and numbers with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.clock import times
from aura_analytics.dossier.narrowing import worked_in
from aura_analytics.metrics.kinds.base import MACHINES, Metric

if TYPE_CHECKING:
    from aura_analytics.widgets.explorer.state import ExplorerState

__all__ = ["ARRAYS", "columns_of", "people_of", "queues_of"]

ARRAYS = ("value", "n", "lo", "hi")
_PLACES = ("people_board", "machine_board")


def columns_of(state: ExplorerState, also: Iterable[str] = ()) -> list[Metric]:
    """The numbers that the table shows: what the policy reads, what metrics say stands on a board, and what was asked for; of these
    what somebody has observations of.
    """
    board = state.board
    placed = {name: min(got) for name, one in state.metrics.items() if (got := _places(one))}
    names = [*state.policy.metrics, *sorted(placed, key=lambda name: placed[name]), *also]

    def is_known(name: str) -> bool:
        return name in state.metrics and f"{name}_n" in board.columns and bool(board[f"{name}_n"].sum())

    return [state.metrics[name] for name in dict.fromkeys(names) if is_known(name)]


def _places(one: Metric) -> list[int]:
    return [place for name in _PLACES if (place := getattr(one, name)) is not None]


def people_of(state: ExplorerState, also: Iterable[str] = (), most: int | None = None) -> dict[str, Any]:
    """Everybody (or the first so many, the gravest verdicts first): `actors`, `kinds`, `verdicts`, `roles`, `queues`, how many in
    all (`total`), `columns`, and per column the arrays of `ARRAYS`, 64-bit floats as bytes, NaN where there is no number.
    """
    board = state.board if most is None else state.board.head(most)
    shown = columns_of(state, also)
    arrays = {one.name: {part: _packed(board, one.name, part) for part in ARRAYS} for one in shown}
    roles = board["role"].to_list() if "role" in board.columns and board["role"].null_count() < board.height else []
    return {
        "actors": board["actor"].to_list(),
        "kinds": board["actor_kind"].cast(pl.String).fill_null("unknown").to_list(),
        "verdicts": board["verdict"].to_list(),
        "roles": roles,
        "queues": queues_of(state, board["actor"].to_list()),
        "total": state.board.height,
        "columns": [_column(one, state) for one in shown],
        "more": [
            {"metric": one.name, "title": one.title}
            for one in state.metrics.values()
            if one not in shown and f"{one.name}_n" in board.columns and board[f"{one.name}_n"].sum()
        ],
        "arrays": arrays,
        "grid": _grid(state),
    }


def _grid(state: ExplorerState) -> dict[str, float] | None:
    """The moments of rolling series: the last one and their distance in milliseconds, and how many."""
    if state.as_of is None:
        return None
    step = times.parse_span(state.series_window[0])
    return {
        "end": times.epoch_micros(state.as_of) / 1000,
        "step": step.total_seconds() * 1000,
        "count": (state.as_of - state.first) // step + 1,
    }


def _column(one: Metric, state: ExplorerState) -> dict[str, Any]:
    machines = one.machine_board is not None and one.people_board is None
    return {
        "metric": one.name,
        "title": one.title,
        "short": one.short or one.title,
        "unit": one.unit,
        "low": one.low,
        "high": one.high,
        "limits": state.thresholds.get(one.name, []),
        "of": sorted(MACHINES) if machines else [],
        "rolls": one.rolls,
    }


def _packed(board: pl.DataFrame, name: str, part: str) -> bytes:
    column = name if part == "value" else f"{name}_{part}"
    if column not in board.columns:
        return np.full(board.height, np.nan, dtype="<f8").tobytes()
    return board[column].cast(pl.Float64).fill_null(float("nan")).to_numpy().astype("<f8").tobytes()


def queues_of(state: ExplorerState, actors: list[str]) -> dict[str, Any]:
    """The queues (`names`), and per actor the positions of those that they had events in, within the window (`of`); empty where the
    log names none.
    """
    found = worked_in(state.events, state.as_of, state.policy.window)
    names = sorted(found["queue"].unique().to_list())
    if not names:
        return {"names": [], "of": []}
    place = {name: i for i, name in enumerate(names)}
    of: dict[str, list[int]] = {}
    for actor, queue in found.iter_rows():
        of.setdefault(actor, []).append(place[queue])
    return {"names": names, "of": [sorted(of.get(actor, [])) for actor in actors]}
