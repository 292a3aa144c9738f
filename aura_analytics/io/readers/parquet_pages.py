"""Whether the pages of a Parquet file hold as many values as their columns say.

A page that claims more values than there are makes the process that reads it ask for memory that no machine has, which ends it: no
error can be caught. So the claims are read before anything else is: the footer and the head of every page, which are Thrift
structures (compact protocol); the fields are those of the format's own definition (parquet.thrift of apache/parquet-format).

A few bytes can also say truly that a value repeats a billion times: beyond a million rows a file has at most 50 of them a byte.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

__all__ = ["PagesError", "check_pages"]

_MAGIC = b"PAR1"
_DEEPEST = 32
_MANY, _ROWS_A_BYTE = 1_000_000, 50
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
# fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData, PageHeader and the heads of data pages
_ROWS, _GROUPS, _COLUMNS, _GROUP_ROWS, _META = 3, 4, 1, 3, 3
_PATH, _VALUES, _PACKED, _DATA_AT, _DICTIONARY_AT = 3, 5, 7, 9, 11
_UNPACKED, _PAGE_SIZE, _DICTIONARY, _PAGES, _PAGE_VALUES = 2, 3, 7, (5, 7, 8), 1


class PagesError(ValueError):
    """The file contradicts itself."""


def check_pages(path: Path) -> None:
    """Raise `PagesError` where a page claims more values than its column has, or the structure cannot be read."""
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise PagesError("the file is empty") from None
        with data:
            if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
                raise PagesError("it does not begin and end as a Parquet file does")
            size = int.from_bytes(data[-8:-4], "little")
            if size > len(data) - 12:
                raise PagesError("its footer is longer than the file")
            try:
                _check(data, _Reader(data, len(data) - 8 - size, len(data) - 8).struct())
            except PagesError:
                raise
            except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
                raise PagesError("its structure cannot be read") from None


def _check(data: mmap.mmap, footer: dict[int, Any]) -> None:
    groups = footer.get(_GROUPS) or []
    rows = [group[_GROUP_ROWS] for group in groups]
    if any(count < 0 for count in rows) or sum(rows) != footer[_ROWS]:
        raise PagesError("its parts have another number of rows than it says")
    if sum(rows) > max(_MANY, _ROWS_A_BYTE * len(data)):
        raise PagesError(f"it claims {sum(rows):,} rows in {len(data):,} bytes")
    for group in groups:
        for column in group[_COLUMNS]:
            meta = column.get(_META)
            if meta is None:
                continue  # in another file, or encrypted: the reader says so
            flat = len(meta[_PATH]) == 1
            if meta[_VALUES] < 0 or (flat and meta[_VALUES] != group[_GROUP_ROWS]):
                raise PagesError("a column has another number of values than rows")
            _check_column(data, meta)


def _check_column(data: mmap.mmap, meta: dict[int, Any]) -> None:
    starts = [meta[name] for name in (_DATA_AT, _DICTIONARY_AT) if meta.get(name)]
    at, left = min(starts), meta[_VALUES]
    end = at + meta[_PACKED]
    if not 4 <= at <= end <= len(data) - 8:
        raise PagesError("a column lies outside the file")
    while at < end and left > 0:
        reader = _Reader(data, at, end)
        page = reader.struct()
        heads = [page[name] for name in _PAGES if name in page]
        if len(heads) != 1 or page[_PAGE_SIZE] < 0:
            raise PagesError("a page has no head")
        values = heads[0][_PAGE_VALUES]
        is_dictionary = _DICTIONARY in page  # may hold more values than the column, each of a byte at least
        most = page[_UNPACKED] if is_dictionary else left
        if not 0 <= values <= most:
            raise PagesError(f"a page claims {values:,} values, there can be {most:,}")
        left -= 0 if is_dictionary else values
        at = reader.at + page[_PAGE_SIZE]


class _Reader:
    """Thrift's compact protocol: structures as dicts of field numbers."""

    def __init__(self, data: mmap.mmap, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self._end = end

    def _byte(self) -> int:
        if self.at >= self._end:
            raise IndexError
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7
            if shift > 63:
                raise IndexError

    def _integer(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The structure that begins here."""
        if depth > _DEEPEST:
            raise RecursionError
        found: dict[int, Any] = {}
        field = 0
        while True:
            head = self._byte()
            if not head:
                return found
            kind, step = head & 0x0F, head >> 4
            field = field + step if step else self._integer()
            found[field] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            head = self._byte()
            count = head >> 4
            if count == 15:
                count = self._varint()
            return self._items(count, [head & 0x0F], depth)
        if kind == _MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            return self._items(2 * count, [kinds >> 4, kinds & 0x0F], depth)
        size = {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8}.get(kind)
        if kind == _BINARY:
            size = self._varint()
        if size is None or size > self._end - self.at:
            raise IndexError
        self.at += size
        return None

    def _items(self, count: int, kinds: list[int], depth: int) -> list[Any]:
        if count > self._end - self.at:
            raise IndexError  # every item has a byte at least
        if depth > _DEEPEST:
            raise RecursionError
        return [self._value(kinds[n % len(kinds)], depth + 1) for n in range(count)]
