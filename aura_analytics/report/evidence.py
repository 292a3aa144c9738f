"""What stands behind a report: the cases of those who are flagged, and the audits that would decide about the others."""

from __future__ import annotations

from typing import Any

import polars as pl

from aura_analytics.dossier.audits import draw_audits, plan_audits
from aura_analytics.dossier.reliance import reliance
from aura_analytics.dossier.tracing import observations
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.reliance import accepted_wrong_rate as wrongly_accepted
from aura_analytics.metrics.reliance import advice_right_rate, under_reliance_rate, verdict_right_rate
from aura_analytics.rules.policy import Policy

__all__ = ["PAGES", "accepted_wrong", "audits_that_decide", "by_queue", "last_overrides"]

PAGES = 25  # flagged actors with a page of their own; the rest are in the table
_CASES = 20
_DRAWN = 200
_OF_QUEUES: tuple[Metric, ...] = (wrongly_accepted, under_reliance_rate, advice_right_rate, verdict_right_rate)
_AUDITS = 30  # of an officer that a plan counts with


def accepted_wrong(own: pl.DataFrame, actor: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The last recommendations that an actor accepted and audits found wrong."""
    found = observations(own, actor, "accepted_wrong_rate", facts["end"], facts["raw_window"])
    wrong = found.filter(pl.col("value") == 1).head(_CASES)
    return wrong.select("ts", "case_id", "agent", "ai_recommendation", "truth", "disputed").to_dicts()


def audits_that_decide(
    board: pl.DataFrame, verdicts: pl.DataFrame, events: pl.LazyFrame, facts: dict[str, Any], policy: Policy
) -> dict[str, Any] | None:
    """Which audits would decide about officers of whom nothing is decided yet, and a sample of cases for them."""
    if "accepted_wrong_rate" not in policy.metrics:
        return None
    open_ones = verdicts.filter(pl.col("verdict").is_in(["watch", "insufficient"]))["actor"]
    officers = board.filter((pl.col("override_rate_n") > 0) & pl.col("actor").is_in(open_ones.implode()))
    names = sorted(set(officers["actor"]) & set(facts["reliance"]["actor"].drop_nulls()))[:PAGES]
    if not names:
        return None
    until = events.filter(pl.col("ts") <= facts["end"])
    asked = {"as_of": facts["end"], "window": facts["raw_window"], "actors": names, "policy": policy}
    budget = _AUDITS * len(names)
    plan = plan_audits(until, budget, **asked)
    drawn = draw_audits(until, budget, seed=0, **asked)
    return {"plan": plan.to_dicts(), "drawn": drawn.head(_DRAWN).to_dicts(), "n": drawn.height, "budget": budget}


def by_queue(events: pl.LazyFrame, facts: dict[str, Any]) -> dict[str, Any] | None:
    """What was done with right and wrong recommendations in each queue; None where nothing was judged, or queues have no names."""
    table = reliance(events, "queue", as_of=facts["end"], window=facts["raw_window"])
    if not table["judged"].sum() or table["queue"].null_count() == table.height:
        return None
    rows = [
        {
            "queue": row["queue"],
            "verdicts": row["accepted"] + row["overridden"],
            "judged": row["judged"],
            "cells": [one.cell(row) for one in _OF_QUEUES],
        }
        for row in table.iter_rows(named=True)
    ]
    return {"titles": [one.title for one in _OF_QUEUES], "rows": rows}


def last_overrides(own: pl.DataFrame, actor: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The last overrides of an actor in the window, with what citizens and auditors said of the case."""
    inside = own if facts["since"] is None else own.filter(pl.col("ts") > facts["since"])
    overrides = inside.filter((pl.col("type") == "OVERRIDE") & (pl.col("actor") == actor)).sort("ts", descending=True).head(_CASES)
    said = own.filter(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION"])).sort("ts")
    stars = said.filter(pl.col("type") == "SAT_SCORE").group_by("case_id").agg(stars=pl.col("value").last())
    truth = said.filter(pl.col("type") == "ADJUDICATION").group_by("case_id").agg(truth=pl.col("outcome").last())
    table = overrides.join(stars, on="case_id", how="left").join(truth, on="case_id", how="left").sort("ts", descending=True)
    return table.select("ts", "case_id", "agent", "ai_recommendation", "human_verdict", "confidence", "stars", "truth").to_dicts()
