"""Control charts: small, lasting changes of a level, with a stated rate of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["cusum", "cusum_arl", "cusum_limit", "ewma"]

_NODES = 96


def _positive(**given: float) -> None:
    for name, value in given.items():
        if not value > 0 or not np.isfinite(value):
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected="a positive number"))


def _series(x: ArrayLike) -> Floats:
    values = np.asarray(x, dtype=float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ParameterError(
            Problem("a chart needs one finite number a period", got=str(values.shape), expected="a list of numbers")
        )
    return values


def cusum(x: ArrayLike, target: float, *, k: float, h: float) -> pl.DataFrame:
    """Tabular CUSUM: what has piled up above the target, and below it.

    Parameters
    ----------
    x
        One number a period, shape (n,).
    target
        The level in control.
    k
        Allowance, in units of `x`: half the change that is to be found.
    h
        Decision limit, in units of `x`; `cusum_limit` finds one for a rate of false alarms.

    Returns
    -------
    polars.DataFrame
        Per period: `x`, `upper`, `lower` (both at least 0), `since_upper`, `since_lower` (periods since each was last 0), `signal` (whether
        either is above `h`).

    Raises
    ------
    ParameterError
        For numbers that are not finite, and for limits that are not positive.

    References
    ----------
    Page ES (1954) Biometrika 41:100-115. Montgomery DC, Introduction to Statistical Quality Control, section 9.1.

    Examples
    --------
    >>> cusum([9, 10, 12, 13], 10, k=0.5, h=3)["upper"].to_list()
    [0.0, 0.0, 1.5, 4.0]
    """
    _positive(k=k, h=h)
    values = _series(x)
    upper, lower = (_piled(sign * (values - target) - k) for sign in (1, -1))
    return pl.DataFrame(
        {
            "x": values,
            "upper": upper,
            "lower": lower,
            "since_upper": _since_zero(upper),
            "since_lower": _since_zero(lower),
            "signal": (upper > h) | (lower > h),
        }
    )


def _piled(steps: Floats) -> Floats:
    total = np.cumsum(steps)
    return np.asarray(total - np.minimum(np.minimum.accumulate(total), 0)) if len(total) else total


def _since_zero(piled: Floats) -> NDArray[np.int64]:
    places = np.arange(1, len(piled) + 1)
    return np.asarray(places - np.maximum.accumulate(np.where(piled <= 0, places, 0))) if len(piled) else places


def cusum_arl(k: float, h: float, shift: float = 0.0, *, two_sided: bool = True) -> float:
    """Average number of periods until a CUSUM of standard normal numbers signals.

    Parameters
    ----------
    k, h
        Allowance and limit, in standard deviations.
    shift
        How far the mean is from the target, in standard deviations.
    two_sided
        Whether it signals in both directions.

    Returns
    -------
    float
        With `shift` 0 the periods between false alarms, otherwise the delay of detection.

    Notes
    -----
    The integral equation of the run length, solved at Gauss-Legendre nodes; the two sides are put together by the sum of their rates.

    References
    ----------
    Goel AL, Wu SM (1971) Technometrics 13:221-230. Lucas JM, Crosier RB (1982) Technometrics 24:199-205.

    Examples
    --------
    >>> round(cusum_arl(0.5, 5))
    465
    """
    _positive(k=k, h=h)
    above = _one_sided(k, h, shift)
    return 1 / (1 / above + 1 / _one_sided(k, h, -shift)) if two_sided else above


def _one_sided(k: float, h: float, shift: float) -> float:
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    y, w = h * (nodes + 1) / 2, h * weights / 2
    at = np.concatenate([[0.0], y])  # the value at 0 is one of the unknowns: there the chart rests
    density = np.exp(-((y[None, :] - at[:, None] + k - shift) ** 2) / 2) / np.sqrt(2 * np.pi)
    kernel = np.column_stack([ndtr(k - at - shift), density * w[None, :]])
    return float(np.linalg.solve(np.eye(len(at)) - kernel, np.ones(len(at)))[0])


def cusum_limit(k: float, periods: float, *, two_sided: bool = True) -> float:
    """The limit `h` at which a false alarm comes once in so many periods on average, in standard deviations.

    Examples
    --------
    >>> round(cusum_limit(0.5, 465.4), 2)
    5.0
    """
    from scipy.optimize import brentq

    _positive(k=k)
    if not 5 <= periods <= 1e6:
        raise ParameterError(
            Problem("periods is out of range", got=periods, expected="5 to 1,000,000 periods between false alarms")
        )
    return float(brentq(lambda h: np.log(cusum_arl(k, h, two_sided=two_sided) / periods), 1e-3, 40, xtol=1e-6))


def ewma(x: ArrayLike, target: float, sigma: float, *, weight: float = 0.1, width: float = 2.7) -> pl.DataFrame:
    """Exponentially weighted moving average, with limits that widen to their steady state.

    Parameters
    ----------
    x
        One number a period, shape (n,).
    target, sigma
        Level and standard deviation in control.
    weight
        Of the newest number, in (0, 1].
    width
        Of the limits, in standard deviations of the average.

    Returns
    -------
    polars.DataFrame
        Per period: `x`, `z` (the average), `lo`, `hi`, `signal` (whether it is outside).

    References
    ----------
    Roberts SW (1959) Technometrics 1:239-250. Montgomery DC, Introduction to Statistical Quality Control, section 9.2.

    Examples
    --------
    >>> ewma([9.45, 7.99, 9.29], 10, 1)["z"].round(3).to_list()
    [9.945, 9.75, 9.704]
    """
    _positive(sigma=sigma, width=width)
    if not 0 < weight <= 1:
        raise ParameterError(Problem("weight is out of range", got=weight, expected="a number in (0, 1]"))
    values = _series(x)
    z = pl.Series(np.concatenate([[float(target)], values])).ewm_mean(alpha=weight, adjust=False).to_numpy()[1:]
    periods = np.arange(1, len(values) + 1)
    half = width * sigma * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * periods)))
    return pl.DataFrame({"x": values, "z": z, "lo": target - half, "hi": target + half, "signal": np.abs(z - target) > half})
