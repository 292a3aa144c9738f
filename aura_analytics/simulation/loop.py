"""HR in the loop: at the end of every epoch the rules read the dossiers and act, and what they do changes the next epoch."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics import events as contract
from aura_analytics.events import SEVERITIES
from aura_analytics.hr.drafts import drafted
from aura_analytics.hr.severities import SeverityTable
from aura_analytics.hr.vocabulary import action_event
from aura_analytics.people import RULE
from aura_analytics.routing.router import Router
from aura_analytics.rules.policy import Policy
from aura_analytics.simulation.emission import score_place, scores
from aura_analytics.simulation.ids import event_id
from aura_analytics.simulation.readings import Watch, readings
from aura_analytics.simulation.worktime import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario_parts import Hr, Routing
    from aura_analytics.simulation.world import Columns, World

__all__ = ["Consequences", "OfficerDesk", "RouterDesk"]

_SIGNED = "simulated HR"


class _Desk:
    """Who acts, and what was done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.made: list[Mapping[str, Any]] = []

    def _time(self, moment: int) -> datetime:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=moment + self._world.zero)


class OfficerDesk(_Desk):
    """Plans and suspensions of officers, by a policy over their dossiers.

    Parameters
    ----------
    world
        Of one replication.
    hr
        How HR works.
    """

    def __init__(self, world: World, hr: Hr, policy: Policy) -> None:
        super().__init__(world)
        self._hr, self._policy = hr, policy.over(hr.window)
        days = range(hr.every_days, world.scenario.days + hr.every_days, hr.every_days)
        self._watch = Watch(self._policy, days, world.zero // DAY)
        self._needed = set(self._watch.days)
        self._readings = readings(world, policy.reads, self._policy.spec.window, policy.way)
        self._plans: dict[int, tuple[int, str]] = {}  # officer -> day of its end, name
        self._counts: dict[int, int] = {}
        self._away: dict[int, int] = {}
        groups = world.scenario.officers
        self._person = np.array([group.kind == "officer" for group in groups])[world.officer_group]  # no rule is meant for machines
        self._gaming, self._effect = (
            np.array([getattr(group, name) for group in groups])[world.officer_group] for name in ("gaming", "plan_effect")
        )

    @property
    def days(self) -> list[int]:
        """Days on whose morning dossiers are read, those that the policy looks back on included."""
        return sorted(self._needed)

    def after(self, day: int, arrived: Columns, done: Columns) -> list[Columns]:
        """The end of an epoch, on this day's morning; returns the cases that were given to others."""
        moment = self._world.moment(day)
        self._readings.add(arrived, done)
        self._end(day, moment)
        if day not in self._needed:
            return []
        flagged = self._watch.read(day, self._readings.board(moment))
        officers = [who for who in flagged if who < len(self._person)]
        fresh = [who for who in officers if self._person[who] and who not in self._plans and who not in self._away]
        handed: list[Columns] = []
        for officer in fresh:
            reasons = self._watch.reasons(self._world.officers[officer])
            limit = self._hr.suspend_after
            if limit is not None and self._counts.get(officer, 0) >= limit and self._world.replaceable(officer):
                handed += self._suspend(officer, reasons, day, moment)
            else:
                self._plan(officer, reasons, day, moment)
        return handed

    def _end(self, day: int, moment: int) -> None:
        state = self._world.state
        for officer, (until, name) in list(self._plans.items()):
            if day >= until:
                self._say("plan_closed", officer, moment, f"{name}/closed", refers_to=name, reason="its time is over")
                del self._plans[officer]
                state.withheld[officer] = 0
        for officer, until in list(self._away.items()):
            if day >= until:
                del self._away[officer]
                self._world.back(officer, moment)

    def _plan(self, officer: int, reasons: list[str], day: int, moment: int) -> None:
        hr, state = self._hr, self._world.state
        name = f"plan/{self._world.tag}/{self._world.officers[officer]}/{day:05d}"
        self._say("plan_opened", officer, moment, name, reason="; ".join(reasons), rule=self._policy.name)
        self._plans[officer] = (day + hr.plan_days, name)
        self._counts[officer] = self._counts.get(officer, 0) + 1
        effect = self._effect[officer]
        state.better_wrong[officer] += effect * hr.plan_overrides_wrong * (1 - state.better_wrong[officer])
        state.better_right[officer] += effect * hr.plan_overrides_right * (1 - state.better_right[officer])
        state.withheld[officer] = self._gaming[officer]

    def _suspend(self, officer: int, reasons: list[str], day: int, moment: int) -> list[Columns]:
        name, until = f"suspension/{self._world.tag}/{self._world.officers[officer]}/{day:05d}", day + self._hr.suspend_days
        said = {"reason": "; ".join(reasons), "rule": self._policy.name, "until": self._time(self._world.moment(until)).isoformat()}
        self._say("suspension", officer, moment, name, **said)
        self._away[officer] = until
        self._counts[officer] = 0
        self._world.state.away[officer] = True
        moved = self._world.hand_over(moment)
        if moved is None:
            return []
        self._readings.moved(moved)
        return [moved]

    def _say(self, action: str, officer: int, moment: int, name: str, **said: Any) -> None:
        actor, at = self._world.officers[officer], self._time(moment)
        if action != "plan_closed":
            asked = {**said, "until": None, "proposed": action, "by": f"{RULE}{self._policy.name}"}
            said["refers_to"] = f"{name}/asked"
            self.made.append(action_event("proposal", actor, "officer", event_id=said["refers_to"], ts=at, **asked))
        self.made.append(action_event(action, actor, "officer", event_id=name, ts=at, approver=_SIGNED, **said))


class Consequences(_Desk):
    """What follows from errors of agents, by the Accountant's table: points, cases, suspensions.

    An agent that is suspended is asked no more from the next epoch on; a suspension without an end is lifted, and the case closed,
    after a review. The last agent left goes on being asked. A reroute is not played: the case stays with its officer.
    """

    def __init__(self, world: World, hr: Hr, table: SeverityTable) -> None:
        super().__init__(world)
        self._table, self._review = table, round(hr.review_days * DAY)
        self._rule = f"{table.label} on the seed's penalties"
        self._acting = np.array([bool(table.of(name)) for name in SEVERITIES])
        self._made_errors: dict[tuple[int, str], list[int]] = {}  # when an agent made errors of a severity
        self._until: dict[int, int] = {}  # agent -> end of the suspension
        self._reviews: dict[int, tuple[int, list[str]]] = {}
        self._severity = scores()["severity"].to_physical().to_numpy()
        self._words = scores()["penalties"].to_list()
        self._points = scores()["score"].to_list()

    def after(self, day: int, arrived: Columns) -> None:
        """The end of an epoch: judge what was put out in it."""
        moment = self._world.moment(day)
        place = score_place(arrived)
        severity = self._severity[place]
        rows = np.flatnonzero(self._acting[severity])
        for row in rows[np.argsort(arrived["arrival"][rows], kind="stable")].tolist():
            self._judge(arrived, row, int(place[row]), SEVERITIES[severity[row]])
        for agent, (due, opened) in list(self._reviews.items()):
            if moment >= due:
                self._reviewed(agent, opened, moment)
        away = np.zeros(len(self._world.agents), dtype=bool)
        away[[agent for agent, until in self._until.items() if until > moment]] = True
        self._world.state.agents_away = away if not away.all() else np.zeros(len(away), dtype=bool)

    def _judge(self, c: Columns, row: int, place: int, severity: str) -> None:
        agent, at = int(c["agent"][row]), int(c["arrival"][row])
        name = self._world.agents[agent]
        queue, number = int(c["queue"][row]), int(c["number"][row])
        case = f"{self._world.scenario.queues[queue].name}-{self._world.tag}-{number:08d}"
        scored = {
            "event_id": event_id(self._world.tag, queue, number, "sc"),
            "actor": name,
            "value": self._points[place],
            "penalties": self._words[place],
        }
        made = self._made_errors.setdefault((agent, severity), [])
        made.append(at)

        def errors_of(days: float | None) -> int:
            return len(made) if days is None else len(made) - bisect_right(made, at - round(days * DAY))

        for item in self._table.following(severity, errors_of):
            if item.action == "reroute":
                continue
            action = {"case": "case_opened"}.get(item.action, item.action)
            name_of = f"{case}/hr/{action}"
            self.made.append(
                drafted(
                    action,
                    name,
                    "agent",
                    event_id=name_of,
                    rule=self._rule,
                    rows=[scored],
                    ts=self._time(at),
                    case_id=case,
                    points=item.points,
                    days=item.days,
                    severity=severity,
                    reason=f"{severity}: {', '.join(self._words[place])}",
                )
            )
            if action == "suspension":
                end = at + round(item.days * DAY) if item.days is not None else 2**62
                self._until[agent] = max(self._until.get(agent, 0), end)
            if action == "case_opened" or (action == "suspension" and item.days is None):
                _, opened = self._reviews.get(agent, (0, []))
                self._reviews[agent] = (at + self._review, [*opened, name_of] if action == "case_opened" else opened)

    def _reviewed(self, agent: int, opened: list[str], moment: int) -> None:
        name, at = self._world.agents[agent], self._time(moment)
        said: dict[str, Any] = {"approver": _SIGNED, "reason": "reviewed"}
        for case in opened:
            self.made.append(action_event("case_closed", name, "agent", event_id=f"{case}/closed", ts=at, refers_to=case, **said))
        if self._until.get(agent, 0) > moment:
            self.made.append(
                action_event(
                    "reinstatement", name, "agent", event_id=f"back/{self._world.tag}/{name}/{moment // DAY:05d}", ts=at, **said
                )
            )
            del self._until[agent]
        del self._reviews[agent]


class RouterDesk:
    """The router: who is asked next, by what scores and outcomes have said."""

    def __init__(self, world: World, routing: Routing) -> None:
        self._world = world
        self._models = [SimpleNamespace(name=name, capabilities=()) for name in world.agents]
        self._router = Router(self._models, strategy=routing.strategy, exploration=routing.exploration)
        self._audit = round(world.scenario.audit_days * DAY)
        self._coming: list[tuple[Any, Any, Any]] = []
        self._scores = scores()["score"].to_numpy()
        self._since: list[int] = []  # moments from which chances held
        self._chances: list[NDArray[np.float64]] = []
        self.choose(-(2**62))

    def says(self, at: NDArray[np.int64], agent: NDArray[np.int64]) -> pl.Series:
        """What the choices of agents at some moments say of themselves, as `Router.routed` writes it."""
        turn = np.searchsorted(self._since, at, side="right") - 1
        pairs, place = np.unique(turn * len(self._world.agents) + agent, return_inverse=True)
        texts = []
        for pair in pairs.tolist():
            number, who = divmod(pair, len(self._world.agents))
            left = np.flatnonzero(self._chances[number] > 0)
            said = {
                "strategy": self._router.strategy,
                "propensity": float(self._chances[number][who]),
                "candidates": [self._world.agents[i] for i in left],
                "propensities": self._chances[number][left].tolist(),
            }
            texts.append(json.dumps(said, ensure_ascii=False))
        return pl.Series(texts, dtype=pl.String).gather(pl.Series(place.astype(np.uint32)))

    def after(self, day: int, arrived: Columns, done: Columns) -> None:
        """The end of an epoch: learn what was scored, and which outcomes are known by now."""
        moment = self._world.moment(day)
        order = np.argsort(arrived["arrival"], kind="stable")
        points, who = self._scores[score_place(arrived)][order], arrived["agent"][order]
        rows = np.flatnonzero(done["audited"])
        self._coming.append((done["end"][rows] + self._audit, done["agent"][rows], done["ai_right"][rows]))
        known, agent, right = (np.concatenate([part[i] for part in self._coming]) for i in range(3))
        due = known <= moment
        self._coming = [(known[~due], agent[~due], right[~due])]
        for number, name in enumerate(self._world.agents):
            mine = due & (agent == number)
            last = points[who == number][-10:]
            self._router.observe_many(name, scores=last.tolist(), trials=int(mine.sum()), successes=int(right[mine].sum()))
        self.choose(moment)

    def choose(self, moment: int) -> None:
        """The chances of the next epoch, which begins at a moment."""
        state = self._world.state
        away = (
            []
            if state.agents_away is None
            else [name for name, gone in zip(self._world.agents, state.agents_away, strict=True) if gone]
        )
        chances = self._router.chances(without=away)
        state.chances = np.array([chances.get(name, 0.0) for name in self._world.agents])
        self._since.append(moment)
        self._chances.append(state.chances / max(float(state.chances.sum()), 1e-300))


def actions_frame(made: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """What HR did, on the contract and in the order of time."""
    return contract.from_records(made).sort("ts", "event_id") if made else contract.empty()
