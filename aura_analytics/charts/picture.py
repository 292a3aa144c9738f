"""A chart in a notebook: a picture in the colours of the theme around it, and words for everybody; nothing is fetched."""

from __future__ import annotations

import base64
import textwrap
from typing import Any, cast

import altair as alt

from aura_analytics.charts.colours import LIGHT
from aura_analytics.charts.render import inline_svg, png

__all__ = ["Faceted", "Layered", "Picture", "said", "show"]

_LINE = 7.2  # pixels of a character of the sentence


class _Shown:
    """What a notebook shows of a chart: a picture that follows the theme, one that does not, and the sentence."""

    def _repr_mimebundle_(self, *_: Any, **__: Any) -> dict[str, Any]:
        chart = cast("alt.LayerChart", self)
        return bundle(chart, _text(chart))


class Layered(_Shown, alt.LayerChart):
    """A chart in layers that shows itself."""


class Faceted(_Shown, alt.FacetChart):
    """A chart in panels that shows itself."""


def said(chart: alt.LayerChart | alt.FacetChart, says: str) -> Any:
    """A chart with a sentence that says what is to be seen: it shows itself, and says it to who cannot see it."""
    made = chart.properties(description=says)
    object.__setattr__(made, "__class__", Faceted if isinstance(made, alt.FacetChart) else Layered)
    return made


def _text(chart: Any) -> str:
    return "" if chart.description is alt.Undefined else str(chart.description)


def bundle(chart: Any, says: str) -> dict[str, Any]:
    """A chart by MIME type. The vector picture stands where the notebook is trusted, the other one where not."""
    wide = chart.width if isinstance(chart.width, (int, float)) else 640
    lines = textwrap.wrap(says, max(30, int((wide + 60) / _LINE))) or [""]
    title = alt.TitleParams(text=lines, anchor="start", fontSize=13, fontWeight="normal", offset=10, color=LIGHT.ink)
    whole = chart.properties(title=title) if says else chart
    return {
        "image/svg+xml": inline_svg(whole, says),
        "image/png": base64.b64encode(png(whole)).decode(),
        "text/plain": says,
    }


class Picture:
    """A chart with a sentence of your own.

    Parameters
    ----------
    chart
        The chart.
    says
        What it shows, for who cannot see it, and wherever no picture can be drawn.
    """

    def __init__(self, chart: alt.LayerChart | alt.Chart, says: str) -> None:
        self.chart: alt.LayerChart | alt.Chart
        self.says: str
        self.chart, self.says = chart, says

    def __repr__(self) -> str:
        return self.says

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return bundle(self.chart, self.says)


def show(chart: alt.LayerChart | alt.Chart, says: str) -> Picture:
    """A chart for the end of a notebook's cell, with a sentence of your own in the place of the generated one.

    Examples
    --------
    >>> import altair as alt, polars as pl
    >>> show(alt.Chart(pl.DataFrame({"x": [1]})).mark_point().encode(x="x:Q"), "One point at 1.")
    One point at 1.
    """
    return Picture(chart, says)
