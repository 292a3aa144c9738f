"""Looks at a SQLite file beside SQLite.

A process that closes any handle of a file loses its locks of it (POSIX, fcntl), also those that SQLite holds. So there is one
handle of a file for all who look at it, and it is closed when the last of them lets go.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["OPENING", "Handle", "head_of"]

OPENING = threading.RLock()  # held while a file is opened, by SQLite or here
_HEAD = 100
_handles: dict[tuple[int, int], list[int]] = {}  # file: handle, how many hold it


class Handle:
    """A hold of a file that SQLite has open, to read the head of the file.

    Parameters
    ----------
    path
        The file, which exists.
    """

    def __init__(self, path: Path) -> None:
        with OPENING:
            about = path.stat()
            self._key: tuple[int, int] | None = (about.st_dev, about.st_ino)
            self._process = os.getpid()
            held = _handles.setdefault(self._key, [-1, 0])
            if not held[1]:
                held[0] = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
            held[1] += 1

    def counter(self) -> int:
        """SQLite's count of changes, as it stands in the file."""
        assert self._key is not None
        return int.from_bytes(_read(_handles[self._key][0], 28)[24:], "big")

    def close(self) -> None:
        """Let go."""
        with OPENING:
            key, self._key = self._key, None
            if key is not None and self._process == os.getpid():
                held = _handles[key]
                held[1] -= 1
                if not held[1]:
                    os.close(held[0])
                    del _handles[key]

    def __del__(self) -> None:
        self.close()


def head_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with OPENING:
        about = path.stat()
        held = _handles.get((about.st_dev, about.st_ino))
        if held is not None:
            return _read(held[0], _HEAD)
        with path.open("rb") as file:
            return file.read(_HEAD)


def _read(handle: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, size, 0)
    with OPENING:
        os.lseek(handle, 0, os.SEEK_SET)
        return os.read(handle, size)
