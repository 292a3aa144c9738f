"""What became of the rows of a foreign log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from aura_analytics.errors import EventError, ParameterError, Problem
from aura_analytics.events import FailureReport
from aura_analytics.io.files import resolve
from aura_analytics.io.log_table import LogRows
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.outputs import is_our_quarantine, written

__all__ = ["ImportReport"]

_SHOWN = 20


@dataclass
class ImportReport:
    """What became of the rows of a foreign log: `total` is the sum of `used`, `unused`, `passed_over` and `aside`.

    Attributes
    ----------
    rows
        Rows read from the log.
    events
        Events made of them; one row may be a verdict and a resolution at once.
    by_type
        Events per type.
    used
        Rows that are an event, or a recommendation that a verdict was compared with.
    unused
        Rows whose activity the mapping does not name (or that `keep` left out), per activity.
    passed_over
        Rows that the mapping names and that say nothing new, per reason.
    undecided
        Recommendations that no verdict was compared with: none followed, or a later recommendation took their place.
    unanswered
        Verdicts on cases without an earlier recommendation: they only resolve the case.
    cases
        Cases in the log, and how many of them have a start, an end, a recommendation, a verdict.
    warnings
        What somebody who reads the numbers has to know first.
    refused
        Rows that were meant to be events and broke the contract, with reasons.
    unreadable
        Lines of a text log that are no records.
    """

    rows: int
    events: int
    by_type: dict[str, int]
    unused: dict[str, int]
    undecided: int
    unanswered: int
    refused: FailureReport = field(repr=False)
    unreadable: list[Unreadable] = field(default_factory=list, repr=False)
    used: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    log: LogRows | None = field(default=None, repr=False)

    @property
    def total(self) -> int:
        """Rows read, and lines that are none."""
        return self.rows + len(self.unreadable)

    @property
    def aside(self) -> int:
        """Rows that could not be used: lines that are no records, and rows that broke the contract."""
        return len(self.unreadable) + self.refused.bad["row"].n_unique() if self.refused else len(self.unreadable)

    def set_aside(self, log: str | Path | Sequence[str | Path], quarantine: str | Path | None) -> None:
        """Save what could not be used, or raise when there is nowhere to put it.

        Parameters
        ----------
        log
            What was imported, as `import_log` took it.
        quarantine
            The file to write: one JSON object a line, with file, line, reasons and what stands there. It is written only when there
            is something.

        Raises
        ------
        EventError
            If there is something and no file.
        ParameterError
            If the file is the log itself.
        """
        if not self.refused and not self.unreadable:
            return
        if quarantine is None:
            hint = "import with quarantine= (command line: --quarantine FILE) to set them aside"
            problems = [Problem(reason, where=where) for where, reason in self.reasons(_SHOWN)]
            hidden = self.aside - len(problems)
            problems += [Problem(f"{hidden:,} more rows")] if hidden > 0 else []
            lines = f"{len(self.unreadable):,} unreadable lines; " if self.unreadable else ""
            raise EventError(f"{log} cannot be imported whole: {lines}{self.refused}; {hint}", problems=problems)
        if any(Path(quarantine).resolve() == file.resolve() for file in resolve(log, events=False)):
            raise ParameterError(Problem("the quarantine file is the log itself", got=str(quarantine), next="name another file"))
        with written(quarantine, ours=is_our_quarantine) as part, part.open("w", encoding="utf-8") as out:
            for item in self.unreadable:
                entry = {"file": item.file or str(log), "line": item.line, "reasons": [item.reason], "raw": item.raw}
                out.write(json.dumps(entry, ensure_ascii=False) + "\n")
            for entry in self._refused_rows():
                out.write(json.dumps(entry, ensure_ascii=False, default=str) + "\n")

    def reasons(self, most: int) -> list[tuple[str, str]]:
        """The first rows that could not be used: where each stands, and why.

        Parameters
        ----------
        most
            How many at most.
        """
        return list(islice(self._reasons(), most))

    def _reasons(self) -> Iterator[tuple[str, str]]:
        for item in self.unreadable:
            yield f"{item.file or ''}:{item.line}", item.reason
        for row, reasons in self.refused.bad.select("row", "reasons").iter_rows():
            file, line = self._place(row)
            for reason in reasons:
                yield f"{file}:{line}", reason

    def _place(self, row: int) -> tuple[str, int]:
        assert self.log is not None
        return self.log.place(row)

    def _refused_rows(self) -> Iterator[dict[str, Any]]:
        if self.log is None:
            return
        why: dict[int, list[str]] = {}
        for row, reasons in self.refused.bad.select("row", "reasons").iter_rows():
            known = why.setdefault(row, [])
            known += [reason for reason in reasons if reason not in known]
        raw = self.log.raw(sorted(why))
        for row in sorted(why):
            file, line = self._place(row)
            entry = {"file": file, "line": line, "reasons": why[row], "record": self.log.record(row)}
            yield entry | ({"raw": raw[row]} if row in raw else {})

    def to_dict(self) -> dict[str, Any]:
        """The account as plain data, as `aura import --json` prints it."""
        return {
            "rows": self.rows,
            "total": self.total,
            "used": self.used,
            "events": self.events,
            "by_type": self.by_type,
            "unused": self.unused,
            "passed_over": self.passed_over,
            "set_aside": self.aside,
            "undecided": self.undecided,
            "unanswered": self.unanswered,
            "refused": len(self.refused),
            "unreadable": len(self.unreadable),
            "repeats": self.refused.duplicates,
            "cases": self.cases,
            "warnings": self.warnings,
        }

    def __str__(self) -> str:
        types = ", ".join(f"{count:,} {name}" for name, count in self.by_type.items())
        passed = "".join(f"; {count:,} rows passed over: {reason}" for reason, count in self.passed_over.items())
        text = (
            f"{self.total:,} rows: {self.used:,} used, {sum(self.unused.values()) + sum(self.passed_over.values()):,} unused, "
            f"{self.aside:,} set aside; {self.events:,} events made ({types}); "
            f"{sum(self.unused.values()):,} rows of {len(self.unused)} activities not mapped{passed}; "
            f"{self.undecided:,} recommendations without a verdict; {self.unanswered:,} verdicts without a recommendation; "
            f"{self.refused}" + (f"; {len(self.unreadable):,} unreadable lines" if self.unreadable else "")
        )
        if self.cases:
            told = ", ".join(f"{count:,} with {what}" for what, count in self.cases.items() if what != "cases")
            text += f"\n{self.cases['cases']:,} cases: {told}"
        return text + "".join(f"\nwarning: {warning}" for warning in self.warnings)
