"""Lines of a decision log: where they are, and how they are cut out of a file and written into one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["Line", "Place", "blocks", "piece", "split", "written"]

_BLOCK = 1 << 20
Place = tuple[int, int, int]  # segment, offset, length


@dataclass(frozen=True)
class Line:
    """A line of the log: where it is, and what it holds."""

    segment: int
    offset: int
    raw: bytes
    complete: bool = True


def piece(file: BinaryIO, start: int, size: int) -> bytes:
    """Bytes of a file from a place on."""
    file.seek(start)
    return file.read(size)


def blocks(file: Any) -> Iterator[bytes]:
    """A file's bytes, a block at a time."""
    while block := file.read(_BLOCK):
        yield block


def split(pieces: Iterable[bytes], segment: int, at: int) -> Iterator[Line]:
    """The lines of a segment's bytes from a place on; the last one may be without its end."""
    rest = b""
    for piece in pieces:
        raws = (rest + piece).split(b"\n")
        rest = raws.pop()
        for raw in raws:
            yield Line(segment, at, raw)
            at += len(raw) + 1
    if rest:
        yield Line(segment, at, rest, complete=False)


def written(lines: Iterable[bytes], path: Path, mode: int) -> None:
    """Write lines (without their ends) as a file with these permissions; on the disk when the call returns."""
    with path.open("wb") as file:
        path.chmod(mode & 0o777)  # whoever may not read the log may not read this
        for raw in lines:
            file.write(raw + b"\n")
        file.flush()
        os.fsync(file.fileno())
