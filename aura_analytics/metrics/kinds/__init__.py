"""The kinds of metrics: a share, a mean, a quantile, a count, the chance of outlasting a limit. One kind a file; see `base`."""

from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.count import Count
from aura_analytics.metrics.kinds.mean import LastMean, Mean
from aura_analytics.metrics.kinds.quantile import Quantile
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.metrics.kinds.survival import Survival

__all__ = ["Context", "Count", "LastMean", "Mean", "Metric", "Quantile", "Rate", "Survival"]
