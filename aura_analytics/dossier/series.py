"""Rolling series: how a metric of every actor moved over time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, Options
from aura_analytics.cases.extent import WORK
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.dossier.board import check_confidence
from aura_analytics.dossier.in_parts.parted import Reach, parted
from aura_analytics.dossier.in_parts.series import check_own, series_of_parts
from aura_analytics.dossier.series_facts import Readings, rolling_facts
from aura_analytics.dossier.summary import needs_of
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import METRICS, MetricsLike, metrics_named
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules.policy import as_policy
from aura_analytics.tasks import ExecutorLike

__all__ = ["rolling", "step_and_window"]


def rolling(
    events: EventsLike,
    metrics: MetricsLike = None,
    *,
    window: str | timedelta | None = None,
    step: str | timedelta = "1d",
    start: datetime | date | str | None = None,
    end: datetime | date | str | None = None,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    ratings: cases.Counting = "once",
    calendar: CalendarLike = None,
    confidence: float = 0.95,
    executor: ExecutorLike = None,
    scratch: str | Path | None = None,
) -> pl.DataFrame:
    """The metrics of every actor over a window that moves in steps.

    Partial sums per actor and span are accumulated and subtracted, so a year of days costs little more than one dossier. The
    sums are whole numbers, so every value is the dossier's at that moment, with one difference: cases are taken as they stand at
    `end`. A case that was closed at a reading and reopened later does not count as closed at that reading.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    metrics
        Metrics whose sums add up over time (rates and means), and those of judged verdicts, which are counted once a reading; by
        name or your own; default those of the former that stand on the board of people.
    window, step
        Length of the window (`all` is everything up to the reading; default the one of the default policy) and distance between
        readings.
    start, end
        First and last reading. Defaults: the first full step after the first event, and the last event's step end. Readings lie
        at `end`, `end - step`, ... back to `start`.
    attribution, holding, ratings, calendar
        As in `dossiers`.
    confidence
        Two-sided level of the intervals, in (0, 1).
    executor, scratch
        As in `dossiers`; not for metrics about agents whose recommendations others decided on.

    Returns
    -------
    polars.DataFrame
        `actor`, `as_of`, and per metric `<name>`, `<name>_n`, `<name>_lo`, `<name>_hi`. One row per actor and reading, sorted; null
        where the window holds no observation, limits also where dossiers have none.

    Raises
    ------
    ParameterError
        For metrics whose sums do not add up over time (quantiles, last ten, survival) or that depend on what happens after the
        verdict, or spans out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> series = aura.rolling(aura.events.sample(400, seed=1), ["override_rate"], window="30d", step="10d")
    >>> series.columns
    ['actor', 'as_of', 'override_rate', 'override_rate_n', 'override_rate_lo', 'override_rate_hi']
    """
    check_confidence(confidence)
    chosen, hours = _additive(metrics), as_calendar(calendar)
    span = as_policy(None).over(window).window
    stride = times.parse_span(step, name="step")
    from_, to = (None if at is None else times.parse_as_of(at, name=name) for at, name in ((start, "start"), (end, "end")))
    needs = needs_of(chosen)
    if any(one.by_reading for one in chosen):
        needs[DECISIONS] |= {"queue", "own_work", "chance"}
    options = Options(attribution, holding, hours, ratings)
    if executor is not None:
        plans: list[Readings] = []

        def plan(reach: Reach) -> tuple[datetime, datetime] | None:
            if reach.first is None or reach.work is None:
                return None
            plans.append(_readings(reach.first, reach.work, from_, to, span, stride))
            return plans[0].last, plans[0].since

        check_own(chosen)
        with parted(events, plan, needs, options, executor, scratch) as log:
            return series_of_parts(log, chosen, plans[0], confidence, executor) if plans else _empty(chosen)
    lazy = as_events(events)
    ends = lazy.select(first=pl.col("ts").min(), last=pl.col("ts").filter(WORK).max()).collect(engine="streaming")
    if ends["last"][0] is None:
        return _empty(chosen)
    begin, until = (times.parse_as_of(ends[name][0]) for name in ("first", "last"))
    at = _readings(begin, until, from_, to, span, stride)
    facts = cases.build(lazy, at.last, at.since, needs, options)
    return rolling_facts(facts, chosen, at, confidence)


def _readings(
    begin: datetime, until: datetime, start: datetime | None, end: datetime | None, span: timedelta | None, stride: timedelta
) -> Readings:
    last = end if end is not None else _ceil(until, stride)
    first = start if start is not None else begin
    if first > last:
        raise ParameterError(Problem("start lies after end", got=f"{first} > {last}"))
    number = (last - first) // stride + 1
    if span is None:
        span = (-(-max(last - begin, stride) // stride) + 1) * stride
    return Readings(last, number, span, stride, last - stride * (number - 1) - span)


def _additive(metrics: MetricsLike) -> tuple[Metric, ...]:
    if metrics is None:
        return tuple(one for one in METRICS.values() if one.rolls and one.people_board is not None)
    chosen = metrics_named(metrics)
    wrong = [one.name for one in chosen if not (one.rolls or one.by_reading)]
    if wrong:
        possible = ", ".join(name for name, one in METRICS.items() if one.rolls or one.by_reading)
        raise ParameterError(Problem("no rolling series of these metrics", got=wrong, expected=possible))
    return chosen


def _ceil(moment: datetime, stride: timedelta) -> datetime:
    """The end of the step that a moment falls in, counted from 1970."""
    origin = datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    steps = -(-(moment - origin) // stride)
    return times.parse_as_of(origin + stride * steps)


def _empty(metrics: Iterable[Metric]) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {"actor": pl.String(), "as_of": pl.Datetime("us", "UTC")}
    for one in metrics:
        schema |= {one.name + suffix: pl.Int64() if suffix == "_n" else pl.Float64() for suffix in one.series_suffixes}
    return pl.DataFrame(schema=schema)


def step_and_window(first: datetime, end: datetime, window: str | timedelta | None) -> tuple[str, str]:
    """Step and window of a rolling series: about a hundred readings, whatever the length of the log, each over the window of the
    dossiers; of dossiers over the whole log a sixth of it.

    Parameters
    ----------
    first, end
        First and last moment of the log.
    window
        Window of the dossiers; None or `all` is the whole log.

    Examples
    --------
    >>> from datetime import timezone
    >>> step_and_window(datetime(2025, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 1, tzinfo=timezone.utc), "90d")
    ('3d', '90d')
    """
    length = end - times.parse_as_of(first)
    days = max(1, length.days // 100)
    if window not in (None, times.ALL):
        return f"{days}d", times.window_text(times.parse_span(window))
    return f"{days}d", f"{max(days, max(7, length.days // 6) // days * days)}d"
