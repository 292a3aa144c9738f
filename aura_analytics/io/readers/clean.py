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
from pathlib import Path

import numpy as np
import polars as pl

__all__ = ["clean_csv", "clean_json_lines"]

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
    if len(names) < 2 or len(set(names)) < len(names) or "" in names or not sign.isascii():
        return None
    shape = _shape(path, sign, len(names))
    if shape is None:
        return None
    lines, quoted, doubled = shape
    try:
        table = pl.read_csv(path, separator=sign, infer_schema=False, quote_char='"' if quoted else None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if table.columns != names or table.height != lines - 1:
        return None
    if doubled:
        texts = pl.all()
        table = table.with_columns(pl.when(texts != "").then(texts).name.keep())
    return table


def _shape(path: Path, sign: str, width: int) -> tuple[int, bool, bool] | None:
    """Of a UTF-8 file in which every line is a row by itself: its lines, whether it has quotes, and two of them together.

    None for any other file: where a line has more or fewer cells than the header, quotes do not stand around whole cells, an end of
    a line lies within quotes, or lines end in two ways.
    """
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
    return lines, quotes > 0, doubled > 0


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
    counts = _of_json(path, longest)
    if counts is None or counts["spaced"] or counts["halves"]:
        return None
    try:
        table = pl.read_ndjson(path, schema=dict.fromkeys(keys, pl.String))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if table.height != counts["lines"]:
        return None
    told = table.height * table.width - sum(column.null_count() for column in table)
    # a key that is not among these, or is written twice in one record, is written without a value in the table
    if counts["keys"] != told + counts["nulls"]:
        return None
    return table.select(name for name in table.columns if name in learned or table[name].null_count() < table.height)
