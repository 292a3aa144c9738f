"""Who decided a case before a moment: whom a rating, or an outcome without a name, is about.

Cases are first matched by the hash of their id. Whenever a subject finds more than one verdict, its verdicts are fetched again
by the id itself, so two ids with one hash could only mislead where the subject's own case was never decided.
"""

from __future__ import annotations

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.events import VERDICT_TYPES

__all__ = ["decided_by"]


def decided_by(subjects: pl.DataFrame, past: pl.LazyFrame, rows: pl.DataFrame, *, every: bool) -> pl.DataFrame:
    """The subjects with `actor`: the last to decide their case at or before their time, or every one of them once.

    Of two verdicts at one instant the actor later in the alphabet counts as the later, so that row order cannot matter.
    """
    keyed = subjects.with_row_index("i")
    asked = keyed.lazy().select(pl.col("h").drop_nulls().unique())
    verdicts = collect(
        rows.lazy()
        .filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        .select("h", "actor", decided="ts")
        .join(asked, on="h", how="semi")
    )
    # a case of one verdict is settled by its hash; those of several go by the id itself
    several = verdicts.filter(pl.col("h").is_duplicated())["h"].unique()
    plain = verdicts.lazy().filter(~pl.col("h").is_in(several.implode()))
    pairs = keyed.lazy().select("i", "h", "ts").join(plain, on="h").filter(pl.col("decided") <= pl.col("ts"))
    found = collect(pairs.select("i", "actor"))
    if several.len():
        doubtful = keyed.filter(pl.col("h").is_in(several.implode()))
        ids = doubtful["case_id"].unique().implode()
        exact = past.filter(pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("case_id").is_in(ids)).select(
            "case_id", "actor", decided="ts"
        )
        found = pl.concat([found, _of_several(doubtful, collect(exact), every=every).select("i", "actor")])
    joined = keyed.join(found, on="i", how="left")
    return joined.drop("i")


def _of_several(subjects: pl.DataFrame, verdicts: pl.DataFrame, *, every: bool) -> pl.DataFrame:
    """`i` and `actor` for subjects of cases with several verdicts, without looking at every pair of the two."""
    if every:  # whoever decided did so from their first verdict on
        first = verdicts.lazy().group_by("case_id", "actor").agg(pl.col("decided").min())
        pairs = subjects.lazy().select("i", "case_id", "ts").join(first, on="case_id").filter(pl.col("decided") <= pl.col("ts"))
        return collect(pairs.select("i", "actor"))
    last = verdicts.sort("decided", "actor").unique(["case_id", "decided"], keep="last", maintain_order=True).sort("decided")
    found = (
        subjects.select("i", "case_id", "ts")
        .sort("ts")
        .join_asof(last, left_on="ts", right_on="decided", by="case_id", strategy="backward", check_sortedness=False)
    )
    return found.filter(pl.col("decided").is_not_null()).select("i", "actor")
