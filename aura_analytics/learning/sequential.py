"""Evidence that may be looked at while it comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["SequentialPlan", "anytime_interval", "betting_score", "group_sequential", "many_looks", "sequential_plan"]

_GRID = 401


def _level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ParameterError(Problem("alpha is out of range", got=alpha, expected="a level in (0, 1), such as 0.05"))


def anytime_interval(k: ArrayLike, n: ArrayLike, *, alpha: float = 0.05, tuned_for: float = 100) -> tuple[Floats, Floats]:
    """Limits of a rate that hold at every moment at once, however often one looks.

    Parameters
    ----------
    k, n
        Successes and trials so far, shape (m,); `n` 0 gives (0, 1).
    alpha
        Chance that the limits ever miss.
    tuned_for
        Number of trials, at least 1, at which the limits are narrowest.

    Notes
    -----
    A mixture of beta distributions over the rate: the limits are the rates at which the mixture's likelihood ratio reaches 1/alpha.

    References
    ----------
    Howard SR, Ramdas A, McAuliffe J, Sekhon J (2021) Ann Stat 49:1055-1080, two-sided beta-binomial mixture.

    Examples
    --------
    >>> lo, hi = anytime_interval([700], [1000], tuned_for=100)
    >>> round(float(lo[0]), 4), round(float(hi[0]), 4)
    (0.6516, 0.7459)
    """
    _level(alpha)
    if not tuned_for >= 1:
        raise ParameterError(Problem("tuned_for is out of range", got=tuned_for, expected="a number of trials, at least 1"))
    hits, trials = np.atleast_1d(np.asarray(k, dtype=float)), np.atleast_1d(np.asarray(n, dtype=float))
    if (hits < 0).any() or (hits > trials).any():
        raise ParameterError(Problem("successes and trials do not fit", expected="0 <= k <= n"))
    with np.errstate(invalid="ignore"):
        rate = np.where(trials > 0, hits / np.where(trials > 0, trials, 1), 0.5)
    lower = _limit(hits, trials, np.zeros_like(rate), rate, alpha, tuned_for)
    upper = _limit(hits, trials, np.ones_like(rate), rate, alpha, tuned_for)
    return np.where(trials > 0, lower, 0.0), np.where(trials > 0, upper, 1.0)


def _limit(k: Floats, n: Floats, outside: Floats, inside: Floats, alpha: float, tuned_for: float) -> Floats:
    goal = -np.log(alpha)
    far, near = outside.astype(float).copy(), inside.astype(float).copy()
    for _ in range(60):
        middle = (far + near) / 2
        beyond = _log_mixture(k, n, middle, alpha, tuned_for) >= goal
        far, near = np.where(beyond, middle, far), np.where(beyond, near, middle)
    return np.asarray((far + near) / 2)


def _log_mixture(k: Floats, n: Floats, p: Floats, alpha: float, tuned_for: float) -> Floats:
    """Log likelihood ratio of the mixture to the rate p; the mixture's width is set by `tuned_for`."""
    from scipy.special import betaln

    p = np.clip(p, 1e-12, 1 - 1e-12)
    # the variance of the mixing distribution that makes the boundary lowest at the tuning time (the source's first-order form)
    factor = -2 * np.log(alpha) + np.log1p(-2 * np.log(alpha))
    rho = np.maximum(tuned_for * p * (1 - p) / factor - p * (1 - p), 1e-3 * p * (1 - p))
    size = rho / (p * (1 - p))
    a, b = p * size, (1 - p) * size
    return np.asarray(betaln(a + k, b + n - k) - betaln(a, b) - k * np.log(p) - (n - k) * np.log1p(-p))


def betting_score(y: float, null: tuple[float, float], alternative: tuple[float, float]) -> tuple[float, float]:
    """What a bet against a normal null has earned, and what it could have hoped for.

    Parameters
    ----------
    y
        The observation.
    null, alternative
        Mean and standard deviation; the standard deviations must be equal.

    Returns
    -------
    tuple of float
        The betting score (likelihood ratio: the factor by which money bet on the alternative has grown; an e-value), and the
        implied target (the exponential of its expected logarithm under the alternative).

    References
    ----------
    Shafer G (2021) JRSS A 184:407-431.

    Examples
    --------
    >>> score, target = betting_score(16.5, (0, 10), (37, 10))
    >>> round(score, 3), round(target)
    (0.477, 939)
    """
    (m0, s0), (m1, s1) = null, alternative
    if s0 != s1 or not s0 > 0:
        raise ParameterError(Problem("standard deviations differ", got=(s0, s1), expected="one positive number for both"))
    gap = (m1 - m0) / s0
    return float(np.exp(gap * (y - m0) / s0 - gap**2 / 2)), float(np.exp(gap**2 / 2))


@dataclass(frozen=True)
class SequentialPlan:
    """Item-by-item sampling: after n items accept while failures are at most `slope * n - h_accept`, reject from `slope * n +
    h_reject`.
    """

    h_accept: float
    h_reject: float
    slope: float


