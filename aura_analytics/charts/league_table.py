"""League table: who stands where, and how sure one can be."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, SHAPES, VERDICTS, Theme, styled, title_of
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Metric

__all__ = ["league"]


def league(
    dossiers: pl.DataFrame,
    metric: str | Metric = "override_rate",
    *,
    threshold: float | None = None,
    top: int = 30,
    theme: Theme = LIGHT,
    width: int = 640,
) -> alt.LayerChart:
    """A point and an interval per actor, worst first.

    Parameters
    ----------
    dossiers
        What `aura.dossiers` returns. Only actors with observations are shown.
    metric
        Name of a metric with an interval.
    threshold
        Drawn as a dashed line.
    top
        At most this many actors, those with the most unfavourable interval.
    theme, width
        Look.
    """
    (kind,) = metrics_named(metric)
    metric = kind.name
    share = kind.unit == "fraction"
    verdict = pl.col("pip_status").cast(pl.String) if "pip_status" in dossiers.columns else pl.lit("clear")
    rows = dossiers.filter(pl.col(f"{metric}_n") > 0).select(
        "actor",
        value=metric,
        low=pl.coalesce(f"{metric}_lo", metric),
        high=pl.coalesce(f"{metric}_hi", metric),
        n=f"{metric}_n",
        verdict=verdict,
    )
    worst = "high" if kind.direction == "higher" else "low"
    rows = rows.sort(worst, "actor", descending=[kind.direction != "higher", False]).head(top)
    order = rows["actor"].to_list()
    form = ".0%" if share else ".1f"
    # the axis ends where the points do, not where an interval of two observations would end
    top_value = 1.0 if share else max(float(rows["value"].max() or 0.0) * 1.25, threshold or 0.0)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        y=alt.Y("actor:N", sort=order, title=None),
        color=alt.Color("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=theme.verdicts)),
    )
    x = alt.X(
        "value:Q", title=title_of(kind), scale=alt.Scale(domain=[kind.low or 0, top_value], clamp=True), axis=alt.Axis(format=form)
    )
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title_of(kind)), x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x=x, shape=alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=list(SHAPES)))
        ),
        base.transform_calculate(label="'n = ' + format(datum.n, ',')")
        .mark_text(align="left", dx=6, fontSize=11)
        .encode(x=alt.value(width), text="label:N", color=alt.value(theme.muted)),
    ]
    if threshold is not None:
        line = pl.DataFrame({"threshold": [threshold]})
        layers.append(alt.Chart(line).mark_rule(strokeDash=[5, 4], color=theme.muted).encode(x="threshold:Q"))
    return styled(alt.layer(*layers), theme, width=width, height=max(60, 22 * rows.height))
