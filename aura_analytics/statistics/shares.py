"""Two shares beside each other: somebody's, and what is known of the others', which is worth a number of cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aura_analytics.statistics.intervals import wilson
from aura_analytics.statistics.rate_limits import exact_limits

__all__ = ["distance", "ratio_limits"]

Floats = NDArray[np.float64]
_WITHOUT_END = 1e9  # a ratio of shares beyond which none is meant
_FEW = 10.0  # expected hits (or misses) under which the tail of the binomial counts, not that of the normal


def distance(k: Floats, n: Floats, others: Floats, of: Floats, score: Floats) -> Floats:
    """How far a share lies from the others', in standard deviations: the score, or, where few hits (or misses) are to be expected,
    no more than the tail of a binomial says (mid-P) of the one that has more of them; the same from either side.

    Examples
    --------
    >>> k, n, others, of, score = np.array([[1.0], [300.0], [3.0], [10.0], [-6.2]])
    >>> distance(k, n, others, of, score).round(1).tolist(), distance(others, of, k, n, -score).round(1).tolist()
    ([-3.7], [3.7])
    """
    from scipy.special import betainc, ndtri

    found = np.array(score, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = n * of / (n + of)  # the difference of the shares has this variance
        pooled = np.clip((k + others) / (n + of), 1e-15, 1 - 1e-15)
        rare = np.minimum(pooled, 1 - pooled)
    few = np.flatnonzero((size * rare < _FEW) & np.isfinite(size) & (size > 0))
    if few.size:
        share, total = rare[few], size[few]
        hits = np.clip(total * (share + np.abs(k / n - others / of)[few]), 0, total)

        def at_least(count: Floats) -> Floats:
            inside = betainc(np.maximum(count, 1e-12), np.maximum(total - count, 0) + 1, share)
            return np.where(count <= 0, 1.0, np.where(count > total, 0.0, inside))

        tail = (at_least(hits) + at_least(hits + 1)) / 2
        exact = np.maximum(-ndtri(np.clip(tail, 1e-300, 1.0)), 0)
        found[few] = np.sign(score[few]) * np.minimum(exact, np.abs(score[few]))
    return found


def ratio_limits(
    k: Floats, n: Floats, others: Floats, of: Floats, confidence: float, *, exact: bool = True
) -> tuple[Floats, Floats]:
    """Limits of the ratio of two shares from those of each: exact ones, that rules lean on, or Wilson's.

    Parameters
    ----------
    k, n, others, of
        Hits of cases, and of the others; they need not be whole. Where `of` is infinite, `others` is the known share.
    confidence
        Two-sided level in (0, 1).
    exact
        Whether the limits of each share are exact ones.

    Notes
    -----
    The upper limit is infinite where the others' lower one is 0. NaN without cases. Cases that differ in their chances scatter less
    than as many equal ones (Hoeffding 1956, Annals of Mathematical Statistics 27:713-721), so that the limits hold for these too.

    References
    ----------
    Donner A, Zou GY (2012) Statistical Methods in Medical Research 21:347-359 (limits of a ratio from limits of its parts).

    Examples
    --------
    >>> k, n, others, of = np.array([[15.0], [40.0], [12.0], [60.0]])
    >>> low, high = ratio_limits(k, n, others, of, 0.95)
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.94], [3.83])
    """
    known = np.isinf(of)
    counted = np.where(known, 1.0, of)
    first = np.where(n > 0, np.minimum(k / np.maximum(n, 1e-300), 1), np.nan)
    second = np.where(known, others, others / counted)
    limits = exact_limits if exact else wilson
    l1, u1 = limits(np.minimum(k, n), n, confidence)
    l2, u2 = limits(np.where(known, 0, others), counted, confidence)
    l2, u2 = np.where(known, second, l2), np.where(known, second, u2)
    with np.errstate(divide="ignore", invalid="ignore"):
        product = first * second
        low = _quotient(product, l1 * (2 * first - l1), u2 * (2 * second - u2), -1)
        high = _quotient(product, u1 * (2 * first - u1), l2 * (2 * second - l2), 1)
    low = np.where(l1 > 0, np.maximum(low, 0), np.where(n > 0, 0.0, np.nan))
    return low, np.where((l2 > 0) & (high < _WITHOUT_END), high, np.where(n > 0, np.inf, np.nan))


def _quotient(product: Floats, upper: Floats, lower: Floats, sign: int) -> Floats:
    root = np.sqrt(np.maximum(product**2 - upper * lower, 0))
    # of the two ways to write it the one that does not cancel
    return np.asarray(np.where(lower * sign > 0, (product + sign * root) / lower, upper / (product - sign * root)))
