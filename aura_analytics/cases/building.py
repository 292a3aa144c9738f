"""`build`: from an event table to the facts of a window.

The rows that follow cases are read in one pass and matched by a 64-bit hash of the case id; see `follow` and `deciders` for how
that stays exact. What needs no case is read from the window alone.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from aura_analytics.cases import deciders, follow
from aura_analytics.cases.facts import FACT_SCHEMAS, Facts, Options, collect
from aura_analytics.events import CLOCK_TYPES, SCHEMA, VERDICT_TYPES

__all__ = ["build", "follow_pass", "last_of", "last_truth", "split_outcomes", "with_hindsight"]

_K = 10
_RESULTS = ["success", "failure", "partial", "cancelled"]
_THIN = {"actor", "actor_kind", "ts", "override"}


def build(
    events: pl.LazyFrame,
    as_of: datetime,
    since: datetime | None,
    needs: dict[str, set[str]],
    options: Options | None = None,
) -> Facts:
    """The facts of a window.

    Parameters
    ----------
    events
        Events on the contract.
    as_of, since
        The window `(since, as_of]`; `since` None is the whole log. Nothing after `as_of` is looked at.
    needs
        Which tables to build, and which of their columns somebody reads.
    options
        Attribution and timing.
    """
    chosen = options or Options()
    facts = Facts(as_of, since)
    past = events.filter(pl.col("ts") <= as_of)
    window = past if since is None else past.filter(pl.col("ts") > since)
    timed = {"handled", "open", "cohort"} & set(needs)
    orphans = None
    if "outcomes" in needs:
        facts.outcomes, orphans = split_outcomes(window)
    by_case = "ratings" in needs and chosen.attribution != "event_actor"
    pass_ = follow_pass(past, timed=bool(timed), verdicts=by_case or orphans is not None, queue="cohort" in needs)
    if "decisions" in needs:
        thin = pass_ is not None and by_case and needs["decisions"] <= _THIN
        facts.decisions = (
            _thin_decisions(pass_, since) if thin and pass_ is not None else _decisions(past, window, needs["decisions"])
        )
    if "evaluations" in needs:
        facts.evaluations = _last_scores(window)
    if orphans is not None and pass_ is not None:
        facts.outcomes = pl.concat([facts.outcomes, deciders.outcomes(orphans, past, pass_).drop("h")])
    if "ratings" in needs:
        facts.ratings = deciders.ratings(window, past, pass_, chosen)
    if timed and pass_ is not None:
        for name, table in follow.cases(past, pass_, facts, timed, chosen).items():
            setattr(facts, name, table)
    return facts


def follow_pass(past: pl.LazyFrame, *, timed: bool, verdicts: bool, queue: bool) -> pl.DataFrame | None:
    """The rows that follow cases, in one pass: type, hash of the case, time, actor."""
    types = [*(CLOCK_TYPES[1:] if timed else ()), *(VERDICT_TYPES if verdicts else ())]
    if not types:
        return None
    columns = ["type", "ts", "actor", "actor_kind", *(["queue"] if queue else [])]
    return collect(past.filter(pl.col("type").is_in(types)).select(*columns, follow.case_hash()))


def split_outcomes(window: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Outcomes with the actor that they name, and those that name none (None when there are none)."""
    of_type = window.filter(pl.col("type") == "OUTCOME")
    columns = list(FACT_SCHEMAS["outcomes"])
    found = collect(of_type.select(columns))
    if not found["actor"].null_count():
        return found, None
    nameless = collect(of_type.filter(pl.col("actor").is_null()).select("case_id", "ts", "outcome", follow.case_hash()))
    return found.filter(pl.col("actor").is_not_null()), nameless


def _thin_decisions(pass_: pl.DataFrame, since: datetime | None) -> pl.DataFrame:
    verdicts = pass_.lazy().filter(pl.col("type").is_in(list(VERDICT_TYPES)))
    inside = verdicts if since is None else verdicts.filter(pl.col("ts") > since)
    return collect(inside.select("actor", "actor_kind", "ts", override=pl.col("type") == "OVERRIDE"))


def _decisions(past: pl.LazyFrame, window: pl.LazyFrame, columns: set[str]) -> pl.DataFrame:
    plain = [name for name in FACT_SCHEMAS["decisions"] if name in columns and name in SCHEMA]
    keep = dict.fromkeys(["actor", "actor_kind", "ts", *plain])
    if columns & {"answered", "right", "final"}:
        keep["case_id"] = None
    if columns & {"right", "final"}:
        keep |= dict.fromkeys(["ai_recommendation", "human_verdict"])
    verdicts = window.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
    table = collect(verdicts.select(*keep, override=pl.col("type") == "OVERRIDE"))
    return with_hindsight(table, past, window, columns)


def with_hindsight(decisions: pl.DataFrame, past: pl.LazyFrame, window: pl.LazyFrame, columns: set[str]) -> pl.DataFrame:
    """Add to decisions what only other events tell: `answered`, `right`, `final`, as far as asked for."""
    if "answered" in columns:
        rated = collect(window.filter(pl.col("type") == "SAT_SCORE").select(pl.col("case_id").drop_nulls().unique()))
        decisions = decisions.with_columns(answered=pl.col("case_id").is_in(rated["case_id"].implode()))
    if "right" in columns:
        decisions = _with_truth(decisions, past)
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


def _with_truth(decisions: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """Add `right`: what the last adjudication of the case, or else its last outcome, says of the verdict."""
    judged = decisions.join(last_truth(past), on="case_id", how="left")
    right = (
        pl.when(pl.col("human_verdict").is_null())
        .then(statement=None)
        .when(pl.col("truth") == pl.col("human_verdict")).then(statement=True)
        .when(pl.col("truth") == pl.col("ai_recommendation")).then(statement=False)
    )  # fmt: skip
    return judged.with_columns(right=right).drop("truth")


def last_truth(past: pl.LazyFrame) -> pl.DataFrame:
    """What is known to be right of each case: `case_id`, `truth` (its last adjudication, or else its last outcome that is about the verdict)."""
    said = past.filter(pl.col("type").is_in(["ADJUDICATION", "OUTCOME"]) & pl.col("outcome").is_not_null())
    rank = pl.col("type") == "ADJUDICATION"
    # `success` and its like are about the work, not about which verdict was right
    about_truth = rank | ~pl.col("outcome").is_in(_RESULTS)
    truth = collect(said.filter(about_truth).select("case_id", "ts", "outcome", rank=rank))
    return truth.sort("case_id", "rank", "ts", "outcome").unique("case_id", keep="last").select("case_id", truth="outcome")


def _last_scores(window: pl.LazyFrame) -> pl.DataFrame:
    """The last scores of every actor in the window; of equal times the higher score is the later."""
    scored = window.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
    return last_of(collect(scored.select("actor", "actor_kind", "ts", "value")))


def last_of(table: pl.DataFrame) -> pl.DataFrame:
    """The last scores of every actor among these."""
    # the time of the k-th last score first: far fewer rows are left to be sorted
    border = table.lazy().group_by("actor").agg(border=pl.col("ts").top_k(_K).min())
    late = table.lazy().join(border, on="actor").filter(pl.col("ts") >= pl.col("border")).drop("border")
    ranked = collect(late).sort("actor", "ts", "value", descending=[False, True, True])
    return ranked.filter(pl.int_range(pl.len()).over("actor") < _K).select(table.columns)
