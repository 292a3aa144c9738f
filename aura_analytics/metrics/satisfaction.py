"""What citizens say: stars from 1 to 5, the share of bad ratings, and how many answer at all.

A rating carries a case, not an officer; `Options.attribution` says whom it is about. `sat_response_rate` is the share of the
actor's verdicts (those that name a case) whose case was rated in the window; the silent majority may think otherwise.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "DECISION", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "DECISION", "actor": "anne", "case_id": "C2", "ts": "2026-01-05T11:00:00Z"},
...     {"type": "SAT_SCORE", "value": 2, "case_id": "C1", "ts": "2026-01-06T10:00:00Z"}])
>>> aura.dossiers(log).select("sat_score_mean", "sat_score_mean_n", "sat_low_share", "sat_response_rate").row(0)
(2.0, 1, 1.0, 0.5)
"""

import polars as pl

from aura_analytics.metrics.base import Mean, Rate

__all__ = ["sat_low_share", "sat_response_rate", "sat_score_mean"]

sat_score_mean = Mean(
    name="sat_score_mean",
    title="Satisfaction",
    unit="stars",
    low=1,
    high=5,
    direction="higher",
    fact="ratings",
    needs=("value",),
    value=pl.col("value"),
    grain=1.0,
)

sat_low_share = Rate(
    name="sat_low_share",
    title="Ratings of 2 stars or fewer",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact="ratings",
    needs=("value",),
    hit=pl.col("value") <= 2,
)

sat_response_rate = Rate(
    name="sat_response_rate",
    title="Verdicts that citizens rated",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact="decisions",
    needs=("answered",),
    kinds=("officer",),
    hit=pl.col("answered"),
)
