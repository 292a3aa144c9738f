"""What stands behind a number: every observation that a metric of an actor rests on, so that anybody can count again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import Fact, Options, Window
from aura_analytics.cases.collecting import FEW, collect, in_memory
from aura_analytics.cases.extent import last_work
from aura_analytics.cases.own_events import of_actor
from aura_analytics.cases.truth import last_truth, words_of
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import Sla, SlaLike, parse_sla
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.rules.policy import as_policy

__all__ = ["latest_observations", "observations"]

_SCHEMA = {
    "case_id": pl.String(),
    "ts": pl.Datetime("us", "UTC"),
    "value": pl.Float64(),
    "ended": pl.Boolean(),
    "agent": pl.String(),
    "ai_recommendation": pl.String(),
    "human_verdict": pl.String(),
    "stars": pl.Float64(),
    "truth": pl.String(),
    "disputed": pl.Boolean(),
}


def observations(
    events: EventsLike,
    actor: str,
    metric: str | Metric = "override_rate",
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    *,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    ratings: cases.Counting = "once",
    calendar: CalendarLike = None,
    sla: SlaLike = None,
) -> pl.DataFrame:
    """Every observation behind a number of an actor's dossier.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    actor
        Whose number.
    metric
        Which number, by name or your own metric.
    as_of, window, attribution, holding, ratings, calendar, sla
        As in `aura.dossiers`; default window that of the default policy.

    Returns
    -------
    polars.DataFrame
        One row per observation, the latest first; as many as the dossier's `<name>_n` says (of `open_cases`: as its value says).
        `case_id`; `ts` (of the verdict, rating, score, outcome or resolution; of an open case and for the SLA, when its clock
        started); `value`: 1 or 0 for a share, otherwise in the metric's unit, hours waited of an open case, and for the SLA the
        time spent as a multiple of the case's limit; `ended` (false: still open, so the value is what it is so far). Then what is
        known of the case at `as_of`: `agent`, `ai_recommendation` and `human_verdict` (of this verdict where the metric counts
        verdicts, otherwise of the case's last one), `stars` (last rating), `truth` (last adjudication, or else last outcome about
        the verdict: `success` and its like are about the work; of a drill what it says is right) and `disputed` (whether two
        adjudications say different things).

    Raises
    ------
    ParameterError
        If there is no such metric.
    InputError, SchemaError, EventError
        As `aura.dossiers`.

    Notes
    -----
    Means and shares of `value` are the dossier's number, quantiles of it its quantiles; Kaplan-Meier of (`value`, `ended`) at 1 is
    one less the SLA breach rate. Somebody without observations has none here.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.sample(400, seed=1)
    >>> found = aura.observations(log, "officer_anne", "override_rate")
    >>> found.height, found["value"].mean()
    (22, 0.3181818181818182)
    """
    (one,) = metrics_named(metric)
    hours, limits = as_calendar(calendar), parse_sla(sla)
    lazy = as_events(events)
    if as_of is None:
        last = last_work(lazy)
        if last is None:
            return pl.DataFrame(schema=_SCHEMA)
        end = last
    else:
        end = times.parse_as_of(as_of)
    span = as_policy(None).over(window).window
    since = None if span is None else end - span
    own = collect(of_actor(lazy, actor))
    with in_memory() if own.height < FEW else nullcontext():
        needs = {one.subject, *one.needs} - {"actor", "ts"}
        fact = one.table
        table = fact.trace(Window(own.lazy(), end, since, {fact: needs}, Options(attribution, holding, hours, ratings)), needs)
        rows = one.observed(table.filter(pl.col(one.subject) == actor), Context(end, sla=limits, calendar=hours))
        found = _with_case(rows, own.lazy().filter(pl.col("ts") <= end))
    return found.sort("ts", "case_id", "value", descending=[True, False, False], nulls_last=True)


def latest_observations(
    own: pl.DataFrame,
    actors: list[str],
    metrics: Iterable[Metric],
    end: datetime,
    since: datetime | None,
    options: Options,
    sla: Mapping[str, Sla] | None,
    most: int,
) -> Iterator[tuple[Metric, pl.DataFrame]]:
    """The latest observations of many actors behind many numbers: what `observations` says of each, with `of` (whose) and `total`
    (how many there are), at most so many of each. A fact is followed once, whatever counts it.

    Parameters
    ----------
    own
        The events of these actors and of their cases.
    actors
        Whose.
    metrics
        Behind which numbers.
    end, since
        The window `(since, end]`.
    options, sla
        How cases are attributed and timed.
    most
        Rows of each actor and number, at most.
    """
    past, context = own.lazy().filter(pl.col("ts") <= end), Context(end, sla=sla or {}, calendar=options.calendar)
    facts: dict[Fact, list[Metric]] = {}
    for one in metrics:
        facts.setdefault(one.table, []).append(one)
    with in_memory() if own.height < FEW else nullcontext():
        beside = _known_of(past)
        names = pl.Series(actors, dtype=pl.String).implode()
        for fact, members in facts.items():
            needs = {name for one in members for name in (one.subject, *one.needs)} - {"actor", "ts"}
            table = fact.trace(Window(own.lazy(), end, since, {fact: needs}, options), needs)
            for one in members:
                mine = table.filter(pl.col(one.subject).is_in(names))
                parts = [mine] if one.row_by_row else mine.partition_by(one.subject)
                seen = [one.observed(part, context) for part in parts if part.height]
                if not seen:
                    continue
                named = pl.concat(seen).with_columns(of=pl.col(one.subject))
                rows = named.sort("ts", "case_id", "value", descending=[True, False, False], nulls_last=True)
                rows = rows.with_columns(total=pl.len().over("of")).group_by("of", maintain_order=True).head(most)
                yield one, _joined(rows, beside, ("of", "total"))


def _with_case(rows: pl.DataFrame, own: pl.LazyFrame) -> pl.DataFrame:
    """Add what is known of the case."""
    return _joined(rows, _known_of(own))


_WORDS = ("agent", "ai_recommendation", "human_verdict")


def _known_of(own: pl.LazyFrame) -> tuple[pl.DataFrame, ...]:
    """What is known of every case: its last verdict, its stars, its truth."""
    said = collect(own.filter(pl.col("type").is_in(["DECISION", "OVERRIDE", "SAT_SCORE"]) & pl.col("case_id").is_not_null()))
    ordered = said.sort("ts", "event_id")
    about = pl.col("type").is_in(["DECISION", "OVERRIDE"])
    verdicts = ordered.filter(about).group_by("case_id").agg(pl.col(name).last().alias(f"last_{name}") for name in _WORDS)
    stars = ordered.filter(type="SAT_SCORE").group_by("case_id").agg(stars=pl.col("value").last())
    said = collect(own.filter((pl.col("type") == "DRILL") & pl.col("case_id").is_not_null()).sort("ts", "outcome"))
    planted = said.select("case_id", truth="outcome", disputed=False).unique("case_id", keep="last")
    truth = last_truth(own, lambda: words_of(own)).filter(pl.col("case_id").is_not_null()).select(planted.columns)
    truth = pl.concat([truth.join(planted, on="case_id", how="anti"), planted])
    return verdicts, stars, truth


def _joined(rows: pl.DataFrame, known: Iterable[pl.DataFrame], also: tuple[str, ...] = ()) -> pl.DataFrame:
    rows = rows.drop("truth", "disputed", strict=False)
    for part in known:
        rows = rows.join(part, on="case_id", how="left", maintain_order="left")
    own_words = [pl.col(name) if name in rows.columns else pl.col(f"last_{name}").alias(name) for name in _WORDS]
    return rows.with_columns(own_words).select(*also, *(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()))
