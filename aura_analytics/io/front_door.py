"""The front door: whatever holds events, as one lazy table on the contract.

Every function that takes events goes through `as_events`, so that a frame, a file, a ledger, a simulated run or a list of dicts
means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import polars as pl

from aura_analytics import extensions
from aura_analytics.errors import InputError, Problem
from aura_analytics.events import SCHEMA, from_records, is_on_contract, validate
from aura_analytics.io.checked import checked_events
from aura_analytics.io.elsewhere import is_elsewhere, kept_elsewhere

__all__ = ["LEDGER_SUFFIXES", "EventsLike", "HasArrowStream", "HasEvents", "as_events", "is_ledger_address"]

LEDGER_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_EXPECTED = (
    "a polars frame, a Ledger or its address, a SimulationRun, an AccountabilityLogger, a path, folder or glob, a list of dicts, "
    "or a frame with the Arrow interface (pandas, pyarrow, DuckDB)"
)


@runtime_checkable
class HasEvents(Protocol):
    """What says itself which events it holds: a ledger, a simulated run, a decision log."""

    def __aura_events__(self) -> pl.LazyFrame:
        """The events, on the contract."""


@runtime_checkable
class HasArrowStream(Protocol):
    """A table of any library that speaks the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The table as an Arrow stream."""


EventsLike: TypeAlias = (
    pl.LazyFrame | pl.DataFrame | HasEvents | HasArrowStream | str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any]]
)


def is_ledger_address(given: object) -> bool:
    """Whether a text or path names a ledger rather than a file of events.

    Examples
    --------
    >>> is_ledger_address("sqlite:///aura.db"), is_ledger_address("aura.db"), is_ledger_address("events.parquet")
    (True, True, False)
    """
    text = str(given)
    return isinstance(given, (str, Path)) and not is_elsewhere(given) and ("://" in text or text.endswith(LEDGER_SUFFIXES))


def as_events(events: EventsLike, *, quarantine: str | Path | None = None) -> pl.LazyFrame:
    """Events on the contract, from whatever holds them.

    Parameters
    ----------
    events
        A polars frame (on the contract it is taken as it is; any other is validated), a `Ledger` or its address, a `SimulationRun`,
        an `AccountabilityLogger`, the path of a file, a folder or a glob (or a list of these; every row is checked), a Delta table
        (its folder, or `delta+s3://...`) or Parquet files in object storage (`s3://bucket/events/*.parquet`), a list of dicts
        (`from_records`), or any frame with the Arrow PyCapsule interface: pandas, pyarrow, DuckDB.
    quarantine
        For files: the file that takes lines and rows that break the contract; without it they raise.

    Returns
    -------
    polars.LazyFrame
        Columns and dtypes of the contract.

    Raises
    ------
    InputError
        If it is nothing that holds events.
    SchemaError, EventError
        If a table cannot be brought onto the contract; all problems at once.
    FileMissingError, FileFormatError
        If a path names nothing, or no event file.

    Examples
    --------
    >>> table = as_events([{"type": "OVERRIDE", "actor": "anne", "ts": "2026-01-05T10:00:00Z"}])
    >>> table.collect().select("type", "actor").row(0)
    ('OVERRIDE', 'anne')
    """
    if isinstance(events, (pl.LazyFrame, pl.DataFrame)):
        return events.lazy() if is_on_contract(events) else validate(events).lazy()
    if isinstance(events, HasEvents) and not isinstance(events, type):
        return events.__aura_events__()
    if isinstance(events, (str, Path)):
        if is_elsewhere(events):
            stored = kept_elsewhere(events)
            return stored.select(SCHEMA.names()) if is_on_contract(stored) else validate(stored).lazy()
        if is_ledger_address(events):
            found: pl.LazyFrame = extensions.provided("events of a ledger's address")(events)
            return found
        return checked_events(events, quarantine)
    if isinstance(events, HasArrowStream) and not isinstance(events, type):
        return as_events(pl.DataFrame(events))
    if isinstance(events, Iterable) and not isinstance(events, (bytes, Mapping)):
        return _of_items(list(events), quarantine)
    hint = "one event is put into a list" if isinstance(events, Mapping) else None
    raise InputError(Problem("that holds no events", got=_named(events), expected=_EXPECTED, next=hint))


def _of_items(items: list[Any], quarantine: str | Path | None) -> pl.LazyFrame:
    if items and all(isinstance(item, (str, Path)) for item in items):
        return checked_events(items, quarantine)
    wrong = next((place for place, item in enumerate(items) if not isinstance(item, Mapping)), None)
    if wrong is not None:
        where = f"item {wrong}"
        raise InputError(Problem("that holds no events", got=_named(items[wrong]), expected="a dict per event", where=where))
    return from_records(items).lazy()


def _named(given: object) -> object:
    """What was given, as an error may show it: small things themselves, of others the type."""
    return given if isinstance(given, (bool, int, float, str)) else type(given)
