"""Correlations with their limits, over cases and over officers."""

from __future__ import annotations

import altair as alt
import polars as pl

from aura_analytics.charts.theme import LIGHT, SHAPES, Theme, styled

__all__ = ["correlation"]

_LEVELS = {"cases": "cases", "officers": "officers"}


def correlation(found: pl.DataFrame, *, theme: Theme = LIGHT, width: int = 560) -> alt.LayerChart:
    """Each pair's correlation as a point with its limits, over cases and over officers one below the other.

    Parameters
    ----------
    found
        What `aura.correlations` returns.
    theme, width
        Look.
    """
    rows = found.filter(pl.col("correlation").is_not_null()).with_columns(
        pair=pl.concat_str("first", pl.lit(" and "), "second"),
        over=pl.col("level").replace_strict(_LEVELS, default=pl.col("level")),
    )
    order = rows["pair"].unique(maintain_order=True).to_list()
    base = alt.Chart(rows).encode(
        y=alt.Y("pair:N", sort=order, title=None),
        yOffset=alt.YOffset("over:N", sort=list(_LEVELS.values())),
        color=alt.Color("over:N", title="over", scale=alt.Scale(domain=list(_LEVELS.values()), range=[theme.accent, theme.muted])),
    )
    scale = alt.Scale(domain=[-1, 1])
    layers = [
        alt.Chart(pl.DataFrame({"zero": [0.0]}))
        .mark_rule(strokeDash=[5, 4], color=theme.muted)
        .encode(x=alt.X("zero:Q", scale=scale)),
        base.mark_rule(strokeWidth=2.5).encode(x=alt.X("lo:Q", scale=scale, title="rank correlation"), x2="hi:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(
            x=alt.X("correlation:Q", scale=scale, title="rank correlation"),
            shape=alt.Shape("over:N", scale=alt.Scale(domain=list(_LEVELS.values()), range=list(SHAPES)[:2]), title="over"),
            tooltip=["pair:N", "over:N", alt.Tooltip("correlation:Q", format=".2f"), "n:Q"],
        ),
    ]
    sure = rows.filter((pl.col("lo") > 0) | (pl.col("hi") < 0))
    parts = [f"{row['pair']} over {row['over']} {row['correlation']:+.2f}" for row in sure.iter_rows(named=True)]
    says = f"Rank correlations with 95 % limits. Apart from zero: {'; '.join(parts) or 'none'}. Which is the cause they do not say."
    return styled(alt.layer(*layers), theme, says, width=width, height=max(60, 56 * len(order)))
