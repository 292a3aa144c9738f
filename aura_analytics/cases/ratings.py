"""Stars, and whom they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.base import Fact, Joins
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


class Ratings(Fact):
    """Stars with the actor they are about; null actor where nobody could be found."""

    def joins(self, window: Window) -> Joins:
        """Verdicts, unless ratings say themselves whom they are about."""
        return Joins(verdicts=window.options.attribution != "event_actor")

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per rating and actor it is about."""
        return _rated(window.inside, window.past, window.rows, window.options)

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        return named_cases(self.build(window, columns), window.past)

    def keep(self, log: GrowingLog) -> Kept:
        """The ratings of a case are looked at again whenever something happens in it."""

        def rated(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
            return _rated(rows.lazy(), rows.lazy(), verdicts, log.options)

        return KeptByCase(log, self, rated)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Ratings and verdicts."""
        return {"SAT_SCORE", "DECISION", "OVERRIDE"}, {"value"}


RATINGS = Ratings(
    "ratings",
    {"actor": pl.String(), "ts": SCHEMA["ts"], "value": pl.Float64()},
    ("SAT_SCORE", "DECISION", "OVERRIDE"),
    values=(1, 5, "stars from 1 to 5"),
    settled=True,
)


def _rated(inside: pl.LazyFrame, past: pl.LazyFrame, rows: pl.DataFrame | None, options: Options) -> pl.DataFrame:
    """Stars with the actor that they are about, and `h` of the case."""
    stars = inside.filter(pl.col("type") == "SAT_SCORE").select("actor", "actor_kind", "case_id", "ts", "value", case_hash())
    table = collect(stars)
    citizen = (pl.col("actor_kind") == "citizen").fill_null(value=False)
    own = table.filter(pl.col("actor").is_not_null() & ~citizen).select("actor", "ts", "value", "h")
    rest = table.filter(pl.col("actor").is_null() | citizen).select("case_id", "ts", "value", "h")
    if rows is None or options.attribution == "event_actor":
        found = rest.with_columns(actor=pl.lit(None, dtype=pl.String))
    else:
        found = decided_by(rest, past, rows, every=options.attribution == "all_deciders")
    return pl.concat([own, found.select("actor", "ts", "value", "h")])
