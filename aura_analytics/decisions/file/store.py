"""The decision log in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.decisions.file.index import Index
from aura_analytics.decisions.file.log_file import LogFile
from aura_analytics.decisions.file.parsing import MARKS
from aura_analytics.decisions.file.upkeep import faults, repair
from aura_analytics.decisions.file.verifying import end_of, until, verify
from aura_analytics.decisions.heads import LogHead, LogVerification
from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.tables import Conditions
from aura_analytics.errors import Problem

__all__ = ["OnFile"]


class OnFile:
    """JSON Lines, with an index beside them.

    Parameters
    ----------
    path
        The file.
    sync, rotate_bytes, rotate_age, rotate_daily
        As `LogFile` has them.
    """

    def __init__(
        self, path: Path, *, sync: bool, rotate_bytes: int | None, rotate_age: timedelta | None, rotate_daily: bool = False
    ) -> None:
        self.where: str = str(path)
        self._file = LogFile(path, sync=sync, rotate_bytes=rotate_bytes, rotate_age=rotate_age, rotate_daily=rotate_daily)
        self._index = Index(self._file)

    def close(self) -> None:
        """Close the index; a later call opens it again."""
        self._index.close()

    def add_decision(self, entry: dict[str, Any], *, own_id: bool) -> bool:
        """Add a decision; False when its id is taken. An id that nobody chose (`own_id` false) is not looked for."""
        name = entry["request_id"]
        return self._file.append(entry, (lambda: self.components(name) is not None) if own_id else None)

    def add_note(self, line: dict[str, Any]) -> bool:
        """Add what is said of a decision; False when there is none such. An approval is of no decision."""
        name = next(str(line[mark]) for mark in MARKS if mark in line)
        if "approves" not in line and self.components(name) is None:
            return False
        return self._file.append(line)

    def components(self, request_id: str) -> list[str] | None:
        """The components that serve a decision by now, None when there is none such."""
        return self._index.components(request_id)

    def entries(self, conditions: Conditions, limit: int | None, *, newest_first: bool) -> Iterator[DecisionLog]:
        """Entries that meet all conditions, with their last outcome."""
        return self._index.entries(conditions, limit, newest_first=newest_first)

    def notes(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """What was added of a kind, the first first."""
        return self._index.notes(kind, request_id)

    def raw(self, request_id: str) -> dict[str, Any] | None:
        """The line of a decision as it was written."""
        return self._index.raw(request_id)

    def tallies(self) -> pl.DataFrame:
        """See `tables.tally_table`."""
        return self._index.tallies()

    def table(self) -> pl.DataFrame:
        """See `tables.decision_table`."""
        return self._index.table()

    def patterns(self) -> pl.DataFrame:
        """See `tables.pattern_table`."""
        return self._index.patterns()

    def has_segments(self) -> bool:
        """Whether there is anything beside the file that grows."""
        return bool(self._file.segments())

    def faults(self) -> list[Problem]:
        """Lines that are no entries."""
        return faults(self._file, self._index.skipped())

    def repair(self) -> tuple[int, Path | None]:
        """Set the lines that are no entries aside."""
        found = repair(self._file)
        if found[0]:
            self._index.forget()
        return found

    def verify(self, heads: Sequence[LogHead]) -> LogVerification:
        """Check the chain, heads, and the index."""
        return verify(self._file, self._index, heads)

    def head(self) -> LogHead:
        """Where the chain ends."""
        return end_of(self._file)

    def position(self) -> tuple[str, str]:
        """How many entries there are, and the chain after them."""
        head = self.head()
        return str(head.entries), head.chain

    def as_at(self, at: str, digest: str) -> list[bytes] | None:  # noqa: ARG002  (the chain says how many there were)
        """The entries up to where the chain was so; None where it never was."""
        return until(self._file, digest)

    def rotate(self, min_bytes: int | None, min_age: timedelta | None, *, daily: bool, plain_days: int) -> list[Path]:
        """Close and compress."""
        today = datetime.now(timezone.utc).date() if daily else None
        return self._file.rotate(min_bytes=min_bytes, min_age=min_age, before=today, plain_days=plain_days)

    def retain(self, keep: timedelta) -> list[Path]:
        """Delete closed segments of which everything is older."""
        gone = max((int(record["retention"].get("lines", 0)) for record in self._index.notes("retention")), default=0)
        return self._file.retain(keep, gone)
