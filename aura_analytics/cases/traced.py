"""The facts about one actor with the case of each: what stands behind a number, row by row.

The tables that metrics count hold no case ids; for one actor, whose events are few, they are put back.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from aura_analytics.cases import building, deciders, follow, spells
from aura_analytics.cases.facts import FACT_SCHEMAS, Facts, Options, collect, empty_table

__all__ = ["of_actor", "traced"]


def of_actor(events: pl.LazyFrame, actor: str) -> pl.LazyFrame:
    """Everything that can matter for an actor's dossier: their own events, those on their recommendations, and all of these cases."""
    theirs = (pl.col("actor") == actor) | (pl.col("agent") == actor)
    cases = collect(events.filter(theirs & pl.col("case_id").is_not_null()).select(pl.col("case_id").unique()))["case_id"]
    return events.filter(theirs.fill_null(value=False) | pl.col("case_id").is_in(cases.implode()).fill_null(value=False))


def traced(
    events: pl.LazyFrame, as_of: datetime, since: datetime | None, fact: str, columns: set[str], options: Options
) -> pl.DataFrame:
    """A table of facts, as `build` makes it, with `case_id`.

    Parameters
    ----------
    events
        On the contract; those of one actor (`of_actor`) suffice.
    as_of, since
        The window `(since, as_of]`.
    fact, columns
        Name of the table, and which of its columns are read.
    options
        Attribution and timing.
    """
    past = events.filter(pl.col("ts") <= as_of)
    window = past if since is None else past.filter(pl.col("ts") > since)
    if fact == "decisions":
        wanted = {*columns, "case_id", "agent", "ai_recommendation", "human_verdict"}
        return building.build(events, as_of, since, {fact: wanted}, options).decisions
    if fact == "evaluations":
        scored = window.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
        return building.last_of(collect(scored.select("actor", "actor_kind", "ts", "value", "case_id")))
    if fact == "outcomes":
        named = collect(
            window.filter((pl.col("type") == "OUTCOME") & pl.col("actor").is_not_null()).select(*FACT_SCHEMAS[fact], "case_id")
        )
        _, nameless = building.split_outcomes(window)
        pass_ = building.follow_pass(past, timed=False, verdicts=True, queue=False)
        if nameless is None or pass_ is None:
            return named
        return pl.concat([named, _named(deciders.outcomes(nameless, past, pass_), past)])
    if fact == "ratings":
        pass_ = building.follow_pass(past, timed=False, verdicts=options.attribution != "event_actor", queue=False)
        return _named(deciders.ratings(window, past, pass_, options), past)
    facts = Facts(as_of, since)
    pass_ = building.follow_pass(past, timed=True, verdicts=False, queue=True)
    if pass_ is None or pass_.is_empty():
        return empty_table(fact).with_columns(case_id=pl.lit(None, dtype=pl.String))
    followed = follow.follow(past, pass_, facts, options, queue=True)
    found = follow.shaped(followed, spells.micro(since), {fact}, keep=("h",))[fact]
    return _named(found if "h" in found.columns else found.with_columns(h=pl.lit(None, dtype=pl.UInt64)), past)


def _named(table: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """Hashes of cases as their ids."""
    names = collect(past.filter(pl.col("case_id").is_not_null()).select("case_id", follow.case_hash()).unique("h", keep="any"))
    return table.join(names, on="h", how="left", maintain_order="left").drop("h")
