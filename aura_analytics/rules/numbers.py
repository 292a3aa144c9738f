"""The numbers of a dossier frame, taken out once, however often they are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.statuses import STATUS_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.metrics.kinds.base import Metric

    Floats = NDArray[np.float64]

__all__ = ["Board", "floats"]

L = TypeVar("L")
A = TypeVar("A")
_ANSWERS = 32  # that are kept


def floats(board: pl.DataFrame, column: str) -> Floats:
    """A column as floats, NaN for null."""
    return board[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


class Board:
    """A dossier frame whose numbers are taken out once.

    Parameters
    ----------
    frame
        Dossiers.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._numbers: dict[str, tuple[Floats, Floats, NDArray[np.bool_]]] = {}
        self._limits: dict[tuple[str, float], tuple[Floats, Floats]] = {}
        self._kept: dict[str, NDArray[np.bool_]] = {}
        self._answers: dict[int, tuple[object, Any]] = {}

    def numbers(self, metric: str) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Values, observations, and where there are none, of a metric."""
        if metric not in self._numbers:
            value, n_column = floats(self.frame, metric), f"{metric}_n"
            n = floats(self.frame, n_column) if n_column in self.frame.columns else np.ones(self.frame.height)
            n = np.where(np.isnan(n), 0, n)
            self._numbers[metric] = value, n, np.isnan(value) | (n == 0)
        return self._numbers[metric]

    def reasons(self, metric: str) -> pl.Series:
        """Why each row has no value of a metric, in words."""
        status = f"{metric}_status"
        if status not in self.frame.columns:
            return pl.Series(["no data"], dtype=pl.String).new_from_index(0, self.frame.height)
        return self.frame[status].cast(pl.String).replace_strict(STATUS_WORDS, default="no data", return_dtype=pl.String)

    def limits(self, metric: Metric, level: float) -> tuple[Floats, Floats]:
        """Two-sided limits of a metric at a level."""
        if (metric.name, level) not in self._limits:
            self._limits[metric.name, level] = metric.limits(self.frame, level)
        return self._limits[metric.name, level]

    def answered(self, leaf: L, compare: Callable[[L, Board], A]) -> A:
        """What a comparison comes out as; of the last ones that were asked for it is known. (They never change: a slider that is
        moved makes a new one, and the others stay.)
        """
        known = self._answers.get(id(leaf))
        if known is not None:
            return cast("A", known[1])
        if len(self._answers) >= _ANSWERS:
            self._answers.pop(next(iter(self._answers)))
        found = compare(leaf, self)
        self._answers[id(leaf)] = leaf, found
        return found

    def once(self, name: str, make: Callable[[], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """What depends on nothing that is moved."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]
