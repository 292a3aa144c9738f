"""The HR desk: actions are recorded, those on people only once somebody has signed, and everything can be contested."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics import settings
from aura_analytics.clock.times import parse_as_of
from aura_analytics.errors import ConflictError, ParameterError, Problem, close_match
from aura_analytics.hr.acting import faults, judged_actions
from aura_analytics.hr.drafts import drafted
from aura_analytics.hr.folds import effective, proposals, standing
from aura_analytics.hr.registry import Registry
from aura_analytics.hr.signing import Signatures, named, operating_user
from aura_analytics.hr.vocabulary import (
    EFFECTS,
    MACHINES,
    action_event,
    now,
)
from aura_analytics.people import RULE

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["HRDesk"]


class HRDesk:
    """Where actions are signed, contested and closed.

    Parameters
    ----------
    ledger
        Where events are.
    registry
        Who may sign: a registry, or its file; default the file that `AURA_REGISTRY` names. Without one, names are recorded as they
        are given, with the account of the operating system beside them: they prove nothing (`proven` is false).

    Examples
    --------
    >>> import tempfile, aura_analytics as aura
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = aura.Ledger(f"sqlite:///{folder.name}/aura.db", mirror=False)
    >>> desk = HRDesk(ledger)
    >>> name = desk.act("suspension", "anne", "officer", rule="by hand", reason="audit of 3 March", by="B. Kim")
    >>> desk.status()["standing"].item(), desk.pending().height
    ('good', 1)
    >>> done = desk.approve(name, "A. Lee", "the audit is right")
    >>> desk.status()["standing"].item()
    'suspended'
    >>> ledger.close(); folder.cleanup()
    """

    def __init__(self, ledger: Ledger, registry: Registry | str | Path | None = None) -> None:
        self._ledger = ledger
        given = settings.registry_file() if registry is None else registry
        known = Registry.from_yaml(given) if isinstance(given, (str, Path)) else given
        self._signatures = Signatures(ledger, known)

    @property
    def proven(self) -> bool:
        """Whether names are checked against a registry."""
        return self._signatures.registry is not None

    def _actions(self) -> pl.DataFrame:
        return judged_actions(self._ledger, detail=True)

    def faults(self, as_of: datetime | str | None = None) -> pl.DataFrame:
        """HR actions that do not count, and why; see `aura_analytics.hr.faults`.

        Parameters
        ----------
        as_of
            Up to when; default all of them.
        """
        return faults(self._ledger, None if as_of is None else parse_as_of(as_of))

    def record(self, drafts: Iterable[Mapping[str, Any]]) -> int:
        """Record actions that a rule has drafted, such as a ladder's moves; returns how many are new.

        Parameters
        ----------
        drafts
            As `drafted` makes them.
        """
        return self._ledger.record_events(list(drafts), door="desk")

    def status(self, as_of: datetime | str | None = None) -> pl.DataFrame:
        """How everybody stands; see `aura_analytics.hr.folds.standing`.

        Parameters
        ----------
        as_of
            As of when; a text is ISO 8601; default now.
        """
        return standing(self._ledger, as_of)

    def actions(self, actor: str | None = None) -> pl.DataFrame:
        """All actions, proposals and answers in the order of time, as `actions_of`; of which `kind` the actor is known to be, the
        `fault` for which it does not count, and whether each is `in_force`.

        Parameters
        ----------
        actor
            Only those on this actor; None takes all.
        """
        rows = self._actions()
        held = effective(rows)["event_id"]
        found = rows.with_columns(in_force=pl.col("event_id").is_in(held.implode()))
        return found if actor is None else found.filter(pl.col("actor") == actor)

    def pending(self) -> pl.DataFrame:
        """Proposals that wait for a signature."""
        return proposals(self._actions())

    def act(
        self,
        action: str,
        actor: str,
        actor_kind: str,
        *,
        rule: str,
        reason: str,
        rows: Iterable[Mapping[str, Any]] = (),
        points: float | None = None,
        days: float | None = None,
        case_id: str | None = None,
        would_clear: str | None = None,
        by: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Record an action; on whom may be a person it is a proposal. Returns its name; `by` (who asks for it, and cannot sign it)
        and `attributes` are kept with it.

        Parameters
        ----------
        action
            What is done: one of `hr.vocabulary.ACTIONS`.
        actor, actor_kind
            To whom.
        rule, reason
            What it rests on, and why, in words.
        rows
            The rows behind it; their ids and a digest are kept.
        points
            Points taken from the reputation, where the action takes some.
        days
            How long a suspension lasts from now on, in days, above 0.
        case_id
            The case that it is about.
        would_clear
            What would end it, in words.
        by
            Who asks for it; they cannot sign it. What is done to a person cannot be signed where nobody is named.
        attributes
            Anything else that is kept with it: `until`, `plan`, ...

        Raises
        ------
        ParameterError
            If the action is none, or points and days do not fit it.
        """
        if action not in EFFECTS:
            hint = close_match(action, list(EFFECTS))
            raise ParameterError(Problem("unknown action", got=action, expected=", ".join(EFFECTS), next=hint))
        if (action == "reputation") != (points is not None) or (points is not None and not abs(points) <= 1_000):
            raise ParameterError(
                Problem("points belong to reputation, and reputation needs them", got=points, expected="-1,000 to 1,000")
            )
        if days is not None and (action != "suspension" or not 0 < days <= 36_525):
            raise ParameterError(Problem("days belong to suspension", got=days, expected="a number above 0, at most 100 years"))
        said = {} if attributes is None else dict(attributes)
        if by is not None:
            said["by"] = named(by, "by")
            if said["by"].casefold().startswith(RULE):
                raise ParameterError(Problem("a rule asks for nothing by hand", got=by, expected="a person's name"))
        said["user"] = operating_user()
        name = f"hr/{uuid.uuid4().hex}"
        event = drafted(
            action,
            actor,
            actor_kind,
            sign=self._ledger.kinds_of_all([actor]).get(actor) not in MACHINES,
            event_id=name,
            rule=rule,
            rows=rows,
            reason=reason,
            points=points,
            days=days,
            case_id=case_id,
            would_clear=would_clear,
            **said,
        )
        self._ledger.record_event(event, door="desk")
        return name

    def approve(self, proposal: str, approver: str, reason: str) -> str:
        """Sign a proposal: it is in force from now on. Returns the name of the action.

        Raises
        ------
        ParameterError
            If there is no such proposal, it was answered, nobody is named who proposed it, the approver is nobody who may sign it
            (whom it is about, who proposed it, a machine, a name that is not in the registry), or no reason is given.
        """
        row, said = self._open_proposal(proposal)
        signed = self._signature(approver, reason, row["actor"], proposer=said.get("by"))
        if not said.get("by"):
            hint = "reject it, and propose it again with by="
            raise ParameterError(Problem("nobody is named who proposed it", got=proposal, expected="a proposer", next=hint))
        days = said.get("proposed_days")
        until = said.get("until") if days is None else (now() + timedelta(days=float(days))).isoformat()
        name = self._free(f"{proposal}/answer")
        kept = {
            key: value
            for key, value in said.items()
            if key not in ("action", "proposed", "proposed_points", "proposed_days", "reason")
        }
        self._store(
            action_event(
                str(said.get("proposed")),
                row["actor"],
                row["actor_kind"],
                event_id=name,
                case_id=row["case_id"],
                severity=row["severity"],
                points=said.get("proposed_points"),
                **kept | {"refers_to": proposal, "until": until, **signed},
            )
        )
        return name

    def reject(self, proposal: str, approver: str, reason: str) -> str:
        """Refuse a proposal; returns the name of the refusal. Raises as `approve`.

        Parameters
        ----------
        proposal
            Its name.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        row, said = self._open_proposal(proposal)
        signed = self._signature(approver, reason, row["actor"], proposer=said.get("by"))
        return self._answer("rejection", proposal, row, signed, self._free(f"{proposal}/answer"))

    def contest(self, action: str, by: str, reason: str) -> str:
        """Contest an action that is in force, or was upheld before (which reopens the question); returns the name of the contest.

        Parameters
        ----------
        action
            Its name.
        by
            Who contests it.
        reason
            Why, in words.

        Raises
        ------
        ParameterError
            If there is no such action in force, it is under contest already, or nobody or no reason is given.
        """
        row = self._in_force(action)
        words = self._words(action)
        if words and words[-1] == "contest":
            raise ParameterError(Problem("the action is under contest already", got=action, next="uphold or overturn it"))
        said = {"by": named(by, "by"), "reason": named(reason, "reason"), "user": operating_user()}
        return self._answer("contest", action, row, said, self._free(f"{action}/contest/{words.count('contest') + 1}"))

    def uphold(self, action: str, approver: str, reason: str) -> str:
        """Decide a contest: the action stays. Raises as `overturn`.

        Parameters
        ----------
        action
            Its name.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        return self._decide("upheld", action, approver, reason)

    def overturn(self, action: str, approver: str, reason: str) -> str:
        """Decide a contest: the action is undone, as if it had never been.

        Raises
        ------
        ParameterError
            If the action is not under contest, or the approver is nobody or the one whom it is about, or no reason is given.
        """
        return self._decide("overturned", action, approver, reason)

    def reinstate(self, actor: str, approver: str, reason: str) -> str:
        """End a suspension; returns the name of the action. Raises `ParameterError` when the actor is not suspended.

        Parameters
        ----------
        actor
            Who is suspended.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        board = self.status().filter((pl.col("actor") == actor) & pl.col("suspended"))
        if board.is_empty():
            raise ParameterError(Problem("the actor is not suspended", got=actor, next="aura hr status says who is"))
        signed: dict[str, Any] = {**self._signature(approver, reason, actor)}
        name = f"hr/{uuid.uuid4().hex}"
        kind = board["actor_kind"].item()
        self._ledger.record_event(action_event("reinstatement", actor, kind, event_id=name, rule="by hand", **signed), door="desk")
        return name

    def close_plan(self, plan: str, approver: str, reason: str) -> str:
        """Close an improvement plan. Raises `ParameterError` when it is not open.

        Parameters
        ----------
        plan
            Its name.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        row = self._in_force(plan)
        if row["action"] != "plan_opened":
            raise ParameterError(Problem("that is no plan", got=plan, expected="the name of an action plan_opened"))
        if effective(self._actions()).filter((pl.col("refers_to") == plan) & (pl.col("action") == "plan_closed")).height:
            raise ParameterError(Problem("the plan is closed already", got=plan))
        times = self._said_of(plan, "plan_closed").height
        signed = self._signature(approver, reason, row["actor"])
        return self._answer("plan_closed", plan, row, signed, self._free(f"{plan}/closed/{times + 1}"))

    def close_case(self, case: str, approver: str, reason: str) -> str:
        """Close an HR case. Raises `ParameterError` when it is not open.

        Parameters
        ----------
        case
            Its name.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        return self._case("case_closed", case, approver, reason)

    def reopen_case(self, case: str, approver: str, reason: str) -> str:
        """Reopen an HR case. Raises `ParameterError` when it is open.

        Parameters
        ----------
        case
            Its name.
        approver
            Who signs, by name; not who asked for it.
        reason
            Why, in words.
        """
        return self._case("case_reopened", case, approver, reason)

    # -- helpers ---------------------------------------------------------------------------------------------------------

    def _answer(self, action: str, refers_to: str, row: Mapping[str, Any], said: Mapping[str, Any], name: str) -> str:
        """Record an answer; the name is that of the question, so that of two answers at once only one is taken."""
        event = action_event(
            action, row["actor"], row["actor_kind"], event_id=name, case_id=row["case_id"], refers_to=refers_to, **said
        )
        self._store(event)
        return name

    def _store(self, event: Mapping[str, Any]) -> None:
        try:
            self._ledger.record_event(event, door="desk")
        except ConflictError:
            problem = Problem(
                "somebody else has answered in the meantime", got=event["event_id"], next="nothing was stored; look again"
            )
            raise ParameterError(problem) from None

    def _free(self, name: str) -> str:
        """A name for an answer: an event that somebody recorded under it, and that is none, keeps nobody from answering."""
        at_fault = set(self._actions().filter(pl.col("fault").is_not_null())["event_id"])
        wanted, tries = name, 1
        while (taken := self._ledger.event(wanted)) is not None and (taken["type"] != "HR_ACTION" or wanted in at_fault):
            tries += 1
            wanted = f"{name}/{tries}"
        return wanted

    def _signature(self, approver: str, reason: str, actor: str, **others: str | None) -> dict[str, Any]:
        away = self.status().filter("suspended")["actor"].to_list()
        return {**self._signatures.sign(approver, reason, actor, **others, away=away)}

    def _row(self, name: str) -> dict[str, Any]:
        rows = self._actions()
        found = rows.filter(pl.col("event_id") == name)
        if found.is_empty():
            hint = close_match(name, rows["event_id"].to_list()[-1_000:])
            raise ParameterError(
                Problem("no such action", got=name, where=self._ledger.url, next=hint or "aura hr actions lists them")
            )
        return found.row(0, named=True)

    def _in_force(self, name: str) -> dict[str, Any]:
        row = self._row(name)
        if name not in set(effective(self._actions())["event_id"]):
            raise ParameterError(
                Problem(
                    "the action is not in force",
                    got=name,
                    expected="an action that holds",
                    next=f"it is a {row['action']}, or was overturned",
                )
            )
        return row

    def _words(self, name: str) -> list[str]:
        rows = self._said_of(name, "contest", "upheld", "overturned")
        return rows.sort("ts", "event_id")["action"].to_list()

    def _decide(self, word: str, name: str, approver: str, reason: str) -> str:
        row = self._row(name)
        if self._words(name)[-1:] != ["contest"]:
            raise ParameterError(Problem("the action is not under contest", got=name, next="contest it first"))
        asked = json.loads(self._said_of(name, "contest").sort("ts", "event_id")["attributes"][-1]).get("by")
        signed = self._signature(approver, reason, row["actor"], contester=asked)
        return self._answer(word, name, row, signed, self._free(f"{name}/decision/{self._words(name).count('contest')}"))

    def _said_of(self, name: str, *words: str) -> pl.DataFrame:
        """What counts of what was said of an action."""
        said = (pl.col("refers_to") == name) & pl.col("action").is_in(list(words)) & pl.col("fault").is_null()
        return self._actions().filter(said)

    def _open_proposal(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        row = self._row(name)
        if row["action"] != "proposal":
            raise ParameterError(
                Problem("that is no proposal", got=name, expected="a proposal", next="aura hr actions --pending lists them")
            )
        if row["fault"] is not None:
            hint = "aura hr faults lists what does not count"
            raise ParameterError(Problem(f"the proposal does not count: {row['fault']}", got=name, next=hint))
        if name not in set(self.pending()["event_id"]):
            raise ParameterError(Problem("the proposal was answered already", got=name))
        return row, json.loads(row["attributes"])

    def _case(self, word: str, name: str, approver: str, reason: str) -> str:
        row = self._in_force(name)
        if row["action"] != "case_opened":
            raise ParameterError(Problem("that is no case", got=name, expected="the name of an action case_opened"))
        said = self._said_of(name, "case_closed", "case_reopened")
        now_open = said.is_empty() or said["action"][-1] == "case_reopened"
        if now_open != (word == "case_closed"):
            raise ParameterError(Problem(f"the case is {'open' if now_open else 'closed'} already", got=name))
        signed = self._signature(approver, reason, row["actor"])
        return self._answer(word, name, row, signed, self._free(f"{name}/case/{said.height + 1}"))
