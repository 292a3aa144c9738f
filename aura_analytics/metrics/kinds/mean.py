"""A mean of a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.base import MICRO, Context, Metric, array_of, whole
from aura_analytics.metrics.kinds.statuses import SKEWED
from aura_analytics.statistics import intervals
from aura_analytics.statistics.evidence import range_e_value
from aura_analytics.statistics.rate_limits import bounded_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["LastMean", "Mean"]

_WIDE = 2.0**125


@dataclass(frozen=True)
class Mean(Metric):
    """A mean of a number. Interval: of a number with both ends, such as stars and scores, limits that hold for skewed values of few
    observations (`bounded_mean`; ten scores of which one in ten is 0 and the rest 95: Student's t covers in 65 %, these in over
    99 %, at the same width). Of other numbers, such as hours, Student's t; it is withheld where so few values are so skewed that it
    would not hold: the status is then `too_skewed`, and the median is what to look at.

    Parameters
    ----------
    value
        Numeric expression over the facts, in whole parts of `1/per` of the unit.
    per
        Whole parts per unit, at most 10^6 (stars: 1,000,000) or the microseconds of an hour.
    whole
        Whether `value` is in whole parts already.
    """

    value: pl.Expr = field(default_factory=lambda: pl.col("value"))
    per: int = MICRO
    whole: bool = False

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_sd")
    series_suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi")
    squares: ClassVar[Mapping[str, str]] = {"s": "q"}
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    interval: ClassVar[str] = "limits that hold for skewed values for means of stars and scores, Student's t for hours"
    test_form: ClassVar[str] = "{values: [2, 3]} or {mean: 2.1, sd: 0.5, n: 9}"

    def _parts(self) -> pl.Expr:
        return self.value.cast(pl.Int128) if self.whole else whole(self.value, self.per)

    def collect(self) -> list[pl.Expr]:
        parts = self._parts()
        return [
            self.value.count().cast(pl.Int64).alias(self.part("n")),
            parts.sum().alias(self.part("s")),
            (parts * parts).sum().alias(self.part("q")),
        ]

    def per_row(self) -> dict[str, pl.Expr]:
        return {"s": self._parts().cast(pl.Int64).fill_null(0), "n": self.value.is_not_null().cast(pl.Int64)}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        n = array_of(sums, self.part("n"))
        mean, sd = _moments(sums[self.part("n")], sums[self.part("s")], sums[self.part("q")], self.per)
        low, high = self._interval(mean, sd, n, context.confidence)
        columns = self._columns(mean, n, low, high, _sd=sd)
        skewed = self._too_skewed(mean, sd, n)
        if skewed.any():
            status = columns[f"{self.name}_status"].to_numpy()
            columns[f"{self.name}_status"] = pl.Series(np.where(skewed, SKEWED, status).astype(np.uint8))
        return columns

    def _interval(self, mean: Floats, sd: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        if self.low is not None and self.high is not None:
            return bounded_mean(mean, sd, n, confidence, low=self.low, high=self.high)
        limits = intervals.mean_t(mean, sd, n, confidence, low=low, high=high)
        skewed = self._too_skewed(mean, sd, n)
        return np.where(skewed, np.nan, limits[0]), np.where(skewed, np.nan, limits[1])

    def _too_skewed(self, mean: Floats, sd: Floats, n: Floats) -> NDArray[np.bool_]:
        """Of whom the mean's interval is withheld: spread and number say that the values are too skewed for so few."""
        if self.low is None or self.high is not None:
            return np.zeros(len(n), dtype=bool)
        return intervals.too_skewed(mean - self.low, sd, n)

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        sd = dossiers[f"{self.name}_sd"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return self._interval(array_of(dossiers, self.name), sd, array_of(dossiers, f"{self.name}_n"), confidence)

    @property
    def has_e_values(self) -> bool:
        return self.low is not None and self.high is not None

    def e_values(self, dossiers: pl.DataFrame, threshold: float, *, above: bool) -> Floats:
        assert self.low is not None
        assert self.high is not None
        mean, n = array_of(dossiers, self.name), array_of(dossiers, f"{self.name}_n")
        return range_e_value(mean, n, threshold, self.high - self.low, above=above)

    def in_series(self, totals: Mapping[str, NDArray[np.int64]], confidence: float) -> dict[str, Floats]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"": totals["s"] / (totals["n"] * float(self.per))}

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        per = self.per if self.whole else 1
        valued = table.with_columns(value=self.value / per).filter(pl.col("value").is_not_null())
        return valued.with_columns(ended=pl.lit(value=True))


def _moments(n: pl.Series, total: pl.Series, squares: pl.Series, per: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation from whole-number sums: n q - s s is taken before anything is divided."""
    sums = pl.DataFrame({"n": n, "s": total, "q": squares})
    exact = (pl.col("n").cast(pl.Int128) * pl.col("q") - pl.col("s") * pl.col("s")).cast(pl.Float64)
    found = sums.select(pl.col("n", "s", "q").cast(pl.Float64), scatter=exact)
    count, s, q, scatter = (array_of(found, name) for name in found.columns)
    if len(count) and (count * q).max() > _WIDE:  # millions of cases that took months each: beyond 128 bits
        scatter = np.array([float(c * b - a * a) if c else 0.0 for c, a, b in sums.iter_rows()])
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(count > 0, s / (count * per), np.nan)
        sds = np.where(count > 1, np.sqrt(scatter / (count * (count - 1))) / per, np.nan)
    return means, sds


@dataclass(frozen=True)
class LastMean(Mean):
    """A mean of the last few values of the window; the facts hold only these, so there is no rolling series and no running sum."""

    series_suffixes: ClassVar[tuple[str, ...]] = ()

    def per_row(self) -> dict[str, pl.Expr]:
        return {}
