"""Who decided a case before a moment: whom a rating, or an outcome without a name, is about.

Cases are first matched by the hash of their id. Whenever a subject finds more than one verdict, its verdicts are fetched again
by the id itself, so two ids with one hash could only mislead where the subject's own case was never decided.
"""

from __future__ import annotations

import polars as pl

from aura_analytics.cases import follow
from aura_analytics.cases.facts import FACT_SCHEMAS, Options, collect
from aura_analytics.events import SCHEMA, VERDICT_TYPES

__all__ = ["outcomes", "ratings"]


def ratings(window: pl.LazyFrame, past: pl.LazyFrame, pass_: pl.DataFrame | None, options: Options) -> pl.DataFrame:
    """Stars with the actor that they are about (null where nobody can be found), and `h` of the case."""
    stars = window.filter(pl.col("type") == "SAT_SCORE").select("actor", "actor_kind", "case_id", "ts", "value", follow.case_hash())
    table = collect(stars)
    citizen = (pl.col("actor_kind") == "citizen").fill_null(value=False)
    own = table.filter(pl.col("actor").is_not_null() & ~citizen).select("actor", "ts", "value", "h")
    rest = table.filter(pl.col("actor").is_null() | citizen).select("case_id", "ts", "value", "h")
    if pass_ is None or options.attribution == "event_actor":
        found = rest.with_columns(actor=pl.lit(None, dtype=pl.String))
    else:
        found = _decided_by(rest, past, pass_, every=options.attribution == "all_deciders")
    return pl.concat([own, found.select("actor", "ts", "value", "h")])


def outcomes(orphans: pl.DataFrame, past: pl.LazyFrame, pass_: pl.DataFrame) -> pl.DataFrame:
    """Outcomes without a name, with the last to decide their case; those that nobody decided are left out."""
    found = _decided_by(orphans, past, pass_, every=False).filter(pl.col("actor").is_not_null())
    return found.with_columns(actor_kind=pl.lit(None, dtype=SCHEMA["actor_kind"])).select(*FACT_SCHEMAS["outcomes"], "h")


def _decided_by(subjects: pl.DataFrame, past: pl.LazyFrame, pass_: pl.DataFrame, *, every: bool) -> pl.DataFrame:
    """The subjects with `actor`: the last to decide their case at or before their time, or every one of them once.

    Of two verdicts at one instant the actor later in the alphabet counts as the later, so that row order cannot matter.
    """
    keyed = subjects.with_row_index("i")
    verdicts = pass_.lazy().filter(pl.col("type").is_in(list(VERDICT_TYPES))).select("h", "actor", decided="ts")
    before = pl.col("decided") <= pl.col("ts")
    pairs = keyed.lazy().select("i", "h", "ts").join(verdicts, on="h").filter(before).select("i", "actor", "decided")
    found = collect(pairs)
    several = found.filter(pl.col("i").is_duplicated())["i"].unique()
    if several.len():
        doubtful = keyed.filter(pl.col("i").is_in(several.implode()))
        exact = past.filter(
            pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("case_id").is_in(doubtful["case_id"].unique().implode())
        )
        again = doubtful.lazy().select("i", "case_id", "ts").join(exact.select("case_id", "actor", decided="ts"), on="case_id")
        sure = collect(again.filter(before).select("i", "actor", "decided"))
        last = sure.sort("i", "decided", "actor").unique(["i", "actor"] if every else ["i"], keep="last")
        found = pl.concat([found.filter(~pl.col("i").is_in(several.implode())), last])
    joined = keyed.join(found.select("i", "actor"), on="i", how="left")
    return joined.drop("i")
