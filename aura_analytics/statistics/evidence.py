"""Evidence against a line, as p-values for one look and e-values for many.

A p-value is the chance of numbers as extreme as these where the truth is on the line; it holds for one look at them. An e-value is
at most 1 on average where there is nothing, however often one looks while the observations come in (an e-process): the chance that
it ever reaches 20 is at most 5 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.statistics.intervals import mixture_e_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["p_from_limits", "range_e_value", "rate_e_value", "rate_p_value"]

_LEVELS = np.geomspace(0.5, 1e-9, 64)  # one-sided errors at which limits are asked for
_TUNED = 50.0  # observations at which the e-value of a mean is the most powerful


def rate_p_value(successes: ArrayLike, trials: ArrayLike, threshold: float, *, above: bool = True) -> Floats:
    """The exact one-sided p-value of a rate against a line.

    Parameters
    ----------
    successes, trials
        Counts, shape (n,); effective numbers need not be whole. Without trials the p-value is 1.
    threshold
        The line, in (0, 1).
    above
        Whether rates above it are extreme, or those below it.

    Examples
    --------
    >>> rate_p_value([42, 30], [100, 100], 0.30).round(4).tolist()
    [0.0072, 0.5377]
    """
    from scipy.special import betainc

    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    hits, line = (k, threshold) if above else (n - k, 1 - threshold)
    if not 0 < line < 1:
        return np.where((hits > 0) & (line <= 0), 0.0, 1.0)
    tail = betainc(np.maximum(hits, 1e-12), np.maximum(n - hits, 0) + 1, line)
    return np.where(hits > 0, tail, 1.0)


def rate_e_value(successes: ArrayLike, trials: ArrayLike, threshold: float, *, above: bool = True) -> Floats:
    """Log of the e-value of a rate against a line: `mixture_e_value`, on either side.

    Parameters
    ----------
    successes, trials, threshold, above
        As in `rate_p_value`.

    Examples
    --------
    >>> np.exp(rate_e_value([60], [100], 0.30)).round(-5).tolist()
    [38100000.0]
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    hits, line = (k, threshold) if above else (n - k, 1 - threshold)
    if not 0 < line < 1:
        return np.where((hits > 0) & (line <= 0), np.inf, 0.0)
    return np.where(n > 0, mixture_e_value(hits, n, line), 0.0)


def range_e_value(mean: ArrayLike, n: ArrayLike, threshold: float, width: float, *, above: bool = True) -> Floats:
    """Log of an e-value that a mean of values within a range lies beyond a line.

    Values within a range of width w are sub-Gaussian with a scale of w / 2, whatever their distribution; the test martingale is
    mixed over a half-normal slope, and is the most powerful near 50 observations. It does not use the spread, and so asks for more
    where values lie close together.

    Parameters
    ----------
    mean, n
        Sample means and sizes, shape (n,).
    threshold
        The line.
    width
        Of the range, above 0.
    above
        As in `rate_p_value`.

    References
    ----------
    Howard SR, Ramdas A, McAuliffe J, Sekhon J (2021) Ann Stat 49:1055-1080, one-sided normal mixture.

    Examples
    --------
    >>> np.exp(range_e_value([2.0, 2.9], [60, 60], 3, 4, above=False)).round(1).tolist()
    [80.5, 0.9]
    """
    from scipy.special import log_ndtr

    m, count = np.asarray(mean, dtype=float), np.asarray(n, dtype=float)
    total = np.where(count > 0, (np.nan_to_num(m) - threshold) * count, 0.0) * (1 if above else -1)
    variance, prior = count * width**2 / 4, _TUNED * width**2 / 4
    both = variance + prior
    return np.asarray(np.log(2) + 0.5 * np.log(prior / both) + total**2 / (2 * both) + log_ndtr(total / np.sqrt(both)))


def p_from_limits(limits: Callable[[float], tuple[Floats, Floats]], threshold: float, *, above: bool = True) -> Floats:
    """One-sided p-values from limits at any level: the smallest error at which the limit clears the line, rounded up.

    Parameters
    ----------
    limits
        Of a two-sided level, lower and upper limits, shape (n,).
    threshold, above
        As in `rate_p_value`.
    """
    found = None
    for error in _LEVELS:
        low, high = limits(1 - 2 * error)
        with np.errstate(invalid="ignore"):
            beyond = low > threshold if above else high < threshold
        found = np.ones(len(beyond)) if found is None else found
        found = np.where(beyond, np.minimum(found, error), found)
        if not beyond.any():
            break
    return np.ones(0) if found is None else found
