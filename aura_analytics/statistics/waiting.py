"""How long cases take, compared: medians with limits, mean time up to a horizon, the log-rank test, and ends of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import z_value
from aura_analytics.statistics.survival import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "Estimate",
    "LogRank",
    "cumulative_incidence",
    "log_rank",
    "median_limits",
    "restricted_mean",
    "restricted_mean_difference",
]


class Estimate(NamedTuple):
    """A number with its standard error and limits."""

    value: float
    se: float
    lo: float
    hi: float


class LogRank(NamedTuple):
    """What the log-rank test found.

    Attributes
    ----------
    statistic, degrees, p_value
        Chi-square, its degrees of freedom, and the chance of as much where the curves are the same.
    observed, expected
        Ends by group, and how many there would be if all groups ended alike.
    """

    statistic: float
    degrees: int
    p_value: float
    observed: tuple[float, ...]
    expected: tuple[float, ...]


def median_limits(
    elapsed: ArrayLike, ended: ArrayLike, confidence: float = 0.95
) -> tuple[float | None, float | None, float | None]:
    """The median time of cases some of which are open, with limits.

    Parameters
    ----------
    elapsed, ended
        As in `kaplan_meier`.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    tuple
        Median, lower and upper limit; None where the curve, or its limit, does not come down to a half.

    References
    ----------
    Brookmeyer R, Crowley J (1982) Biometrics 38:29-41, on the scale of log(-log S).

    Examples
    --------
    >>> median_limits([1, 2, 3, 4, 5, 6, 7, 8], [True] * 8)
    (4.0, 1.0, 7.0)
    """
    curve = kaplan_meier(elapsed, ended)
    s, se = curve["survival"].to_numpy(), curve["se"].to_numpy()
    z = z_value(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.exp(z * se / (s * np.log(s)))
        low, high = s ** (1 / theta), s**theta  # log(s) is negative: theta is below 1
    low, high = np.where(s > 0, low, 0.0), np.where(s > 0, high, 0.0)
    times = curve["time"].to_numpy()

    def first(values: Floats) -> float | None:
        at = np.flatnonzero(np.nan_to_num(values, nan=1.0) <= 0.5 + 1e-12)
        return float(times[at[0]]) if at.size else None

    return first(s), first(low), first(high)


def restricted_mean(elapsed: ArrayLike, ended: ArrayLike, until: float, confidence: float = 0.95) -> Estimate:
    """Mean time up to a horizon, of cases some of which are open: the area under the survival curve.

    Parameters
    ----------
    elapsed, ended
        As in `kaplan_meier`.
    until
        The horizon, above 0; no later than the last time, where the curve is known.
    confidence
        Two-sided level, in (0, 1).

    Raises
    ------
    ParameterError
        If the horizon is not above 0, or lies beyond the last time while cases are open then.

    References
    ----------
    Royston P, Parmar MK (2013) BMC Med Res Methodol 13:152. Klein JP, Moeschberger ML (2003) Survival Analysis, section 4.5, for
    the variance.

    Examples
    --------
    >>> restricted_mean([1, 2, 3, 4], [True] * 4, 4).value
    2.5
    """
    time, over = np.asarray(elapsed, dtype=float), np.asarray(ended, dtype=bool)
    if not until > 0:
        raise ParameterError(Problem("the horizon is out of range", got=until, expected="a time above 0"))
    curve = kaplan_meier(time, over).filter(pl.col("time") <= until)
    last = time.max(initial=0.0)
    if until > last and not over[time == last].all():
        problem = Problem("nothing is known beyond the last open case", got=until, expected=f"a horizon of at most {last:g}")
        raise ParameterError(problem)
    at = np.concatenate([[0.0], curve["time"].to_numpy(), [until]])
    level = np.concatenate([[1.0], curve["survival"].to_numpy()])
    areas = level * np.diff(at)
    d, n = curve["ended"].to_numpy().astype(float), curve["at_risk"].to_numpy().astype(float)
    left = areas.sum() - np.cumsum(areas)[:-1] if len(d) else np.zeros(0)  # the area to the right of each end
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = float(np.where(n > d, left**2 * d / (n * (n - d)), 0).sum())
    half = z_value(confidence) * variance**0.5
    value = float(areas.sum())
    return Estimate(value, variance**0.5, max(value - half, 0.0), min(value + half, until))


def restricted_mean_difference(
    first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike], until: float, confidence: float = 0.95
) -> Estimate:
    """Mean time up to a horizon of one group less that of another.

    Parameters
    ----------
    first, second
        `elapsed` and `ended` of each.
    until, confidence
        As in `restricted_mean`.

    Examples
    --------
    >>> slow, fast = ([2, 4, 6, 8], [True] * 4), ([1, 2, 3, 4], [True] * 4)
    >>> restricted_mean_difference(slow, fast, 8).value
    2.5
    """
    one, other = (restricted_mean(*group, until, confidence) for group in (first, second))
    value, se = one.value - other.value, (one.se**2 + other.se**2) ** 0.5
    half = z_value(confidence) * se
    return Estimate(value, se, value - half, value + half)


def log_rank(groups: Sequence[tuple[ArrayLike, ArrayLike]]) -> LogRank:
    """Whether groups of cases take equally long: their ends beside those that one common curve would have.

    Parameters
    ----------
    groups
        `elapsed` and `ended` of each, at least two.

    Raises
    ------
    ParameterError
        For fewer than two groups.

    References
    ----------
    Mantel N (1966) Cancer Chemother Rep 50:163-170. Peto R, Peto J (1972) JRSS A 135:185-207.

    Examples
    --------
    >>> found = log_rank([([2, 4, 6, 8], [True] * 4), ([1, 2, 3, 4], [True] * 4)])
    >>> round(found.statistic, 3), round(found.p_value, 3)
    (2.646, 0.104)
    """
    if len(groups) < 2:
        raise ParameterError(Problem("groups to compare", got=len(groups), expected="two or more"))
    times = [np.asarray(elapsed, dtype=float) for elapsed, _ in groups]
    over = [np.asarray(ended, dtype=bool) for _, ended in groups]
    moments = np.unique(np.concatenate([t[e] for t, e in zip(times, over, strict=True)]))
    risk = np.stack([len(t) - np.searchsorted(np.sort(t), moments, side="left") for t in times]).astype(float)
    ends = np.stack([np.bincount(np.searchsorted(moments, t[e]), minlength=len(moments)) for t, e in zip(times, over, strict=True)])
    n, d = risk.sum(axis=0), ends.sum(axis=0).astype(float)
    share = risk / n
    expected = (share * d).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(n > 1, d * (n - d) / (n - 1), 0.0)
    variance = np.diag((share * factor).sum(axis=1)) - (share * factor) @ share.T
    gap = (ends.sum(axis=1) - expected)[:-1]
    inner = variance[:-1, :-1]
    from scipy.special import chdtrc

    statistic = float(gap @ np.linalg.pinv(inner) @ gap)
    degrees = len(groups) - 1
    observed = tuple(float(one) for one in ends.sum(axis=1))
    return LogRank(statistic, degrees, float(chdtrc(degrees, statistic)), observed, tuple(float(one) for one in expected))


def cumulative_incidence(elapsed: ArrayLike, kind: Iterable[str | None], confidence: float = 0.95) -> pl.DataFrame:
    """How many cases have ended in each of several ways by a time, where one way of ending forestalls the others.

    A case that was handed on is not one that would have been resolved later: a survival curve that takes it as censored says so.
    The shares here add up, with those that are still open, to one.

    Parameters
    ----------
    elapsed
        How long each case took, or has taken so far, shape (n,).
    kind
        How it ended, as a text; None (or an empty text) for cases that are open. Shape (n,).
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        A row per kind and time at which a case ended so: `kind`, `time`, `at_risk`, `ended`, `share` (by that time), `se`, `lo`,
        `hi`.

    Raises
    ------
    ParameterError
        If the shapes differ or a time is negative.

    References
    ----------
    Aalen OO, Johansen S (1978) Scand J Stat 5:141-150; standard errors after Marubini E, Valsecchi MG (1995), section 10.2.

    Examples
    --------
    >>> found = cumulative_incidence([1, 2, 3, 4], ["handed_on", "resolved", None, "resolved"])
    >>> found.filter(kind="resolved")["share"].to_list()
    [0.25, 0.75]
    """
    time = np.asarray(elapsed, dtype=float)
    said = np.array([one or "" for one in kind], dtype=object)
    if time.shape != said.shape or time.ndim != 1:
        raise ParameterError(
            Problem("elapsed and kind differ in shape", got=(time.shape, said.shape), expected="two equal vectors")
        )
    if time.size and not time.min() >= 0:
        raise ParameterError(Problem("a case took less than no time", got=float(np.nanmin(time))))
    moments = np.unique(time[said != ""])
    risk = (len(time) - np.searchsorted(np.sort(time), moments, side="left")).astype(float)
    names = sorted(set(said.tolist()) - {""})
    ends = {name: np.bincount(np.searchsorted(moments, time[said == name]), minlength=len(moments)).astype(float) for name in names}
    every = sum(ends.values()) if names else np.zeros(0)
    survival = np.cumprod(1 - every / risk) if len(moments) else np.zeros(0)
    before = np.concatenate([[1.0], survival[:-1]]) if len(moments) else survival
    z, parts = z_value(confidence), []
    for name in names:
        share = np.cumsum(before * ends[name] / risk)
        se = _incidence_errors(share, before, ends[name], np.asarray(every), risk)
        rows = ends[name] > 0
        parts.append(
            pl.DataFrame(
                {
                    "kind": [name] * int(rows.sum()),
                    "time": moments[rows],
                    "at_risk": risk[rows].astype(np.int64),
                    "ended": ends[name][rows].astype(np.int64),
                    "share": share[rows],
                    "se": se[rows],
                    "lo": np.clip(share - z * se, 0, 1)[rows],
                    "hi": np.clip(share + z * se, 0, 1)[rows],
                }
            )
        )
    schema = {"kind": pl.String, "time": pl.Float64, "at_risk": pl.Int64, "ended": pl.Int64}
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema | dict.fromkeys(("share", "se", "lo", "hi"), pl.Float64))


def _incidence_errors(share: Floats, before: Floats, own: Floats, every: Floats, risk: Floats) -> Floats:
    """Standard errors by the delta method, at every time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(risk > every, every / (risk * (risk - every)), 0.0)
    first = before**2 * own * (risk - own) / risk**3
    mixed = before * own / risk**2
    # sum over j <= i of (F_i - F_j)^2 a_j + b_j - 2 (F_i - F_j) c_j, from running sums
    a0, a1, a2 = (np.cumsum(spread * share**power) for power in (0, 1, 2))
    c0, c1 = np.cumsum(mixed), np.cumsum(mixed * share)
    variance = share**2 * a0 - 2 * share * a1 + a2 + np.cumsum(first) - 2 * (share * c0 - c1)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))
