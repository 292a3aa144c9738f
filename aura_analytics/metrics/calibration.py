"""Whether agents and components are as often right as they say: stated confidence less the share that came true.

Above 0 an actor boasts, below 0 it is too modest. A recommendation came true when the last adjudication of its case (else the last
outcome that names a verdict) names it, work when its last outcome is `success`; what nobody judged does not count. This is
calibration in the large; `decisions.calibration_report` shows it by how sure an actor was.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "DECISION", "actor": "anne", "case_id": f"C{i}", "agent": "gpt", "ai_recommendation": "APPROVE",
...      "human_verdict": "APPROVE", "confidence": 0.9, "ts": "2026-01-05"} for i in range(4)] + [
...     {"type": "ADJUDICATION", "case_id": f"C{i}", "outcome": word, "ts": "2026-01-06"}
...      for i, word in enumerate(["APPROVE", "REJECT", "APPROVE"])])
>>> row = aura.dossiers(log, metrics=["calibration_gap"]).filter(actor="gpt").row(0, named=True)
>>> round(row["calibration_gap"], 3), row["calibration_gap_n"]
(0.233, 3)
"""

import polars as pl

from aura_analytics.cases import FORECASTS
from aura_analytics.metrics.kinds.base import MACHINES
from aura_analytics.metrics.kinds.mean import Mean

__all__ = ["calibration_gap"]

calibration_gap: Mean = Mean(
    name="calibration_gap",
    title="Confidence less share right",
    unit="fraction",
    low=-1,
    high=1,
    direction="lower",
    fact=FORECASTS,
    needs=("confidence", "came_true"),
    kinds=MACHINES,
    value=pl.col("confidence") - pl.col("came_true").cast(pl.Float64),
    short="Boasts by",
    machine_board=5,
    by_default=False,
)
