"""How satisfaction, speed and overrides go together: over cases within their queues, and over officers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import combinations

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, HANDLED, RATINGS, Options
from aura_analytics.cases.window import Window
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.io.front_door import EventsLike
from aura_analytics.statistics.correlation import Correlation, spearman

__all__ = ["LEVELS", "MEASURES", "correlations"]

LEVELS = ("cases", "officers")
MEASURES = {"override": "overrides", "stars": "satisfaction", "hours": "time taken"}
_HOUR = 3_600_000_000
_SCHEMA: dict[str, pl.DataType] = {
    "first": pl.String(),
    "second": pl.String(),
    "level": pl.String(),
    "n": pl.Int64(),
    "correlation": pl.Float64(),
    "lo": pl.Float64(),
    "hi": pl.Float64(),
    "status": pl.String(),
    "warning": pl.String(),
}
_CASES = pl.Schema(
    {"case_id": pl.String(), "actor": pl.String(), "queue": pl.String(), "override": pl.Float64(), "stars": pl.Float64()}
    | {"hours": pl.Float64()}
)


def correlations(
    events: EventsLike,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    *,
    calendar: CalendarLike = None,
    attribution: cases.Attribution = "last_decider",
    ratings: cases.Counting = "once",
    least: int = 5,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """How satisfaction, speed and overrides go together.

    Each pair is looked at twice. Over **cases**: ranks are taken within the queue, so that a queue with long and unpopular cases
    makes no correlation, and the limits allow for cases of one officer being alike. Over **officers**: their override rate, mean
    stars and mean hours. The two may well disagree: who gets the hard cases overrides more and is rated lower, while an override
    itself may please the citizen. Neither says what causes what.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    as_of, window, calendar, attribution, ratings
        As in `dossiers`; the window is by default that of the default policy.
    least
        Observations of both that an officer needs to be counted, at least 1.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        A row per pair and level: `first`, `second` (of `override`, `stars`, `hours`: an override, the mean of its ratings, the
        hours of a resolved case), `level` (`cases` or `officers`), `n` (cases, or officers), `correlation` (Spearman), `lo`, `hi`,
        `status` (`ok`, `constant` where one of the two never varies, `few` for fewer than 4), `warning` (where the two levels point
        in different directions with limits that do not overlap; null otherwise). Numbers are null where undefined.

    Raises
    ------
    InputError, SchemaError, EventError
        As `dossiers`.
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.correlations(aura.sample_log(2000, seed=1), window="all")
    >>> found.select("first", "second", "level").row(0), found.height
    (('override', 'stars', 'cases'), 6)
    """
    table = _table(events, as_of, window, Options(attribution, "closer", as_calendar(calendar), ratings))
    rows = []
    for first, second in combinations(MEASURES, 2):
        levels = [_over_cases(table, first, second, confidence), _over_officers(table, first, second, least, confidence)]
        warning = _disagreement(first, second, *levels)
        rows += [
            {"first": first, "second": second, "level": level, **_row(found), "warning": warning}
            for level, found in zip(LEVELS, levels, strict=True)
        ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _table(
    events: EventsLike, as_of: datetime | date | str | None, window: str | timedelta | None, options: Options
) -> pl.DataFrame:
    """One row per case: who decided (or else resolved) it, its queue, whether it was overridden, its stars and its hours."""
    asked = asked_window(events, as_of, window)
    if asked is None:
        return _CASES.to_frame()
    needs = {DECISIONS: {"override", "case_id", "queue"}, HANDLED: {"elapsed"}, RATINGS: {"value"}}
    inside = Window(*asked, needs, options)
    known = pl.col("case_id").is_not_null()
    decided = DECISIONS.trace(inside, needs[DECISIONS]).filter(known).sort("ts", "override")
    decided = decided.group_by("case_id", maintain_order=True).agg(
        pl.col("actor").last(), pl.col("queue").drop_nulls().last(), pl.col("override").last().cast(pl.Float64)
    )
    rated = RATINGS.trace(inside, needs[RATINGS]).filter(known).group_by("case_id").agg(stars=pl.col("value").mean())
    handled = HANDLED.trace(inside, needs[HANDLED]).filter(known & pl.col("elapsed").is_not_null())
    handled = handled.group_by("case_id").agg(closer=pl.col("actor").min(), hours=pl.col("elapsed").sum() / _HOUR)
    whole = decided.join(handled, on="case_id", how="full", coalesce=True).join(rated, on="case_id", how="full", coalesce=True)
    return whole.select("case_id", pl.coalesce("actor", "closer").alias("actor"), "queue", "override", "stars", "hours").sort(
        "case_id"
    )


def _over_cases(table: pl.DataFrame, first: str, second: str, confidence: float) -> Correlation:
    rows = table.filter(pl.col(first).is_not_null() & pl.col(second).is_not_null() & pl.col("actor").is_not_null())
    queue, actor = (rows[name].fill_null("").to_numpy() for name in ("queue", "actor"))
    return spearman(rows[first].to_numpy(), rows[second].to_numpy(), queue, actor, confidence)


def _over_officers(table: pl.DataFrame, first: str, second: str, least: int, confidence: float) -> Correlation:
    named = table.filter(pl.col("actor").is_not_null()).group_by("actor")
    means = named.agg(
        *(pl.col(name).mean() for name in (first, second)), *(pl.col(n).count().alias(f"{n}_n") for n in (first, second))
    )
    counted = means.filter((pl.col(f"{first}_n") >= least) & (pl.col(f"{second}_n") >= least)).sort("actor")
    return spearman(counted[first].to_numpy(), counted[second].to_numpy(), confidence=confidence)


def _row(found: Correlation) -> dict[str, object]:
    status = "ok" if not np.isnan(found.value) and not np.isnan(found.lo) else "few" if found.n < 4 else "constant"
    values = {"correlation": found.value, "lo": found.lo, "hi": found.hi} if status == "ok" else {}
    return {"n": found.n, "correlation": None, "lo": None, "hi": None, **values, "status": status}


def _disagreement(first: str, second: str, within: Correlation, between: Correlation) -> str | None:
    """A warning where cases and officers say opposite things."""
    apart = within.lo > between.hi or between.lo > within.hi
    if not apart or within.value * between.value >= 0:
        return None
    ways = ["more" if each.value > 0 else "less" for each in (within, between)]
    return (
        f"over cases {MEASURES[second]} goes with {ways[0]} {MEASURES[first]}, over officers with {ways[1]}: "
        "who gets which cases may be behind one of the two"
    )
