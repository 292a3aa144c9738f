"""Dossiers: one row per actor, every number with its n, its interval and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl
from typing_extensions import TypedDict

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, RATINGS, Facts, Options
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.extent import extent
from aura_analytics.cases.window import Window, drill_cases
from aura_analytics.clock import times
from aura_analytics.clock.calendars import Calendar, CalendarLike, as_calendar
from aura_analytics.clock.sla import Sla, SlaLike, parse_sla
from aura_analytics.dossier.counting import queue_names, with_counted
from aura_analytics.dossier.doubts import Seen, bursts
from aura_analytics.dossier.history import first_needed, folded, moments_before, reads_sums
from aura_analytics.dossier.in_parts.board import board_of_parts
from aura_analytics.dossier.pip import with_pip
from aura_analytics.dossier.shown import Board
from aura_analytics.dossier.summary import needs_of, summarise
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import empty as no_events
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import MetricsLike, metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles, with_roles
from aura_analytics.tasks import ExecutorLike

__all__ = [
    "BoardOptions",
    "Count",
    "Judgement",
    "Timing",
    "check_confidence",
    "count_of",
    "dossiers",
]


def check_confidence(confidence: float) -> None:
    """`ParameterError` unless it is a level."""
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))


class Timing(TypedDict):
    """How cases are timed and attributed: keywords of whatever counts them (`dossiers`, `DossierState`, `observations`)."""

    attribution: cases.Attribution
    holding: cases.Holding
    ratings: cases.Counting
    calendar: Calendar | None
    sla: Mapping[str, Sla] | None


class BoardOptions(TypedDict, total=False):
    """What a board may be made with besides events, moment, window and policy: keywords of `dossiers`."""

    metrics: MetricsLike
    attribution: cases.Attribution | None
    holding: cases.Holding | None
    ratings: cases.Counting | None
    calendar: CalendarLike
    sla: SlaLike
    confidence: float
    roles: RolesLike


def dossiers(
    events: EventsLike,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    *,
    metrics: MetricsLike = None,
    attribution: cases.Attribution | None = None,
    holding: cases.Holding | None = None,
    ratings: cases.Counting | None = None,
    calendar: CalendarLike = None,
    sla: SlaLike = None,
    confidence: float = 0.95,
    policy: PolicyLike = None,
    roles: RolesLike = None,
    executor: ExecutorLike = None,
    scratch: str | Path | None = None,
) -> pl.DataFrame:
    """One row per actor: what they did in the window, and how sure the numbers are.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`. A polars frame on the contract is taken as valid.
    as_of
        End of the window, included. Default: the time of the last event about work (HR actions move no window).
    window
        Length of the window `(as_of - window, as_of]`, such as `90d`; `all` is everything up to `as_of`. Default: the policy's own.
    metrics
        Names of metrics, metrics of your own, or a `Catalogue`; default all of the shipped one.
    attribution
        Whom a rating that names no actor is about: `last_decider` (default), `event_actor`, `all_deciders`.
    holding
        Whose time a reassigned case is: `closer` (default; from their assignment on) or `holder` (everyone what they held).
    ratings
        What counts of several ratings of one case by one rater (or by nobody named): `once` (default; the first) or `every`.
    calendar
        Business hours: a `Calendar`, its keys and values, or a YAML file of them; without one every hour counts.
    sla
        Limit of a case: `48h`, `20 working days`, or a mapping by queue with a `default`. Of these five the policy's own hold where
        it says any.
    confidence
        Two-sided level of the intervals, in (0, 1).
    policy
        The policy behind `pip_status`: a `Policy`, the name of a shipped one, or a file; default `Policy.default()`. With
        persistence or hysteresis earlier readings count; the metrics that it reads are added to `metrics`.
    roles
        Declared role of actors, for policies that compare within a role: by actor, or a file of them.
    executor
        Who counts: any `concurrent.futures.Executor` (of processes that are spawned, not forked), or the address of a Dask
        scheduler (`tcp://10.0.0.1:8786`). Files are read where they are, each once; what is made of them is laid into `scratch`
        (about as large as the log, without compression) and counted from there, some actors at a time. The numbers are the same.
        Not for policies with persistence or hysteresis.
    scratch
        A folder that all workers see under the same name; default that of temporary files, for workers on this machine.

    Returns
    -------
    polars.DataFrame
        Sorted by `actor`. `actor`, `actor_kind`, `role`, `as_of`, `counted` (how: window, limits, calendar, attribution, policy,
        number and digest of the events, and how many lie after the end); per metric `<name>`, `<name>_n`, `<name>_lo`, `<name>_hi`,
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
    count = count_of(
        policy,
        window,
        metrics=metrics,
        attribution=attribution,
        holding=holding,
        ratings=ratings,
        calendar=calendar,
        sla=sla,
        confidence=confidence,
        roles=roles,
    )
    end = None if as_of is None else times.parse_as_of(as_of)
    if executor is None:
        return Board.of(count.judged(as_events(events), end).board)
    found = board_of_parts(count, events, end, executor, scratch)
    return Board.of(count.judged(no_events().lazy(), end).board if found is None else found)


class Judgement(NamedTuple):
    """A board with its verdicts.

    Attributes
    ----------
    board
        What `dossiers` returns.
    verdicts
        What `Policy.evaluate` returns for its rows; None where the board lacks a metric that the policy reads.
    past
        What earlier readings left behind; None where one reading is enough.
    """

    board: pl.DataFrame
    verdicts: pl.DataFrame | None
    past: Fold | None


