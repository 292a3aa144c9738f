"""A log that grows: its rows by case, and how the facts made of them are kept up to date.

New events touch few cases; these are looked at again from all their events, old and new, so an event that arrives late, or out of
order, ends in the same facts as if it had been there from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime, timezone
from typing import NamedTuple, TypeVar

import polars as pl

from aura_analytics.cases.base import Fact, Facts, Joins
from aura_analytics.cases.collecting import FEW, collect
from aura_analytics.cases.extent import Extent, extent
from aura_analytics.cases.growing import GrowingCases, GrowingRows
from aura_analytics.cases.options import Options
from aura_analytics.cases.truth import words_of
from aura_analytics.cases.window import Window, case_hash, drill_cases, follow_pass, split_off
from aura_analytics.events import SCHEMA, VERDICT_TYPES

__all__ = ["Change", "GrowingLog", "Kept", "KeptByCase", "Rebuilt"]

T = TypeVar("T")


class Change(NamedTuple):
    """Facts that came, and facts that went.

    Attributes
    ----------
    added, removed
        Rows of the fact's table, actors as numbers.
    lasting
        Whether they count however old they are; otherwise only those inside the window do.
    """

    added: pl.DataFrame
    removed: pl.DataFrame
    lasting: bool = False


class Kept:
    """The facts of a growing log, kept up to date: what a fact's `keep` returns."""

    def add(self) -> dict[Fact, Change]:
        """Take in what the log has just taken in; returns what came and went of each fact."""
        raise NotImplementedError

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The facts of the window `(since, end]`; of some actors those of others may be left out."""
        raise NotImplementedError

    def comes_and_goes(self, fact: Fact) -> bool:
        """Whether a row depends on nothing but its own case, so that rows can be added and taken away one by one."""
        return False

    def between(self, fact: Fact, low: int, high: int) -> pl.DataFrame:
        """The facts with a time in `(low, high]`, microseconds since 1970: they leave the window when it moves on."""
        raise NotImplementedError


class GrowingLog:
    """The rows of a log that facts need, by case, with actors as numbers.

    Parameters
    ----------
    events
        The log so far.
    needs
        Facts, and which of their columns somebody reads.
    options
        Attribution and timing.

    Attributes
    ----------
    events
        The events taken in last.
    fresh
        Their rows that facts need; `touched`: the hashes of their cases; `everything`: all rows of these cases.
    first, first_in_case
        What the log began with, while facts are first made of it.
    extent
        How far the log reaches.
    floor
        Start of the window whose facts are summed, microseconds since 1970; None while nothing is.
    drills, drilled
        The cases that are drills, and the rows of these, which are nowhere else.
    turned, gone
        The cases of which what was taken in last said that they are drills, and their rows that were counted until then.
    """

    def __init__(self, events: pl.LazyFrame, needs: Mapping[Fact, set[str]], options: Options) -> None:
        self.needs: Mapping[Fact, set[str]]
        self.options: Options
        self.events: pl.LazyFrame
        self.needs, self.options, self.events = needs, options, events
        self.numbers: dict[str, int] = {}
        self.extent: Extent = Extent()
        self.floor: int | None = None
        self._shared: dict[str, object] = {}
        self._reading: dict[Hashable, object] = {}
        asked = [fact.reads(columns) for fact, columns in needs.items()]
        self._types = sorted({name for types, _ in asked for name in types})
        wanted = {name for _, columns in asked for name in columns}
        known = [name for name in SCHEMA if name not in ("event_id", "type", "ts", "actor", "actor_kind", "case_id")]
        self._columns = ["type", "ts", "actor", "actor_kind", "case_id", *(name for name in known if name in wanted)]
        self._advance(events)
        self.drills: pl.Series = drill_cases(events)
        self.turned: pl.Series = self.drills.head(0)
        self.events, of_drills = split_off(events, self.drills)
        rows = self._rows(self.events)
        self.drilled: pl.DataFrame
        self.gone: pl.DataFrame
        self.drilled, self.gone = self._rows(of_drills) if self.drills.len() else rows.head(0), rows.head(0)
        self.first: pl.DataFrame
        self.first_in_case: pl.DataFrame
        self.fresh: pl.DataFrame
        self.touched: pl.Series
        self.first, self.first_in_case = rows, rows.filter(pl.col("h").is_not_null())
        self.fresh, self.touched = rows.head(0), rows["h"].head(0)
        self.store: GrowingCases = GrowingCases(self.first_in_case, "ts")
        self._loose: GrowingRows = GrowingRows(rows.filter(pl.col("h").is_null()), "ts")
        self._everything: pl.DataFrame | None = None
        self._verdicts: pl.DataFrame | None = None
        self.kept: dict[Fact, Kept | Rebuilt] = {fact: fact.keep(self) or Rebuilt(self, fact) for fact in needs}
        self.first = self.first_in_case = rows.head(0)

    @property
    def now(self) -> datetime:
        """The time of the last event."""
        return self.last or datetime(1970, 1, 1, tzinfo=timezone.utc)

    @property
    def everything(self) -> pl.DataFrame:
        """All rows of the touched cases."""
        if self._everything is None:
            self._everything = self.store.of(self.touched)
        return self._everything

    @property
    def verdicts(self) -> pl.DataFrame:
        """The verdicts in the touched cases."""
        if self._verdicts is None:
            self._verdicts = self.verdicts_in(self.everything)
        return self._verdicts

    @staticmethod
    def verdicts_in(rows: pl.DataFrame) -> pl.DataFrame:
        """The verdicts among some rows."""
        found = follow_pass(rows.lazy(), Joins(verdicts=True))
        assert found is not None
        return found

    @property
    def loose(self) -> pl.DataFrame:
        """The rows without a case."""
        return self._loose.rows()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What several facts share."""
        if name not in self._shared:
            self._shared[name] = make()
        return self._shared[name]  # type: ignore[return-value]

    def once_a_reading(self, name: Hashable, make: Callable[[], T]) -> T:
        """What several facts share of one reading."""
        if name not in self._reading:
            self._reading = {name: make()}
        return self._reading[name]  # type: ignore[return-value]

    def add(self, events: pl.DataFrame) -> dict[Fact, Change]:
        """Take in more events; returns what came and went of each fact."""
        self._reading = {}
        self._advance(events.lazy())
        self.events = self._without_drills(events)
        self.fresh = self._rows(self.events)
        in_case = self.fresh.filter(pl.col("h").is_not_null())
        self.store.add(in_case)
        self._loose.add(self.fresh.filter(pl.col("h").is_null()))
        self.touched = pl.concat([in_case["h"], self.gone["h"]]).unique().sort()  # sorted keys are looked up several times faster
        self._everything = self._verdicts = None
        changes: dict[Fact, Change] = {}
        for kept in dict.fromkeys(self.kept.values()):
            changes |= kept.add()
        return changes

    def _without_drills(self, events: pl.DataFrame) -> pl.LazyFrame:
        """New events but those of drills; what was counted of a case of which they say that it is one is counted no more."""
        said = drill_cases(events.lazy()) if (events["type"] == "DRILL").any() else self.drills.head(0)
        self.gone = self.gone.head(0)
        self.turned = new = said.filter(~said.is_in(self.drills.implode())) if said.len() else said
        if new.len():
            self.drills = pl.concat([self.drills, new])
            theirs = pl.col("case_id").is_in(new.implode())
            keys = new.to_frame("case_id").select(case_hash())["h"].unique().sort()
            rows = self.store.of(keys)
            self.gone = rows.filter(theirs)
            self.store.replace(keys, rows.filter(~theirs))
        if self.drills.is_empty():
            return events.lazy()
        rest, of_drills = split_off(events.lazy(), self.drills)
        self.drilled = pl.concat([self.drilled, self.gone, self._rows(of_drills)])
        return rest

    def words(self) -> set[str]:
        """The words of verdicts, where the verdicts are kept."""
        found = [
            words_of(rows.lazy()) for rows in (self.loose, self.store.rows(pl.col("type").is_in([*VERDICT_TYPES, "ADJUDICATION"])))
        ]
        return found[0] | found[1]

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None = None) -> pl.DataFrame:
        """The facts of a window."""
        return self.kept[fact].table(fact, end, since, only)

    def looked_back(self, facts: Iterable[Fact], end: datetime, since: datetime | None) -> Facts:
        """Facts as they were at a past moment, built anew from the rows that are kept."""
        rows = pl.concat([self.store.rows(), self._loose.rows(), self.drilled]).drop("h").lazy()
        needs = {fact: self.needs[fact] for fact in facts}
        window = Window(rows, end, since, needs, self.options, drills=self.drills)
        return Facts(end, since, {fact: fact.build(window, columns) for fact, columns in needs.items()})

    def _advance(self, events: pl.LazyFrame) -> None:
        self.extent.add(extent(events))

    @property
    def start(self) -> datetime | None:
        """The time of the first event."""
        return self.extent.first

    @property
    def last(self) -> datetime | None:
        """The time of the last event about work."""
        return self.extent.end

    def _rows(self, events: pl.LazyFrame) -> pl.DataFrame:
        return collect(events.filter(pl.col("type").is_in(self._types)).select(*self._columns, case_hash()))

    def number(self, actors: pl.Series) -> pl.Series:
        """Actors as numbers, new ones numbered as they come."""
        numbers = self.numbers
        if actors.len() < FEW:
            found = [None if name is None else numbers.setdefault(name, len(numbers)) for name in actors.to_list()]
            return pl.Series("actor", found, dtype=pl.UInt32)
        distinct = actors.unique().drop_nulls().to_list()
        chosen = [numbers.setdefault(name, len(numbers)) for name in distinct]
        return actors.replace_strict(distinct, chosen, default=None, return_dtype=pl.UInt32).alias("actor")


