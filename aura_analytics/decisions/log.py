"""`AccountabilityLogger`: log a decision, log what became of it, ask, count, learn.

The calls and the numbers are those of the accountability layer's document. The file is only ever added to: an outcome is a line of
its own, and the last one of a decision counts.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from aura_analytics.decisions.as_events import to_events
from aura_analytics.decisions.files import LogFile
from aura_analytics.decisions.index import Index, moment
from aura_analytics.decisions.records import DecisionLog, OutcomeType, outcome_dict, plain
from aura_analytics.decisions.statistics import statistics
from aura_analytics.errors import EventError, ParameterError, Problem, close_match
from aura_analytics.learning.multipliers import from_counts, shrunk

__all__ = ["DEFAULT_LOG", "AccountabilityLogger"]

DEFAULT_LOG = ".claude-loop/orchestrator-decisions.jsonl"


class AccountabilityLogger:
    """A log of decisions in a JSON Lines file.

    Several processes may log at once, and one that is killed loses nothing that a call has returned from.

    Parameters
    ----------
    log_file
        Path of the file. Default: `.claude-loop/orchestrator-decisions.jsonl`.
    sync
        Whether every entry is on the disk when the call returns, so that the loss of power loses nothing either.
    short_ids
        Ids of 8 digits as the document shows them; of 100,000 two are the same with a chance of 69 %. Default: 32 digits.
    on_duplicate
        What a `request_id` of your own that is taken means: an `error`, or that the `first` entry stands and this one is dropped.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> log = AccountabilityLogger(f"{folder.name}/decisions.jsonl")
    >>> name = log.log_decision("build a login", {"complexity": 7}, {"execution_order": ["agent:security-auditor"]})
    >>> log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": 45.3})
    True
    >>> log.get_decision_statistics()["success_rate"]
    100.0
    >>> log.close(); folder.cleanup()
    """

    def __init__(
        self,
        log_file: str | Path | None = None,
        *,
        sync: bool = False,
        short_ids: bool = False,
        on_duplicate: Literal["error", "first"] = "error",
    ) -> None:
        if on_duplicate not in ("error", "first"):
            raise ParameterError(Problem("unknown way with duplicates", got=on_duplicate, expected="error or first"))
        self.log_file = str(DEFAULT_LOG if log_file is None else log_file)
        self._file = LogFile(Path(self.log_file), sync=sync)
        self._index = Index(self._file)
        self._short_ids = short_ids
        self._on_duplicate = on_duplicate

    def close(self) -> None:
        """Close the index; a later call opens it again."""
        self._index.close()

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
        entry = {"diagnosis": _dict(diagnosis, "diagnosis"), "decisions": _dict(decisions, "decisions")}
        if request_id is not None:
            request_id = str(request_id)
            if self._index.known(request_id):
                if self._on_duplicate == "first":
                    return request_id
                problem = Problem("the request id is taken", got=request_id, where=self.log_file,
                                  next="leave it out, or say on_duplicate='first'")  # fmt: skip
                raise EventError(problem)
        name = request_id or self._new_id()
        self._file.append({
            "request_id": name, "timestamp": _now(), "user_request": str(user_request), **entry, "outcome": None, "logged_at": None,
        })  # fmt: skip
        return name

    def _new_id(self) -> str:
        if not self._short_ids:
            return uuid.uuid4().hex
        while self._index.known(name := uuid.uuid4().hex[:8]):
            pass
        return name

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
        found = outcome_dict(outcome)
        if not self._index.known(str(request_id)):
            return False
        self._file.append({"amends": str(request_id), "outcome": found, "logged_at": _now()})
        return True

    def outcome_history(self, request_id: str) -> list[dict[str, Any]]:
        """All outcomes of a decision, the first first: `outcome` and `logged_at` of each."""
        return self._index.history(str(request_id))

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
        where: list[str] = []
        values: list[Any] = []
        if request_id is not None:
            where.append("e.request_id = ?")
            values.append(str(request_id))
        for given, sign in ((start_time, ">="), (end_time, "<=")):
            if given is not None:
                where.append(f"e.ts {sign} ?")
                values.append(_moment(given))
        if outcome_type is not None:
            where.append("e.outcome = ?")
            values.append(_kind(outcome_type))
        if has_outcome is not None:
            where.append(f"e.outcome IS {'NOT ' if has_outcome else ''}NULL")
        if limit is not None and limit < 0:
            raise ParameterError(Problem("limit is negative", got=limit, expected="how many at most, or None for all"))
        return self._index.entries(where, values, limit, newest_first=newest_first)

    def get_decision_statistics(self) -> dict[str, Any]:
        """Counts of the log.

        Returns
        -------
        dict
            `total_decisions`, `decisions_with_outcomes`, `success_rate` (percent of those with outcomes, two decimals),
            `avg_time_seconds` (of successes), `most_common_components` (dicts of `component` and `count` over all decisions),
            `confidence_accuracy` (0 to 1: the document's measure over three bins, which is no measure of calibration).
        """
        return statistics(self._index.refreshed())

    @overload
    def learn_from_outcomes(self, method: Literal["seed"] = "seed") -> dict[str, float]: ...
    @overload
    def learn_from_outcomes(
        self, method: Literal["shrunk"], *, prior: tuple[float, float] | None = None, confidence: float = 0.95
    ) -> pl.DataFrame: ...
    def learn_from_outcomes(
        self, method: str = "seed", *, prior: tuple[float, float] | None = None, confidence: float = 0.95
    ) -> dict[str, float] | pl.DataFrame:
        """What outcomes suggest for the confidence in each component.

        Parameters
        ----------
        method
            `seed`: the document's multipliers, rate of the component over the rate of all, within 0.7 and 1.3, from 3 outcomes on.
            `shrunk`: rates pulled towards that of all by how few they rest on, with intervals and a status.
        prior
            `shrunk` only: successes and failures that every component starts with; default learned from all components.
        confidence
            `shrunk` only: two-sided level of the intervals.

        Returns
        -------
        dict or polars.DataFrame
            `seed`: multiplier by component. `shrunk`: as `aura_analytics.learning.multipliers.shrunk`.
        """
        counts = self.component_outcomes()
        if method == "seed":
            overall = self._index.refreshed().execute(
                "SELECT count(*), sum(outcome = 'success') FROM entries WHERE outcome IS NOT NULL"
            )
            total, successes = overall.fetchone()
            return from_counts(counts, (successes or 0) / total) if total else {}
        if method == "shrunk":
            return shrunk(counts, prior=prior, confidence=confidence)
        hint = close_match(str(method), ["seed", "shrunk"])
        raise ParameterError(Problem("unknown method", got=method, expected="seed or shrunk", next=hint))

    def component_outcomes(self) -> pl.DataFrame:
        """Per component: how often it was `chosen`, how many of these decisions have `outcomes`, and how many `successes`."""
        rows = self._index.refreshed().execute("SELECT name, chosen, outcomes, successes FROM components ORDER BY rowid").fetchall()
        schema = {"component": pl.String, "chosen": pl.Int64, "outcomes": pl.Int64, "successes": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def to_events(self) -> pl.DataFrame:
        """The log as events, so that dossiers, rules and the report work for components; see `decisions.as_events.to_events`."""
        return to_events(self.query_decisions(limit=None))

    def export_jsonl(self, path: str | Path) -> int:
        """Write one line per decision, with its last outcome, as the document's file has it; returns how many."""
        target = Path(path)
        if target.exists():
            raise ParameterError(Problem("the file exists already", got=str(target), next="choose another name"))
        entries = self.query_decisions(limit=None)
        part = target.with_name(f".{target.name}.part")
        part.write_text("".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")
        part.replace(target)
        return len(entries)

    def faults(self) -> list[Problem]:
        """Lines of the file that are no entries: what is wrong with each, and where."""
        return self._file.faults()

    def repair(self) -> tuple[int, Path | None]:
        """Set the lines that are no entries aside, in a file beside the log: how many, and that file."""
        return self._file.repair()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _dict(value: Any, name: str) -> dict[str, Any]:
    found = plain(value)
    if not isinstance(found, dict):
        raise EventError(Problem(f"{name} cannot be read", got=value, expected="a dataclass, an object or a dict"))
    return found


def _moment(given: datetime | str) -> int:
    found = moment(given.isoformat() if isinstance(given, datetime) else given)
    if found is None:
        raise ParameterError(Problem("a time cannot be read", got=given, expected="a datetime, or ISO 8601"))
    return found


def _kind(given: OutcomeType | str) -> str:
    known = [item.value for item in OutcomeType]
    text = str(given.value) if isinstance(given, OutcomeType) else str(given)
    if text not in known:
        raise ParameterError(Problem("unknown outcome_type", got=given, expected=", ".join(known), next=close_match(text, known)))
    return text