def sequential_plan(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.1) -> SequentialPlan:
    """Wald's plan for a rate of failures: p0 is fine, p1 is not.

    Parameters
    ----------
    p0, p1
        Rates, 0 < p0 < p1 < 1.
    alpha, beta
        Chance of rejecting at p0, and of accepting at p1.

    References
    ----------
    Wald A (1947) Sequential Analysis. Montgomery DC, Introduction to Statistical Quality Control, section 15.5.

    Examples
    --------
    >>> plan = sequential_plan(0.01, 0.06, 0.05, 0.1)
    >>> round(plan.h_accept, 2), round(plan.h_reject, 2), round(plan.slope, 3)
    (1.22, 1.57, 0.028)
    """
    _level(alpha)
    _level(beta)
    if not 0 < p0 < p1 < 1:
        raise ParameterError(Problem("rates are out of range", got=(p0, p1), expected="0 < p0 < p1 < 1"))
    k = np.log(p1 * (1 - p0) / (p0 * (1 - p1)))
    return SequentialPlan(
        h_accept=float(np.log((1 - alpha) / beta) / k),
        h_reject=float(np.log((1 - beta) / alpha) / k),
        slope=float(np.log((1 - p0) / (1 - p1)) / k),
    )


def group_sequential(looks: int, kind: Literal["pocock", "obrien_fleming"] = "pocock", alpha: float = 0.05) -> Floats:
    """Limits of |z| for a test that is looked at several times, two-sided, at equal steps of information.

    Parameters
    ----------
    looks
        How often, 1 to 50.
    kind
        `pocock`: the same limit at every look. `obrien_fleming`: strict at first, `c * sqrt(looks / look)`.
    alpha
        Chance of a false alarm over all looks.

    Returns
    -------
    numpy.ndarray
        Limit at every look, shape (looks,); the last of `obrien_fleming` is its constant.

    References
    ----------
    Jennison C, Turnbull BW (2000) Group Sequential Methods, chapters 2 and 19. Pocock SJ (1977) Biometrika 64:191-199. O'Brien PC,
    Fleming TR (1979) Biometrics 35:549-556.

    Examples
    --------
    >>> group_sequential(3).round(3).tolist()
    [2.289, 2.289, 2.289]
    """
    from scipy.optimize import brentq

    _level(alpha)
    if kind not in ("pocock", "obrien_fleming") or not 1 <= looks <= 50:
        raise ParameterError(Problem("unknown plan", got=(looks, kind), expected="1 to 50 looks, pocock or obrien_fleming"))
    steps = np.arange(1, looks + 1)
    shape = np.ones(looks) if kind == "pocock" else np.sqrt(looks / steps)
    constant = brentq(lambda c: _ever_out(c * shape) - alpha, 0.5, 8, xtol=1e-10)
    return np.asarray(constant * shape)


def _ever_out(limits: Floats) -> float:
    """Chance that a standard normal walk, looked at in equal steps, is ever beyond its limits: by recursive integration."""
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(_GRID)
    edge = float(limits[0])
    at, w = edge * nodes, edge * weights
    density = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    for look in range(2, len(limits) + 1):
        edge = float(limits[look - 1]) * np.sqrt(look)  # of the sum
        if look == len(limits):
            inside = ndtr(edge - at) - ndtr(-edge - at)
            return float(1 - (w * density) @ inside)
        later, later_w = edge * nodes, edge * weights
        density = np.exp(-((later[:, None] - at[None, :]) ** 2) / 2) / np.sqrt(2 * np.pi) @ (w * density)
        at, w = later, later_w
    return float(1 - w @ density)


def many_looks(alpha: float = 0.05, growth: float = 1_000.0) -> float:
    """The limit of |z| at which a growing sample is beyond it at any look with a chance of `alpha`, however often one looks.

    Parameters
    ----------
    alpha
        Chance that |z| is ever beyond the limit, in (0, 1).
    growth
        By how much the sample grows from the first look to the last, above 1: from 10 observations to 10,000 is 1,000.

    Returns
    -------
    float
        The limit, the same at every look; where one looks less often the chance is smaller.

    Notes
    -----
    The tail of the greatest |z| of Brownian motion over a span of time, which is exact as `alpha` goes to 0.

    References
    ----------
    Siegmund D (1985) Sequential Analysis, section 4.4: `phi(c) ((c - 1/c) log(growth) + 4/c)`.

    Examples
    --------
    >>> round(many_looks(0.05), 2), round(many_looks(0.01), 2)
    (3.2, 3.71)
    """
    from scipy.optimize import brentq

    _level(alpha)
    if not growth > 1:
        raise ParameterError(Problem("growth is out of range", got=growth, expected="a number above 1"))

    def beyond(c: float) -> float:
        return float(np.exp(-c * c / 2) / np.sqrt(2 * np.pi) * ((c - 1 / c) * np.log(growth) + 4 / c) - alpha)

    return float(brentq(beyond, 1.5, 12.0)) if beyond(1.5) > 0 else 1.5
