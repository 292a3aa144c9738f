"""How far a log reaches: its last event about work, what it holds up to there, and what lies beyond.

Events that say what was decided about people (HR actions) are no work: a signature of today must not move the window of last
year's log, or empty its board.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.clock import times
from aura_analytics.events import RECORD_TYPES

__all__ = ["WORK", "Extent", "extent", "last_work"]

_WORD = 2**64
WORK: pl.Expr = ~pl.col("type").is_in(RECORD_TYPES)


@dataclass
class Extent:
    """How far a log reaches.

    Attributes
    ----------
    end
        Time of the last event about work; of a log that holds none the last event; None for an empty log.
    events
        Events about work up to then, or up to the moment that was asked for.
    times, acts
        Sums over these events, in any order, from which `digest` is made.
    beyond
        Times of what is no work, microseconds since 1970.
    later
        Events after the moment that was asked for; None where none was.
    first
        Time of the first event.
    """

    end: datetime | None = None
    events: int = 0
    times: int = 0
    acts: int = 0
    beyond: list[int] = field(default_factory=list)
    later: int | None = None
    first: datetime | None = None

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of what is counted here: number, times and types of the events."""
        return hashlib.sha256(f"{self.events} {self.times} {self.acts}".encode()).hexdigest()[:16]

    def after(self, moment: datetime) -> int:
        """How many events lie after a moment, which is not before `end`."""
        if self.later is not None:
            return self.later
        micro = times.epoch_micros(moment)
        return sum(at > micro for at in self.beyond)

    def add(self, other: Extent) -> None:
        """Take in what came since."""
        if other.end is not None and (other.events or not self.events):  # what is no work moves no end that work has set
            both = self.end is not None and bool(self.events) == bool(other.events)
            self.end = max(self.end, other.end) if both and self.end is not None else other.end
        self.events, self.times, self.acts = (
            self.events + other.events,
            (self.times + other.times) % _WORD,
            (self.acts + other.acts) % _WORD,
        )
        self.beyond += other.beyond
        if other.later is not None:
            self.later = (self.later or 0) + other.later
        if other.first is not None:
            self.first = other.first if self.first is None else min(self.first, other.first)


def extent(events: pl.LazyFrame, as_of: datetime | None = None) -> Extent:
    """How far a log reaches, in one pass over times and types.

    Parameters
    ----------
    events
        Events on the contract.
    as_of
        Look no further than here; default the last event about work.
    """
    micro = pl.col("ts").to_physical()
    code = pl.col("type").to_physical().cast(pl.Int64) + 1
    reached = events if as_of is None else events.filter(pl.col("ts") <= as_of)
    # sums wrap at 64 bits, in whatever order they are taken; records are few, and taken out again
    row = collect(
        reached.select(
            first=pl.col("ts").min(),
            last=pl.col("ts").max(),
            events=pl.len(),
            times=micro.sum(),
            acts=(micro * code).sum(),
            beyond=pl.struct(micro.alias("ts"), code.alias("code")).filter(~WORK).implode(),
        )
    ).row(0, named=True)
    records = [(item["ts"], item["code"]) for item in row["beyond"] or ()]
    times_of, acts_of = sum(at for at, _ in records), sum(at * kind for at, kind in records)
    last = row["last"]
    if records and row["events"] > len(records) and max(at for at, _ in records) == times.epoch_micros(last):
        last = collect(reached.select(pl.col("ts").filter(WORK).max())).item()
    later = None if as_of is None else collect(events.select(pl.len())).item() - row["events"]
    return Extent(
        None if last is None else times.parse_as_of(last),
        row["events"] - len(records),
        ((row["times"] or 0) - times_of) % _WORD,
        ((row["acts"] or 0) - acts_of) % _WORD,
        [at for at, _ in records],
        later,
        None if row["first"] is None else times.parse_as_of(row["first"]),
    )


def last_work(events: pl.LazyFrame) -> datetime | None:
    """The time of the last event about work (of a log that holds none, of the last event); None for an empty log."""
    row = collect(events.select(work=pl.col("ts").filter(WORK).max(), last=pl.col("ts").max())).row(0)
    last = row[0] if row[0] is not None else row[1]
    return None if last is None else times.parse_as_of(last)
