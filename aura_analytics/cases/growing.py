"""Rows by the hash of their case, for tables that grow: a large part with indexes, and a small part of what came since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GrowingCases", "GrowingRows"]


class GrowingRows:
    """Rows with a time, which may be asked for what lies between two moments.

    Parameters
    ----------
    rows
        The rows so far.
    time
        Column of their time: a datetime, or microseconds since 1970.
    """

    def __init__(self, rows: pl.DataFrame, time: str) -> None:
        self._time = time
        self._settle(rows)

    def _settle(self, rows: pl.DataFrame) -> None:
        self._base = rows.rechunk()
        self._alive = np.ones(rows.height, dtype=bool)
        self._recent = rows.head(0)
        self._by_time: tuple[NDArray[np.uint32], NDArray[np.int64]] | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Put rows in."""
        self._recent = pl.concat([self._recent, rows.select(self._recent.columns)])
        if self._recent.height > 100_000 + self._base.height // 8:
            self._settle(self.rows())

    def drop(self, gone: pl.Expr) -> None:
        """Take out the rows for which an expression holds."""
        self._alive &= ~self._base.select(gone.fill_null(value=False).alias("gone"))["gone"].to_numpy()
        self._recent = self._recent.filter(~gone.fill_null(value=False))

    def rows(self, keep: pl.Expr | None = None) -> pl.DataFrame:
        """All rows, or those that an expression keeps."""
        base = self._base
        if keep is None:
            return pl.concat([base if self._alive.all() else base.filter(pl.Series(self._alive)), self._recent])
        chosen = base.select(keep.alias("keep"))["keep"] & pl.Series(self._alive)
        return pl.concat([base.filter(chosen), self._recent.filter(keep)])

    def between(self, low: int, high: int) -> pl.DataFrame:
        """The rows with a time in `(low, high]`, microseconds since 1970."""
        if self._by_time is None:
            times = self._base[self._time].to_physical()
            order = times.arg_sort()
            self._by_time = order.to_numpy(), times.gather(order).to_numpy()
        order_of, sorted_times = self._by_time
        first, after = np.searchsorted(sorted_times, [low, high], side="right")
        places = order_of[first:after]
        time = pl.col(self._time).to_physical()
        recent = self._recent.filter((time > low) & (time <= high))
        return pl.concat([self._base[places[self._alive[places]]], recent])


class GrowingCases(GrowingRows):
    """Rows with the hash of their case as `h`, which may be asked for, and replaced, by case."""

    def _settle(self, rows: pl.DataFrame) -> None:
        super()._settle(rows)
        self._order: NDArray[np.uint32] = rows["h"].arg_sort().to_numpy()
        self._keys: NDArray[np.uint64] = rows["h"].to_numpy()[self._order]

    def places(self, keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Where in the large part the rows of some cases are, those already replaced left out."""
        low = np.searchsorted(self._keys, keys, side="left")
        # a case has few rows: stepping through them is faster than a second search
        counts = np.zeros(len(keys), dtype=np.int64)
        ahead = np.arange(len(keys))
        while len(ahead):
            place = low[ahead] + counts[ahead]
            inside = place < len(self._keys)
            ahead = ahead[inside][self._keys[place[inside]] == keys[ahead[inside]]]
            counts[ahead] += 1
        first = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) if len(keys) else low
        found = self._order[first + np.arange(len(first))]
        return np.asarray(found[self._alive[found]])

    def of(self, keys: pl.Series) -> pl.DataFrame:
        """The rows of some cases."""
        return self._found(self.places(keys.to_numpy()), self._among(keys))

    def _found(self, places: NDArray[np.uint32], among: pl.Series) -> pl.DataFrame:
        return pl.concat([self._base[places], self._recent.filter(among)])

    def _among(self, keys: pl.Series) -> pl.Series:
        return self._recent["h"].is_in(keys.implode())

    def replace(self, keys: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
        """Put rows in the place of all rows of some cases; returns those that were there."""
        places, among = self.places(keys.to_numpy()), self._among(keys)
        old = self._found(places, among)
        self._alive[places] = False
        self._recent = self._recent.filter(~among)
        self.add(rows)
        return old
