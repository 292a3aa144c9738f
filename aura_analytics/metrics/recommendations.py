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

from aura_analytics.metrics.base import _AGENTS, Rate

__all__ = ["overridden_rate"]

overridden_rate = Rate(
    name="overridden_rate",
    title="Recommendations overridden",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact="decisions",
    needs=("override", "agent"),
    kinds=_AGENTS,
    subject="agent",
    hit=pl.col("override"),
)
