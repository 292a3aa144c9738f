"""What became of the rows of a foreign log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aura_analytics.errors import EventError, ParameterError, Problem
from aura_analytics.events import FailureReport
from aura_analytics.io.files import resolve
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.outputs import is_our_quarantine, written

__all__ = ["ImportReport"]


@dataclass
class ImportReport:
    """What became of the rows of a foreign log.

    Attributes
    ----------
    rows
        Rows read from the log.
    events
        Events made of them; one row may be a verdict and a resolution at once.
    by_type
        Events per type.
    unused
        Rows whose activity the mapping does not name (or that `keep` left out), per activity.
    undecided
        Recommendations that no verdict was compared with: none followed, or a later recommendation took their place.
    unanswered
        Verdicts on cases without an earlier recommendation: they only resolve the case.
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

    def set_aside(self, log: str | Path | Sequence[str | Path], quarantine: str | Path | None) -> None:
        """Save what could not be used, or raise when there is nowhere to put it.

        Parameters
        ----------
        log
            What was imported, as `import_log` took it.
        quarantine
            The file to write: one JSON object a line, with the reasons. It is written only when there is something.

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
            problems = [
                Problem(item.reason, where=f"{item.file or log}:{item.line}") for item in self.unreadable
            ] + self.refused.problems()
            lines = f"{len(self.unreadable):,} unreadable lines; " if self.unreadable else ""
            raise EventError(f"{log} cannot be imported whole: {lines}{self.refused}; {hint}", problems=problems)
        if any(Path(quarantine).resolve() == file.resolve() for file in resolve(log, events=False)):
            raise ParameterError(Problem("the quarantine file is the log itself", got=str(quarantine), next="name another file"))
        with written(quarantine, ours=is_our_quarantine) as part, part.open("w", encoding="utf-8") as out:
            out.writelines(
                json.dumps({"file": item.file or str(log), "line": item.line, "reasons": [item.reason], "raw": item.raw}) + "\n"
                for item in self.unreadable
            )
            out.writelines(
                json.dumps({key: value for key, value in row.items() if value is not None}, default=str) + "\n"
                for row in self.refused.bad.iter_rows(named=True)
            )

    def __str__(self) -> str:
        types = ", ".join(f"{count:,} {name}" for name, count in self.by_type.items())
        return (
            f"{self.rows:,} rows read, {self.events:,} events made ({types}); "
            f"{sum(self.unused.values()):,} rows of {len(self.unused)} activities not mapped; "
            f"{self.undecided:,} recommendations without a verdict; {self.unanswered:,} verdicts without a recommendation; "
            f"{self.refused}" + (f"; {len(self.unreadable):,} unreadable lines" if self.unreadable else "")
        )
