"""Dossiers: one row per actor, every number with its n, its interval and its status."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from typing_extensions import TypedDict

from aura_analytics import cases
from aura_analytics.cases import COHORT, DECISIONS, Fact, Facts, Options
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike, parse_sla
from aura_analytics.dossier.pip import with_pip
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import MetricsLike, metrics_named
from aura_analytics.metrics.kinds.base import NO_DATA, NOT_FOR_KIND, STATUSES, Context, Metric
from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles, with_roles

__all__ = ["BoardOptions", "assembled", "check_confidence", "collected", "dossiers", "grouped", "needs_of", "summarise"]

Groups = dict[tuple[Fact, str], list[Metric]]


def check_confidence(confidence: float) -> None:
    """`ParameterError` unless it is a level."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))


def needs_of(metrics: Iterable[Metric]) -> dict[Fact, set[str]]:
    """Which tables of facts, and which of their columns, some metrics read."""
    needs: dict[Fact, set[str]] = {}
    for one in metrics:
        needs.setdefault(one.table, set()).update({one.subject, *one.needs} - {"actor", "ts"})
    return needs


class BoardOptions(TypedDict, total=False):
    """What a board may be made with besides events, moment, window and policy: keywords of `dossiers`."""

    metrics: MetricsLike
    attribution: cases.Attribution
    holding: cases.Holding
    calendar: CalendarLike
    sla: SlaLike
    confidence: float
    roles: RolesLike


def dossiers(
    events: EventsLike,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = "90d",
    *,
    metrics: MetricsLike = None,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    calendar: CalendarLike = None,
    sla: SlaLike = None,
    confidence: float = 0.95,
    policy: PolicyLike = None,
    roles: RolesLike = None,
) -> pl.DataFrame:
    """One row per actor: what they did in the window, and how sure the numbers are.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`. A polars frame on the contract is taken as valid.
    as_of
        End of the window, included. Default: the time of the last event.
    window
        Length of the window `(as_of - window, as_of]`, such as `90d`; None is the whole log up to `as_of`.
    metrics
        Names of metrics, metrics of your own, or a `Catalogue`; default all of the shipped one.
    attribution
        Whom a rating that names no actor is about: `last_decider`, `event_actor`, `all_deciders`.
    holding
        Whose time a reassigned case is: `closer` (from their assignment on) or `holder` (everyone what they held).
    calendar
        Business hours: a `Calendar`, or its keys and values; None counts every hour.
    sla
        Limit of a case: `48h`, `20 working days`, or a mapping by queue with a `default`.
    confidence
        Two-sided level of the intervals, in (0, 1).
    policy
        The policy behind `pip_status`: a `Policy`, the name of a shipped one, or a file; default the evidence-gated one.
    roles
        Declared role of actors, for policies that compare within a role: by actor, or a file of them.

    Returns
    -------
    polars.DataFrame
        Sorted by `actor`. `actor`, `actor_kind`, `role`, `as_of`; per metric `<name>`, `<name>_n`, `<name>_lo`, `<name>_hi`,
        `<name>_status` (`ok`, `no_data`, `not_for_kind`, `no_target`); `agreed_ever` (whether the actor ever issued an agreeing
        verdict); `pip_recommended` (the tracker's rule, exactly), `pip_status` (`insufficient`, `clear`, `watch`, `flag`),
        `pip_reasons`; `warnings` on the data behind the row. Fractions, hours, stars; null where undefined, the status says why.

    Raises
    ------
    InputError, SchemaError
        If that holds no events, or they cannot be brought onto the contract.
    EventError
        If values that are counted break it (stars outside 1-5, scores outside 0-100).
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> board = aura.dossiers(aura.events.sample(400, seed=1))
    >>> board.filter(actor="officer_anne").select("override_rate", "override_rate_n", "pip_status").row(0)
    (0.3181818181818182, 22, 'watch')
    """
    check_confidence(confidence)
    chosen, judged, declared = metrics_named(metrics), as_policy(policy), as_roles(roles)
    hours, limits = as_calendar(calendar), parse_sla(sla)
    options = Options(attribution, holding, hours)
    lazy = as_events(events)
    end = _end(lazy) if as_of is None else times.parse_as_of(as_of)
    since = None if window is None or end is None else end - times.parse_span(window)
    context = Context(end or datetime.min, confidence, limits, hours)
    if end is None:
        facts = Facts(datetime.min, None)
    else:
        needs = needs_of(chosen)
        if not context.sla and all(one.needs_sla for one in chosen if one.table == COHORT):
            needs.pop(COHORT, None)
        facts = cases.build(lazy, end, since, needs, options)
    board = summarise(facts, chosen, context)

    def agreed(actors: pl.Series) -> pl.Series:
        known = (pl.col("ts") <= facts.as_of) & (pl.col("type") == "DECISION") & pl.col("actor").is_in(actors.implode())
        return lazy.filter(known).select(pl.col("actor").unique()).collect(engine="streaming")["actor"]

    return with_pip(with_roles(board, declared), facts.since, facts.table(DECISIONS), agreed, judged)


