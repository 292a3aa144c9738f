"""Partial sums of a window, kept up to date: facts are added when they happen and taken away when they leave.

All sums are whole numbers, so what is added and taken away again leaves no trace, and the sums equal those of a fresh count to the
last digit. Quantiles keep the values of every actor in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.events import ACTOR_KINDS, SCHEMA
from aura_analytics.metrics.base import Count, LastMean, Mean, Metric, Quantile, Rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RunningSums"]

_BITS = 44  # of a packed value; the actor's number takes the rest
_KINDS = [f"kind:{kind}" for kind in ACTOR_KINDS]


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
        if facts.is_empty():  # nobody has a number yet
            facts = facts.with_columns(pl.col("actor").cast(pl.UInt32))
        self._sums = self._counted(facts)
        quantiles = [one for one in metrics if isinstance(one, Quantile)]
        self._ordered = {str(one.value): np.sort(_packed(one, facts)) for one in quantiles}  # quantiles of one value share it
        self._values = {str(one.value): one for one in quantiles}
        self._waiting: list[tuple[pl.DataFrame, pl.DataFrame]] = []

    @staticmethod
    def suits(metrics: list[Metric], facts: pl.DataFrame) -> bool:
        """Whether these metrics can be kept this way."""
        kinds = (Rate, Mean, Count, Quantile)
        if not all(isinstance(one, kinds) and not isinstance(one, LastMean) and one.subject == "actor" for one in metrics):
            return False
        numbers = facts["actor"].max() if facts["actor"].dtype.is_integer() else None
        small = numbers is None or (isinstance(numbers, int) and numbers < 2 ** (63 - _BITS))
        return small and all(_fits(one, facts) for one in metrics if isinstance(one, Quantile))

    def change(self, added: pl.DataFrame, removed: pl.DataFrame) -> bool:
        """Take facts in and out; false when one cannot be kept, and the window has to be counted anew."""
        if not all(_fits(one, added) for one in self._values.values()):
            return False
        if added.height or removed.height:
            self._waiting.append((added, removed))
        return True

    def _settle(self) -> None:
        """Account for what came and went since the last reading, all at once."""
        if not self._waiting:
            return
        added, removed = (pl.concat([pair[side] for pair in self._waiting if pair[side].height]) if any(
            pair[side].height for pair in self._waiting) else self._waiting[0][side] for side in (0, 1))  # fmt: skip
        self._waiting = []
        gone = self._counted(removed).select("actor", pl.exclude("actor") * -1)  # polars negates no 128-bit numbers
        parts = pl.concat([self._sums, self._counted(added), gone])
        self._sums = parts.lazy().group_by("actor").agg(pl.all().sum()).filter(pl.col("rows") > 0).collect()
        for name, one in self._values.items():
            self._ordered[name] = _merged(self._ordered[name], _packed(one, added), _packed(one, removed))

    def table(self) -> pl.DataFrame:
        """What `dossier.summarise` collects: one row per actor (by number), with the parts of the metrics and `__kind`."""
        self._settle()
        kind = pl.lit(None, dtype=SCHEMA["actor_kind"])
        for name, column in zip(
            reversed(ACTOR_KINDS), reversed(_KINDS), strict=True
        ):  # the first of the vocabulary wins, as min does
            kind = pl.when(pl.col(column) > 0).then(pl.lit(name, dtype=SCHEMA["actor_kind"])).otherwise(kind)
        counts = [pl.col("rows").alias(f"{one.name}:n") for one in self._metrics if isinstance(one, Count)]
        table = self._sums.lazy().with_columns(kind.alias("__kind"), *counts).drop(*_KINDS, "rows")
        for value, packed in self._ordered.items():
            names = [one.name for one in self._metrics if isinstance(one, Quantile) and str(one.value) == value]
            pairs = pl.LazyFrame({"actor": (packed >> _BITS).astype(np.uint32), "x": packed & ((1 << _BITS) - 1)})
            lists = pairs.group_by("actor", maintain_order=True).agg(pl.col("x"))
            shared = [pl.col("x").alias(f"{name}:sorted") for name in names]
            table = table.join(lists.select("actor", *shared), on="actor", how="left")
        return table.collect()

    def _counted(self, facts: pl.DataFrame) -> pl.DataFrame:
        wanted = [expression for one in self._metrics if isinstance(one, (Rate, Mean)) for expression in one.collect()]
        if "actor_kind" in facts.columns:
            code = pl.col("actor_kind").to_physical()
            kinds = [(code == i).sum().cast(pl.Int64).alias(name) for i, name in enumerate(_KINDS)]
        else:
            kinds = [pl.lit(0, dtype=pl.Int64).alias(name) for name in _KINDS]
        rows = pl.len().cast(pl.Int64).alias("rows")
        known = facts.lazy().filter(pl.col("actor").is_not_null())
        return known.group_by("actor").agg(rows, *wanted, *kinds).collect()


def _fits(one: Quantile, facts: pl.DataFrame) -> bool:
    bounds = facts.select(low=one.value.min(), high=one.value.max()).row(0)
    return bounds[0] is None or (bounds[0] >= 0 and bounds[1] < 1 << _BITS)


def _packed(one: Quantile, facts: pl.DataFrame) -> NDArray[np.int64]:
    """Actor and value in one number, so that one sort orders both."""
    rows = facts.select("actor", value=one.value.cast(pl.Int64)).drop_nulls()
    return np.asarray((rows["actor"].to_numpy().astype(np.int64) << _BITS) | rows["value"].to_numpy())


def _merged(ordered: NDArray[np.int64], added: NDArray[np.int64], removed: NDArray[np.int64]) -> NDArray[np.int64]:
    """A sorted array with some values put in and others, each of them there by then, taken out."""
    new, gone = np.sort(added), np.sort(removed)
    grown = np.insert(ordered, np.searchsorted(ordered, new), new)
    # of equal values each takes the next place
    rank = np.arange(len(gone)) - np.searchsorted(gone, gone, side="left")
    return np.asarray(np.delete(grown, np.searchsorted(grown, gone, side="left") + rank))
