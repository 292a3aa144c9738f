"""The metrics that exist, by name."""

from __future__ import annotations

from collections.abc import Iterable

from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.metrics.appropriateness import overridden_right_rate, overrides_right_rate
from aura_analytics.metrics.base import Metric
from aura_analytics.metrics.overrides import override_rate
from aura_analytics.metrics.processing import avg_processing_hours, open_cases, processing_hours_median, processing_hours_p90
from aura_analytics.metrics.recommendations import overridden_rate
from aura_analytics.metrics.satisfaction import sat_low_share, sat_response_rate, sat_score_mean
from aura_analytics.metrics.scores import score_mean_last10
from aura_analytics.metrics.sla import sla_breach_rate
from aura_analytics.metrics.success import success_rate
from aura_analytics.metrics.suggestions import override_rate_per_suggestion

__all__ = ["DEFAULT", "METRICS", "metric", "metrics_named"]

DEFAULT: tuple[Metric, ...] = (
    override_rate,
    override_rate_per_suggestion,
    overrides_right_rate,
    sat_score_mean,
    sat_low_share,
    sat_response_rate,
    avg_processing_hours,
    processing_hours_median,
    processing_hours_p90,
    open_cases,
    sla_breach_rate,
    success_rate,
    score_mean_last10,
    overridden_rate,
    overridden_right_rate,
)
METRICS: dict[str, Metric] = {one.name: one for one in DEFAULT}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises
    ------
    ParameterError
        If there is none; the nearest name is offered.

    Examples
    --------
    >>> metric("override_rate").unit
    'fraction'
    """
    found = METRICS.get(name)
    if found is None:
        raise ParameterError(
            Problem("unknown metric", got=name, expected=", ".join(METRICS), next=close_match(name, list(METRICS)))
        )
    return found


def metrics_named(chosen: Iterable[str | Metric] | str | Metric | None) -> tuple[Metric, ...]:
    """Metrics from names and metrics, each once, in the order given; all of them for None."""
    if chosen is None:
        return DEFAULT
    if isinstance(chosen, (str, Metric)):
        chosen = [chosen]
    found = [one if isinstance(one, Metric) else metric(one) for one in chosen]
    return tuple({one.name: one for one in found}.values())
