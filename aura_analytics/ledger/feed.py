"""What a ledger records, in order, as it comes."""

from __future__ import annotations

import threading

import polars as pl
from sqlalchemy import select

from aura_analytics import events as contract
from aura_analytics.ledger import reading, tables
from aura_analytics.ledger.engines import Engines
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import read_head

__all__ = ["Feed"]


class Feed:
    """The events of a ledger in the order in which they were recorded."""

    _engines: Engines

    def _begin_feed(self) -> None:
        self._woken = threading.Condition()
        self.recorded_here = 0  # calls of this process that stored something

    def end(self) -> int:
        """The place of the last event."""
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return read_head(connection)[1]

    def after(self, seq: int, most: int | None = None) -> tuple[pl.DataFrame, int]:
        """The events recorded after a place in the ledger, in order, and the place of the last of them."""
        column = tables.events.c
        query = select(*(column[name] for name in tables.COLUMNS), column.seq).where(column.seq > seq).order_by(column.seq)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            frames = list(reading.event_frames(connection, query if most is None else query.limit(most), extra=1))
        if not frames:
            return contract.empty(), seq
        found = pl.concat(frames)
        return found.drop("seq"), int(found["seq"][-1])

    def wake(self) -> None:
        """Wake the subscriptions of this process."""
        with self._woken:
            self._woken.notify_all()

    def wait(self, seen: int, seconds: float, closed: threading.Event) -> None:
        """Wait until this process records something more than it had when `seen` was read."""
        with self._woken:
            self._woken.wait_for(lambda: self.recorded_here != seen or closed.is_set(), seconds)
