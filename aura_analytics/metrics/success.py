"""Success rate: the share of an actor's outcomes that are `success`; `partial` and `cancelled` are not.

An outcome belongs to the actor that it names, or else to the last to decide its case.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "OUTCOME", "actor": "agent:debugger", "case_id": f"R{i}", "outcome": word, "ts": "2026-01-05"}
...     for i, word in enumerate(["success", "success", "partial", "failure"])])
>>> aura.dossiers(log).select("success_rate", "success_rate_n").row(0)
(0.5, 4)
"""

import polars as pl

from aura_analytics.cases import OUTCOMES
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["success_rate"]

_WORDS = ["success", "failure", "partial", "cancelled"]

success_rate: Rate = Rate(
    name="success_rate",
    title="Success rate",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=OUTCOMES,
    needs=("outcome",),
    hit=pl.col("outcome") == "success",
    among=pl.col("outcome").is_in(_WORDS),
    short="Success %",
    machine_board=2,
    hits_are="success",
)
