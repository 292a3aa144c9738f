"""Override rate per suggestion: one vote per recommendation.

The same recommendation on the same case may be decided twice, when an officer changes their mind or a system repeats an event.
Here each (case, recommendation) of an actor counts once, with the last verdict on it, and verdicts that name no recommendation
do not count at all.

Examples
--------
>>> import aura_analytics as aura
>>> verdict = {"actor": "anne", "case_id": "C1", "ai_recommendation": "APPROVE"}
>>> log = aura.events.from_records([
...     {**verdict, "type": "OVERRIDE", "human_verdict": "REJECT", "ts": "2026-01-05T10:00:00Z"},
...     {**verdict, "type": "DECISION", "human_verdict": "APPROVE", "ts": "2026-01-05T11:00:00Z"}])
>>> aura.dossiers(log).select("override_rate", "override_rate_per_suggestion", "override_rate_per_suggestion_n").row(0)
(0.5, 0.0, 1)
"""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["override_rate_per_suggestion"]

override_rate_per_suggestion: Rate = Rate(
    name="override_rate_per_suggestion",
    title="Override rate per suggestion",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=("override", "case_id", "ai_recommendation", "final"),
    kinds=("officer",),
    hit=pl.col("override"),
    among=pl.col("final"),
    hits_are="override",
)
