"""Whether overrides were right, as far as an adjudication (or what turned out true) says.

An override is right when the last `ADJUDICATION` of its case, or else the last `OUTCOME` that names a verdict, names the human's
verdict, and wrong when it names anything else. Overrides that nobody judged do not count, so `_n` says how many were judged; they
are weighted as the numbers of `aura_analytics.metrics.reliance` are.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "OVERRIDE", "actor": "anne", "case_id": "C1", "agent": "gpt", "ai_recommendation": "APPROVE",
...      "human_verdict": "REJECT", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "ADJUDICATION", "case_id": "C1", "outcome": "REJECT", "ts": "2026-01-06T10:00:00Z"}])
>>> aura.dossiers(log).select("actor", "overrides_right_rate", "overridden_right_rate").rows()
[('anne', 1.0, None), ('gpt', None, 1.0)]
"""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics.kinds.audited import AuditedRate
from aura_analytics.metrics.kinds.base import MACHINES

__all__ = ["NEEDS", "overridden_right_rate", "overrides_right_rate"]

NEEDS = ("override", "right", "weight", "by_chance", "own_work")  # of everything that counts judged verdicts

overrides_right_rate: AuditedRate = AuditedRate(
    name="overrides_right_rate",
    title="Overrides that were right",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=NEEDS,
    kinds=("officer",),
    hit=pl.col("right"),
    among=pl.col("override"),
    hits_are="right",
)

overridden_right_rate: AuditedRate = AuditedRate(
    name="overridden_right_rate",
    title="Overridden rightly",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=(*NEEDS, "agent"),
    kinds=MACHINES,
    subject="agent",
    hit=pl.col("right"),
    among=pl.col("override"),
    machine_board=4,
    hits_are="rightly",
)
