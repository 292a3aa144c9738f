"""What the verdict on a case said of it: its queue and what was recommended, for facts whose own events do not say."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.events import VERDICT_TYPES

__all__ = ["with_verdict"]


def with_verdict(table: pl.DataFrame, past: pl.LazyFrame, names: Sequence[str]) -> pl.DataFrame:
    """Rows with `case_id` and `ts`, in their order, with columns of the last verdict of an officer on their case up to then.

    Parameters
    ----------
    table
        The rows.
    past
        Events that hold all verdicts on these cases.
    names
        Columns of the verdict; `decided` is its time. Null where nobody had decided.
    """
    ids = table["case_id"].drop_nulls().unique()
    officers = pl.col("type").is_in(list(VERDICT_TYPES)) & (pl.col("actor_kind") == "officer")
    of_these = past.filter(officers.fill_null(value=False) & pl.col("case_id").is_in(ids.implode()))
    own = [name for name in names if name != "decided"]
    said = collect(of_these.select("case_id", "type", *own, decided="ts")).sort("decided", "type", *own)
    said = said.unique(["case_id", "decided"], keep="last", maintain_order=True).sort("decided").with_columns(at="decided")
    keyed = table.with_row_index("i")
    found = (
        keyed.select("i", "case_id", "ts")
        .filter(pl.col("case_id").is_not_null())
        .sort("ts")
        .join_asof(said, left_on="ts", right_on="at", by="case_id", strategy="backward", check_sortedness=False)
        .select("i", *names)
    )
    return keyed.join(found, on="i", how="left", maintain_order="left").drop("i")
