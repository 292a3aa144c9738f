"""Text files without a fault, read at once by polars: the same rows as the careful reading gives, many times faster.

Whether a file is without a fault is found by counting: bytes that are no UTF-8, ends of lines, quotes, signs between cells, and of
JSON how often each key is written. Where any count is not what it has to be, nothing is returned, and the file is read carefully,
line by line, so that each fault is named.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from aura_analytics.io.readers.base import UncleanError

__all__ = ["clean_csv", "clean_csv_pieces", "clean_json_lines", "clean_json_lines_pieces"]

_BLOCK = 1 << 24
_HEAD = 1_000  # lines of a JSON file from which its keys are learned
_END, _RETURN, _QUOTE, _COLON, _SPACE, _ESCAPE = b'\n\r": \\'


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


def _texts(path: Path, longest: int) -> Iterator[tuple[np.ndarray, np.ndarray] | None]:
    """The bytes of a UTF-8 file in pieces, with the ends of lines; None, and no more, where it is none or a line is too long."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for block in _blocks(path):
        text = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(text == _END)
        if ends.size == 0 or ends[-1] != text.size - 1:
            ends = np.append(ends, text.size)  # the last line, without an end
        whole = np.diff(ends, prepend=-1).max(initial=0) <= longest and b"\0" not in block
        if whole and not block.isascii():
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                whole = False
        yield (text, ends) if whole else None
        if not whole:
            return


def _of_json(path: Path, longest: int) -> Counter[str] | None:
    """What a file of JSON Lines has: lines, keys, nulls, keys with a space behind them, and halves of a sign of two."""
    found: Counter[str] = Counter()
    for piece in _texts(path, longest):
        if piece is None:
            return None
        found["lines"] += piece[1].size
        text = np.concatenate((piece[0], np.full(8, _END, np.uint8)))
        colons = np.flatnonzero(text == _COLON)
        before, second = text[colons - 1], text[colons - 2]
        after_quote = before == _QUOTE
        meant = ~(after_quote & (second == _ESCAPE))  # not within a text
        found["keys"] += int(np.count_nonzero(after_quote & meant))
        found["spaced"] += int(np.count_nonzero((before == _SPACE) & (second == _QUOTE)))
        at = colons[meant] + 1
        at = np.where(text[at] == _SPACE, at + 1, at)
        for place, sign in enumerate(b"null"):
            at = at[text[at + place] == sign]
        found["nulls"] += at.size
        at = np.flatnonzero(text == _ESCAPE)
        at = at[text[at + 1] == ord("u")]
        found["halves"] += int(np.count_nonzero(np.isin(text[at + 2], (ord("d"), ord("D")))))
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
    shape = _shape(path, sign, names)
    if shape is None:
        return None
    try:
        table = _cells(path, sign, shape)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return table if table.columns == names and table.height == shape.lines - 1 else None


def clean_csv_pieces(path: Path, names: list[str], sign: str) -> Iterator[pl.DataFrame] | None:
    """The rows of `clean_csv` some at a time; None where it gives none.

    Parameters
    ----------
    path, names, sign
        As `clean_csv`.
    """
    shape = _shape(path, sign, names)
    return None if shape is None else _csv_pieces(path, names, sign, shape)


def _csv_pieces(path: Path, names: list[str], sign: str, shape: _Shape) -> Iterator[pl.DataFrame]:
    rows = -1  # the header
    for place, block in enumerate(_blocks(path)):
        try:
            piece = _cells(block, sign, shape, None if place == 0 else names)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise UncleanError(path) from error
        rows += piece.height + (place == 0)
        if piece.columns != names:
            raise UncleanError(path)
        yield piece
    if rows != shape.lines - 1:
        raise UncleanError(path)


def _cells(source: Path | bytes, sign: str, shape: _Shape, names: list[str] | None = None) -> pl.DataFrame:
    """The cells of a file or, without a header, of a piece of one."""
    quote = '"' if shape.quoted else None
    table = pl.read_csv(source, separator=sign, infer_schema=False, quote_char=quote, has_header=names is None, new_columns=names)
    if shape.doubled:
        texts = pl.all()
        table = table.with_columns(pl.when(texts != "").then(texts).name.keep())
    return table


@dataclass(frozen=True)
class _Shape:
    """Of a UTF-8 file in which every line is a row by itself: its lines, whether it has quotes, and two of them together."""

    lines: int
    quoted: bool
    doubled: bool


