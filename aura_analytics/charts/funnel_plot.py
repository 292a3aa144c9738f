"""Funnel plot: rates against the number of decisions, with the limits that chance alone would keep to."""

from __future__ import annotations

from statistics import NormalDist

import altair as alt
import numpy as np
import polars as pl

from aura_analytics.charts.theme import LABELS, LIGHT, MAX_ROWS, SHAPES, VERDICTS, Theme, styled
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.catalogue import metrics_named

__all__ = ["funnel", "funnel_limits"]

_TRIM = 0.1
_NAMED = 8  # outliers that are named
_FEW = 5  # fewer actors say nothing about dispersion


def funnel_limits(dossiers: pl.DataFrame, metric: str = "override_rate") -> tuple[float, float, pl.DataFrame]:
    """Centre, dispersion and limits of a funnel.

    The limits are exact binomial quantiles: an actor with the pooled rate leaves them with at most the stated chance. The
    dispersion phi compares the squared z-scores, after the most extreme tenth at each end is pulled in (Winsorised), with what
    chance alone would give; above 1 actors differ by more than chance, for reasons that they share, and sqrt(phi) widens the
    limits. Fewer than 5 actors have no dispersion (NaN).

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

    Raises
    ------
    ParameterError
        If the metric is no share, compares with others (`case_mix_funnel` draws these), or is not on the board.

    References
    ----------
    Spiegelhalter DJ (2005) Stat Med 24:1185-1202.
    """
    (kind,) = metrics_named(metric)
    if kind.unit != "fraction" or kind.low != 0 or kind.reads_everybody:
        hint = "see case_mix_funnel" if kind.reads_everybody else "see ranks, or charts.league"
        raise ParameterError(Problem("a funnel is drawn of shares of one's own observations", got=kind.name, next=hint))
    if metric not in dossiers.columns or f"{metric}_n" not in dossiers.columns:
        raise ParameterError(Problem("the dossiers do not have that metric", got=metric, next=f"count it: metrics=[{metric!r}]"))
    rows = dossiers.filter(pl.col(f"{metric}_n") > 0).select(rate=metric, n=f"{metric}_n")
    if rows.is_empty():
        return float("nan"), float("nan"), pl.DataFrame(schema={"n": pl.Float64})
    n, rate = rows["n"].to_numpy().astype(float), rows["rate"].to_numpy()
    centre = float((rate * n).sum() / n.sum())
    phi = _dispersion(rate, n, centre)
    grid = np.unique(np.round(np.geomspace(max(1.0, n.min()), n.max(), 80)))
    columns = {"n": grid}
    for name, level in (("95", 0.95), ("998", 0.998)):
        low, high = _exact(grid, centre, level)
        widening = np.sqrt(phi) if phi > 1 else 1.0
        columns |= {f"low{name}": low, f"high{name}": high}
        columns[f"low{name}_over"] = np.clip(centre - widening * (centre - low), 0, 1)
        columns[f"high{name}_over"] = np.clip(centre + widening * (high - centre), 0, 1)
    return centre, phi, pl.DataFrame(columns)


def _dispersion(rate: np.ndarray, n: np.ndarray, centre: float) -> float:
    """Winsorised mean square of the z-scores, relative to its expectation under chance alone."""
    size = len(n)
    spread = centre * (1 - centre)
    if size < _FEW or spread <= 0:
        return float("nan")
    z = (rate - centre) * np.sqrt(n / spread)
    low, high = np.quantile(z, [_TRIM, 1 - _TRIM])
    cut = NormalDist().inv_cdf(1 - _TRIM)
    # E[min(|Z|, cut)^2] of a standard normal; one degree of freedom went into the centre
    expected = (1 - 2 * _TRIM) - 2 * cut * NormalDist().pdf(cut) + 2 * _TRIM * cut**2
    return float(np.mean(np.clip(z, low, high) ** 2) / expected * size / (size - 1))


