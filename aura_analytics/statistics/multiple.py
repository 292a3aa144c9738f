"""Many tests at once: how many may be false among those that are named."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem

__all__ = ["adjusted_p_values", "e_benjamini_hochberg"]


def adjusted_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """P values of Benjamini and Hochberg: of those at most q, a share of q at most is expected to be false.

    Holds where tests are independent or positively dependent, at one look; for many looks see `e_benjamini_hochberg`. Source: Y.
    Benjamini and Y. Hochberg 1995, Journal of the Royal Statistical Society B 57:289-300.

    Parameters
    ----------
    p_values
        Shape `(m,)`, each in [0, 1]; `nan` for what cannot be tested, which stays so and is not counted.

    Raises
    ------
    ParameterError
        For values out of range.

    Examples
    --------
    >>> adjusted_p_values([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, float)
    known = ~np.isnan(p)
    if p.ndim != 1 or ((p[known] < 0) | (p[known] > 1)).any():
        raise ParameterError(Problem("these are no p values", got=f"shape {p.shape}", expected="a list of numbers from 0 to 1"))
    values = p[known]
    order = np.argsort(values, kind="stable")
    m = len(values)
    scaled = values[order] * m / np.arange(1, m + 1)
    found = np.full(p.shape, np.nan)
    inner = np.empty(m)
    inner[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    found[known] = inner
    return found


def e_benjamini_hochberg(e_values: ArrayLike, fdr: float = 0.05) -> NDArray[np.bool_]:
    """Whom e-values name so that a share of `fdr` at most is expected to be false, however they depend on each other.

    An e-value is evidence that is at most 1 on average where there is nothing; those of an e-process may be looked at as often as
    one likes. The k largest are named for the largest k whose k-th is at least m / (k fdr). Source: R. Wang and A. Ramdas 2022,
    "False discovery rate control with e-values", Journal of the Royal Statistical Society B 84:822-852.

    Parameters
    ----------
    e_values
        Shape `(m,)`, each from 0.
    fdr
        In (0, 1).

    Raises
    ------
    ParameterError
        For values out of range.

    Examples
    --------
    >>> e_benjamini_hochberg([100.0, 45.0, 1.2, 0.3]).tolist()
    [True, True, False, False]
    """
    e = np.asarray(e_values, float)
    if e.ndim != 1 or np.isnan(e).any() or (e < 0).any():
        raise ParameterError(Problem("these are no e-values", got=f"shape {e.shape}", expected="a list of numbers from 0"))
    if not 0 < fdr < 1:
        raise ParameterError(Problem("fdr is out of range", got=fdr, expected="a share above 0 and below 1"))
    m = len(e)
    ordered = np.sort(e)[::-1]
    enough = np.flatnonzero(ordered * np.arange(1, m + 1) >= m / fdr)
    return e >= ordered[enough[-1]] if enough.size else np.zeros(m, bool)
