"""Control charts: small, lasting changes of a level, with a stated rate of false alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["cusum", "cusum_arl", "cusum_limit", "ewma", "ewma_arl", "ewma_width", "p_chart", "poisson_cusum_arl"]

_NODES = 96
_PERIODS = 1e8


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
        Per period: `x`, `upper`, `lower` (both at least 0), `since_upper`, `since_lower` (periods since each was last 0), `signal`
        (whether either is above `h`).

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
    The integral equation of the run length, solved at Gauss-Legendre nodes; the two sides are put together by the sum of their
    rates.

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

    def miss(h: float) -> float:
        return float(np.log(cusum_arl(k, h, two_sided=two_sided) / periods))

    low, high = 1e-3, min(40.0, 12 / k + 5)
    if not (5 <= periods <= _PERIODS and miss(low) <= 0 <= miss(high)):
        expected = f"5 to {_PERIODS:,.0f} periods, for this k from {cusum_arl(k, low, two_sided=two_sided):.0f} on"
        raise ParameterError(Problem("periods is out of range", got=periods, expected=expected))
    return float(brentq(miss, low, high, xtol=1e-6))


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


def p_chart(defects: ArrayLike, sizes: ArrayLike, *, rate: float | None = None, width: float = 3.0) -> pl.DataFrame:
    """Shewhart's chart of a share: which periods are beyond chance.

    Parameters
    ----------
    defects, sizes
        Counts per period, shape (n,), sizes positive (one number for all will do).
    rate
        The share in control; default that of all periods.
    width
        Limits, in standard errors; kept within [0, 1].

    Returns
    -------
    polars.DataFrame
        Per period: `share`, `centre`, `lo`, `hi`, `signal`.

    References
    ----------
    Shewhart WA (1931) Economic Control of Quality. Montgomery DC, Introduction to Statistical Quality Control, section 7.2.

    Examples
    --------
    >>> p_chart([2, 3, 15, 2], 50)["signal"].to_list()
    [False, False, True, False]
    """
    _positive(width=width)
    found = _series(defects)
    n = np.broadcast_to(np.asarray(sizes, dtype=float), found.shape)
    if not ((found >= 0) & (n > 0) & (found <= n)).all():
        raise ParameterError(Problem("defects and sizes do not fit", expected="0 <= defects <= size, sizes positive"))
    centre = float(found.sum() / n.sum()) if rate is None else rate
    half = width * np.sqrt(centre * (1 - centre) / n)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    share = found / n
    return pl.DataFrame({"share": share, "lo": low, "hi": high, "signal": (share > high) | (share < low)}).insert_column(
        1, pl.Series("centre", np.full(len(found), centre))
    )


def poisson_cusum_arl(mean: float, k: float, h: float, *, side: str = "upper", start: float = 0.0) -> float:
    """Average number of periods until a CUSUM of counts reaches its limit.

    Parameters
    ----------
    mean
        Counts per period, on average.
    k, h
        What is taken off every period, and the limit (an alarm is `C >= h`); their common step must be at least 1/1,000.
    side
        `upper` piles up `count - k`, `lower` piles up `k - count`.
    start
        Where the pile starts (a head start of `h / 2` finds early faults sooner).

    References
    ----------
    Lucas JM (1985) Technometrics 27:129-144. Brook D, Evans DA (1972) Biometrika 59:539-549.

    Examples
    --------
    >>> round(poisson_cusum_arl(0.25, 0.25, 10))
    438
    """
    from math import gcd

    from scipy.special import gammaln

    _positive(mean=mean, k=k, h=h)
    if side not in ("upper", "lower") or not 0 <= start < h:
        raise ParameterError(Problem("side or start is out of range", got=(side, start), expected="upper or lower, 0 <= start < h"))
    steps = np.rint(np.array([k, h, start]) * 1_000).astype(int)
    if np.abs(steps / 1_000 - [k, h, start]).max() > 1e-9 or steps[1] > 2_000_000:
        raise ParameterError(
            Problem("k, h or start has no step of 1/1,000", got=(k, h, start), expected="numbers of at most three decimals")
        )
    unit = gcd(gcd(int(steps[0]), int(steps[1])), gcd(int(steps[2]), 1_000))
    one, allowance, limit, begin = (int(each) // unit for each in (1_000, *steps))
    most = int(mean + 20 * np.sqrt(mean) + 30)
    counts = np.arange(most + 1)
    chance = np.exp(counts * np.log(mean) - mean - gammaln(counts + 1))
    states = np.arange(limit)
    sign = 1 if side == "upper" else -1
    to = np.maximum(states[:, None] + sign * (counts[None, :] * one - allowance), 0)
    moves = np.zeros((limit, limit))
    inside = to < limit
    np.add.at(moves, (np.broadcast_to(states[:, None], to.shape)[inside], to[inside]), np.broadcast_to(chance, to.shape)[inside])
    return float(np.linalg.solve(np.eye(limit) - moves, np.ones(limit))[begin])


def ewma_arl(weight: float, width: float, shift: float = 0.0) -> float:
    """Average number of periods until an EWMA of standard normal numbers is beyond its lasting limits, on either side.

    References
    ----------
    Crowder SV (1987) Technometrics 29:401-407. Lucas JM, Saccucci MS (1990) Technometrics 32:1-12.

    Examples
    --------
    >>> round(ewma_arl(0.1, 2.7))
    369
    """
    _positive(weight=weight, width=width)
    if not 0.02 <= weight <= 1:
        raise ParameterError(Problem("weight is out of range", got=weight, expected="a number from 0.02 to 1"))
    edge = width * np.sqrt(weight / (2 - weight))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    y, w = edge * nodes, edge * weights
    step = (y[None, :] - (1 - weight) * y[:, None]) / weight - shift
    kernel = np.exp(-(step**2) / 2) / np.sqrt(2 * np.pi) / weight * w[None, :]
    lengths = np.linalg.solve(np.eye(len(y)) - kernel, np.ones(len(y)))
    first = np.exp(-((y / weight - shift) ** 2) / 2) / np.sqrt(2 * np.pi) / weight * w
    return float(1 + first @ lengths)


def ewma_width(weight: float, periods: float) -> float:
    """The width at which an EWMA chart's false alarms come once in so many periods on average, in standard deviations.

    Examples
    --------
    >>> round(ewma_width(0.1, 500), 2)
    2.81
    """
    from scipy.optimize import brentq

    low, high = 0.5, 5.5
    least, most = ewma_arl(weight, low), min(ewma_arl(weight, high), _PERIODS)
    if not least <= periods <= most:
        raise ParameterError(
            Problem("periods is out of range", got=periods, expected=f"{least:.0f} to {most:,.0f} periods between false alarms")
        )
    return float(brentq(lambda width: np.log(ewma_arl(weight, width) / periods), low, high, xtol=1e-6))
