"""Observations that come in batches: a day, a queue, a shift. What is alike within a batch says less than as many that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.rate_limits import exact_limits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Clustered", "clustered_mean", "clustered_rate"]


class Clustered(NamedTuple):
    """A number from batches.

    Attributes
    ----------
    value, lo, hi
        Estimate and limits; limits are NaN from fewer than two batches.
    n, batches
        Observations, and batches that have any.
    design_effect
        How many times larger the variance is than of as many observations that have nothing in common, at least 1.
    n_eff
        As many independent observations would be as precise.
    """

    value: float
    lo: float
    hi: float
    n: int
    batches: int
    design_effect: float
    n_eff: float


def clustered_rate(hits: ArrayLike, trials: ArrayLike, confidence: float = 0.95) -> Clustered:
    """A share whose observations come in batches.

    Parameters
    ----------
    hits, trials
        Of each batch, shape (b,); batches without trials do not count.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    Clustered
        Exact limits at the effective number of observations, this number reduced for the batches being few.

    Raises
    ------
    ParameterError
        If hits and trials do not fit, or the level is out of range.

    Notes
    -----
    Batches are taken as drawn one like the other. Measured at 95 % with batches of 20 and a correlation of 0.3 within them: 0.947
    to 0.968 from 30 batches on (limits that take all observations as independent cover in 0.53 to 0.58).

    References
    ----------
    Kish L (1965) Survey Sampling, section 5.4. Korn EL, Graubard BI (1998) Survey Methodology 24:193-201.

    Examples
    --------
    >>> found = clustered_rate([10, 0, 9, 1, 10, 0], [10] * 6)
    >>> found.value, round(found.design_effect, 1), round(found.n_eff, 1)
    (0.5, 10.6, 5.7)
    """
    k, n = np.asarray(hits, dtype=float), np.asarray(trials, dtype=float)
    if k.shape != n.shape or k.ndim != 1 or (k < 0).any() or (k > n).any():
        got = f"shapes {k.shape} and {n.shape}"
        raise ParameterError(Problem("hits and trials do not fit", got=got, expected="one of each a batch, 0 <= hits <= trials"))
    _level(confidence)
    k, n = k[n > 0], n[n > 0]
    total, batches = float(n.sum()), len(n)
    if not batches:
        return Clustered(np.nan, np.nan, np.nan, 0, 0, np.nan, 0.0)
    p = float(k.sum() / total)
    if batches < 2 or p in (0.0, 1.0):
        # nobody differs, so nothing is known of how alike they are: a batch says as much as one observation
        low, high = exact_limits([p * batches], [batches], confidence)
        known = batches > 1
        return Clustered(
            p, float(low[0]) if known else np.nan, float(high[0]) if known else np.nan, int(total), batches, np.nan, batches
        )
    variance = batches / (batches - 1) * float(((k - p * n) ** 2).sum()) / total**2
    effect = max(variance / (p * (1 - p) / total), 1.0)
    n_eff = total / effect
    reduced = n_eff * _few(total, batches, confidence)
    low, high = exact_limits([p * reduced], [reduced], confidence)
    return Clustered(p, float(low[0]), float(high[0]), int(total), batches, effect, n_eff)


def clustered_mean(values: ArrayLike, batch: ArrayLike, confidence: float = 0.95) -> Clustered:
    """A mean whose values come in batches.

    Parameters
    ----------
    values
        Finite numbers, shape (n,).
    batch
        Of which batch each is, shape (n,).
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    Clustered
        Limits by Student's t with as many degrees of freedom as there are batches, less one.

    Raises
    ------
    ParameterError
        If shapes differ, a value is not finite, or the level is out of range.

    References
    ----------
    Kish L (1965) Survey Sampling, section 5.4. Liang KY, Zeger SL (1986) Biometrika 73:13-22, for the variance.

    Examples
    --------
    >>> found = clustered_mean([1, 1, 2, 2, 3, 3], ["a", "a", "b", "b", "c", "c"])
    >>> found.value, found.batches, round(found.n_eff, 1)
    (2.0, 3, 2.4)
    """
    from scipy.special import stdtrit

    x, which = np.asarray(values, dtype=float), np.asarray(batch)
    if x.shape != which.shape or x.ndim != 1 or not np.isfinite(x).all():
        got = f"shapes {x.shape} and {which.shape}"
        raise ParameterError(Problem("values and batches do not fit", got=got, expected="a finite number and a batch each"))
    _level(confidence)
    if not x.size:
        return Clustered(np.nan, np.nan, np.nan, 0, 0, np.nan, 0.0)
    _, place = np.unique(which, return_inverse=True)
    mean, batches, n = float(x.mean()), int(place.max()) + 1, len(x)
    if batches < 2:
        return Clustered(mean, np.nan, np.nan, n, batches, np.nan, 1.0)
    summed = np.bincount(place, x - mean, batches)
    variance = batches / (batches - 1) * float((summed**2).sum()) / n**2
    alone = float(x.var(ddof=1)) / n
    effect = max(variance / alone, 1.0) if alone > 0 else 1.0
    half = float(stdtrit(batches - 1, (1 + confidence) / 2)) * max(variance, alone) ** 0.5
    return Clustered(mean, mean - half, mean + half, n, batches, effect, n / effect)


def _few(n: float, batches: int, confidence: float) -> float:
    """What is taken off an effective number because the batches behind its variance are few."""
    from scipy.special import stdtrit

    many, few = (float(stdtrit(max(degrees, 1.0), (1 + confidence) / 2)) for degrees in (n - 1, batches - 1))
    return (many / few) ** 2


def _level(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
