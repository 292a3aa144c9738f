"""Named streams of random numbers: a draw belongs to a seed, a purpose and a place, never to the order of calls."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Streams"]


class Streams:
    """The random numbers of one replication.

    A stream is named by purpose and owner ("arrivals/loans", "service/loans"); block and place say which number of it. Adding an officer,
    a queue or another kind of draw leaves every other number as it is.

    Parameters
    ----------
    seed
        Of the run.
    replication
        Number of the replication; different ones are independent.

    Examples
    --------
    >>> first = Streams(7)
    >>> bool((first.uniform("service/loans", 3, 5)[:2] == Streams(7).uniform("service/loans", 3, 2)).all())
    True
    """

    def __init__(self, seed: int, replication: int = 0) -> None:
        self.seed, self.replication = seed, replication
        self._keys: dict[str, NDArray[np.uint64]] = {}

    def generator(self, name: str, block: int = 0) -> np.random.Generator:
        """A generator of its own for a block (a day) of a stream."""
        key = self._keys.get(name)
        if key is None:
            word = hashlib.blake2b(f"{self.seed}/{self.replication}/{name}".encode(), digest_size=16).digest()
            key = self._keys[name] = np.frombuffer(word, dtype=np.uint64)
        # blocks lie 2**128 numbers apart
        return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, block, 0], dtype=np.uint64)))

    def uniform(self, name: str, block: int, n: int) -> Floats:
        """Numbers in [0, 1): the first n of a block."""
        return self.generator(name, block).random(n)
