"""The difference of two shares of the same judged verdicts: whether the one does better than the other on the same cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.audited import OVERSIGHT, Weighted, judged_counts, selective, status_of
from aura_analytics.metrics.kinds.base import Context, Metric, array_of
from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["AuditedDifference"]


@dataclass(frozen=True)
class AuditedDifference(Metric):
    """The difference of two shares of the same judged verdicts. Interval: Bonett and Price (2012) at the effective number.

    Parameters
    ----------
    first, second
        Boolean expressions; rows where either is null do not count.
    """

    first: pl.Expr = field(default_factory=lambda: pl.lit(value=False))
    second: pl.Expr = field(default_factory=lambda: pl.lit(value=False))

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_n_eff", "_lo", "_hi", "_status", "_better", "_worse")
    series_suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi")
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    by_reading: ClassVar[bool] = True
    interval: ClassVar[str] = "Bonett and Price for differences of audited shares"

    def _sides(self) -> dict[str, pl.Expr]:
        return {"better": self.first & ~self.second, "worse": ~self.first & self.second}

    def collect(self) -> list[pl.Expr]:
        both = self.first.is_not_null() & self.second.is_not_null()
        sides = [one for side, hit in self._sides().items() for one in Weighted.sums(hit, both, self.part(side))]
        return [*sides, *judged_counts(self.part(""))]

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        better, worse = (Weighted.of(sums, self.part(side)) for side in self._sides())
        ww, w = (sums[self.part(f"better{part}")].cast(pl.Float64).fill_null(0.0).to_numpy() for part in ("ww", "w"))
        with np.errstate(invalid="ignore", divide="ignore"):
            n_eff = np.where(better.n > 0, w * w / ww, 0.0)
        unsaid = selective(sums, self.part(""))
        b, c = (np.where(unsaid, np.nan, side.value) for side in (better, worse))
        low, high = _paired(b, c, n_eff, context.confidence)
        columns = self._columns(b - c, better.n, low, high, _n_eff=np.where(unsaid, 0.0, n_eff), _better=b, _worse=c)
        columns[f"{self.name}_status"] = status_of(better.n, unsaid)
        return columns

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        better, worse = (
            dossiers[f"{self.name}_{side}"].cast(pl.Float64).fill_null(float("nan")).to_numpy() for side in self._sides()
        )
        return _paired(better, worse, array_of(dossiers, f"{self.name}_n_eff"), confidence)

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        value = self.first.cast(pl.Float64) - self.second.cast(pl.Float64)
        rows = table.filter(OVERSIGHT).with_columns(value=value).filter(pl.col("value").is_not_null())
        return rows.with_columns(ended=pl.lit(value=True))


def _paired(better: Floats, worse: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Adjusted Wald interval of p12 - p21 from paired shares (Bonett and Price 2012, J Educ Behav Stat 37:479-488)."""
    z = intervals.z_value(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (better * n + 1) / (n + 2), (worse * n + 1) / (n + 2)
        half = z * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
        low, high = np.clip(p - q - half, -1, 1), np.clip(p - q + half, -1, 1)
    some = n > 0
    return np.where(some, low, np.nan), np.where(some, high, np.nan)
