"""The chance of outlasting a limit, with cases that are not over yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.clock import times
from aura_analytics.clock.calendars import Calendar
from aura_analytics.events import SCHEMA
from aura_analytics.metrics.kinds.base import Context, Metric, array_of
from aura_analytics.metrics.kinds.statuses import NO_DATA, NO_TARGET, NOT_FOLLOWED, OK
from aura_analytics.statistics import intervals
from aura_analytics.statistics.rate_limits import exact_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "PARTS_OF_A_CLOCK",
    "Curves",
    "Survival",
    "at_limit",
    "curves_of",
    "exploded",
    "spent_and_limit",
    "survival_at_limit",
    "time_in_limits",
]

_HOUR = 3.6e9
PARTS_OF_A_CLOCK = ("queue", "start", "end", "elapsed", "days_off", "ended")


@dataclass(frozen=True)
class Survival(Metric):
    """Probability of still being unresolved at the SLA's limit, by Kaplan-Meier: open cases count for as long as they waited.

    Its interval is Wilson's with the effective sample size S(1-S)/Var(S), Var by Greenwood; without censoring that is the
    ordinary interval of a proportion. Where no case was followed up to its limit the rate is undefined (`not_followed`).
    """

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_n_eff")
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    needs_sla: ClassVar[bool] = True
    interval: ClassVar[str] = "Kaplan–Meier for cases that are still open"

    def collect(self) -> list[pl.Expr]:
        columns: list[Any] = [pl.col(name).alias(self.part(name)) for name in PARTS_OF_A_CLOCK]
        return columns

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        size = sums.height
        if not context.sla:
            nothing = np.full(size, np.nan)
            columns = self._columns(nothing, np.zeros(size), nothing, nothing, _n_eff=nothing)
            return columns | {f"{self.name}_status": pl.Series(np.full(size, NO_TARGET, dtype=np.uint8))}
        value, n, effective = self._at_limit(sums, context)
        low, high = intervals.wilson(value * effective, effective, context.confidence)
        columns = self._columns(value, n, low, high, _n_eff=effective)
        status = np.where(n == 0, NO_DATA, np.where(np.isnan(value), NOT_FOLLOWED, OK)).astype(np.uint8)
        return columns | {f"{self.name}_status": pl.Series(status)}

    def _at_limit(self, sums: pl.DataFrame, context: Context) -> tuple[Floats, Floats, Floats]:
        """Value, cases and effective number of cases."""
        return at_limit(sums, self.part, context)

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        effective = array_of(dossiers, f"{self.name}_n_eff")  # 0, and so no limits, where the rate is not known
        return exact_limits(array_of(dossiers, self.name) * effective, effective, confidence)

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        limit, spent = spent_and_limit(table, context)
        ratio = pl.Series(spent / limit, dtype=pl.Float64, nan_to_null=True)
        return table.with_columns(ts=pl.col("start").cast(SCHEMA["ts"]), value=ratio).filter(pl.col("value").is_not_null())

    @property
    def observation_heading(self) -> str:
        return "of its limit"

    def observation_text(self, value: float | None, *, ended: bool) -> str:
        return f"{value:.0%}" + ("" if ended else ", still open")


def time_in_limits(flat: Mapping[str, pl.Series] | pl.DataFrame, context: Context) -> dict[str, pl.Series]:
    """Of every case its time in limits (`value`), whether it has `ended`, and whether it was `followed`.

    A case was followed where its limit had passed by the end of the window, and what became of it by then is known. That its limit
    had passed does not depend on how quick it was: of cases that began later only the quick ones would be known.
    """
    limit, spent = spent_and_limit(flat, context)
    start = flat["start"].cast(pl.Int64).fill_null(-1).to_numpy()
    last = np.full(len(start), times.epoch_micros(context.as_of), dtype=np.int64)
    within = last - start if context.calendar is None else context.calendar.business_micros(start, last)
    at_last = {
        "queue": flat["queue"],
        "start": flat["start"],
        "end": pl.Series(last),
        "elapsed": pl.Series(within),
        "days_off": pl.Series(np.zeros(len(start), dtype=np.int64)),
    }
    passed = spent_and_limit(at_last, context)[1] >= limit if len(start) else np.zeros(0, dtype=bool)
    ended = flat["ended"].cast(pl.Boolean).to_numpy()
    with np.errstate(invalid="ignore"):
        value = spent / limit
    return {
        "value": pl.Series(value, dtype=pl.Float64, nan_to_null=True),
        "ended": pl.Series(ended, dtype=pl.Boolean),
        "followed": pl.Series((start >= 0) & passed & ~np.isnan(value) & (ended.astype(bool) | (value > 1)), dtype=pl.Boolean),
    }


class Curves(NamedTuple):
    """The cases of all actors in the order of actor and time, each time relative to the limit of its queue, so that queues with
    different limits share one curve; and the distinct times at which anybody leaves.

    Attributes
    ----------
    size
        Number of actors.
    case
        Place of each case among those collected.
    owner, ratio, over
        Of each case: its actor, its time in limits, whether it has ended.
    group
        Which distinct time each case left at.
    who, when, ends, risk
        Of each distinct time: the actor, the time, how many ended then, how many were still there.
    """

    size: int
    case: NDArray[np.int64]
    owner: NDArray[np.int64]
    ratio: Floats
    over: NDArray[np.bool_]
    group: NDArray[np.int64]
    who: NDArray[np.int64]
    when: Floats
    ends: Floats
    risk: Floats

    @property
    def n(self) -> Floats:
        """Cases of each actor."""
        return np.bincount(self.owner, minlength=self.size).astype(float)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The distinct times that move the curve up to the limit."""
        return (self.when <= 1) & (self.ends > 0)


