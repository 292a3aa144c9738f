"""The rules of the simulator once more, slowly: a SimPy model with a process per officer, fed with the same random numbers.

It is the independent implementation that the engine is compared with, event by event, and the peer of the benchmark. It covers what
most worlds use: own lines and one that is shared (by people with the same shifts), shifts, agents with accuracies by queue and
drift, discernment, automation bias, citizens, audits.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import simpy

from aura_analytics.events import ADDED, SCHEMA
from aura_analytics.scoring import ErrorClassifier, PenaltyPolicy, Scorer
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.scenario_parts import Agents, Officers, Queue
from aura_analytics.simulation.streams import PURPOSES, Draws, Streams
from aura_analytics.simulation.world import World

HOUR = 3_600_000_000
DAY = 24 * HOUR
TEXTS = (
    "A careful answer that says what was asked for, and why it is so.",
    "see file",
    "The value is undefined here, and so the rest was made up as best it could.",
)


class Model:
    """One replication of a scenario, played event by event."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.env = simpy.Environment()
        self.log: list[tuple[Any, ...]] = []
        self.monday = datetime.fromordinal(scenario.start.toordinal() - scenario.start.weekday()).replace(tzinfo=timezone.utc)
        self.world = World(scenario, [Streams(seed)])  # for who gets which case, and how many come on a day
        self.streams = Streams(seed)
        self.officers = [(name, group) for group in scenario.officers for name in group.names]
        self.agents = [(name, group) for group in scenario.agents for name in group.names]
        self.lines = [simpy.Store(self.env) for _ in self.officers]
        self.shared = simpy.FilterStore(self.env)
        self.first = scenario.start.weekday()
        self.end = (self.first + scenario.days) * DAY
        self.scorer, self.classifier = Scorer(PenaltyPolicy.seed()), ErrorClassifier(PenaltyPolicy.seed())
        self.scored: dict[tuple[int, int], tuple[float, list[str], str]] = {}

    def run(self) -> pl.DataFrame:
        """The events of the run, in the order of time."""
        for place, queue in enumerate(self.scenario.queues):
            self.env.process(self.arrivals(place, queue))
        for place, (name, group) in enumerate(self.officers):
            self.env.process(self.officer(place, name, group))
        self.env.run(until=self.end + 1)
        rows = sorted((row for row in self.log if row[1] <= self.end), key=lambda row: row[1])
        schema = {name: pl.Int64() if name == "ts" else dtype for name, dtype in SCHEMA.items() if name not in ADDED}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        frame = frame.with_columns(pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in ADDED)
        drawn = pl.when(pl.col("type") == "ADJUDICATION").then(pl.lit(float(self.scenario.audited)))
        frame = frame.with_columns(drawn.alias("audit_chance"))
        zero = int((self.monday - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1))
        return frame.with_columns((pl.col("ts") + zero).cast(SCHEMA["ts"]))

    def say(
        self,
        case: dict[str, Any],
        tag: str,
        kind: str,
        at: int,
        actor: str | None = None,
        actor_kind: str | None = None,
        value: float | None = None,
        agent: str | None = None,
        advice: str | None = None,
        verdict: str | None = None,
        confidence: float | None = None,
        outcome: str | None = None,
        severity: str | None = None,
        penalties: list[str] | None = None,
    ) -> None:
        name = case["name"]
        self.log.append(
            (
                case["id"] + tag,
                at,
                kind,
                actor,
                actor_kind,
                name,
                case["queue"],
                value,
                agent,
                advice,
                verdict,
                confidence,
                outcome,
                severity,
                penalties,
                None,
            )
        )

    def arrivals(self, place: int, queue: Queue) -> Generator[Any, Any, None]:
        """Cases of a queue as they come."""
        draws = Draws(self.streams, queue.name)
        counts = self.world._counts[0, place]
        number = 0
        for day, count in enumerate(counts.tolist()):
            drawn = {purpose: draws.take(purpose, count) for purpose in PURPOSES}
            service = {g: _durations(group, drawn["service"]) for g, group in enumerate(self.scenario.officers)}
            normal = _normal(drawn["sure"])
            moments = sorted((self.first + day) * DAY + int(_within(queue, u) * DAY) for u in drawn["arrival"].tolist())
            rows = zip(*(drawn[purpose].tolist() for purpose in PURPOSES), strict=True)
            for i, (moment, row) in enumerate(zip(moments, rows, strict=True)):
                if moment > self.env.now:
                    yield self.env.timeout(moment - self.env.now)
                u = dict(zip(PURPOSES, row, strict=False))
                case = {
                    "name": f"{queue.name}-{self.world.tag}-{number:08d}",
                    "id": f"{self.world.tag}{place:02d}{number:08d}",
                    "queue": queue.name,
                    "u": u,
                    "day": day,
                    "service": {g: int(times[i]) for g, times in service.items()},
                    "normal": float(normal[i]),
                    "arrival": moment,
                }
                number += 1
                self.arrived(place, queue, case)

    def arrived(self, place: int, queue: Queue, case: dict[str, Any]) -> None:
        """A case is opened, an agent recommends, an officer gets it."""
        u = case["u"]
        approve = u["truth"] < queue.approve_is_right
        name, agents = self.agents[int(self.world._agent_ring.pick(np.array([u["agent"]]))[0])]
        right = u["ai"] < _accuracy(agents, queue.name, approve, case["day"])
        mean = agents.confidence_right if right else agents.confidence_wrong
        sure = round(min(max(mean + agents.confidence_sd * case["normal"], 0.0), 1.0) * 10_000)
        case.update(approve=approve, agent=name, right=right, sure=sure / 10_000, recommends=right == approve)
        output = 2 if u["invented"] < agents.hallucination else 1 if u["short"] < agents.too_short else 0
        now = case["arrival"]
        self.say(case, "op", "OPENED", now)
        if (output, sure) not in self.scored:
            result = self.scorer.score({"output": TEXTS[output], "confidence": sure / 10_000}, {})
            severity = str(self.classifier.classify(result.penalties)["severity"])
            self.scored[output, sure] = result.score, result.penalties, severity
        score, penalties, severity = self.scored[output, sure]
        self.say(
            case,
            "sc",
            "EVALUATION",
            now,
            name,
            "agent",
            value=score,
            confidence=sure / 10_000,
            severity=severity,
            penalties=penalties,
        )
        who = int(self.world._officer_rings[place].pick(np.array([u["officer"]]))[0])
        if self.officers[who][1].pooled:
            self.shared.put(case)
            return
        self.say(case, "as", "ASSIGNED", now, self.officers[who][0], "officer")
        self.lines[who].put(case)

    def officer(self, place: int, name: str, group: Officers) -> Generator[Any, Any, None]:
        """Takes the first case of the line, works on it during shifts, decides, takes the next."""

        def suits(case: dict[str, Any]) -> bool:
            return group.queues is None or case["queue"] in group.queues

        number = next(g for g, each in enumerate(self.scenario.officers) if each is group)
        while True:
            case = yield (self.shared.get(suits) if group.pooled else self.lines[place].get())
            pause = self.until_shift(group)
            if pause:
                yield self.env.timeout(pause)
            started, left = int(self.env.now), case["service"][number]
            if group.pooled:
                self.say(case, "as", "ASSIGNED", started, name, "officer")
            while True:
                span = self.until_break(group)
                if left <= span:
                    yield self.env.timeout(left)
                    break
                left -= span
                yield self.env.timeout(span)
                yield self.env.timeout(self.until_shift(group))
            self.decided(case, name, group, started)

    def until_shift(self, group: Officers) -> int:
        """How long until this officer may work."""
        shift = group.shift
        if shift is None:
            return 0
        day, within = divmod(int(self.env.now), DAY)
        begin, end = int(shift.start * HOUR), int(shift.end * HOUR)
        if day % 7 in shift.days and within < end:
            return max(begin - within, 0)
        ahead = next(days for days in range(1, 9) if (day + days) % 7 in shift.days)
        return ahead * DAY + begin - within

    def until_break(self, group: Officers) -> int:
        """How long the shift that runs still lasts."""
        return 10**18 if group.shift is None else int(group.shift.end * HOUR) - int(self.env.now) % DAY

    def decided(self, case: dict[str, Any], name: str, group: Officers, started: int) -> None:
        """A verdict; citizens and auditors may come back to it."""
        u, now, scenario = case["u"], int(self.env.now), self.scenario
        tired = 0.0
        if group.fatigue and group.shift is not None:
            begin = group.shift.start * HOUR
            tired = min(max((started % DAY - begin) / ((group.shift.end - group.shift.start) * HOUR), 0), 1) * group.fatigue
        chance = group.overrides_right if case["right"] else group.overrides_wrong * (1 - tired)
        override = u["verdict"] < chance * (1 - group.automation_bias * case["sure"])
        approved = case["recommends"] != override
        words = ("REJECT", "APPROVE")
        kind = "OVERRIDE" if override else "DECISION"
        self.say(
            case,
            "ve",
            kind,
            now,
            name,
            "officer",
            agent=case["agent"],
            advice=words[case["recommends"]],
            verdict=words[approved],
            confidence=case["sure"],
        )
        self.say(case, "re", "RESOLVED", now, name, "officer")
        citizens = scenario.citizens
        if u["response"] < citizens.response:
            edges = np.cumsum(citizens.approved if approved else citizens.denied)[:4].tolist()
            stars = 1 + sum(u["stars"] >= edge for edge in edges)
            if citizens.stars_lost_per_day:
                stars = min(max(stars - math.floor(citizens.stars_lost_per_day * ((now - case["arrival"]) / DAY)), 1), 5)
            later = int(-np.log1p(-u["rated"]) * citizens.days_until * DAY) + 1
            self.say(case, "ra", "SAT_SCORE", now + later, value=float(stars))
        if u["audit"] < scenario.audited:
            at = now + round(scenario.audit_days * DAY)
            self.say(case, "au", "ADJUDICATION", at, outcome=words[case["approve"]])
            self.say(case, "ou", "OUTCOME", at, case["agent"], "agent", outcome="success" if case["right"] else "failure")


