"""Kaplan-Meier: how long cases take when some are not over yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from aura_analytics.metrics.base import Context

    Floats = NDArray[np.float64]

__all__ = ["at_limit", "kaplan_meier", "median_survival", "spent_and_limit"]

_HOUR = 3.6e9


def kaplan_meier(elapsed: ArrayLike, ended: ArrayLike) -> pl.DataFrame:
    """The survival curve of one group.

    Parameters
    ----------
    elapsed
        How long each case took, or has taken so far. Any unit, not negative, shape (n,).
    ended
        Whether it is over; false censors the case at `elapsed`. Shape (n,).

    Returns
    -------
    polars.DataFrame
        One row per time at which a case ended: `time`, `at_risk`, `ended`, `survival` (probability of lasting longer) and
        `se` (Greenwood).

    Raises
    ------
    ParameterError
        If the shapes differ or a time is negative.

    References
    ----------
    Kaplan EL, Meier P (1958) JASA 53:457-481; Greenwood M (1926).

    Examples
    --------
    >>> kaplan_meier([1, 2, 2, 3], [True, True, False, False])["survival"].to_list()
    [0.75, 0.5]
    """
    time, over = np.asarray(elapsed, dtype=float), np.asarray(ended, dtype=bool)
    if time.shape != over.shape or time.ndim != 1:
        raise ParameterError(
            Problem("elapsed and ended differ in shape", got=(time.shape, over.shape), expected="two equal vectors")
        )
    if time.size and not time.min() >= 0:
        raise ParameterError(Problem("a case took less than no time", got=float(np.nanmin(time))))
    moments, inverse = np.unique(time, return_inverse=True)
    events = np.bincount(inverse, weights=over, minlength=len(moments))
    leaving = np.bincount(inverse, minlength=len(moments))
    at_risk = len(time) - np.concatenate([[0], np.cumsum(leaving)[:-1]]) if len(moments) else leaving
    happened = events > 0
    d, n = events[happened], at_risk[happened].astype(float)
    survival = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(n > d, d / (n * (n - d)), 0))
    return pl.DataFrame(
        {
            "time": moments[happened],
            "at_risk": n.astype(np.int64),
            "ended": d.astype(np.int64),
            "survival": survival,
            "se": survival * np.sqrt(greenwood),
        }
    )


def median_survival(curve: pl.DataFrame) -> float | None:
    """The first time at which at most half are left; None when the curve never gets there.

    Examples
    --------
    >>> median_survival(kaplan_meier([1, 2, 3], [True, True, True]))
    2.0
    """
    reached = curve.filter(pl.col("survival") <= 0.5 + 1e-12)["time"]
    return float(reached[0]) if len(reached) else None


def at_limit(sums: pl.DataFrame, part: Callable[[str], str], context: Context) -> tuple[Floats, Floats, Floats]:
    """Survival at each case's own limit, per actor: value (NaN where nobody was followed that far), cases, effective number.

    A case's time is taken relative to the limit of its queue, so that queues with different limits share one curve.
    """
    lengths = sums[part("elapsed")].list.len().fill_null(0).to_numpy().astype(np.int64)
    size = sums.height
    owner = np.repeat(np.arange(size), lengths)
    flat = {
        name: sums[part(name)].explode(empty_as_null=False, keep_nulls=False)
        for name in ("queue", "start", "end", "elapsed", "days_off", "ended")
    }
    limit, spent = spent_and_limit(flat, context)
    kept = ~np.isnan(limit) & ~np.isnan(spent)
    owner, ratio, over = owner[kept], spent[kept] / limit[kept], flat["ended"].to_numpy()[kept].astype(bool)
    n = np.bincount(owner, minlength=size).astype(float)
    # only ends up to the limit matter: product of (1 - d/at risk) over the distinct times <= 1
    order = np.lexsort((ratio, owner))
    owner, ratio, over = owner[order], ratio[order], over[order]
    first = np.concatenate([[True], (owner[1:] != owner[:-1]) | (ratio[1:] != ratio[:-1])]) if len(owner) else np.zeros(0, bool)
    group = np.cumsum(first) - 1
    count = int(group[-1]) + 1 if len(group) else 0
    d = np.bincount(group, weights=over, minlength=count)
    leaving = np.bincount(group, minlength=count)
    who, when = owner[first], ratio[first]
    starts = np.concatenate([[0.0], np.cumsum(n)[:-1]]) if size else n
    gone_before = np.concatenate([[0], np.cumsum(leaving)[:-1]]) if count else leaving
    risk = n[who] - (gone_before - starts[who])
    counted = (when <= 1) & (d > 0)
    reached = np.bincount(owner, weights=ratio >= 1, minlength=size)
    fate = np.bincount(owner, weights=(ratio >= 1) | over, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_s = np.bincount(who[counted], weights=np.log1p(-d[counted] / risk[counted]), minlength=size)
        more = counted & (risk > d)
        green = np.bincount(who[more], weights=d[more] / (risk[more] * (risk[more] - d[more])), minlength=size)
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
        from aura_analytics.calendars import Calendar

        calendar = context.calendar or Calendar()
        start, end = flat["start"].to_numpy()[in_days], flat["end"].to_numpy()[in_days]
        limit[in_days] = [sla.working_days for sla in chosen if sla is not None and sla.working_days is not None]
        days = calendar.working_days(np.maximum(start, 0), end) - flat["days_off"].to_numpy()[in_days]
        spent[in_days] = np.where(start >= 0, days, np.nan)
    return limit, spent
