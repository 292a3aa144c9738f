"""Case mix drawn: a funnel of odds ratios beside what the others do with the same cases, and one officer over their cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import polars as pl

from aura_analytics.charts.theme import LIGHT, MAX_ROWS, Theme, styled
from aura_analytics.statistics.intervals import z_value

if TYPE_CHECKING:
    from aura_analytics.dossier.case_mix import CaseMix
    from aura_analytics.dossier.over_cases import OverCases

__all__ = ["case_mix_funnel", "over_cases"]

_NAMED = 8
_LEVEL = 0.998


def case_mix_funnel(found: CaseMix, *, theme: Theme = LIGHT, width: int = 640) -> alt.LayerChart:
    """Odds ratios of actors beside the others' on the same cases, against how much is known, with limits at 99.8 %.

    Parameters
    ----------
    found
        What `aura.case_mix` returns. Actors who cannot be compared are not drawn.
    theme, width
        Look.

    Returns
    -------
    altair.LayerChart
        Limits of chance alone (solid), and those that allow for actors differing as they do here: multiplicative (dashed) and
        additive (dotted). Whoever is beyond the solid ones is named.
    """
    ok = found.actors.filter((pl.col("status") == "ok") & (pl.col("information") > 0))
    points = ok.with_columns(odds=(pl.col("z") / pl.col("information").sqrt()).exp()).select(
        "actor", "n", "information", "odds", "z"
    )
    kept = points.sort("n", "actor", descending=[True, False]).head(MAX_ROWS - 500)
    says = _says(found, points)
    x = alt.X("information:Q", title="information about the odds ratio", scale=alt.Scale(type="sqrt"), axis=alt.Axis(tickCount=6))
    title = f"odds ratio beside the others ({found.outcome.replace('_', ' ')})"
    y = alt.Y("odds:Q", title=title, scale=alt.Scale(type="log"))
    layers: list[alt.Chart] = []
    if points.height:
        known = points["information"].to_numpy()
        grid = np.linspace(max(float(known.min()) * 0.8, 1e-3), float(known.max()) * 1.05, 80)
        z, phi, tau2 = z_value(_LEVEL), max(found.dispersion.phi, 1.0), max(found.dispersion.tau2, 0.0)
        wide = {
            "none": (z / np.sqrt(grid), [1, 0]),
            "multiplicative": (z * np.sqrt(phi / grid), [6, 4]),
            "additive": (z * np.sqrt(1 / grid + tau2), [2, 3]),
        }
        top = float(np.exp(min(max(abs(np.log(points["odds"].to_numpy())).max() * 1.3, 1.0), 6.0)))
        marks = [one for one in (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100) if 1 / top <= one <= top]
        scale = alt.Scale(type="log", domain=[1 / top, top], clamp=True)
        y = alt.Y("odds:Q", title=title, scale=scale, axis=alt.Axis(values=marks))
        for name, (half, dash) in wide.items():
            if name != "none" and not (phi > 1 or tau2 > 0):
                continue
            for sign in (-1, 1):
                line = pl.DataFrame({"information": grid, "odds": np.exp(sign * half)})
                layers.append(alt.Chart(line).mark_line(color=theme.muted, strokeDash=dash, strokeWidth=1.4).encode(x=x, y=y))
        layers.append(alt.Chart(pl.DataFrame({"odds": [1.0]})).mark_rule(color=theme.accent).encode(y="odds:Q"))
    tips = ["actor:N", alt.Tooltip("odds:Q", format=".2f"), "n:Q"]
    layers.append(alt.Chart(kept).mark_point(filled=True, size=60, opacity=0.9, color=theme.ink).encode(x=x, y=y, tooltip=tips))
    named = _beyond(points).head(_NAMED)
    if named.height:
        text = alt.Chart(named).mark_text(align="left", dx=8, fontSize=11, color=theme.ink)
        layers.append(text.encode(x=x, y=y, text="actor:N"))
    return styled(alt.layer(*layers), theme, says, width=width, height=320)


def _beyond(points: pl.DataFrame) -> pl.DataFrame:
    return points.filter(pl.col("z").abs() > z_value(_LEVEL)).sort(pl.col("z").abs(), "actor", descending=[True, False])


def _says(found: CaseMix, points: pl.DataFrame) -> str:
    if not points.height:
        return "Nobody can be compared."
    beyond, level = _beyond(points), f"{100 * _LEVEL:g} %"
    counts = [f"{found.outliers(_LEVEL, spread).height:,} {spread}" for spread in ("multiplicative", "additive")]
    names = ", ".join(beyond["actor"].head(_NAMED).to_list()) + (", ..." if beyond.height > _NAMED else "")
    who = f"{beyond.height:,} of {points.height:,} lie beyond the {level} limits of chance: {names}" if beyond.height else ""
    head = who or f"None of {points.height:,} lies beyond the {level} limits of chance"
    spread = f"phi {found.dispersion.phi:.2f}, tau squared {found.dispersion.tau2:.3f}"
    return f"{head}. Allowing for actors differing as they do here ({spread}): {', '.join(counts)}."


def over_cases(found: OverCases, *, theme: Theme = LIGHT, width: int = 640) -> alt.LayerChart:
    """One officer over their cases: expected less observed with its band (VLAD), and where a risk-adjusted CUSUM alarms.

    Parameters
    ----------
    found
        What `aura.over_cases` returns; of more than 2,000 cases every so-manieth is drawn, and every alarm.
    theme, width
        Look.
    """
    whole = found.cases
    step = max(1, -(-whole.height // 2_000))
    alarms = whole.filter(pl.col("signal").is_not_null())
    rows = whole.filter((pl.col("case") % step == 0) | (pl.col("case") == whole.height))
    x = alt.X("case:Q", title="case, in the order of time")
    title = "expected less observed"
    y = alt.Y("vlad:Q", title=title)
    base = alt.Chart(rows).encode(x=x)
    band = base.mark_area(opacity=0.25, color=theme.muted).encode(y=alt.Y("vlad_lo:Q", title=title), y2=alt.Y2("vlad_hi:Q"))
    layers: list[alt.Chart] = [band, base.mark_line(color=theme.ink).encode(y=y)]
    if alarms.height:
        shape = alt.Shape("signal:N", scale=alt.Scale(domain=["more", "fewer"], range=["triangle-down", "triangle-up"]))
        colour = alt.Color("signal:N", scale=alt.Scale(domain=["more", "fewer"], range=[theme.verdicts[0], theme.accent]))
        points = alt.Chart(alarms.head(200)).mark_point(filled=True, size=90, opacity=1)
        layers.append(points.encode(x=x, y=y, shape=shape, color=colour))
    first = alarms.row(0, named=True) if alarms.height else None
    said = "no alarm" if first is None else f"the first alarm ({first['signal']} than expected) at case {first['case']:,}"
    last = f"{whole['vlad'][-1]:+.1f}"
    says = f"{found.actor}, {found.outcome.replace('_', ' ')} over {whole.height:,} cases: expected less observed {last}; {said}."
    return styled(alt.layer(*layers), theme, says, width=width, height=260)