def _within(queue: Queue, u: float) -> float:
    """Where in a day a case arrives."""
    if queue.hours is None:
        return u
    edges = np.concatenate([[0.0], np.cumsum(queue.hours) / sum(queue.hours)])
    return float(np.interp(u, edges, np.arange(25) / 24))


def _accuracy(agents: Agents, queue: str, approve: bool, day: int) -> float:
    share = agents.accuracy[queue] if isinstance(agents.accuracy, dict) else agents.accuracy
    if not approve and agents.accuracy_denials is not None:
        share = agents.accuracy_denials
    for drift in agents.drift:
        if day >= drift.day:
            share = min(max(share + drift.accuracy, 0.0), 1.0)
    return share


def _normal(u: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(u, 1e-12, 1 - 1e-12)))


def _durations(group: Officers, u: np.ndarray) -> np.ndarray:
    service = group.service
    sigma = np.sqrt(np.log1p(service.cv**2))
    if service.kind == "constant":
        minutes = np.full(len(u), service.minutes)
    elif service.kind == "exponential":
        minutes = -np.log1p(-u) * service.minutes
    else:
        minutes = service.minutes * np.exp(sigma * _normal(u) - sigma**2 / 2)
    return np.asarray(np.maximum(np.rint(minutes * 60e6), 1))