def count_of(
    policy: PolicyLike = None,
    window: str | timedelta | None = None,
    *,
    metrics: MetricsLike = None,
    attribution: cases.Attribution | None = None,
    holding: cases.Holding | None = None,
    ratings: cases.Counting | None = None,
    calendar: CalendarLike = None,
    sla: SlaLike = None,
    confidence: float = 0.95,
    roles: RolesLike = None,
) -> Count:
    """How boards are to be counted, from what a caller says; the parameters and errors are those of `dossiers`."""
    check_confidence(confidence)
    judged, chosen = as_policy(policy).over(window), metrics_named(metrics)
    if policy is not None:
        chosen = metrics_named((*chosen, *judged.reads))
    own = judged.way
    options = Options(
        attribution or own.get("attribution") or "last_decider",
        holding or own.get("holding") or "closer",
        as_calendar(own.get("calendar") if calendar is None else calendar),
        ratings or own.get("ratings") or "once",
    )
    limits = parse_sla(own.get("sla") if sla is None else sla)
    if options.calendar is None and any(limit.business for limit in limits.values()):
        raise ParameterError(
            Problem(
                "business hours need a calendar", got=str(sla), next="give one: calendar={'country': 'US'}, or a file of its keys"
            )
        )
    return Count(judged, chosen, options, limits, confidence, as_roles(roles) or judged.roles)


@dataclass(frozen=True)
class Count:
    """How boards are counted: everything but the events and the moment.

    Parameters
    ----------
    policy
        The policy behind the verdicts, over the window that is counted.
    metrics
        The metrics.
    options
        Attribution and timing.
    sla
        Limits of cases, by queue.
    confidence
        Two-sided level of the intervals.
    roles
        Declared role by actor.
    """

    policy: Policy
    metrics: tuple[Metric, ...]
    options: Options
    sla: Mapping[str, Sla]
    confidence: float
    roles: Mapping[str, str]

    @property
    def timing(self) -> Timing:
        """Attribution, holding, which ratings count, calendar and limits, as the caller or else the policy says."""
        own = self.options
        return {
            "attribution": own.attribution,
            "holding": own.holding,
            "ratings": own.ratings,
            "calendar": own.calendar,
            "sla": self.sla or None,
        }

    def judged(
        self,
        events: pl.LazyFrame,
        as_of: datetime | None = None,
        texts: Literal["all", "reasons", "none"] = "reasons",
    ) -> Judgement:
        """The board of a moment, with verdicts; default the end of the log."""
        reach = extent(events, as_of)
        end = reach.end if as_of is None else as_of
        drills = None if end is None else drill_cases(events.filter(pl.col("ts") <= end))
        window = None if end is None else self._window(events, end, self.metrics, drills)
        past = None if window is None or not self.policy.spec.over_time else self._past(events, window)
        standing = {} if past is None else {name: past.kinds.get(name) for name in past.standing()}
        facts = Facts(datetime.min, None) if window is None else window.facts()
        board = summarise(facts, self.metrics, self.context(end), also=standing)
        since, seen, rated = facts.since, Seen.of(facts.table(DECISIONS), board["actor"]), bursts(facts.table(RATINGS))
        board = with_counted(with_roles(board, self.roles), self, reach, end, queue_names(events, self.sla))

        def agreed(actors: pl.Series) -> pl.Series:
            known = (pl.col("type") == "DECISION") & pl.col("actor").is_in(actors.implode())
            past = events.clear() if window is None else window.past
            return past.filter(known).select(pl.col("actor").unique()).collect(engine="streaming")["actor"]

        found = with_pip(board, since, seen, rated, agreed, self.policy, past, texts)
        return Judgement(*found, past)

    def reading(self, events: pl.LazyFrame, end: datetime, drills: pl.Series) -> pl.DataFrame:
        """Only the numbers that the policy reads, at a moment, with whether everybody ever agreed."""
        window = self._window(events, end, self.policy.reads, drills)
        facts = window.facts()
        board = with_roles(summarise(facts, self.policy.reads, self.context(end)), self.roles)
        if not self.policy.spec.evidence.both_verdicts:
            return board
        said = window.past.filter(pl.col("type") == "DECISION").select(pl.col("actor").unique())
        ever = pl.col("actor").is_in(collect(said)["actor"].implode())
        return board.with_columns(agreed_ever=pl.when(pl.col("override_rate_n") > 0).then(ever))

    def context(self, end: datetime | None) -> Context:
        """What metrics may need to know besides the facts, at a moment."""
        return Context(end or datetime.min, self.confidence, self.sla, self.options.calendar)

    def _window(self, events: pl.LazyFrame, end: datetime, metrics: tuple[Metric, ...], drills: pl.Series | None) -> Window:
        # what is undefined without limits of cases is not followed without them
        needs = needs_of(one for one in metrics if self.sla or not one.needs_sla)
        since = None if self.policy.window is None else end - self.policy.window
        return Window(events, end, since, needs, self.options, drills=drills)

    def _past(self, events: pl.LazyFrame, window: Window) -> Fold:
        """What earlier readings leave behind."""
        end = window.as_of

        def agreed_since() -> dict[str, int]:
            said = window.past.filter(pl.col("type") == "DECISION")
            first = collect(said.group_by("actor").agg(pl.col("ts").min().to_physical()))
            return dict(first.drop_nulls().iter_rows())

        if reads_sums(self.policy):
            needs = needs_of(self.policy.reads)
            since = first_needed(self.policy, end)
            earlier = Window(events, end, since, needs, self.options, beside=window, drills=window.drills)
            return folded(self.policy, earlier.facts(), end, self.roles, agreed_since)
        fold = Fold(self.policy.spec)
        first = collect(events.select(pl.col("ts").min())).item()
        for moment in [] if first is None else moments_before(self.policy, times.parse_as_of(first), end).tolist():
            self.policy.read_into(fold, self.reading(events, times.from_epoch_micros(moment), window.drills))
        return fold
