"""Signal detection among judged verdicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.audited import OVERSIGHT, Weighted, judged_counts, selective
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.statuses import NO_DATA, OK, ONE_KIND, SELECTIVE
from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Detection"]


@dataclass(frozen=True)
class Detection(Metric):
    """Signal detection: how well wrong recommendations are told from right ones, and to which side one leans.

    A recommendation that is wrong is the signal, overriding it the answer. With H the share of wrong recommendations that were
    overridden and F that of right ones, d' = z(H) - z(F) and the criterion is c = -(z(H) + z(F)) / 2, positive for who leans
    towards accepting. Both shares take half an observation more on either side (log-linear, Hautus 1995). Interval: normal, with
    the variance of Gourevitch and Galanter (1967). Undefined unless both a wrong and a right recommendation were judged.

    Parameters
    ----------
    criterion
        Whether it is the criterion; otherwise d'.
    """

    criterion: bool = False

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_se")
    series_suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi")
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    by_reading: ClassVar[bool] = True
    interval: ClassVar[str] = "normal for signal detection"

    def collect(self) -> list[pl.Expr]:
        advice = pl.col("advice_right")
        wrong, right = (Weighted.sums(pl.col("override"), side, self.part(name)) for name, side in (("h", ~advice), ("f", advice)))
        return [*wrong, *right, *judged_counts(self.part(""))]

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        sides = [Weighted.of(sums, self.part(name)) for name in ("h", "f")]
        n = sides[0].n + sides[1].n
        unsaid = selective(sums, self.part(""))
        scores, spreads = zip(*(_z_of(side) for side in sides), strict=True)
        value = -(scores[0] + scores[1]) / 2 if self.criterion else scores[0] - scores[1]
        se = np.sqrt(spreads[0] + spreads[1]) * (0.5 if self.criterion else 1.0)
        one_kind = (n > 0) & np.isnan(value)
        value, se = np.where(unsaid, np.nan, value), np.where(unsaid, np.nan, se)
        z = intervals.z_value(context.confidence)
        columns = self._columns(value, n, value - z * se, value + z * se, _se=se)
        codes = np.where(n == 0, NO_DATA, np.where(unsaid, SELECTIVE, np.where(one_kind, ONE_KIND, OK)))
        columns[f"{self.name}_status"] = pl.Series(codes.astype(np.uint8))
        return columns

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        value, se = (dossiers[f"{self.name}{suffix}"].cast(pl.Float64).fill_null(float("nan")).to_numpy() for suffix in ("", "_se"))
        z = intervals.z_value(confidence)
        return value - z * se, value + z * se

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        rows = table.filter(OVERSIGHT & pl.col("advice_right").is_not_null())
        named = rows.with_columns(value=(pl.col("override") != pl.col("advice_right")).cast(pl.Float64))
        return named.with_columns(ended=pl.lit(value=True))


_ROOT = math.sqrt(2 * math.pi)


def _z_of(side: Weighted) -> tuple[Floats, Floats]:
    """Normal score of a share, and its variance; NaN without observations."""
    from scipy.special import ndtri

    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(side.n > 0, (np.nan_to_num(side.value) * side.n_eff + 0.5) / (side.n_eff + 1), np.nan)
        score = ndtri(share)
        spread = share * (1 - share) / (side.n_eff * (np.exp(-(score**2) / 2) / _ROOT) ** 2)
    return score, spread
