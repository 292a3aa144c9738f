"""When did it change? One change of the level of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Change", "one_change"]


@dataclass(frozen=True)
class Change:
    """A change of level.

    Attributes
    ----------
    after
        How many observations are before it (least squares).
    mean_before, mean_after
        Levels.
    pettitt_after, p_value
        The same place by ranks (Pettitt), and how often a series without a change would look as much like one, at most 1.
    """

    after: int
    mean_before: float
    mean_after: float
    pettitt_after: int
    p_value: float


def one_change(y: ArrayLike) -> Change:
    """The most likely single change of the mean.

    Parameters
    ----------
    y
        A series in the order of time, at least 2 finite numbers.

    Raises
    ------
    ParameterError
        For fewer numbers, or some that are not finite.

    Notes
    -----
    There always is a most likely place: believe it only with the p-value. Neighbours that resemble each other make it too small.

    References
    ----------
    Cobb GW (1978) Biometrika 65:243-251. Pettitt AN (1979) Appl Stat 28:126-135.

    Examples
    --------
    >>> found = one_change([5, 6, 5, 6, 5, 1, 2, 1, 2, 1])
    >>> found.after, found.mean_before, found.mean_after
    (5, 5.4, 1.4)
    """
    from scipy.stats import rankdata

    values = np.asarray(y, dtype=float)
    n = len(values)
    if values.ndim != 1 or n < 2 or not np.isfinite(values).all():
        raise ParameterError(Problem("a change needs a series", got=str(values.shape), expected="at least 2 finite numbers"))
    sizes = np.arange(1, n)
    sums = np.cumsum(values - values.mean())[:-1]
    place = int(np.argmax(sums**2 / (sizes * (n - sizes)))) + 1
    ranks = 2 * np.cumsum(rankdata(values))[:-1] - sizes * (n + 1)
    largest = float(np.abs(ranks).max())
    return Change(
        after=place,
        mean_before=float(values[:place].mean()),
        mean_after=float(values[place:].mean()),
        pettitt_after=int(np.argmax(np.abs(ranks))) + 1,
        p_value=min(1.0, 2 * float(np.exp(-6 * largest**2 / (n**3 + n**2)))),
    )