def _end(events: pl.LazyFrame) -> datetime | None:
    last = events.select(pl.col("ts").max()).collect(engine="streaming").item()
    return last if last is None else times.parse_as_of(last)


def grouped(metrics: Iterable[Metric]) -> Groups:
    """The metrics by the table of facts that they read and the column that names whom they are about."""
    groups: Groups = {}
    for one in metrics:
        groups.setdefault((one.table, one.subject), []).append(one)
    return groups


def summarise(facts: Facts, metrics: Iterable[Metric], context: Context) -> pl.DataFrame:
    """The metrics of every actor that the facts know, as columns of one table sorted by actor."""
    chosen = tuple(metrics)
    tables = {key: collected(facts.table(key[0]), key, members) for key, members in grouped(chosen).items()}
    named = [table.select("actor", "__kind", own=pl.lit(subject == "actor")) for (_, subject), table in tables.items()]
    board = _actors(named, context)
    aligned = {
        key: board.select("actor").join(table, on="actor", how="left", maintain_order="left") for key, table in tables.items()
    }
    return assembled(board, chosen, lambda one: one.finish(aligned[one.table, one.subject], context))


def collected(table: pl.DataFrame, key: tuple[Fact, str], members: list[Metric]) -> pl.DataFrame:
    """One row per actor with what the metrics collect, and `__kind`."""
    fact, subject = key
    if subject not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias(subject))
    fact.check(table)
    wanted = [expression for one in members for expression in one.collect()]
    known = SCHEMA["actor_kind"]
    if subject == "actor" and "actor_kind" in table.columns:
        kind = pl.col("actor_kind").min()  # who ever acted as an officer is judged as one
    else:
        kind = pl.lit("agent" if subject == "agent" else None).cast(known).first()
    rows = table.lazy().filter(pl.col(subject).is_not_null()).group_by(actor=pl.col(subject))
    return rows.agg(*wanted, __kind=kind).collect()


def assembled(board: pl.DataFrame, metrics: Iterable[Metric], columns_of: Callable[[Metric], dict[str, pl.Series]]) -> pl.DataFrame:
    """Dossier columns, with their status in words, beside `actor`, `actor_kind` and `as_of`."""
    columns: list[pl.Series] = []
    kind_of = board["actor_kind"].cast(pl.String)
    foreign: dict[tuple[str, ...], np.ndarray] = {}
    for one in metrics:
        if one.kinds not in foreign:
            foreign[one.kinds] = (~kind_of.is_in(one.kinds)).fill_null(value=False).to_numpy()
        for name, series in columns_of(one).items():
            values = series
            if name.endswith("_status"):
                status = series.to_numpy()
                codes = np.where(foreign[one.kinds] & (status == NO_DATA), NOT_FOR_KIND, status)
                values = _WORDS.gather(codes)
            columns.append(values.alias(name))
    return board.with_columns(columns)


_WORDS = pl.Series(STATUSES, dtype=pl.String)


def _actors(kinds: list[pl.DataFrame], context: Context) -> pl.DataFrame:
    schema = {"actor": pl.String(), "__kind": SCHEMA["actor_kind"], "own": pl.Boolean()}
    everyone = pl.concat(kinds) if kinds else pl.DataFrame(schema=schema)
    # being named as somebody's agent counts only for who never acted under a kind of their own
    own, other = pl.col("__kind").filter("own").min(), pl.col("__kind").filter(~pl.col("own")).min()
    board = everyone.lazy().group_by("actor").agg(actor_kind=pl.coalesce(own, other)).sort("actor").collect()
    return board.with_columns(as_of=pl.lit(context.as_of).cast(pl.Datetime("us", "UTC")))