def _shape(path: Path, sign: str, names: list[str]) -> _Shape | None:
    """The shape of a file, with the cells of its header.

    None for any file that has to be read carefully: where a line has more or fewer cells than the header, quotes do not stand
    around whole cells, an end of a line lies within quotes, or lines end in two ways.
    """
    if len(names) < 2 or len(set(names)) < len(names) or "" in names or not sign.isascii():
        return None
    width = len(names)
    lines, quotes, doubled, returns = 0, 0, 0, 0
    kind = np.uint8 if width <= 256 else np.int32  # counts of a line need no more
    for piece in _texts(path, _BLOCK):
        if piece is None:
            return None
        text, ends = piece
        starts = np.concatenate(([0], ends[:-1] + 1))
        cuts = (text == ord(sign)).view(np.uint8)
        cells = np.add.reduceat(cuts, starts, dtype=kind)
        at = np.flatnonzero(text == _QUOTE)
        if at.size:
            so_far = np.searchsorted(at, ends)
            if (so_far % 2).any() or not _around_cells(text, at, ord(sign)):
                return None
            inside = np.add.reduceat(cuts, at, dtype=kind)[::2]  # from each opening quote up to its closing one
            cells -= np.diff(np.concatenate(([0], np.cumsum(inside)))[so_far // 2], prepend=0).astype(kind)
            quotes += at.size
            doubled += int(np.count_nonzero(np.diff(at) == 1))
        if (cells != width - 1).any():  # one of 256 too many is refused by polars
            return None
        at = np.flatnonzero(text == _RETURN)
        if at.size and (at[-1] == text.size - 1 or (text[at + 1] != _END).any()):
            return None
        returns += at.size
        lines += ends.size
    if returns not in (0, lines) and not (returns == lines - 1 and not _ended(path)):
        return None
    return _Shape(lines, quotes > 0, doubled > 0)


def _around_cells(text: np.ndarray, at: np.ndarray, cut: int) -> bool:
    """Whether quotes open after an end of a cell, and close before one; two together within quotes are one that is meant."""
    edge = np.zeros(256, bool)
    edge[[_END, _RETURN, _QUOTE, cut]] = True
    opens, closes = at[::2], at[1::2]
    before, after = opens[1 if opens[0] == 0 else 0 :] - 1, closes[: -1 if closes[-1] == text.size - 1 else None] + 1
    return bool(edge[text[before]].all() and edge[text[after]].all())


def _ended(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


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
    keys = _keys(path, known)
    counts = _of_json(path, longest) if keys is not None else None
    if keys is None or counts is None or counts["spaced"] or counts["halves"]:
        return None
    try:
        table = pl.read_ndjson(path, schema=dict.fromkeys(keys, pl.String))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if not _agree(counts, table.height, _told(table)):
        return None
    return _of_keys(table, keys)


def clean_json_lines_pieces(path: Path, longest: int, known: list[str]) -> Iterator[pl.DataFrame] | None:
    """The records of `clean_json_lines` some at a time; None where it gives none.

    Parameters
    ----------
    path, longest, known
        As `clean_json_lines`.
    """
    keys = _keys(path, known)
    counts = _of_json(path, longest) if keys is not None else None
    if keys is None or counts is None or counts["spaced"] or counts["halves"]:
        return None
    return _json_pieces(path, keys, counts)


def _json_pieces(path: Path, keys: dict[str, bool], counts: Counter[str]) -> Iterator[pl.DataFrame]:
    rows = told = 0
    for block in _blocks(path):
        try:
            piece = pl.read_ndjson(block, schema=dict.fromkeys(keys, pl.String))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise UncleanError(path) from error
        rows += piece.height
        told += _told(piece)
        yield _of_keys(piece, keys)
    if not _agree(counts, rows, told):
        raise UncleanError(path)


def _told(table: pl.DataFrame) -> int:
    """How many cells hold something."""
    return table.height * table.width - sum(column.null_count() for column in table)


def _agree(counts: Counter[str], rows: int, told: int) -> bool:
    """Whether a table holds every line, and every key: one that is not among its columns, or is written twice in one record, is
    written without a value in it.
    """
    return rows == counts["lines"] and counts["keys"] == told + counts["nulls"]


def _of_keys(table: pl.DataFrame, keys: dict[str, bool]) -> pl.DataFrame:
    """The columns of keys that were met, and of others that hold something."""
    return table.select(name for name in table.columns if keys[name] or table[name].null_count() < table.height)


def _keys(path: Path, known: list[str]) -> dict[str, bool] | None:
    """The keys that records may have, and which of them the first ones have; None where these are not flat records."""
    keys: dict[str, bool] = {}
    with path.open("rb") as file:
        for _, raw in zip(range(_HEAD), file, strict=False):
            try:
                record = json.loads(raw)
            except ValueError:
                return None
            if not isinstance(record, dict) or any(isinstance(value, (dict, list)) for value in record.values()):
                return None
            keys |= dict.fromkeys(record, True)
    if not keys or any(not key.isascii() or '"' in key or "\\" in key for key in keys):
        return None
    late = (name for name in known if name not in keys) if set(keys) <= set(known) else ()
    return keys | dict.fromkeys(late, False)
