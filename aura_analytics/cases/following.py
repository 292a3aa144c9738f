"""Facts about how long cases took, all made of the same followed cases."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from aura_analytics.cases import follow, spells
from aura_analytics.cases.base import Fact, Joins
from aura_analytics.cases.growing import GrowingCases
from aura_analytics.cases.growing_log import Change, Kept
from aura_analytics.cases.own_events import named_cases
from aura_analytics.cases.window import follow_pass
from aura_analytics.events import CLOCK_TYPES

if TYPE_CHECKING:
    from aura_analytics.cases.growing_log import GrowingLog
    from aura_analytics.cases.options import Options
    from aura_analytics.cases.window import Window

__all__ = ["Followed"]


class Followed(Fact):
    """A fact that is a cut through followed cases."""

    with_queue: ClassVar[bool] = False
    lasting: ClassVar[bool] = False  # whether it counts however long ago it began
    one_by_one: ClassVar[bool] = True  # whether a row depends on nothing but its own case

    def shape(self, followed: pl.DataFrame, floor: int, keep: tuple[str, ...] = ()) -> pl.DataFrame:
        """The fact's rows, for a window that starts after `floor` (microseconds since 1970), with further columns to `keep`."""
        raise NotImplementedError

    def cut(self, followed: pl.DataFrame, floor: int) -> pl.DataFrame:
        """`shape`, and the empty table where there is nothing."""
        table = self.shape(followed, floor)
        return table if table.height else self.empty()

    def joins(self, window: Window) -> Joins:
        """The clock's events."""
        return Joins(clock=True, queue=self.with_queue)

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The fact's rows in the window."""
        return self.cut(_followed(window), spells.micro(window.since))

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """With the case."""
        if window.rows is None or window.rows.is_empty():
            return self.empty().with_columns(case_id=pl.lit(None, dtype=pl.String))
        return named_cases(self.shape(_followed(window), spells.micro(window.since), ("h",)), window.past)

    def keep(self, log: GrowingLog) -> Kept:
        """Cases are followed again whenever something happens in them; all such facts share them."""
        return log.once("followed cases", lambda: _KeptCases(log))

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """The clock's events."""
        return set(CLOCK_TYPES), {"queue"} if self.with_queue else set()


def _followed(window: Window) -> pl.DataFrame:
    """Every case that ends in the window or is open."""

    def made() -> pl.DataFrame:
        assert window.rows is not None
        moments = window.as_of, window.since
        return follow.follow(window.past, window.rows, *moments, window.options, queue=window.joins.queue)

    return window.once("followed cases", made)


class _KeptCases(Kept):
    """The followed cases of a growing log."""

    def __init__(self, log: GrowingLog) -> None:
        self._log = log
        self._facts = [fact for fact in log.needs if isinstance(fact, Followed)]
        self._queue = any(fact.with_queue for fact in self._facts)
        self._cases = GrowingCases(self._follow(log.first_in_case), "closed_at")

    def _follow(self, rows: pl.DataFrame) -> pl.DataFrame:
        past = rows.lazy()
        joined = follow_pass(past, Joins(clock=True, queue=self._queue))
        assert joined is not None
        found = follow.follow(past, joined, self._log.now, None, self._log.options, queue=self._queue)
        return found.drop("row", "start_row", strict=False).with_columns(self._log.number(found["actor"]))

    def add(self) -> dict[Fact, Change]:
        """Follow the touched cases again."""
        if not self._log.touched.len():
            return {}
        rows = self._follow(self._log.everything)
        old = self._cases.replace(self._log.touched, rows)
        if self._log.floor is None:
            return {}
        parts = {fact: [self._numbered(fact, part) for part in (rows, old)] for fact in self._facts if fact.one_by_one}
        return {fact: Change(after, before, lasting=fact.lasting) for fact, (after, before) in parts.items()}

    def _numbered(self, fact: Followed, followed: pl.DataFrame, floor: int | None = None) -> pl.DataFrame:
        table = fact.cut(followed, self._log.floor or 0 if floor is None else floor)
        return table if table.height else table.with_columns(pl.col("actor").cast(pl.UInt32))

    def comes_and_goes(self, fact: Fact) -> bool:
        """Not where a case is everybody's who held it."""
        return self._log.options.holding == "closer" and isinstance(fact, Followed) and fact.one_by_one

    def between(self, fact: Fact, low: int, high: int) -> pl.DataFrame:
        """Cases whose end leaves the window when it moves on; an open case is counted however long it has waited."""
        assert isinstance(fact, Followed)
        if fact.lasting:
            return fact.empty().with_columns(pl.col("actor").cast(pl.UInt32))
        return self._numbered(fact, self._cases.between(max(low, -1), high), low)

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The fact's rows in a window."""
        assert isinstance(fact, Followed)
        floor, now = spells.micro(since), spells.micro(end)
        relevant = pl.col("open") | (pl.col("closed_at") > floor) | (pl.col("start") > floor)
        carried = self._log.once_a_reading(
            ("followed cases", floor, now), lambda: _until(self._cases.rows(relevant), now, self._log.options)
        )
        return fact.cut(carried, floor)


def _until(followed: pl.DataFrame, now: int, options: Options) -> pl.DataFrame:
    """Open cases, which were followed up to the last event of their day, carried on to the present moment."""
    end = followed["end"].to_numpy()
    still = followed["open"].to_numpy()
    present = np.where(still, now, end)
    idle = followed["idle"].to_numpy()
    more = np.where(idle, 0, spells.clock(end, present, options))
    off = np.zeros_like(end)
    rests = np.flatnonzero(idle & (followed["start"].to_numpy() >= 0))
    if len(rests):
        off[rests] = spells.days_off(end[rests], present[rests], followed["start"].to_numpy()[rests], options)
    elapsed, days_off = pl.col("elapsed") + pl.Series(more), pl.col("days_off") + pl.Series(off)
    return followed.with_columns(end=pl.Series(present), elapsed=elapsed, days_off=days_off)
