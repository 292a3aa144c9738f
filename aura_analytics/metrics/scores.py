"""Recent quality: the mean of an actor's last 10 scores in the window.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "EVALUATION", "actor": "gpt", "value": 10 * i, "ts": f"2026-01-{i:02d}"} for i in range(1, 11)]
...     + [{"type": "EVALUATION", "actor": "gpt", "value": 0, "ts": "2025-12-31"}])
>>> aura.dossiers(log).select("score_mean_last10", "score_mean_last10_n").row(0)
(55.0, 10)
"""

from aura_analytics.cases import EVALUATIONS
from aura_analytics.metrics.kinds.mean import LastMean

__all__ = ["score_mean_last10"]

score_mean_last10: LastMean = LastMean(
    name="score_mean_last10",
    title="Mean of the last 10 scores",
    unit="score",
    low=0,
    high=100,
    direction="higher",
    fact=EVALUATIONS,
    needs=("value",),
    short="Last 10",
    machine_board=3,
)
