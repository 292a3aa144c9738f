"""The kinds of metrics: a share, a mean, a quantile, a count, the chance of outlasting a limit,
and shares, differences and signal detection among audited verdicts. One kind a file; see `base`.
"""

from aura_analytics.metrics.kinds.audited import AuditedRate
from aura_analytics.metrics.kinds.audited_difference import AuditedDifference
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.count import Count
from aura_analytics.metrics.kinds.detection import Detection
from aura_analytics.metrics.kinds.mean import LastMean, Mean
from aura_analytics.metrics.kinds.quantile import Quantile
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.metrics.kinds.survival import Survival

__all__ = [
    "AuditedDifference",
    "AuditedRate",
    "Context",
    "Count",
    "Detection",
    "LastMean",
    "Mean",
    "Metric",
    "Quantile",
    "Rate",
    "Survival",
]
