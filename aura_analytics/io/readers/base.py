"""What a reader of one format of files is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from aura_analytics.errors import FileFormatError, Problem

if TYPE_CHECKING:
    from aura_analytics.io.mapping_parts import FileMap

__all__ = ["KEPT_CHARACTERS", "MAX_LINE_BYTES", "Item", "Reader", "UncleanError", "Unreadable"]

MAX_LINE_BYTES = 16 * 1024 * 1024
KEPT_CHARACTERS = 2_000  # of an unreadable line, in a quarantine file; offset and length say where the rest is


class UncleanError(Exception):
    """A file that looked like one without a fault has one."""


@dataclass(frozen=True)
class Unreadable:
    """A stretch of a file that is not a record.

    Attributes
    ----------
    line
        Number of its first line, from 1.
    reason
        Why: a word, a colon, and what was met.
    raw
        Its text, cut at 2,000 characters.
    offset, length
        Where it lies in the file, in bytes, when that is known.
    file
        The file, when several are read as one log.
    """

    line: int
    reason: str
    raw: str
    offset: int | None = None
    length: int | None = None
    file: str | None = None


Item = tuple[int, dict[str, Any]] | Unreadable
"""A record with the number of its line (from 1), or what is none."""


class Reader:
    """How the files of one format are read: a subclass per format, in a file of its own.

    Attributes
    ----------
    name
        One word for the format.
    suffixes
        Ends of its files' names, in small letters, with the dot.
    holds_events
        Whether its files may be on the event contract. Those of a foreign log only come in through a mapping.
    lines
        Whether its files are plain text in which the number of a record is that of its line.
    sparse
        Whether a record need not have every key.
    begins
        Of such a format: the line of the first record of a file without a fault.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    holds_events: ClassVar[bool] = True
    lines: ClassVar[bool] = False
    begins: ClassVar[int] = 1
    sparse: ClassVar[bool] = False

    def told(self, how: FileMap) -> Reader:
        """The reader for files that are written in another way than usual; itself, where that says nothing to it.

        Parameters
        ----------
        how
            The part `file` of a mapping.
        """
        return self

    def items(self, path: Path) -> Iterator[Item]:
        """The records of a file, in order, in bounded memory. A format of columns gives `scan` instead.

        Parameters
        ----------
        path
            An existing file.

        Yields
        ------
        tuple or Unreadable
            `(line, record)`, or the line that is no record.

        Raises
        ------
        FileFormatError
            If the whole file is not of this format.
        """
        raise NotImplementedError

    def notes(self) -> list[str]:
        """What has to be known of the file that was read last, in sentences; most formats have nothing to say."""
        return []

    def scan(self, path: Path) -> pl.LazyFrame | None:
        """The table of a file whose columns have types, lazily; None for a format of records.

        Parameters
        ----------
        path
            An existing file.

        Raises
        ------
        FileFormatError
            If it is not of this format.
        """
        return None

    def slices(self, path: Path, rows: int) -> Iterator[pl.DataFrame] | None:
        """The table of `scan` some rows at a time; None for a format of records.

        Parameters
        ----------
        path
            An existing file.
        rows
            How many at a time.

        Raises
        ------
        FileFormatError
            As `scan`.
        """
        scanned = self.scan(path)
        return None if scanned is None else scanned.collect().iter_slices(rows)

    def clean(self, path: Path) -> pl.DataFrame | None:
        """The records of a file without a fault as a table of texts, where that is faster than `items` and the same; else None.

        Parameters
        ----------
        path
            An existing file.
        """
        return None

    def clean_pieces(self, path: Path) -> Iterator[pl.DataFrame] | None:
        """The table of `clean` some rows at a time, in bounded memory; None where `clean` gives none.

        Parameters
        ----------
        path
            An existing file.

        Yields
        ------
        polars.DataFrame
            Rows; `UncleanError` is raised if a fault is found after all, and what was yielded is to be forgotten.
        """
        return None

    def head(self, path: Path) -> list[str]:
        """Names of the columns where the head of a file tells them at once, else nothing.

        Parameters
        ----------
        path
            An existing file.
        """
        return []

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """Write events on the contract so that reading gives the same table back.

        Parameters
        ----------
        events
            All columns of the contract.
        path
            The file to write.

        Raises
        ------
        FileFormatError
            If this format is only read.
        """
        raise FileFormatError(Problem(f"{self.name} is a format that is only read", got=path.name, next="choose another suffix"))
