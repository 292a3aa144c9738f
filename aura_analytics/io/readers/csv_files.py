"""CSV: comma, header line, UTF-8."""

from __future__ import annotations

import csv
import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TextIO

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.events import ADDED, SCHEMA
from aura_analytics.io.readers.base import KEPT_CHARACTERS, MAX_LINE_BYTES, Item, Reader, Unreadable

__all__ = ["Csv"]

_FORMULA = r"^'*[=+\-@\t\r]"
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_SWALLOWED = "a quote opens a cell that would take in the rows after it"
_QUOTED = re.compile(r'(?:(?<=,)|^)"(?:[^"]|"")*"(?=,|\r?\n?$)')


class Csv(Reader):
    """`.csv`: an empty cell is null; a row with more or fewer cells than the header is unreadable."""

    name = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def items(self, path: Path) -> Iterator[Item]:
        """Records with their line numbers."""
        with _opened(path) as text:
            rows = _rows(text)
            header = next(rows, None)
            if header is None:
                return
            if isinstance(header.cells, csv.Error):
                raise FileFormatError(Problem("this is not CSV", got=str(header.cells), where=f"{path}:1"))
            doubled = [column for column, count in Counter(header.cells).items() if count > 1]
            if doubled:
                twice = Problem("column names appear twice", got=doubled, where=f"{path}:1", next="rename one of each")
                raise FileFormatError(twice)
            names = header.cells
            ours = names in (SCHEMA.names(), SCHEMA.names()[: -len(ADDED)])
            for row in rows:
                if isinstance(row.cells, csv.Error):
                    yield row.unreadable(str(row.cells))
                elif len(row.cells) == len(names):
                    if ours:
                        row.cells = [cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell for cell in row.cells]
                    yield row.line, {key: cell or None for key, cell in zip(names, row.cells, strict=True)}
                elif row.cells:
                    yield row.unreadable(f"got {len(row.cells)} cells, expected {len(names)}, one per column of the header")

    def head(self, path: Path) -> list[str]:
        """Names in the header line."""
        with _opened(path) as text:
            first = next(_rows(text), None)
        return [] if first is None or isinstance(first.cells, csv.Error) else list(dict.fromkeys(first.cells))

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """A column per field; a list is written as JSON. A text that a spreadsheet would take for a formula gets an apostrophe
        before it, which reading takes away.
        """
        lists = pl.col("penalties").map_elements(lambda items: json.dumps(items.to_list()), return_dtype=pl.String)
        text = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        table = events.collect().with_columns(text, lists)
        texts = pl.selectors.string()
        guarded = pl.when(texts.str.contains(_FORMULA)).then(pl.lit("'") + texts).otherwise(texts).name.keep()
        table.with_columns(guarded).write_csv(path)


class _Lines:
    """The lines of a file, some of which may be put back; bytes that are no text stay what they are."""

    def __init__(self, text: TextIO, offset: int) -> None:
        self._text = text
        self._back: list[str] = []  # the next one last
        self.taken: list[str] = []
        self.offset = offset  # of the first line that was taken, in bytes
        self.number = 1

    def __iter__(self) -> Iterator[str]:
        take, back, text = self.taken.append, self._back, self._text
        while True:
            while back:
                line = back.pop()
                take(line)
                yield line
            for line in text:
                take(line)
                yield line
                if back:
                    break
            else:
                if not back:
                    return

    def row(self, cells: list[str] | csv.Error, lines: int | None = None) -> _Row:
        """What was taken as a row; with `lines`, only so many lines of it, and the others are put back."""
        if lines is not None:
            self._back += reversed(self.taken[lines:])
            del self.taken[lines:]
        taken = self.taken
        if len(taken) == 1 and taken[0].isascii():
            found = _Row(self.number, cells, taken[0], self.offset, len(taken[0]))
        else:
            raw = "".join(taken)
            found = _Row(self.number, cells, raw, self.offset, len(raw.encode(errors="surrogateescape")))
            if isinstance(cells, list) and not raw.isascii():
                found.cells = [_shown(cell) for cell in cells]
        self.number += len(taken)
        self.offset += found.length
        taken.clear()
        return found


