"""One look for all charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aura_analytics.charts.colours import DARK, INLINE, LIGHT, VERDICTS, Theme, variables
from aura_analytics.charts.picture import said
from aura_analytics.rules.wording import verdict_label

if TYPE_CHECKING:
    import altair as alt

    from aura_analytics.metrics.kinds.base import Metric

__all__ = ["DARK", "INLINE", "LABELS", "LIGHT", "VERDICTS", "Theme", "styled", "title_of", "variables"]

LABELS = [verdict_label(name) for name in VERDICTS]
SHAPES = ("triangle-up", "diamond", "circle", "square")
MAX_ROWS = 5_000


def title_of(kind: Metric) -> str:
    """Axis title of a metric; shares are shown in percent and need no unit."""
    return kind.title if kind.unit == "fraction" else f"{kind.title} ({kind.unit})"


def styled(
    chart: alt.LayerChart | alt.FacetChart, theme: Theme, says: str = "", *, width: int = 640, height: int | None = None
) -> alt.LayerChart:
    """A chart in the theme's colours, on a transparent ground, with a sentence that says what is to be seen; it shows itself."""
    layered = cast("Any", chart)
    sized = layered.properties(width=width) if height is None else layered.properties(width=width, height=height)
    axis = {
        "labelColor": theme.ink,
        "titleColor": theme.muted,
        "gridColor": theme.grid,
        "domainColor": theme.grid,
        "tickColor": theme.grid,
        "gridWidth": 0.6,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 260,
    }
    legend = {"labelColor": theme.ink, "titleColor": theme.muted, "orient": "top", "labelFontSize": 12, "title": None}
    config: dict[str, Any] = {
        "axis": axis,
        "legend": legend,
        "view": {"stroke": None},
        "background": "transparent",
        "font": "sans-serif",
        "text": {"color": theme.ink},
        "title": {"color": theme.ink},
    }
    return cast("alt.LayerChart", said(sized.configure(**config), says))
