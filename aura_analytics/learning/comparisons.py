"""Two versions of the same thing: is the later one worse, surely not worse, or can nobody tell yet?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import wilson, z_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "ArmComparison",
    "RateTest",
    "binomial_test",
    "difference",
    "paired_difference",
    "rate_ratio",
    "two_arms",
]


def difference(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Limits of the difference of two independent rates, `k1/n1 - k2/n2`.

    Parameters
    ----------
    k1, n1, k2, n2
        Successes and trials, shape (m,); NaN where either has no trials.
    confidence
        Two-sided level, in (0, 1).

    References
    ----------
    Newcombe RG (1998) Stat Med 17:873-890, method 10 (hybrid score).

    Examples
    --------
    >>> lo, hi = difference(56, 70, 48, 80)
    >>> round(float(lo), 4), round(float(hi), 4)
    (0.0524, 0.3339)
    """
    x1, m1, x2, m2 = (np.asarray(each, dtype=float) for each in (k1, n1, k2, n2))
    (l1, u1), (l2, u2) = wilson(x1, m1, confidence), wilson(x2, m2, confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = x1 / m1, x2 / m2
    gap = p1 - p2
    return np.asarray(gap - np.hypot(p1 - l1, u2 - p2)), np.asarray(gap + np.hypot(u1 - p1, p2 - l2))


def paired_difference(both: int, first: int, second: int, neither: int, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of the difference of two rates measured on the same tasks, first minus second.

    Parameters
    ----------
    both, first, second, neither
        Tasks at which both succeeded, only the first, only the second, none.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    tuple of float
        NaN without tasks.

    References
    ----------
    Newcombe RG (1998) Stat Med 17:2635-2650, method 10 (score intervals and a corrected correlation).

    Examples
    --------
    >>> lo, hi = paired_difference(36, 12, 2, 0)
    >>> round(lo, 4), round(hi, 4)
    (0.0569, 0.3404)
    """
    n = both + first + second + neither
    if n == 0:
        return float("nan"), float("nan")
    a1, a2 = both + first, both + second
    (l1, l2), (u1, u2) = (limits.tolist() for limits in wilson([a1, a2], [n, n], confidence))
    p1, p2 = a1 / n, a2 / n
    spread = a1 * (n - a1) * a2 * (n - a2)
    cross: float = both * neither - first * second
    if cross > 0:
        cross = max(cross - n / 2, 0)
    correlation = cross / np.sqrt(spread) if spread else 0.0
    below = (p1 - l1) ** 2 - 2 * correlation * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    above = (u1 - p1) ** 2 - 2 * correlation * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    gap = (first - second) / n
    return float(gap - np.sqrt(max(below, 0.0))), float(gap + np.sqrt(max(above, 0.0)))


@dataclass(frozen=True)
class RateTest:
    """A test of one rate, or of a ratio of two: the estimate, its limits, and the two-sided p-value."""

    estimate: float
    lo: float
    hi: float
    p_value: float


def binomial_test(k: int, n: int, rate: float, confidence: float = 0.95) -> RateTest:
    """Exact test that successes come at this rate, with the limits of Clopper and Pearson.

    References
    ----------
    Conover WJ (1971) Practical Nonparametric Statistics. Clopper CJ, Pearson ES (1934) Biometrika 26:404-413.

    Examples
    --------
    >>> round(binomial_test(682, 925, 0.75).p_value, 4)
    0.3825
    """
    from scipy.stats import binomtest

    _counts(k=k, n=n)
    found = binomtest(k, n, rate)
    limits = found.proportion_ci(confidence, "exact")
    return RateTest(k / n, float(limits.low), float(limits.high), float(found.pvalue))


def rate_ratio(count1: int, exposure1: float, count2: int, exposure2: float, confidence: float = 0.95) -> RateTest:
    """Ratio of two rates of events (overrides per 100 jobs, breaches per officer-year), exact given how many there are in all.

    Parameters
    ----------
    count1, exposure1, count2, exposure2
        Events, and the time or volume in which they happened (positive, one unit for both).
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    RateTest
        `estimate` is infinite where only the second has none, and NaN without any event.

    References
    ----------
    Przyborowski J, Wilenski H (1940) Biometrika 31:313-323.

    Examples
    --------
    >>> round(rate_ratio(11, 800, 21, 3011).estimate, 4)
    1.9715
    """
    from scipy.stats import binomtest

    _counts(count1=count1, count2=count2)
    if not (exposure1 > 0 and exposure2 > 0):
        raise ParameterError(Problem("an exposure is out of range", got=(exposure1, exposure2), expected="positive numbers"))
    share = exposure1 / (exposure1 + exposure2)
    if count1 + count2 == 0:
        return RateTest(float("nan"), 0.0, float("inf"), 1.0)
    found = binomtest(count1, count1 + count2, share)
    low, high = (float(limit) for limit in found.proportion_ci(confidence, "exact"))
    odds = exposure2 / exposure1
    estimate = (count1 / exposure1) / (count2 / exposure2) if count2 else float("inf")
    return RateTest(estimate, low / (1 - low) * odds, high / (1 - high) * odds if high < 1 else float("inf"), float(found.pvalue))


@dataclass(frozen=True)
class ArmComparison:
    """Two arms of a trial: difference of rates, relative risk and odds ratio (first over second), each as (estimate, lower,
    upper).
    """

    difference: tuple[float, float, float]
    relative_risk: tuple[float, float, float]
    odds_ratio: tuple[float, float, float]


def two_arms(k1: int, n1: int, k2: int, n2: int, confidence: float = 0.95) -> ArmComparison:
    """Compare the rates of two arms, by the large-sample limits that trials report.

    Parameters
    ----------
    k1, n1, k2, n2
        Events and sizes.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    ArmComparison
        Ratios are NaN with limits (0, inf) where a count of events, or of the rest, is 0: use `difference` and `rate_ratio` there.

    References
    ----------
    Agresti A (2002) Categorical Data Analysis, section 3.1.

    Examples
    --------
    >>> [round(value, 4) for value in two_arms(189, 11034, 104, 11037).difference]
    [0.0077, 0.0047, 0.0107]
    """
    _counts(k1=k1, n1=n1, k2=k2, n2=n2)
    if not (n1 > 0 and n2 > 0 and k1 <= n1 and k2 <= n2):
        raise ParameterError(Problem("events and sizes do not fit", got=(k1, n1, k2, n2), expected="0 <= k <= n, n positive"))
    z = z_value(confidence)
    p1, p2 = k1 / n1, k2 / n2
    error = float(np.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2))
    gap = (p1 - p2, p1 - p2 - z * error, p1 - p2 + z * error)
    nothing = (float("nan"), 0.0, float("inf"))

    def ratio(value: float, spread: float) -> tuple[float, float, float]:
        return value, value * float(np.exp(-z * spread)), value * float(np.exp(z * spread))

    rest1, rest2 = n1 - k1, n2 - k2
    full = k1 and k2 and rest1 and rest2
    risk = ratio(p1 / p2, float(np.sqrt((1 - p1) / k1 + (1 - p2) / k2))) if full else nothing
    odds = ratio(k1 * rest2 / (k2 * rest1), float(np.sqrt(1 / k1 + 1 / rest1 + 1 / k2 + 1 / rest2))) if full else nothing
    return ArmComparison(gap, risk, odds)


def _counts(**given: int) -> None:
    for name, value in given.items():
        if isinstance(value, bool) or value != int(value) or value < 0:
            raise ParameterError(Problem(f"{name} is no count", got=value, expected="a whole number, at least 0"))
