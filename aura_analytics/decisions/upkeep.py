"""Looking after a decision log: what is wrong with its lines, rotation, retention."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aura_analytics.decisions.file.store import OnFile
from aura_analytics.decisions.heads import LogHead, LogVerification, add_head, read_log_heads
from aura_analytics.errors import LedgerDamagedError, ParameterError, Problem

if TYPE_CHECKING:
    from aura_analytics.decisions.ledger_store import OnLedger

__all__ = ["Upkeep"]


class Upkeep:
    """The calls that look after the log, wherever it is."""

    _store: OnFile | OnLedger

    def has_segments(self) -> bool:
        """Whether anything was rotated."""
        return isinstance(self._store, OnFile) and self._store.has_segments()

    def faults(self) -> list[Problem]:
        """Lines of the file that are no entries: what is wrong with each, and where."""
        return self._store.faults()

    def repair(self) -> tuple[int, Path | None]:
        """Set the lines that are no entries aside, in a file beside the log: how many, and that file."""
        return self._store.repair()

    def verify(self, heads: str | Path | None = None) -> LogVerification:
        """Check that every entry is as it was written, and none missing, moved or put in; and the index against the log.

        Somebody who may write the file could compute the chain anew, or cut off its end; heads that were kept elsewhere
        (`export_heads`) show that too. Lines of before there was a chain are held by what was written after them.

        Parameters
        ----------
        heads
            A file that `export_heads` wrote.

        Returns
        -------
        LogVerification

        Raises
        ------
        FileMissingError, FileFormatError
            If the heads cannot be read.
        ParameterError
            For a log in a ledger (`Ledger.verify`).
        """
        return self._store.verify([] if heads is None else read_log_heads(heads))

    def export_heads(self, path: str | Path) -> LogHead:
        """Add where the chain ends to a file that belongs where the log's writers cannot write; one line of JSON each.

        Raises
        ------
        LedgerDamagedError
            If the log is not as it was written, or does not fit a head that the file holds; nothing is added then.
        """
        target = Path(path)
        held = read_log_heads(target) if target.exists() and target.stat().st_size else []
        found = self._store.verify(held)
        if not found.ok:
            raise LedgerDamagedError("no head was added", problems=[Problem(text) for _, text in found.faults[:5]])
        head = LogHead(found.entries, found.chain)
        add_head(head, target, held)
        return head

    def rotate(
        self, *, min_bytes: int | None = None, min_age: timedelta | None = None, daily: bool = False, plain_days: int = 7
    ) -> list[Path]:
        """Close the file that grows, and archive closed ones that are old. Every call still sees all entries.

        Parameters
        ----------
        min_bytes, min_age, daily
            Close it only from this size on, from this age of its first line on, or when that is of a day before today; without any,
            in any case. It becomes `NAME-YYYY-MM-DD.jsonl` beside the log, the day (UTC) of its first line, a second one of that
            day `NAME-YYYY-MM-DD.2.jsonl`.
        plain_days
            Closed files of so many days stay as they are, older ones are compressed (`.gz`); 0 compresses all.

        Returns
        -------
        list of pathlib.Path
            The files that were closed or compressed now.

        Raises
        ------
        ParameterError
            For a log in a ledger, which is not rotated, and for days that are none.
        """
        if isinstance(plain_days, bool) or not isinstance(plain_days, int) or not 0 <= plain_days <= 36_525:
            raise ParameterError(Problem("plain_days is out of range", got=plain_days, expected="whole days, from 0"))
        return self._store.rotate(min_bytes, min_age, daily=daily, plain_days=plain_days)

    def retain(self, keep: timedelta) -> list[Path]:
        """Delete closed segments of which every line is older; returns them. What they held is gone, from the counts as well.

        Parameters
        ----------
        keep
            How long lines are kept, positive.
        """
        if not isinstance(keep, timedelta) or not timedelta(0) < keep <= timedelta(days=36_525):
            raise ParameterError(Problem("keep is out of range", got=keep, expected="a timedelta of at most 100 years"))
        return self._store.retain(keep)
