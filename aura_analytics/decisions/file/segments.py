"""Compressed segments of a decision log: gzip that any tool reads, in blocks of which each can be read alone.

Every block is a gzip member of whole lines and says in its header how long it is, packed and unpacked (an extra field, RFC 1952,
section 2.3.1.1), so that an entry is found without unpacking what is before it. A block unpacks to what it says and no more, one of
another tool to 1 GiB at most: what is read never grows beyond that.
"""

from __future__ import annotations

import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from aura_analytics.errors import FileFormatError, Problem

__all__ = ["Packed", "pack"]

_BLOCK = 1 << 18
_LARGEST_BLOCK, _LARGEST_FILE = 1 << 28, 1 << 30  # unpacked
_HEAD = struct.Struct(
    "<4sIBBH2sHII"
)  # magic and flags, time, two fields, length of the extra field, its name and length, two sizes
_MAGIC = b"\x1f\x8b\x08\x04"
_NAME = b"AU"


def pack(lines: Iterable[bytes], target: Path, mode: int = 0o600) -> None:
    """Write lines (without their ends) as a compressed segment with these permissions; on the disk when the call returns."""
    with target.open("wb") as file:
        target.chmod(mode & 0o777)
        for block in _blocks(lines):
            squeezer = zlib.compressobj(6, zlib.DEFLATED, -15)
            body = squeezer.compress(block) + squeezer.flush()
            size = _HEAD.size + len(body) + 8
            file.write(_HEAD.pack(_MAGIC, 0, 0, 255, 12, _NAME, 8, size, len(block)))
            file.write(body + struct.pack("<II", zlib.crc32(block), len(block)))
        file.flush()
        os.fsync(file.fileno())


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line + b"\n")
        size += len(line) + 1
        if size >= _BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class Packed:
    """A compressed segment, read as if it were not.

    Parameters
    ----------
    path
        The file; one that another tool compressed is unpacked whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starts: list[int] = []  # of every block, unpacked
        self._places: list[tuple[int, int, int]] = []  # of every block: where, packed and unpacked size
        self.size: int = 0
        with path.open("rb") as file:
            total, at = os.fstat(file.fileno()).st_size, 0
            while at < total:
                head = file.read(_HEAD.size)
                if len(head) < _HEAD.size or head[:4] != _MAGIC or head[12:14] != _NAME:
                    self._places = []
                    break
                packed, unpacked = _HEAD.unpack(head)[-2:]
                if packed <= _HEAD.size or unpacked > _LARGEST_BLOCK:
                    raise self._damaged("a block says a size that none has")
                self._starts.append(self.size)
                self._places.append((at, packed, unpacked))
                self.size += unpacked
                at += packed
                file.seek(at)
        if not self._places:
            self._starts, self._places = [0], [(0, -1, _LARGEST_FILE)]
            self.size = len(self._block(0))
        self._block = lru_cache(maxsize=8)(self._block)  # type: ignore[method-assign]

    def _block(self, number: int) -> bytes:
        at, packed, unpacked = self._places[number]
        with self._path.open("rb") as file:
            file.seek(at)
            raw = file.read(packed)
        try:
            return _unpacked(raw, unpacked)
        except (ValueError, EOFError, zlib.error) as error:
            raise self._damaged(str(error) or "it ends too early") from None

    def _damaged(self, got: str) -> FileFormatError:
        return FileFormatError(
            Problem(
                "a segment of the decision log is damaged",
                got=got,
                where=str(self._path),
                next="put it back from a backup, or move it away to go on without its entries",
            )
        )

    def close(self) -> None:
        """Nothing is held open."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the unpacked segment; lines never lie across blocks."""
        number = bisect_right(self._starts, offset) - 1
        start = offset - self._starts[number]
        found = self._block(number)[start : start + length]
        if len(found) < length and number + 1 < len(self._places):
            found += self.read_at(offset + len(found), length - len(found))
        return found

    def pieces(self, start: int) -> Iterator[bytes]:
        """The unpacked bytes from a place on, a block at a time."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        for number in range(first, len(self._places)):
            block = self._block(number)
            yield block[start - self._starts[number] :] if number == first else block


def _unpacked(raw: bytes, most: int) -> bytes:
    """The content of gzip members that follow one another, which is not more than it may be."""
    parts: list[bytes] = []
    if not raw:
        raise EOFError
    while raw:
        member = zlib.decompressobj(31)
        parts.append(member.decompress(raw, most + 1))
        most -= len(parts[-1])
        if most < 0:
            raise ValueError("it unpacks to more than it may")
        if not member.eof:
            raise EOFError
        raw = member.unused_data.lstrip(b"\0")
    return b"".join(parts)
