"""Rolling series: a metric over time, with its interval."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.sentence import note
from aura_analytics.charts.theme import LIGHT, MAX_ROWS, Theme, styled, title_of
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.wording import figure

__all__ = ["series"]

_SAID = 4  # actors whose lines are put into words


def series(
    rolling: pl.DataFrame,
    metric: str | Metric = "override_rate",
    *,
    actors: list[str] | None = None,
    threshold: float | None = None,
    theme: Theme = LIGHT,
    width: int = 640,
    height: int = 220,
) -> alt.LayerChart:
    """Lines of a metric per actor; with one actor, the interval as a band.

    Parameters
    ----------
    rolling
        What `aura.rolling` returns.
    metric
        Name of one of its metrics.
    actors
        Whom to show; default all. More rows than a chart may hold are thinned in time.
    threshold
        Drawn as a dashed line.
    theme, width, height
        Look.
    """
    (kind,) = metrics_named(metric)
    metric = kind.name
    share = kind.unit == "fraction"
    limits = [name for name in (f"{metric}_lo", f"{metric}_hi") if name in rolling.columns]
    rows = rolling.filter(pl.col(metric).is_not_null())
    if actors is not None:
        rows = rows.filter(pl.col("actor").is_in(actors))
    rows = rows.select("actor", pl.col("as_of").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), metric, *limits)
    if rows.is_empty():
        return note(f"{kind.title} over time: no observations.", theme=theme, width=width)
    budget = MAX_ROWS - 100
    if rows.height > budget:
        rows = rows.with_columns(step=pl.int_range(pl.len()).over("actor")).filter(
            pl.col("step") % (rows.height // budget + 1) == 0
        )
    x = alt.X("as_of:T", title=None, scale=alt.Scale(type="utc"), axis=alt.Axis(tickCount=6, format="%Y-%m-%d", labelOverlap=True))
    scale = alt.Scale(domain=[0, 1]) if share else alt.Scale(zero=False, domain=[kind.low, kind.high]) if kind.high else alt.Scale()
    axis = alt.Axis(format=".0%") if share else alt.Axis()
    y = alt.Y(f"{metric}:Q", title=title_of(kind), scale=scale, axis=axis)
    names = sorted(rows["actor"].unique().to_list())
    palette = theme.series
    base = alt.Chart(rows).encode(x=x)
    layers: list[alt.Chart] = []
    if len(names) == 1 and len(limits) == 2:
        layers.append(base.mark_area(opacity=0.18, color=theme.accent).encode(y=alt.Y(f"{limits[0]}:Q"), y2=f"{limits[1]}:Q"))
        layers.append(base.mark_line(color=theme.accent, strokeWidth=2).encode(y=y))
    else:
        colours = (palette * (len(names) // len(palette) + 1))[: len(names)]
        dashes = [[1, 0] if i % 2 == 0 else [6, 3] for i in range(len(names))]
        layers.append(
            base.mark_line(strokeWidth=2).encode(
                y=y,
                color=alt.Color("actor:N", scale=alt.Scale(domain=names, range=colours)),
                strokeDash=alt.StrokeDash("actor:N", scale=alt.Scale(domain=names, range=dashes)),
            )
        )
    if threshold is not None:
        line = alt.Chart(pl.DataFrame({"threshold": [threshold]}))
        layers.append(line.mark_rule(strokeDash=[5, 4], color=theme.muted).encode(y="threshold:Q"))
    return styled(alt.layer(*layers), theme, _says(rows, kind, names, threshold), width=width, height=height)


def _says(rows: pl.DataFrame, kind: Metric, names: list[str], threshold: float | None) -> str:
    """Where each line begins and ends."""
    parts = []
    for name in names[:_SAID]:
        mine = rows.filter(actor=name).sort("as_of")
        first, last = (figure(mine[kind.name][place], kind.unit) for place in (0, -1))
        parts.append(f"{name} {first} on {mine['as_of'][0][:10]}, {last} on {mine['as_of'][-1][:10]}")
    more = f"; and {len(names) - _SAID} more" if len(names) > _SAID else ""
    line = "" if threshold is None else f" The dashed line is {figure(threshold, kind.unit)}."
    return f"{kind.title} over time: {'; '.join(parts)}{more}.{line}"
