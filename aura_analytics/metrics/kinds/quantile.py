"""A quantile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.base import MICRO, Context, Metric
from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Quantile"]


@dataclass(frozen=True)
class Quantile(Metric):
    """A quantile, interpolated linearly. Interval: order statistics, free of any assumption on the distribution.

    Parameters
    ----------
    value
        Whole-number expression over the facts.
    q
        Which quantile, in (0, 1).
    per
        Whole parts per unit.
    """

    value: pl.Expr = field(default_factory=lambda: pl.col("value"))
    q: float = 0.5
    per: int = MICRO

    interval: ClassVar[str] = "order statistics for quantiles"
    row_by_row: ClassVar[bool] = True

    def collect(self) -> list[pl.Expr]:
        # metrics of one value share the sorted list: polars computes equal expressions once
        return [self.value.drop_nulls().sort().alias(self.part("sorted"))]

    def ordered(self) -> pl.Expr | None:
        return self.value

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        ordered = sums[self.part("sorted")]
        flat = ordered.explode(empty_as_null=False, keep_nulls=False).to_numpy()
        n = ordered.list.len().fill_null(0).to_numpy().astype(np.int64)
        first = np.concatenate([[0], np.cumsum(n)[:-1]]).astype(np.int64) if len(n) else n
        return self.of_ordered(flat, first, n, context)

    def of_ordered(
        self, flat: NDArray[Any], first: NDArray[np.int64], n: NDArray[np.int64], context: Context, mask: int = -1
    ) -> dict[str, pl.Series]:
        def at(rank: NDArray[np.int64]) -> Floats:
            out = np.full(len(n), np.nan)
            real = (rank >= 0) & (n > 0)
            found = flat[first[real] + rank[real]]
            out[real] = (found if mask == -1 else found & mask) / self.per
            return out

        place = np.maximum((n - 1) * self.q, 0)
        below = np.floor(place).astype(np.int64)
        share = place - below
        above = np.minimum(below + 1, np.maximum(n - 1, 0))
        with np.errstate(invalid="ignore"):
            value = at(below) + share * (at(above) - at(below))
        low, high = (at(rank) for rank in intervals.quantile_ranks(n, self.q, context.confidence))
        return self._columns(value, n.astype(float), low, high)

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        """Only at the dossier's own confidence: order statistics are not kept. NaN everywhere else."""
        low, high = (dossiers[self.name + side].cast(pl.Float64).fill_null(float("nan")).to_numpy() for side in ("_lo", "_hi"))
        return low, high

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        valued = table.with_columns(value=self.value / self.per).filter(pl.col("value").is_not_null())
        return valued.with_columns(ended=pl.lit(value=True))
