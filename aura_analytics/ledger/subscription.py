"""New events in order, as they come, from this process and from others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.ledger.feed import Feed

__all__ = ["Subscription"]

_MOST = 50_000  # events handed over at once


class Subscription:
    """An iterator over new events: tables on the contract, in the order of the ledger, none left out and none twice.

    The ledger is asked once per interval at most; what this process records arrives at once. Use it from one thread;
    `close` may be called from any.

    Parameters
    ----------
    ledger
        The ledger.
    after
        Place (`seq`) after which to begin; default its end at this moment.
    interval
        Seconds between two looks at the ledger.
    """

    def __init__(self, ledger: Feed, after: int | None = None, interval: float = 0.5) -> None:
        if not interval > 0:
            raise ParameterError(Problem("interval must be positive", got=interval, expected="seconds, such as 0.5"))
        self._ledger = ledger
        self._interval = interval
        self._closed = threading.Event()
        self.seq: int = ledger.end() if after is None else after

    def poll(self) -> pl.DataFrame:
        """What is new since the last call, maybe nothing; never waits."""
        frame, self.seq = self._ledger.after(self.seq, _MOST)
        return frame

    def get(self, timeout: float | None = None) -> pl.DataFrame | None:
        """The next new events; None when there are none within `timeout` seconds, or after `close`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._closed.is_set():
            seen = self._ledger.recorded_here
            found = self.poll()
            if found.height:
                return found
            left = self._interval if deadline is None else min(self._interval, deadline - time.monotonic())
            if left <= 0:
                return None
            self._ledger.wait(seen, left, self._closed)
        return None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        while (found := self.get()) is not None:
            yield found

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()
        self._ledger.wake()
