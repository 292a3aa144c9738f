"""Readings of a board folded over time: persistence and hysteresis set the verdicts of its rows, and say why."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules import engine
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.reasons import Judged

__all__ = ["read_over_time"]


def read_over_time(policy: str, metrics: Iterable[str], judged: Judged, notes: list[list[str]], fold: Fold) -> None:
    """Let a fold go on over the readings of a board, in the order of time; `judged.codes` and `notes` are changed in place.

    Parameters
    ----------
    policy, metrics
        Its name, and those of the metrics that it reads.
    judged, notes
        What its rules say of every row by itself, and what is said before that, per rule and row.
    fold
        What earlier readings left behind.

    Raises
    ------
    ParameterError
        If there are two readings of one actor at one moment.
    """
    board = judged.board
    if board.select("actor", "as_of").is_duplicated().any():
        problem = Problem("readings of one actor are too close", expected="one reading per moment")
        raise ParameterError(f"policy {policy!r} cannot be evaluated", problems=[problem])
    if not board.height:
        return
    silent = np.ones(board.height, dtype=bool)
    for name in metrics:
        n = f"{name}_n" if f"{name}_n" in board.columns else name
        silent &= (board[n].cast(float).fill_null(0) == 0).to_numpy()
    names = board["actor"].unique(maintain_order=True)
    places = fold.places(names.to_list())
    number = board["actor"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64).to_numpy()
    moments = board["as_of"].to_physical().to_numpy()
    order = np.argsort(moments, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(moments[order])) + 1):
        held = [codes[rows] == engine.FLAG for codes in judged.codes]
        may_clear = [one[rows] for one in judged.clears]
        found = fold.read(int(moments[rows[0]]), places[number[rows]], held, may_clear, silent=silent[rows])
        for r, (codes, said) in enumerate(found):
            judged.codes[r, rows] = np.where(codes > 0, codes, judged.codes[r, rows])
            for at, note in said.items():
                notes[r][rows[at]] = note
