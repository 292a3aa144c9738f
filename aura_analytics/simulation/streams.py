"""Named streams of random numbers: a draw belongs to a seed, a case and a purpose, never to the order of calls."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["PURPOSES", "Draws", "Streams"]

PURPOSES = (
    "arrival",
    "truth",
    "agent",
    "ai",
    "sure",
    "invented",
    "short",
    "officer",
    "service",
    "verdict",
    "response",
    "stars",
    "rated",
    "audit",
    "difficulty",
    "decides",
)


class Streams:
    """The random numbers of one replication.

    A stream is named by purpose and owner ("count/loans", "service/loans") and has a counter of its own; adding an officer, a queue
    or another kind of draw leaves every other number as it is.

    Parameters
    ----------
    seed
        Of the run.
    replication
        Number of the replication; different ones are independent.

    Examples
    --------
    >>> first = Streams(7)
    >>> bool((first.uniform("count/loans", 5)[:2] == Streams(7).uniform("count/loans", 2)).all())
    True
    """

    def __init__(self, seed: int, replication: int = 0) -> None:
        self.seed: int
        self.replication: int
        self.seed, self.replication = seed, replication

    def tag(self, scenario: str) -> str:
        """Six signs for the run of a scenario with this seed and replication; others have others (one in two billion is equal)."""
        number = int.from_bytes(hashlib.sha256(f"{scenario}/{self.seed}/{self.replication}".encode()).digest()[:8]) % 36**6
        return "".join("0123456789abcdefghijklmnopqrstuvwxyz"[number // 36**place % 36] for place in range(6))

    def generator(self, name: str) -> np.random.Generator:
        """A generator at the beginning of a stream."""
        word = hashlib.blake2b(f"{self.seed}/{self.replication}/{name}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=np.frombuffer(word, dtype=np.uint64)))

    def uniform(self, name: str, n: int) -> Floats:
        """Numbers in [0, 1): the first n of a stream."""
        return self.generator(name).random(n)


class Draws:
    """The numbers of the cases of one queue: a stream for each purpose, a number for each case in turn.

    Parameters
    ----------
    streams
        Of the replication.
    queue
        Name of the queue.

    Examples
    --------
    >>> whole, parts = Draws(Streams(7), "loans"), Draws(Streams(7), "loans")
    >>> bool((whole.take("service", 5)[3:] == (parts.take("service", 3), parts.take("service", 2))[1]).all())
    True
    """

    def __init__(self, streams: Streams, queue: str) -> None:
        self._streams, self._queue = streams, queue
        self._generators: dict[str, np.random.Generator] = {}

    def take(self, purpose: str, n: int) -> Floats:
        """The numbers in [0, 1) of the next n cases, for one of the `PURPOSES`."""
        found = self._generators.get(purpose)
        if found is None:
            found = self._generators[purpose] = self._streams.generator(f"{purpose}/{self._queue}")
        return found.random(n)
