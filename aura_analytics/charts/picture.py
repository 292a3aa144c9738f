"""A chart in a notebook: live where a front end can draw it, a picture where not, and words for everybody; nothing is fetched."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from aura_analytics.charts.render import png, spec_of

if TYPE_CHECKING:
    import altair as alt

__all__ = ["Picture", "show"]


class Picture:
    """A chart with a sentence that says what is to be seen.

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
        # the MIME type that JupyterLab draws by itself; the charts keep to what Vega-Lite 5 and 6 share
        spec = _settled(spec_of(self.chart))
        picture = base64.b64encode(png(self.chart)).decode()
        return {
            "application/vnd.vegalite.v5+json": {**spec, "$schema": "https://vega.github.io/schema/vega-lite/v5.json"},
            "image/png": picture,
            "text/plain": self.says,
        }


def _settled(text: str) -> dict[str, Any]:
    """A specification that is the same wherever it is made: numbers to nine digits, data named by their order."""
    spec: dict[str, Any] = json.loads(text)
    for number, name in enumerate(spec.get("datasets", {})):
        text = text.replace(name, f"data-{number}")
    found: dict[str, Any] = json.loads(text, parse_float=lambda digits: float(f"{float(digits):.9g}"))
    return found


def show(chart: alt.LayerChart | alt.Chart, says: str) -> Picture:
    """A chart for the end of a notebook's cell.

    Examples
    --------
    >>> import altair as alt, polars as pl
    >>> show(alt.Chart(pl.DataFrame({"x": [1]})).mark_point().encode(x="x:Q"), "One point at 1.")
    One point at 1.
    """
    return Picture(chart, says)
