"""What checking a decision log finds, and the heads that are kept elsewhere to check it against."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from aura_analytics.errors import FileFormatError, FileMissingError, Problem

__all__ = ["LogHead", "LogVerification", "add_head", "read_log_heads"]

_SHOWN = 5


@dataclass(frozen=True)
class LogHead:
    """Where the chain of a decision log ended: after so many entries, deleted ones included."""

    entries: int
    chain: str


@dataclass(frozen=True)
class LogVerification:
    """What checking a decision log found.

    Attributes
    ----------
    ok
        Whether all is as it was written.
    entries
        Entries that the log has had, those that a retention deleted included.
    heads
        Heads that were met.
    faults
        Kind and words of each: `altered` (or missing, moved, put in), `unchained`, `head`, `index`.
    chain
        After the last entry.
    message
        In words, without the faults.
    """

    ok: bool
    entries: int
    heads: int
    faults: tuple[tuple[str, str], ...]
    chain: str
    message: str

    def __str__(self) -> str:
        more = [f"and {len(self.faults) - _SHOWN:,} more"] if len(self.faults) > _SHOWN else []
        return "\n".join([*(text for _, text in self.faults[:_SHOWN]), *more, self.message])


def read_log_heads(path: str | Path) -> list[LogHead]:
    """Heads from a file that `export_heads` wrote."""
    source = Path(path)
    if not source.is_file():
        raise FileMissingError(Problem("no such file of heads", got=str(source)))
    heads = []
    for number, line in enumerate(source.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            item = json.loads(line)
            if not isinstance(item["entries"], int) or item["entries"] < 0 or not isinstance(item["chain"], str):
                raise ValueError
            heads.append(LogHead(item["entries"], item["chain"]))
        except (ValueError, KeyError, TypeError):
            expected, where = '{"entries": ..., "chain": ...}', f"{source}, line {number}"
            raise FileFormatError(
                Problem("this is no head of a decision log", got=line[:60], expected=expected, where=where)
            ) from None
    if not heads:
        raise FileFormatError(Problem("the file holds no head", where=str(source), next="write one with aura log export-heads"))
    return heads


def add_head(head: LogHead, path: str | Path, held: Sequence[LogHead]) -> None:
    """Add a head to a file, on the disk when the call returns."""
    if head in held:
        return
    said = {"entries": head.entries, "chain": head.chain, "exported_at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(said) + "\n")
