"""Rates of many actors, each drawn towards what all have in common: the fewer cases, the more.

The first of a league is mostly the luckiest of those with few cases. A rate that is drawn in errs less on average over all actors;
of one alone it says less than its own cases do, so that a finding about one person does not rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem

__all__ = ["BetaPrior", "ShrunkRates", "beta_prior", "beta_prior_by_moments", "hierarchical_prior", "james_stein", "shrunk_rates"]

Floats = NDArray[np.float64]
_TIGHTEST = 1e6  # a + b beyond which rates are as good as equal


@dataclass(frozen=True)
class BetaPrior:
    """How rates are spread: Beta(a, b), with mean a / (a + b) and the weight of a + b cases."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """The rate that all have in common."""
        return self.a / (self.a + self.b)


@dataclass(frozen=True)
class ShrunkRates:
    """Rates of actors, drawn in.

    Attributes
    ----------
    rate, lo, hi
        Posterior mean and limits, shape `(m,)`.
    above
        The chance that the rate is above a limit; `nan` without one.
    rank, rank_lo, rank_hi
        Median and limits of the rank, 1 for the highest rate.
    """

    rate: Floats
    lo: Floats
    hi: Floats
    above: Floats
    rank: NDArray[np.int64]
    rank_lo: NDArray[np.int64]
    rank_hi: NDArray[np.int64]


def _counts(hits: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    k, n = np.asarray(hits, float), np.asarray(trials, float)
    if k.shape != n.shape or k.ndim != 1 or len(k) < 2 or (k < 0).any() or (k > n).any() or not (n > 0).all():
        expected = "two or more actors, each with hits from 0 to its trials"
        raise ParameterError(Problem("these are no counts of actors", got=f"shapes {k.shape} and {n.shape}", expected=expected))
    return k, n


def beta_prior_by_moments(hits: ArrayLike, trials: ArrayLike) -> BetaPrior:
    """The prior whose mean and variance are those of the raw rates: simple, and too wide, since chance is in their variance.

    Parameters
    ----------
    hits, trials
        Shape `(m,)`, a count for each actor.

    Raises
    ------
    ParameterError
        If these are no counts, or the rates do not vary.

    Examples
    --------
    >>> found = beta_prior_by_moments([1, 3, 5, 2], [10, 10, 10, 10])
    >>> round(found.mean, 3)
    0.275
    """
    k, n = _counts(hits, trials)
    rates = k / n
    mean, variance = float(rates.mean()), float(rates.var(ddof=1))
    if not 0 < variance < mean * (1 - mean):
        raise ParameterError(
            Problem("rates do not vary as those of a beta distribution", got=f"mean {mean:g}, variance {variance:g}")
        )
    weight = mean * (1 - mean) / variance - 1
    return BetaPrior(mean * weight, (1 - mean) * weight)


def beta_prior(hits: ArrayLike, trials: ArrayLike) -> BetaPrior:
    """The prior of maximum likelihood of the beta-binomial: what chance alone does is not taken for a spread of rates.

    Where rates vary no more than by chance it is as tight as it may be (a + b of a million): all are drawn to one rate.

    Parameters
    ----------
    hits, trials
        Shape `(m,)`, a count for each actor.

    Raises
    ------
    ParameterError
        If these are no counts.

    Examples
    --------
    >>> found = beta_prior([0, 1, 9, 4, 2, 15], [20, 20, 20, 20, 20, 20])
    >>> round(found.mean, 2)
    0.26
    """
    from scipy.optimize import minimize

    k, n = _counts(hits, trials)
    mean = (k.sum() + 0.5) / (n.sum() + 1)

    def lost(at: Floats) -> float:
        share, weight = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
        return -float(_log_likelihood(k, n, share * weight, (1 - share) * weight))

    start, bounds = np.log(mean / (1 - mean)), [(-20, 20), (-5, np.log(_TIGHTEST))]
    tried = [minimize(lost, [start, np.log(w)], method="L-BFGS-B", bounds=bounds) for w in (2.0, 20.0, 200.0, _TIGHTEST)]
    best = min(tried, key=lambda found: float(found.fun))
    fine = minimize(lost, best.x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4_000})
    at = fine.x if fine.fun <= best.fun and fine.x[1] <= np.log(_TIGHTEST) else best.x
    share, weight = 1 / (1 + np.exp(-at[0])), np.exp(at[1])
    return BetaPrior(float(share * weight), float((1 - share) * weight))


def _log_likelihood(k: Floats, n: Floats, a: Floats | float, b: Floats | float) -> Floats:
    """Of the beta-binomial, up to what does not depend on the prior; over a grid where a and b are arrays."""
    from scipy.special import betaln

    a_, b_ = np.asarray(a, float)[..., None], np.asarray(b, float)[..., None]
    return np.asarray((betaln(a_ + k, b_ + n - k) - betaln(a_, b_)).sum(axis=-1), dtype=np.float64)


def hierarchical_prior(hits: ArrayLike, trials: ArrayLike, points: int = 200) -> tuple[float, float]:
    """Posterior means of a and b under the prior density (a + b)^(-5/2), by a grid.

    As in A. Gelman and others, Bayesian Data Analysis, section 5.3: flat in the mean and in 1 / sqrt(a + b).

    Parameters
    ----------
    hits, trials
        Shape `(m,)`, a count for each actor.
    points
        Of the grid in each direction, at least 50.

    Raises
    ------
    ParameterError
        If these are no counts, or the grid is too coarse.

    Examples
    --------
    >>> a, b = hierarchical_prior([0, 1, 9, 4, 2, 15], [20, 20, 20, 20, 20, 20])
    >>> a < b
    True
    """
    k, n = _counts(hits, trials)
    if points < 50:
        raise ParameterError(Problem("the grid is too coarse", got=points, expected="50 points or more"))
    middle = beta_prior(k, n)
    weight = min(middle.a + middle.b, 1e4)
    # in log(a / b) and log(a + b): wide enough that the edges hold nothing
    ratio = np.log(middle.a / middle.b) + np.linspace(-1.5, 1.5, points)
    size = np.log(weight) + np.linspace(-3, 4, points)
    x, y = np.meshgrid(ratio, size, indexing="ij")
    share = 1 / (1 + np.exp(-x))
    a, b = share * np.exp(y), (1 - share) * np.exp(y)
    # the density in these coordinates gains the factor a b
    log = _log_likelihood(k, n, a, b) - 2.5 * y + np.log(a) + np.log(b)
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    return float((a * mass).sum()), float((b * mass).sum())


def shrunk_rates(
    hits: ArrayLike,
    trials: ArrayLike,
    prior: BetaPrior | None = None,
    *,
    limit: float | None = None,
    confidence: float = 0.95,
    draws: int = 4_000,
    seed: int = 0,
) -> ShrunkRates:
    """Rates of actors drawn towards each other, with ranks that say how little they say.

    Empirical Bayes: the prior is fitted to the actors themselves (`beta_prior`) and then taken as known, so that with few actors
    limits are somewhat too narrow.

    Parameters
    ----------
    hits, trials
        Shape `(m,)`, a count for each actor.
    prior
        What rates have in common; default fitted.
    limit
        A rate, in (0, 1), for the chance to be above it.
    confidence
        Two-sided level, in (0, 1).
    draws, seed
        How many times ranks are drawn, at least 100, and how.

    Raises
    ------
    ParameterError
        For counts or arguments out of range.

    Examples
    --------
    >>> found = shrunk_rates([4, 0, 2], [14, 20, 25], BetaPrior(1.4, 8.6), limit=0.1)
    >>> found.rate.round(3).tolist(), found.above.round(2).tolist()
    ([0.225, 0.047, 0.097], [0.95, 0.09, 0.42])
    """
    from scipy.special import betainc, betaincinv

    k, n = _counts(hits, trials)
    if limit is not None and not 0 < limit < 1:
        raise ParameterError(Problem("limit is out of range", got=limit, expected="a rate above 0 and below 1"))
    if not 0 < confidence < 1 or draws < 100:
        raise ParameterError(
            Problem("confidence or draws are out of range", got=f"{confidence}, {draws}", expected="in (0, 1), 100")
        )
    chosen = prior or beta_prior(k, n)
    a, b = chosen.a + k, chosen.b + n - k
    tail = (1 - confidence) / 2
    drawn = np.random.default_rng(seed).beta(a, b, (draws, len(k)))
    ranks = (-drawn).argsort(axis=1).argsort(axis=1) + 1
    low, middle, high = np.quantile(ranks, [tail, 0.5, 1 - tail], axis=0, method="inverted_cdf")
    return ShrunkRates(
        a / (a + b),
        np.asarray(betaincinv(a, b, tail)),
        np.asarray(betaincinv(a, b, 1 - tail)),
        np.full(len(k), np.nan) if limit is None else np.asarray(1 - betainc(a, b, limit)),
        middle.astype(np.int64),
        low.astype(np.int64),
        high.astype(np.int64),
    )


def james_stein(values: ArrayLike, error: float = 1.0) -> tuple[Floats, float]:
    """Values of equal error, drawn towards their mean; and the share that is taken off.

    Source: B. Efron and C. Morris 1975, "Data analysis using Stein's estimator and its generalizations", Journal of the American
    Statistical Association 70:311-319.

    Parameters
    ----------
    values
        Shape `(m,)`, four or more, about normal.
    error
        Their standard error, above 0.

    Raises
    ------
    ParameterError
        For fewer values, or another error.

    Examples
    --------
    >>> drawn, share = james_stein([1.0, 2.0, 3.0, 6.0, 8.0])
    >>> drawn.round(2).tolist(), round(share, 3)
    ([1.18, 2.12, 3.06, 5.88, 7.76], 0.059)
    """
    x = np.asarray(values, float)
    if x.ndim != 1 or len(x) < 4 or not error > 0:
        raise ParameterError(
            Problem("these cannot be drawn in", got=f"{x.size} values, error {error}", expected="4 or more, above 0")
        )
    mean = x.mean()
    share = min(1.0, (len(x) - 3) * error**2 / float(((x - mean) ** 2).sum())) if (x != mean).any() else 1.0
    return mean + (1 - share) * (x - mean), share
