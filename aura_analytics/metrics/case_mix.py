"""Case mix: what officers did beside what the others would have been expected to do with the same cases.

Who gets the hard cases looks bad by rates alone. `override_oe` is observed over expected overrides, by queue and recommendation: 1
is as the others would have done; so are `wrong_verdict_oe`, `low_rating_oe` and `breach_oe` (by queue). `adjusted_override_rate` is
the rate that somebody would have with the cases of the whole office.
None of them is counted unless it is named, or a policy reads it: they need everybody's cases, and mean something on the board of an
office.

Do not conclude that who is above 1 does worse work (cases may differ in ways that no covariate has), or that who is at 1 does good
work (everybody may be wrong). `aura_analytics.case_mix` has more: other covariates, effects, dispersion, outliers.

Examples
--------
>>> import aura_analytics as aura
>>> rows = [{"type": kind, "actor": actor, "actor_kind": "officer", "queue": queue, "ts": "2026-01-05", "ai_recommendation": "PAY"}
...         for actor, queue, many, of in [("anne", "fraud", 25, 50), ("anne", "loans", 1, 10), ("bert", "fraud", 5, 10),
...                                        ("bert", "loans", 5, 50), ("cleo", "fraud", 15, 30), ("cleo", "loans", 3, 30)]
...         for kind in ["OVERRIDE"] * many + ["DECISION"] * (of - many)]
>>> board = aura.dossiers(aura.events.from_records(rows), metrics=["override_rate", "override_oe", "adjusted_override_rate"])
>>> board.select("actor", pl.col("override_rate", "override_oe", "adjusted_override_rate").round(2)).rows()
[('anne', 0.43, 1.04, 0.31), ('bert', 0.17, 0.9, 0.28), ('cleo', 0.3, 1.0, 0.3)]
"""

from dataclasses import replace

import polars as pl

from aura_analytics.cases import COHORT, DECISIONS, RATINGS
from aura_analytics.metrics.kinds.audited import OVERSIGHT
from aura_analytics.metrics.kinds.base import MACHINES, OFFICERS
from aura_analytics.metrics.kinds.expectation import Expectation
from aura_analytics.metrics.kinds.late_expectation import LateExpectation
from aura_analytics.metrics.kinds.survival import PARTS_OF_A_CLOCK
from aura_analytics.metrics.satisfaction import LOW_STARS

__all__ = [
    "adjusted_breach_rate",
    "adjusted_low_rating_share",
    "adjusted_override_rate",
    "adjusted_wrong_verdict_rate",
    "breach_oe",
    "low_rating_oe",
    "overridden_oe",
    "override_oe",
    "wrong_verdict_oe",
]

_QUEUE_AND_ADVICE = {"queue": pl.col("queue"), "ai_recommendation": pl.col("ai_recommendation")}

override_oe: Expectation = Expectation(
    name="override_oe",
    title="Overrides, observed / expected",
    unit="ratio",
    low=0,
    high=None,
    direction="neutral",
    fact=DECISIONS,
    needs=("override", "queue", "ai_recommendation"),
    kinds=OFFICERS,
    by_default=False,
    hit=pl.col("override"),
    hits_are="override",
    covariates=_QUEUE_AND_ADVICE,
    short="O/E",
    measure="Review with a colleague who has the same cases a sample of overrides, and write down why each was made.",
)

adjusted_override_rate: Expectation = replace(
    override_oe,
    name="adjusted_override_rate",
    title="Override rate with the office's cases",
    unit="fraction",
    high=1,
    scale="rate",
    short="",
    measure="",
)

wrong_verdict_oe: Expectation = Expectation(
    name="wrong_verdict_oe",
    title="Wrong verdicts, observed / expected",
    unit="ratio",
    low=0,
    high=None,
    direction="lower",
    fact=DECISIONS,
    needs=("right", "own_work", "weight", "by_chance", "override", "queue", "ai_recommendation"),
    kinds=OFFICERS,
    by_default=False,
    hit=~pl.col("right"),
    hits_are="wrong",
    among=OVERSIGHT,
    weighted=True,
    covariates=_QUEUE_AND_ADVICE,
    measure="Go through the verdicts that audits found wrong with a colleague who has the same cases.",
)

adjusted_wrong_verdict_rate: Expectation = replace(
    wrong_verdict_oe,
    name="adjusted_wrong_verdict_rate",
    title="Wrong verdicts with the office's cases",
    unit="fraction",
    high=1,
    scale="rate",
    measure="",
)

overridden_oe: Expectation = replace(
    override_oe,
    name="overridden_oe",
    title="Recommendations overridden, observed / expected",
    direction="lower",
    needs=("override", "queue", "ai_recommendation", "agent"),
    kinds=MACHINES,
    subject="agent",
    short="",
    measure="Read a sample of the overridden recommendations beside those of other agents in the same queue.",
)

low_rating_oe: Expectation = Expectation(
    name="low_rating_oe",
    title="Low ratings, observed / expected",
    unit="ratio",
    low=0,
    high=None,
    direction="lower",
    fact=RATINGS,
    needs=("value", "queue", "ai_recommendation"),
    hit=pl.col("value") <= LOW_STARS,
    hits_are="2 stars or fewer",
    covariates=_QUEUE_AND_ADVICE,
    decided_by=None,
    by_default=False,
    measure="Read the ratings of two stars and fewer beside those of a colleague who has the same cases.",
)

adjusted_low_rating_share: Expectation = replace(
    low_rating_oe,
    name="adjusted_low_rating_share",
    title="Low ratings with the office's cases",
    unit="fraction",
    high=1,
    scale="rate",
    measure="",
)

breach_oe: LateExpectation = LateExpectation(
    name="breach_oe",
    title="SLA breaches, observed / expected",
    unit="ratio",
    low=0,
    high=None,
    direction="lower",
    fact=COHORT,
    needs=PARTS_OF_A_CLOCK,
    hits_are="outlasted its limit",
    covariates={"queue": pl.col("queue")},
    by_default=False,
    measure="Look at the cases that breached beside those of a colleague with the same queues: workload, or the order of work?",
)

adjusted_breach_rate: LateExpectation = replace(
    breach_oe,
    name="adjusted_breach_rate",
    title="SLA breaches with the office's cases",
    unit="fraction",
    high=1,
    scale="rate",
    measure="",
)
