"""What a widget looks at: events, a ledger, or a simulated run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from aura_analytics.io.front_door import EventsLike, as_events, is_ledger_address
from aura_analytics.simulation.run import SimulationRun

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Source", "source_of"]


@dataclass(frozen=True)
class Source:
    """Events (or a frame of dossiers), where they come from in words, and the ledger (up to `seen`) or the run behind them."""

    events: pl.LazyFrame
    origin: str
    ledger: Ledger | None = None
    seen: int = 0
    run: SimulationRun | None = None


def source_of(given: EventsLike) -> Source:
    """The events of whatever holds them; a ledger, and a run, are kept beside them. A frame of dossiers stays what it is."""
    if isinstance(given, SimulationRun):
        origin = f"scenario {given.scenario.name}, seed {given.seed}, replication {given.replication}"
        return Source(given.scan(), origin, run=given)
    if isinstance(given, (pl.DataFrame, pl.LazyFrame)) and "as_of" in given.collect_schema():
        return Source(given.lazy(), "a log")
    ledger = opened(given)
    if ledger is None:
        return Source(as_events(given), "a log")
    seen = ledger.info().events
    return Source(ledger.with_decisions(ledger.events_upto(seen)), "a ledger", ledger=ledger, seen=seen)


def opened(given: EventsLike) -> Ledger | None:
    """The ledger that was given, or that an address names; None for anything else."""
    if is_ledger_address(given):
        from aura_analytics.ledger.store import Ledger as _Ledger

        return _Ledger(cast("str | Path", given), create=False)
    return cast("Ledger", given) if hasattr(given, "events_upto") and not isinstance(given, type) else None
