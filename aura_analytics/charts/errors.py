"""How often a rule is wrong: over a threshold, over time, and beside another rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import altair as alt
import polars as pl

from aura_analytics.charts.picture import said
from aura_analytics.charts.theme import LIGHT, Theme, styled
from aura_analytics.metrics.wording import figure
from aura_analytics.simulation.rates import RATE_WORDS

if TYPE_CHECKING:
    from aura_analytics.simulation.rates import RuleErrorRates

__all__ = ["comparison", "detection", "error_curves"]


def error_curves(curve: pl.DataFrame, *, title: str = "threshold", theme: Theme = LIGHT, width: int = 560) -> alt.LayerChart:
    """False flags and missed ones as a threshold moves.

    Parameters
    ----------
    curve
        What `TunerState.curve` returns: `value`, `false_flags`, `missed`.
    title
        What the threshold is of.
    theme, width
        Look.
    """
    parts = {"false_flags": "false flags per officer-year", "missed": "share of the bad ones missed"}
    rows = curve.select("value", **{words: pl.col(name) for name, words in parts.items()}).unpivot(
        index="value", variable_name="what", value_name="rate"
    )
    base = alt.Chart(rows.drop_nulls()).encode(
        x=alt.X("value:Q", title=title),
        y=alt.Y("rate:Q", title=None),
        color=alt.Color("what:N", scale=alt.Scale(domain=list(parts.values()), range=[theme.flag, theme.accent])),
        strokeDash=alt.StrokeDash("what:N", scale=alt.Scale(domain=list(parts.values()), range=[[1, 0], [6, 4]])),
    )
    first, last = curve.row(0, named=True), curve.row(-1, named=True)
    says = (
        f"As {title} goes from {first['value']:g} to {last['value']:g}, false flags per officer-year go from "
        f"{_number(first['false_flags'])} to {_number(last['false_flags'])}, the share of the bad ones missed from "
        f"{_number(first['missed'])} to {_number(last['missed'])}."
    )
    return styled(alt.layer(base.mark_line(strokeWidth=2.5, interpolate="step-after")), theme, says, width=width, height=240)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def detection(rates: list[RuleErrorRates], *, theme: Theme = LIGHT, width: int = 560) -> alt.LayerChart:
    """The share of those made to underperform who were flagged by a day, with its limits.

    Parameters
    ----------
    rates
        What `rule_error_rates` returns, of one rule or several.
    theme, width
        Look.
    """
    rows = pl.concat([one.detection.with_columns(rule=pl.lit(one.policy)) for one in rates])
    names = [one.policy for one in rates]
    colour = alt.Color("rule:N", scale=alt.Scale(domain=names, range=theme.series[: len(names)]))
    base = alt.Chart(rows).encode(x=alt.X("day:Q", title="day"), color=colour)
    y = alt.Y("share:Q", title="found by then", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    band = base.mark_area(opacity=0.15, interpolate="step-after", line=False).encode(
        y=alt.Y("lo:Q", title="found by then"), y2="hi:Q"
    )
    parts = [
        f"{one.policy} {figure(last['share'], 'fraction')} ({figure(last['lo'], 'fraction')} to {figure(last['hi'], 'fraction')})"
        for one in rates
        if one.detection.height and (last := one.detection.row(-1, named=True))
    ]
    says = f"Of those made to underperform, flagged by the end, with 95 % limits: {'; '.join(parts) or 'nobody'}."
    lines = base.mark_line(strokeWidth=2.5, interpolate="step-after").encode(y=y)
    return styled(alt.layer(band, lines), theme, says, width=width, height=240)


def comparison(tables: dict[str, pl.DataFrame], *, theme: Theme = LIGHT, width: int = 220) -> alt.FacetChart:
    """Rates of several rules beside each other, each with its limits: a panel for every rate.

    Parameters
    ----------
    tables
        By name of the rule: `rate`, `value`, `lo`, `hi`, as `RuleErrorRates.rates` or the sides of `LoopComparison`.
    theme, width
        Look.
    """
    rows = pl.concat([table.select("rate", "value", "lo", "hi").with_columns(rule=pl.lit(name)) for name, table in tables.items()])
    rows = rows.drop_nulls("value").with_columns(
        pl.col("rate").replace(RATE_WORDS), pl.coalesce("lo", "value").alias("lo"), pl.coalesce("hi", "value").alias("hi")
    )
    names = list(tables)
    base = alt.Chart().encode(
        y=alt.Y("rule:N", title=None, sort=names),
        color=alt.Color(
            "rule:N",
            sort=names,
            scale=alt.Scale(domain=names, range=theme.series[: len(names)]),
            legend=None,
        ),
    )
    rule = base.mark_rule(strokeWidth=2.5).encode(x=alt.X("lo:Q", title=None), x2="hi:Q")
    point = base.mark_point(filled=True, size=90, opacity=1).encode(x=alt.X("value:Q", title=None, scale=alt.Scale(zero=False)))
    panels = alt.layer(rule, point, data=rows).properties(width=width, height=22 * len(names) + 10)
    faceted = panels.facet(
        facet=alt.Facet("rate:N", title=None, header=alt.Header(labelColor=theme.ink, labelFontSize=12)), columns=3
    )
    axis = {
        "labelColor": theme.ink,
        "titleColor": theme.muted,
        "gridColor": theme.grid,
        "domainColor": theme.grid,
        "tickColor": theme.grid,
    }
    done: alt.FacetChart = faceted.resolve_scale(x="independent").configure(
        axis=axis, view={"stroke": None}, background="transparent", font="sans-serif"
    )
    found = rows.filter(pl.col("value").is_not_null())
    parts = [
        f"{rate}: {', '.join(f'{rule} {value:.3g}' for rule, value in part.select('rule', 'value').iter_rows())}"
        for (rate,), part in found.partition_by("rate", as_dict=True).items()
    ]
    return cast("alt.FacetChart", said(done, f"Rates with 95 % limits. {'; '.join(parts)}."))
