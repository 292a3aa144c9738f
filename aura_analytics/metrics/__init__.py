"""What is measured about an actor: one idea per file, each declaring its name, unit, range, direction and needed columns."""

from aura_analytics.metrics.catalogue import DEFAULT, METRICS, Catalogue, metric
from aura_analytics.metrics.kinds import (
    AuditedDifference,
    AuditedRate,
    Context,
    Count,
    Detection,
    LastMean,
    Mean,
    Metric,
    Quantile,
    Rate,
    Survival,
)

__all__ = [
    "DEFAULT",
    "METRICS",
    "AuditedDifference",
    "AuditedRate",
    "Catalogue",
    "Context",
    "Count",
    "Detection",
    "LastMean",
    "Mean",
    "Metric",
    "Quantile",
    "Rate",
    "Survival",
    "metric",
]
