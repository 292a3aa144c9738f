"""Kaplan-Meier: how long cases take when some are not over yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["kaplan_meier", "median_survival"]


def kaplan_meier(elapsed: ArrayLike, ended: ArrayLike) -> pl.DataFrame:
    """The survival curve of one group.

    Parameters
    ----------
    elapsed
        How long each case took, or has taken so far. Any unit, not negative, shape (n,).
    ended
        Whether it is over; false censors the case at `elapsed`. Shape (n,).

    Returns
    -------
    polars.DataFrame
        One row per time at which a case ended: `time`, `at_risk`, `ended`, `survival` (probability of lasting longer) and
        `se` (Greenwood).

    Raises
    ------
    ParameterError
        If the shapes differ or a time is negative.

    References
    ----------
    Kaplan EL, Meier P (1958) JASA 53:457-481; Greenwood M (1926).

    Examples
    --------
    >>> kaplan_meier([1, 2, 2, 3], [True, True, False, False])["survival"].to_list()
    [0.75, 0.5]
    """
    time, over = np.asarray(elapsed, dtype=float), np.asarray(ended, dtype=bool)
    if time.shape != over.shape or time.ndim != 1:
        raise ParameterError(
            Problem("elapsed and ended differ in shape", got=(time.shape, over.shape), expected="two equal vectors")
        )
    if time.size and not time.min() >= 0:
        raise ParameterError(Problem("a case took less than no time", got=float(np.nanmin(time))))
    moments, inverse = np.unique(time, return_inverse=True)
    events = np.bincount(inverse, weights=over, minlength=len(moments))
    leaving = np.bincount(inverse, minlength=len(moments))
    at_risk = len(time) - np.concatenate([[0], np.cumsum(leaving)[:-1]]) if len(moments) else leaving
    happened = events > 0
    d, n = events[happened], at_risk[happened].astype(float)
    survival = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(n > d, d / (n * (n - d)), 0))
    return pl.DataFrame(
        {
            "time": moments[happened],
            "at_risk": n.astype(np.int64),
            "ended": d.astype(np.int64),
            "survival": survival,
            "se": survival * np.sqrt(greenwood),
        }
    )


def median_survival(curve: pl.DataFrame) -> float | None:
    """The first time at which at most half are left; None when the curve never gets there.

    Examples
    --------
    >>> median_survival(kaplan_meier([1, 2, 3], [True, True, True]))
    2.0
    """
    reached = curve.filter(pl.col("survival") <= 0.5 + 1e-12)["time"]
    return float(reached[0]) if len(reached) else None
