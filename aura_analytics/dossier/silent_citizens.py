"""What could be true of satisfaction if those who do not answer think otherwise."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, RATINGS, Fact, Options
from aura_analytics.cases.window import Window
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike

__all__ = ["rating_sensitivity"]

_LOW, _HIGH = 1.0, 5.0
_SCHEMA: dict[str, pl.DataType] = {
    "actor": pl.String(),
    "cases": pl.Int64(),
    "rated": pl.Int64(),
    "response_rate": pl.Float64(),
    "mean": pl.Float64(),
    "weighted_mean": pl.Float64(),
    "lowest": pl.Float64(),
    "highest": pl.Float64(),
    "tipping": pl.Float64(),
    "conclusion": pl.String(),
}


def rating_sensitivity(
    events: EventsLike,
    *,
    line: float = 3.0,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    attribution: cases.Attribution = "last_decider",
) -> pl.DataFrame:
    """What an officer's satisfaction could be if those who do not answer think otherwise than those who do.

    **Do not conclude** that the silent are content, or that they are not: nothing in the log says it. This says how different they
    would have to be for the conclusion to turn.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    line
        Stars that the mean is held against, between 1 and 5.
    as_of, window, attribution
        As in `dossiers`; the window is by default that of the default policy.

    Returns
    -------
    polars.DataFrame
        A row per officer who decided cases, sorted: `actor`, `cases` (decided), `rated` (of these), `response_rate`, `mean` (of
        the rated cases; the mean of each case's ratings), `weighted_mean` (cases weighted by one over the response rate of the
        officer's cases with the same queue and verdict kind), `lowest` and `highest` (if all the silent gave 1, or 5), `tipping`
        (the mean that the silent would need for the whole to lie on the line; null where nobody is silent), `conclusion`: `below`
        or `above` (whatever the silent think), `leans_below`, `leans_above` (the tipping mean is between 1 and 5), `no_ratings`.

    Raises
    ------
    ParameterError
        If the line is not between 1 and 5.
    InputError, SchemaError, EventError
        As `dossiers`.

    References
    ----------
    Manski CF (2003) Partial Identification of Probability Distributions, chapter 1, for the bounds.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.rating_sensitivity(aura.sample_log(2000, seed=1))
    >>> found.filter(actor="officer_anne@sba.gov").select(pl.col("mean", "highest").round(1), "conclusion").row(0)
    (2.1, 3.9, 'leans_below')
    """
    if not _LOW <= line <= _HIGH:
        raise ParameterError(Problem("line is out of range", got=line, expected="stars from 1 to 5"))
    asked = asked_window(events, as_of, window)
    if asked is None:
        return pl.DataFrame(schema=_SCHEMA)
    needs: dict[Fact, set[str]] = {DECISIONS: {"override", "queue", "case_id"}, RATINGS: {"value"}}
    inside = Window(*asked, needs, Options(attribution, "closer", None, "once"))
    decided = DECISIONS.trace(inside, needs[DECISIONS]).filter(pl.col("case_id").is_not_null(), actor_kind="officer")
    last = decided.sort("ts", "override", "queue").unique(["actor", "case_id"], keep="last", maintain_order=True)
    stars = RATINGS.trace(inside, needs[RATINGS]).group_by("actor", "case_id").agg(stars=pl.col("value").mean())
    joined = last.join(stars, on=["actor", "case_id"], how="left", maintain_order="left")
    stratum = ["actor", "queue", "override"]
    share = pl.col("stars").is_not_null().mean().over(stratum)
    weighed = joined.with_columns(weight=pl.when(pl.col("stars").is_not_null()).then(1 / share))
    found = weighed.group_by("actor").agg(
        cases=pl.len().cast(pl.Int64),
        rated=pl.col("stars").count().cast(pl.Int64),
        mean=pl.col("stars").mean(),
        weighted_mean=(pl.col("stars") * pl.col("weight")).sum() / pl.col("weight").sum(),
    )
    rate, silent = pl.col("response_rate"), 1 - pl.col("response_rate")
    found = found.with_columns(response_rate=pl.col("rated") / pl.col("cases"))
    known = pl.col("mean").fill_null(0.0) * rate
    found = found.with_columns(
        weighted_mean=pl.when(pl.col("rated") > 0).then("weighted_mean"),
        lowest=known + silent * _LOW,
        highest=known + silent * _HIGH,
        tipping=pl.when(silent > 0).then((line - known) / silent),
    )
    conclusion = (
        pl.when(pl.col("rated") == 0)
        .then(pl.lit("no_ratings"))
        .when(pl.col("highest") < line)
        .then(pl.lit("below"))
        .when(pl.col("lowest") >= line)
        .then(pl.lit("above"))
        .when(pl.col("mean") < line)
        .then(pl.lit("leans_below"))
        .otherwise(pl.lit("leans_above"))
    )
    table = found.with_columns(conclusion=conclusion)
    return table.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()).sort("actor")
