"""Partial sums of a window, kept up to date: facts are added when they happen and taken away when they leave.

All sums are whole numbers, so what is added and taken away again leaves no trace, and the sums equal those of a fresh count to the
last digit. Where a metric needs the order of values, the values of every actor are kept in order. Actors are numbers, and every sum
is an array over these numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.dossier.squares import PRODUCTS, products, put_together
from aura_analytics.events import ACTOR_KINDS
from aura_analytics.metrics.kinds.base import Context, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

__all__ = ["NO_KIND", "RunningSums"]

NO_KIND = 255  # in place of the number of a kind of actor
_BITS = 44  # of a value; in a packed one the actor's number takes the rest
_MOST = 1 << 18  # rows of one actor, so that sums of squares of half values stay within 64 bits


class RunningSums:
    """The collected numbers of some metrics over one table of facts whose actors are numbered.

    Parameters
    ----------
    metrics
        Metrics of one table of facts, all about its `actor`.
    facts
        The facts in the window.
    """

    def __init__(self, metrics: list[Metric], facts: pl.DataFrame) -> None:
        self._metrics = metrics
        self._parts = [(one, one.per_row()) for one in metrics if one.ordered() is None]
        # metrics of one value share its order
        self._values = {str(value): value for one in metrics if (value := one.ordered()) is not None}
        if facts.is_empty():  # nobody has a number yet
            facts = facts.with_columns(pl.col("actor").cast(pl.UInt32))
        self._size = 0
        self._sums: dict[str, Whole] = {}
        self._kinds = np.zeros((len(ACTOR_KINDS), 0), dtype=np.int64)
        self._ordered = {name: np.sort(_packed(value, facts)) for name, value in self._values.items()}
        self._waiting: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([], [])
        self._count(facts, 1)

    @staticmethod
    def suits(metrics: list[Metric], facts: pl.DataFrame) -> bool:
        """Whether these metrics can be kept this way."""
        if not all((one.per_row() or one.ordered() is not None) and one.subject == "actor" for one in metrics):
            return False
        numbers = facts["actor"].drop_nulls()
        if numbers.len() and numbers.dtype.is_integer():
            rows = np.bincount(numbers.to_numpy())
            if len(rows) >= 1 << (63 - _BITS) or rows.max() >= _MOST:
                return False
        return all(_fits(one, facts) for one in metrics)

    def change(self, added: pl.DataFrame, removed: pl.DataFrame) -> bool:
        """Take facts in and out; false when one cannot be kept, and the window has to be counted anew."""
        waiting = sum(part.height for part in self._waiting[0]) + added.height
        if int(self._sums["rows"].max(initial=0)) + waiting >= _MOST or not all(_fits(one, added) for one in self._metrics):
            return False
        for parts, rows in zip(self._waiting, (added, removed), strict=True):
            if rows.height:
                parts.append(rows)
        return True

    def settle(self) -> int:
        """Account for what came and went since the last reading, all at once; returns one more than the highest number."""
        came, went = self._waiting
        self._waiting = ([], [])
        added, removed = (pl.concat(parts) if parts else None for parts in (came, went))
        for rows, sign in ((added, 1), (removed, -1)):
            if rows is not None:
                self._count(rows, sign)
        nothing = np.zeros(0, dtype=np.int64)
        for name, value in self._values.items():
            new, gone = (nothing if rows is None else _packed(value, rows) for rows in (added, removed))
            self._ordered[name] = _merged(self._ordered[name], new, gone)
        return self._size

    def known(self, size: int) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
        """Which of `size` actors have facts in the window, and the first of their kinds (`NO_KIND`: none is known)."""
        rows, kinds = self._wide(self._sums["rows"], size) > 0, self._kinds > 0
        first = np.where(kinds.any(axis=0), kinds.argmax(axis=0), NO_KIND).astype(np.uint8)
        return rows, np.concatenate([first, np.full(size - self._size, NO_KIND, dtype=np.uint8)])

    def finish(self, one: Metric, actors: Whole, context: Context) -> dict[str, pl.Series]:
        """The columns of one of the metrics for some actors."""
        size = int(actors.max(initial=-1)) + 1
        value = one.ordered()
        if value is not None:
            packed = self._ordered[str(value)]
            first, after = (np.searchsorted(packed, (actors + step) << _BITS) for step in (0, 1))
            return one.of_ordered(packed, first, after - first, context, mask=(1 << _BITS) - 1)

        names = [*one.per_row(), *(f"{name}:{which}" for name in one.squares for which in PRODUCTS)]
        sums = {name: self._wide(self._sums[one.part(name)], size)[actors] for name in names}
        return one.finish(put_together(one, sums), context)

    @staticmethod
    def _wide(sums: Whole, size: int) -> Whole:
        return sums if len(sums) >= size else np.concatenate([sums, np.zeros(size - len(sums), dtype=np.int64)])

    def _count(self, facts: pl.DataFrame, sign: int) -> None:
        """Add (or, with sign -1, take away) facts."""
        parts = [value.alias(one.part(name)) for one, values in self._parts for name, value in values.items()]
        kind = [pl.col("actor_kind").to_physical().alias("kind")] if "actor_kind" in facts.columns else []
        rows = facts.select("actor", *parts, *kind)
        if rows["actor"].null_count():
            rows = rows.filter(pl.col("actor").is_not_null())
        actors = rows["actor"].to_numpy().astype(np.int64)
        self._size = max(self._size, int(actors.max(initial=-1)) + 1)
        self._add("rows", actors, np.ones(len(actors), dtype=np.int64), sign)
        for one, values in self._parts:
            for name in values:
                column = rows[one.part(name)].to_numpy()
                self._add(one.part(name), actors, column, sign)
                if name in one.squares:
                    for which, product in products(column).items():
                        self._add(one.part(f"{name}:{which}"), actors, product, sign)
        self._kinds = np.pad(self._kinds, ((0, 0), (0, self._size - self._kinds.shape[1])))
        if kind:
            known = rows["kind"].is_not_null().to_numpy()
            codes = rows["kind"].fill_null(0).to_numpy()[known].astype(np.int64)
            flat = codes * self._size + actors[known]
            self._kinds += sign * np.bincount(flat, minlength=self._kinds.size).reshape(self._kinds.shape)

    def _add(self, name: str, actors: Whole, values: Whole, sign: int) -> None:
        sums = self._wide(self._sums.get(name, np.zeros(0, dtype=np.int64)), self._size)
        np.add.at(sums, actors, sign * values)
        self._sums[name] = sums


def _fits(one: Metric, facts: pl.DataFrame) -> bool:
    """Whether the values of a metric are small enough: packed with an actor's number, or as halves whose squares are summed."""
    value = one.ordered()
    parts = one.per_row()
    ranged = [(value, 0)] if value is not None else [(parts[name], -(1 << _BITS)) for name in one.squares]
    for expression, least in ranged:
        low, high = facts.select(low=expression.min(), high=expression.max()).row(0)
        if low is not None and (low < least or high >= 1 << _BITS):
            return False
    return True


def _packed(value: pl.Expr, facts: pl.DataFrame) -> Whole:
    """Actor and value in one number, so that one sort orders both."""
    rows = facts.select("actor", value=value.cast(pl.Int64)).drop_nulls()
    return np.asarray((rows["actor"].to_numpy().astype(np.int64) << _BITS) | rows["value"].to_numpy())


def _merged(ordered: Whole, added: Whole, removed: Whole) -> Whole:
    """A sorted array with some values put in and others, each of them there by then, taken out."""
    new, gone = np.sort(added), np.sort(removed)
    grown = np.insert(ordered, np.searchsorted(ordered, new), new)
    # of equal values each takes the next place
    rank = np.arange(len(gone)) - np.searchsorted(gone, gone, side="left")
    return np.asarray(np.delete(grown, np.searchsorted(grown, gone, side="left") + rank))
