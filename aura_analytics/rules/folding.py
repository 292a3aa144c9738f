"""Readings of a board folded over time: persistence and hysteresis set the verdicts of its rows, and say why."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

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
    silent = np.ones(board.height, dtype=bool)
    for name in metrics:
        n = f"{name}_n" if f"{name}_n" in board.columns else name
        silent &= (board[n].cast(float).fill_null(0) == 0).to_numpy()
    moments = board["as_of"].to_physical().to_numpy()
    actors = np.array(board["actor"].to_list(), dtype=object)
    for moment in np.unique(moments):
        rows = np.flatnonzero(moments == moment)
        held = [codes[rows] == engine.FLAG for codes in judged.codes]
        found = fold.read(int(moment), actors[rows].tolist(), held, [one[rows] for one in judged.clears], silent=silent[rows])
        for r, (codes, said) in enumerate(found):
            judged.codes[r, rows] = np.where(codes > 0, codes, judged.codes[r, rows])
            for row, note in zip(rows.tolist(), said, strict=True):
                notes[r][row] = note
