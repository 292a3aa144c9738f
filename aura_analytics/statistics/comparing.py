"""Two groups compared: means, paired or not; ratings of good and bad ones; and how many are needed to tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem

__all__ = [
    "Difference",
    "RocArea",
    "mean_difference",
    "power_of_means",
    "power_of_rates",
    "roc_area",
    "size_for_means",
    "size_for_rates",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A difference of two means.

    Attributes
    ----------
    value, lo, hi
        First less second, with limits.
    t, degrees, p_value
        The test of no difference, two-sided.
    """

    value: float
    lo: float
    hi: float
    t: float
    degrees: float
    p_value: float


@dataclass(frozen=True)
class RocArea:
    """The chance that one of the second kind is rated above one of the first; ties count half.

    Attributes
    ----------
    value, se
        The area under the curve, and its standard error.
    """

    value: float
    se: float


def mean_difference(first: ArrayLike, second: ArrayLike, *, paired: bool = False, confidence: float = 0.95) -> Difference:
    """The difference of two means by Student's t: of pairs, or of two groups whose variances may differ (Welch).

    Pairs (the same cases read twice, the same random numbers) are more telling than two groups, and are to be compared as pairs.
    Limits rest on means that are about normal: not for few and skewed values such as hours.

    Parameters
    ----------
    first, second
        Values; of pairs as many of each, in the same order.
    paired
        Whether they are pairs.
    confidence
        Two-sided level, in (0, 1).

    Raises
    ------
    ParameterError
        For fewer than two values, or pairs that are none.

    Examples
    --------
    >>> found = mean_difference([0.7, -1.6, -0.2, -1.2], [1.9, 0.8, 1.1, 0.1], paired=True)
    >>> round(found.value, 3), round(found.t, 2)
    (-1.55, -5.45)
    """
    from scipy.special import stdtr, stdtrit

    x, y = np.asarray(first, float), np.asarray(second, float)
    if paired and x.shape != y.shape:
        raise ParameterError(Problem("pairs have as many of each", got=f"{x.size} and {y.size}"))
    if min(x.size, y.size) < 2:
        raise ParameterError(Problem("too few values", got=f"{x.size} and {y.size}", expected="2 or more of each"))
    if paired:
        apart = x - y
        value, variance, degrees = float(apart.mean()), float(apart.var(ddof=1) / len(apart)), float(len(apart) - 1)
    else:
        parts = [one.var(ddof=1) / len(one) for one in (x, y)]
        value, variance = float(x.mean() - y.mean()), float(sum(parts))
        below = sum(part**2 / (len(one) - 1) for part, one in zip(parts, (x, y), strict=True))
        degrees = float(variance**2 / below) if below > 0 else float(len(x) + len(y) - 2)
    error = float(np.sqrt(variance))
    t = value / error if error > 0 else float(np.copysign(np.inf, value)) if value else float("nan")
    reach = float(stdtrit(degrees, 0.5 + confidence / 2)) * error
    return Difference(value, value - reach, value + reach, t, degrees, float(2 * stdtr(degrees, -abs(t))))


def roc_area(first: ArrayLike, second: ArrayLike) -> RocArea:
    """How well an ordered rating tells two kinds apart, from how often each rating was given.

    Source: J. A. Hanley and B. J. McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143:29-36.

    Parameters
    ----------
    first, second
        Shape `(ratings,)`: of each kind, how many were given each rating, the lowest first.

    Raises
    ------
    ParameterError
        If there is nothing of a kind, or ratings differ.

    Examples
    --------
    >>> found = roc_area([33, 6, 6, 11, 2], [3, 2, 2, 11, 33])
    >>> round(found.value, 3), round(found.se, 3)
    (0.893, 0.032)
    """
    x, y = np.asarray(first, float), np.asarray(second, float)
    if x.shape != y.shape or x.ndim != 1 or not (x.sum() > 0 and y.sum() > 0) or (x < 0).any() or (y < 0).any():
        raise ParameterError(Problem("these are no counts of ratings of two kinds", got=f"shapes {x.shape} and {y.shape}"))
    n, m = x.sum(), y.sum()
    below = np.cumsum(x) - x  # of the first kind, below each rating
    above = m - np.cumsum(y)  # of the second kind, above each
    value = float((y * (below + x / 2)).sum() / (n * m))
    two_above = float((x * (above**2 + above * y + y**2 / 3)).sum() / (n * m**2))
    two_below = float((y * (below**2 + below * x + x**2 / 3)).sum() / (n**2 * m))
    spread = value * (1 - value) + (m - 1) * (two_above - value**2) + (n - 1) * (two_below - value**2)
    return RocArea(value, float(np.sqrt(max(spread, 0.0) / (n * m))))


