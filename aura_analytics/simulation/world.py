"""A world in motion: cases arrive, agents recommend, officers decide, citizens rate; an epoch at a time.

Several replications of one scenario are played side by side: everybody exists once per replication, and every step is one step for
all. Within an epoch nothing reacts; between epochs HR and the router may change who is asked and how they act.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.clock.times import epoch_micros
from aura_analytics.simulation.distributions import confidences, durations, normal, poisson, right_chances
from aura_analytics.simulation.oversight import look_into, purposes, rare_columns
from aura_analytics.simulation.queueing import fifo, lines, shared_line
from aura_analytics.simulation.ring import Ring
from aura_analytics.simulation.streams import Draws, Streams
from aura_analytics.simulation.worktime import DAY, WorkClock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.simulation.scenario_parts import Queue

    Columns = dict[str, NDArray[Any]]

__all__ = ["STEPS", "World", "together"]

HOUR = DAY // 24
STEPS = 10_000  # of a confidence: it has four decimals
_OF_BOTH = (
    "replication",
    "queue",
    "number",
    "day",
    "arrival",
    "assigned",
    "approve_right",
    "agent",
    "ai_right",
    "sure",
    "invented",
    "too_short",
    "officer",
)
# the columns of cases that have come, and of those that are done with
CAME = (*_OF_BOTH, "audited")
KEPT = (
    *_OF_BOTH,
    "given",
    "start",
    "end",
    "decided",
    "override",
    "stars",
    "rated",
    "audited",
)


def together(parts: Sequence[Columns]) -> Columns:
    """Cases of several parts."""
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@dataclass
class State:
    """What changes as the world goes on; of every officer of every replication in turn."""

    better_wrong: NDArray[np.float64]  # what a plan has won
    better_right: NDArray[np.float64]
    withheld: NDArray[np.float64]  # share of overrides that they keep to themselves
    away: NDArray[np.bool_]  # suspended
    free: NDArray[np.int64]  # in working time
    places: list[list[int]] = field(default_factory=list)  # of those who work on several cases at once
    chances: NDArray[np.float64] | None = None  # of the agents, where a router chooses
    agents_away: NDArray[np.bool_] | None = None


class World:
    """A scenario and its random numbers.

    Parameters
    ----------
    scenario
        The world.
    streams
        Its random numbers, for each replication.
    """

    def __init__(self, scenario: Scenario, streams: Sequence[Streams]) -> None:
        self.scenario: Scenario
        self.replications: int
        self.scenario, self.replications = scenario, len(streams)
        self.tag: str = streams[0].tag(scenario.name)
        self.agents: list[str] = [name for group in scenario.agents for name in group.names]
        self.officers: list[str] = [name for group in scenario.officers for name in group.names]
        self._agent_group = np.repeat(np.arange(len(scenario.agents)), [group.count for group in scenario.agents])
        self.officer_group: NDArray[np.int64] = np.repeat(
            np.arange(len(scenario.officers)), [group.count for group in scenario.officers]
        )
        self._agent_ring = Ring(self.agents, np.array([scenario.agents[g].weight for g in self._agent_group]))
        able = [tuple(self._works_on(g, queue.name) for g in range(len(scenario.officers))) for queue in scenario.queues]
        weights = _by(scenario.officers, "weight")[self.officer_group]
        rings = {mask: Ring(self.officers, weights * np.array(mask)[self.officer_group]) for mask in set(able)}
        self._officer_rings = [rings[mask] for mask in able]
        self._able = np.array(able)[:, self.officer_group]  # queue x officer
        monday = scenario.start.toordinal() - scenario.start.weekday()
        self.zero: int = epoch_micros(datetime.fromordinal(monday).replace(tzinfo=timezone.utc))
        self.first: int = scenario.start.weekday()
        self.free_days: set[int] = {day.toordinal() - monday for day in _holidays(scenario)}
        horizon = self.first + scenario.days
        self._pooled = np.array([group.pooled for group in scenario.officers])[self.officer_group]
        self._clocks = [WorkClock(group.shift, horizon, sorted(self.free_days)) for group in scenario.officers]
        n = len(self.officers) * self.replications
        self.state: State = State(np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64))
        capacity = np.array([group.capacity or 0 for group in scenario.officers])[self.officer_group]
        if (capacity > 1).any():
            self.state.places = [[0] * int(many) for _ in streams for many in capacity]
        self._pools = [
            [
                [
                    (0, int(o) + r * len(self.officers))
                    for o in np.flatnonzero(self.officer_group == g)
                    for _ in range(group.capacity or 0)
                ]
                if group.pooled
                else []
                for g, group in enumerate(scenario.officers)
            ]
            for r in range(len(streams))
        ]
        self._purposes = purposes(scenario)
        self._draws = [[Draws(stream, queue.name) for queue in scenario.queues] for stream in streams]
        self._numbers = np.zeros((len(streams), len(scenario.queues)), dtype=np.int64)
        self._counts = np.array([[self._per_day(stream, queue) for queue in scenario.queues] for stream in streams])
        self._accuracy = np.array(
            [
                [
                    [
                        _share(agents.accuracy, queue.name) if agents.accuracy_denials is None else agents.accuracy_denials,
                        _share(agents.accuracy, queue.name),
                    ]
                    for queue in scenario.queues
                ]
                for agents in scenario.agents
            ]
        )
        self.waiting: Columns | None = None
        extra = rare_columns(self._purposes)
        self._came: tuple[str, ...] = (*CAME, *(name for name in extra if name == "drill"))
        self._kept: tuple[str, ...] = (*KEPT, *extra)

    def _group_of(self, officer: NDArray[np.int32]) -> NDArray[np.int64]:
        """The group of officers of any replication."""
        return np.asarray(self.officer_group[officer if self.replications == 1 else officer % len(self.officers)])

    def _works_on(self, group: int, queue: str) -> bool:
        allowed = self.scenario.officers[group].queues
        return allowed is None or queue in allowed

    def _per_day(self, streams: Streams, queue: Queue) -> NDArray[np.int64]:
        """How many cases arrive on each day."""
        days = self.first + np.arange(self.scenario.days)
        rate = np.full(len(days), queue.per_day)
        if queue.weekdays is not None:
            rate *= (7 * np.array(queue.weekdays) / sum(queue.weekdays))[days % 7]
        rate[np.isin(days, list(self.free_days))] *= queue.on_holidays
        rate[self.scenario.arrivals_until or len(rate) :] = 0
        return poisson(streams.uniform(f"count/{queue.name}", len(days)), rate)

    def moment(self, day: int) -> int:
        """The beginning of a day of the run."""
        return (self.first + day) * DAY

    def epoch(self, first: int, last: int, *, closes: bool = False) -> tuple[Columns, Columns]:
        """The cases of days first to last (the last not included).

        Parameters
        ----------
        first, last
            Days of the run.
        closes
            Whether cases that nobody has begun by the end wait for the next epoch, and for what will be decided until then.

        Returns
        -------
        tuple of columns
            What arrived, and what was begun (with what became of it). Moments are microseconds from the Monday 0:00 before the run.
        """
        arrived = self._arrive(first, last)
        self._recommend(arrived)
        self._assign(arrived)
        cases = arrived if self.waiting is None else together([self.waiting, arrived])
        self.waiting = None
        self._work(cases, self.moment(last) if closes else None)
        if closes:
            begun = cases["start"] < self.moment(last)
            self.waiting = {name: column[~begun] for name, column in cases.items() if name not in ("start", "end")}
            cases = {name: column[begun] for name, column in cases.items()}
        self._decide(cases)
        self._rate(cases)
        return {name: arrived[name] for name in self._came}, {name: cases[name] for name in self._kept}

    def rest(self) -> Columns | None:
        """What is still waiting after the last epoch, as it would go on."""
        cases, self.waiting = self.waiting, None
        if cases is None or not len(cases["queue"]):
            return None
        self._work(cases, None)
        self._decide(cases)
        self._rate(cases)
        return {name: cases[name] for name in self._kept}

    def hand_over(self, moment: int) -> Columns | None:
        """Give what waits for those who are away to others; returns what moved, with how often somebody had been assigned
        before.
        """
        cases, away = self.waiting, self.state.away
        if cases is None:
            return None
        # a shared line before which nobody is left
        manned = self._able & self._pooled & ~away[: len(self.officers)]
        mine = np.where(cases["officer"] >= 0, away[cases["officer"]], ~manned.any(axis=1)[cases["queue"]])
        rows = np.flatnonzero(mine)
        if not len(rows):
            return None
        part = {name: column[rows] for name, column in cases.items()}
        given = part["given"]
        self._assign(part)
        part["assigned"] = part["queued"] = np.full(len(rows), moment)
        part["given"] = given + (part["officer"] >= 0)
        for name in ("officer", "assigned", "queued", "given"):
            cases[name] = cases[name].copy()
            cases[name][rows] = part[name]
        return {**part, "given": given}

    def back(self, officer: int, moment: int) -> None:
        """Somebody is there again: they begin nothing before this moment."""
        self.state.away[officer] = False
        replication, o = divmod(officer, len(self.officers))
        g = int(self.officer_group[o])
        now = int(self._clocks[g].worked(np.array([moment]))[0])
        self.state.free[officer] = max(self.state.free[officer], now)
        if self.state.places:
            self.state.places[officer] = [max(free, now) for free in self.state.places[officer]]
        heap = self._pools[replication][g]
        self._pools[replication][g] = [(max(free, now), who) if who == officer else (free, who) for free, who in heap]

    def replaceable(self, officer: int) -> bool:
        """Whether somebody else could work on everything that an officer works on."""
        n = len(self.officers)
        r, o = divmod(officer, n)
        present = ~self.state.away[r * n : (r + 1) * n]
        present[o] = False
        return bool((self._able[self._able[:, o]] & present).any(axis=1).all())

    # -- what belongs to a case, whoever works on it ---------------------------------------------------------------------

    def _arrive(self, first: int, last: int) -> Columns:
        queues = self.scenario.queues
        drawn: dict[str, list[NDArray[np.float64]]] = {purpose: [] for purpose in self._purposes}
        arrivals, days, numbers = [], [], []
        totals = self._counts[:, :, first:last].sum(axis=2)
        for r in range(self.replications):
            for q, queue in enumerate(queues):
                n = int(totals[r, q])
                day = np.repeat(np.arange(first, last), self._counts[r, q, first:last])
                within = self._draws[r][q].take("arrival", n)
                if queue.hours is not None:
                    edges = np.concatenate([[0.0], np.cumsum(queue.hours) / sum(queue.hours)])
                    within = np.interp(within, edges, np.arange(25) / 24)
                arrivals.append(pl.Series((self.first + day) * DAY + (within * DAY).astype(np.int64)).sort().to_numpy())
                for purpose, parts in drawn.items():
                    parts.append(self._draws[r][q].take(purpose, n))
                days.append(day)
                numbers.append(np.arange(self._numbers[r, q], self._numbers[r, q] + n))
        self._numbers += totals
        each = totals.ravel()
        columns: Columns = {
            "replication": np.repeat(np.arange(self.replications, dtype=np.int32), totals.sum(axis=1)),
            "queue": np.repeat(np.tile(np.arange(len(queues), dtype=np.int16), self.replications), each),
            "number": _joined(numbers),
            "day": _joined(days).astype(np.int32),
            "arrival": _joined(arrivals),
        }
        for purpose, parts in drawn.items():
            columns[f"u:{purpose}"] = _joined(parts)
        return columns

    def _recommend(self, c: Columns) -> None:
        scenario, queue = self.scenario, c["queue"]
        c["approve_right"] = c["u:truth"] < np.array([each.approve_is_right for each in scenario.queues])[queue]
        c["agent"] = self._asked(c)
        group = self._agent_group[c["agent"]]
        accuracy = self._accuracy[group, queue, c["approve_right"].astype(np.int8)]
        for g, agents in enumerate(scenario.agents):
            for drift in agents.drift:
                accuracy = np.clip(accuracy + np.where((group == g) & (c["day"] >= drift.day), drift.accuracy, 0.0), 0, 1)
        chance = accuracy
        gauged = [g for g, agents in enumerate(scenario.agents) if agents.calibration is not None]
        if gauged:
            chance = accuracy.copy()
            for g in gauged:
                mine = np.flatnonzero(group == g)
                chance[mine] = right_chances(accuracy[mine], c["u:difficulty"][mine], scenario.agents[g])
        c["ai_right"] = c["u:ai"] < chance
        right = c["ai_right"].astype(np.int8)
        mean = np.array([[agents.confidence_wrong, agents.confidence_right] for agents in scenario.agents])[group, right]
        spread = _by(scenario.agents, "confidence_sd")[group]
        sure = mean + spread * normal(c["u:sure"]) if spread.any() else mean
        for g in gauged:
            mine = np.flatnonzero(group == g)
            sure[mine] = confidences(chance[mine], scenario.agents[g])
        c["sure"] = np.rint(np.clip(sure, 0, 1) * STEPS).astype(np.int16)
        nothing = np.zeros(len(queue), dtype=bool)
        for name, purpose, share in (("invented", "invented", "hallucination"), ("too_short", "short", "too_short")):
            c[name] = c[f"u:{purpose}"] < _by(scenario.agents, share)[group] if f"u:{purpose}" in c else nothing
        c["audited"] = c["u:audit"] < scenario.audited if scenario.audited else nothing
        if scenario.drills is not None:
            c["drill"] = c["u:drill"] < scenario.drills.share
            c["ai_right"] = np.where(c["drill"], c["u:planted"] >= scenario.drills.wrong, c["ai_right"])

    def _asked(self, c: Columns) -> NDArray[np.int32]:
        """Which agent is asked: by the weights, or by the router's chances."""
        state = self.state
        if len(self.agents) == 1:
            return np.zeros(len(c["queue"]), dtype=np.int32)
        uniform = c["u:agent"]
        if state.chances is None:
            return self._agent_ring.pick(uniform, state.agents_away)
        edges = np.cumsum(state.chances)
        return np.searchsorted(edges[:-1] / edges[-1], uniform, side="right").astype(np.int32)

    # -- who works on it, and when ----------------------------------------------------------------------------------------

    def _assign(self, c: Columns) -> None:
        """Everybody's own line, or -1: the shared one."""
        n, uniform = len(self.officers), c["u:officer"]
        officer = np.zeros(len(uniform), dtype=np.int32)
        away = self.state.away
        only = None if self.replications > 1 or not away.any() else away
        for q, ring in enumerate(self._officer_rings):
            if len(self._officer_rings) == 1:
                officer = ring.pick(uniform, only)
            else:
                mine = np.flatnonzero(c["queue"] == q)
                officer[mine] = ring.pick(uniform[mine], only)
        if self._pooled.any():
            officer = np.where(self._pooled[officer], -1, officer + n * c["replication"])
        elif self.replications > 1:
            officer = officer + n * c["replication"]
        c["officer"] = officer.astype(np.int32, copy=False)
        c["queued"], c["assigned"] = c["arrival"], c["arrival"].copy()
        c["given"] = (c["officer"] >= 0).astype(np.int16)  # how often somebody was assigned

    def _work(self, c: Columns, until: int | None) -> None:
        """Start and end of every case; of those who start by a moment, the lines remember that they are done."""
        n = len(c["queue"])
        c["start"], c["end"] = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        own = c["officer"] >= 0 if self._pooled.any() else np.ones(n, dtype=bool)
        if not own.all():
            for r in range(self.replications):
                self._work_together(c, np.flatnonzero(~own & (c["replication"] == r)), r, until)
        group = self._group_of(c["officer"])
        for g, officers in enumerate(self.scenario.officers):
            if officers.pooled:
                continue
            # in the order of arrival: those who come while nobody works have one working time, but not one place in the line
            mine: Any = slice(None) if len(self.scenario.officers) == 1 else np.flatnonzero(own & (group == g))
            at = c["queued"][mine]
            if not (at[1:] >= at[:-1]).all():
                order = np.argsort(at, kind="stable")
                mine = order if isinstance(mine, slice) else mine[order]
            who = c["officer"][mine]
            if not len(who):
                continue
            clock = self._clocks[g]
            takes = durations(officers, c["u:service"][mine])
            came = clock.worked(c["queued"][mine])
            free = self.state.free
            if officers.capacity is None:
                start, end = came, came + takes
            elif officers.capacity > 1:
                heaps = self.state.places if until is None else [list(heap) for heap in self.state.places]
                start, end = lines(who, came, takes, heaps)
            else:
                start, end = fifo(who, came, takes, free)
            c["start"][mine], c["end"][mine] = self._moments(clock, start, end, c["queued"][mine])
            done = slice(None) if until is None else np.flatnonzero(c["start"][mine] < until)
            if officers.capacity is not None and officers.capacity > 1 and until is not None:
                order = np.argsort(start[done], kind="stable")
                for w, stop in zip(who[done][order].tolist(), end[done][order].tolist(), strict=True):
                    heapq.heapreplace(self.state.places[w], stop)
            elif officers.capacity == 1:
                np.maximum.at(free, who[done], end[done])

    @staticmethod
    def _moments(clock: WorkClock, start: NDArray[np.int64], end: NDArray[np.int64], came: NDArray[np.int64]) -> tuple[Any, Any]:
        # work that comes within a shift begins then, not at the next one
        began = np.maximum(clock.begins(start), came)
        return began, np.maximum(clock.ends(end), began)

    def _work_together(self, c: Columns, mine: NDArray[np.int64], replication: int, until: int | None) -> None:
        """One line for all who are pooled."""
        if not len(mine):
            return
        groups = self.scenario.officers
        pools = [g for g, group in enumerate(groups) if group.pooled]
        may = [[i for i, g in enumerate(pools) if self._works_on(g, queue.name)] for queue in self.scenario.queues]
        heaps = self._pools[replication]
        n = len(self.officers)
        free, gone = [], self.state.away[replication * n : (replication + 1) * n]
        for g in pools:
            here = [(moment, who) for moment, who in heaps[g] if not gone[who % n]]
            heapq.heapify(here)
            free.append(here)
        may = [[i for i in listed if free[i]] for listed in may]
        came = [self._clocks[g].worked(c["queued"][mine]) for g in pools]
        takes = [durations(groups[g], c["u:service"][mine]) for g in pools]
        shifts = {groups[g].shift for g in pools}
        moment: list[Callable[[int], int]] | None = None
        if len(shifts) > 1:
            moment = [_reader(self._clocks[g]) for g in pools]
        order = np.argsort(c["queued"][mine], kind="stable")
        came, takes = [each[order] for each in came], [each[order] for each in takes]
        start, chosen, who = shared_line(c["queue"][mine][order], may, came, takes, free, moment)
        rows = mine[order]
        c["officer"][rows] = who
        for i, g in enumerate(pools):
            part = np.flatnonzero(chosen == i)
            begin, end = start[part], start[part] + takes[i][part]
            into = rows[part]
            c["start"][into], c["end"][into] = self._moments(self._clocks[g], begin, end, c["queued"][into])
            c["assigned"][into] = c["start"][into]  # it is theirs when they take it
            if until is None:
                heaps[g] = free[i] + [item for item in heaps[g] if gone[item[1] % n]]
                continue
            late = c["start"][into] >= until
            c["officer"][into[late]] = -1
            c["assigned"][into[late]] = c["queued"][into[late]]
            places: dict[int, list[int]] = {}
            for free_at, officer in sorted(heaps[g]):
                places.setdefault(officer, []).append(free_at)
            for stop, officer in zip(end[~late].tolist(), who[part][~late].tolist(), strict=True):
                heapq.heapreplace(places[officer], stop)
            heaps[g] = [(free_at, officer) for officer, listed in places.items() for free_at in listed]

    # -- what they decide, and what citizens say --------------------------------------------------------------------------

    def _decide(self, c: Columns) -> None:
        officers, state = self.scenario.officers, self.state
        who = c["officer"]
        group = self._group_of(who)
        tired = np.zeros(len(who))
        for g, clock in enumerate(self._clocks):
            if officers[g].fatigue:
                mine = np.flatnonzero(group == g)
                tired[mine] = clock.tired(c["start"][mine]) * officers[g].fatigue
        sees, errs = _by(officers, "overrides_wrong")[group] * (1 - tired), _by(officers, "overrides_right")[group]
        if state.better_wrong.any() or state.better_right.any():
            sees, errs = sees + state.better_wrong[who] * (1 - sees), errs * (1 - state.better_right[who])
        chance = np.where(c["ai_right"], errs, sees)
        trusting, loaded = _by(officers, "automation_bias"), _by(officers, "bias_per_hour_waited")
        if trusting.any() or loaded.any():
            bias = trusting[group]
            if loaded.any():
                bias = np.minimum(bias + loaded[group] * np.maximum(c["start"] - c["arrival"], 0) / HOUR, 1)
            chance = chance * (1 - bias * (c["sure"] / STEPS))
        if state.withheld.any():
            chance = chance * (1 - state.withheld[who])
        decides = _by(officers, "decides")
        c["decided"] = c["u:decides"] < decides[group] if (decides < 1).any() else np.ones(len(who), dtype=bool)
        c["override"] = (c["u:verdict"] < chance) & c["decided"]
        look_into(c, self.scenario, group)

    def _rate(self, c: Columns) -> None:
        citizens = self.scenario.citizens
        recommends = c["ai_right"] == c["approve_right"]  # APPROVE
        approved = recommends != c["override"]
        stars = np.zeros(len(approved), dtype=np.int8)
        rows = np.flatnonzero(c["u:response"] < citizens.response) if citizens.response else np.zeros(0, dtype=np.int64)
        if "drill" in c:
            rows = rows[~c["drill"][rows]]
        edges = np.cumsum(np.array([citizens.denied, citizens.approved]), axis=1)[:, :4]
        c["stars"], c["rated"] = stars, np.zeros(len(approved), dtype=np.int64)  # 0 where nobody rated
        if not len(rows):
            return
        given = 1 + (c["u:stars"][rows, None] >= edges[approved[rows].astype(np.int8)]).sum(axis=1)
        if citizens.stars_lost_per_day:
            waited = (c["end"][rows] - c["arrival"][rows]) / DAY
            given = np.clip(given - np.floor(citizens.stars_lost_per_day * waited).astype(np.int64), 1, 5)
        stars[rows] = given
        later = -np.log1p(-c["u:rated"][rows]) * citizens.days_until * DAY
        c["rated"][rows] = c["end"][rows] + later.astype(np.int64) + 1


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _share(accuracy: float | dict[str, float], queue: str) -> float:
    return accuracy[queue] if isinstance(accuracy, dict) else accuracy


def _by(groups: Sequence[Any], name: str) -> NDArray[np.float64]:
    """A number of every group."""
    return np.array([getattr(group, name) for group in groups], dtype=float)


def _holidays(scenario: Scenario) -> list[date]:
    """Public holidays within the horizon."""
    if scenario.holidays is None:
        return []
    import holidays

    end = scenario.start + timedelta(days=scenario.days)
    known = holidays.country_holidays(scenario.holidays, years=range(scenario.start.year, end.year + 1))
    return sorted(day for day in known if scenario.start <= day < end)


def _reader(clock: WorkClock) -> Callable[[int], int]:
    return lambda worked: int(clock.begins(np.array([worked]))[0])
