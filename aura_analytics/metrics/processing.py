"""How long cases take: mean, median and 90th percentile of the hours from assignment to resolution, and what is still open.

Only closed cases have a duration, so a backlog flatters these numbers: `open_cases` stands beside them, and the SLA breach
rate counts open cases for as long as they have waited.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "RESOLVED", "actor": "anne", "case_id": "C1", "ts": "2026-01-06T10:00:00Z"},
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C2", "ts": "2026-01-06T10:00:00Z"}])
>>> aura.dossiers(log).select("avg_processing_hours", "processing_hours_median", "open_cases").row(0)
(24.0, 24.0, 1)
"""

import polars as pl

from aura_analytics.cases import HANDLED, OPEN
from aura_analytics.metrics.kinds.count import Count
from aura_analytics.metrics.kinds.mean import Mean
from aura_analytics.metrics.kinds.quantile import Quantile

__all__ = ["avg_processing_hours", "open_cases", "processing_hours_median", "processing_hours_p90"]

_HOUR = 3_600_000_000

avg_processing_hours: Mean = Mean(
    name="avg_processing_hours",
    title="Mean hours per closed case",
    unit="hours",
    low=0,
    high=None,
    direction="lower",
    fact=HANDLED,
    needs=("elapsed",),
    value=pl.col("elapsed"),
    per=_HOUR,
    whole=True,
    short="Mean h",
    people_board=3,
    measure="Look at the ten longest cases together: what was waited for, and by whom?",
)

processing_hours_median: Quantile = Quantile(
    name="processing_hours_median",
    title="Median hours per closed case",
    unit="hours",
    low=0,
    high=None,
    direction="lower",
    fact=HANDLED,
    needs=("elapsed",),
    value=pl.col("elapsed"),
    q=0.5,
    per=_HOUR,
)

processing_hours_p90: Quantile = Quantile(
    name="processing_hours_p90",
    title="90th percentile of hours per closed case",
    unit="hours",
    low=0,
    high=None,
    direction="lower",
    fact=HANDLED,
    needs=("elapsed",),
    value=pl.col("elapsed"),
    q=0.9,
    per=_HOUR,
)

open_cases: Count = Count(
    name="open_cases",
    title="Cases held and not resolved",
    unit="cases",
    low=0,
    high=None,
    direction="lower",
    fact=OPEN,
)
