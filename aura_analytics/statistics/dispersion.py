"""Whether units differ by more than chance, and limits that allow for it: multiplicative and additive over-dispersion.

Source: D. J. Spiegelhalter 2005, "Funnel plots for comparing institutional performance", Statistics in Medicine 24:1185-1202,
and "Handling over-dispersion of performance indicators", Quality and Safety in Health Care 14:347-351; the variance between units
is that of R. DerSimonian and N. Laird 1986, Controlled Clinical Trials 7:177-188.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem

__all__ = ["Dispersion", "dispersion", "funnel_limits"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dispersion:
    """How much more than chance units differ.

    Attributes
    ----------
    phi
        Mean of squared z scores of the units that were not trimmed; 1 where chance alone is at work.
    tau2
        Variance between units on the scale of the values, at least 0.
    units
        How many were used.
    """

    phi: float
    tau2: float
    units: int


def dispersion(values: ArrayLike, errors: ArrayLike, trim: float = 0.1, *, winsorise: bool = False) -> Dispersion:
    """Over-dispersion of units around zero.

    Parameters
    ----------
    values
        Of each unit its distance from what was expected, on a scale where that is about normal: log(O/E), log odds ratios, ...
    errors
        Their standard errors, if chance alone is at work, above 0.
    trim
        Share of units at each end, by their z score, that shall not decide about the others: in [0, 0.5).
    winsorise
        Whether these are drawn in to the quantiles of that share, instead of left out.

    Returns
    -------
    Dispersion
        `nan` for both figures where fewer than two units are left.

    Raises
    ------
    ParameterError
        For a share or errors out of range.

    Examples
    --------
    >>> observed, expected = np.array([100, 150, 180, 80, 120, 225]), np.array([108, 112, 165, 95, 100, 220])
    >>> found = dispersion(np.log(observed / expected), 1 / np.sqrt(expected))
    >>> round(found.phi, 6), round(found.tau2, 6)
    (2.948033, 0.019478)
    """
    y, s = np.asarray(values, float), np.asarray(errors, float)
    if not 0 <= trim < 0.5:
        raise ParameterError(Problem("trim is out of range", got=trim, expected="a share from 0 to below 0.5"))
    if (s <= 0).any():
        raise ParameterError(Problem("a standard error is out of range", got=float(s.min()), expected="above 0"))
    z = y / s
    if winsorise and len(z):
        y = np.clip(z, *np.quantile(z, [trim, 1 - trim])) * s
    else:
        cut = int(trim * len(z))
        kept = np.argsort(z, kind="stable")[cut : len(z) - cut]
        y, s = y[kept], s[kept]
    count = len(y)
    if count < 2:
        return Dispersion(float("nan"), float("nan"), count)
    phi = float(np.mean((y / s) ** 2))
    w = 1 / s**2
    tau2 = (count * phi - (count - 1)) / float(w.sum() - (w**2).sum() / w.sum())
    return Dispersion(phi, max(0.0, tau2), count)


def funnel_limits(expected: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Exact Poisson control limits of observed / expected counts, for a funnel plot.

    Parameters
    ----------
    expected
        Expected counts, above 0.
    confidence
        Two-sided level, in (0, 1); 0.998 for the outer limits of a funnel.

    Examples
    --------
    >>> low, high = funnel_limits([20.0], 0.95)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.6108], [1.5444])
    """
    from scipy.stats import chi2

    e = np.asarray(expected, float)
    tail = (1 - confidence) / 2
    return chi2.ppf(tail, 2 * e) / (2 * e), chi2.ppf(1 - tail, 2 * (e + 1)) / (2 * e)
