"""Cases handed on: held, and given to somebody else before they were resolved."""

from __future__ import annotations

import polars as pl

from aura_analytics.cases import spells
from aura_analytics.cases.base import Fact
from aura_analytics.cases.own_events import named_cases
from aura_analytics.cases.window import Window
from aura_analytics.events import SCHEMA

__all__ = ["HAND_OVERS", "HandOvers"]


class HandOvers(Fact):
    """Hand-overs in the window: actor (who handed on), ts (when the case was given to the next)."""

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The hand-overs of the window."""
        return self._cut(window).select(*self.schema)

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        return named_cases(self._cut(window).select(*self.schema, "h"), window.past)

    def _cut(self, window: Window) -> pl.DataFrame:
        table = spells.log_of(window.past, queue=False).table.lazy()
        twice = table.filter(pl.col("type") == "ASSIGNED").group_by("h").len().filter(pl.col("len") > 1)
        moves = table.filter(pl.col("type").is_in(["ASSIGNED", "RESOLVED"])).join(twice, on="h", how="semi", maintain_order="left")
        # of two at one instant the resolution comes last: whoever is given a case as it is resolved was given it first
        case = ("h", "g")
        ordered = moves.with_columns(over=pl.col("type") == "RESOLVED").sort(*case, "ts", "over", "actor", maintain_order=True)
        following = [pl.col(name).shift(-1).alias(f"next_{name}") for name in (*case, "actor", "ts", "over")]  # in the case or not
        handed = ordered.with_columns(following).filter(
            *(pl.col(name).eq_missing(pl.col(f"next_{name}")) for name in case),
            ~pl.col("over") & ~pl.col("next_over").fill_null(value=True) & pl.col("actor").ne_missing(pl.col("next_actor")),
        )
        when = handed.select("actor", "actor_kind", "h", ts="next_ts").filter(pl.col("actor").is_not_null())
        return (when if window.since is None else when.filter(pl.col("ts") > window.since)).collect()


HAND_OVERS = HandOvers(
    "hand_overs",
    {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": SCHEMA["ts"]},
    ("ASSIGNED", "RESOLVED"),
    by_case=True,
)
