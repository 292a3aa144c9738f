"""What became of an actor's work."""

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
    from aura_analytics.cases.window import Window

__all__ = ["OUTCOMES", "Outcomes"]


class Outcomes(Fact):
    """Outcomes with the actor that they name, or else with the last to decide their case; those that nobody decided are left
    out.
    """

    def joins(self, window: Window) -> Joins:
        """Verdicts, where an outcome names nobody."""
        return Joins(verdicts=_split(window)[1] is not None)

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """One row per outcome."""
        named, nameless = _split(window)
        if nameless is None or window.rows is None:
            return named
        return pl.concat([named, _attributed(nameless, window.past, window.rows).drop("h")])

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        said = window.inside.filter((pl.col("type") == "OUTCOME") & pl.col("actor").is_not_null())
        named = collect(said.select(*self.schema, "case_id"))
        _, nameless = _split(window)
        if nameless is None or window.rows is None:
            return named
        return pl.concat([named, named_cases(_attributed(nameless, window.past, window.rows), window.past)])

    def keep(self, log: GrowingLog) -> Kept:
        """The outcomes of a case are looked at again whenever something happens in it."""

        def judged(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
            columns = [*self.schema, "h"]
            of_type = rows.filter(pl.col("type") == "OUTCOME")
            named = of_type.filter(pl.col("actor").is_not_null()).select(columns)
            nameless = of_type.filter(pl.col("actor").is_null()).select("case_id", "ts", "outcome", "h")
            if not nameless.height:
                return named
            return pl.concat([named, _attributed(nameless, rows.lazy(), verdicts).select(columns)])

        return KeptByCase(log, self, judged)

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Outcomes and verdicts."""
        return {"OUTCOME", "DECISION", "OVERRIDE"}, {"outcome"}


OUTCOMES = Outcomes(
    "outcomes",
    {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": SCHEMA["ts"], "outcome": pl.String()},
    ("OUTCOME", "DECISION", "OVERRIDE"),
    settled=True,
    by_case=True,
)


def _split(window: Window) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Outcomes with the actor that they name, and those that name none (None when there are none)."""

    def split() -> tuple[pl.DataFrame, pl.DataFrame | None]:
        of_type = window.inside.filter(pl.col("type") == "OUTCOME")
        found = collect(of_type.select(list(OUTCOMES.schema)))
        if not found["actor"].null_count():
            return found, None
        nameless = collect(of_type.filter(pl.col("actor").is_null()).select("case_id", "ts", "outcome", case_hash()))
        return found.filter(pl.col("actor").is_not_null()), nameless

    return window.once("outcomes", split)


def _attributed(nameless: pl.DataFrame, past: pl.LazyFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Outcomes without a name, with the last to decide their case."""
    found = decided_by(nameless, past, rows, every=False).filter(pl.col("actor").is_not_null())
    return found.with_columns(actor_kind=pl.lit(None, dtype=SCHEMA["actor_kind"])).select(*OUTCOMES.schema, "h")
