"""A kind of metric, and one of that kind."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics.cases import HANDLED
from aura_analytics.metrics import Context, Metric
from aura_analytics.metrics.kinds.base import array_of

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Longest(Metric):
    """The greatest of some whole numbers, without an interval: nothing bounds what was not seen."""

    value: pl.Expr = field(default_factory=lambda: pl.col("value"))
    per: int = 1

    def collect(self) -> list[pl.Expr]:
        return [self.value.max().alias(self.part("max")), self.value.count().cast(pl.Int64).alias(self.part("n"))]

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        nothing = np.full(sums.height, np.nan)
        return self._columns(array_of(sums, self.part("max")) / self.per, array_of(sums, self.part("n")), nothing, nothing)

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        nothing = np.full(dossiers.height, np.nan)
        return nothing, nothing

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        return table.with_columns(value=self.value / self.per, ended=pl.lit(value=True))


longest_hours = Longest(
    name="longest_hours",
    title="Longest closed case",
    unit="hours",
    low=0,
    high=None,
    direction="lower",
    fact=HANDLED,
    needs=("elapsed",),
    value=pl.col("elapsed"),
    per=_HOUR,
)
