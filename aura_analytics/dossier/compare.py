"""Two of them compared: officers, agents, queues or spans of time, paired or not, with what would have to be ruled out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics import cases
from aura_analytics.cases import COHORT, Options, Window
from aura_analytics.cases.collecting import collect
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike, parse_sla
from aura_analytics.dossier.asked_window import AskedWindow, asked_window
from aura_analytics.dossier.comparison import Compared
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.io.front_door import EventsLike
from aura_analytics.learning.comparisons import difference, paired_difference
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.audited import AuditedRate, Weighted
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.mean import LastMean, Mean
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.statistics.comparing import mean_difference
from aura_analytics.statistics.exact_tests import fisher_test, mcnemar_test, paired_permutation_test, permutation_test
from aura_analytics.statistics.waiting import log_rank, median_limits, restricted_mean, restricted_mean_difference

__all__ = ["compare"]

Group = str | Mapping[str, Any]
_KEYS = ("actor", "queue", "agent", "since", "until")
_HOUR = 3.6e9
_LEAST = 2
WAITING = "hours"


def compare(
    events: EventsLike,
    first: Group,
    second: Group,
    metric: str | Metric = "override_rate",
    *,
    paired: bool = False,
    margin: float | None = None,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    until: float | None = None,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    ratings: cases.Counting = "once",
    calendar: CalendarLike = None,
    sla: SlaLike = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Compared:
    """Compare two officers, agents, queues or spans of time by a number of theirs.

    Two groups of other cases differ in more than what they are compared by: **do not conclude** that the one causes the difference,
    and see `case_mix` for what their cases explain. One comparison of many that were looked at is not what its p-value says.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    first, second
        A name of an actor, or a mapping of what an observation must have: `actor`, `queue`, `agent` (a name or several), `since`
        and `until` (moments; from `since` on and before `until`).
    metric
        A share or a mean of single observations, by name or your own; or `hours`: how long cases take from assignment, those that
        are open among them.
    paired
        Compare the same cases only, by their last observation of each group.
    margin
        What may be lost, in the metric's unit, above 0 (0.05 is five points): asks whether the first is worse than the second by
        more than that, by the metric's direction (a neutral one counts as better where it is lower).
    as_of, window, attribution, holding, ratings, calendar, sla
        As in `dossiers`; the window is by default that of the default policy, and the whole log where a group says `since` or
        `until`.
    until
        Horizon of `hours`; default the longest that both were followed.
    confidence
        Two-sided level, in (0, 1).
    seed
        The same seed draws the same permutations.

    Returns
    -------
    Compared
        Both groups, the difference with limits, the test, and what follows. Shares: Newcombe's limits and Fisher's exact test
        (paired: the exact test of McNemar); shares among audits that stand for unequally many at their effective numbers. Means:
        Welch's limits and a permutation test. Hours: restricted means and the log-rank test.

    Raises
    ------
    ParameterError
        For groups, a metric or numbers that cannot be compared, and where a group has fewer than two observations.
    InputError, SchemaError, EventError
        As `dossiers`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.compare(aura.sample_log(2000, seed=1), "officer_anne@sba.gov", "officer_bob@sba.gov")
    >>> found.conclusion, found.test
    ('differs', "Fisher's exact test")
    """
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    if margin is not None and not margin > 0:
        raise ParameterError(Problem("margin is out of range", got=margin, expected="a number above 0, in the metric's unit"))
    hours, limits = as_calendar(calendar), parse_sla(sla)
    one = None if metric == WAITING else metrics_named(metric)[0]
    groups = [_group(first), _group(second)]
    dated = any({"since", "until"} & set(group) for group in groups)
    asked = asked_window(events, as_of, "all" if window is None and dated else window)
    if asked is None:
        raise ParameterError(Problem("there is nothing to compare", got="a log without work"))
    options = Options(attribution, holding, hours, ratings)
    rows = _observed(asked, one, options, Context(asked.end, confidence, limits, hours))
    rows = _of_cases(rows, asked.events.filter(pl.col("ts") <= asked.end), {key for group in groups for key in group})
    parts = [_of(rows.with_row_index("__row"), group, one) for group in groups]
    both = parts[0].join(parts[1], on="__row", how="semi").height
    if both:
        hint = "groups must not overlap: say of the second what the first is not"
        raise ParameterError(Problem("some observations are in both groups", got=f"{both:,}", next=hint))
    labels = [_label(group) for group in groups]
    for label, part in zip(labels, parts, strict=True):
        if part.height < _LEAST:
            next_ = "ask for a longer window, or another group"
            raise ParameterError(Problem(f"too few observations of {label}", got=part.height, expected="at least 2", next=next_))
    if one is None:
        if paired or margin is not None:
            raise ParameterError(Problem("hours are compared unpaired and without a margin", got="paired or margin"))
        return _waiting(labels, parts, until, confidence)
    return _compared(one, labels, parts, paired=paired, margin=margin, confidence=confidence, seed=seed)


def _group(given: Group) -> dict[str, Any]:
    group = {"actor": given} if isinstance(given, str) else dict(given) if isinstance(given, Mapping) else None
    if not group:
        raise ParameterError(Problem("a group is a name or a mapping", got=given, expected=f"keys {', '.join(_KEYS)}"))
    for key in group:
        if key not in _KEYS:
            raise ParameterError(
                Problem("unknown key of a group", got=key, expected=", ".join(_KEYS), next=close_match(str(key), _KEYS))
            )
    return group


def _label(group: Mapping[str, Any]) -> str:
    parts = []
    for key, value in group.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple, set)) else str(value)
        parts.append(text if key == "actor" else f"{key} {text}")
    return ", ".join(parts)


def _observed(asked: AskedWindow, one: Metric | None, options: Options, context: Context) -> pl.DataFrame:
    fact = COHORT if one is None else one.table
    needs = {"queue", "start", "elapsed", "ended"} if one is None else {one.subject, *one.needs} - {"actor", "ts"}
    needs |= {"queue", "agent"} & set(fact.schema)
    table = fact.trace(Window(*asked, {fact: needs}, options), needs)
    if one is None:
        start = pl.from_epoch("start", "us").dt.replace_time_zone("UTC")
        return table.with_columns(ts=start, value=pl.col("elapsed") / _HOUR)
    if not isinstance(one, (Rate, Mean)) or isinstance(one, LastMean):
        expected, hint = "a share, a mean, or 'hours'", "hours are compared with their medians and limits by metric='hours'"
        raise ParameterError(Problem("that cannot be compared by its observations", got=one.name, expected=expected, next=hint))
    return one.observed(table, context)


def _of_cases(rows: pl.DataFrame, past: pl.LazyFrame, asked: set[str]) -> pl.DataFrame:
    """With the queue and the agent of the case (the last that its events say), where observations do not say them themselves."""
    for name in ("queue", "agent"):
        if name in asked and name not in rows.columns and "case_id" in rows.columns:
            said = past.filter(pl.col(name).is_not_null() & pl.col("case_id").is_not_null()).select(
                "case_id", "ts", "event_id", name
            )
            of_case = collect(said.sort("ts", "event_id").group_by("case_id").agg(pl.col(name).last()))
            rows = rows.join(of_case, on="case_id", how="left", maintain_order="left")
    return rows


def _of(rows: pl.DataFrame, group: Mapping[str, Any], one: Metric | None) -> pl.DataFrame:
    kept = pl.lit(value=True)
    for key, value in group.items():
        if key in ("since", "until"):
            moment = times.parse_as_of(value)
            kept &= pl.col("ts") >= moment if key == "since" else pl.col("ts") < moment
            continue
        column = "actor" if one is None or key != "actor" else one.subject
        column = key if key != "actor" else column
        if column not in rows.columns:
            raise ParameterError(Problem(f"these observations have no {key}", got=value, expected=", ".join(rows.columns)))
        kept &= pl.col(column).is_in(list(value) if isinstance(value, (list, tuple, set)) else [value])
    return rows.filter(kept & pl.col("value").is_not_null())


def _compared(
    one: Metric, labels: list[str], parts: list[pl.DataFrame], *, paired: bool, margin: float | None, confidence: float, seed: int
) -> Compared:
    share = one.unit == "fraction" and all(part["value"].is_in([0.0, 1.0]).all() for part in parts)
    if paired:
        both = _pairs(parts)
        a, b = (both[side].to_numpy() for side in ("first", "second"))
    else:
        a, b = (part["value"].to_numpy() for part in parts)
    gap = float(a.mean() - b.mean())
    weighed = isinstance(one, AuditedRate) and not paired and pl.concat([part["weight"] for part in parts]).n_unique() > 1
    if weighed:
        return _weighed(one, labels, parts, margin, confidence)
    if share and paired:
        only = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
        low, high = paired_difference(int(((a == 1) & (b == 1)).sum()), *only, int(((a == 0) & (b == 0)).sum()), confidence)
        p, test = mcnemar_test(*only), "the exact test of McNemar"
    elif share:
        counts = int(a.sum()), len(a), int(b.sum()), len(b)
        lows, highs = difference([counts[0]], [counts[1]], [counts[2]], [counts[3]], confidence)
        low, high, p, test = float(lows[0]), float(highs[0]), fisher_test(*counts), "Fisher's exact test"
    else:
        found = mean_difference(a, b, paired=paired, confidence=confidence)
        low, high = found.lo, found.hi
        p = paired_permutation_test(a - b, seed=seed) if paired else permutation_test(a, b, seed=seed)
        test = "a permutation test"
    one_side, other_side = (
        {"label": label, "n": len(x), "value": float(x.mean())} for label, x in zip(labels, (a, b), strict=True)
    )
    return Compared(
        one.name,
        one.unit,
        one_side,
        other_side,
        gap,
        low,
        high,
        p,
        test,
        _conclusion(one, low, high, p, margin, confidence),
        paired=paired,
        pairs=len(a) if paired else None,
        margin=margin,
        confidence=confidence,
    )


def _weighed(one: Metric, labels: list[str], parts: list[pl.DataFrame], margin: float | None, confidence: float) -> Compared:
    """Shares among audited verdicts that stand for unequally many: at the numbers that are as precise."""
    sums = pl.concat([part.select(*Weighted.sums(pl.col("value") == 1, pl.lit(value=True), "")) for part in parts])
    found = Weighted.of(sums, "")
    k, n = found.value * found.n_eff, found.n_eff
    low, high = difference(k[:1], n[:1], k[1:], n[1:], confidence)
    pooled = k.sum() / n.sum()
    z = float((found.value[0] - found.value[1]) / max(pooled * (1 - pooled) * (1 / n).sum(), 1e-300) ** 0.5)
    p = float(2 * NormalDist().cdf(-abs(z)))
    one_side, other_side = (
        {"label": label, "n": int(found.n[i]), "value": float(found.value[i]), "n_eff": float(n[i])}
        for i, label in enumerate(labels)
    )
    lowest, highest = float(low[0]), float(high[0])
    return Compared(
        one.name,
        one.unit,
        one_side,
        other_side,
        float(found.value[0] - found.value[1]),
        lowest,
        highest,
        p,
        "a score test at the effective numbers of audits",
        _conclusion(one, lowest, highest, p, margin, confidence),
        margin=margin,
        confidence=confidence,
    )


def _conclusion(one: Metric, low: float, high: float, p: float, margin: float | None, confidence: float) -> str:
    if margin is None:
        return "differs" if p < 1 - confidence and (low > 0 or high < 0) else "not_settled"
    worst, best = (-low, -high) if one.direction == "higher" else (high, low)  # how much worse the first may be, and at least is
    return "not_worse" if worst < margin else "worse" if best > margin else "not_settled"


def _pairs(parts: list[pl.DataFrame]) -> pl.DataFrame:
    last = [
        part.filter(pl.col("case_id").is_not_null()).sort("ts", "value").group_by("case_id").agg(pl.col("value").last().alias(name))
        for part, name in zip(parts, ("first", "second"), strict=True)
    ]
    both = last[0].join(last[1], on="case_id").sort("case_id")
    if both.height < _LEAST:
        hint = "compare unpaired, or groups that had the same cases"
        raise ParameterError(Problem("too few cases of both", got=both.height, expected="at least 2", next=hint))
    return both


def _waiting(labels: list[str], parts: list[pl.DataFrame], until: float | None, confidence: float) -> Compared:
    pairs: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = [
        (part["value"].to_numpy(), part["ended"].to_numpy().astype(bool)) for part in parts
    ]
    horizon = until if until is not None else float(min(time.max() for time, _ in pairs))
    gap = restricted_mean_difference(pairs[0], pairs[1], horizon, confidence)
    test = log_rank(pairs)
    sides: list[dict[str, Any]] = []
    for label, (time, over) in zip(labels, pairs, strict=True):
        median, low, high = median_limits(time, over, confidence)
        known = {"median": median, "median_lo": low, "median_hi": high, "open": int((~over).sum())}
        sides.append({"label": label, "n": len(time), "value": restricted_mean(time, over, horizon, confidence).value} | known)
    return Compared(
        WAITING,
        "hours",
        sides[0],
        sides[1],
        gap.value,
        gap.lo,
        gap.hi,
        test.p_value,
        "the log-rank test",
        "differs" if test.p_value < 1 - confidence else "not_settled",
        until=horizon,
        confidence=confidence,
    )
