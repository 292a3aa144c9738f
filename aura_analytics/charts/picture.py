"""A chart in a notebook: a picture in the colours of the theme around it, and words for everybody; nothing is fetched."""

from __future__ import annotations

import base64
import html
from typing import Any, cast

import altair as alt

from aura_analytics.charts.render import inline_svg, png

__all__ = ["Faceted", "Layered", "Picture", "said", "show"]

_SWAP = """(() => {
  const box = document.currentScript?.closest('.aura-figure'), kept = box?.querySelector('script[type="image/svg+xml"]');
  if (!kept) return;
  const made = new DOMParser().parseFromString(kept.textContent, 'image/svg+xml').documentElement;
  box.querySelector('img')?.replaceWith(document.importNode(made, true));
})()"""


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
    """A chart by MIME type. Where scripts run (a trusted notebook) the picture in the page's colours stands instead."""
    picture, label = base64.b64encode(png(chart)).decode(), html.escape(says, quote=True)
    drawing = inline_svg(chart, says).replace("</script", "<\\/script")
    page = (
        f'<div class="aura-figure"><p>{label}</p><img alt="{label}" src="data:image/png;base64,{picture}">'
        f'<script type="image/svg+xml">{drawing}</script><script>{_SWAP}</script></div>'
    )
    return {"text/html": page, "image/png": picture, "text/plain": says}


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
