"""Numbers and verdicts as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from aura_analytics import times
from aura_analytics.metrics.base import Count, Metric
from aura_analytics.metrics.registry import METRICS

__all__ = ["cards", "cell", "readings", "span_of_time", "verdict_words"]

_CARDS = ("override_rate", "override_rate_per_suggestion", "overrides_right_rate", "sat_score_mean", "sat_low_share",
          "sat_response_rate", "avg_processing_hours", "processing_hours_median", "processing_hours_p90", "open_cases",
          "sla_breach_rate", "success_rate", "score_mean_last10", "overridden_rate", "overridden_right_rate")  # fmt: skip

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
    "not_judged": "not judged",
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
        unit = metric.unit.removesuffix("s") if value == 1 else metric.unit
        return {"value": _number(value or 0, metric.unit), "n": None, "interval": None, "unit": unit}
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


def cards(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The numbers of a dossier that have a value: `metric`, `title`, and what `cell` says."""
    machine = row.get("actor_kind") in ("agent", "component", "system")

    def known(name: str) -> bool:
        return row.get(f"{name}_status") == "ok" or (name == "open_cases" and (bool(row.get(name)) or not machine))

    return [
        {"metric": name, "title": METRICS[name].title, **cell(METRICS[name], row)} for name in _CARDS if name in row and known(name)
    ]


def readings(first: datetime, end: datetime, window: str | timedelta | None) -> tuple[str, str]:
    """Step and window of a rolling series: about a hundred readings, whatever the length of the log."""
    length = end - times.parse_as_of(first)
    days = max(1, length.days // 100)
    wide = times.parse_span(window).days if window is not None else max(7, length.days // 6)
    return f"{days}d", f"{max(days, min(wide, max(7, length.days // 4)) // days * days)}d"


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
