"""One look for all charts: light, dark, and one whose colours are CSS variables of the page around it.

The colours of the verdicts are those of Okabe and Ito's palette, which people with the common colour blindnesses can tell
apart; every chart repeats them as shape or text.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import altair as alt

    from aura_analytics.metrics.kinds.base import Metric

__all__ = ["DARK", "INLINE", "LIGHT", "VERDICTS", "Theme", "styled", "title_of", "variables"]

VERDICTS = ("flag", "watch", "clear", "insufficient")
SHAPES = ("triangle-up", "diamond", "circle", "square")
MAX_ROWS = 5_000


@dataclass(frozen=True)
class Theme:
    """Colours of a chart."""

    ink: str
    muted: str
    grid: str
    accent: str
    flag: str
    watch: str
    clear: str
    insufficient: str

    @property
    def verdicts(self) -> list[str]:
        """Colours of `VERDICTS`, in their order."""
        return [getattr(self, name) for name in VERDICTS]


LIGHT = Theme("#1b1f24", "#5b6470", "#e3e6ea", "#0072b2", "#b34700", "#b07a00", "#0072b2", "#7a828c")
DARK = Theme("#eceff3", "#a2abb6", "#343a42", "#56b4e9", "#ff8a3d", "#f0b429", "#56b4e9", "#98a1ac")
# stand-ins that no chart would use by chance; `render.svg` turns them into var(--name), so one picture follows the page
INLINE = Theme("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06", "#0a0b07", "#0a0b08")


def variables(theme: Theme) -> str:
    """The theme as CSS custom properties."""
    return "; ".join(f"--{name}: {colour}" for name, colour in asdict(theme).items())


def title_of(kind: Metric) -> str:
    """Axis title of a metric; shares are shown in percent and need no unit."""
    return kind.title if kind.unit == "fraction" else f"{kind.title} ({kind.unit})"


def styled(chart: alt.LayerChart | alt.FacetChart, theme: Theme, *, width: int = 640, height: int | None = None) -> alt.LayerChart:
    """A chart in the theme's colours, on a transparent ground."""
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
    }
    return cast("alt.LayerChart", sized.configure(**config))
