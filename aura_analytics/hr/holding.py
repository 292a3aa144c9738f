"""Which HR actions count: what each refers to exists and fits, and somebody else has signed what is done to a person."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from aura_analytics.hr.vocabulary import EFFECTS, MACHINES
from aura_analytics.people import RULE, no_signature, same_person

__all__ = ["judged"]

_OPENED = {"plan_closed": "plan_opened", "case_closed": "case_opened", "case_reopened": "case_opened"}
_OUTCOMES = ("upheld", "overturned")
_RANK = {"proposal": 0, "rejection": 2, "contest": 3, "upheld": 4, "overturned": 4, "case_closed": 5, "plan_closed": 5}
_OTHERS = 1  # effects come after proposals of the same instant


def judged(actions: pl.DataFrame, kinds: Mapping[str, str], present: datetime, told: Collection[str] = ()) -> pl.DataFrame:
    """Actions with `kind` and `fault`.

    Parameters
    ----------
    actions
        As `actions_of`.
    kinds
        What is known of actors, by name.
    present
        What is dated later is a fault.
    told
        Names of actions that came through no desk.
    """
    known = pl.DataFrame({"actor": list(kinds), "kind": list(kinds.values())}, schema={"actor": pl.String, "kind": pl.String})
    table = actions.join(known, on="actor", how="left", maintain_order="left").with_columns(fault=pl.lit(None, dtype=pl.String))
    effect = pl.col("action").is_in(list(EFFECTS)) & pl.col("refers_to").is_null() & (pl.col("ts") <= present)
    if told:
        effect &= ~pl.col("event_id").is_in(pl.Series(list(told), dtype=pl.String).implode())
    machine = pl.col("kind").is_in(list(MACHINES)).fill_null(value=False)
    plain = effect & machine & ((pl.col("action") != "reputation") | pl.col("value").is_finite().fill_null(value=False))
    # what is done to people in one go, however much of it there is, is at fault without a look at anything else
    bare = effect & ~machine & (pl.col("action") != "reinstatement")
    masks = table.select(plain=plain, bare=bare)
    if masks["plain"].all():
        return table
    if masks["bare"].any():
        table = table.with_columns(fault=pl.when(masks["bare"]).then(pl.format("done to {}, and answers no proposal", _whom())))
    rest = table.with_row_index("__row").filter(~masks["plain"] & ~masks["bare"])
    if rest.is_empty():
        return table
    referred = rest["refers_to"].drop_nulls().unique().implode()
    simple = table.filter(masks["plain"] & pl.col("event_id").is_in(referred)) if len(referred) else table.clear()
    desk = _Desk(kinds, present, set(told), simple.select("event_id", "ts", "actor", "action").rows())
    rank = pl.col("action").replace_strict(_RANK, default=_OTHERS, return_dtype=pl.Int64)
    ordered = rest.sort("ts", rank, "event_id")
    found = [desk.take(row) for row in ordered.iter_rows(named=True)]
    said = pl.DataFrame({"__row": ordered["__row"], "said": pl.Series(found, dtype=pl.String)})
    joined = table.with_row_index("__row").join(said, on="__row", how="left", maintain_order="left")
    return joined.with_columns(fault=pl.coalesce("said", "fault")).drop("__row", "said")


def _whom() -> pl.Expr:
    """Whom an action is about, in words."""
    kind = pl.col("kind")
    article = pl.when(kind.str.contains("^[aeio]")).then(pl.lit("an ")).otherwise(pl.lit("a "))
    return pl.coalesce(article + kind, pl.lit("somebody whose work is not known"))


class _Desk:
    """Actions in the order of time: each fits what came before it, or is at fault."""

    def __init__(
        self, kinds: Mapping[str, str], present: datetime, told: set[str], simple: list[tuple[str, datetime, str, str]]
    ) -> None:
        self._kinds, self._present, self._told = kinds, present, told
        self._machines = {name.strip().casefold() for name, kind in kinds.items() if kind in MACHINES}
        self._proposals: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        self._answered: dict[str, str] = {}
        self._held: dict[str, tuple[str, str]] = {name: (actor, action) for name, _, actor, action in simple}
        self._since = {name: ts for name, ts, _, _ in simple}
        self._last: dict[str, tuple[str, str]] = {}  # of what was contested: the last word, and whose it was
        self._shut: dict[str, bool] = {}  # cases and plans: whether they are closed
        self._closes: dict[str, str] = {}  # what a closing closed
        self._ended: dict[str, dict[str, datetime | None]] = {}  # the suspensions that a reinstatement ended
        self._away: dict[str, dict[str, datetime | None]] = {}  # who is suspended, by which actions, until when

    def take(self, row: dict[str, Any]) -> str | None:
        """Why an action does not count; None when it does, and then what follows may refer to it."""
        action = row["action"]
        if row["event_id"] in self._told:
            return "recorded as an event, and not through the desk"
        if row["ts"] > self._present:
            return f"dated {row['ts']:%Y-%m-%d}, which has not come yet"
        said = _said(row["attributes"])
        if action == "proposal":
            return self._propose(row, said)
        if action == "rejection":
            return self._answer(row, said, None)
        if action == "contest":
            return self._contest(row, said)
        if action in _OUTCOMES:
            return self._decide(row, said)
        if action in _OPENED:
            return self._shut_or_open(row, said)
        if action == "confidence":
            return None
        return self._effect(row, said)

    def _propose(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        if said.get("proposed") not in EFFECTS:
            return f"it proposes {said.get('proposed')!r}, which is no action"
        self._proposals[row["event_id"]] = row, said
        return None

    def _effect(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        if row["action"] == "reputation" and not _finite(row["value"]):
            return "points of reputation are missing"
        refers_to = row["refers_to"]
        if refers_to is None and self._kinds.get(row["actor"]) not in MACHINES:  # a reinstatement; all else was seen before
            return self._signed(row, said) or self._reinstated(row)
        if refers_to is not None:
            fault = self._answer(row, said, row["action"])
            if fault is not None:
                return fault
        self._hold(row)
        return None

    def _reinstated(self, row: dict[str, Any]) -> str | None:
        if not self._away.get(row["actor"]):
            return "nobody was suspended"
        self._hold(row)
        return None

    def _hold(self, row: dict[str, Any]) -> None:
        name, actor, action = row["event_id"], row["actor"], row["action"]
        self._held[name] = actor, action
        self._since[name] = row["ts"]
        if action == "suspension":
            self._away.setdefault(actor, {})[name] = row["until"]
        elif action == "reinstatement":
            self._ended[name] = self._away.pop(actor, {})

    def _answer(self, row: dict[str, Any], said: dict[str, Any], action: str | None) -> str | None:
        """A signature, or a refusal, of a proposal."""
        asked = row["refers_to"]
        if asked is None or asked not in self._proposals:
            return f"answers {asked!r}, which is no proposal before it" if asked else "answers no proposal"
        proposal, proposed = self._proposals[asked]
        if proposal["actor"] != row["actor"]:
            return f"the proposal is about {proposal['actor']!r}"
        if action is not None and proposed["proposed"] != action:
            return f"the proposal was one of {proposed['proposed']}"
        if asked in self._answered:
            return f"the proposal was answered before, by {self._answered[asked]!r}"
        fault = self._signed(row, said)
        if fault is None:
            fault = _unfit(proposed.get("by"), said["approver"])
        if fault is None and action is not None and row["value"] != proposed.get("proposed_points"):
            fault = f"the proposal was one of {proposed.get('proposed_points')} points"
        if fault is None and action is not None:
            fault = _longer(row, proposed.get("proposed_days"))
        if fault is None:
            self._answered[asked] = row["event_id"]
        return fault

    def _contest(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        fault = self._on_what_holds(row)
        if fault is None and self._last.get(row["refers_to"], ("", ""))[0] == "contest":
            fault = "it is under contest already"
        fault = (
            fault or _spoken(said.get("by"), "nobody is named who contests it") or _spoken(said.get("reason"), "no reason is given")
        )
        if fault is None:
            self._last[row["refers_to"]] = "contest", said["by"]
        return fault

    def _decide(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        fault = self._on_what_holds(row)
        word, who = self._last.get(row["refers_to"], ("", ""))
        if fault is None and word != "contest":
            fault = "it decides a contest that there is not"
        fault = fault or self._signed(row, said)
        if fault is None and same_person(said["approver"], who):
            fault = f"decided by {said['approver']!r}, who contested it"
        if fault is None:
            self._last[row["refers_to"]] = row["action"], said["approver"]
            if row["action"] == "overturned":
                self._undo(row["refers_to"])
        return fault

    def _undo(self, name: str) -> None:
        """What was overturned is as if it had never been."""
        actor, action = self._held.pop(name)
        if action == "suspension":
            self._away.get(actor, {}).pop(name, None)
        elif action == "reinstatement":
            self._away[actor] = self._ended.pop(name, {}) | self._away.get(actor, {})
        elif action in _OPENED:
            self._shut[self._closes[name]] = action == "case_reopened"

    def _shut_or_open(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        name, action = row["refers_to"], row["action"]
        fault = self._on_what_holds(row)
        if fault is None and self._held[name][1] != _OPENED[action]:
            fault = f"{name!r} is no {_OPENED[action]}"
        if fault is None and self._shut.get(name, False) != (action == "case_reopened"):
            fault = "it is closed already" if self._shut.get(name, False) else "it is open already"
        if fault is None and self._kinds.get(row["actor"]) not in MACHINES:
            fault = self._signed(row, said)
        if fault is None:
            self._shut[name] = action != "case_reopened"
            self._held[row["event_id"]] = row["actor"], action
            self._since[row["event_id"]] = row["ts"]
            self._closes[row["event_id"]] = name
        return fault

    def _on_what_holds(self, row: dict[str, Any]) -> str | None:
        """Why what an action refers to cannot be what it means."""
        name = row["refers_to"]
        if name is None:
            return "it says nothing of what it refers to"
        if name not in self._held or self._since[name] > row["ts"]:
            return f"{name!r} is no action in force before it"
        if self._held[name][0] != row["actor"]:
            return f"{name!r} is about {self._held[name][0]!r}"
        return None

    def _signed(self, row: dict[str, Any], said: dict[str, Any]) -> str | None:
        """Why a signature is none."""
        name = said.get("approver")
        why = no_signature(name)
        if why is not None or not isinstance(name, str):
            return f"not signed: {why}"
        if name.strip().casefold() in self._machines:
            return f"signed by {name!r}, a machine"
        if same_person(name, row["actor"]):
            return f"signed by {name!r}, in their own matter"
        if any(self._is_away(actor, row["ts"]) and same_person(name, actor) for actor in self._away):
            return f"signed by {name!r}, who is suspended"
        return _spoken(said.get("reason"), "no reason is given")

    def _is_away(self, actor: str, moment: datetime) -> bool:
        return any(until is None or until > moment for until in self._away[actor].values())


def _unfit(proposer: object, approver: str) -> str | None:
    """Why a proposal cannot be signed by somebody, given who proposed it."""
    if not isinstance(proposer, str) or not proposer.strip():
        return "nobody is named who proposed it"
    if not proposer.startswith(RULE) and same_person(proposer, approver):
        return f"signed by {approver!r}, who proposed it"
    return None


def _longer(row: Mapping[str, Any], days: object) -> str | None:
    """Why a suspension is not the one that was proposed."""
    if not isinstance(days, (int, float)) or isinstance(days, bool):
        return None
    if row["until"] is None or row["until"] - row["ts"] > timedelta(days=days, minutes=10):
        return f"the proposal was one of {days:g} days"
    return None


def _said(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _spoken(value: object, fault: str) -> str | None:
    return None if isinstance(value, str) and value.strip() else fault


def _finite(value: float | None) -> bool:
    return value is not None and abs(value) < float("inf")
