"""Confidence multipliers of components from counts of outcomes."""

from __future__ import annotations

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

__all__ = ["from_counts", "likely_priors", "shrunk"]

_LOW, _HIGH, _LEAST = 0.7, 1.3, 3
_DRAWS, _CELLS = 4_000, 8_000_000


def from_counts(counts: pl.DataFrame, overall: float) -> dict[str, float]:
    """The document's multipliers: rate of a component over the rate of all decisions, within 0.7 and 1.3.

    Parameters
    ----------
    counts
        `component`, `outcomes`, `successes`, one row each.
    overall
        Share of successes among all decisions with outcomes, in [0, 1].

    Returns
    -------
    dict
        Multiplier by component, for those with at least 3 outcomes; empty when `overall` is 0.

    Notes
    -----
    With 3 outcomes and 80 % overall every result that is possible lies outside 0.85 to 1.15, and a good component that gets the
    hard cases scores below 1: this is a number to show beside a sound one, not to act on.

    Examples
    --------
    >>> counts = pl.DataFrame({"component": ["auditor", "debugger", "new"], "outcomes": [30, 20, 2], "successes": [27, 12, 2]})
    >>> {name: round(value, 3) for name, value in from_counts(counts, 0.8).items()}
    {'auditor': 1.125, 'debugger': 0.75}
    """
    if overall <= 0:
        return {}
    rows = counts.filter(pl.col("outcomes") >= _LEAST).select("component", "outcomes", "successes")
    return {name: min(_HIGH, max(_LOW, (k / n) / overall)) for name, n, k in rows.iter_rows()}


def likely_priors(outcomes: np.ndarray, successes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How components differ, and how sure that is: beta distributions of their rates, each with its weight.

    Parameters
    ----------
    outcomes, successes
        Counts per component, shape (m,).

    Returns
    -------
    tuple of arrays
        Pseudo-counts of successes and failures, shape (p, 2), and weights that sum to 1, shape (p,): a grid over the mean and the
        size of the beta distribution, with the likelihood of the counts (beta-binomial) and a prior uniform in the mean and in one
        over the root of the size. A single best prior would pretend to know how much components differ: its intervals covered 92 %
        instead of 95 % in simulation.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed.), section 5.3.
    """
    n, k = np.asarray(outcomes, dtype=float), np.asarray(successes, dtype=float)
    means, widths = _mean_grid(n, k)
    priors, weights = _weighed(means, widths, np.geomspace(1, 1e7, 57), n, k)
    kept = weights > 1e-5 * weights.max()
    return priors[kept], weights[kept] / weights[kept].sum()


def _mean_grid(n: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and the width that each stands for: coarse everywhere, fine around the rate of all, on both scales that it may be
    known to.
    """
    from scipy.special import expit, logit

    centre = logit((k.sum() + 0.5) / (n.sum() + 1))
    rates = logit((k + 0.5) / (n + 1))
    within = np.sqrt(1 / (k.sum() + 0.5) + 1 / (n.sum() - k.sum() + 0.5))
    between = float(np.std(rates)) / np.sqrt(max(len(rates), 1))
    near = [centre + scale * np.linspace(-5, 5, 21) for scale in (within, between) if scale > 0]
    means = expit(np.unique(np.concatenate([np.linspace(-9, 9, 37), *near]).clip(-12, 12)))
    edges = np.concatenate([[0.0], (means[1:] + means[:-1]) / 2, [1.0]])
    return means, np.diff(edges)


