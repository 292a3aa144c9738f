"""How to choose among models: probabilities of each, from successes and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["STRATEGIES", "best_probabilities", "choice_probabilities", "with_floor"]

STRATEGIES = ("seed", "thompson", "ucb1", "epsilon_greedy")
_NODES = 24
_FAR = 8.0  # standard deviations beyond which a model cannot be the best


def best_probabilities(a: ArrayLike, b: ArrayLike) -> Floats:
    """Chance that each rate is the largest, given beta distributions of all: what a Thompson draw chooses.

    Parameters
    ----------
    a, b
        Parameters of the beta distributions (successes and failures, plus what was assumed before), at least 1, shape (m,).

    Returns
    -------
    numpy.ndarray
        Shape (m,), sums to 1. By Gauss-Legendre quadrature on panels between the likely ranges of all; models that are 8 standard
        deviations below the best one count as 0.

    References
    ----------
    Thompson WR (1933) Biometrika 25:285-294. Cook JD (2005) Exact calculation of beta inequalities.

    Examples
    --------
    >>> best_probabilities([1, 2], [2, 1]).round(6).tolist()
    [0.166667, 0.833333]
    """
    from scipy.special import betainc, betaln

    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or not ((first > 0) & (second > 0)).all():
        raise ParameterError(
            Problem("parameters of beta distributions are out of range", expected="positive numbers, one pair a model")
        )
    if len(first) == 1:
        return np.ones(1)
    mean = first / (first + second)
    spread = np.sqrt(mean * (1 - mean) / (first + second + 1))
    low, high = np.clip(mean - _FAR * spread, 0, 1), np.clip(mean + _FAR * spread, 0, 1)
    alive = np.flatnonzero(high >= low.max())
    x, y = first[alive], second[alive]
    begin = float(low[alive].max())
    inside = mean[alive, None] + spread[alive, None] * np.array([-4.0, -1.5, 0.0, 1.5, 4.0])
    knots = np.unique(np.concatenate([[begin, 1.0], np.linspace(begin, float(high[alive].max()), 6), _few(inside[inside > begin])]))
    knots = knots[(knots >= begin) & (knots <= 1)]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(knots)[:, None] / 2
    at = (knots[:-1, None] + half + half * nodes).ravel()
    step = (half * weights).ravel()
    below = betainc(x[:, None], y[:, None], at[None, :])
    log_density = (x - 1)[:, None] * np.log(at) + (y - 1)[:, None] * np.log1p(-at) - betaln(x, y)[:, None]
    with np.errstate(divide="ignore"):
        log_below = np.log(below)
    total = log_below.sum(axis=0)
    with np.errstate(invalid="ignore"):
        others = np.where(np.isneginf(log_below), -np.inf, total - log_below)
    # where one model's own chance is 0, the product of the others is theirs alone
    zeros = np.isneginf(log_below).sum(axis=0)
    if (zeros > 0).any():
        finite = np.where(np.isneginf(log_below), 0.0, log_below).sum(axis=0)
        others = np.where(zeros == 0, others, np.where((zeros == 1) & np.isneginf(log_below), finite, -np.inf))
    found = np.zeros(len(first))
    found[alive] = np.exp(log_density + others) @ step
    return np.asarray(found / found.sum())


def _few(values: Floats, most: int = 40) -> Floats:
    inner = np.sort(values[(values > 0) & (values < 1)])
    return inner if len(inner) <= most else inner[np.linspace(0, len(inner) - 1, most).astype(int)]


def choice_probabilities(strategy: str, trials: ArrayLike, successes: ArrayLike) -> Floats:
    """Chance of each model under a strategy, before any floor.

    Parameters
    ----------
    strategy
        `thompson` (uniform prior), `ucb1`, or `epsilon_greedy` (its greedy part).
    trials, successes
        Shape (m,).

    References
    ----------
    Auer P, Cesa-Bianchi N, Fischer P (2002) Machine Learning 47:235-256 (UCB1).

    Examples
    --------
    >>> choice_probabilities("epsilon_greedy", [10, 10], [9, 4]).tolist()
    [1.0, 0.0]
    """
    n, k = np.asarray(trials, dtype=float), np.asarray(successes, dtype=float)
    if strategy == "thompson":
        return best_probabilities(k + 1, n - k + 1)
    found = np.zeros(len(n))
    if strategy == "ucb1":
        with np.errstate(divide="ignore", invalid="ignore"):
            bound = np.where(n > 0, k / n + np.sqrt(2 * np.log(max(n.sum(), 1)) / n), np.inf)
        found[int(np.argmax(bound))] = 1
    elif strategy == "epsilon_greedy":
        found[int(np.argmax((k + 1) / (n + 2)))] = 1
    else:
        raise ParameterError(Problem("unknown strategy", got=strategy, expected=", ".join(STRATEGIES)))
    return found


def with_floor(probabilities: Floats, exploration: float) -> Floats:
    """Probabilities of which a share is spread evenly: nobody is chosen with less than `exploration / m`."""
    return (1 - exploration) * probabilities + exploration / len(probabilities)
