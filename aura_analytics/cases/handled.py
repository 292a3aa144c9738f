"""Cases resolved in the window, and how long they took."""

from __future__ import annotations

import polars as pl

from aura_analytics.cases.following import Followed
from aura_analytics.events import CLOCK_TYPES, SCHEMA

__all__ = ["HANDLED", "Handled"]


class Handled(Followed):
    """Cases resolved in the window: actor, ts of the end, `elapsed` (microseconds, null where no start is known)."""

    def shape(self, followed: pl.DataFrame, floor: int, keep: tuple[str, ...] = ()) -> pl.DataFrame:
        """The resolved ones among followed cases."""
        closed = followed.lazy().filter(pl.col("closed") & (pl.col("closed_at") > floor))
        if "case" in followed.columns:  # held by several: one row per case and holder
            own = pl.col("actor_kind").min(), pl.col("closed_at").max(), pl.col("elapsed").sum()
            closed = closed.group_by("h", "case", "actor").agg(*own)
        ended = pl.col("closed_at").cast(SCHEMA["ts"]).alias("ts")
        return closed.select("actor", "actor_kind", ended, "elapsed", *keep).collect()


HANDLED = Handled(
    "handled",
    {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": SCHEMA["ts"], "elapsed": pl.Int64()},
    CLOCK_TYPES,
    by_case=True,
)
