"""Events in pieces, each of which is read where it is, by whoever counts it: a file of a log, or some rows of a large one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.events import SCHEMA, is_on_contract, validate
from aura_analytics.io.checked import checked_file
from aura_analytics.io.elsewhere import is_elsewhere, kept_elsewhere
from aura_analytics.io.files import has_columns, read_events, resolve
from aura_analytics.io.front_door import EventsLike, as_events, is_ledger_address
from aura_analytics.io.readers.registry import readers

__all__ = ["EventPiece", "events_of", "pieces_of"]

ROWS = 4_000_000  # of a piece of a large file
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
    """

    source: str
    root: str | None = None
    rows: tuple[int, int] | None = None
    checked: bool = False
    about: int = 0

    def __str__(self) -> str:
        """Where they are, in words."""
        return self.source if self.rows is None else f"{self.source}, {self.rows[1]:,} rows from {self.rows[0]:,} on"


def pieces_of(events: EventsLike, folder: Path) -> list[EventPiece]:
    """Whatever holds events, in pieces; what is in no file is written into a folder.

    Raises
    ------
    InputError, SchemaError, EventError, FileMissingError, FileFormatError, ParameterError
        As `as_events`; rows of files are checked only when they are read.
    """
    if isinstance(events, (str, Path)) and is_elsewhere(events):
        return [EventPiece(str(events), None, rows, about=rows[1]) for rows in _ranges(kept_elsewhere(events))]
    if _are_files(events):
        given: str | Path | Sequence[str | Path] = events  # type: ignore[assignment]
        files = [file.absolute() for file in resolve(given)]
        if len({readers().of(file, events=True).name for file in files}) > 1:
            read_events(given)  # says what is wrong
        root = Path(given).absolute() if isinstance(given, (str, Path)) and Path(given).is_dir() else None
        below = None if root is None else str(root)
        return [piece for file in files for piece in _pieces_of_file(file, below)]
    target = folder.absolute() / "events.parquet"
    as_events(events).sink_parquet(target)
    return [EventPiece(str(target), None, rows, checked=True, about=rows[1]) for rows in _ranges(pl.scan_parquet(target))]


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
        return pl.scan_parquet(piece.source).slice(first, count)
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