def _exact(n: np.ndarray, p: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Binomial quantiles as proportions: each side is left with at most half of `1 - level`."""
    from scipy.special import bdtr

    found = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        limits = []
        for size in n.astype(int):
            half = int(10 * np.sqrt(size * p * (1 - p)) + 10)
            k = np.arange(max(0, int(size * p) - half), min(size, int(size * p) + half) + 1)
            below = bdtr(k, size, p)
            r = min(int(np.searchsorted(below, tail)), len(k) - 1)
            limits.append(k[r] / size)
        found.append(np.clip(np.array(limits), 0, 1))
    return found[0], found[1]


def funnel(dossiers: pl.DataFrame, metric: str = "override_rate", *, theme: Theme = LIGHT, width: int = 640) -> alt.LayerChart:
    """Every actor's rate against its n, with 95 % and 99.8 % limits (solid) and the over-dispersed 99.8 % limits (dashed)."""
    centre, phi, limits = funnel_limits(dossiers, metric)
    title = metrics_named(metric)[0].title
    verdict = pl.col("pip_status").cast(pl.String) if "pip_status" in dossiers.columns else pl.lit("clear")
    points = dossiers.filter(pl.col(f"{metric}_n") > 0).select("actor", rate=metric, n=f"{metric}_n", verdict=verdict)
    points = points.with_columns(pl.col("verdict").replace(VERDICTS, LABELS))
    kept = points.sort("n", "actor", descending=[True, False]).head(MAX_ROWS - 500)
    outside = _outside(points, limits, wide=phi > 1)
    x = alt.X(
        "n:Q",
        scale=alt.Scale(type="log", nice=False),
        title="verdicts in the window (logarithmic)" if metric == "override_rate" else "observations in the window (logarithmic)",
        axis=alt.Axis(tickCount=6),
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
                layers.append(line.encode(y=alt.Y(f"{column}:Q", title=title)))
        middle = alt.Chart(pl.DataFrame({"centre": [centre]})).mark_rule(color=theme.accent).encode(y="centre:Q")
        layers.append(middle)
    layers.append(
        alt.Chart(kept)
        .mark_point(filled=True, size=70, opacity=0.9)
        .encode(
            x=x,
            y=alt.Y("rate:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%")),
            color=alt.Color("verdict:N", scale=alt.Scale(domain=LABELS, range=theme.verdicts)),
            shape=alt.Shape("verdict:N", scale=alt.Scale(domain=LABELS, range=list(SHAPES))),
            tooltip=["actor:N", alt.Tooltip("rate:Q", format=".1%"), "n:Q", "verdict:N"],
        )
    )
    named = outside.head(_NAMED)
    if named.height:
        layers.append(
            alt.Chart(named).mark_text(align="left", dx=8, fontSize=11, color=theme.ink).encode(x=x, y="rate:Q", text="actor:N")
        )
    says = _says(title, centre, points.height, kept.height, outside, wide=phi > 1)
    return styled(alt.layer(*layers), theme, says, width=width, height=320)


def _outside(points: pl.DataFrame, limits: pl.DataFrame, *, wide: bool) -> pl.DataFrame:
    """Who lies outside of the 99.8 % limits (the over-dispersed ones, where they are drawn), the farthest first."""
    if limits.is_empty() or points.is_empty():
        return points.clear()
    suffix = "998_over" if wide else "998"
    n = points["n"].to_numpy().astype(float)
    low, high = (np.interp(n, limits["n"].to_numpy(), limits[f"{side}{suffix}"].to_numpy()) for side in ("low", "high"))
    rate = points["rate"].to_numpy()
    far = np.maximum(low - rate, rate - high)
    return (
        points.with_columns(far=pl.Series(far)).filter(pl.col("far") > 0).sort("far", "actor", descending=[True, False]).drop("far")
    )


def _says(title: str, centre: float, whole: int, shown: int, outside: pl.DataFrame, *, wide: bool) -> str:
    if not whole:
        return f"{title}: nobody has any observation."
    kind = "99.8 % limits, widened by over-dispersion" if wide else "99.8 % limits"
    names = ", ".join(outside["actor"].head(_NAMED).to_list()) + (", ..." if outside.height > _NAMED else "")
    who = f"{outside.height:,} of {whole:,} actors lie outside of the {kind}: {names}." if outside.height else ""
    left = f" The {whole - shown:,} with the fewest observations are not drawn." if shown < whole else ""
    return f"{title} against observations; all together {100 * centre:.1f} %. {who or f'Nobody lies outside of the {kind}.'}{left}"
