"""Ranks of actors, each with the interval within which it may lie: a league without them is a lottery's list."""

from __future__ import annotations

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.statistics.dispersion import dispersion
from aura_analytics.statistics.intervals import z_value
from aura_analytics.statistics.shrinkage import beta_prior, shrunk_rates

__all__ = ["ranks"]

_CELLS = 4_000_000  # actors times draws
_DRAWS = 4_000
_SCHEMA: dict[str, pl.DataType] = {
    "actor": pl.String(),
    "n": pl.Int64(),
    "value": pl.Float64(),
    "shrunk": pl.Float64(),
    "shrunk_lo": pl.Float64(),
    "shrunk_hi": pl.Float64(),
    "chance_above": pl.Float64(),
    "rank": pl.Int64(),
    "rank_lo": pl.Int64(),
    "rank_hi": pl.Int64(),
    "status": pl.String(),
}


def ranks(
    dossiers: pl.DataFrame,
    metric: str | Metric = "override_rate",
    *,
    above: float | None = None,
    min_n: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Where actors stand among each other, and how little that may mean.

    Numbers of few observations are extreme by chance, so each is drawn towards what all have in common before they are put in
    order. **Do not conclude** from two ranks whose intervals overlap that the one does better than the other. Of 30 equal officers
    this quarter's first is among the next quarter's first three in a tenth of cases, which is chance.

    Parameters
    ----------
    dossiers
        What `aura.dossiers` returns, one row an actor.
    metric
        Name of a metric with an interval, or your own.
    above
        A value in the metric's unit (0.3 is 30 %), for the chance that an actor's true one is above it.
    min_n
        Observations from which somebody is ranked, at least 2.
    confidence
        Two-sided level of all limits, in (0, 1).
    seed
        The same seed draws the same ranks.

    Returns
    -------
    polars.DataFrame
        A row per actor with a value, the first rank first, who is not ranked last: `actor`, `n`, `value`, `shrunk` with limits,
        `chance_above` (null without `above`), `rank` with limits (1 is the least favourable by the metric's direction; of a neutral
        metric the highest), `status` (`ok`, or `few` under `min_n` or without an interval: not ranked).

    Raises
    ------
    ParameterError
        If the metric has no interval, is not on the board, or arguments are out of range.

    Notes
    -----
    Shares: beta-binomial, the prior by maximum likelihood. Other numbers: normal, their errors from the intervals of the board, the
    variance between actors by moments (DerSimonian and Laird). The prior is then taken as known, so that with few actors limits are
    somewhat too narrow.

    References
    ----------
    Goldstein H, Spiegelhalter DJ (1996) JRSS A 159:385-443. Morris CN (1983) JASA 78:47-55.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.ranks(aura.dossiers(aura.sample_log(2000, seed=1)), above=0.3)
    >>> found.select("actor", "rank", "rank_lo", "rank_hi").row(0)
    ('officer_jonas@sba.gov', 1, 1, 1)
    """
    (one,) = metrics_named(metric)
    if not 0 < confidence < 1 or min_n < 2:
        got, expected = (confidence, min_n), "a level in (0, 1), min_n from 2"
        raise ParameterError(Problem("level or min_n is out of range", got=got, expected=expected))
    lacking = [name for name in (one.name, f"{one.name}_n", f"{one.name}_lo", f"{one.name}_hi") if name not in dossiers.columns]
    if lacking:
        hint = "compute the dossiers with this metric" if one.name not in dossiers.columns else "it has no interval"
        raise ParameterError(Problem("these cannot be ranked", got=", ".join(lacking), next=hint))
    level = dossiers["counted"][0]["confidence"] if "counted" in dossiers.columns and dossiers.height else 0.95
    rows = (
        dossiers.sort("actor")
        .filter((pl.col(f"{one.name}_n") > 0) & pl.col(one.name).is_not_null())
        .select("actor", n=pl.col(f"{one.name}_n").cast(pl.Int64), value=one.name, lo=f"{one.name}_lo", hi=f"{one.name}_hi")
    )
    told = pl.col("lo").is_not_null() & pl.col("hi").is_not_null() & (pl.col("n") >= min_n)
    known, few = rows.filter(told), rows.filter(~told).with_columns(status=pl.lit("few"))
    draws = int(np.clip(_CELLS // max(known.height, 1), 200, _DRAWS))
    up = one.direction == "higher"  # the least favourable is the lowest
    found = (
        few
        if known.height < 2
        else pl.concat([_ranked(one, known, above, level, confidence, draws, seed, up=up), few], how="diagonal")
    )
    table = found.with_columns(pl.lit(None).alias(name) for name in _SCHEMA if name not in found.columns)
    if known.height == 1:
        table = pl.concat([known.with_columns(status=pl.lit("few")), table], how="diagonal_relaxed")
    return table.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()).sort(
        "rank", "value", "actor", descending=[False, not up, False], nulls_last=True
    )


def _ranked(
    one: Metric, rows: pl.DataFrame, above: float | None, level: float, confidence: float, draws: int, seed: int, *, up: bool
) -> pl.DataFrame:
    value, n = rows["value"].to_numpy(), rows["n"].to_numpy().astype(float)
    if isinstance(one, Rate) and one.counts_hits:
        k = np.round(value * n)
        limit = None if above is None or not 0 < above < 1 else above
        prior = beta_prior(k, n)
        found = shrunk_rates(k, n, prior, limit=limit, confidence=confidence, draws=draws, seed=seed)
        mean, low, high, chance = found.rate, found.lo, found.hi, found.above
        ranked = found.rank, found.rank_lo, found.rank_hi
        if up:
            last = len(n) + 1
            ranked = last - found.rank, last - found.rank_hi, last - found.rank_lo
    else:
        from scipy.special import ndtr

        se = np.maximum((rows["hi"].to_numpy() - rows["lo"].to_numpy()) / (2 * z_value(level)), 1e-12)
        weight = 1 / se**2
        centre = float((weight * value).sum() / weight.sum())
        tau2 = dispersion(value - centre, se).tau2 if len(value) > 2 else 0.0
        centre = float((value / (se**2 + tau2)).sum() / (1 / (se**2 + tau2)).sum())
        keep = tau2 / (tau2 + se**2)
        mean, sd = centre + keep * (value - centre), np.sqrt(keep) * se + 1e-12
        half = z_value(confidence) * sd
        ends = -np.inf if one.low is None else one.low, np.inf if one.high is None else one.high
        low, high = np.clip(mean - half, *ends), np.clip(mean + half, *ends)
        chance = np.full(len(n), np.nan) if above is None else ndtr((mean - above) / sd)
        drawn = np.random.default_rng(seed).normal(mean, sd, (draws, len(n)))
        places = (drawn if up else -drawn).argsort(axis=1).argsort(axis=1) + 1
        tail = (1 - confidence) / 2
        least, middle, most = np.quantile(places, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf")
        ranked = middle.astype(np.int64), least.astype(np.int64), most.astype(np.int64)
    return rows.with_columns(
        shrunk=pl.Series(mean),
        shrunk_lo=pl.Series(low),
        shrunk_hi=pl.Series(high),
        chance_above=pl.Series(chance, nan_to_null=True),
        rank=pl.Series(ranked[0]),
        rank_lo=pl.Series(ranked[1]),
        rank_hi=pl.Series(ranked[2]),
        status=pl.lit("ok"),
    )
