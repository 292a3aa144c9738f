"""What case mix is counted from: a row per verdict or rating, with the covariates of its case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import COHORT, DECISIONS, RATINGS, Options
from aura_analytics.cases.base import Fact
from aura_analytics.cases.case_verdict import with_verdict
from aura_analytics.cases.window import Window
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike, parse_sla
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.case_mix import breach_oe
from aura_analytics.metrics.kinds.audited import OVERSIGHT, selective_actors
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.expectation import summed_cells
from aura_analytics.metrics.satisfaction import LOW_STARS

__all__ = [
    "COVARIATES",
    "Outcome",
    "cells_and_aside",
    "cells_of",
    "check_limits",
    "checked_covariates",
    "compared_rows",
    "needed",
    "rows_in",
    "rows_of_verdicts",
    "with_covariates",
]

Outcome = Literal["override", "wrong_verdict", "low_rating", "breach", "overridden"]
COVARIATES = {
    "queue": "the queue of the case",
    "ai_recommendation": "what was recommended",
    "agent": "who recommended it",
    "confidence": "how sure the recommendation was, in fifths of all cases",
    "hour": "the time of day in UTC, in quarters of a day",
    "weekday": "the day of the week in UTC",
}


def compared_rows(
    events: EventsLike,
    outcome: Outcome,
    as_of: datetime | date | str | None,
    window: str | timedelta | None,
    attribution: cases.Attribution,
    names: tuple[str, ...],
    also: tuple[str, ...] = (),
    sla: SlaLike = None,
    calendar: CalendarLike = None,
) -> pl.DataFrame:
    """One row per verdict, rating or case: `actor`, `hit`, a text for each covariate, and some columns of it as they are."""
    check_limits(outcome, sla)
    asked = asked_window(events, as_of, window)
    if asked is None:
        kept = {name: SCHEMA[name] for name in also}
        return pl.DataFrame(schema={"actor": pl.String, "hit": pl.Boolean, **kept, **dict.fromkeys(names, pl.String)})
    inside = Window(*asked, needed(outcome), Options(attribution, "closer", as_calendar(calendar), "once"))
    return rows_in(inside, outcome, names, also, sla)


def needed(outcome: Outcome) -> dict[Fact, set[str]]:
    """The facts that an outcome is counted from."""
    columns = {"override", "queue", "ai_recommendation", "agent", "confidence", "case_id"}
    needs: dict[Fact, set[str]] = {
        DECISIONS: columns | ({"right", "own_work", "weight", "by_chance"} if outcome == "wrong_verdict" else set())
    }
    if outcome == "low_rating":
        needs[RATINGS] = {"value"}
    if outcome == "breach":
        needs[COHORT] = {*COHORT.schema} - {"actor"}
    return needs


def rows_in(
    inside: Window, outcome: Outcome, names: tuple[str, ...], also: tuple[str, ...] = (), sla: SlaLike = None
) -> pl.DataFrame:
    """`compared_rows` of a window whose needs are those of the outcome."""
    needs = inside.needs
    if outcome == "low_rating":
        rated = RATINGS.trace(inside, needs[RATINGS]).select("actor", "case_id", "ts", hit=pl.col("value") <= LOW_STARS)
        of_verdict = ("queue", "ai_recommendation", "agent", "confidence", "decided")
        rows = with_verdict(rated, inside.past, of_verdict).with_columns(ts=pl.coalesce("decided", "ts"))
        return with_covariates(rows.filter(pl.col("actor").is_not_null()), names, also)
    decided = DECISIONS.trace(inside, needs[DECISIONS])
    if outcome != "breach":
        return rows_of_verdicts(decided, outcome, names, also)
    decided = decided.filter(pl.col("actor_kind") == "officer")
    rows = _breaches(inside, decided, Context(inside.as_of, sla=parse_sla(sla), calendar=inside.options.calendar))
    return with_covariates(rows.filter(pl.col("actor").is_not_null()), names, also)


def rows_of_verdicts(verdicts: pl.DataFrame, outcome: Outcome, names: tuple[str, ...], also: tuple[str, ...] = ()) -> pl.DataFrame:
    """`compared_rows` of the facts `DECISIONS`, for an outcome that is one of verdicts."""
    decided = verdicts.filter(pl.col("actor_kind") == "officer")
    if outcome == "override":
        rows = decided.with_columns(hit=pl.col("override"))
    elif outcome == "overridden":
        rows = decided.drop("actor").with_columns(actor=pl.col("agent"), hit=pl.col("override"))
    else:
        aside = pl.col("actor").is_in(selective_actors(decided).implode()).fill_null(value=False)
        rows = decided.filter(pl.col("right").is_not_null() & OVERSIGHT).with_columns(hit=~pl.col("right"), aside=aside)
        also = (*also, "weight", "aside")
    return with_covariates(rows.filter(pl.col("actor").is_not_null()), names, also)


def check_limits(outcome: str, sla: SlaLike) -> None:
    """`ParameterError` where breaches are asked for without limits of cases."""
    if outcome == "breach" and not parse_sla(sla):
        problem = Problem("breaches need limits of cases", got="none", next="give sla, such as 72h")
        raise ParameterError("case mix cannot be counted so", problems=[problem])


def _breaches(inside: Window, decided: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Cases whose limit had passed by the end of the window, with what their verdict says of them."""
    needs = {*COHORT.schema} - {"actor"}
    followed = breach_oe.observed(COHORT.trace(inside, needs), context)
    counted = followed.select("actor", "case_id", "queue", "ts", hit=pl.col("value") > 0)
    told = decided.sort("ts", "override").unique(["case_id"], keep="last", maintain_order=True)
    return counted.join(
        told.select("case_id", "ai_recommendation", "agent", "confidence"), on="case_id", how="left", maintain_order="left"
    )


