"""CSV: a header line, UTF-8 unless told otherwise; the sign between cells is that of the header."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.events import ADDED, SCHEMA
from aura_analytics.io.readers.base import KEPT_CHARACTERS, MAX_LINE_BYTES, Item, Reader, Unreadable
from aura_analytics.io.readers.clean import clean_csv, clean_csv_pieces
from aura_analytics.io.readers.packed import Bounded

if TYPE_CHECKING:
    from aura_analytics.io.mapping_parts import FileMap

__all__ = ["Csv"]

_FORMULA = r"^'*[=+\-@\t\r]"
_GUARDED = re.compile(r"^'+[=+\-@\t\r]")
_SWALLOWED = "a quote opens a cell that would take in the rows after it"
_SIGNS = (",", ";", "\t", "|")
_NO_TEXT = re.compile("[\udc80-\udcff]")
_LOOKED_AT = 20  # lines, for the sign between cells


def _unguarded(table: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """A table of events without the apostrophes that writing puts before what a spreadsheet would take for a formula."""
    if names not in (SCHEMA.names(), SCHEMA.names()[: -len(ADDED)]):
        return table
    cell = pl.all()
    return table.with_columns(pl.when(cell.str.contains(_GUARDED.pattern)).then(cell.str.slice(1)).otherwise(cell).name.keep())


class Csv(Reader):
    """`.csv`, `.tsv`, also gzipped: an empty cell is null; a row with more or fewer cells than the header is unreadable.

    Parameters
    ----------
    encoding
        Of the file; without it UTF-8 (or UTF-16, where the file begins with its mark). A row with bytes that are no text in it is
        unreadable.
    delimiter
        The sign between cells; without it the one of comma, semicolon, tab and bar that makes most cells of the header.
    """

    name = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
    lines: ClassVar[bool] = True
    begins: ClassVar[int] = 2

    def __init__(self, encoding: str | None = None, delimiter: str | None = None) -> None:
        self.encoding = encoding
        self.delimiter = delimiter

    def told(self, how: FileMap) -> Csv:
        """With the encoding and the delimiter of a mapping."""
        return Csv(how.encoding, how.delimiter) if how.encoding or how.delimiter else self

    def items(self, path: Path) -> Iterator[Item]:
        """Records with their line numbers."""
        with _opened(path, self.encoding, self.delimiter) as text:
            rows = _rows(text)
            header = next(rows, None)
            if header is None:
                return
            if isinstance(header.cells, csv.Error):
                raise FileFormatError(Problem("this is not CSV", got=str(header.cells), where=f"{path}:1"))
            if _NO_TEXT.search(header.raw):
                raise FileFormatError(
                    Problem("the header is no text", got=_shown(header.raw)[:80], where=f"{path}:1", next=_guess(header.raw))
                )
            doubled = [column for column, count in Counter(header.cells).items() if count > 1]
            if doubled:
                twice = Problem("column names appear twice", got=doubled, where=f"{path}:1", next="rename one of each")
                raise FileFormatError(twice)
            names = header.cells
            ours = names in (SCHEMA.names(), SCHEMA.names()[: -len(ADDED)])
            for row in rows:
                if isinstance(row.cells, csv.Error):
                    yield row.unreadable(str(row.cells))
                elif not row.raw.isascii() and _NO_TEXT.search(row.raw):
                    yield row.no_text(text.encoding)
                elif len(row.cells) == len(names):
                    if ours:
                        row.cells = [cell[1:] if cell[:1] == "'" and _GUARDED.match(cell) else cell for cell in row.cells]
                    yield row.line, {key: cell or None for key, cell in zip(names, row.cells, strict=True)}
                elif row.cells:
                    yield row.unreadable(f"got {len(row.cells)} cells, expected {len(names)}, one per column of the header")

    def clean(self, path: Path) -> pl.DataFrame | None:
        """The table of a UTF-8 file without a fault; it begins at line 2."""
        known = self._header(path)
        table = clean_csv(path, *known) if known is not None else None
        return None if known is None or table is None else _unguarded(table, known[0])

    def clean_pieces(self, path: Path) -> Iterator[pl.DataFrame] | None:
        """The table of `clean` some rows at a time."""
        known = self._header(path)
        pieces = clean_csv_pieces(path, *known) if known is not None else None
        return None if known is None or pieces is None else (_unguarded(piece, known[0]) for piece in pieces)

    def _header(self, path: Path) -> tuple[list[str], str] | None:
        """The cells of the first line of a plain UTF-8 file, and the sign between them."""
        if path.suffix == ".gz" or (self.encoding or "utf-8").lower() not in ("utf-8", "utf8", "ascii", "us-ascii"):
            return None
        with _opened(path, self.encoding, self.delimiter) as text:
            first = next(_rows(text), None)
            sign = text.sign
        return None if first is None or isinstance(first.cells, csv.Error) else (first.cells, sign)

    def head(self, path: Path) -> list[str]:
        """Names in the header line."""
        with _opened(path, self.encoding, self.delimiter) as text:
            first = next(_rows(text), None)
        return [] if first is None or isinstance(first.cells, csv.Error) else list(dict.fromkeys(first.cells))

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """A column per field; a list is written as JSON. A text that a spreadsheet would take for a formula gets an apostrophe
        before it, which reading takes away.
        """
        lists = pl.col("penalties").map_elements(lambda items: json.dumps(items.to_list()), return_dtype=pl.String)
        text = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        texts = pl.selectors.string()
        guarded = pl.when(texts.str.contains(_FORMULA)).then(pl.lit("'") + texts).otherwise(texts).name.keep()
        events.with_columns(text, lists).with_columns(guarded).sink_csv(path)


class _Lines:
    """The lines of a file, some of which may be put back; bytes that are no text stay what they are."""

    def __init__(self, text: Iterable[str], offset: int, encoding: str, delimiter: str | None) -> None:
        self._text = iter(text)
        self.encoding = encoding
        self._back: list[str] = []  # the next one last
        self.taken: list[str] = []
        self.offset = offset  # of the first line that was taken, in bytes
        self.number = 1
        head: list[str] = []
        if delimiter is None:
            for line in self._text:
                head.append(line)
                if len(head) == _LOOKED_AT:
                    break
            self._back = head[::-1]
        self.sign = delimiter or _sign(head)
        self.quoted = re.compile(rf'(?:(?<={re.escape(self.sign)})|^)"(?:[^"]|"")*"(?={re.escape(self.sign)}|\r?\n?$)')

    def width(self, line: str) -> int:
        """Cells of a line, quotes that are not closed on it taken as text."""
        return self.quoted.sub("", line).count(self.sign) + 1

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
            found = _Row(self.number, cells, raw, self.offset, len(raw.encode(self.encoding, errors="surrogateescape")))
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

    def no_text(self, encoding: str) -> Unreadable:
        """As what is no text in the encoding of its file."""
        text = _shown(self.raw.rstrip("\r\n"))
        reason = f"encoding_wrong: got {text[:80]!r}, expected {encoding.upper()}; {_guess(self.raw)}"
        return Unreadable(self.line, reason, text[:KEPT_CHARACTERS], self.offset, self.length)


@contextmanager
def _opened(path: Path, encoding: str | None, delimiter: str | None) -> Iterator[_Lines]:
    packed = path.suffix == ".gz"
    with path.open("rb") as plain, gzip.GzipFile(fileobj=plain) if packed else plain as file:
        try:
            head = file.read(len(BOM_UTF8))
            if encoding is None and head[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
                encoding = "utf-16"
            offset = len(BOM_UTF8) if head == BOM_UTF8 else 0
            file.seek(offset)
            source = Bounded(file, path) if packed else file
            text = TextIOWrapper(source, encoding=encoding or "utf-8", errors="surrogateescape", newline="")  # type: ignore[type-var]
            yield _Lines(text, offset, encoding or "utf-8", delimiter)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileFormatError(Problem("the compressed file is broken or cut off", got=str(error), where=str(path))) from None
        except UnicodeError as error:
            what = Problem(
                "the file is not in the encoding it should be in", got=str(error), expected=encoding or "utf-8", where=str(path)
            )
            raise FileFormatError(what) from None


def _sign(lines: list[str]) -> str:
    """The sign between cells: the one that cuts the header into most cells, and the lines after it into as many."""
    if not lines:
        return ","
    counts = {sign: lines[0].count(sign) for sign in _SIGNS}
    best = max(_SIGNS, key=lambda sign: counts[sign])
    if not counts[best] or counts[","] == counts[best]:
        return ","
    whole = sum(line.count(best) >= counts[best] for line in lines[1:] if line.strip())
    return best if counts[","] == 0 or whole * 2 > len(lines) - 1 else ","


def _guess(raw: str) -> str:
    """How a line that is no UTF-8 may be read, as a hint."""
    held = raw.encode(errors="surrogateescape")
    try:
        read = held.decode("cp1252").rstrip("\r\n")
    except UnicodeDecodeError:
        return "save the file as UTF-8"
    return f"read as Windows-1252 it is {read[:80]!r}: if so, save it as UTF-8, or say file: {{encoding: cp1252}} in a mapping"


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
        reader = csv.reader(lines, strict=True, delimiter=lines.sign)
        try:
            while True:
                cells = next(reader)
                if len(lines.taken) > 1 and _swallowed(lines, columns):
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
                if isinstance(found, list) and not _swallowed(lines, columns):
                    yield lines.row(found)
                    continue
                found = found if isinstance(found, csv.Error) else csv.Error(_SWALLOWED)
            if len(lines.taken) > 1 and found is error:
                found = csv.Error(f"a quoted cell begins here and does not end as it should ({error})")
            yield lines.row(found, 1)


def _swallowed(lines: _Lines, columns: int) -> bool:
    """Whether the lines of one row look like rows themselves: its first one, and most of the others."""
    taken = lines.taken
    if columns < 2 or lines.width(taken[0]) != columns:
        return False
    others = taken[1:]
    whole = sum(lines.width(line) == columns for line in others)
    # with two columns one comma makes a row, which any text may have
    return whole * 2 >= len(others) if columns > 2 else len(others) >= 3 and whole >= 0.8 * len(others)


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
            cell, comma, rest = rest.partition(lines.sign)
            cells.append(cell)
        else:
            end = 1
            while (end := rest.find('"', end)) >= 0 and rest[end + 1 : end + 2] == '"':
                end += 2
            if end < 0:
                return csv.Error("a quoted cell is not closed")
            cells.append(rest[1:end].replace('""', '"'))
            comma, rest = rest[end + 1 : end + 2], rest[end + 2 :]
            if comma not in ("", lines.sign):
                return csv.Error(f"{lines.sign!r} expected after '\"'")
        if not comma:
            return cells
