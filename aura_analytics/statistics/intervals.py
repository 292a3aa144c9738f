"""Interval estimates shared by the metrics, vectorised over actors.

Every function takes arrays of sufficient statistics and returns arrays; NaN marks what is undefined, and the metrics turn it
into null with a reason.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "beta_posterior",
    "decisions_to_settle",
    "exact_rate",
    "mean_t",
    "mixture_e_value",
    "poisson_rate",
    "quantile_ranks",
    "wilson",
    "z_value",
]


def z_value(confidence: float) -> float:
    """Two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson score interval of a proportion, two-sided.

    Parameters
    ----------
    successes, trials
        Counts; `trials` may be an effective number and need not be whole. Shape (n,).
    confidence
        Two-sided level in (0, 1). For a one-sided limit at 95 % pass 0.90 and read one side.

    Returns
    -------
    tuple of arrays
        Lower and upper limits in [0, 1]; NaN where there are no trials.

    References
    ----------
    Wilson EB (1927) JASA 22:209-212. Newcombe RG (1998) Stat Med 17:857-872, method 3.

    Examples
    --------
    >>> low, high = wilson([81], [263])
    >>> round(float(low[0]), 4), round(float(high[0]), 4)
    (0.2553, 0.3662)
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    z2 = z_value(confidence) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (k + z2 / 2) / (n + z2)
        half = np.sqrt(z2) / (n + z2) * np.sqrt(np.maximum(k * (n - k) / n, 0) + z2 / 4)
        low = np.where(k <= 0, 0.0, np.clip(centre - half, 0, 1))
        high = np.where(k >= n, 1.0, np.clip(centre + half, 0, 1))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def mean_t(
    mean: ArrayLike,
    sd: ArrayLike,
    n: ArrayLike,
    confidence: float = 0.95,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    grain: float = 0.0,
) -> tuple[Floats, Floats]:
    """Student's t interval of a mean, two-sided, kept inside the range that the values can have.

    Parameters
    ----------
    mean, sd, n
        Sample means, sample standard deviations (n - 1) and sizes, shape (m,).
    confidence
        Two-sided level.
    low, high
        Range of single values.
    grain
        Step of the scale that values were rounded to (1 for stars). The standard deviation is taken as at least
        `grain / sqrt(12)`, what rounding alone hides (Sheppard's correction), so that five equal ratings do not pretend to be
        certain.

    Returns
    -------
    tuple of arrays
        Limits. One value says nothing about spread: the limits are then the range itself. NaN for n = 0, and for n = 1 on an
        unbounded scale, and where all values are equal and there is no grain.
    """
    from scipy.special import stdtrit

    m, s, count = (np.asarray(item, dtype=float) for item in (mean, sd, n))
    spread = np.maximum(np.where(np.isnan(s), 0, s), grain / np.sqrt(12))
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes, which = np.unique(count, return_inverse=True)  # the quantile is slow, and sizes repeat
        t = stdtrit(np.maximum(sizes - 1, 1), (1 + confidence) / 2)[which].reshape(count.shape)
        half = t * spread / np.sqrt(count)
    lower = np.where(count > 1, np.clip(m - half, low, high), low)
    upper = np.where(count > 1, np.clip(m + half, low, high), high)
    lower = np.where((count > 0) & np.isfinite(lower), lower, np.nan)
    upper = np.where((count > 0) & np.isfinite(upper), upper, np.nan)
    # equal values on a scale of unknown grain say nothing about the spread
    flat = (count > 1) & (spread == 0)
    lower, upper = np.where(flat, np.nan, lower), np.where(flat, np.nan, upper)
    return lower, upper


