"""League table: who stands where, and how sure one can be."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LABELS, LIGHT, SHAPES, VERDICTS, Theme, styled, title_of
from aura_analytics.dossier.ranking import ranks
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.wording import figure, observations

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
    """A point and an interval per actor, worst first, with the interval of their rank; of whom too little is known stands last.

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
    known = pl.col("verdict") != "insufficient"
    whole = rows.sort(~known, worst, "actor", descending=[False, kind.direction != "higher", False])
    placed = (
        ranks(dossiers.unique("actor", maintain_order=True), kind)
        if whole.height > 1 and f"{metric}_lo" in dossiers.columns
        else None
    )
    whole = whole.with_columns(place=pl.lit("not ranked")) if placed is None else _placed(whole, placed)
    rows = whole.head(top).with_columns(pl.col("verdict").replace(VERDICTS, LABELS))
    level = dossiers["counted"][0]["confidence"] if "counted" in dossiers.columns and dossiers.height else 0.95
    says = _says(whole, kind, top, threshold, dossiers.height - whole.height, f"{100 * level:g} %")
    order = rows["actor"].to_list()
    form = ".0%" if share else ".1f"
    # the axis ends where the points do, not where an interval of two observations would end
    top_value = 1.0 if share else max(float(rows["value"].max() or 0.0) * 1.25, threshold or 0.0)  # type: ignore[arg-type]
    base = alt.Chart(rows).encode(
        y=alt.Y("actor:N", sort=order, title=None),
        color=alt.Color("verdict:N", scale=alt.Scale(domain=LABELS, range=theme.verdicts)),
    )
    x = alt.X(
        "value:Q", title=title_of(kind), scale=alt.Scale(domain=[kind.low or 0, top_value], clamp=True), axis=alt.Axis(format=form)
    )
    layers: list[alt.Chart] = [
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("low:Q", title=title_of(kind)), x2="high:Q"),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x=x, shape=alt.Shape("verdict:N", scale=alt.Scale(domain=LABELS, range=list(SHAPES)))
        ),
        base.transform_calculate(label="'n = ' + format(datum.n, ',') + ' · ' + datum.place")
        .mark_text(align="left", dx=6, fontSize=11)
        .encode(x=alt.value(width), text="label:N", color=alt.value(theme.muted)),
    ]
    if threshold is not None:
        line = pl.DataFrame({"threshold": [threshold]})
        layers.append(alt.Chart(line).mark_rule(strokeDash=[5, 4], color=theme.muted).encode(x="threshold:Q"))
    return styled(alt.layer(*layers), theme, says, width=width, height=max(60, 22 * rows.height))


def _placed(rows: pl.DataFrame, placed: pl.DataFrame) -> pl.DataFrame:
    """With the rank of each and its interval, in words; of whom too little is known that they are not ranked."""
    one = pl.col("rank_lo") == pl.col("rank_hi")
    place = pl.when(one).then(pl.format("rank {}", "rank")).otherwise(pl.format("rank {} ({}–{})", "rank", "rank_lo", "rank_hi"))
    words = placed.select("actor", place=pl.when(pl.col("status") == "ok").then(place).otherwise(pl.lit("not ranked")))
    return rows.join(words, on="actor", how="left", maintain_order="left").with_columns(pl.col("place").fill_null("not ranked"))


def _says(rows: pl.DataFrame, kind: Metric, top: int, threshold: float | None, without: int, level: str) -> str:
    """What the table shows, and whom it leaves out."""
    if rows.is_empty():
        return f"{kind.title}: nobody has any observation."
    first, unit = rows.row(0, named=True), kind.unit
    said = [f"{kind.title} of {observations(min(top, rows.height), 'actors')} with {level} intervals, the least favourable first"]
    if first["verdict"] != "insufficient":
        low, high = figure(first["low"], unit), figure(first["high"], unit)
        said.append(f": {first['actor']} {figure(first['value'], unit)} ({low} to {high}, n = {first['n']:,})")
    said.append("." if threshold is None else f"; the dashed line is {figure(threshold, unit)}.")
    more = rows.height - top
    left = [f"{more:,} more {'is' if more == 1 else 'are'} not shown"] if more > 0 else []
    left += [f"{without:,} {'has' if without == 1 else 'have'} no observation"] if without else []
    first_place = "" if first["place"] == "not ranked" else f" Allowing for chance, {first['actor']} has {first['place']}."
    said.append(first_place)
    return "".join(said) + (f" {' and '.join(left)}.".replace(" .", ".") if left else "")
