"""Cases held and not resolved."""

from __future__ import annotations

import polars as pl

from aura_analytics.cases.following import Followed
from aura_analytics.events import CLOCK_TYPES, SCHEMA

__all__ = ["OPEN", "Open"]


class Open(Followed):
    """Cases held and not resolved at `as_of`: actor, ts of the start, elapsed so far. They count however long they have waited."""

    lasting = True

    def shape(self, followed: pl.DataFrame, floor: int, keep: tuple[str, ...] = ()) -> pl.DataFrame:
        """The open ones among followed cases."""
        began = pl.col("start").cast(SCHEMA["ts"]).alias("ts")
        return followed.lazy().filter("open").select("actor", "actor_kind", began, "elapsed", *keep).collect()


OPEN = Open(
    "open",
    {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": SCHEMA["ts"], "elapsed": pl.Int64()},
    CLOCK_TYPES,
    by_case=True,
)
