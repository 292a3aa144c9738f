"""The decision log itself: log a decision, log what became of it, ask, count.

The calls and the numbers are those of the accountability layer's document. The file is only ever added to: an outcome is a line of
its own, and the last one of a decision counts.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from aura_analytics.decisions.checked import moment_of, now_text, outcome_kind, plain_record
from aura_analytics.decisions.file.store import OnFile
from aura_analytics.decisions.records import DecisionLog, OutcomeType, outcome_dict, plain
from aura_analytics.decisions.statistics import statistics
from aura_analytics.decisions.tables import Conditions, number_of
from aura_analytics.decisions.upkeep import Upkeep
from aura_analytics.errors import EventError, ParameterError, Problem, close_match
from aura_analytics.outputs import free_to_write, written_text

if TYPE_CHECKING:
    from aura_analytics.decisions.ledger_store import OnLedger
    from aura_analytics.ledger.store import Ledger

__all__ = [
    "DEFAULT_LOG",
    "LoggedDecisions",
]

DEFAULT_LOG = ".claude-loop/orchestrator-decisions.jsonl"
_ORDER = ("user_request", "diagnosis", "decisions", "outcome", "logged_at")


class LoggedDecisions(Upkeep):
    """Decisions and what became of them, in a JSON Lines file or in a ledger's database: the log's own calls.

    Several processes may log at once, and one that is killed loses nothing that a call has returned from.

    Parameters
    ----------
    log_file
        Path of the file, or a `Ledger` or its URL (`sqlite:///aura.db`). Default: `.claude-loop/orchestrator-decisions.jsonl`.
    sync
        Files only: whether every entry is on the disk when the call returns, so that the loss of power loses nothing either. A
        ledger always does so.
    short_ids
        Ids of 8 digits as the document shows them; of 100,000 two are the same with a chance of 69 %. Default: 32 digits.
    on_duplicate
        What a `request_id` of your own that is taken means: an `error`, or that the `first` entry stands and this one is dropped.
    rotate_bytes, rotate_age
        Files only: size of the file, or age of its first line, from which the next entry closes it; that one call takes longer.
        Default: never by itself (`rotate`).
    rotate_daily
        Files only: whether the first entry of a day (UTC) begins a new file. Closed files of the last 7 days stay as they are,
        older ones are compressed; nothing is deleted (`retain`).
    """

    def __init__(
        self,
        log_file: str | Path | Ledger | None = None,
        *,
        sync: bool = False,
        short_ids: bool = False,
        on_duplicate: Literal["error", "first"] = "error",
        rotate_bytes: int | None = None,
        rotate_age: timedelta | None = None,
        rotate_daily: bool = False,
    ) -> None:
        if on_duplicate not in ("error", "first"):
            raise ParameterError(Problem("unknown way with duplicates", got=on_duplicate, expected="error or first"))
        given = DEFAULT_LOG if log_file is None else log_file
        if given == "":
            raise ParameterError(Problem("the log has no name", got=given, expected="a path, a Ledger, or its URL"))
        if isinstance(given, Path) or (isinstance(given, str) and "://" not in given):
            options = {"sync": sync, "rotate_daily": rotate_daily}
            self._store = OnFile(Path(given), rotate_bytes=rotate_bytes, rotate_age=rotate_age, **options)
            self.log_file: str = str(given)
        else:
            self._store = _on_ledger(given)
            self.log_file = self._store.where
            if rotate_bytes is not None or rotate_age is not None or rotate_daily:
                raise ParameterError(Problem("a log in a ledger is not rotated", where=self.log_file, next="only files are"))
        self._short_ids = short_ids
        self._on_duplicate = on_duplicate

    def close(self) -> None:
        """Close what is open; a later call opens it again."""
        self._store.close()

    def log_decision(self, user_request: str, diagnosis: Any, decisions: Any, request_id: str | None = None) -> str:
        """Log a decision.

        Parameters
        ----------
        user_request
            What was asked for.
        diagnosis, decisions
            Dataclasses, objects or dicts; enums are kept by value.
        request_id
            Its name; default a new one.

        Returns
        -------
        str
            The request id.

        Raises
        ------
        EventError
            If something in it is no JSON (NaN), or the request id is taken (`on_duplicate`).
        LedgerUnavailableError
            If the file cannot be written; then nothing was.
        """
        entry: dict[str, Any] = {
            "diagnosis": plain_record(diagnosis, "diagnosis"),
            "decisions": plain_record(decisions, "decisions"),
        }
        entry |= {"user_request": plain(str(user_request)), "outcome": None, "logged_at": None}
        request_id = str(plain(str(request_id))) if request_id else None
        if request_id is not None and "\0" in request_id:
            raise EventError(Problem("a request id holds a NUL", got=request_id, expected="text without it"))
        tries = 1 if request_id is not None else 1_000
        for _ in range(tries):
            name = request_id or self._new_id()
            whole = {"request_id": name, "timestamp": now_text(), **{key: entry[key] for key in _ORDER}}
            if self._store.add_decision(whole, own_id=request_id is not None or self._short_ids):
                return name
        if self._on_duplicate == "first" and request_id is not None:
            return request_id
        problem = Problem(
            "the request id is taken", got=request_id, where=self.log_file, next="leave it out, or say on_duplicate='first'"
        )
        raise EventError(problem)

    def _new_id(self) -> str:
        return uuid.uuid4().hex[: 8 if self._short_ids else 32]

    def log_outcome(self, request_id: str, outcome: Any) -> bool:
        """Log what became of a decision; of several outcomes the last one counts, and all stay (`outcome_history`).

        Parameters
        ----------
        request_id
            The decision.
        outcome
            An `Outcome`, or a dict with at least `outcome_type`.

        Returns
        -------
        bool
            False when there is no such decision.

        Raises
        ------
        EventError
            If the outcome cannot be read; all problems at once.
        LedgerUnavailableError
            If the file cannot be written; then nothing was.
        """
        return self._store.add_note({"amends": str(request_id), "outcome": outcome_dict(outcome), "logged_at": now_text()})

    def outcome_history(self, request_id: str) -> list[dict[str, Any]]:
        """All outcomes of a decision, the first first: `outcome` and `logged_at` of each."""
        own = self._store.raw(str(request_id))
        if own is None:
            return []
        lines = [own] if isinstance(own.get("outcome"), dict) else []
        lines += self._store.notes("outcome", str(request_id))
        return [{"outcome": line["outcome"], "logged_at": line.get("logged_at")} for line in lines]

    def log_override(
        self, request_id: str, component: str | None, *, by: str, replacement: str | None = None, reason: str = ""
    ) -> bool:
        """Log that a user changed a decision: took a component out, put another in its place, or added one.

        Parameters
        ----------
        request_id
            The decision.
        component
            The component that was taken out; None when one was only added.
        by
            The user.
        replacement
            What came in its place, or was added.
        reason
            Why.

        Returns
        -------
        bool
            False when there is no such decision.

        Raises
        ------
        EventError
            If neither is named, nobody is named, or the component does not serve the decision (any more).
        LedgerUnavailableError
            If it cannot be written; then nothing was.
        """
        serving = self._store.components(str(request_id))
        if serving is None:
            return False
        problems = [
            Problem(f"{name} is no text", got=value, expected="a name")
            for name, value in (("component", component), ("replacement", replacement))
            if value is not None and not (isinstance(value, str) and value.strip())
        ]
        if not isinstance(by, str) or not by.strip():
            problems.append(Problem("an override needs a user", got=by, expected="who made it"))
        if component is None and replacement is None:
            problems.append(Problem("an override changes nothing", expected="a component, a replacement, or both"))
        if component is not None and component not in serving:
            problems.append(
                Problem(
                    "the component does not serve this decision",
                    got=component,
                    expected=", ".join(serving) or "none",
                    next=close_match(component, serving),
                )
            )
        if problems:
            raise EventError("the override cannot be logged", problems=problems)
        said = plain({"component": component, "replacement": replacement, "by": by, "reason": str(reason)})
        return self._store.add_note({"overrides": str(request_id), "override": said, "logged_at": now_text()})

    def log_acceptance(self, request_id: str, *, by: str, reason: str = "") -> bool:
        """Log that a user saw a decision and let it stand; False when there is no such decision."""
        if not isinstance(by, str) or not by.strip():
            raise EventError(Problem("an acceptance needs a user", got=by, expected="who accepted it"))
        said = plain({"accepted": True, "by": by, "reason": str(reason)})
        return self._store.add_note({"overrides": str(request_id), "override": said, "logged_at": now_text()})

    def override_history(self, request_id: str | None = None) -> list[dict[str, Any]]:
        """What users changed or accepted, of one decision or of all, the first first."""
        return self._store.notes("override", None if request_id is None else str(request_id))

    def query_decisions(
        self,
        request_id: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
        outcome_type: OutcomeType | str | None = None,
        has_outcome: bool | None = None,  # noqa: FBT001  (the document's signature)
        limit: int | None = 100,
        *,
        newest_first: bool = False,
    ) -> list[DecisionLog]:
        """Decisions that meet all conditions, with their last outcome.

        Parameters
        ----------
        request_id
            Only this one.
        start_time, end_time
            Both ends included; naive times are UTC.
        outcome_type
            Only those that ended so; one without an outcome never does.
        has_outcome
            Only those with, or without, an outcome.
        limit
            How many at most, after all conditions; None is all.
        newest_first
            Order of time, the last first; default the order of the file.
        """
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
            raise ParameterError(
                Problem("limit is out of range", got=limit, expected="a whole number, at least 0, or None for all")
            )
        conditions = Conditions(
            request_id=None if request_id is None else str(request_id),
            since=None if start_time is None else moment_of(start_time),
            until=None if end_time is None else moment_of(end_time),
            outcome=None if outcome_type is None else outcome_kind(outcome_type),
            has_outcome=has_outcome,
        )
        return list(self._store.entries(conditions, limit, newest_first=newest_first))

    def get_decision_statistics(self) -> dict[str, Any]:
        """Counts of the log.

        Returns
        -------
        dict
            `total_decisions`, `decisions_with_outcomes`, `success_rate` (percent of those with outcomes, two decimals),
            `avg_time_seconds` (of successes), `most_common_components` (dicts of `component` and `count` over all decisions),
            `confidence_accuracy` (0 to 1: the document's measure over three bins, which is no measure of calibration).
        """
        return statistics(self._store.tallies(), self._times_of_successes)

    def _times_of_successes(self) -> list[float]:
        entries = self._store.entries(Conditions(outcome="success"), None, newest_first=False)
        times = (number_of((entry.outcome or {}).get("time_taken_seconds")) for entry in entries)
        return [each for each in times if each is not None]

    def tallies(self) -> pl.DataFrame:
        """Counts of decisions by components, those that served, and outcome; see `tables.tally_table`."""
        return self._store.tallies()

    def patterns(self) -> pl.DataFrame:
        """Decisions with outcomes, alike ones counted together; see `tables.pattern_table`."""
        return self._store.patterns()

    def notes(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """What was said of decisions: `outcome`, `override`, or `approval`, of one or of all, the first first."""
        return self._store.notes(kind, request_id)

    def table(self) -> pl.DataFrame:
        """One row a decision: `request_id`, `ts`, `confidence` (total; null when it is none), `components` (those that served after
        users' overrides), `covariates` (JSON text of the diagnosis's plain fields), `outcome`, `seconds`, `ended` (when the outcome
        was logged).
        """
        return self._store.table()

    def export_jsonl(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write one line per decision, with its last outcome, as the document's file has it; returns how many. A file that is there
        is replaced when `overwrite` says so, a decision log never.
        """
        target = Path(path)
        if target.suffix not in (".jsonl", ".ndjson", ".json"):
            raise ParameterError(
                Problem("a decision log is exported as JSON Lines", got=target.name, expected="a name that ends with .jsonl")
            )
        free_to_write(target, overwrite=overwrite)
        entries = self.query_decisions(limit=None)
        lines = "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries)
        written_text(target, lines, overwrite=overwrite)
        return len(entries)


def _on_ledger(given: str | Ledger) -> OnLedger:
    from aura_analytics.decisions.ledger_store import OnLedger
    from aura_analytics.ledger.store import Ledger

    if not isinstance(given, (str, Ledger)):
        raise ParameterError(Problem("a log cannot be opened there", got=given, expected="a path, a Ledger, or its URL"))
    return OnLedger(Ledger(given) if isinstance(given, str) else given)
