"""What is known to be right of each case."""

from __future__ import annotations

import polars as pl

from aura_analytics.cases.collecting import collect

__all__ = ["RESULTS", "last_truth"]

RESULTS = ("success", "failure", "partial", "cancelled")  # words about the work, not about which verdict was right


def last_truth(past: pl.LazyFrame) -> pl.DataFrame:
    """What is known to be right of each case: `case_id`, `truth` (its last adjudication, or else its last outcome that is about the
    verdict).
    """
    said = past.filter(pl.col("type").is_in(["ADJUDICATION", "OUTCOME"]) & pl.col("outcome").is_not_null())
    rank = pl.col("type") == "ADJUDICATION"
    about_truth = rank | ~pl.col("outcome").is_in(list(RESULTS))
    truth = collect(said.filter(about_truth).select("case_id", "ts", "outcome", rank=rank))
    return truth.sort("case_id", "rank", "ts", "outcome").unique("case_id", keep="last").select("case_id", truth="outcome")