def with_covariates(rows: pl.DataFrame, names: tuple[str, ...], also: tuple[str, ...] = ()) -> pl.DataFrame:
    """`actor`, `hit`, a text for each covariate, and some columns as they are."""
    return rows.select("actor", "hit", *also, *(_covariate(name, rows).alias(name) for name in names))


def _covariate(name: str, rows: pl.DataFrame) -> pl.Expr:
    if name == "hour":
        quarter = pl.col("ts").dt.hour() // 6 * 6
        return pl.format("{} to {}", quarter, quarter + 6)
    if name == "weekday":
        return pl.col("ts").dt.strftime("%A")
    if name == "confidence":
        known = rows["confidence"].drop_nulls()
        edges = sorted({float(known.quantile(at / 5, "linear") or 0.0) for at in range(1, 5)}) if len(known) else []
        words = [f"up to {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges)), f"above {edges[-1]:g}"] if edges else []
        place = pl.sum_horizontal(pl.lit(0), *((pl.col("confidence") > edge).cast(pl.Int32) for edge in edges))
        named = place.replace_strict(dict(enumerate(words)), return_dtype=pl.String) if words else pl.lit(None, dtype=pl.String)
        return pl.when(pl.col("confidence").is_not_null()).then(named).fill_null("(unknown)")
    return pl.col(name).fill_null("(unknown)")


def cells_of(rows: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Counts by actor and kind of case, as `compared` takes them; rows may have a `weight`."""
    by = rows.group_by("actor", *names, *(["weight"] if "weight" in rows.columns else []), "hit").agg(n=pl.len().cast(pl.Int64))
    return summed_cells(by, names)


def cells_and_aside(rows: pl.DataFrame, names: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`cells_of` the rows that count, and by actor how many (`n`) are set aside."""
    aside = rows.filter(pl.col("aside")) if "aside" in rows.columns else rows.clear()
    counted = rows.filter(~pl.col("aside")) if aside.height else rows
    return cells_of(counted, names), aside.group_by("actor").agg(n=pl.len().cast(pl.Int64)).sort("actor")


def checked_covariates(covariates: Sequence[str], outcome: str, problems: Iterable[Problem] = ()) -> tuple[str, ...]:
    """The names of covariates, each once; `ParameterError` with every problem of theirs, of the outcome, and those given."""
    names = (covariates,) if isinstance(covariates, str) else tuple(dict.fromkeys(covariates))
    found = [
        Problem("unknown covariate", got=name, expected=", ".join(COVARIATES), next=close_match(str(name), list(COVARIATES)))
        for name in names
        if name not in COVARIATES
    ]
    if not names:
        found.append(Problem("no covariates", expected=f"one or more of {', '.join(COVARIATES)}"))
    if outcome not in get_args(Outcome):
        found.append(Problem("unknown outcome", got=outcome, expected=", ".join(get_args(Outcome))))
    found += problems
    if outcome == "overridden" and "agent" in names:
        found.append(Problem("who is compared cannot explain it as well", got="agent", next="leave it out of covariates"))
    if found:
        raise ParameterError("case mix cannot be counted so", problems=found)
    return names
