"""What only other events tell of verdicts: whether citizens answered, what was right, and how much an audited verdict stands for.

An audit is a sample. Where each audited verdict of an actor says with which chance its case was drawn, it stands for one over this
chance; otherwise for its share of the actor's verdicts of the same kind (accepted or overridden) in the same queue.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.truth import last_truth

__all__ = ["LATER", "OF_TRUTH", "PARTS", "judged_by", "weighted", "with_hindsight"]

OF_TRUTH = frozenset({"right", "advice_right", "initial_right", "weight", "by_chance", "truth", "chance", "disputed"})
LATER = OF_TRUTH | {"answered", "final"}
PARTS = 1_000_000  # of a weight


def with_hindsight(
    decisions: pl.DataFrame, past: pl.LazyFrame, window: pl.LazyFrame, words: Callable[[], set[str]], columns: set[str]
) -> pl.DataFrame:
    """Add what only other events tell, as far as asked for.

    Parameters
    ----------
    decisions
        Verdicts in the window: `actor`, `ts`, `override`, `case_id`, and what each of the columns needs besides.
    past, window
        All events up to the end of the window, and those in it.
    words
        The words that verdicts use.
    columns
        Which of `answered`, `final`, and of `OF_TRUTH`, somebody reads.
    """
    if "answered" in columns:
        rated = collect(window.filter(pl.col("type") == "SAT_SCORE").select(pl.col("case_id").drop_nulls().unique()))
        decisions = decisions.with_columns(answered=pl.col("case_id").is_in(rated["case_id"].implode()))
    if columns & OF_TRUTH:
        decisions = _with_truth(decisions, past, words, columns)
    return _with_final(decisions) if "final" in columns else decisions


def _with_final(decisions: pl.DataFrame) -> pl.DataFrame:
    """Add `final`: the actor's last verdict on this recommendation of this case; at one instant, an override is the last."""
    named = pl.col("case_id").is_not_null() & pl.col("ai_recommendation").is_not_null()
    repeated = decisions.with_row_index("row").filter(named & pl.col("case_id").is_duplicated())
    suggestion = ["actor", "case_id", "ai_recommendation"]
    last = repeated.sort("ts", "override", "human_verdict").unique(suggestion, keep="last")["row"]
    superseded = np.zeros(decisions.height, dtype=bool)
    superseded[repeated["row"].to_numpy()] = True
    superseded[last.to_numpy()] = False
    return decisions.with_columns(final=named & ~pl.Series(superseded))


def _with_truth(decisions: pl.DataFrame, past: pl.LazyFrame, words: Callable[[], set[str]], columns: set[str]) -> pl.DataFrame:
    """Add `right`, `advice_right`, `initial_right`: what the last adjudication of the case, or else its last outcome, says of the
    verdict, the recommendation and the first verdict; and what that weighs.
    """
    truths = last_truth(past, words)
    if truths.is_empty():
        nothing = pl.lit(None, dtype=pl.Boolean)
        unsaid = dict.fromkeys(("right", "advice_right", "initial_right", "by_chance", "disputed"), nothing)
        unsaid |= {"weight": pl.lit(None, dtype=pl.Int64), "truth": pl.lit(None, dtype=pl.String)}
        return decisions.with_columns(**unsaid, chance=pl.lit(None, dtype=pl.Float64))
    judged = judged_by(decisions, truths, words)
    if "initial_right" in columns:
        judged = judged.with_columns(initial_right=pl.col("truth") == pl.col("initial_verdict"))
    return weighted(judged) if columns & {"weight", "by_chance"} else judged


def judged_by(decisions: pl.DataFrame, truths: pl.DataFrame, words: Callable[[], set[str]]) -> pl.DataFrame:
    """Add `right` and `advice_right`, and the columns of `truths`: `case_id`, `truth`, and whatever else it says of a case."""
    judged = decisions.join(truths, on="case_id", how="left", maintain_order="left")
    truth, overridden = pl.col("truth"), pl.col("override")
    # who accepts says what was recommended, in words or without
    verdict = pl.when(overridden).then(pl.col("human_verdict")).otherwise(pl.coalesce("human_verdict", "ai_recommendation"))
    advice = pl.when(overridden).then(pl.col("ai_recommendation")).otherwise(pl.coalesce("ai_recommendation", "human_verdict"))
    bare = truth.is_not_null() & overridden & pl.col("human_verdict").is_null() & pl.col("ai_recommendation").is_not_null()
    other = bare & (truth != pl.col("ai_recommendation"))
    # of two words the one that was overridden leaves the other; of three it leaves two
    decides = bool(judged.select(other.any()).item()) and len(words()) <= 2
    right = (
        pl.when(bare)
        .then(pl.when(~other).then(statement=False).when(pl.lit(decides)).then(statement=True))
        .otherwise(truth == verdict)
    )
    judged = judged.with_columns(right=right)
    advised = pl.when(advice.is_not_null()).then(truth == advice).when(overridden & pl.col("right")).then(statement=False)
    return judged.with_columns(advice_right=advised)


def weighted(judged: pl.DataFrame) -> pl.DataFrame:
    """Add, or count anew of some of the verdicts, `weight` (whole millionths; null where nobody judged) and `by_chance` (whether it
    is one over a known chance).
    """
    known = pl.col("right").is_not_null()
    own = pl.col("own_work").fill_null(value=False) if "own_work" in judged.columns else pl.lit(value=False)
    counted = known & ~own
    if not judged.select(counted.any()).item():
        weight = pl.when(known).then(pl.lit(PARTS, dtype=pl.Int64)).alias("weight")
        return judged.with_columns(weight, by_chance=pl.when(known).then(pl.col("chance").is_not_null()))
    strata = ["actor", "override", *(["queue"] if "queue" in judged.columns else [])]
    of_actor = judged.group_by("actor").agg(__chances=(pl.col("chance").is_not_null() | ~counted).all())
    sizes = judged.group_by(strata).agg(__all=(~own).sum(), __judged=counted.sum())
    joined = judged.join(of_actor, on="actor", how="left", nulls_equal=True, maintain_order="left")
    joined = joined.join(sizes, on=strata, how="left", nulls_equal=True, maintain_order="left")
    by_chance = pl.col("__chances") & pl.col("chance").is_not_null()
    stands_for = pl.when(by_chance).then(1 / pl.col("chance")).otherwise(pl.col("__all") / pl.col("__judged"))
    weight = pl.when(counted).then((stands_for * PARTS).round().cast(pl.Int64)).when(known).then(pl.lit(PARTS, dtype=pl.Int64))
    added = joined.with_columns(weight=weight, by_chance=pl.when(known).then(by_chance))
    return added.drop("__chances", "__all", "__judged")
