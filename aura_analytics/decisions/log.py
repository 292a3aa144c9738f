"""`AccountabilityLogger`: log a decision, log what became of it, ask, count, learn.

The calls and the numbers are those of the accountability layer's document. The file is only ever added to: an outcome is a line of
its own, and the last one of a decision counts.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import polars as pl

from aura_analytics.decisions import explain as explaining
from aura_analytics.decisions.as_events import to_events
from aura_analytics.decisions.file.log_file import moment
from aura_analytics.decisions.file.store import OnFile
from aura_analytics.decisions.learn import compare_versions, multipliers
from aura_analytics.decisions.overrides import override_record
from aura_analytics.decisions.proposals import Proposal, apply_proposal, propose
from aura_analytics.decisions.records import DecisionLog, OutcomeType, outcome_dict, plain
from aura_analytics.decisions.statistics import component_counts, statistics
from aura_analytics.decisions.tables import Conditions, decision_table
from aura_analytics.errors import EventError, ParameterError, Problem, close_match
from aura_analytics.learning import anomalies as watching
from aura_analytics.learning.calibration import CalibrationReport, calibration
from aura_analytics.learning.comparisons import VersionComparison

if TYPE_CHECKING:
    from aura_analytics.decisions.ledger_store import OnLedger
    from aura_analytics.ledger.store import Ledger

__all__ = ["DEFAULT_LOG", "AccountabilityLogger"]

DEFAULT_LOG = ".claude-loop/orchestrator-decisions.jsonl"
_ORDER = ("user_request", "diagnosis", "decisions", "outcome", "logged_at")


class AccountabilityLogger:
    """A log of decisions, in a JSON Lines file or in a ledger's database.

    Several processes may log at once, and one that is killed loses nothing that a call has returned from.

    Parameters
    ----------
    log_file
        Path of the file, or a `Ledger` or its URL (`sqlite:///aura.db`). Default: `.claude-loop/orchestrator-decisions.jsonl`.
    sync
        Files only: whether every entry is on the disk when the call returns, so that the loss of power loses nothing either. A ledger
        always does so.
    short_ids
        Ids of 8 digits as the document shows them; of 100,000 two are the same with a chance of 69 %. Default: 32 digits.
    on_duplicate
        What a `request_id` of your own that is taken means: an `error`, or that the `first` entry stands and this one is dropped.
    rotate_bytes, rotate_age
        Files only: size of the file, or age of its first line, from which the next entry closes it and has it compressed; that one call
        takes longer. Default: never by itself (`rotate`).

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
        log_file: str | Path | Ledger | None = None,
        *,
        sync: bool = False,
        short_ids: bool = False,
        on_duplicate: Literal["error", "first"] = "error",
        rotate_bytes: int | None = None,
        rotate_age: timedelta | None = None,
    ) -> None:
        if on_duplicate not in ("error", "first"):
            raise ParameterError(Problem("unknown way with duplicates", got=on_duplicate, expected="error or first"))
        given = DEFAULT_LOG if log_file is None else log_file
        if given == "":
            raise ParameterError(Problem("the log has no name", got=given, expected="a path, a Ledger, or its URL"))
        self._store: OnFile | OnLedger
        if isinstance(given, Path) or (isinstance(given, str) and "://" not in given):
            self._store = OnFile(Path(given), sync=sync, rotate_bytes=rotate_bytes, rotate_age=rotate_age)
            self.log_file = str(given)
        else:
            self._store = _on_ledger(given)
            self.log_file = self._store.where
            if rotate_bytes is not None or rotate_age is not None:
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
        entry: dict[str, Any] = {"diagnosis": _dict(diagnosis, "diagnosis"), "decisions": _dict(decisions, "decisions")}
        entry |= {"user_request": plain(str(user_request)), "outcome": None, "logged_at": None}
        request_id = str(plain(str(request_id))) if request_id else None
        if request_id is not None and "\0" in request_id:
            raise EventError(Problem("a request id holds a NUL", got=request_id, expected="text without it"))
        tries = 1 if request_id is not None else 1_000
        for _ in range(tries):
            name = request_id or self._new_id()
            whole = {"request_id": name, "timestamp": _now(), **{key: entry[key] for key in _ORDER}}
            if self._store.add_decision(whole, own_id=request_id is not None or self._short_ids):
                return name
        if self._on_duplicate == "first" and request_id is not None:
            return request_id
        problem = Problem("the request id is taken", got=request_id, where=self.log_file,
                          next="leave it out, or say on_duplicate='first'")  # fmt: skip
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
        return self._store.add_note({"amends": str(request_id), "outcome": outcome_dict(outcome), "logged_at": _now()})

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
            problems.append(Problem("the component does not serve this decision", got=component, expected=", ".join(serving) or "none",
                                    next=close_match(component, serving)))  # fmt: skip
        if problems:
            raise EventError("the override cannot be logged", problems=problems)
        said = plain({"component": component, "replacement": replacement, "by": by, "reason": str(reason)})
        return self._store.add_note({"overrides": str(request_id), "override": said, "logged_at": _now()})

    def log_acceptance(self, request_id: str, *, by: str, reason: str = "") -> bool:
        """Log that a user saw a decision and let it stand; False when there is no such decision."""
        if not isinstance(by, str) or not by.strip():
            raise EventError(Problem("an acceptance needs a user", got=by, expected="who accepted it"))
        said = plain({"accepted": True, "by": by, "reason": str(reason)})
        return self._store.add_note({"overrides": str(request_id), "override": said, "logged_at": _now()})

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
            since=None if start_time is None else _moment(start_time),
            until=None if end_time is None else _moment(end_time),
            outcome=None if outcome_type is None else _kind(outcome_type),
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
        return statistics(self._store.tallies())

    @overload
    def learn_from_outcomes(self, method: Literal["seed"] = "seed") -> dict[str, float]: ...
    @overload
    def learn_from_outcomes(self, method: Literal["shrunk", "adjusted"], **options: Any) -> pl.DataFrame: ...
    def learn_from_outcomes(self, method: str = "seed", **options: Any) -> dict[str, float] | pl.DataFrame:
        """What outcomes suggest for the confidence in each component.

        Parameters
        ----------
        method
            `seed`: the document's multipliers, rate of the component over the rate of all, within 0.7 and 1.3, from 3 outcomes on.
            `shrunk`: rates pulled towards that of all by how few they rest on. `adjusted`: allows for what the diagnosis said of the
            task, and for the components beside it. The last two have intervals and a status, and count what served after overrides.
        options
            Of `shrunk`: `prior`, `confidence`. Of `adjusted`: `covariates`, `confidence`, `least`, `spread`.

        Returns
        -------
        dict or polars.DataFrame
            `seed`: multiplier by component. Otherwise as `aura_analytics.learning.multipliers.shrunk` or `.adjusted.adjusted`.
        """
        return multipliers(self._store.tallies(), self._store.patterns, method, **options)

    def component_outcomes(self) -> pl.DataFrame:
        """Per component: how often it was `chosen`, how many of these decisions have `outcomes`, and how many `successes`."""
        return component_counts(self._store.tallies(), "components")

    def table(self) -> pl.DataFrame:
        """One row a decision: `request_id`, `ts`, `confidence` (total; null when it is none), `components` (those that served after users'
        overrides), `covariates` (JSON text of the diagnosis's plain fields), `outcome`, `seconds`, `ended` (when the outcome was logged).
        """
        return self._store.table()

    def learn_from_overrides(self, confidence: float = 0.95) -> pl.DataFrame:
        """Per component how often users overrode it, what became of it, and what that suggests; see `overrides.override_record`."""
        lines = self.override_history()
        names = list(dict.fromkeys(str(line["overrides"]) for line in lines))
        overridden = self.table().filter(pl.col("request_id").is_in(names)) if names else decision_table([])
        counts = component_counts(self._store.tallies(), "components", once=True)
        return override_record(counts, lines, overridden, confidence)

    def calibration_report(self, component: str | None = None, **options: Any) -> CalibrationReport:
        """Whether the total confidence of decisions means anything; see `learning.calibration.calibration`.

        Parameters
        ----------
        component
            Only decisions that this component served.
        options
            `bins`, `binning`, `level`, `seed`.
        """
        found = self.table().filter(pl.col("outcome").is_not_null() & pl.col("confidence").is_not_null())
        if component is not None:
            found = found.filter(pl.col("components").list.contains(component))
        return calibration(found["confidence"].to_numpy(), (found["outcome"] == "success").to_numpy(), **options)

    def compare_versions(
        self, at: datetime | str, *, component: str | None = None, margin: float = 0.05, confidence: float = 0.95
    ) -> VersionComparison:
        """Whether decisions from a moment on end worse than those before it; see `decisions.learn.compare_versions`."""
        border = pl.lit(_moment(at)).cast(pl.Datetime("us", "UTC"))
        table = self.table()
        sides = table.filter(pl.col("ts") < border), table.filter(pl.col("ts") >= border)
        return compare_versions(*sides, component=component, margin=margin, confidence=confidence)

    def anomalies(
        self,
        rate: Literal["success", "override"] = "success",
        *,
        false_alarms_per_year: float = 1.0,
        chart: Literal["cusum", "ewma"] = "cusum",
    ) -> pl.DataFrame:
        """Days on which a component's rate has left what it was; see `learning.anomalies.anomalies`.

        Parameters
        ----------
        rate
            `success`: of its outcomes, on the day they were logged. `override`: of its decisions, on the day they were made.
        false_alarms_per_year, chart
            As there.
        """
        if rate not in ("success", "override"):
            raise ParameterError(Problem("unknown rate", got=rate, expected="success or override"))
        table = self.table().with_columns(component=pl.col("components").list.unique())
        if rate == "success":
            day = pl.coalesce("ended", "ts").dt.date()
            ended = table.filter(pl.col("outcome").is_not_null())
            rows = ended.select("component", day=day, hit=pl.col("outcome") == "success").explode("component", empty_as_null=False)
        else:
            kept = pl.col("components").list.contains(pl.col("component"))
            decided = table.with_columns(component=pl.col("decided").list.unique()).explode("component", empty_as_null=False)
            rows = decided.select("component", day=pl.col("ts").dt.date(), hit=~kept)
        days = (
            rows.drop_nulls("day").group_by("component", "day").agg(n=pl.len().cast(pl.Int64), k=pl.col("hit").sum().cast(pl.Int64))
        )
        return watching.anomalies(days, false_alarms_per_year=false_alarms_per_year, chart=chart)

    def propose_adjustments(
        self,
        confidence_file: str | Path,
        *,
        method: Literal["adjusted", "shrunk"] = "adjusted",
        out: str | Path | None = None,
        confidence: float = 0.95,
    ) -> Proposal:
        """Propose changes of a file of confidences: a diff with its evidence, for review. Nothing is applied.

        Parameters
        ----------
        confidence_file
            YAML: a mapping of components to confidences, at the top or under `confidence`.
        method
            How to learn; the document's own multipliers have no intervals, and are refused.
        out
            Where to write the proposal; default nowhere.
        confidence
            Level for all components of the file together, at one look. Who asks again after every few outcomes until something is proposed
            errs more often: look at fixed times.

        Returns
        -------
        Proposal
            A change only where the interval excludes 1, from 10 outcomes on. The new value is the one before all approved changes times the
            multiplier (within 0.7 and 1.3): changes do not compound, and nothing is proposed twice on the same outcomes.

        Raises
        ------
        FileMissingError, FileFormatError, ParameterError
            If the file cannot be read, or `out` exists.
        """
        if method not in ("adjusted", "shrunk"):
            problem = Problem("nothing can be proposed by this method", got=method, expected="adjusted or shrunk",
                              next="the document's multipliers say nothing of how sure they are")  # fmt: skip
            raise ParameterError(problem)
        approved = [line["approval"] for line in self._store.notes("approval")]
        same = [item for item in approved if Path(str(item.get("file"))).resolve() == Path(confidence_file).resolve()]
        last = {change["component"]: change["n"] for item in same for change in item.get("changes") or []}
        made = propose(
            confidence_file,
            lambda level: self.learn_from_outcomes(method, confidence=level),
            method=method,
            outcomes=self.get_decision_statistics()["decisions_with_outcomes"],
            confidence=confidence,
            overrides=self.learn_from_overrides(),
            last_n=last,
        )
        if out is not None:
            made.write(out)
        return made

    def apply_adjustments(self, proposal: str | Path, approver: str, reason: str = "") -> Proposal:
        """Apply a proposal that a named person approves; the approval is logged first, and is an event (`to_events`).

        Raises
        ------
        ParameterError
            Without an approver, or where the file of confidences has changed since.
        FileMissingError, FileFormatError
            If the proposal cannot be read, or was changed.
        """
        names = [str(line["approves"]) for line in self._store.notes("approval")]

        def record(name: str, approval: dict[str, Any]) -> None:
            self._store.add_note({"approves": name, "approval": approval, "logged_at": _now()})

        return apply_proposal(proposal, approver, reason, record, names)

    def explain(self, request_id: str, level: Literal["silent", "brief", "detailed", "full"] = "detailed") -> str:
        """Say what was decided and why, at one of four levels; see `decisions.explain.explain`.

        Raises
        ------
        ParameterError
            If there is no such decision, or no such level.
        """
        name = str(request_id)
        found = self.query_decisions(request_id=name)
        if not found:
            raise ParameterError(Problem("no such decision", got=name, where=self.log_file, next="aura query lists the last ones"))
        overrides = self.override_history(name)
        if level != "full":
            return explaining.explain(found[0], level, overrides=overrides)
        table = self.table()
        own = table.filter(pl.col("request_id") == name).row(0, named=True)
        record = explaining.track_record(table, own["components"], own["ts"])
        return explaining.explain(found[0], level, outcomes=self.outcome_history(name), overrides=overrides, record=record)

    def to_events(self) -> pl.DataFrame:
        """The log as events, so that dossiers, rules and the report work for components; see `decisions.as_events.to_events`."""
        return to_events(self.query_decisions(limit=None), self.override_history(), self._store.notes("approval"))

    def export_jsonl(self, path: str | Path) -> int:
        """Write one line per decision, with its last outcome, as the document's file has it; returns how many."""
        target = Path(path)
        if target.suffix not in (".jsonl", ".ndjson", ".json"):
            raise ParameterError(
                Problem("a decision log is exported as JSON Lines", got=target.name, expected="a name that ends with .jsonl")
            )
        if target.exists():
            raise ParameterError(Problem("the file exists already", got=str(target), next="choose another name"))
        entries = self.query_decisions(limit=None)
        part = target.with_name(f".{target.name}.part")
        part.write_text("".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries), encoding="utf-8")
        part.replace(target)
        return len(entries)

    def has_segments(self) -> bool:
        """Whether anything was rotated."""
        return isinstance(self._store, OnFile) and self._store.has_segments()

    def faults(self) -> list[Problem]:
        """Lines of the file that are no entries: what is wrong with each, and where."""
        return self._store.faults()

    def repair(self) -> tuple[int, Path | None]:
        """Set the lines that are no entries aside, in a file beside the log: how many, and that file."""
        return self._store.repair()

    def rotate(self, *, min_bytes: int | None = None, min_age: timedelta | None = None) -> list[Path]:
        """Close the file that grows, when it is big or old enough (default: in any case), and compress it as a segment beside it.

        Every call still sees all entries. Returns the segments that were compressed. A log in a ledger raises `ParameterError`.
        """
        return self._store.rotate(min_bytes, min_age)

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


def _on_ledger(given: str | Ledger) -> OnLedger:
    from aura_analytics.decisions.ledger_store import OnLedger
    from aura_analytics.ledger.store import Ledger

    if not isinstance(given, (str, Ledger)):
        raise ParameterError(Problem("a log cannot be opened there", got=given, expected="a path, a Ledger, or its URL"))
    return OnLedger(Ledger(given) if isinstance(given, str) else given)


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
