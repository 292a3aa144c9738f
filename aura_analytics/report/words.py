"""Numbers and verdicts as people read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aura_analytics.metrics.base import Count, Metric

__all__ = ["cell", "span_of_time", "verdict_words"]

_STATUS = {
    "no_data": "no data",
    "not_for_kind": "does not apply",
    "no_target": "no limit given",
    "not_followed": "no case was followed up to its limit",
}
_VERDICTS = {
    "flag": "flagged: a plan is recommended",
    "watch": "watch: it looks so, but not beyond doubt",
    "clear": "clear",
    "insufficient": "not enough evidence to say",
}


def verdict_words(verdict: str) -> str:
    """A verdict as a phrase."""
    return _VERDICTS.get(verdict, verdict)


def _number(value: float, unit: str) -> str:
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    if unit == "cases":
        return f"{value:,.0f}"
    return f"{value:,.1f}" if unit == "hours" or unit == "score" else f"{value:.2f}"


def cell(metric: Metric, row: dict[str, Any]) -> dict[str, Any]:
    """Value, n and interval of a metric as texts; the reason where there is no value."""
    value = row.get(metric.name)
    if isinstance(metric, Count):
        return {"value": _number(value or 0, metric.unit), "n": None, "interval": None, "unit": metric.unit}
    status = row.get(f"{metric.name}_status")
    n = row.get(f"{metric.name}_n") or 0
    if value is None or not n:
        return {"value": _STATUS.get(str(status), "undefined"), "n": None, "interval": None, "unit": "", "empty": True}
    low, high = row.get(f"{metric.name}_lo"), row.get(f"{metric.name}_hi")
    interval = None
    if low is not None and high is not None:
        interval = f"{_number(low, metric.unit).removesuffix(' %')}–{_number(high, metric.unit)}"
    unit = "" if metric.unit == "fraction" else metric.unit
    return {"value": _number(value, metric.unit), "n": f"{n:,}", "interval": interval, "unit": unit}


def span_of_time(span: str | timedelta | None) -> str:
    """A window in words.

    Examples
    --------
    >>> span_of_time("90d"), span_of_time("1d"), span_of_time(None)
    ('90 days', '1 day', 'the whole log')
    """
    if span is None:
        return "the whole log"
    if isinstance(span, timedelta):
        whole_days = span % timedelta(days=1) == timedelta(0)
        span = f"{span.days}d" if whole_days else f"{span // timedelta(hours=1)}h"
    unit = {"d": "day", "h": "hour", "w": "week", "m": "minute", "s": "second"}[span.strip()[-1]]
    count = int(span.strip()[:-1])
    return f"{count} {unit}{'' if count == 1 else 's'}"
