"""The events of one actor, and the cases behind hashes: for one actor, whose events are few, they are put back."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.window import case_hash

__all__ = ["named_cases", "of_actor", "of_actors"]


def of_actor(events: pl.LazyFrame, actor: str) -> pl.LazyFrame:
    """Everything that can matter for an actor's dossier: their own events, those on their recommendations, and all of these
    cases.
    """
    return of_actors(events, [actor])


def of_actors(events: pl.LazyFrame, actors: Sequence[str]) -> pl.LazyFrame:
    """Everything that can matter for the dossiers of some actors."""
    names = pl.Series(actors, dtype=pl.String).implode()
    theirs = pl.col("actor").is_in(names) | pl.col("agent").is_in(names)
    cases = collect(events.filter(theirs & pl.col("case_id").is_not_null()).select(pl.col("case_id").unique()))["case_id"]
    return events.filter(theirs.fill_null(value=False) | pl.col("case_id").is_in(cases.implode()).fill_null(value=False))


def named_cases(table: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """A table with `case_id` in place of `h`, the hash of the case."""
    if "h" not in table.columns:
        table = table.with_columns(h=pl.lit(None, dtype=pl.UInt64))
    ids = collect(past.filter(pl.col("case_id").is_not_null()).select("case_id", case_hash()).unique("h", keep="any"))
    return table.join(ids, on="h", how="left", maintain_order="left").drop("h")
