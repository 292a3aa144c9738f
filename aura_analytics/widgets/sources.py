"""What a widget looks at: events, a ledger, or a simulated run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.cases.facts import collect
from aura_analytics.simulation.run import SimulationRun
from aura_analytics.times import parse_as_of

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["WORK", "Source", "last_work", "source_of"]

# what HR does is no work, and moves no dossier
WORK = pl.col("type") != "HR_ACTION"


@dataclass(frozen=True)
class Source:
    """Events (or a frame of dossiers), where they come from in words, and the ledger (up to `seen`) or the run behind them."""

    events: pl.LazyFrame
    origin: str
    ledger: Ledger | None = None
    seen: int = 0
    run: SimulationRun | None = None


def source_of(given: Any) -> Source:
    """The events of a frame, a ledger or a run."""
    if isinstance(given, SimulationRun):
        origin = f"scenario {given.scenario.name}, seed {given.seed}, replication {given.replication}"
        return Source(given.scan(), origin, run=given)
    if isinstance(given, (pl.DataFrame, pl.LazyFrame)):
        return Source(given.lazy(), "a log")
    seen = given.info().events
    return Source(given.events_upto(seen), "a ledger", ledger=given, seen=seen)


def last_work(events: pl.LazyFrame) -> datetime | None:
    """The time of the last event that is work; None without any."""
    last = collect(events.filter(WORK).select(pl.col("ts").max())).item()
    return None if last is None else parse_as_of(last)
