"""The events of a window, and what several facts share of them.

The rows that follow cases are read in one pass and matched by a 64-bit hash of the case id; see `follow` and `deciders` for how
that stays exact. What needs no case is read from the window alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

import polars as pl

from aura_analytics.cases.base import Fact, Facts, Joins
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.options import Options
from aura_analytics.events import CLOCK_TYPES, VERDICT_TYPES

__all__ = ["Window", "build", "case_hash", "drill_cases", "follow_pass", "split_off"]

T = TypeVar("T")


def case_hash() -> pl.Expr:
    """The hash that cases are matched by, as `h`. It lives no longer than one call."""
    # polars gives null a hash like any other value; events without a case have none in common
    return pl.when(pl.col("case_id").is_not_null()).then(pl.col("case_id").hash(11)).alias("h")


def drill_cases(events: pl.LazyFrame) -> pl.Series:
    """The cases that events say are drills."""
    said = events.filter((pl.col("type") == "DRILL") & pl.col("case_id").is_not_null())
    return collect(said.select(pl.col("case_id").unique()))["case_id"]


def split_off(events: pl.LazyFrame, cases: pl.Series) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The events of all other cases, and those of some."""
    if cases.is_empty():
        return events, events.clear()
    among = pl.col("case_id").is_in(cases.implode()).fill_null(value=False)
    return events.filter(~among), events.filter(among)


class Window:
    """The events of a window.

    Parameters
    ----------
    events
        Events on the contract.
    as_of, since
        The window `(since, as_of]`; `since` None is the whole log. Nothing after `as_of` is looked at.
    needs
        Which facts are asked for, and which of their columns somebody reads.
    options
        Attribution and timing.
    beside
        A window of the same events up to the same moment whose rows serve this one too, where they suffice.
    drills
        The cases that are drills; default what the events up to `as_of` say.

    Attributes
    ----------
    past
        The events up to `as_of`, those of drills left out.
    inside
        Those in the window.
    drilled
        The events of drills up to `as_of`.
    """

    def __init__(
        self,
        events: pl.LazyFrame,
        as_of: datetime,
        since: datetime | None,
        needs: Mapping[Fact, set[str]],
        options: Options | None = None,
        beside: Window | None = None,
        drills: pl.Series | None = None,
    ) -> None:
        self._beside = beside
        self.as_of: datetime
        self.since: datetime | None
        self.needs: Mapping[Fact, set[str]]
        self.as_of, self.since, self.needs = as_of, since, needs
        self.options: Options = options or Options()
        everything = events.filter(pl.col("ts") <= as_of)
        self.drills: pl.Series = drill_cases(everything) if drills is None else drills
        self.past: pl.LazyFrame
        self.drilled: pl.LazyFrame
        self.past, self.drilled = split_off(everything, self.drills)
        self.inside: pl.LazyFrame = self.past if since is None else self.past.filter(pl.col("ts") > since)
        self._shared: dict[str, object] = {}

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several facts share, made when it is first asked for."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]  # type: ignore[return-value]

    @property
    def joins(self) -> Joins:
        """What the facts that are asked for need of the pass."""
        asked = self.once("joins", lambda: [fact.joins(self) for fact in self.needs])
        return Joins(any(j.clock for j in asked), any(j.verdicts for j in asked), any(j.queue for j in asked))

    @property
    def rows(self) -> pl.DataFrame | None:
        """The rows that follow cases: type, hash of the case, time, actor; None when no fact needs any."""
        beside = self._beside
        if beside is not None and beside.joins.include(self.joins):
            return beside.rows
        return self.once("rows", lambda: follow_pass(self.past, self.joins))

    def facts(self) -> Facts:
        """The facts that are asked for."""
        return Facts(self.as_of, self.since, {fact: fact.build(self, columns) for fact, columns in self.needs.items()})


def follow_pass(past: pl.LazyFrame, joins: Joins) -> pl.DataFrame | None:
    """The rows that follow cases, in one pass."""
    types = [*(CLOCK_TYPES[1:] if joins.clock else ()), *(VERDICT_TYPES if joins.verdicts else ())]
    if not types:
        return None
    columns = ["type", "ts", "actor", "actor_kind", *(["queue"] if joins.queue else [])]
    return collect(past.filter(pl.col("type").is_in(types)).select(*columns, case_hash()))


def build(
    events: pl.LazyFrame,
    as_of: datetime,
    since: datetime | None,
    needs: Mapping[Fact, set[str]],
    options: Options | None = None,
) -> Facts:
    """The facts of a window.

    Parameters
    ----------
    events, as_of, since, needs, options
        As `Window`.
    """
    return Window(events, as_of, since, needs, options).facts()
