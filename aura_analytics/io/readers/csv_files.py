"""CSV: comma, header line, UTF-8."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import KEPT_CHARACTERS, MAX_LINE_BYTES, Item, Reader, Unreadable

__all__ = ["Csv"]


class Csv(Reader):
    """`.csv`: an empty cell is null; a row with more or fewer cells than the header is unreadable."""

    name = "csv"
    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def items(self, path: Path) -> Iterator[Item]:
        """Records with their line numbers."""
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            rows = _rows(text)
            _, header = next(rows, (1, None))
            if header is None:
                return
            if isinstance(header, csv.Error):
                raise FileFormatError(Problem("this is not CSV", got=str(header), where=f"{path}:1"))
            doubled = [column for column, count in Counter(header).items() if count > 1]
            if doubled:
                twice = Problem("column names appear twice", got=doubled, where=f"{path}:1", next="rename one of each")
                raise FileFormatError(twice)
            for line, cells in rows:
                if isinstance(cells, csv.Error):
                    yield Unreadable(line, f"csv_unreadable: {cells}", "")
                elif len(cells) == len(header):
                    yield line, {key: cell or None for key, cell in zip(header, cells, strict=True)}
                elif cells:
                    reason = f"csv_unreadable: got {len(cells)} cells, expected {len(header)}, one per column of the header"
                    yield Unreadable(line, reason, ",".join(cells)[:KEPT_CHARACTERS])

    def head(self, path: Path) -> list[str]:
        """Names in the header line."""
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            _, cells = next(_rows(text), (1, []))
        return [] if isinstance(cells, csv.Error) else list(dict.fromkeys(cells))

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """A column per field; a list is written as JSON."""
        lists = pl.col("penalties").map_elements(lambda items: json.dumps(items.to_list()), return_dtype=pl.String)
        text = pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        events.collect().with_columns(text, lists).write_csv(path)


def _rows(text: Iterator[str]) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Rows with the number of their first line.

    The standard library's reader is used for all but rows that are longer than its limit of a field, which is one for the whole
    process and so is left alone: these are split here.
    """
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in text:
            taken.append(line)
            yield line

    reader, first = csv.reader(lines(), strict=True), 1
    while True:
        taken.clear()
        row: list[str] | csv.Error
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = _long_row(taken, text) if sum(map(len, taken)) > csv.field_size_limit() else error
        yield first, row
        first += len(taken)


def _long_row(taken: list[str], text: Iterator[str]) -> list[str] | csv.Error:
    """The cells of a row that begins with the lines `taken`; lines that still belong to it are added there."""
    quotes, size = sum(line.count('"') for line in taken), sum(map(len, taken))
    while quotes % 2 and size <= MAX_LINE_BYTES:
        line = next(text, None)
        if line is None:
            return csv.Error("unexpected end of data: a quoted cell is not closed")
        taken.append(line)
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
