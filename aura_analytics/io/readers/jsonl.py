"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, ClassVar

import polars as pl

from aura_analytics.events import SCHEMA
from aura_analytics.io.json_text import json_text
from aura_analytics.io.readers.base import KEPT_CHARACTERS, MAX_LINE_BYTES, Item, Reader, Unreadable
from aura_analytics.io.readers.clean import clean_json_lines, clean_json_lines_pieces

__all__ = ["JsonLines"]

_TOGETHER = 20_000  # events that are written at once


class JsonLines(Reader):
    """`.jsonl` and `.ndjson`: a line that is no object is unreadable, and so is one of more than 16 MiB."""

    name = "jsonl"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")
    lines: ClassVar[bool] = True
    sparse: ClassVar[bool] = True

    def items(self, path: Path) -> Iterator[Item]:
        """Records with their line numbers."""
        from pydantic_core import from_json

        with path.open("rb") as handle:
            offset, line = 0, 0
            while raw := handle.readline(MAX_LINE_BYTES + 1):
                line += 1
                start = offset
                if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                    unreadable = _long_line(handle, raw, line, start)
                    offset += unreadable.length or 0
                    yield unreadable
                    continue
                offset += len(raw)
                if line == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if not raw.strip():
                    continue
                try:
                    record = from_json(raw)
                except ValueError as error:
                    torn = "" if raw.endswith(b"\n") else " (the file ends inside this line: it was cut off)"
                    text = raw.decode("utf-8", "replace").rstrip("\n")[:KEPT_CHARACTERS]
                    yield Unreadable(line, f"json_unreadable: {error}{torn}", text, start, len(raw))
                    continue
                if isinstance(record, dict):
                    yield line, record
                else:
                    reason = f"json_unreadable: got a {type(record).__name__}, expected one object per line"
                    text = raw.decode("utf-8", "replace").strip()[:KEPT_CHARACTERS]
                    yield Unreadable(line, reason, text, start, len(raw))

    def clean(self, path: Path) -> pl.DataFrame | None:
        """The table of a file of flat records without a fault; it begins at line 1."""
        return clean_json_lines(path, MAX_LINE_BYTES, SCHEMA.names())

    def clean_pieces(self, path: Path) -> Iterator[pl.DataFrame] | None:
        """The table of `clean` some rows at a time."""
        return clean_json_lines_pieces(path, MAX_LINE_BYTES, SCHEMA.names())

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """One event a line; what is null is left out."""
        with path.open("wb") as out:

            def write(some: pl.DataFrame) -> None:  # one after the other: a reader that runs ahead would hold what is not written
                _lines(some).write_csv(out, include_header=False, quote_style="never", line_terminator="}\n")

            events.sink_batches(write, chunk_size=_TOGETHER, maintain_order=True)


def _lines(table: pl.DataFrame) -> pl.DataFrame:
    """Events as lines of JSON, without the brace that ends each."""
    said = table.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), pl.selectors.enum().cast(pl.String))
    told = [name for name in said.columns if said[name].null_count() < said.height]
    if not told or said[told[0]].null_count():  # every line begins with the first member
        cells = [pl.lit(f'"{name}": ') + json_text(said, name) for name in told]
        inside = pl.concat_str(cells, separator=", ", ignore_nulls=True) if cells else pl.lit("")
        return said.select(line=pl.concat_str(pl.lit("{"), inside))
    cells = [json_text(said, name, f'{"" if at else "{"}"{name}": ') for at, name in enumerate(told)]
    return said.select(line=pl.concat_str(cells, separator=", ", ignore_nulls=True))


def _long_line(handle: IO[bytes], head: bytes, line: int, offset: int) -> Unreadable:
    length = len(head)
    while not head.endswith(b"\n"):
        head = handle.readline(MAX_LINE_BYTES)
        if not head:
            break
        length += len(head)
    reason = f"line_too_long: got {length:,} bytes, expected at most {MAX_LINE_BYTES:,}"
    return Unreadable(line, reason, "", offset, length)
