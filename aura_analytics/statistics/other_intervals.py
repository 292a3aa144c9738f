"""Further intervals of proportions and counts, for comparing with what others report."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.statistics.intervals import z_value

__all__ = ["jeffreys", "poisson_score"]

Floats = NDArray[np.float64]


def poisson_score(count: int, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Score limits of the rate of a Poisson count: closer to the level on average than the exact ones, which never err more often.

    Parameters
    ----------
    count
        Events, from 0.
    exposure
        Over what they were counted, above 0: time, cases, or an expected count.
    confidence
        Two-sided level, in (0, 1).

    Examples
    --------
    >>> [round(limit, 7) for limit in poisson_score(196, 280)]
    [0.6086218, 0.8050977]
    """
    z2 = z_value(confidence) ** 2
    middle, half = count + z2 / 2, float(np.sqrt(z2 * (count + z2 / 4)))
    return (middle - half) / exposure, (middle + half) / exposure


def jeffreys(successes: ArrayLike, trials: ArrayLike, confidence: float = 0.95, *, modified: bool = False) -> tuple[Floats, Floats]:
    """Jeffreys interval of a proportion: quantiles of the posterior under a Beta(1/2, 1/2) prior.

    Parameters
    ----------
    successes, trials
        Counts, any shapes that broadcast; trials from 1.
    confidence
        Two-sided level, in (0, 1).
    modified
        With exact limits where nothing, or everything, was a success, and 0 or 1 also beside that: without it limits next to 0
        and 1 cover too little. Source: L. D. Brown, T. T. Cai and A. DasGupta 2001, Statistical Science 16:101-133.

    Examples
    --------
    >>> low, high = jeffreys([1, 2, 3], 7)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.016, 0.065, 0.139], [0.501, 0.648, 0.765])
    """
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(trials, float))
    tail = (1 - confidence) / 2
    low, high = betaincinv(k + 0.5, n - k + 0.5, tail), betaincinv(k + 0.5, n - k + 0.5, 1 - tail)
    low, high = np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
    if modified:
        low, high = np.where(k <= 1, 0.0, low), np.where(k >= n - 1, 1.0, high)
        low, high = np.where(k == n, tail ** (1 / n), low), np.where(k == 0, 1 - tail ** (1 / n), high)
    return low, high
