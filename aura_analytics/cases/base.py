"""What a fact is: a table of what the events say happened, which metrics count.

A fact of one's own is a subclass with a name, a schema and `build`. Everything else has a default: in `DossierState` it is then
built anew from the events that it is made of, at every reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.errors import EventError, Problem
from aura_analytics.events import EVENT_TYPES

if TYPE_CHECKING:
    from datetime import datetime

    from aura_analytics.cases.growing_log import GrowingLog, Kept
    from aura_analytics.cases.window import Window

__all__ = ["Fact", "Facts", "Joins"]


@dataclass(frozen=True)
class Joins:
    """What a fact needs of the one pass over the rows that follow cases.

    Parameters
    ----------
    clock
        The events of the clock: assigned, paused, resumed, resolved.
    verdicts
        Decisions and overrides.
    queue
        The queue of each row.
    """

    clock: bool = False
    verdicts: bool = False
    queue: bool = False

    def include(self, other: Joins) -> bool:
        """Whether a pass for these serves others too."""
        pairs = ((self.clock, other.clock), (self.verdicts, other.verdicts), (self.queue, other.queue))
        return all(mine or not theirs for mine, theirs in pairs)


@dataclass(frozen=True, eq=False)
class Fact:
    """A table of facts: one row per act, with whom it is about and when.

    Parameters
    ----------
    name
        Its name, for people and error messages.
    schema
        Columns and dtypes; `actor` is whom a row is about.
    types
        The types of events that it is made of.
    hindsight
        Columns that only later events tell: no rolling series is made of them, since they would leak into earlier readings.
    values
        Range of `value` and how it is called in words; a value outside of it stops the count.
    settled
        Whether a row, once there, is never changed by what happens later (columns of `hindsight` aside).
    by_case
        Whether a row rests on nothing but the events of its own case (without a case: of its own actor), but for what `together`
        says anew. Such facts can be made of some cases at a time, and so by many machines.
    """

    name: str
    schema: Mapping[str, pl.DataType]
    types: tuple[str, ...] = EVENT_TYPES
    hindsight: frozenset[str] = frozenset()
    values: tuple[float, float, str] | None = None
    settled: bool = False
    by_case: bool = False

    def __repr__(self) -> str:
        return f"<fact {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fact) and (type(self), self.name) == (type(other), other.name)

    def __hash__(self) -> int:
        return hash((type(self).__qualname__, self.name))

    def joins(self, window: Window) -> Joins:
        """What it needs of the pass over the rows that follow cases."""
        return Joins()

    def build(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The facts of a window; of `columns` only those that somebody reads need be there."""
        raise NotImplementedError

    def together(self, table: pl.DataFrame, columns: set[str]) -> pl.DataFrame:
        """All rows of some actors, made of some cases at a time and put together: what rests on several cases is said anew."""
        return table

    def trace(self, window: Window, columns: set[str]) -> pl.DataFrame:
        """The same facts with `case_id`, so that every number can be followed to its cases."""
        return self.build(window, {*columns, "case_id"})

    def keep(self, log: GrowingLog) -> Kept | None:
        """How the facts of a growing log are kept up to date; None builds them anew from their events at every reading."""
        return None

    def reads(self, columns: set[str]) -> tuple[set[str], set[str]]:
        """Types of events and columns of the contract that a growing log must keep by case for this fact."""
        return set(), set()

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return pl.DataFrame(schema=dict(self.schema))

    def check(self, table: pl.DataFrame) -> None:
        """A wrong number is worse than none: values that break the contract stop the count.

        Raises
        ------
        EventError
            For a value out of the fact's range.
        """
        if self.values is None or table.is_empty():
            return
        low, high, expected = self.values
        bad = table.filter(~pl.col("value").is_between(low, high).fill_null(value=False))
        if bad.height:
            raise EventError(
                Problem(
                    f"{bad.height} {self.name} out of range",
                    got=bad["value"][0],
                    expected=expected,
                    next="events.filter sets such rows aside with the reason",
                )
            )


@dataclass
class Facts:
    """What happened, as far as dossiers count it: one table per fact, every row inside the window.

    Attributes
    ----------
    as_of, since
        The window `(since, as_of]`; `since` None is the whole log.
    tables
        The tables that were built.
    """

    as_of: datetime
    since: datetime | None
    tables: dict[Fact, pl.DataFrame] = field(default_factory=dict)

    def table(self, fact: Fact) -> pl.DataFrame:
        """The table of a fact; empty when it was not built."""
        found = self.tables.get(fact)
        return fact.empty() if found is None else found
