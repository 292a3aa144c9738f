"""What a metric is.

A metric declares what it is (name, unit, range, direction, who it is about, what it reads) and does two things: `collect`
turns a table of facts into a few numbers per actor, and `finish` turns these numbers into columns of a dossier:

    <name>           the value; null where it is undefined
    <name>_n         how many observations it rests on
    <name>_lo/_hi    interval at the dossier's confidence; null where it cannot be given
    <name>_status    `ok`, or why there is no value

Sums are taken over whole numbers (counts, microseconds, millionths of a star) in 128 bits, so that no order of rows, number of
threads or way of splitting can change a digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import polars as pl

from aura_analytics import intervals

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from aura_analytics.calendars import Calendar

    Floats = NDArray[np.float64]

__all__ = ["OK", "STATUSES", "Context", "Count", "LastMean", "Mean", "Metric", "Quantile", "Rate", "Sla", "Survival"]

Direction = Literal["lower", "higher", "neutral"]
STATUSES = ("ok", "no_data", "not_for_kind", "no_target", "not_followed")
OK, NO_DATA, NOT_FOR_KIND, NO_TARGET, NOT_FOLLOWED = range(
    5
)  # a status column holds these numbers until the dossier is put together
MICRO = 1_000_000
_WIDE = 2.0**125
_OFFICERS, _AGENTS = ("officer",), ("agent", "component", "system")
EVERYONE = (*_OFFICERS, *_AGENTS)


@dataclass(frozen=True)
class Sla:
    """How long a case may take: a number of hours (on the calendar) or of working days.

    Parameters
    ----------
    hours
        Hours, counted on the calendar of the dossier if it has one.
    working_days
        Working days after the day of receipt, as the United States' Freedom of Information Act counts its 20.
    """

    hours: float | None = None
    working_days: int | None = None


@dataclass(frozen=True)
class Context:
    """What a metric may need to know besides the facts."""

    as_of: datetime
    confidence: float = 0.95
    sla: Mapping[str, Sla] = field(default_factory=dict)
    calendar: Calendar | None = None


@dataclass(frozen=True)
class Metric:
    """A named quantity about an actor; the kinds of metric are its subclasses.

    Parameters
    ----------
    name
        Column name in dossiers.
    title
        Short name for people.
    unit
        Unit of the value: `fraction`, `stars`, `hours`, `cases`, `score`.
    low, high
        Range of possible values; None is unbounded.
    direction
        Which way is better: `lower`, `higher`, or `neutral`.
    fact
        The table of `Facts` that it reads.
    needs
        Columns of that table besides `actor` and `ts`.
    kinds
        Kinds of actor for whom it has a meaning.
    subject
        Column of the table that names whom it is about.
    """

    name: str
    title: str
    unit: str
    low: float | None
    high: float | None
    direction: Direction
    fact: str
    needs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = EVERYONE
    subject: str = "actor"

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status")
    rolls: ClassVar[bool] = False  # whether the sums of two spans add up, so that a rolling series is possible

    @property
    def columns(self) -> list[str]:
        """The columns that the metric adds to a dossier."""
        return [self.name + suffix for suffix in self.suffixes]

    def collect(self) -> list[pl.Expr]:
        """Aggregations over the facts of one actor, each named `<name>:<part>`."""
        raise NotImplementedError

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        """The metric's columns, from the collected numbers (null where an actor has no such facts)."""
        raise NotImplementedError

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        """Interval at any two-sided confidence, from the columns of a dossier; NaN where undefined."""
        raise NotImplementedError

    def _part(self, name: str) -> str:
        return f"{self.name}:{name}"

    def _status(self, n: Floats) -> pl.Series:
        return pl.Series(np.where(n > 0, OK, NO_DATA).astype(np.uint8))

    def _columns(self, value: Floats, n: Floats, low: Floats, high: Floats, **more: Floats) -> dict[str, pl.Series]:
        columns = {
            self.name: _series(np.where(n > 0, value, np.nan)),
            f"{self.name}_n": pl.Series(n.astype(np.int64)),
            f"{self.name}_lo": _series(low),
            f"{self.name}_hi": _series(high),
            f"{self.name}_status": self._status(n),
        }
        return columns | {self.name + suffix: _series(values) for suffix, values in more.items()}


