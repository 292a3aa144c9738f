"""Rates of groups whose cases are of different kinds, on a common mix: direct and indirect standardisation.

Both need cases in every stratum that matters; with many strata and few cases a model (`aura.case_mix`) says more. Source: S. Selvin
2004, Statistical Analysis of Epidemiologic Data, 3rd edition.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import poisson_rate

__all__ = ["Indirect", "direct_rate", "indirect_rate"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Indirect:
    """A group beside what a reference would do with its cases.

    Attributes
    ----------
    observed, expected
        Counts.
    ratio, lo, hi
        Observed / expected, with exact Poisson limits.
    rate
        The reference's rate times the ratio.
    """

    observed: float
    expected: float
    ratio: float
    lo: float
    hi: float
    rate: float


def direct_rate(hits: ArrayLike, cases: ArrayLike, standard: ArrayLike) -> float:
    """The rate that a group would have if its cases were mixed as a standard is.

    Parameters
    ----------
    hits, cases
        Of the group in each stratum.
    standard
        Cases of the standard in each stratum.

    Returns
    -------
    float
        A fraction. Not to be read where the group has few cases in a stratum that the standard has many of: one counts for many.

    Raises
    ------
    ParameterError
        If the group has no case in a stratum that the standard has, or counts do not fit.

    Examples
    --------
    >>> direct_rate([2, 40], [20, 80], [500, 500])
    0.3
    """
    k, n, weights = _strata(hits, cases, standard)
    empty = (n == 0) & (weights > 0)
    if empty.any():
        what = "the group has no cases in strata that the standard has"
        raise ParameterError(
            Problem(what, got=np.flatnonzero(empty).tolist(), next="leave these out of both, or use indirect_rate")
        )
    rates = np.divide(k, n, out=np.zeros_like(k), where=n > 0)
    return float((rates * weights).sum() / weights.sum())


def indirect_rate(
    hits: float, cases: ArrayLike, standard_hits: ArrayLike, standard_cases: ArrayLike, confidence: float = 0.95
) -> Indirect:
    """What a group did beside what a standard would do with the group's cases.

    Parameters
    ----------
    hits
        Of the group, in all.
    cases
        Of the group in each stratum.
    standard_hits, standard_cases
        Of the standard in each stratum.
    confidence
        Two-sided level of the limits, in (0, 1); the expected count is taken as known.

    Returns
    -------
    Indirect
        Two ratios of two groups are of different mixes, and cannot be compared with each other, only each with 1.

    Raises
    ------
    ParameterError
        If the standard has no case in a stratum that the group has, or no hits in any of them, or counts do not fit.

    Examples
    --------
    >>> found = indirect_rate(42, [20, 80], [40, 100], [400, 200])
    >>> found.expected, round(found.ratio, 3)
    (42.0, 1.0)
    """
    k, n, own = _strata(standard_hits, standard_cases, cases)
    empty = (n == 0) & (own > 0)
    if empty.any():
        raise ParameterError(Problem("the standard has no cases in strata that the group has", got=np.flatnonzero(empty).tolist()))
    expected = float((np.divide(k, n, out=np.zeros_like(k), where=n > 0) * own).sum())
    if not expected > 0:
        raise ParameterError(Problem("nothing is expected of the group", got=expected, expected="a standard with hits"))
    low, high = poisson_rate(int(hits), expected, confidence)
    return Indirect(float(hits), expected, hits / expected, low, high, float(hits / expected * k.sum() / n.sum()))


def _strata(hits: ArrayLike, cases: ArrayLike, others: ArrayLike) -> tuple[Floats, Floats, Floats]:
    k, n, w = (np.asarray(one, float) for one in (hits, cases, others))
    if not (k.shape == n.shape == w.shape and k.ndim == 1) or (k < 0).any() or (k > n).any() or (w < 0).any() or not w.sum() > 0:
        expected = "a count per stratum in each, hits at most cases"
        raise ParameterError(Problem("counts of strata do not fit", got=f"{k.shape}, {n.shape}, {w.shape}", expected=expected))
    return k, n, w
