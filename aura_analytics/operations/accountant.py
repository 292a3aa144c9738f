"""The Accountant: an output is scored, the record kept, and what follows from it done, in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import polars as pl
from typing_extensions import TypedDict

from aura_analytics.errors import ConflictError, InputError, Problem, RoutingError, close_match
from aura_analytics.events import ACTOR_KINDS
from aura_analytics.hr.drafts import drafted
from aura_analytics.hr.severities import SeverityTable
from aura_analytics.hr.vocabulary import may_be_a_person, now
from aura_analytics.people import RULE
from aura_analytics.scoring.penalties import PenaltyPolicy, Severity
from aura_analytics.scoring.records import ErrorClassifier, Scorer, ScoreResult

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.routing.router import Router

__all__ = ["Accountant", "Evaluation"]

_KEPT = 10_000  # characters of an output that its event keeps


class Evaluation(TypedDict):
    """What an output is worth: a score from 0 to 100, the penalties behind it, the confidence that came with it, the gravest
    severity of these penalties (twice: under the document's name, and as `severity`), and what followed: `none`, or words such as
    `reputation`, `case_opened, suspension, reroute`, or `proposal of suspension` where somebody must sign.
    """

    score: float
    penalties: list[str]
    confidence: float
    error_severity: Severity
    severity: Severity
    action: str


class Accountant:
    """Evaluate outputs into a ledger.

    Parameters
    ----------
    ledger
        Where events go.
    policy
        What outputs are held against; default the Accountant's own rule.
    table
        What follows from a severity; default the Accountant's own table.
    router
        Who else could do a task: a critical error gives it to the next best.
    keep_output
        Whether events keep the text (its first 10,000 characters), so that history can be scored again by other words.

    Examples
    --------
    >>> import tempfile, aura_analytics as aura
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = aura.Ledger(f"sqlite:///{folder.name}/aura.db", mirror=False)
    >>> payload = {"model_name": "gpt", "job_id": 7, "task": {}, "model_output": {"output": "short", "confidence": 0.8}}
    >>> found = Accountant(ledger).evaluate(payload)
    >>> found["score"], found["penalties"], found["severity"], found["action"]
    (70.0, ['too_short'], 'medium', 'reputation')
    >>> aura.standing(ledger)["reputation"].item()
    99.0
    >>> ledger.close(); folder.cleanup()
    """

    def __init__(
        self,
        ledger: Ledger,
        policy: PenaltyPolicy | None = None,
        table: SeverityTable | None = None,
        *,
        router: Router | None = None,
        keep_output: bool = True,
    ) -> None:
        self._ledger = ledger
        self._scorer, self._classifier = Scorer(policy), ErrorClassifier(policy)
        self._table = table or SeverityTable.seed()
        self._router = router
        self._keep = keep_output

    def evaluate(self, payload: Mapping[str, Any]) -> Evaluation:
        """Score an output, record it, and do what follows.

        Parameters
        ----------
        payload
            `model_name`, `job_id`, `task` (a dict; `min_length`, `queue`, `capabilities`), `model_output` (`output`, `confidence`);
            and, beyond the document, `actor_kind` (default `agent`; an `officer` is acted upon only once somebody has signed) and
            `attempt` (default 1).

        Returns
        -------
        dict
            `score`, `penalties`, `confidence`, `error_severity`, `severity`, `action`. The EVALUATION event and the HR_ACTION and
            ROUTED events that follow are stored together or not at all. The same job evaluated again changes nothing and gives the
            same answer.

        Raises
        ------
        InputError
            If the payload cannot be read; all problems at once, nothing is stored.
        ConflictError
            If the job was evaluated with another output; give `attempt` where it was done again.
        LedgerUnavailableError
            If it cannot be stored; then nothing was.
        """
        model, job, task, output = _read(payload)
        result = self._scorer.score(output, task)
        report = self._classifier.classify(result.penalties)
        severity = str(report["severity"])
        attempt = payload.get("attempt", 1)
        name = f"evaluation/{quote(job, safe='')}/{quote(model, safe='@:')}" + (f"/{attempt}" if attempt != 1 else "")
        event = self._evaluation(name, payload, result, severity)
        answer = Evaluation(
            score=result.score,
            penalties=result.penalties,
            confidence=result.confidence,
            error_severity=report["severity"],
            severity=report["severity"],
            action="none",
        )
        known = self._ledger.event(name)
        if known is not None:
            _same(known, event)
            return answer | {"action": self._followed(name, job)}
        consequences = self._consequences(name, event, severity, task)
        try:
            self._ledger.record_events([event, *consequences], door="desk")
        except ConflictError:
            known = self._ledger.event(name)  # another process may have been first
            if known is None:
                raise
            _same(known, event)
            return answer | {"action": self._followed(name, job)}
        return answer | {"action": _words(consequences)}

    def _followed(self, name: str, job: str) -> str:
        """What followed from an evaluation that was recorded."""
        rows = self._ledger.events(case_id=job).filter(pl.col("event_id").str.starts_with(f"{name}/")).collect(engine="in-memory")
        mine = rows.filter(pl.col("event_id").str.contains_any([f"{name}/hr/", f"{name}/reroute"]))
        return _words(mine.sort("ts", "event_id", maintain_order=True).to_dicts())

    def _evaluation(self, name: str, payload: Mapping[str, Any], result: ScoreResult, severity: str) -> dict[str, Any]:
        task, text = payload.get("task") or {}, (payload.get("model_output") or {}).get("output", "") or ""
        attributes = {
            "policy": self._scorer.policy.label,
            "min_length": task.get("min_length"),
            "output_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
            "output_chars": len(text),
            "output": text[:_KEPT] if self._keep else None,
        }
        event = {
            "event_id": name,
            "type": "EVALUATION",
            "actor": str(payload["model_name"]),
            "actor_kind": _kind(payload),
            "case_id": str(payload["job_id"]),
            "queue": task.get("queue"),
            "value": result.score,
            "confidence": result.confidence,
            "severity": severity,
            "penalties": result.penalties,
            "attributes": json.dumps({key: value for key, value in attributes.items() if value is not None}, ensure_ascii=False),
        }
        return {key: value for key, value in event.items() if value is not None}

    def _consequences(self, name: str, event: dict[str, Any], severity: str, task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any] | None] = []
        actor, kind, job = event["actor"], event.get("actor_kind"), event["case_id"]
        person = may_be_a_person(kind) or may_be_a_person(self._ledger.kinds_of_all([actor]).get(actor, kind))
        sign = severity == "critical" and self._table.critical_requires == "confirmation"
        rule = f"{self._table.label} on {self._scorer.policy.label}"
        for item in self._table.following(severity, lambda days: self._errors(actor, severity, days)):
            if item.action == "reroute":
                found.append(None if person else self._rerouted(name, actor, job, task))
                continue
            action = {"case": "case_opened"}.get(item.action, item.action)
            clears = {
                "suspension": "reinstatement by a named person or a ladder"
                if item.days is None
                else f"{item.days:g} days, or reinstatement",
                "case_opened": "the case closed by a named person",
                "reputation": "this deduction overturned on contest",
                "warning": "this warning overturned on contest",
            }[action]
            found.append(
                drafted(
                    action,
                    actor,
                    kind,
                    event_id=f"{name}/hr/{action}",
                    rule=rule,
                    rows=[event],
                    case_id=job,
                    points=item.points,
                    days=item.days,
                    severity=severity,
                    would_clear=clears,
                    sign=person or (sign and action != "case_opened"),
                    reason=f"{severity}: {', '.join(event['penalties'])}",
                    by=f"{RULE}{rule}",
                )
            )
        return [item for item in found if item is not None]

    def _errors(self, actor: str, severity: str, days: float | None) -> int:
        """Errors of a severity within so many days, the one that is being recorded included."""
        since = None if days is None else now() - timedelta(days=days)
        return self._ledger.errors_of(actor, severity, since) + 1

    def _rerouted(self, name: str, actor: str, job: str, task: Mapping[str, Any]) -> dict[str, Any] | None:
        """The task given to the next best; None without a router, or where nobody is left (the open case says so)."""
        if self._router is None:
            return None
        try:
            choice = self._router.choose({**task, "job_id": job}, without=[actor], record=False, salt=f"reroute/{name}")
        except RoutingError:
            return None
        return self._router.routed(
            choice,
            {**task, "job_id": job},
            event_id=f"{name}/reroute",
            attributes={"rerouted_from": actor, "reason": "critical error"},
        )

    def job(self, job_id: object) -> dict[str, Any]:
        """The record of a job: a fold over its events.

        Returns
        -------
        dict
            `job_id`, `model_name` (who has it now), `evaluations` (dicts of `model_name`, `score`, `penalties`, `confidence`,
            `error_severity`, `at`), `score` and `error_severity` of the last one, `rerouted` (from whom, in order), `actions`
            (names of HR actions and proposals). Empty lists and None for a job that nobody knows.
        """
        job = str(job_id)
        rows = self._ledger.events(case_id=job).collect(engine="in-memory").sort("ts", maintain_order=True)
        scored = rows.filter(pl.col("type") == "EVALUATION")
        evaluations = [
            {
                "model_name": row["actor"],
                "score": row["value"],
                "penalties": row["penalties"] or [],
                "confidence": row["confidence"],
                "error_severity": row["severity"],
                "at": row["ts"],
            }
            for row in scored.iter_rows(named=True)
        ]
        routed = rows.filter(pl.col("type") == "ROUTED")
        moves = [json.loads(text or "{}").get("rerouted_from") for text in routed["attributes"]]
        last = evaluations[-1] if evaluations else None
        holder = routed["actor"][-1] if routed.height else last["model_name"] if last else None
        return {
            "job_id": job,
            "model_name": holder,
            "evaluations": evaluations,
            "score": last["score"] if last else None,
            "error_severity": last["error_severity"] if last else None,
            "rerouted": [name for name in moves if name is not None],
            "actions": rows.filter(pl.col("type") == "HR_ACTION")["event_id"].to_list(),
        }


_ORDER = ("warning", "reputation", "case_opened", "suspension", "reroute")


def _words(events: Iterable[Mapping[str, Any]]) -> str:
    """What followed, in words, in one order."""
    found: dict[str, str] = {}
    for event in events:
        said = json.loads(event.get("attributes") or "{}")
        action = "reroute" if event["type"] == "ROUTED" else str(said.get("action"))
        proposed = said.get("proposed")
        found[proposed or action] = f"proposal of {proposed}" if action == "proposal" else action
    return ", ".join(found[name] for name in sorted(found, key=lambda name: (*_ORDER, name).index(name))) or "none"


def _kind(payload: Mapping[str, Any]) -> str | None:
    kind = payload.get("actor_kind", "agent")
    return None if kind is None else str(kind).strip().lower()


def _read(payload: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any], Mapping[str, Any]]:
    if not isinstance(payload, Mapping):
        raise InputError(Problem("a payload cannot be read", got=payload, expected="a dict"))
    problems = []
    for key in ("model_name", "job_id"):
        value = payload.get(key)
        if value is None or isinstance(value, (bool, float, dict, list)) or not str(value).strip():
            problems.append(
                Problem(f"{key} is missing", got=value, expected="a text" if key == "model_name" else "a text or a number")
            )
    kind = payload.get("actor_kind", "agent")
    if kind is not None and str(kind).strip().lower() not in ACTOR_KINDS:
        problems.append(
            Problem("unknown actor_kind", got=kind, expected=", ".join(ACTOR_KINDS), next=close_match(str(kind), list(ACTOR_KINDS)))
        )
    problems += [
        Problem(f"{key} cannot be read", got=payload.get(key), expected="a dict")
        for key in ("task", "model_output")
        if not isinstance(payload.get(key), Mapping)
    ]
    attempt = payload.get("attempt", 1)
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 1:
        problems.append(Problem("attempt is out of range", got=attempt, expected="a whole number, at least 1"))
    if problems:
        raise InputError("the payload cannot be evaluated", problems=problems)
    return str(payload["model_name"]), str(payload["job_id"]), payload["task"], payload["model_output"]


def _same(known: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """`ConflictError` unless an evaluation is the one that was recorded."""
    if (known["actor"], known["case_id"]) != (event["actor"], event["case_id"]):
        raise ConflictError(Problem("the id of this evaluation is taken by another event", got=event["event_id"]))
    policies = [json.loads(row["attributes"] or "{}").get("policy") for row in (known, event)]
    if policies[0] != policies[1]:
        problem = Problem(
            "the job was evaluated already, under another policy",
            got=policies[1],
            expected=policies[0],
            next="`rescore` says what another policy would have made of history",
        )
        raise ConflictError(problem)
    before, after = (json.loads(row["attributes"]).get("output_sha256") for row in (known, event))
    fields = ("value", "confidence", "severity")
    if (
        before != after
        or any(known[name] != event.get(name) for name in fields)
        or list(known["penalties"] or []) != event["penalties"]
    ):
        problem = Problem(
            "the job was evaluated already, with another output",
            got=event["event_id"],
            next="where it was done again, say so with attempt=2",
        )
        raise ConflictError(problem)
