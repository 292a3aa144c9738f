"""Text files to records, line by line in bounded memory; what is no record keeps its place and its text."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from aura_analytics.errors import FileFormatError, Problem

__all__ = ["MAX_LINE_BYTES", "Item", "Unreadable", "csv_items", "jsonl_items"]

MAX_LINE_BYTES = 16 * 1024 * 1024


_KEPT = 2_000  # characters of an unreadable line that a quarantine file keeps; offset and length say where the rest is


@dataclass(frozen=True)
class Unreadable:
    """A stretch of a text file that is not a record."""

    line: int
    reason: str
    raw: str
    offset: int | None = None
    length: int | None = None


Item = tuple[int, dict[str, Any]] | Unreadable


def _long_line(handle: IO[bytes], head: bytes, line: int, offset: int) -> Unreadable:
    length = len(head)
    while not head.endswith(b"\n"):
        head = handle.readline(MAX_LINE_BYTES)
        if not head:
            break
        length += len(head)
    reason = f"line_too_long: got {length:,} bytes, expected at most {MAX_LINE_BYTES:,}"
    return Unreadable(line, reason, "", offset, length)


def jsonl_items(handle: IO[bytes]) -> Iterator[Item]:
    """Records of a JSON Lines stream with their line numbers; what is no record comes as `Unreadable`."""
    from pydantic_core import from_json

    offset, line = 0, 0
    while raw := handle.readline(MAX_LINE_BYTES + 1):
        line += 1
        start = offset
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            problem = _long_line(handle, raw, line, start)
            offset += problem.length or 0
            yield problem
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
            text = raw.decode("utf-8", "replace").rstrip("\n")[:_KEPT]
            yield Unreadable(line, f"json_unreadable: {error}{torn}", text, start, len(raw))
            continue
        if isinstance(record, dict):
            yield line, record
        else:
            reason = f"json_unreadable: got a {type(record).__name__}, expected one object per line"
            yield Unreadable(line, reason, raw.decode("utf-8", "replace").strip()[:_KEPT], start, len(raw))


def csv_items(handle: IO[str], name: str) -> Iterator[Item]:
    """Records of a CSV stream (comma, header line) with their line numbers; empty cells are null."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(handle, strict=True)
    try:
        header = next(reader)
    except StopIteration:
        return
    except csv.Error as error:
        raise FileFormatError(Problem("this is not CSV", got=str(error), where=f"{name}:1")) from None
    doubled = [column for column, count in Counter(header).items() if count > 1]
    if doubled:
        raise FileFormatError(Problem("column names appear twice", got=doubled, where=f"{name}:1", next="rename one of each"))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(line, f"csv_unreadable: {error}", "")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            reason = f"csv_unreadable: got {len(cells)} cells, expected {len(header)}, one per column of the header"
            yield Unreadable(line, reason, ",".join(cells)[:_KEPT])
            continue
        yield line, {key: cell or None for key, cell in zip(header, cells, strict=True)}
