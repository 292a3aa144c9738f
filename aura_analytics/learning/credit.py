"""Who deserves what: strengths from comparisons, and shares of what a team achieved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Strengths", "bradley_terry", "shapley"]


@dataclass(frozen=True)
class Strengths:
    """Strengths on the scale of log odds; the last one compared is 0.

    Attributes
    ----------
    strength
        Shape (m,): the odds that i beats j are `exp(strength[i] - strength[j])`.
    deviance, df
        Distance from a table without any model, and its degrees of freedom.
    """

    strength: Floats
    deviance: float
    df: int


def bradley_terry(wins: ArrayLike) -> Strengths:
    """Strengths of agents that were compared in pairs.

    Parameters
    ----------
    wins
        `wins[i][j]`: how often i beat j, shape (m, m), whole numbers, zeros on the diagonal.

    Raises
    ------
    ParameterError
        If the table cannot be read, or somebody has only won or only lost against a group of others: then no finite strength is
        best.

    References
    ----------
    Bradley RA, Terry ME (1952) Biometrika 39:324-345. Agresti A (2002) Categorical Data Analysis, section 10.6.

    Examples
    --------
    >>> bradley_terry([[0, 6], [3, 0]]).strength.round(3).tolist()
    [0.693, 0.0]
    """
    from scipy.sparse.csgraph import connected_components
    from scipy.special import expit

    table = np.asarray(wins, dtype=float)
    m = len(table)
    if table.shape != (m, m) or m < 2 or (table < 0).any() or np.diag(table).any():
        raise ParameterError(
            Problem("a table of wins cannot be read", got=str(table.shape), expected="a square of counts, zeros on the diagonal")
        )
    if connected_components(table, directed=True, connection="strong")[0] > 1:
        raise ParameterError(
            Problem("some have only won, or only lost, against all others", expected="a chain of wins from each to each")
        )
    games = table + table.T
    strength = np.zeros(m)
    for _ in range(100):
        chance = expit(strength[:, None] - strength[None, :])
        slope = (table - games * chance).sum(axis=1)
        weight = games * chance * (1 - chance)
        hessian = np.diag(weight.sum(axis=1)) - weight
        step = np.append(np.linalg.solve(hessian[:-1, :-1], slope[:-1]), 0.0)
        strength = strength + step
        if float(np.abs(step).max()) < 1e-12:
            break
    chance = expit(strength[:, None] - strength[None, :])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(table > 0, table * np.log(table / (games * chance)), 0.0)
    played = int((games[np.triu_indices(m, 1)] > 0).sum())
    return Strengths(strength, float(2 * terms.sum()), played - (m - 1))


def shapley(value: Callable[[frozenset[int]], float], players: int | Sequence[int]) -> list[float]:
    """Fair shares of what a team achieves: everyone's contribution, averaged over all orders of joining.

    Parameters
    ----------
    value
        What a set of players achieves.
    players
        Their numbers, or how many; at most 20.

    References
    ----------
    Shapley LS (1953) A value for n-person games. Littlechild SC, Owen G (1973) Management Science 20:370-372.

    Examples
    --------
    >>> shapley(lambda team: float(0 in team and (1 in team or 2 in team)), 3)
    [0.6666666666666666, 0.16666666666666666, 0.16666666666666666]
    """
    names = list(range(players)) if isinstance(players, int) else list(players)
    m = len(names)
    if not 1 <= m <= 20:
        raise ParameterError(Problem("players is out of range", got=m, expected="1 to 20: the sum goes over all teams"))
    worth = {frozenset(team): float(value(frozenset(team))) for size in range(m + 1) for team in combinations(names, size)}
    shares = []
    for name in names:
        total = 0.0
        for size in range(m):
            weight = factorial(size) * factorial(m - size - 1) / factorial(m)
            for team in combinations([other for other in names if other != name], size):
                total += weight * (worth[frozenset((*team, name))] - worth[frozenset(team)])
        shares.append(total)
    return shares
