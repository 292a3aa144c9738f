"""Survival of cases: how many are still open after a given time."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, Theme, styled

__all__ = ["survival"]

_POINTS = 400


def survival(
    curves: dict[str, pl.DataFrame],
    *,
    limit: float | None = None,
    unit: str = "hours",
    theme: Theme = LIGHT,
    width: int = 640,
) -> alt.LayerChart:
    """Kaplan-Meier curves as steps.

    Parameters
    ----------
    curves
        Name -> what `kaplan_meier` returns, in the order they are to be drawn.
    limit
        The SLA's limit, drawn as a dashed line.
    unit
        Unit of the times.
    theme, width
        Look.
    """
    frames = []
    for name, curve in curves.items():
        every = max(1, curve.height // _POINTS)
        thinned = curve.gather_every(every).select("time", "survival")
        start = pl.DataFrame({"time": [0.0], "survival": [1.0]})
        frames.append(pl.concat([start, thinned]).with_columns(curve=pl.lit(name)))
    rows = pl.concat(frames) if frames else pl.DataFrame(schema={"time": pl.Float64, "survival": pl.Float64, "curve": pl.String})
    names = list(curves)
    colours = theme.series[: len(names)]
    line = (
        alt.Chart(rows)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("time:Q", title=f"{unit} since the clock started"),
            y=alt.Y("survival:Q", title="cases not resolved yet", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
            color=alt.Color("curve:N", scale=alt.Scale(domain=names, range=colours)),
            strokeDash=alt.StrokeDash(
                "curve:N", scale=alt.Scale(domain=names, range=[[1, 0], [6, 3], [2, 2], [8, 2]][: len(names)])
            ),
        )
    )
    layers: list[alt.Chart] = [line]
    if limit is not None:
        rule = alt.Chart(pl.DataFrame({"limit": [limit]})).mark_rule(strokeDash=[5, 4], color=theme.muted)
        layers.append(rule.encode(x="limit:Q"))
    halves = []
    for name, curve in curves.items():
        over = curve.filter(pl.col("survival") <= 0.5)
        halves.append(f"{name} {over['time'][0]:,.1f} {unit}" if over.height else f"{name} longer than is known")
    line_said = "" if limit is None else f" The dashed line is the limit of {limit:g} {unit}."
    says = f"How long cases stay open; half are resolved after: {'; '.join(halves) or 'no case is known'}.{line_said}"
    return styled(alt.layer(*layers), theme, says, width=width, height=260)
