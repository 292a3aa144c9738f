"""What is measured about an actor: one idea per file, each declaring its name, unit, range, direction and needed columns."""

from aura_analytics.metrics.base import Count, LastMean, Mean, Metric, Quantile, Rate, Survival
from aura_analytics.metrics.dossier import dossiers
from aura_analytics.metrics.registry import DEFAULT, METRICS, metric
from aura_analytics.metrics.rolling import rolling
from aura_analytics.metrics.state import DossierState

__all__ = [
    "DEFAULT",
    "METRICS",
    "Count",
    "DossierState",
    "LastMean",
    "Mean",
    "Metric",
    "Quantile",
    "Rate",
    "Survival",
    "dossiers",
    "metric",
    "rolling",
]
