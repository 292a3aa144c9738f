"""Compressed files, whose text must not grow without end."""

from __future__ import annotations

from gzip import GzipFile
from io import RawIOBase
from pathlib import Path
from typing import IO

from aura_analytics.errors import FileFormatError, Problem

__all__ = ["UNPACKED", "Bounded", "most_unpacked"]

UNPACKED, TIMES = 1 << 30, 100


def most_unpacked(path: Path) -> int:
    """What a compressed file may unpack to: 1 GiB, or 100 times its size."""
    return max(UNPACKED, TIMES * path.stat().st_size)


class Bounded(RawIOBase):
    """What a compressed file unpacks to, up to a limit."""

    def __init__(self, file: IO[bytes] | GzipFile, path: Path) -> None:
        self._file, self._path = file, path
        self._most = most_unpacked(path)
        self._read = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """The next bytes; an error beyond the limit."""
        piece = self._file.read(len(buffer))
        self._read += len(piece)
        if self._read > self._most:
            got = f"more than {self._most:,} bytes"
            next_ = "no log needs that; ask who made the file"
            raise FileFormatError(Problem("the file unfolds to too much: unpacked", got=got, where=str(self._path), next=next_))
        buffer[: len(piece)] = piece
        return len(piece)