def poisson_rate(count: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact limits of the rate of a Poisson count.

    Parameters
    ----------
    count
        Events.
    exposure
        Time in which they were counted, above 0.
    confidence
        Two-sided level in (0, 1).

    Returns
    -------
    tuple of floats
        Lower and upper limit, per unit of exposure.

    References
    ----------
    Garwood F (1936) Biometrika 28:437-442.

    Examples
    --------
    >>> tuple(round(limit, 3) for limit in poisson_rate(0, 10.0))
    (0.0, 0.369)
    """
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    low = float(gammaincinv(count, tail)) / exposure if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - tail)) / exposure


def exact_rate(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact limits of a proportion.

    Parameters
    ----------
    successes, trials
        Counts, 0 <= successes <= trials, trials above 0.
    confidence
        Two-sided level in (0, 1); the limits cover at least as often, whatever the proportion.

    Returns
    -------
    tuple of floats
        Lower and upper limit in [0, 1].

    References
    ----------
    Clopper CJ, Pearson ES (1934) Biometrika 26:404-413.

    Examples
    --------
    >>> tuple(round(limit, 4) for limit in exact_rate(0, 20))
    (0.0, 0.1684)
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return low, high


def quantile_ranks(n: ArrayLike, q: float, confidence: float = 0.95) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks (0-based) of the order statistics that enclose a quantile; -1 where the sample is too small for the level.

    Distribution-free, by the normal approximation of the binomial number of values below the quantile, rounded outwards.

    References
    ----------
    Hahn GJ, Meeker WQ (1991) Statistical Intervals, section 5.2.

    Examples
    --------
    >>> quantile_ranks([100, 5], 0.5)
    (array([39, -1]), array([60, -1]))
    """
    count = np.asarray(n, dtype=float)
    half = z_value(confidence) * np.sqrt(count * q * (1 - q))
    low = np.floor(count * q - half).astype(np.int64) - 1
    high = np.ceil(count * q + half).astype(np.int64)
    return np.where(low >= 0, low, -1), np.where(high <= count - 1, high, -1)


def decisions_to_settle(rate: ArrayLike, threshold: float, confidence: float) -> Floats:
    """Observations after which Wilson's limit at this very rate would leave the threshold on one side; NaN at the threshold.

    The limit at level z excludes p0 exactly when n > z² p0 (1 - p0) / (p - p0)², since Wilson's interval inverts the score test.

    Examples
    --------
    >>> float(decisions_to_settle([0.42], 0.30, 0.90)[0])
    40.0
    """
    p = np.asarray(rate, dtype=float)
    z2 = z_value(confidence) ** 2
    with np.errstate(divide="ignore"):
        n = z2 * threshold * (1 - threshold) / (p - threshold) ** 2
    return np.where(np.isfinite(n), np.floor(n) + 1, np.nan)


def beta_posterior(
    successes: ArrayLike, trials: ArrayLike, prior: tuple[float, float] = (1.0, 1.0), confidence: float = 0.95
) -> dict[str, Floats]:
    """What is known of a rate after observations, given what was known before.

    Parameters
    ----------
    successes, trials
        Counts, shape (m,).
    prior
        Pseudo-counts of successes and failures, positive; (1, 1) is uniform.
    confidence
        Level of the central interval, in (0, 1).

    Returns
    -------
    dict of arrays
        `mean`, `sd`, `median`, `lo`, `hi` of the beta distribution, shape (m,); without trials those of the prior.

    References
    ----------
    Gelman et al., Bayesian Data Analysis (3rd ed.), section 2.4.

    Examples
    --------
    >>> round(float(beta_posterior([437], [980])["median"][0]), 3)
    0.446
    """
    from scipy.special import betaincinv

    if not (0 < confidence < 1 and prior[0] > 0 and prior[1] > 0):
        raise ParameterError(
            Problem("level or prior is out of range", got=(confidence, prior), expected="a level in (0, 1), positive counts")
        )
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    if (k < 0).any() or (k > n).any():
        raise ParameterError(Problem("successes and trials do not fit", expected="0 <= successes <= trials"))
    a, b = k + prior[0], n - k + prior[1]
    tail = (1 - confidence) / 2
    return {
        "mean": a / (a + b),
        "sd": np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))),
        "median": np.asarray(betaincinv(a, b, 0.5)),
        "lo": np.asarray(betaincinv(a, b, tail)),
        "hi": np.asarray(betaincinv(a, b, 1 - tail)),
    }


def mixture_e_value(successes: ArrayLike, trials: ArrayLike, threshold: float) -> Floats:
    """Evidence that a rate exceeds a threshold, valid whenever one looks: log of the e-value (natural).

    The e-process is the likelihood ratio against p0, mixed uniformly over p in (p0, 1). Under p <= p0 the chance that it ever
    reaches 1/alpha is at most alpha (Ville), so a rule may read it daily: flag at `log(1/0.05) = 2.996`. It needs all
    observations since a fixed start; a rolling window breaks the guarantee.

    References
    ----------
    Ramdas A, Grünwald P, Vovk V, Shafer G (2023) Stat Sci 38:576-601; Robbins H (1970) Ann Math Stat 41:1397-1409.

    Examples
    --------
    >>> round(float(mixture_e_value([42], [100], 0.3)[0]), 3)
    1.479
    """
    from scipy.special import betaincc, betaln

    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    a, b = k + 1, n - k + 1
    with np.errstate(divide="ignore"):
        tail = np.log(betaincc(a, b, threshold))
    # far below the threshold the tail underflows: the integral is then bounded by its value at p0, so log e <= -something
    null = k * np.log(threshold) + (n - k) * np.log1p(-threshold)
    value = betaln(a, b) + tail - np.log1p(-threshold) - null
    return np.where(np.isneginf(value), -np.inf, value)
