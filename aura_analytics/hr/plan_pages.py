"""An improvement plan as text and as a page."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.wording import figure, observations

if TYPE_CHECKING:
    from aura_analytics.hr.plans import Goal, ImprovementPlan

__all__ = ["number_words", "rendered"]


def number_words(value: float | None, metric: Metric | str) -> str:
    """A number of a metric in words; a dash where there is none."""
    if value is None:
        return "-"
    found = METRICS.get(metric) if isinstance(metric, str) else metric
    if found is None:
        return f"{value:.4g}"
    return figure(value, found.unit)


def _counted(goal: Goal) -> str:
    found = METRICS.get(goal.metric)
    return "-" if goal.n is None else observations(goal.n, "observations" if found is None else found.counted_in)


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("aura_analytics.hr"),
        autoescape=select_autoescape(["html.j2", "html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["number"] = number_words
    made.filters["counted"] = _counted
    made.filters["md"] = lambda text: "".join(
        "\\" + character if character in "\\`*_{}[]<>#|" else character for character in str(text)
    )
    return made


def rendered(template: str, plan: ImprovementPlan) -> str:
    """A plan by one of the templates."""
    return str(_environment().get_template(template).render(plan=plan))