@dataclass(slots=True)
class _Row:
    line: int
    cells: list[str] | csv.Error
    raw: str
    offset: int
    length: int  # in bytes

    def unreadable(self, why: str) -> Unreadable:
        """As what is no record."""
        text = _shown(self.raw.rstrip("\r\n"))
        return Unreadable(self.line, f"csv_unreadable: {why}", text[:KEPT_CHARACTERS], self.offset, self.length)


@contextmanager
def _opened(path: Path) -> Iterator[_Lines]:
    with path.open("rb") as file:
        offset = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield _Lines(text, offset)


def _shown(text: str) -> str:
    """A text whose bytes that are no text are replaced."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode(errors="replace")


def _rows(lines: _Lines) -> Iterator[_Row]:
    """Rows with the number of their first line.

    The standard library's reader is used for all but rows that are longer than its limit of a field, which is one for the whole
    process and so is left alone: these are split here. Where a quote was never closed, or only by one that belongs to another row,
    its line is unreadable, and reading goes on with the line after it.
    """
    columns = 0
    while True:
        reader = csv.reader(lines, strict=True)
        try:
            while True:
                cells = next(reader)
                if len(lines.taken) > 1 and _swallowed(lines.taken, columns):
                    yield lines.row(csv.Error(_SWALLOWED), 1)
                    continue
                columns = columns or len(cells)
                yield lines.row(cells)
        except StopIteration:
            return
        except csv.Error as error:
            found: list[str] | csv.Error = error
            if sum(map(len, lines.taken)) > csv.field_size_limit():
                found = _long_row(lines)
                if isinstance(found, list) and not _swallowed(lines.taken, columns):
                    yield lines.row(found)
                    continue
                found = found if isinstance(found, csv.Error) else csv.Error(_SWALLOWED)
            if len(lines.taken) > 1 and found is error:
                found = csv.Error(f"a quoted cell begins here and does not end as it should ({error})")
            yield lines.row(found, 1)


def _swallowed(taken: list[str], columns: int) -> bool:
    """Whether the lines of one row look like rows themselves: its first one, and most of the others."""
    if columns < 2 or _width(taken[0]) != columns:
        return False
    others = taken[1:]
    whole = sum(_width(line) == columns for line in others)
    # with two columns one comma makes a row, which any text may have
    return whole * 2 >= len(others) if columns > 2 else len(others) >= 3 and whole >= 0.8 * len(others)


def _width(line: str) -> int:
    """Cells of a line, quotes that are not closed on it taken as text."""
    return _QUOTED.sub("", line).count(",") + 1


def _long_row(lines: _Lines) -> list[str] | csv.Error:
    """The cells of a row that begins with the lines that were taken; those that still belong to it are taken as well."""
    taken, more = lines.taken, iter(lines)
    quotes, size = sum(line.count('"') for line in taken), sum(map(len, taken))
    while quotes % 2 and size <= MAX_LINE_BYTES:
        line = next(more, None)
        if line is None:
            return csv.Error("unexpected end of data: a quoted cell is not closed")
        quotes, size = quotes + line.count('"'), size + len(line)
    if size > MAX_LINE_BYTES:
        return csv.Error(f"a row is longer than {MAX_LINE_BYTES:,} characters")
    rest, cells = "".join(taken).removesuffix("\n").removesuffix("\r"), []
    while True:
        if not rest.startswith('"'):
            cell, comma, rest = rest.partition(",")
            cells.append(cell)
        else:
            end = 1
            while (end := rest.find('"', end)) >= 0 and rest[end + 1 : end + 2] == '"':
                end += 2
            if end < 0:
                return csv.Error("a quoted cell is not closed")
            cells.append(rest[1:end].replace('""', '"'))
            comma, rest = rest[end + 1 : end + 2], rest[end + 2 :]
            if comma not in ("", ","):
                return csv.Error("',' expected after '\"'")
        if not comma:
            return cells
