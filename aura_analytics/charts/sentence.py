"""A sentence as a picture, where there is nothing to draw yet."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, Theme, styled

__all__ = ["note"]


def note(says: str, *, theme: Theme = LIGHT, width: int = 560) -> alt.LayerChart:
    """A sentence in the place of a chart.

    Parameters
    ----------
    says
        The sentence.
    theme, width
        Look.
    """
    text = alt.Chart(pl.DataFrame({"says": [says]})).mark_text(fontSize=13, color=theme.muted, limit=width).encode(text="says:N")
    return styled(alt.layer(text), theme, says, width=width, height=40)
