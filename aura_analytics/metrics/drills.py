"""Drills: what officers do with cases whose truth is known beforehand.

A `DRILL` event says which case is one, and in `outcome` what is right of it. Its case counts here and in no other number: not in
override rates, times, ratings or audits. The last verdict of an officer on a drill is theirs. Drills are few and every one is
judged, so these are plain shares. `plan_drills` says how many it takes.

Examples
--------
>>> import aura_analytics as aura
>>> verdict = {"type": "DECISION", "actor": "anne", "ai_recommendation": "PAY", "human_verdict": "PAY", "ts": "2026-01-05"}
>>> log = aura.events.from_records([
...     *({**verdict, "case_id": f"C{i}"} for i in range(5)),
...     *({"type": "DRILL", "case_id": f"C{i}", "outcome": "REFUSE", "ts": "2026-01-04"} for i in range(2))])
>>> aura.dossiers(log).select("override_rate_n", "drill_missed_rate", "drill_missed_rate_n").row(0)
(3, 1.0, 2)
"""

import polars as pl

from aura_analytics.cases import DRILLS
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["drill_missed_rate", "drill_right_rate"]

drill_right_rate: Rate = Rate(
    name="drill_right_rate",
    title="Drills answered right",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DRILLS,
    needs=("right",),
    kinds=("officer",),
    hit=pl.col("right"),
    hits_are="right",
)

drill_missed_rate: Rate = Rate(
    name="drill_missed_rate",
    title="Wrong recommendations of drills accepted",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DRILLS,
    needs=("override", "advice_right"),
    kinds=("officer",),
    hit=~pl.col("override"),
    among=~pl.col("advice_right"),
    hits_are="accepted",
    measure="Go through the drills whose wrong recommendation was accepted, and write down what would have shown it.",
)
