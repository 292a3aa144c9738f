"""What is known to be right of each case."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.events import VERDICT_TYPES

__all__ = ["RESULTS", "asks_for_words", "last_truth", "words_of"]

RESULTS = ("success", "failure", "partial", "cancelled")  # words about the work, not about which verdict was right
_WORDS = ("ai_recommendation", "human_verdict", "initial_verdict")


def words_of(past: pl.LazyFrame) -> set[str]:
    """The words that verdicts and recommendations use in a log, and its adjudications."""
    known = [name for name in (*_WORDS, "outcome") if name in past.collect_schema()]
    verdict, audit = pl.col("type").is_in(list(VERDICT_TYPES)), pl.col("type").is_in(["ADJUDICATION", "DRILL"])
    words = [pl.when(audit if name == "outcome" else verdict).then(pl.col(name)).unique().drop_nulls().implode() for name in known]
    row = collect(past.filter(verdict | audit).select(words)).row(0)
    return {word for some in row for word in some or ()}


def asks_for_words(events: pl.LazyFrame) -> bool:
    """Whether some of a log's cases can be judged only by who knows all words of the log: see `last_truth`, and bare overrides."""
    outcome = (pl.col("type") == "OUTCOME") & ~pl.col("outcome").is_in(list(RESULTS))
    bare = (pl.col("type") == "OVERRIDE") & pl.col("human_verdict").is_null() & pl.col("ai_recommendation").is_not_null()
    return bool(collect(events.select((outcome | bare).any())).item())


def last_truth(past: pl.LazyFrame, words: Callable[[], set[str]]) -> pl.DataFrame:
    """What is known to be right of each case.

    Parameters
    ----------
    past
        Events; of them only adjudications and outcomes are looked at.
    words
        The words that verdicts use; asked only where an outcome might name one.

    Returns
    -------
    polars.DataFrame
        `case_id`, `truth` (its last adjudication, or else its last outcome that names a verdict), `chance` (with which the case was
        drawn for that adjudication; null where nobody said), `disputed` (whether two adjudications of the case say different
        things).
    """
    said = past.filter(pl.col("type").is_in(["ADJUDICATION", "OUTCOME"]) & pl.col("outcome").is_not_null())
    rank = pl.col("type") == "ADJUDICATION"
    about_truth = rank | ~pl.col("outcome").is_in(list(RESULTS))
    chance = pl.col("audit_chance") if "audit_chance" in past.collect_schema() else pl.lit(None, dtype=pl.Float64)
    truth = collect(said.filter(about_truth).select("case_id", "ts", "outcome", rank=rank, chance=chance))
    if not truth["rank"].all():
        truth = truth.filter(pl.col("rank") | pl.col("outcome").is_in(list(words())))
    last = truth.sort("case_id", "rank", "ts", "outcome", "chance").unique("case_id", keep="last")
    again = truth.filter(pl.col("rank") & pl.col("case_id").is_duplicated())
    several = again.group_by("case_id").agg(pl.col("outcome").n_unique()).filter(pl.col("outcome") > 1)["case_id"]
    return last.select("case_id", "chance", truth="outcome", disputed=pl.col("case_id").is_in(several.implode()))