class KeptByCase(Kept):
    """Facts that are made of the events of one case; rows without a case are facts of their own.

    Parameters
    ----------
    log
        The log.
    fact
        The fact.
    make
        The fact's rows, with `h`, of the rows of some cases and the verdicts among them.
    """

    def __init__(self, log: GrowingLog, fact: Fact, make: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]) -> None:
        self._log, self._fact, self._make = log, fact, make
        loose = log.first.filter(pl.col("h").is_null())
        self._cases = GrowingCases(self._numbered(log.first_in_case), "ts")
        self._loose = GrowingRows(self._numbered(loose), "ts")

    def _numbered(self, rows: pl.DataFrame, verdicts: pl.DataFrame | None = None) -> pl.DataFrame:
        found = self._make(rows, self._log.verdicts_in(rows) if verdicts is None else verdicts)
        return found.with_columns(self._log.number(found["actor"]))

    def add(self) -> dict[Fact, Change]:
        """Look at the touched cases again."""
        added, removed = [], []
        if self._log.touched.len():
            rows = self._numbered(self._log.everything, self._log.verdicts)
            removed.append(self._cases.replace(self._log.touched, rows))
            added.append(rows)
        loose = self._log.fresh.filter(pl.col("h").is_null())
        if loose.height:
            found = self._numbered(loose)
            self._loose.add(found)
            added.append(found)
        if not added:
            return {}
        columns = added[0].columns
        gone = [part.select(columns) for part in removed] or [added[0].head(0)]
        return {self._fact: Change(pl.concat([part.select(columns) for part in added]), pl.concat(gone))}

    def comes_and_goes(self, fact: Fact) -> bool:
        """Always."""
        return True

    def between(self, fact: Fact, low: int, high: int) -> pl.DataFrame:
        """The facts that leave the window when it moves on."""
        return pl.concat([self._cases.between(low, high), self._loose.between(low, high)])

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The facts of a window."""
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        return pl.concat([self._cases.rows(inside), self._loose.rows(inside)]).drop("h")


class Rebuilt(Kept):
    """Facts that are built anew from their events at every reading: right for any fact, and quick for none."""

    def __init__(self, log: GrowingLog, fact: Fact) -> None:
        self._log, self._fact = log, fact
        self._rows = GrowingRows(self._own(), "ts")

    def _own(self) -> pl.DataFrame:
        return collect(self._log.events.filter(pl.col("type").is_in(list(self._fact.types))))

    def add(self) -> dict[Fact, Change]:
        """Keep the new events."""
        if self._log.turned.len():
            self._rows.drop(pl.col("case_id").is_in(self._log.turned.implode()))
        self._rows.add(self._own())
        return {}

    def table(self, fact: Fact, end: datetime, since: datetime | None, only: set[str] | None) -> pl.DataFrame:
        """The facts of a window, built from the events."""
        columns = self._log.needs[fact]
        window = Window(self._rows.rows().lazy(), end, since, {fact: columns}, self._log.options, drills=self._log.drills)
        return fact.build(window, columns)
