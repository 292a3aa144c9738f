"""Funnel plot: rates against the number of decisions, with the limits that chance alone would keep to."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from aura_analytics.charts.theme import LIGHT, MAX_ROWS, SHAPES, VERDICTS, Theme, styled
from aura_analytics.intervals import z_value

__all__ = ["funnel", "funnel_limits"]


def funnel_limits(dossiers: pl.DataFrame, metric: str = "override_rate") -> tuple[float, float, pl.DataFrame]:
    """Centre, dispersion and limits of a funnel.

    The limits are p0 ± z sqrt(p0 (1 - p0) / n) around the pooled rate, at 95 % and 99.8 %. The dispersion phi is the mean of the
    squared z-scores after the most extreme tenth at each end is pulled in (Winsorised); above 1 it widens the limits by sqrt(phi),
    since actors then differ by more than chance for reasons that they share.

    Parameters
    ----------
    dossiers
        What `aura.dossiers` returns.
    metric
        A rate.

    Returns
    -------
    tuple
        `(centre, phi, limits)`; `limits` has `n`, `low95`, `high95`, `low998`, `high998` and, with suffix `_over`, the same
        widened by over-dispersion.

    References
    ----------
    Spiegelhalter DJ (2005) Stat Med 24:1185-1202.
    """
    rows = dossiers.filter(pl.col(f"{metric}_n") > 0).select(rate=metric, n=f"{metric}_n")
    if rows.is_empty():
        return float("nan"), float("nan"), pl.DataFrame(schema={"n": pl.Float64})
    n, rate = rows["n"].to_numpy().astype(float), rows["rate"].to_numpy()
    centre = float((rate * n).sum() / n.sum())
    spread = np.sqrt(max(centre * (1 - centre), 1e-12))
    z = (rate - centre) * np.sqrt(n) / spread
    low, high = np.quantile(z, [0.1, 0.9])
    phi = float(np.mean(np.clip(z, low, high) ** 2))
    grid = np.unique(np.geomspace(max(1.0, n.min() * 0.9), n.max() * 1.05, 80))
    columns = {"n": grid}
    for name, level in (("95", 0.95), ("998", 0.998)):
        for suffix, widening in (("", 1.0), ("_over", np.sqrt(max(phi, 1.0)))):
            half = z_value(level) * widening * spread / np.sqrt(grid)
            columns[f"low{name}{suffix}"] = np.clip(centre - half, 0, 1)
            columns[f"high{name}{suffix}"] = np.clip(centre + half, 0, 1)
    return centre, phi, pl.DataFrame(columns)


def funnel(dossiers: pl.DataFrame, metric: str = "override_rate", *, theme: Theme = LIGHT, width: int = 640) -> alt.LayerChart:
    """Every actor's rate against its n, with 95 % and 99.8 % limits (solid) and the over-dispersed 99.8 % limits (dashed)."""
    centre, phi, limits = funnel_limits(dossiers, metric)
    verdict = pl.col("pip_status").cast(pl.String) if "pip_status" in dossiers.columns else pl.lit("clear")
    points = dossiers.filter(pl.col(f"{metric}_n") > 0).select("actor", rate=metric, n=f"{metric}_n", verdict=verdict)
    kept = points.sort("n", "actor", descending=[True, False]).head(MAX_ROWS - 500)
    x = alt.X(
        "n:Q", scale=alt.Scale(type="log", nice=False), title="verdicts in the window (logarithmic)", axis=alt.Axis(tickCount=6)
    )
    layers: list[alt.Chart] = []
    if limits.height:
        base = alt.Chart(limits).encode(x=x)
        for name, dash, wide in (("95", [1, 0], 1.0), ("998", [1, 0], 1.6), ("998_over", [5, 4], 1.2)):
            if name.endswith("_over") and not phi > 1:
                continue
            for side in ("low", "high"):
                column = f"{side}{name}"
                line = base.mark_line(color=theme.muted, strokeDash=dash, strokeWidth=wide)
                layers.append(line.encode(y=alt.Y(f"{column}:Q", title="override rate" if metric == "override_rate" else metric)))
        middle = alt.Chart(pl.DataFrame({"centre": [centre]})).mark_rule(color=theme.accent).encode(y="centre:Q")
        layers.append(middle)
    layers.append(
        alt.Chart(kept)
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=x,
            y=alt.Y("rate:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
            color=alt.Color("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=theme.verdicts)),
            shape=alt.Shape("verdict:N", scale=alt.Scale(domain=list(VERDICTS), range=list(SHAPES))),
            tooltip=["actor:N", alt.Tooltip("rate:Q", format=".1%"), "n:Q", "verdict:N"],
        )
    )
    return styled(alt.layer(*layers), theme, width=width, height=320)