def _series(values: Floats) -> pl.Series:
    """Floats with null for NaN."""
    return pl.Series(values, dtype=pl.Float64, nan_to_null=True)


def _array(frame: pl.DataFrame, column: str) -> Floats:
    """A numeric column as floats, null as 0 (nothing was counted)."""
    values = frame[column].to_numpy()
    return np.nan_to_num(values) if values.dtype.kind == "f" else values.astype(np.float64)


def _whole(value: pl.Expr, per: int) -> pl.Expr:
    """A number in whole parts of 1/`per`, wide enough for any sum of squares."""
    return (value * per).round().cast(pl.Int128)


@dataclass(frozen=True)
class Rate(Metric):
    """A share: how many of the facts (where `among` holds) are a `hit`. Interval: Wilson.

    Parameters
    ----------
    hit, among
        Boolean expressions over the facts; rows where `among` is false or `hit` is null do not count.
    when_empty
        Value for an actor without observations; None leaves it undefined.
    """

    hit: pl.Expr = field(default_factory=lambda: pl.lit(value=False))
    among: pl.Expr | None = None
    when_empty: float | None = None

    rolls: ClassVar[bool] = True

    def _counted(self) -> pl.Expr:
        counted = self.hit.is_not_null()
        return counted if self.among is None else counted & self.among.fill_null(value=False)

    def collect(self) -> list[pl.Expr]:
        counted = self._counted()
        hits = (counted & self.hit.fill_null(value=False)).sum().cast(pl.Int64)
        return [hits.alias(self._part("k")), counted.sum().cast(pl.Int64).alias(self._part("n"))]

    def sums(self) -> dict[str, pl.Expr]:
        """Per-row whole numbers whose sums are the metric: hits `k` and observations `n`."""
        counted = self._counted()
        return {"k": (counted & self.hit.fill_null(value=False)).cast(pl.Int64), "n": counted.cast(pl.Int64)}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        k, n = _array(sums, self._part("k")), _array(sums, self._part("n"))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = k / n
        columns = self._columns(value, n, *intervals.wilson(k, n, context.confidence))
        if self.when_empty is not None:
            columns[self.name] = columns[self.name].fill_null(self.when_empty)
        return columns

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        n = _array(dossiers, f"{self.name}_n")
        return intervals.wilson(np.round(_array(dossiers, self.name) * n), n, confidence)


