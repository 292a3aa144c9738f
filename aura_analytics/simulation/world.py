"""A world in motion: cases arrive, agents recommend, officers decide, citizens rate; an epoch at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.simulation.queueing import fifo, pool
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.worktime import DAY, WorkClock
from aura_analytics.times import epoch_micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario import Agents, Officers, Queue, Scenario

__all__ = ["Cases", "World"]

_POINTS = 256  # of everybody on the ring that hands out cases
_MINUTE = 60_000_000


def names_of(group: Agents | Officers) -> list[str]:
    """Names of the members of a group."""
    return [group.name] if group.count == 1 else [f"{group.name}_{i:0{len(str(group.count))}d}" for i in range(1, group.count + 1)]


class Ring:
    """Hands out cases so that who comes takes some from everybody, and nobody else's move."""

    def __init__(self, names: list[str], weights: NDArray[np.float64]) -> None:
        points, owners = [], []
        for number, (name, weight) in enumerate(zip(names, weights, strict=True)):
            count = round(_POINTS * float(weight))
            key = np.frombuffer(hashlib.blake2b(name.encode(), digest_size=16).digest(), dtype=np.uint64)
            points.append(np.random.Generator(np.random.Philox(key=key)).random(count))
            owners.append(np.full(count, number))
        at = np.concatenate(points)
        order = np.argsort(at)
        self._at, self._owner = at[order], np.concatenate(owners)[order]

    def pick(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Who gets each case."""
        return np.asarray(self._owner[np.searchsorted(self._at, uniform) % len(self._at)])


@dataclass
class Cases:
    """The cases of an epoch as columns, shape (n,); moments in microseconds from the Monday 0:00 before the run."""

    queue: NDArray[np.int64]
    day: NDArray[np.int64]
    number: NDArray[np.int64]
    arrival: NDArray[np.int64]
    approve_right: NDArray[np.bool_]
    agent: NDArray[np.int64]
    ai_right: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    invented: NDArray[np.bool_]
    too_short: NDArray[np.bool_]
    officer: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    override: NDArray[np.bool_]
    stars: NDArray[np.int64]  # 0 where nobody rated
    rated: NDArray[np.int64]
    audited: NDArray[np.bool_]


@dataclass
class State:
    """What changes as the world goes on."""

    better_wrong: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # per officer, what a plan has won
    better_right: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    free: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # per officer, in working time


class World:
    """A scenario and its random numbers.

    Parameters
    ----------
    scenario
        The world.
    streams
        Its random numbers.
    """

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self.scenario, self._streams = scenario, streams
        self.agents = [name for group in scenario.agents for name in names_of(group)]
        self.officers = [name for group in scenario.officers for name in names_of(group)]
        self._agent_group = np.repeat(np.arange(len(scenario.agents)), [group.count for group in scenario.agents])
        self._officer_group = np.repeat(np.arange(len(scenario.officers)), [group.count for group in scenario.officers])
        self._agent_ring = Ring(self.agents, np.array([scenario.agents[g].weight for g in self._agent_group]))
        self._officer_rings = [
            Ring(self.officers, np.array([float(self._works_on(int(g), queue.name)) for g in self._officer_group]))
            for queue in scenario.queues
        ]
        self._clocks = [WorkClock(group.shift) for group in scenario.officers]
        monday = scenario.start.toordinal() - scenario.start.weekday()
        self.zero = epoch_micros(datetime.fromordinal(monday).replace(tzinfo=timezone.utc))
        self.first = scenario.start.weekday()
        n = len(self.officers)
        self.state = State(better_wrong=np.zeros(n), better_right=np.zeros(n), free=np.zeros(n, dtype=np.int64))

    def _works_on(self, group: int, queue: str) -> bool:
        allowed = self.scenario.officers[group].queues
        return allowed is None or queue in allowed

    def epoch(self, first: int, last: int) -> Cases:
        """The cases that arrive on days first to last (the last not included), worked off to their end."""
        days = [self._day(q, queue, day) for day in range(first, last) for q, queue in enumerate(self.scenario.queues)]
        columns: dict[str, Any] = {name: np.concatenate([part[name] for part in days]) for name in days[0]} if days else {}
        self._assign(columns)
        self._work(columns)
        self._decide(columns)
        self._rate(columns)
        kept = {name: columns[name] for name in Cases.__dataclass_fields__}
        return Cases(**kept)

    def _day(self, q: int, queue: Queue, day: int) -> dict[str, Any]:
        """What is drawn of the cases of a queue on a day: everything that belongs to the case and not to who works on it."""
        weekday = (self.first + day) % 7
        weights = queue.weekdays
        rate = queue.per_day * (1.0 if weights is None else 7 * weights[weekday] / sum(weights))
        n = int(self._streams.generator(f"count/{queue.name}", day).poisson(rate))

        def draw(purpose: str) -> NDArray[np.float64]:
            return self._streams.uniform(f"{purpose}/{queue.name}", day, n)

        within = draw("arrival")
        if queue.hours is not None:
            edges = np.concatenate([[0.0], np.cumsum(queue.hours) / sum(queue.hours)])
            within = np.interp(within, edges, np.arange(25) / 24)
        arrival = np.sort((self.first + day) * DAY + np.floor(within * DAY).astype(np.int64))
        purposes = (
            "truth",
            "agent",
            "ai",
            "sure",
            "invented",
            "short",
            "officer",
            "service",
            "verdict",
            "response",
            "stars",
            "rated",
            "audit",
        )
        return {
            "queue": np.full(n, q), "day": np.full(n, day), "number": np.arange(n), "arrival": arrival,
            **{f"u:{purpose}": draw(purpose) for purpose in purposes},
        }  # fmt: skip

    def _assign(self, c: dict[str, Any]) -> None:
        scenario = self.scenario
        c["approve_right"] = c["u:truth"] < np.array([queue.approve_is_right for queue in scenario.queues])[c["queue"]]
        c["agent"] = self._agent_ring.pick(c["u:agent"])
        group = self._agent_group[c["agent"]]
        table = np.array(
            [[a.accuracy[q.name] if isinstance(a.accuracy, dict) else a.accuracy for q in scenario.queues] for a in scenario.agents]
        )
        accuracy = table[group, c["queue"]]
        denials = np.array([np.nan if a.accuracy_denials is None else a.accuracy_denials for a in scenario.agents])[group]
        accuracy = np.where(c["approve_right"] | np.isnan(denials), accuracy, denials)
        for g, agents in enumerate(scenario.agents):
            for drift in agents.drift:
                accuracy = accuracy + np.where((group == g) & (c["day"] >= drift.day), drift.accuracy, 0.0)
        c["ai_right"] = c["u:ai"] < np.clip(accuracy, 0, 1)
        mean = np.where(
            c["ai_right"],
            *(np.array([getattr(a, name) for a in scenario.agents])[group] for name in ("confidence_right", "confidence_wrong")),
        )
        spread = np.array([a.confidence_sd for a in scenario.agents])[group]
        c["confidence"] = np.round(np.clip(mean + spread * _normal(c["u:sure"]), 0, 1), 4)
        c["invented"] = c["u:invented"] < np.array([a.hallucination for a in scenario.agents])[group]
        c["too_short"] = c["u:short"] < np.array([a.too_short for a in scenario.agents])[group]
        c["officer"] = np.zeros(len(c["queue"]), dtype=np.int64)
        for q, ring in enumerate(self._officer_rings):
            mine = c["queue"] == q
            c["officer"][mine] = ring.pick(c["u:officer"][mine])

    def _work(self, c: dict[str, Any]) -> None:
        group = self._officer_group[c["officer"]]
        c["start"], c["end"] = np.zeros_like(c["arrival"]), np.zeros_like(c["arrival"])
        for g, officers in enumerate(self.scenario.officers):
            mine = np.flatnonzero(group == g)
            if not len(mine):
                continue
            clock = self._clocks[g]
            takes = _durations(officers, c["u:service"][mine])
            came = clock.worked(c["arrival"][mine])
            free = self.state.free
            if officers.pooled:
                members = np.flatnonzero(self._officer_group == g)
                start, end, who = pool(len(members), came, takes, free[members])
                c["officer"][mine] = members[who]
            else:
                start, end = fifo(c["officer"][mine], came, takes, free)
            np.maximum.at(free, c["officer"][mine], end)
            # work that comes within a shift begins then, not at the next one
            began = clock.begins(start)
            c["start"][mine] = np.maximum(began, c["arrival"][mine])
            c["end"][mine] = np.maximum(clock.ends(end), c["start"][mine])

    def _decide(self, c: dict[str, Any]) -> None:
        officers = self.scenario.officers
        who = c["officer"]
        group = self._officer_group[who]

        def of(name: str) -> NDArray[np.float64]:
            return np.asarray(np.array([getattr(officer, name) for officer in officers], dtype=float)[group])

        tired = np.zeros(len(who))
        for g, clock in enumerate(self._clocks):
            mine = group == g
            if officers[g].fatigue and mine.any():
                tired[mine] = clock.tired(c["start"][mine])
        trusting = 1 - of("automation_bias") * c["confidence"]
        sees = of("overrides_wrong") * (1 - of("fatigue") * tired)
        sees = sees + self.state.better_wrong[who] * (1 - sees)
        errs = of("overrides_right") * (1 - self.state.better_right[who])
        c["override"] = c["u:verdict"] < np.where(c["ai_right"], errs, sees) * trusting

    def _rate(self, c: dict[str, Any]) -> None:
        citizens = self.scenario.citizens
        recommends = c["ai_right"] == c["approve_right"]  # APPROVE
        approved = recommends != c["override"]
        stars = np.zeros(len(approved), dtype=np.int64)
        for chances, mine in ((citizens.approved, approved), (citizens.denied, ~approved)):
            stars[mine] = np.searchsorted(np.cumsum(chances)[:4], c["u:stars"][mine], side="right") + 1
        if citizens.stars_lost_per_day:
            waited = (c["end"] - c["arrival"]) / DAY
            stars = np.clip(stars - np.floor(citizens.stars_lost_per_day * waited).astype(np.int64), 1, 5)
        c["stars"] = np.where(c["u:response"] < citizens.response, stars, 0)
        later = -np.log1p(-c["u:rated"]) * citizens.days_until * DAY
        c["rated"] = c["end"] + later.astype(np.int64) + 1
        c["audited"] = c["u:audit"] < self.scenario.audited

    # -- as tables -------------------------------------------------------------------------------------------------------

    def frame(self, c: Cases) -> pl.DataFrame:
        """The cases with their truth: what a real log never shows."""
        queues = pl.Series([queue.name for queue in self.scenario.queues], dtype=pl.String)
        recommend, right = c.ai_right == c.approve_right, c.approve_right
        verdict = recommend != c.override
        words = pl.Series(["REJECT", "APPROVE"])
        micros = pl.Datetime("us", "UTC")
        return pl.DataFrame({
            "queue": queues.gather(c.queue), "day": c.day, "number": c.number, "agent": pl.Series(self.agents).gather(c.agent),
            "officer": pl.Series(self.officers).gather(c.officer), "arrival": c.arrival + self.zero, "start": c.start + self.zero,
            "end": c.end + self.zero, "ai_recommendation": words.gather(recommend.astype(np.uint32)),
            "human_verdict": words.gather(verdict.astype(np.uint32)), "right_verdict": words.gather(right.astype(np.uint32)),
            "ai_right": c.ai_right, "human_right": verdict == right, "override": c.override, "confidence": c.confidence,
            "invented": c.invented, "too_short": c.too_short, "stars": c.stars, "rated": c.rated + self.zero, "audited": c.audited,
        }).with_columns(
            pl.col("arrival", "start", "end", "rated").cast(micros),
            audit_at=pl.col("end").cast(micros) + timedelta(days=self.scenario.audit_days),
            case_id=pl.format("{}-{}-{}", "queue", pl.col("day").cast(pl.String).str.zfill(4), pl.col("number").cast(pl.String).str.zfill(5)),
        )  # fmt: skip


def _normal(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)))


def _durations(officers: Officers, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Service times in microseconds."""
    service = officers.service
    if service.kind == "constant" or (service.kind == "lognormal" and service.cv == 0):
        minutes = np.full(len(uniform), service.minutes)
    elif service.kind == "exponential":
        minutes = -np.log1p(-uniform) * service.minutes
    else:
        sigma = np.sqrt(np.log1p(service.cv**2))
        minutes = service.minutes * np.exp(sigma * _normal(uniform) - sigma**2 / 2)
    return np.asarray(np.maximum(np.rint(minutes * _MINUTE).astype(np.int64), 1))
