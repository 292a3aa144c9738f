"""The table of reliance as a picture: accepted or overridden, of recommendations that were right or wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, Theme, styled

__all__ = ["reliance"]

_ROWS = ("accepted", "overridden")
_COLUMNS = ("recommendation right", "recommendation wrong")
# what each of the four is called, and whether it is as it should be
_CELLS = {
    "accepted_right": ("rightly accepted", True),
    "accepted_wrong": ("accepted although wrong", False),
    "overridden_right": ("overridden although right", False),
    "overridden_wrong": ("rightly overridden", True),
}


def reliance(row: Mapping[str, Any], *, theme: Theme = LIGHT, width: int = 420) -> alt.LayerChart:
    """Four fields whose depth is the share of judged verdicts in them; what should not be has its own colour.

    Parameters
    ----------
    row
        A row of `aura.reliance`, as a dictionary.
    theme, width
        Look.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> table = aura.reliance(aura.simulate("fraud_unit", seed=1, days=60))
    >>> aura.charts.reliance(table.row(0, named=True)).to_dict()["width"]
    420
    """
    counts = [int(row[name]) for name in _CELLS]
    whole = max(sum(counts), 1)
    unjudged = {kind: int(row[kind]) - sum(int(row[f"{kind}_{side}"]) for side in ("right", "wrong")) for kind in _ROWS}
    fields = pl.DataFrame(
        {
            "verdict": [f"{kind} ({unjudged[kind]:,} not judged)" for kind in _ROWS for _ in _COLUMNS],
            "recommendation": [side for _ in _ROWS for side in _COLUMNS],
            "count": [f"{count:,}" for count in counts],
            "called": [called for called, _ in _CELLS.values()],
            "kind": ["as it should be" if good else "as it should not be" for _, good in _CELLS.values()],
            "depth": [0.12 + 0.5 * count / whole for count in counts],
        }
    )
    base = alt.Chart(fields).encode(
        x=alt.X("recommendation:N", sort=list(_COLUMNS), title=None, axis=alt.Axis(orient="top", labelAngle=0, labelLimit=200)),
        y=alt.Y("verdict:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
    )
    shade = base.mark_rect(stroke=theme.grid, strokeWidth=2).encode(
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=["as it should be", "as it should not be"], range=[theme.clear, theme.flag]),
            legend=None,
        ),
        opacity=alt.Opacity("depth:Q", scale=None, legend=None),
    )
    number = base.mark_text(fontSize=22, dy=-6, color=theme.ink).encode(text="count:N")
    name = base.mark_text(fontSize=11, dy=16, color=theme.ink).encode(text="called:N")
    says = "; ".join(f"{count:,} {called}" for count, (called, _) in zip(counts, _CELLS.values(), strict=True))
    says = f"Judged verdicts: {says}. Not judged: " + ", ".join(f"{unjudged[kind]:,} {kind}" for kind in _ROWS) + "."
    return styled(alt.layer(shade, number, name), theme, says, width=width, height=150)
