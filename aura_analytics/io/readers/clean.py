"""Text files without a fault, read at once by polars: the same rows as the careful reading gives, many times faster.

Whether a file is without a fault is found by counting: bytes that are no UTF-8, ends of lines, quotes, signs between cells, and of
JSON how often each key is written. Where any count is not what it has to be, nothing is returned, and the file is read carefully,
line by line, so that each fault is named.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["clean_csv", "clean_json_lines"]

_BLOCK = 1 << 24
_HEAD = 1_000  # lines of a JSON file from which its keys are learned
_MARK = "\x02"


def _blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end with a line; a piece that has no end is given as it is, and is too long for a line."""
    with path.open("rb") as file:
        rest = b""
        while block := file.read(_BLOCK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            if not end:
                yield block
                return
            yield block[:end]
            rest = block[end:]
        if rest:
            yield rest


def _counted(path: Path, marks: list[bytes], longest: int = _BLOCK) -> Counter[bytes] | None:
    """How often each of some bytes is written in a UTF-8 file; None where it is none, or a line is longer than some bytes."""
    found: Counter[bytes] = Counter()
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in _blocks(path):
        ends = np.flatnonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
        if np.diff(ends, prepend=-1, append=len(block)).max(initial=0) > longest:
            return None
        if not block.isascii():
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return None
        for mark in marks:
            found[mark] += block.count(mark)
        found[b"last"] = int(block.endswith(b"\n"))
    return found


def clean_csv(path: Path, names: list[str], sign: str) -> pl.DataFrame | None:
    """The rows of a CSV file as texts, an empty cell being null; None for a file that has to be read carefully.

    Parameters
    ----------
    path
        The file.
    names
        The cells of its header.
    sign
        The sign between cells.
    """
    if len(names) < 2 or len(set(names)) < len(names) or "" in names:
        return None
    cut = sign.encode()
    counts = _counted(path, [b"\n", b"\r", b"\r\n", b'"', b'""', cut, b"\0", _MARK.encode()])
    if counts is None or counts[b"\0"] or counts[_MARK.encode()]:
        return None
    lines = counts[b"\n"] + (1 - counts[b"last"])
    if counts[b"\r"] != counts[b"\r\n"] or counts[b"\r"] not in (0, counts[b"\n"]):
        return None
    quoted = counts[b'"'] > 0
    if quoted and not _whole_lines(path, len(names), sign):
        return None
    if not quoted and counts[cut] != lines * (len(names) - 1):
        return None  # with none too long, which polars refuses, none is too short either
    try:
        table = pl.read_csv(path, separator=sign, infer_schema=False, quote_char='"' if quoted else None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if table.columns != names or table.height != lines - 1:
        return None
    if counts[b'""']:
        texts = pl.all()
        table = table.with_columns(pl.when(texts != "").then(texts).name.keep())
    return table


def _whole_lines(path: Path, width: int, sign: str) -> bool:
    """Whether every line is a row by itself: quotes around whole cells only, as many cells as the header."""
    line = pl.col("line")
    cut = re.escape(sign)
    try:
        lines = pl.read_lines(path, name="line").with_columns(line.str.strip_suffix("\r"))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    bare = pl.when(line.str.contains('"', literal=True)).then(line.str.replace_all(r'"(?:[^"]|"")*"', _MARK)).otherwise(line)
    lines = lines.select(line=bare)
    loose = line.str.contains('"', literal=True) | line.str.contains(f"[^{cut}]{_MARK}|{_MARK}[^{cut}]")
    wrong = loose | (line.str.count_matches(cut) != width - 1)
    return not lines.select(wrong.any()).item()


def clean_json_lines(path: Path, longest: int, known: list[str]) -> pl.DataFrame | None:
    """The records of a JSON Lines file as texts; None for one that has to be read carefully: with nested or doubled keys, with keys
    that come late, with blank lines, or with anything that is no JSON.

    Parameters
    ----------
    path
        The file.
    longest
        Bytes that a line may have.
    known
        Keys that may come late, beside those of the first 1,000 lines.
    """
    keys: dict[str, None] = {}
    with path.open("rb") as file:
        for _, raw in zip(range(_HEAD), file, strict=False):
            try:
                record = json.loads(raw)
            except ValueError:
                return None
            if not isinstance(record, dict) or any(isinstance(value, (dict, list)) for value in record.values()):
                return None
            keys |= dict.fromkeys(record)
    if not keys or any(not key.isascii() or '"' in key or "\\" in key for key in keys):
        return None
    learned = list(keys)
    if set(keys) <= set(known):
        keys |= dict.fromkeys(known)
    counts = _counted(path, [b"\n", b'":', b'" :', b"\\", b":null", b": null"], longest)
    if counts is None or counts[b'" :']:
        return None
    inside = [b'\\":', b'\\":null', b'\\": null']  # the same within a text
    if counts[b"\\"]:
        escaped = _counted(path, [b"\\ud", b"\\uD", *inside], longest)
        if escaped is None or escaped[b"\\ud"] or escaped[b"\\uD"]:
            return None
        counts |= escaped
    try:
        table = pl.read_ndjson(path, schema=dict.fromkeys(keys, pl.String))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if table.height != counts[b"\n"] + (1 - counts[b"last"]):
        return None
    told = table.height * table.width - sum(column.null_count() for column in table)
    # a key that is not among these, or is written twice in one record, is written without a value in the table
    keys_written = counts[b'":'] - counts[inside[0]]
    nulls = counts[b":null"] + counts[b": null"] - counts[inside[1]] - counts[inside[2]]
    if keys_written != told + nulls:
        return None
    return table.select(name for name in table.columns if name in learned or table[name].null_count() < table.height)
