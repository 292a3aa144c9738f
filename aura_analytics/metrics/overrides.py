"""Override rate: how often an officer reverses the recommendation that was put before them.

`override_rate` is OVERRIDE / (OVERRIDE + DECISION) of the actor, over all their verdicts in the window, and 0.0 for an actor
without any, as the tracker's tutorial computes it.

Examples
--------
>>> import aura_analytics as aura
>>> kinds = ["OVERRIDE"] * 42 + ["DECISION"] * 58
>>> log = aura.events.from_records([{"type": kind, "actor": "anne", "ts": "2026-01-05"} for kind in kinds])
>>> row = aura.dossiers(log).row(0, named=True)
>>> row["override_rate"], row["override_rate_n"], round(row["override_rate_lo"], 4), round(row["override_rate_hi"], 4)
(0.42, 100, 0.328, 0.5179)
"""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["override_rate"]

override_rate: Rate = Rate(
    name="override_rate",
    title="Override rate",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=("override",),
    kinds=("officer",),
    hit=pl.col("override"),
    when_empty=0.0,
    short="Override %",
    people_board=1,
    hits_are="override",
    measure="Review with a colleague a sample of cases in which the recommendation was overridden, and write down why.",
)
