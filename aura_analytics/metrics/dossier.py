"""Dossiers: one row per actor, every number with its n, its interval and its status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics import cases, times
from aura_analytics.cases import Facts, Options
from aura_analytics.errors import EventError, ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.metrics.base import NO_DATA, NOT_FOR_KIND, STATUSES, Context, Metric, Sla
from aura_analytics.metrics.registry import metrics_named

if TYPE_CHECKING:
    from aura_analytics.calendars import Calendar
    from aura_analytics.rules.policy import Policy

__all__ = [
    "assembled",
    "check_confidence",
    "check_values",
    "collected",
    "dossiers",
    "grouped",
    "needs_of",
    "parse_sla",
    "pip_recommended",
    "summarise",
]


def parse_sla(sla: str | Sla | Mapping[str, str | Sla] | None) -> dict[str, Sla]:
    """SLA limits by queue, from text such as `48h`, `10d` (days around the clock) or `20 working days`.

    Examples
    --------
    >>> parse_sla({"default": "48h", "foia": "20 working days"})["foia"].working_days
    20
    """
    if sla is None:
        return {}
    given = sla if isinstance(sla, Mapping) else {"default": sla}
    return {queue: limit if isinstance(limit, Sla) else _one_sla(limit, queue) for queue, limit in given.items()}


def _one_sla(text: str, queue: str) -> Sla:
    words = str(text).split()
    if len(words) == 3 and words[0].isdigit() and int(words[0]) > 0 and words[1:] in (["working", "days"], ["working", "day"]):
        return Sla(working_days=int(words[0]))
    try:
        return Sla(hours=times.parse_span(str(text)).total_seconds() / 3600)
    except ParameterError:
        expected = "such as '48h', '10d' or '20 working days'"
        raise ParameterError(Problem("an SLA cannot be read", got=text, expected=expected, where=f"queue {queue!r}")) from None


def check_confidence(confidence: float) -> None:
    """`ParameterError` unless it is a level."""
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))


def needs_of(metrics: Iterable[Metric]) -> dict[str, set[str]]:
    """Which tables of facts, and which of their columns, some metrics read."""
    needs: dict[str, set[str]] = {}
    for one in metrics:
        needs.setdefault(one.fact, set()).update({one.subject, *one.needs} - {"actor", "ts"})
    return needs


def pip_recommended(rate: pl.Expr, mean_stars: pl.Expr) -> pl.Expr:
    """The tracker's own rule: `rate > 0.3 and (mean or 5) < 3`; a mean that is missing or 0 counts as 5.

    Examples
    --------
    >>> table = pl.DataFrame({"rate": [0.42, 0.5], "mean": [2.1, None]})
    >>> table.select(pip_recommended(pl.col("rate"), pl.col("mean"))).to_series().to_list()
    [True, False]
    """
    stars = pl.when(mean_stars.is_null() | (mean_stars == 0)).then(5.0).otherwise(mean_stars)
    return (rate > 0.3) & (stars < 3)


def dossiers(
    events: pl.LazyFrame | pl.DataFrame,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = "90d",
    *,
    metrics: Iterable[str | Metric] | None = None,
    attribution: cases.Attribution = "last_decider",
    holding: cases.Holding = "closer",
    calendar: Calendar | None = None,
    sla: str | Sla | Mapping[str, str | Sla] | None = None,
    confidence: float = 0.95,
    policy: Policy | None = None,
    roles: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """One row per actor: what they did in the window, and how sure the numbers are.

    Parameters
    ----------
    events
        Events on the contract; their rows are taken as valid (`events.validate`).
    as_of
        End of the window, included. Default: the time of the last event.
    window
        Length of the window `(as_of - window, as_of]`, such as `90d`; None is the whole log up to `as_of`.
    metrics
        Names of metrics, or metrics of your own; default all.
    attribution
        Whom a rating that names no actor is about: `last_decider`, `event_actor`, `all_deciders`.
    holding
        Whose time a reassigned case is: `closer` (from their assignment on) or `holder` (everyone what they held).
    calendar
        Business hours; None counts every hour.
    sla
        Limit of a case: `48h`, `20 working days`, or a mapping by queue with a `default`.
    confidence
        Two-sided level of the intervals, in (0, 1).
    policy
        The policy behind `pip_status`; default the evidence-gated one that comes with the package.
    roles
        Declared role of actors, for policies that compare within a role.

    Returns
    -------
    polars.DataFrame
        Sorted by `actor`. `actor`, `actor_kind`, `role`, `as_of`; per metric `<name>`, `<name>_n`, `<name>_lo`, `<name>_hi`,
        `<name>_status` (`ok`, `no_data`, `not_for_kind`, `no_target`); `agreed_ever` (whether the actor ever issued an agreeing
        verdict); `pip_recommended` (the tracker's rule, exactly), `pip_status` (`insufficient`, `clear`, `watch`, `flag`),
        `pip_reasons`; `warnings` on the data behind the row. Fractions, hours, stars; null where undefined, the status says why.

    Raises
    ------
    SchemaError
        If the events are not on the contract.
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
    lazy = cases.check_schema(events)
    check_confidence(confidence)
    chosen = metrics_named(metrics)
    options = Options(attribution, holding, calendar)
    end = _end(lazy) if as_of is None else times.parse_as_of(as_of)
    since = None if window is None or end is None else end - times.parse_span(window)
    context = Context(end or datetime.min, confidence, parse_sla(sla), calendar)
    if end is None:
        facts = Facts(datetime.min, None)
    else:
        needs = needs_of(chosen)
        if not context.sla:
            needs.pop("cohort", None)
        facts = cases.build(lazy, end, since, needs, options)
    board = summarise(facts, chosen, context)

    def agreed(actors: pl.Series) -> pl.Series:
        known = (pl.col("ts") <= facts.as_of) & (pl.col("type") == "DECISION") & pl.col("actor").is_in(actors.implode())
        return lazy.filter(known).select(pl.col("actor").unique()).collect(engine="streaming")["actor"]

    return with_pip(with_roles(board, roles), facts, agreed, policy)


def _end(events: pl.LazyFrame) -> datetime | None:
    last = events.select(pl.col("ts").max()).collect(engine="streaming").item()
    return last if last is None else times.parse_as_of(last)


def with_roles(board: pl.DataFrame, roles: Mapping[str, str] | None) -> pl.DataFrame:
    role = pl.lit(None, dtype=pl.String) if not roles else pl.col("actor").replace_strict(
        list(roles), list(roles.values()), default=None, return_dtype=pl.String)  # fmt: skip
    at = board.columns.index("as_of")
    return board.with_columns(role=role).select(*board.columns[:at], "role", *board.columns[at:])


def grouped(metrics: Iterable[Metric]) -> dict[tuple[str, str], list[Metric]]:
    """The metrics by the table of facts that they read and the column that names whom they are about."""
    groups: dict[tuple[str, str], list[Metric]] = {}
    for one in metrics:
        groups.setdefault((one.fact, one.subject), []).append(one)
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
    return assembled(board, chosen, lambda one: one.finish(aligned[one.fact, one.subject], context))


def collected(table: pl.DataFrame, key: tuple[str, str], members: list[Metric]) -> pl.DataFrame:
    """One row per actor with what the metrics collect, and `__kind`."""
    fact, subject = key
    if subject not in table.columns:
        table = table.with_columns(pl.lit(None, dtype=pl.String).alias(subject))
    check_values(fact, table)
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


_RANGES = {"ratings": (1, 5, "stars from 1 to 5"), "evaluations": (0, 100, "scores from 0 to 100")}


def check_values(fact: str, table: pl.DataFrame) -> None:
    """A wrong number is worse than none: values that break the contract stop the count."""
    if fact not in _RANGES or table.is_empty():
        return
    low, high, expected = _RANGES[fact]
    bad = table.filter(~pl.col("value").is_between(low, high).fill_null(value=False))
    if bad.height:
        problem = Problem(f"{bad.height} {fact} out of range", got=bad["value"][0], expected=expected,
                          next="events.filter sets such rows aside with the reason")  # fmt: skip
        raise EventError(problem)


def with_pip(board: pl.DataFrame, facts: Facts, agreed: Callable[[pl.Series], pl.Series], policy: Policy | None) -> pl.DataFrame:
    """Add what the tracker's rule and the evidence-gated policy say, and warnings on the data.

    `agreed` tells which of some actors ever issued an agreeing verdict.
    """
    if "override_rate" in board.columns:
        board = board.with_columns(agreed_ever=_agreed_ever(board, facts, agreed))
    if not {"override_rate", "sat_score_mean"} <= set(board.columns):
        return board
    from aura_analytics.rules.policy import Policy as _Policy

    board = board.with_columns(pip_recommended=pip_recommended(pl.col("override_rate"), pl.col("sat_score_mean")))
    verdicts = (policy or _Policy.evidence_gated()).evaluate(board, texts="reasons")
    board = board.with_columns(pip_status=verdicts["verdict"], pip_reasons=verdicts["reasons"])
    return board.with_columns(warnings=_warnings(board, facts))


def _agreed_ever(board: pl.DataFrame, facts: Facts, agreed: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Whether an actor ever issued an agreeing verdict up to `as_of`; null for one who issued none at all in the window.

    Whoever agreed inside the window is known already; only those who always overrode are looked up in the log before it.
    """
    n, rate = board["override_rate_n"], board["override_rate"]
    known = board.select(pl.when(n > 0).then(rate < 1)).to_series()
    doubtful = board["actor"].filter((n > 0) & (rate == 1))
    if facts.since is None or doubtful.is_empty():
        return known
    return known | (board["actor"].is_in(agreed(doubtful).implode()) & (n > 0))


def _warnings(board: pl.DataFrame, facts: Facts) -> pl.Series:
    table = facts.decisions
    found: dict[str, list[str]] = {}
    if {"case_id", "ai_recommendation", "human_verdict"} <= set(table.columns):
        repeated = table.filter(pl.col("case_id").is_not_null() & pl.col("case_id").is_duplicated())
        mixed = repeated.group_by("actor", "case_id").agg(both=pl.col("override").n_unique() == 2).filter("both")
        for actor, count in mixed.group_by("actor").len().sort("actor").iter_rows():
            found.setdefault(actor, []).append(f"{count} cases carry both a DECISION and an OVERRIDE of this actor")
        same = pl.col("ai_recommendation") == pl.col("human_verdict")
        wrong = table.filter(same == pl.col("override"))
        for actor, count in wrong.group_by("actor").len().sort("actor").iter_rows():
            found.setdefault(actor, []).append(
                f"{count} verdicts contradict their own type (an OVERRIDE that agrees, or the reverse)"
            )
    nothing = pl.Series([[]], dtype=pl.List(pl.String))
    if not found:
        return nothing.new_from_index(0, board.height)
    texts = pl.DataFrame(
        {"actor": list(found), "texts": list(found.values())}, schema={"actor": pl.String, "texts": pl.List(pl.String)}
    )
    joined = board.select("actor").join(texts, on="actor", how="left", maintain_order="left")
    return joined["texts"].fill_null(nothing.first())