def _weighed(
    means: np.ndarray, widths: np.ndarray, sizes: np.ndarray, n: np.ndarray, k: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import betaln

    mean, size = (grid.ravel() for grid in np.meshgrid(means, sizes))
    a, b = mean * size, (1 - mean) * size
    # components with the same counts are counted together
    pairs, times = np.unique(np.stack([n, k]), axis=1, return_counts=True)
    likelihood = -0.5 * np.log(size) + np.log(np.tile(widths, len(sizes)))
    start = betaln(a, b)
    for (total, hits), repeated in zip(pairs.T, times, strict=True):
        likelihood = likelihood + repeated * (betaln(hits + a, total - hits + b) - start)
    weights = np.exp(likelihood - likelihood.max())
    return np.stack([a, b], axis=1), weights / weights.sum()


def _ratios(n: np.ndarray, k: np.ndarray, priors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Draws of every component's rate over that of all, shape (draws, m); the same numbers every time."""
    draws = int(np.clip(_CELLS / max(len(n), 1), 1_000, _DRAWS))
    places = np.searchsorted(np.cumsum(weights), (np.arange(draws) + 0.5) / draws).clip(max=len(weights) - 1)
    a, b = priors[places, :1], priors[places, 1:]
    rates = np.random.default_rng(0).beta(k + a, n - k + b)
    # all together: by how many outcomes each has
    overall = rates @ n / n.sum() if n.sum() else (a / (a + b)).ravel()
    return np.asarray(rates / np.maximum(overall, 1e-300)[:, None])


def shrunk(counts: pl.DataFrame, *, prior: tuple[float, float] | None = None, confidence: float = 0.95) -> pl.DataFrame:
    """Multipliers whose rates are pulled towards that of all by how few outcomes they rest on (a beta-binomial model).

    Parameters
    ----------
    counts
        `component`, `outcomes`, `successes`, one row each.
    prior
        Pseudo-counts of successes and failures; the rate of all is then the prior's mean. Default: learned from all components
        (`likely_priors`), and the rate of all is that of all outcomes together.
    confidence
        Two-sided level of the intervals, in (0, 1).

    Returns
    -------
    polars.DataFrame
        Per component: `component`, `n`, `successes`, `rate` (raw; null without outcomes), `multiplier` (posterior mean of its rate
        over that of all), `lo`, `hi` (posterior quantiles), `status`: `increase` or `decrease` where the interval excludes 1, else
        `insufficient`.

    Raises
    ------
    ParameterError
        For a level or a prior out of range.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed.), chapter 5: beta-binomial model of rates.

    Examples
    --------
    >>> counts = pl.DataFrame({"component": ["auditor", "debugger"], "outcomes": [30, 20], "successes": [27, 12]})
    >>> shrunk(counts, prior=(16, 4))["multiplier"].round(3).to_list()
    [1.075, 0.875]
    """
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))
    if prior is not None and not (prior[0] > 0 and prior[1] > 0):
        raise ParameterError(
            Problem("the prior is out of range", got=prior, expected="two positive pseudo-counts, such as (16, 4)")
        )
    n, k = (counts[name].to_numpy().astype(float) for name in ("outcomes", "successes"))
    if ((k < 0) | (k > n)).any():
        raise ParameterError(Problem("successes and outcomes do not fit", expected="0 <= successes <= outcomes"))
    tail = (1 - confidence) / 2
    if prior is not None:
        from scipy.special import betaincinv

        a, b = prior
        base = a / (a + b)
        multiplier, low, high = (
            (k + a) / (n + a + b) / base,
            *(betaincinv(k + a, n - k + b, level) / base for level in (tail, 1 - tail)),
        )
    elif len(n):
        drawn = _ratios(n, k, *likely_priors(n, k))
        multiplier = drawn.mean(axis=0)
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    else:
        multiplier = low = high = np.zeros(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = k / n
    status = np.where(low > 1, "increase", np.where(high < 1, "decrease", "insufficient"))
    return pl.DataFrame(
        {
            "component": counts["component"],
            "n": counts["outcomes"],
            "successes": counts["successes"],
            "rate": pl.Series(rate, nan_to_null=True),
            "multiplier": multiplier,
            "lo": low,
            "hi": high,
            "status": status.tolist(),
        },
        schema_overrides={"status": pl.String},
    )
