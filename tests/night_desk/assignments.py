"""A fact, and a metric on it."""

import polars as pl

from aura_analytics.cases import Fact, Window
from aura_analytics.cases.collecting import collect
from aura_analytics.events import SCHEMA
from aura_analytics.metrics import Count


class Assignments(Fact):
    """Cases given to somebody, one row each time."""

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The assignments in the window."""
        given = window.inside.filter(pl.col("type") == "ASSIGNED", pl.col("actor").is_not_null())
        return collect(given.select("actor", "ts", "case_id"))


ASSIGNMENTS = Assignments("assignments", {"actor": pl.String(), "ts": SCHEMA["ts"]}, ("ASSIGNED",))

assigned_cases = Count(
    name="assigned_cases",
    title="Cases assigned",
    unit="cases",
    low=0,
    high=None,
    direction="neutral",
    fact=ASSIGNMENTS,
)
