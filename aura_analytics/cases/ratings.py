"""Stars, and whom they are about.

Of several ratings by one rater of one case only the first counts of whom it is about (`Options.ratings`), so that nobody's number
is made by one person who rates again and again. A rater is the citizen whom the event names; ratings that name none are one
rater's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.base import Fact, Joins
from aura_analytics.cases.case_verdict import with_verdict
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.deciders import decided_by
from aura_analytics.cases.growing_log import KeptByCase
from aura_analytics.cases.own_events import named_cases
from aura_analytics.cases.window import case_hash
from aura_analytics.events import SCHEMA

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog, Kept
    from aura_analytics.cases.options import Options
    from aura_analytics.cases.window import Window

__all__ = ["RATINGS", "Ratings"]

_OF_CASE = ("queue", "ai_recommendation")


class Ratings(Fact):
    """Stars with the actor they are about; null actor where nobody could be found.

    `first_of_case` says whether it is the first that counts of its case and actor (never of ratings without a case), `repeats` how
    many others do not count since they repeat it.
    """

    def joins(self, window: Window) -> Joins:
        """Verdicts, unless ratings say themselves whom they are about."""
        return Joins(verdicts=window.options.attribution != "event_actor")

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per rating that counts, and actor it is about."""
        return _rated_in(window, _of_case(columns))

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        return named_cases(self.build(window, columns), window.past)

    def keep(self, log: GrowingLog) -> Kept:
        """The ratings of a case are looked at again whenever something happens in it."""

        def rated(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
            return _rated(rows, rows.lazy(), verdicts, log.options, of_case)

        of_case = _of_case(log.needs[self])
        return KeptByCase(log, self, rated)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Ratings and verdicts."""
        return {"SAT_SCORE", "DECISION", "OVERRIDE"}, {"value", *_of_case(columns)}


RATINGS = Ratings(
    "ratings",
    {
        "actor": pl.String(),
        "ts": SCHEMA["ts"],
        "value": pl.Float64(),
        "first_of_case": pl.Boolean(),
        "repeats": pl.UInt32(),
        "queue": pl.String(),
        "ai_recommendation": pl.String(),
    },
    ("SAT_SCORE", "DECISION", "OVERRIDE"),
    hindsight=frozenset({"repeats"}),
    values=(1, 5, "stars from 1 to 5"),
    settled=True,
    by_case=True,
)


def _of_case(columns: set[str]) -> tuple[str, ...]:
    return tuple(name for name in _OF_CASE if name in columns)


def _rated_in(window: Window, of_case: tuple[str, ...]) -> pl.DataFrame:
    """The ratings of a window; which of them repeat an earlier one, the log before it says too."""
    found, since = _stars(window.inside), window.since
    if since is None or window.options.ratings == "every":
        return _rated(found, window.past, window.rows, window.options, of_case)
    cases = found["h"].drop_nulls().unique()
    earlier = _stars(window.past.filter(pl.col("ts") <= since).filter(case_hash().is_in(cases.implode())))
    rated = _rated(pl.concat([earlier, found]), window.past, window.rows, window.options, of_case)
    return rated.filter(pl.col("ts") > since) if earlier.height else rated


def _stars(events: pl.LazyFrame) -> pl.DataFrame:
    ratings = events.filter(pl.col("type") == "SAT_SCORE")
    return collect(ratings.select("type", "actor", "actor_kind", "case_id", "ts", "value", case_hash()))


def _rated(
    events: pl.DataFrame, past: pl.LazyFrame, rows: pl.DataFrame | None, options: Options, of_case: tuple[str, ...]
) -> pl.DataFrame:
    """The ratings among some events, which hold all those of their cases up to a moment, with `h` of the case."""
    table = events.filter(pl.col("type") == "SAT_SCORE")
    citizen = (pl.col("actor_kind") == "citizen").fill_null(value=False)
    columns = ["actor", "ts", "value", "h", "case_id", "rater"]
    own = table.filter(pl.col("actor").is_not_null() & ~citizen).with_columns(rater=pl.lit(None, dtype=pl.String)).select(columns)
    rest = table.filter(pl.col("actor").is_null() | citizen).select("case_id", "ts", "value", "h", rater="actor")
    if rows is None or options.attribution == "event_actor":
        found = rest.with_columns(actor=pl.lit(None, dtype=pl.String))
    else:
        found = decided_by(rest, past, rows, every=options.attribution == "all_deciders")
    every = pl.concat([own, found.select(columns)])
    return _counted(with_verdict(every, past, of_case) if of_case else every, options)


def _counted(table: pl.DataFrame, options: Options) -> pl.DataFrame:
    """The ratings that count. Of two at one instant the one of fewer stars is the first, so that row order cannot matter."""
    known = pl.col("h").is_not_null()
    several = table.select(known & pl.struct("h", "actor").is_duplicated()).to_series()
    plain = table.with_columns(first_of_case=known, repeats=pl.lit(0, dtype=pl.UInt32))
    if not several.any():
        return plain.drop("rater", "case_id")
    # what has a hash in common goes by the id itself
    again = plain.filter(several).sort("ts", "value", "rater")
    again = again.with_columns(first_of_case=pl.struct("case_id", "actor").is_first_distinct())
    if options.ratings == "once":
        one = ["case_id", "actor", "rater"]
        again = again.with_columns(repeats=(pl.len().over(one) - 1).cast(pl.UInt32)).filter(pl.struct(one).is_first_distinct())
    return pl.concat([plain.filter(~several), again]).drop("rater", "case_id")
