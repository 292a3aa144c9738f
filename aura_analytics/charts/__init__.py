"""Charts: pure functions from a frame to an altair chart, one theme, never more than 5,000 rows in a specification."""

from aura_analytics.charts.errors import comparison, detection, error_curves
from aura_analytics.charts.funnel import funnel, funnel_limits
from aura_analytics.charts.league import league
from aura_analytics.charts.note import note
from aura_analytics.charts.reliability import reliability
from aura_analytics.charts.render import png, svg
from aura_analytics.charts.series import series
from aura_analytics.charts.show import Picture, show
from aura_analytics.charts.survival import survival
from aura_analytics.charts.theme import DARK, INLINE, LIGHT, Theme

__all__ = [
    "DARK", "INLINE", "LIGHT", "Picture", "Theme", "comparison", "detection", "error_curves", "funnel", "funnel_limits", "league", "note", "png", "reliability", "series", "show",
    "survival", "svg",
]  # fmt: skip
