"""Whether two groups differ, whatever the distribution of values: exact tests of shares, and permutation tests of means."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["fisher_test", "mcnemar_test", "paired_permutation_test", "permutation_test"]

_ALL = 20_000  # up to so many arrangements all are tried
_DRAWS = 9_999
_CELLS = 4_000_000  # that are held at once


def fisher_test(k1: int, n1: int, k2: int, n2: int) -> float:
    """Two-sided p-value that two shares are equal, given how many hits there are in all.

    Parameters
    ----------
    k1, n1, k2, n2
        Hits and observations of both groups.

    Raises
    ------
    ParameterError
        If counts do not fit.

    References
    ----------
    Fisher RA (1935) JRSS 98:39-82; two-sided by the chance of tables that are no more likely.

    Examples
    --------
    >>> round(fisher_test(8, 10, 1, 6), 4)
    0.035
    """
    from scipy.stats import fisher_exact

    if not (0 <= k1 <= n1 and 0 <= k2 <= n2):
        raise ParameterError(
            Problem("hits and observations do not fit", got=(k1, n1, k2, n2), expected="0 <= hits <= observations")
        )
    return float(fisher_exact([[k1, n1 - k1], [k2, n2 - k2]]).pvalue)


def mcnemar_test(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two shares of the same cases are equal.

    Parameters
    ----------
    only_first, only_second
        Cases that are a hit of the one and not of the other; cases on which both say the same tell nothing.

    Raises
    ------
    ParameterError
        For negative numbers.

    References
    ----------
    McNemar Q (1947) Psychometrika 12:153-157; Liddell FDK (1983) J Epidemiol Community Health 37:82-84, for the exact test.

    Examples
    --------
    >>> round(mcnemar_test(2, 9), 4)
    0.0654
    """
    from scipy.special import bdtr

    if only_first < 0 or only_second < 0:
        raise ParameterError(Problem("counts are negative", got=(only_first, only_second), expected="from 0"))
    n = only_first + only_second
    return 1.0 if n == 0 else min(1.0, 2 * float(bdtr(min(only_first, only_second), n, 0.5)))


def permutation_test(first: ArrayLike, second: ArrayLike, *, seed: int = 0) -> float:
    """Two-sided p-value that two groups have one distribution, by the difference of their means.

    Parameters
    ----------
    first, second
        Values of both, at least one each.
    seed
        Of the draws, where not all arrangements are tried.

    Returns
    -------
    float
        The share of arrangements of the values into groups of these sizes whose means differ as much; of all where there are at
        most 20,000, else of 9,999 drawn ones and this one.

    Raises
    ------
    ParameterError
        If a group is empty or holds what is no finite number.

    References
    ----------
    Pitman EJG (1937) Suppl JRSS 4:119-130. Phipson B, Smyth GK (2010) Stat Appl Genet Mol Biol 9:39, for drawn arrangements.

    Examples
    --------
    >>> permutation_test([1, 2, 3], [7, 8, 9])
    0.1
    """
    one, other = _finite(first), _finite(second)
    values, n, m = np.concatenate([one, other]), len(one), len(one) + len(other)
    total = values.sum()

    def gap(sums: Floats) -> Floats:
        return np.asarray(np.abs(sums / n - (total - sums) / (m - n)))

    seen = gap(np.array([one.sum()]))[0] - 1e-12 * max(np.abs(values).max(), 1.0)
    if comb(m, n) <= _ALL:
        from itertools import combinations

        places = np.array(list(combinations(range(m), n)), dtype=np.int64)
        return float((gap(values[places].sum(axis=1)) >= seen).mean())
    draw, as_much, left = np.random.Generator(np.random.Philox(seed)), 0, _DRAWS
    while left:
        rows = min(left, max(1, _CELLS // m))
        mixed = draw.permuted(np.broadcast_to(values, (rows, m)), axis=1)
        as_much += int((gap(mixed[:, :n].sum(axis=1)) >= seen).sum())
        left -= rows
    return (as_much + 1) / (_DRAWS + 1)


def paired_permutation_test(differences: ArrayLike, *, seed: int = 0) -> float:
    """Two-sided p-value that differences of pairs are as often of one sign as of the other, by their mean.

    Parameters
    ----------
    differences
        First less second of every pair, at least one.
    seed
        Of the draws, where not all signs are tried.

    Raises
    ------
    ParameterError
        If there is none, or one is no finite number.

    References
    ----------
    Fisher RA (1935) The Design of Experiments, section 21.

    Examples
    --------
    >>> paired_permutation_test([1, 2, 3, 4])
    0.125
    """
    given = _finite(differences)
    values = given[given != 0]
    n = len(values)
    if not n:
        return 1.0
    seen = abs(values.sum()) - 1e-12 * max(np.abs(values).max(), 1.0)
    if 2**n <= _ALL:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ values) >= seen).mean())
    draw, as_much, left = np.random.Generator(np.random.Philox(seed)), 0, _DRAWS
    while left:
        rows = min(left, max(1, _CELLS // n))
        signs = 1 - 2 * draw.integers(0, 2, (rows, n))
        as_much += int((np.abs(signs @ values) >= seen).sum())
        left -= rows
    return (as_much + 1) / (_DRAWS + 1)


def _finite(given: ArrayLike) -> Floats:
    values = np.asarray(given, dtype=float)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ParameterError(
            Problem("that is no group of values", got=f"shape {values.shape}", expected="finite numbers, at least one")
        )
    return values
