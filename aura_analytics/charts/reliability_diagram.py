"""Reliability diagram: what confidence said, and what came true."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, Theme, styled

__all__ = ["reliability"]


def reliability(bins: dict[str, pl.DataFrame], *, theme: Theme = LIGHT, width: int = 380) -> alt.LayerChart:
    """Rate of success by stated confidence, with its limits; on the dashed line confidence says the truth.

    Parameters
    ----------
    bins
        By name (of an agent, say): `CalibrationReport.bins`, with `confidence`, `rate`, `lo`, `hi`.
    theme, width
        Look.
    """
    rows = pl.concat(
        [table.select("confidence", "rate", "lo", "hi").with_columns(who=pl.lit(name)) for name, table in bins.items()]
    )
    colours = theme.series
    scale = alt.Scale(domain=list(bins), range=[colours[i % len(colours)] for i in range(len(bins))])
    over = rows.filter(pl.col("hi") < pl.col("confidence"))["who"].value_counts(sort=True)
    boasts = "; ".join(f"{name} in {count} of {bins[name].height} groups" for name, count in over.iter_rows())
    says = "What confidence said and what came true, with 95 % limits; on the dashed line they agree. Surer than right: "
    says += f"{boasts or 'none'}."
    percent = alt.Axis(format="%")
    base = alt.Chart(rows).encode(
        x=alt.X("confidence:Q", title="said", axis=percent, scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("who:N", scale=scale),
    )
    y = alt.Y("rate:Q", title="came true", axis=percent, scale=alt.Scale(domain=[0, 1]))
    line = (
        alt.Chart(pl.DataFrame({"confidence": [0.0, 1.0], "rate": [0.0, 1.0]}))
        .mark_line(strokeDash=[5, 4], color=theme.muted)
        .encode(x="confidence:Q", y="rate:Q")
    )
    limits = base.mark_rule(strokeWidth=2).encode(y=alt.Y("lo:Q", title="came true"), y2="hi:Q")
    return styled(
        alt.layer(
            line,
            limits,
            base.mark_point(filled=True, size=80, opacity=1).encode(
                y=y, shape=alt.Shape("who:N", scale=alt.Scale(domain=list(bins)))
            ),
        ),
        theme,
        says,
        width=width,
        height=width,
    )
