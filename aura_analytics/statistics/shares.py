"""Two shares beside each other: somebody's, and what is known of the others', by a common odds ratio.

Somebody's cases differ; what counts of them are the expected hits and their variance, which as many equal cases would have. What is
known of the others is worth a number of such cases. So two counts stand beside each other, and the limits are those of the score
test of a common odds ratio: at each ratio both shares are put where the data are likeliest, so that they hold where the others had
few hits or none. Source: O. Miettinen and M. Nurminen 1985, "Comparative analysis of two rates", Statistics in Medicine 4:213-226.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aura_analytics.statistics.intervals import z_value
from aura_analytics.statistics.rate_limits import exact_limits

__all__ = ["Shares", "compared_shares", "odds_ratio_limits", "ratio_limits"]

Floats = NDArray[np.float64]
_FARTHEST = 16.0  # log odds ratio beyond which no limit is looked for
_HALVINGS = 60
_WITHOUT_END = 1e9  # a ratio of shares beyond which none is meant
_FEW = 10.0  # expected hits (or misses) under which the tail of the binomial counts, not that of the normal


class Shares(NamedTuple):
    """Log odds ratio with its limits (infinite where there is none), and the distance from 1 in standard deviations."""

    middle: Floats
    low: Floats
    high: Floats
    z: Floats


def compared_shares(
    observed: Floats, expected: Floats, variance: Floats, total: Floats, reference: Floats, confidence: float
) -> Shares:
    """What was observed beside what was expected.

    Parameters
    ----------
    observed, expected, variance
        Hits, hits that the others would have had, and their variance at that expectation.
    total
        Cases.
    reference
        How many times the own cases what is known of the others is worth; infinite where the expectation is known.
    confidence
        Two-sided level of the limits, in (0, 1).
    """
    share = np.clip(expected / total, 1e-12, 1 - 1e-12)
    n = np.minimum(variance / (share * (1 - share)), total)  # as many equal cases have this variance
    k = np.clip(n * share + observed - expected, 0, n)
    k = np.where(observed <= 0, 0.0, np.where(observed >= total, n, k))
    m = np.minimum(reference, 1e12) * n
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = np.log(k) - np.log(n - k) - np.log(share / (1 - share))
    low, high = odds_ratio_limits(k, n, share * m, m, confidence)
    return Shares(middle, low, high, _distance(k, n, share * m, m))


def odds_ratio_limits(k: Floats, n: Floats, others: Floats, of: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Score limits of the log odds ratio of `k` hits of `n` to `others` of `of`; counts need not be whole.

    Examples
    --------
    >>> k, n, others, of = np.array([[15.0], [40.0], [12.0], [60.0]])
    >>> low, high = odds_ratio_limits(k, n, others, of, 0.95)
    >>> np.exp(low).round(2).tolist(), np.exp(high).round(2).tolist()
    ([0.99], [5.83])
    """
    z = z_value(confidence)
    found = []
    for target in (z, -z):
        below, above = np.full(len(k), -_FARTHEST), np.full(len(k), _FARTHEST)
        for _ in range(_HALVINGS):
            at = (below + above) / 2
            over = _score(k, n, others, of, np.exp(at)) > target  # it falls as the odds rise
            below, above = np.where(over, at, below), np.where(over, above, at)
        found.append((below + above) / 2)
    low = np.where((k <= 0) | (found[0] < 1e-6 - _FARTHEST), -np.inf, found[0])
    high = np.where((k >= n) | (found[1] > _FARTHEST - 1e-6), np.inf, found[1])
    return low, high


def _score(k: Floats, n: Floats, others: Floats, of: Floats, ratio: Floats) -> Floats:
    """The score at an odds ratio, in standard deviations: both shares where the data are likeliest under it."""
    more = ratio - 1
    a, b, c = of * more, n * ratio + of - (k + others) * more, -(k + others)
    with np.errstate(divide="ignore", invalid="ignore"):
        # of the two ways to write the root the one that does not cancel
        root = np.sqrt(np.maximum(b * b - 4 * a * c, 0))
        second = np.where(b >= 0, -2 * c / (b + root), (root - b) / (2 * a))
        second = np.clip(second, 1e-15, 1 - 1e-15)
        first = np.clip(second * ratio / (1 + second * more), 1e-15, 1 - 1e-15)
        return np.asarray((k - n * first) * np.sqrt(1 / (n * first * (1 - first)) + 1 / (of * second * (1 - second))))


def _distance(k: Floats, n: Floats, others: Floats, of: Floats) -> Floats:
    """The score at an odds ratio of 1; where few hits (or misses) are expected by the tail of the binomial (mid-P)."""
    from scipy.special import betainc, ndtri

    z = _score(k, n, others, of, np.ones(len(k)))
    pooled = np.clip((k + others) / (n + of), 1e-15, 1 - 1e-15)
    few = np.flatnonzero(n * np.minimum(pooled, 1 - pooled) < _FEW)
    if few.size:
        share, size = pooled[few], (n * of / (n + of))[few]  # the difference has this variance
        hits = np.clip(size * (share + (k / n - others / of)[few]), 0, size)

        def at_least(count: Floats) -> Floats:
            return np.where(count <= 0, 1.0, betainc(np.maximum(count, 1e-12), np.maximum(size - count, 0) + 1, share))

        above = (at_least(hits) + np.where(hits >= size, 0.0, at_least(np.minimum(hits + 1, size + 1)))) / 2
        with np.errstate(divide="ignore"):
            exact = -ndtri(np.clip(above, 1e-300, 1.0))
        exact = np.where(np.sign(exact) == np.sign(z[few]), exact, 0.0)
        z[few] = np.sign(z[few]) * np.minimum(np.abs(exact), np.abs(z[few]))
    return z


def ratio_limits(k: Floats, n: Floats, others: Floats, of: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Limits of the ratio of two shares that rules lean on, from the exact limits of each.

    Parameters
    ----------
    k, n, others, of
        Hits of cases, and of the others; they need not be whole. Where `of` is infinite, `others` is the known share.
    confidence
        Two-sided level in (0, 1).

    Notes
    -----
    The upper limit is infinite where the others' lower one is 0. NaN without cases.

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
    l1, u1 = exact_limits(np.minimum(k, n), n, confidence)
    l2, u2 = exact_limits(np.where(known, 0, others), counted, confidence)
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