def power_of_rates(first: float, second: float, n: float, significance: float = 0.05) -> float:
    """The chance that a two-sided test of two rates, with n in each group, finds the difference.

    Parameters
    ----------
    first, second
        The rates, in (0, 1).
    n
        In each group, from 1.
    significance
        Two-sided level of the test, in (0, 1).

    Raises
    ------
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> round(power_of_rates(0.5, 0.75, 50), 2)
    0.74
    """
    from scipy.special import ndtr, ndtri

    _between(first=first, second=second, significance=significance)
    if n < 1:
        raise ParameterError(Problem("n is out of range", got=n, expected="1 or more"))
    together = np.sqrt((first + second) * (2 - first - second) / 2)
    apart = np.sqrt(first * (1 - first) + second * (1 - second))
    return float(ndtr((np.sqrt(n) * abs(first - second) - ndtri(1 - significance / 2) * together) / apart))


def size_for_rates(first: float, second: float, power: float = 0.9, significance: float = 0.05) -> float:
    """How many in each group a two-sided test of two rates needs.

    Parameters
    ----------
    first, second
        The rates, in (0, 1), not the same.
    power
        The chance to find it, in (0, 1).
    significance
        Two-sided level of the test, in (0, 1).

    Raises
    ------
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> round(size_for_rates(0.5, 0.75, 0.9), 1)
    76.7
    """
    from scipy.special import ndtri

    _between(first=first, second=second, power=power, significance=significance)
    if first == second:
        raise ParameterError(Problem("the rates are the same: no number tells them apart", got=first))
    together = np.sqrt((first + second) * (2 - first - second) / 2)
    apart = np.sqrt(first * (1 - first) + second * (1 - second))
    return float(((ndtri(1 - significance / 2) * together + ndtri(power) * apart) / (first - second)) ** 2)


def power_of_means(difference: float, sd: float, n: float, significance: float = 0.05) -> float:
    """The chance that Student's two-sided test of two means, with n in each group, finds the difference in its direction.

    Parameters
    ----------
    difference
        Of the means.
    sd
        Standard deviation in each group, above 0.
    n
        In each group, from 2.
    significance
        Two-sided level of the test, in (0, 1).

    Raises
    ------
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> round(power_of_means(1, 1, 20), 4)
    0.869
    """
    from scipy.special import stdtrit
    from scipy.stats import nct

    _between(significance=significance)
    if not sd > 0 or n < 2:
        raise ParameterError(Problem("sd or n are out of range", got=f"{sd}, {n}", expected="above 0; 2 or more"))
    degrees = 2 * (n - 1)
    return float(nct.sf(stdtrit(degrees, 1 - significance / 2), degrees, np.sqrt(n / 2) * abs(difference) / sd))


def size_for_means(difference: float, sd: float, power: float = 0.9, significance: float = 0.05) -> float:
    """How many in each group Student's two-sided test of two means needs.

    Parameters
    ----------
    difference
        Of the means, not 0.
    sd
        Standard deviation in each group, above 0.
    power
        The chance to find it, in (0, 1).
    significance
        Two-sided level of the test, in (0, 1).

    Raises
    ------
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> round(size_for_means(1, 1, 0.9), 2)
    22.02
    """
    from scipy.optimize import brentq

    _between(power=power, significance=significance)
    if difference == 0:
        raise ParameterError(Problem("there is no difference: no number finds it", got=difference))
    if power_of_means(difference, sd, 2, significance) >= power:
        return 2.0
    return float(brentq(lambda n: power_of_means(difference, sd, n, significance) - power, 2, 1e7, xtol=1e-6))


def _between(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected="a share above 0 and below 1"))
