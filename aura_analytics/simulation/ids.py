"""Names of cases and ids of events of a run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Texts", "again", "event_id"]


def again(time: int) -> bytes:
    """The last two signs of the id of a case's assignment to somebody else: h1 to hz, i0 to iz, and so on."""
    return bytes([ord("h") + time // 36, b"0123456789abcdefghijklmnopqrstuvwxyz"[time % 36]])


def event_id(run: str, queue: int, number: int, tag: str) -> str:
    """The id of an event of a case of a run."""
    return f"{run}{_two(queue).decode()}{number:08d}{tag}"


def _two(number: int) -> bytes:
    """Two signs of a number up to 1,295."""
    digits = b"0123456789abcdefghijklmnopqrstuvwxyz"
    return bytes([digits[number // 36], digits[number % 36]])


_FOUR = np.frombuffer(b"".join(b"%04d" % i for i in range(10_000)), dtype="<u4")


class Texts:
    """Names of cases ("loans-k3f9x2-00000017") and ids of events ("k3f9x20000000017op": the run, number of the queue, number of the
    case, kind of event), so that the runs of other scenarios, seeds and replications have others.

    They are written as one block of bytes, lines of one length, and read as lines: several times faster than putting strings
    together.

    Examples
    --------
    >>> texts = Texts(["loans", "tax"], "k3f9x2")
    >>> case = np.array([17, (1 << 40) + 4])
    >>> texts.cases(case).to_list(), texts.events(texts.heads(case), b"op").to_list()
    (['loans-k3f9x2-00000017', 'tax-k3f9x2-00000004'], ['k3f9x20000000017op', 'k3f9x20100000004op'])
    """

    def __init__(self, queues: list[str], run: str) -> None:
        names = [f"{name}-{run}".encode() for name in queues]
        width = max(len(name) for name in names)
        self._strip = len({len(name) for name in names}) > 1
        self._prefixes = np.array([name.rjust(width) + b"-" for name in names], dtype=f"V{width + 1}")
        self._numbers = np.array([run.encode() + _two(number) for number in range(len(names))], dtype=f"V{2 + len(run)}")

    def heads(self, case: NDArray[np.int64]) -> NDArray[Any]:
        """The bytes that all ids of a case begin with; a case is its queue (above bit 40) and its number."""
        return _numbered(self._numbers, case)

    def cases(self, case: NDArray[np.int64]) -> pl.Series:
        """Names of cases."""
        found = _lines(_numbered(self._prefixes, case), b"\n")
        return found.str.strip_chars_start(" ") if self._strip else found

    def events(self, heads: NDArray[Any], tag: bytes) -> pl.Series:
        """Ids of events of one kind."""
        return _lines(heads, tag + b"\n")


def _numbered(prefixes: NDArray[Any], case: NDArray[np.int64]) -> NDArray[Any]:
    """A prefix by queue and eight digits, as bytes."""
    width = prefixes.dtype.itemsize
    block = np.empty(len(case), dtype=[("queue", prefixes.dtype), ("high", "<u4"), ("low", "<u4")])
    number = (case & ((1 << 40) - 1)).astype(np.uint32)
    block["queue"] = prefixes[0] if len(prefixes) == 1 else prefixes[case >> 40]
    high = number // np.uint32(10_000)
    block["high"], block["low"] = _FOUR[high], _FOUR[number - high * np.uint32(10_000)]
    return block.view(f"V{width + 8}")


def _lines(heads: NDArray[Any], tail: bytes) -> pl.Series:
    block = np.empty(len(heads), dtype=[("head", heads.dtype), ("tail", f"V{len(tail)}")])
    block["head"], block["tail"] = heads, np.void(tail)
    return pl.read_lines(io.BytesIO(block.view(np.uint8))).to_series()  # type: ignore[arg-type]
