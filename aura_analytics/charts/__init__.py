"""Charts: pure functions from a frame to an altair chart, one theme, never more than 5,000 rows in a specification."""

from aura_analytics.charts.case_mix_plot import case_mix_funnel, over_cases
from aura_analytics.charts.correlation_plot import correlation
from aura_analytics.charts.errors import comparison, detection, error_curves
from aura_analytics.charts.funnel_plot import funnel, funnel_limits
from aura_analytics.charts.league_table import league
from aura_analytics.charts.picture import Picture, show
from aura_analytics.charts.reliability_diagram import reliability
from aura_analytics.charts.reliance_table import reliance
from aura_analytics.charts.render import png, svg
from aura_analytics.charts.rolling_series import series
from aura_analytics.charts.sentence import note
from aura_analytics.charts.survival_curves import survival
from aura_analytics.charts.theme import DARK, INLINE, LIGHT, Theme

__all__ = [
    "DARK",
    "INLINE",
    "LIGHT",
    "Picture",
    "Theme",
    "case_mix_funnel",
    "comparison",
    "correlation",
    "detection",
    "error_curves",
    "funnel",
    "funnel_limits",
    "league",
    "note",
    "over_cases",
    "png",
    "reliability",
    "reliance",
    "series",
    "show",
    "survival",
    "svg",
]