@dataclass(frozen=True)
class Mean(Metric):
    """A mean of a number. Interval: Student's t, kept inside the range, with a floor for rounded scales.

    Parameters
    ----------
    value
        Numeric expression over the facts, in whole parts of `1/per` of the unit.
    per
        Whole parts per unit, at most 10^6 (stars: 1,000,000) or the microseconds of an hour.
    whole
        Whether `value` is in whole parts already.
    grain
        Step of the scale that the values were rounded to.
    """

    value: pl.Expr = field(default_factory=lambda: pl.col("value"))
    per: int = MICRO
    whole: bool = False
    grain: float = 0.0

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_sd")
    rolls: ClassVar[bool] = True

    def _parts(self) -> pl.Expr:
        return self.value.cast(pl.Int128) if self.whole else _whole(self.value, self.per)

    def collect(self) -> list[pl.Expr]:
        parts = self._parts()
        return [
            self.value.count().cast(pl.Int64).alias(self._part("n")),
            parts.sum().alias(self._part("s")),
            (parts * parts).sum().alias(self._part("q")),
        ]

    def sums(self) -> dict[str, pl.Expr]:
        """Per-row whole numbers whose sums are the metric: parts `s` and observations `n`."""
        return {"s": self._parts().cast(pl.Int64).fill_null(0), "n": self.value.is_not_null().cast(pl.Int64)}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        n = _array(sums, self._part("n"))
        mean, sd = _moments(sums[self._part("n")], sums[self._part("s")], sums[self._part("q")], self.per)
        low, high = self._interval(mean, sd, n, context.confidence)
        return self._columns(mean, n, low, high, _sd=sd)

    def _interval(self, mean: Floats, sd: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return intervals.mean_t(mean, sd, n, confidence, low=low, high=high, grain=self.grain)

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        sd = dossiers[f"{self.name}_sd"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return self._interval(_array(dossiers, self.name), sd, _array(dossiers, f"{self.name}_n"), confidence)


def _moments(n: pl.Series, total: pl.Series, squares: pl.Series, per: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation from whole-number sums: n q - s s is taken before anything is divided."""
    sums = pl.DataFrame({"n": n, "s": total, "q": squares})
    whole = (pl.col("n").cast(pl.Int128) * pl.col("q") - pl.col("s") * pl.col("s")).cast(pl.Float64)
    found = sums.select(pl.col("n", "s", "q").cast(pl.Float64), scatter=whole)
    count, s, q, scatter = (_array(found, name) for name in found.columns)
    if len(count) and (count * q).max() > _WIDE:  # millions of cases that took months each: beyond 128 bits
        scatter = np.array([float(c * b - a * a) if c else 0.0 for c, a, b in sums.iter_rows()])
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.where(count > 0, s / (count * per), np.nan)
        sds = np.where(count > 1, np.sqrt(scatter / (count * (count - 1))) / per, np.nan)
    return means, sds


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

    def collect(self) -> list[pl.Expr]:
        # metrics of one value share the sorted list: polars computes equal expressions once
        return [self.value.drop_nulls().sort().alias(self._part("sorted"))]

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        ordered = sums[self._part("sorted")]
        flat = ordered.explode(empty_as_null=False, keep_nulls=False).to_numpy()
        n = ordered.list.len().fill_null(0).to_numpy().astype(np.int64)
        first = np.concatenate([[0], np.cumsum(n)[:-1]]).astype(np.int64) if len(n) else n
        return self.of_ordered(flat, first, n, context)

    def of_ordered(
        self, flat: NDArray[Any], first: NDArray[np.int64], n: NDArray[np.int64], context: Context, mask: int = -1
    ) -> dict[str, pl.Series]:
        """The metric's columns, from the ordered values of all actors in one array: `n` of each from `first` on.

        `mask` names the bits of an element that are its value.
        """

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


@dataclass(frozen=True)
class Count(Metric):
    """A plain number of facts; it is what it is and has no interval."""

    suffixes: ClassVar[tuple[str, ...]] = ("",)

    def collect(self) -> list[pl.Expr]:
        return [pl.len().cast(pl.Int64).alias(self._part("n"))]

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        return {self.name: sums[self._part("n")].fill_null(0)}

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        exact = _array(dossiers, self.name)
        return exact, exact


@dataclass(frozen=True)
class LastMean(Mean):
    """A mean of the last few values of the window; the facts hold only these, so there is no rolling series."""

    rolls: ClassVar[bool] = False


@dataclass(frozen=True)
class Survival(Metric):
    """Probability of still being unresolved at the SLA's limit, by Kaplan-Meier: open cases count for as long as they waited.

    Its interval is Wilson's with the effective sample size S(1-S)/Var(S), Var by Greenwood; without censoring that is the
    ordinary interval of a proportion. Where no case was followed up to its limit the rate is undefined (`not_followed`).
    """

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_n_eff")

    def collect(self) -> list[pl.Expr]:
        columns: list[Any] = [
            pl.col(name).alias(self._part(name)) for name in ("queue", "start", "end", "elapsed", "days_off", "ended")
        ]
        return columns

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        from aura_analytics.metrics.survival import at_limit

        size = sums.height
        if not context.sla:
            nothing = np.full(size, np.nan)
            columns = self._columns(nothing, np.zeros(size), nothing, nothing, _n_eff=nothing)
            return columns | {f"{self.name}_status": pl.Series(np.full(size, NO_TARGET, dtype=np.uint8))}
        value, n, effective = at_limit(sums, self._part, context)
        low, high = intervals.wilson(value * effective, effective, context.confidence)
        columns = self._columns(value, n, low, high, _n_eff=effective)
        status = np.where(n == 0, NO_DATA, np.where(np.isnan(value), NOT_FOLLOWED, OK)).astype(np.uint8)
        return columns | {f"{self.name}_status": pl.Series(status)}

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        effective = _array(dossiers, f"{self.name}_n_eff")  # 0, and so no limits, where the rate is not known
        return intervals.wilson(_array(dossiers, self.name) * effective, effective, confidence)
