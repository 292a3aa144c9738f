"""The decision log's file: JSON Lines that are only ever added to, by several processes at once.

Two kinds of line: a decision (the form of the accountability layer's document) and an amendment, `{"amends": request_id, "outcome":
..., "logged_at": ...}`, which says what became of a decision. A line counts when its end is there; a line that a crash cut off is closed
by the next writer, reported by `faults`, and never taken for an entry.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aura_analytics.errors import FileFormatError, LedgerUnavailableError, Problem
from aura_analytics.ledger.locks import locked

__all__ = ["Line", "LogFile", "parsed"]

_BLOCK = 1 << 20
_WAIT = 30.0  # seconds for another writer


@dataclass(frozen=True)
class Line:
    """A line of the log: where it is, and what it holds."""

    offset: int
    raw: bytes
    complete: bool = True


def parsed(raw: bytes) -> dict[str, Any] | str:
    """The object of a line, or why it is none."""
    try:
        found = json.loads(raw)
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"not JSON ({error})"
    if not isinstance(found, dict):
        return "not a JSON object"
    if "amends" in found:
        return found if isinstance(found.get("outcome"), dict) else "an amendment without an outcome"
    if not isinstance(found.get("request_id"), str):
        return "no request_id"
    return found


class LogFile:
    """A file of lines.

    Parameters
    ----------
    path
        Where it is; its folder is made when the first line is written.
    sync
        Whether a line is on the disk when `append` returns (the loss of power loses nothing), or with the operating system (the
        loss of the process loses nothing).
    """

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self.path = path
        self._sync = sync
        self._lock = path.with_name(path.name + ".lock")

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line.

        Raises
        ------
        LedgerUnavailableError
            If it cannot be written; then nothing was.
        """
        raw = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._lock, _WAIT), self.path.open("ab", buffering=0) as file:
                self._write(file.fileno(), raw)
        except OSError as error:
            if isinstance(error, LedgerUnavailableError):
                raise
            raise self._explained(error) from None

    def _write(self, file: int, raw: bytes) -> None:
        end = os.fstat(file).st_size
        if end and not self._ends(end):
            raw = b"\n" + raw  # a crash cut the last line off
        try:
            written = os.write(file, raw)
            if written < len(raw):
                raise OSError(28, "No space left on device")
        except OSError:
            os.ftruncate(file, end)  # half a line is none
            raise
        if self._sync:
            os.fdatasync(file)

    def _ends(self, size: int) -> bool:
        with self.path.open("rb") as file:
            file.seek(size - 1)
            return file.read(1) == b"\n"

    def _explained(self, error: OSError) -> LedgerUnavailableError:
        advice = {
            13: "give write permission to the folder",
            28: "free some space; nothing was stored",
            30: "the file system is read-only",
        }
        problem = Problem(
            "the decision log cannot be written", got=error.strerror, where=str(self.path), next=advice.get(error.errno or 0)
        )
        return LedgerUnavailableError(problem)

    def size(self) -> int:
        """Bytes of the file, 0 when there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def lines(self, start: int = 0) -> Iterator[Line]:
        """The lines from a place on; the last one may be without its end."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileFormatError(Problem("the decision log cannot be read", got=error.strerror, where=str(self.path))) from None
        with file:
            file.seek(start)
            at, rest = start, b""
            while block := file.read(_BLOCK):
                pieces = (rest + block).split(b"\n")
                rest = pieces.pop()
                for raw in pieces:
                    yield Line(at, raw)
                    at += len(raw) + 1
            if rest:
                yield Line(at, rest, complete=False)

    def read(self, offset: int, length: int) -> bytes:
        """The bytes of a line."""
        return next(self.read_many([(offset, length)]))

    def read_many(self, places: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """The bytes of several lines."""
        with self.path.open("rb") as file:
            for offset, length in places:
                file.seek(offset)
                yield file.read(length)

    def faults(self) -> list[Problem]:
        """Lines that are no entries: what is wrong with each, and where."""
        found = []
        for number, line in enumerate(self.lines(), 1):
            said = parsed(line.raw) if line.raw.strip() else ""
            if isinstance(said, str) and said:
                torn = "" if line.complete else ", cut off at the end of the file"
                found.append(Problem(f"a line is {said}{torn}", got=line.raw[:60].decode("utf-8", "replace"),
                                     where=f"{self.path}, line {number}", next="aura log repair sets it aside"))  # fmt: skip
        return found

    def repair(self) -> tuple[int, Path | None]:
        """Take the lines that are no entries out of the file, and keep their bytes in another beside it.

        Returns
        -------
        tuple
            How many lines, and the file that holds them (None when there were none).
        """
        with locked(self._lock, _WAIT):
            bad = [line for line in self.lines() if line.raw.strip() and isinstance(parsed(line.raw), str)]
            if not bad:
                return 0, None
            stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
            aside = self.path.with_name(f"{self.path.name}.aside-{stamp}")
            _written(aside, (line.raw for line in bad))
            wrong = {line.offset for line in bad}
            part = self.path.with_name(f".{self.path.name}.repaired")
            _written(part, (line.raw for line in self.lines() if line.offset not in wrong and line.raw.strip()))
            part.replace(self.path)
            return len(bad), aside


def _written(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        for raw in lines:
            file.write(raw + b"\n")
        file.flush()
        os.fsync(file.fileno())
