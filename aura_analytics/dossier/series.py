"""Rolling series: how a metric of every actor moved over time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, Options
from aura_analytics.cases.extent import WORK
from aura_analytics.cases.hindsight import weighted
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.dossier.board import check_confidence
from aura_analytics.dossier.grid import binned
from aura_analytics.dossier.squares import put_together, with_squares
from aura_analytics.dossier.summary import collected, grouped, needs_of
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import METRICS, MetricsLike, metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric, series_of
from aura_analytics.rules.policy import as_policy

__all__ = ["rolling", "rolling_facts", "step_and_window"]


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
    lazy = as_events(events)
    span = as_policy(None).over(window).window
    stride = times.parse_span(step, name="step")
    ends = lazy.select(first=pl.col("ts").min(), last=pl.col("ts").filter(WORK).max()).collect(engine="streaming")
    if ends["last"][0] is None:
        return _empty(chosen)
    begin = times.parse_as_of(ends["first"][0])
    last = times.parse_as_of(end, name="end") if end is not None else _ceil(ends["last"][0], stride)
    first = times.parse_as_of(start, name="start") if start is not None else begin
    if first > last:
        raise ParameterError(Problem("start lies after end", got=f"{first} > {last}"))
    readings = (last - first) // stride + 1
    needs = needs_of(chosen)
    if span is None:
        span = (-(-max(last - begin, stride) // stride) + 1) * stride
    if any(one.by_reading for one in chosen):
        needs[DECISIONS] |= {"queue", "own_work", "chance"}
    facts = cases.build(lazy, last, last - stride * (readings - 1) - span, needs, Options(attribution, holding, hours, ratings))
    return rolling_facts(facts, chosen, last, readings, span, stride, confidence)


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


def rolling_facts(
    facts: cases.Facts,
    chosen: Iterable[Metric],
    last: datetime,
    readings: int,
    span: timedelta,
    stride: timedelta,
    confidence: float,
) -> pl.DataFrame:
    """`rolling` from facts that cover all readings and the window before the first."""
    metrics = tuple(chosen)
    grain = math.gcd(times.micros(span), times.micros(stride))
    per_window, per_step = times.micros(span) // grain, times.micros(stride) // grain
    bins = (readings - 1) * per_step + per_window
    origin = times.epoch_micros(last) - bins * grain
    tables = {(one.table, one.subject): None for one in metrics}
    names = pl.concat([facts.table(fact).select(pl.col(subject).alias("actor")) for fact, subject in tables])
    actors = names["actor"].drop_nulls().unique().sort()
    at = np.arange(readings) * per_step + per_window
    moments = pl.Series(origin + at * grain).cast(pl.Datetime("us", "UTC"))
    size = len(actors)
    out = pl.DataFrame({"actor": pl.Series(np.repeat(np.arange(size), readings)).cast(pl.UInt32)})
    out = out.select(
        actor=actors.gather(out["actor"]), as_of=pl.Series("as_of", moments.gather(np.tile(np.arange(readings), size)))
    )
    code = pl.Enum(actors) if size else None
    columns: list[pl.Series] = []
    counted = _counted_by_reading(facts, [one for one in metrics if one.by_reading], moments, span, confidence)
    for one in metrics:
        if one.by_reading:
            names_of = [one.name + suffix for suffix in one.series_suffixes]
            found_of = out.join(counted, on=["actor", "as_of"], how="left", maintain_order="left")
            columns += [found_of[name].fill_null(0) if name.endswith("_n") else found_of[name] for name in names_of]
            continue
        table = facts.table(one.table)
        if one.subject not in table.columns or code is None:
            table = facts.table(one.table).head(0).with_columns(pl.lit(None, dtype=pl.String).alias(one.subject))
        table = table.filter(pl.col(one.subject).is_not_null())
        who = table[one.subject].cast(code).to_physical().to_numpy().astype(np.int64) if code is not None else np.zeros(0, np.int64)
        # a bin is half-open like the window: (origin + b grain, origin + (b + 1) grain]
        place = (table["ts"].to_physical().to_numpy() - origin - 1) // grain
        inside = (place >= 0) & (place < bins)
        cell = who[inside] * bins + place[inside]
        parts = {name: part.to_numpy()[inside] for name, part in table.select(**one.per_row()).to_dict().items()}
        every = with_squares(one, parts)
        totals = {name: _windowed(cell, values, size, bins, at, per_window) for name, values in every.items()}
        columns += _finished(one, totals, Context(last, confidence))
    return out.with_columns(columns)


def _counted_by_reading(
    facts: cases.Facts, metrics: list[Metric], moments: pl.Series, span: timedelta, confidence: float
) -> pl.DataFrame:
    """The metrics of judged verdicts at every moment, over the window before it: what a judged verdict stands for depends on it."""
    parts = [pl.DataFrame(schema={"actor": pl.String(), "as_of": pl.Datetime("us", "UTC")})]
    parts[0] = parts[0].with_columns(
        pl.lit(None, dtype=pl.Int64 if suffix == "_n" else pl.Float64).alias(one.name + suffix)
        for one in metrics
        for suffix in one.series_suffixes
    )
    table = facts.table(DECISIONS)
    for moment in moments.to_list() if metrics else ():
        inside = table.filter((pl.col("ts") > moment - span) & (pl.col("ts") <= moment))
        if inside.is_empty():
            continue
        again = weighted(inside.drop("weight", "by_chance"))
        for (fact, subject), members in grouped(metrics).items():
            sums = collected(again, (fact, subject), members)
            found = {name: series for one in members for name, series in one.finish(sums, Context(moment, confidence)).items()}
            named = [one.name + suffix for one in members for suffix in one.series_suffixes]
            board = sums.select("actor").with_columns(found[name].alias(name) for name in named)
            parts.append(board.with_columns(as_of=pl.lit(moment).cast(pl.Datetime("us", "UTC"))))
    whole = pl.concat(parts, how="diagonal")
    return whole.group_by("actor", "as_of").agg(pl.all().drop_nulls().first())


def _windowed(cell: np.ndarray, parts: np.ndarray, size: int, bins: int, at: np.ndarray, per_window: int) -> np.ndarray:
    """Sums of whole numbers over the window before each reading, actor after actor."""
    running = np.zeros((size, bins + 1), dtype=np.int64)
    np.cumsum(binned(cell, parts, size * bins).reshape(size, bins), axis=1, out=running[:, 1:])
    return np.asarray(running[:, at] - running[:, at - per_window]).ravel()


def _finished(one: Metric, totals: dict[str, np.ndarray], context: Context) -> list[pl.Series]:
    if one.squares:
        whole = one.finish(put_together(one, totals), context)
        return [whole[one.name + suffix].alias(one.name + suffix) for suffix in one.series_suffixes]
    found = one.in_series(totals, context.confidence)
    columns = {suffix: pl.Series(totals["n"]) if suffix == "_n" else series_of(found[suffix]) for suffix in one.series_suffixes}
    return [values.alias(one.name + suffix) for suffix, values in columns.items()]


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
