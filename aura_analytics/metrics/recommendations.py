"""How an agent's recommendations fare: the share that officers overrode.

`overridden_rate_n` is the number of recommendations that were decided on.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": kind, "actor": "anne", "agent": "gpt", "ts": "2026-01-05"} for kind in ("OVERRIDE", "DECISION", "DECISION")])
>>> aura.dossiers(log).filter(actor="gpt").select("overridden_rate_n", "overridden_rate_status", "override_rate_status").row(0)
(3, 'ok', 'not_for_kind')
"""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics.kinds.base import MACHINES
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["overridden_rate"]

overridden_rate: Rate = Rate(
    name="overridden_rate",
    title="Recommendations overridden",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=("override", "agent"),
    kinds=MACHINES,
    subject="agent",
    hit=pl.col("override"),
    short="Overridden %",
    machine_board=1,
    hits_are="overridden",
)
