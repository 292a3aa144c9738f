"""How many are flagged at every pair of thresholds and every least number of observations, counted at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.grammar import Leaf
    from aura_analytics.rules.numbers import Board

__all__ = ["count_grid"]


def count_grid(
    board: Board, silent: NDArray[np.bool_], pairs: Sequence[tuple[Leaf, NDArray[np.float64]]], min_ns: Sequence[int]
) -> NDArray[np.int64]:
    """Counts of a rule that asks for two comparisons, both of which must hold.

    Parameters
    ----------
    board
        Dossiers.
    silent
        Of whom the policy says nothing, shape (actors,).
    pairs
        The two comparisons, each with its thresholds in rising order.
    min_ns
        Least numbers of observations of both, in rising order.

    Returns
    -------
    numpy.ndarray
        Shape (thresholds of the first, of the second, least numbers).

    Notes
    -----
    Every actor is put into the cell of the last pair at which they would still be flagged; cumulative sums do the rest.
    """
    places, least = [], np.full(board.frame.height, np.inf)
    for leaf, at in pairs:
        value, n, missing = board.numbers(leaf.metric)
        high = leaf.op.limits == "lower"  # met at high values
        near = value if leaf.limit is None else board.limits(leaf.kind, 2 * leaf.confidence - 1)[0 if high else 1]
        near = np.where(missing | silent, -np.inf if high else np.inf, near)
        # how many of the thresholds are met, counted from the easy end
        if high:
            met = np.searchsorted(at, near, side="left" if leaf.op.strict else "right")
        else:
            met = len(at) - np.searchsorted(at, near, side="right" if leaf.op.strict else "left")
        places.append(np.where(np.isnan(near), 0, met))
        least = np.minimum(least, n)
    depth = np.searchsorted(min_ns, least, side="right")
    sizes = [len(at) + 1 for _, at in pairs] + [len(min_ns) + 1]
    flat = (places[0] * sizes[1] + places[1]) * sizes[2] + depth
    cube = np.bincount(flat, minlength=int(np.prod(sizes))).reshape(sizes)
    for axis in range(3):
        cube = np.flip(np.flip(cube, axis).cumsum(axis), axis)
    cube = cube[1:, 1:, 1:]
    for axis, (leaf, _) in enumerate(pairs):
        if leaf.op.limits == "upper":
            cube = np.flip(cube, axis)
    return np.asarray(cube)
