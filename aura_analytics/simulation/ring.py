"""Who gets a case: a ring of names on which everybody holds places of their own, whoever else is there."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Ring"]

_GRID = 1 << 17  # places at which a ring is read, at least
_POINTS = 1024  # of a weight of 1


class Ring:
    """Hands out cases so that who comes takes some from everybody, who goes leaves theirs to everybody, and nobody else's move.

    Parameters
    ----------
    names, weights
        Of everybody; who has weight 0 gets nothing. A share is met up to a relative error of about one over the square root of the
        points: 1,024 for a weight of 1 (weights that are all below 1 are doubled until one is not, and where points would be too
        many they are halved).
    """

    def __init__(self, names: Sequence[str], weights: NDArray[np.float64]) -> None:
        scale = 2.0 ** max(0, -math.floor(math.log2(weights.max())))
        while _POINTS * scale * weights.sum() > 1 << 24:
            scale /= 2
        points = np.where(weights > 0, np.maximum(np.rint(_POINTS * scale * weights), 1), 0).astype(np.int64)
        at = np.concatenate([_points(name, int(count)) for name, count in zip(names, points, strict=True)])
        owners = np.repeat(np.arange(len(names), dtype=np.int64), points)
        # place and owner in one number are sorted faster than owners by place
        packed = pl.Series(((at * (1 << 40)).astype(np.int64) << 20) | owners).sort().to_numpy()
        self._at, self._owner = packed >> 20, (packed & ((1 << 20) - 1)).astype(np.int32)
        self._size = max(_GRID, 1 << len(at).bit_length())
        self._table = self._owner[np.searchsorted(self._at, self._moment(np.arange(self._size, dtype=np.int64))) % len(at)]

    def _moment(self, cell: NDArray[Any]) -> NDArray[np.int64]:
        """The middle of a cell on the scale of the points."""
        return np.asarray((2 * cell.astype(np.int64) + 1) * ((1 << 39) // self._size))

    def pick(self, uniform: NDArray[np.float64], away: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Who gets each case; of those who are away, who comes next on the ring."""
        cell = (uniform * self._size).astype(np.int32)
        found = self._table[cell]
        if away is not None and away.any():
            stuck = np.flatnonzero(away[found])
            place = np.searchsorted(self._at, self._moment(cell[stuck]))
            while len(stuck):
                place = (place + 1) % len(self._at)
                found[stuck] = self._owner[place]
                still = away[found[stuck]]
                stuck, place = stuck[still], place[still]
        return found


@lru_cache(maxsize=20_000)
def _points(name: str, count: int) -> NDArray[np.float64]:
    key = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=16).digest(), dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random(count)
