"""Events in pieces, each of which is read where it is, by whoever counts it: a file of a log, or some rows of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.events import SCHEMA, is_on_contract, validate
from aura_analytics.io.checked import LARGE, checked_file
from aura_analytics.io.elsewhere import is_elsewhere, kept_elsewhere
from aura_analytics.io.files import has_columns, read_events, resolve
from aura_analytics.io.front_door import EventsLike, as_events, is_ledger_address
from aura_analytics.io.readers.registry import readers

__all__ = ["EventPiece", "events_of", "pieces_of", "read_together"]

ROWS = 4_000_000  # of a piece of a large file
SMALL = LARGE  # events of a log that is read by the front door
_BYTES = 150  # of an event in a file of text, about


class EventPiece(NamedTuple):
    """Where some events are.

    Attributes
    ----------
    source
        A file, or an address.
    root
        The folder whose folders' names say values.
    rows
        The first row, and how many; None is all of them.
    checked
        Whether the rows have been checked already.
    about
        About how many events there are.
    file
        Which of the files of a log it is of, from 0 on: one that is named twice is two.
    """

    source: str
    root: str | None = None
    rows: tuple[int, int] | None = None
    checked: bool = False
    about: int = 0
    file: int = 0

    def __str__(self) -> str:
        """Where they are, in words."""
        return self.source if self.rows is None else f"{self.source}, {self.rows[1]:,} rows from {self.rows[0]:,} on"


def pieces_of(events: EventsLike, folder: Path) -> list[EventPiece]:
    """Whatever holds events, in pieces. What is in no file, and what is small, is read by the front door and written into a folder.

    Of a log of more than five million events rows are checked one by one, when they are read.

    Raises
    ------
    InputError, SchemaError, EventError, FileMissingError, FileFormatError, ParameterError
        As `as_events`.
    """
    found = _where_they_are(events)
    return found if sum(piece.about for piece in found) > SMALL else read_together(events, folder)


def read_together(events: EventsLike, folder: Path) -> list[EventPiece]:
    """Whatever holds events, read as every function reads it, and written into a folder.

    Raises
    ------
    InputError, SchemaError, EventError, FileMissingError, FileFormatError, ParameterError
        As `as_events`.
    """
    target = folder.absolute() / "events.parquet"
    as_events(events).sink_parquet(target)
    laid = pl.scan_parquet(target, glob=False)
    return [EventPiece(str(target), None, rows, checked=True, about=rows[1]) for rows in _ranges(laid)]


def _where_they_are(events: EventsLike) -> list[EventPiece]:
    """The pieces of what lies in files, or elsewhere; none of what does not."""
    if isinstance(events, (str, Path)) and is_elsewhere(events):
        return [EventPiece(str(events), None, rows, about=rows[1]) for rows in _ranges(kept_elsewhere(events))]
    if not _are_files(events):
        return []
    given: str | Path | Sequence[str | Path] = events  # type: ignore[assignment]
    files = [file.absolute() for file in resolve(given)]
    if len({readers().of(file, events=True).name for file in files}) > 1:
        read_events(given)  # says what is wrong
    below = str(Path(given).absolute()) if isinstance(given, (str, Path)) and Path(given).is_dir() else None
    return [piece._replace(file=at) for at, file in enumerate(files) for piece in _pieces_of_file(file, below)]


def events_of(piece: EventPiece) -> pl.LazyFrame:
    """The events of a piece, checked.

    Raises
    ------
    EventError
        If rows break the contract.
    FileMissingError, FileFormatError, SchemaError
        As `as_events`.
    """
    first, count = piece.rows or (0, None)
    if piece.checked:
        return pl.scan_parquet(piece.source, glob=False).slice(first, count)
    if is_elsewhere(piece.source):
        part = kept_elsewhere(piece.source).slice(first, count)
        return part.select(SCHEMA.names()) if is_on_contract(part) else validate(part).lazy()
    return checked_file(Path(piece.source), None if piece.root is None else Path(piece.root), piece.rows)


def _pieces_of_file(file: Path, root: str | None) -> list[EventPiece]:
    if not has_columns(file):
        return [EventPiece(str(file), root, about=file.stat().st_size // _BYTES)]
    try:
        ranges = _ranges(pl.scan_parquet(file, glob=False))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        ranges = []  # whoever reads it says what is wrong with it
    if len(ranges) < 2:
        return [EventPiece(str(file), root, about=sum(count for _, count in ranges))]
    return [EventPiece(str(file), root, rows, about=rows[1]) for rows in ranges]


def _are_files(events: object) -> bool:
    if isinstance(events, (str, Path)):
        return not is_ledger_address(events)
    listed = isinstance(events, Sequence) and not isinstance(events, (bytes, pl.DataFrame)) and bool(events)
    return listed and all(isinstance(item, (str, Path)) for item in events)  # type: ignore[attr-defined]


def _ranges(frame: pl.LazyFrame) -> list[tuple[int, int]]:
    rows = int(frame.select(pl.len()).collect().item())
    number = max(1, -(-rows // ROWS))
    edges = [rows * at // number for at in range(number + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]