def curves_of(sums: pl.DataFrame, part: Callable[[str], str], context: Context) -> Curves:
    """The curves of all actors, from what `Survival` collects."""
    lengths = sums[part("elapsed")].list.len().fill_null(0).to_numpy().astype(np.int64)
    size = sums.height
    owner = np.repeat(np.arange(size), lengths)
    flat = {name: exploded(sums[part(name)]) for name in PARTS_OF_A_CLOCK}
    limit, spent = spent_and_limit(flat, context)
    kept = np.flatnonzero(~np.isnan(limit) & ~np.isnan(spent))
    owner, ratio, over = owner[kept], spent[kept] / limit[kept], flat["ended"].to_numpy()[kept].astype(bool)
    order = np.lexsort((ratio, owner))
    case, owner, ratio, over = kept[order], owner[order], ratio[order], over[order]
    first = np.concatenate([[True], (owner[1:] != owner[:-1]) | (ratio[1:] != ratio[:-1])]) if len(owner) else np.zeros(0, bool)
    group = np.cumsum(first) - 1
    count = int(group[-1]) + 1 if len(group) else 0
    leaving = np.bincount(group, minlength=count)
    who, when = owner[first], ratio[first]
    n = np.bincount(owner, minlength=size).astype(float)
    starts = np.concatenate([[0.0], np.cumsum(n)[:-1]]) if size else n
    gone_before = np.concatenate([[0], np.cumsum(leaving)[:-1]]) if count else leaving
    risk = n[who] - (gone_before - starts[who])
    ends = np.bincount(group, weights=over, minlength=count).astype(float)
    return Curves(size, case, owner, ratio, over, group, who, when, ends, risk)


def exploded(lists: pl.Series) -> pl.Series:
    """The elements of a column of lists, one after another."""
    return lists.explode(empty_as_null=False, keep_nulls=False)


def at_limit(sums: pl.DataFrame, part: Callable[[str], str], context: Context) -> tuple[Floats, Floats, Floats]:
    """Survival at each case's own limit, per actor: value (NaN where nobody was followed that far), cases, effective number."""
    return survival_at_limit(curves_of(sums, part, context))


def survival_at_limit(curves: Curves) -> tuple[Floats, Floats, Floats]:
    """As `at_limit`, from the curves."""
    size, n, owner, ratio, d, risk = curves.size, curves.n, curves.owner, curves.ratio, curves.ends, curves.risk
    # only ends up to the limit matter: product of (1 - d/at risk) over the distinct times <= 1
    counted = curves.counted
    reached = np.bincount(owner, weights=ratio >= 1, minlength=size)
    fate = np.bincount(owner, weights=(ratio >= 1) | curves.over, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_s = np.bincount(curves.who[counted], weights=np.log1p(-d[counted] / risk[counted]), minlength=size)
        more = counted & (risk > d)
        green = np.bincount(curves.who[more], weights=d[more] / (risk[more] * (risk[more] - d[more])), minlength=size)
        value = np.exp(log_s)
        variance = value**2 * green
        effective = value * (1 - value) / variance
    # nobody is late, or everybody: the evidence are the cases whose fate at the limit is known
    nothing_left = value < 1e-12
    effective = np.where(variance > 0, effective, fate)
    # while some are left and none was watched up to the limit, the rate there is not known
    known = (n > 0) & ((reached > 0) | nothing_left)
    value = np.where(nothing_left, 0.0, value)
    return np.where(known, value, np.nan), n, np.where(known, np.minimum(effective, n), np.nan)


def spent_and_limit(flat: Mapping[str, pl.Series] | pl.DataFrame, context: Context) -> tuple[Floats, Floats]:
    """Limit and time spent of every case, in the unit of its queue's SLA; NaN where the queue has none."""
    queue = flat["queue"].fill_null("default").to_list()
    chosen = [context.sla.get(name) or context.sla.get("default") for name in queue]
    limit = np.full(len(queue), np.nan)
    spent = np.full(len(queue), np.nan)
    in_hours = np.array([sla is not None and sla.hours is not None for sla in chosen], dtype=bool)
    in_days = np.array([sla is not None and sla.working_days is not None for sla in chosen], dtype=bool)
    elapsed = flat["elapsed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    limit[in_hours] = [sla.hours for sla in chosen if sla is not None and sla.hours is not None]
    spent[in_hours] = elapsed[in_hours] / _HOUR
    if in_days.any():
        calendar = context.calendar or Calendar()
        start, end = flat["start"].to_numpy()[in_days], flat["end"].to_numpy()[in_days]
        limit[in_days] = [sla.working_days for sla in chosen if sla is not None and sla.working_days is not None]
        off = flat["days_off"].to_numpy()[in_days] / 86_400_000_000
        days = calendar.working_days(np.maximum(start, 0), end) - off
        spent[in_days] = np.where(start >= 0, days, np.nan)
    return limit, spent
