"""Dossiers of a world in motion: what an analyst would read at each moment, with the very metrics of a real log.

What a metric counts is known to the simulator without asking the log: verdicts, ratings, times. They go to the metrics' own sums
directly, numbers in place of names; a test holds the boards equal to those that are counted from the events. Metrics that need more
of a case's history are counted from the events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from aura_analytics import events as contract
from aura_analytics.cases import DECISIONS, DRILLS, EVALUATIONS, HANDLED, OUTCOMES, RATINGS, Fact
from aura_analytics.clock.times import parse_span
from aura_analytics.dossier.history import COARSE, reads_sums
from aura_analytics.dossier.state import DossierState
from aura_analytics.dossier.summary import assembled, grouped, needs_of
from aura_analytics.dossier.sums import RunningSums
from aura_analytics.events import SCHEMA
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.rules.grammar_parts import Way
from aura_analytics.rules.over_time import Fold
from aura_analytics.simulation.emission import Emitter, score_place, scores
from aura_analytics.simulation.judged import Judged, is_audited
from aura_analytics.simulation.worktime import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.simulation.world import Columns, World

__all__ = ["Readings", "Watch", "is_direct", "readings"]

# what the simulator knows of each fact without asking the log
_KNOWN = {
    DECISIONS: {"override"},
    RATINGS: {"value"},
    HANDLED: {"elapsed"},
    OUTCOMES: {"outcome"},
    EVALUATIONS: {"value"},
    DRILLS: {"override", "right", "advice_right"},
}
_ALL: Any = slice(None)
_OFFICER, _AGENT = (pl.Series([kind], dtype=SCHEMA["actor_kind"]) for kind in ("officer", "agent"))


class Readings(Protocol):
    """Dossiers at moments that only go forward."""

    def add(self, arrived: Columns, done: Columns) -> None:
        """Take in what arrived and what was begun."""

    def moved(self, cases: Columns) -> None:
        """Take in cases that were given to somebody else."""

    def board(self, moment: int) -> pl.DataFrame:
        """Dossiers as of a moment (microseconds from the Monday 0:00 before the run); `number` is the officer's in all
        replications, and after all officers come the agents.
        """


_AS_ALWAYS: Way = {}


def readings(world: World, metrics: Iterable[str | Metric], window: str | None, way: Way = _AS_ALWAYS) -> Readings:
    """The quickest way to read some metrics in a world, counted as a policy wants it (`Policy.way`)."""
    chosen = metrics_named(metrics)
    return _Direct(world, chosen, window) if is_direct(world.scenario, chosen, way) else _FromLog(world, chosen, window, way)


def is_direct(scenario: Scenario, metrics: Iterable[str | Metric], way: Way = _AS_ALWAYS) -> bool:
    """Whether metrics are read without the events, and several worlds at once."""
    chosen = metrics_named(metrics)
    if way or (any(map(is_audited, chosen)) and not _is_plain(scenario)):
        return False
    summed = [one for one in chosen if not is_audited(one)]
    plain = all(fact in _KNOWN and columns <= _KNOWN[fact] for fact, columns in needs_of(summed).items())
    return plain and all(RunningSums.suits([one], _nothing(one.table)) for one in summed)


def _is_plain(scenario: Scenario) -> bool:
    """Whether what was judged weighs what its chance says."""
    return scenario.chances_are_known and not any(group.own_work for group in scenario.officers)


def _nothing(fact: Fact) -> pl.DataFrame:
    return fact.empty().drop("actor").with_columns(actor=pl.lit(None, dtype=pl.UInt32))


class _Track:
    """Facts of one kind: let in when their moment has come, out when they leave the window."""

    def __init__(self, metrics: list[Metric], fact: Fact, kind: pl.Series | None) -> None:
        self.sums = RunningSums(metrics, _nothing(fact))
        self._kind = kind
        self._coming: list[Columns] = []
        self._inside: deque[Columns] = deque()

    def add(self, **columns: NDArray[np.generic]) -> None:
        self._coming.append(columns)

    def move(self, since: int, until: int) -> Columns | None:
        """Slide the window to (since, until]; returns what came in."""
        fresh = None
        if self._coming:
            everything = {name: np.concatenate([part[name] for part in self._coming]) for name in self._coming[0]}
            due = everything["ts"] <= until
            self._coming = [{name: column[~due] for name, column in everything.items()}]
            order = np.argsort(everything["ts"][due], kind="stable")
            fresh = {name: column[due][order] for name, column in everything.items()}
            self._inside.append(fresh)
        gone = []
        while self._inside and (first := self._inside[0])["ts"].size <= np.searchsorted(first["ts"], since, side="right"):
            gone.append(self._inside.popleft())
        if self._inside and (cut := int(np.searchsorted(self._inside[0]["ts"], since, side="right"))):
            first = self._inside.popleft()
            gone.append({name: column[:cut] for name, column in first.items()})
            self._inside.appendleft({name: column[cut:] for name, column in first.items()})
        removed = [self._frame(part) for part in gone if part["ts"].size]
        added = [self._frame(fresh)] if fresh is not None and fresh["ts"].size else []
        if added or removed:
            some = (added or removed)[0].head(0)
            if not self.sums.change(pl.concat([some, *added]), pl.concat([some, *removed])):
                raise AssertionError("a simulated fact does not fit into the running sums")
        return fresh

    def _frame(self, columns: Columns) -> pl.DataFrame:
        parts = [pl.Series(name, column) for name, column in columns.items() if name != "ts"]
        if self._kind is not None:
            parts.append(self._kind.new_from_index(0, columns["ts"].size).alias("actor_kind"))
        return pl.DataFrame(parts)


class _Direct:
    """Readings from what the simulator knows."""

    def __init__(self, world: World, metrics: tuple[Metric, ...], window: str | None) -> None:
        self._world, self._metrics = world, metrics
        self._window = 2**61 if window is None else parse_span(window) // timedelta(microseconds=1)
        audited = [one for one in metrics if is_audited(one)]
        share, overridden = world.scenario.audited, world.scenario.audits.overridden
        self._judged = Judged(audited, (share, share if overridden is None else overridden))
        self._groups = grouped(one for one in metrics if one not in audited)
        kinds = {DECISIONS: _OFFICER, DRILLS: _OFFICER, HANDLED: _OFFICER, OUTCOMES: _AGENT, EVALUATIONS: _AGENT, RATINGS: None}
        self._tracks = {fact: _Track(members, fact, kinds[fact]) for (fact, _), members in self._groups.items()}
        r = world.replications
        self._officers = r * len(world.officers)
        prefixes = [""] if r == 1 else [f"{number}/" for number in range(r)]
        names = [prefix + name for each in (world.officers, world.agents) for prefix in prefixes for name in each]
        self._order = np.argsort(np.array(names)) if r == 1 else np.arange(len(names))
        self._names = pl.Series(names, dtype=pl.String)
        kinds_of = pl.Series([group.kind for group in world.scenario.officers], dtype=SCHEMA["actor_kind"])
        own = kinds_of.gather(pl.Series(np.tile(world.officer_group, r).astype(np.uint32)))
        self._kinds = pl.concat([own, _AGENT.new_from_index(0, len(names) - self._officers)])
        self._worlds = np.concatenate([np.repeat(np.arange(r), len(each)) for each in (world.officers, world.agents)])
        self._agreed = np.zeros(len(names), dtype=bool)
        self._audit = round(world.scenario.audit_days * DAY)

    def add(self, arrived: Columns, done: Columns) -> None:
        """Take in what arrived and what was begun."""
        tracks, officer = self._tracks, done["officer"].astype(np.uint32)
        agent = [
            (self._officers + c["replication"] * len(self._world.agents) + c["agent"]).astype(np.uint32) for c in (arrived, done)
        ]
        said, drilled = done["decided"], done.get("drill")
        if drilled is not None:
            if DRILLS in tracks:
                rows = np.flatnonzero(said & drilled)
                parts = {"override": done["override"][rows], "advice_right": done["ai_right"][rows]}
                right = parts["override"] != parts["advice_right"]
                tracks[DRILLS].add(ts=done["end"][rows], actor=officer[rows], right=right, **parts)
            said = said & ~drilled
        if DECISIONS in tracks:
            rows = np.flatnonzero(said)
            tracks[DECISIONS].add(ts=done["end"][rows], actor=officer[rows], override=done["override"][rows])
        if self._judged.metrics:
            self._judged.add(done, self._audit)
        if HANDLED in tracks:
            rows = _ALL if drilled is None else np.flatnonzero(~drilled)
            spent = done["end"][rows] - done["assigned"][rows]
            tracks[HANDLED].add(ts=done["end"][rows], actor=officer[rows], elapsed=spent)
        if RATINGS in tracks:
            rows = np.flatnonzero((done["stars"] > 0) & said)  # the others are about nobody
            tracks[RATINGS].add(ts=done["rated"][rows], actor=officer[rows], value=done["stars"][rows].astype(float))
        if EVALUATIONS in tracks and self._world.scenario.scored:
            points = scores()["score"].to_numpy().astype(float)
            rows = _ALL if drilled is None else np.flatnonzero(~arrived["drill"])
            value = points[score_place(arrived)][rows]
            tracks[EVALUATIONS].add(ts=arrived["arrival"][rows], actor=agent[0][rows], value=value)
        if OUTCOMES in tracks:
            rows = np.flatnonzero(done["audited"])
            words = np.where(done["ai_right"][rows], "success", "failure").astype(object)
            tracks[OUTCOMES].add(ts=done["end"][rows] + self._audit, actor=agent[1][rows], outcome=words)

    def moved(self, cases: Columns) -> None:
        """Nothing: what is counted of a case says itself when it was assigned."""

    def board(self, moment: int) -> pl.DataFrame:
        """Dossiers as of a moment, with `agreed_ever`."""
        size = len(self._names)
        known = np.zeros(size, dtype=bool)
        for fact, track in self._tracks.items():
            fresh = track.move(moment - self._window, moment)
            if fact == DECISIONS and fresh is not None:
                self._agreed[fresh["actor"][~fresh["override"]]] = True
            track.sums.settle()
            known |= track.sums.known(size)[0]
        if self._judged.metrics:
            known[self._judged.read(moment - self._window, moment)] = True
        actors = self._order[known[self._order]]
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=moment + self._world.zero)
        keep = pl.Series(actors.astype(np.uint32))
        board = pl.DataFrame({"actor": self._names.gather(keep), "actor_kind": self._kinds.gather(keep)}).with_columns(
            as_of=pl.lit(at).cast(pl.Datetime("us", "UTC")), number=pl.Series(actors)
        )
        if self._world.replications > 1:
            board = board.with_columns(world=pl.Series(self._worlds[actors]))
        context = Context(at, 0.95)
        board = assembled(
            board,
            self._metrics,
            lambda one: (self._judged if is_audited(one) else self._tracks[one.table].sums).finish(one, actors, context),
        )
        if "override_rate_n" in board.columns:
            decided = board["override_rate_n"].to_numpy() > 0
            board = board.with_columns(agreed_ever=pl.Series(self._agreed[actors]).set(pl.Series(~decided), None))
        return board


class _FromLog:
    """Readings from the events, as of a real log."""

    def __init__(self, world: World, metrics: tuple[Metric, ...], window: str | None, way: Way) -> None:
        if world.replications > 1:
            raise ValueError("these metrics are read one world at a time")
        self._world, self._window = world, window
        self._places = {name: place for place, name in enumerate((*world.officers, *world.agents))}
        self._emitter = Emitter(world, ordered=False)
        self._coming = contract.empty()
        self._state = DossierState(contract.empty(), metrics=metrics, **way)

    def add(self, arrived: Columns, done: Columns) -> None:
        """Take in what arrived and what was begun."""
        self._emitter.add(arrived, done)

    def moved(self, cases: Columns) -> None:
        """Take in cases that were given to somebody else."""
        self._emitter.moved(cases)

    def board(self, moment: int) -> pl.DataFrame:
        """Dossiers as of a moment."""
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=moment + self._world.zero)
        self._coming = pl.concat([self._coming, self._emitter.until(0)])
        self._state.append(self._coming.filter(pl.col("ts") <= at))
        self._coming = self._coming.filter(pl.col("ts") > at)
        board = self._state.dossiers(at, self._window or "all").drop("counted")
        numbers = pl.Series([self._places.get(name, -1) for name in board["actor"]], dtype=pl.Int64)
        return board.with_columns(number=numbers)


class Watch:
    """A policy that reads the dossiers of a world time and again.

    Parameters
    ----------
    policy
        The policy; with persistence or hysteresis, earlier readings count as they do for a real log.
    days
        Days at whose beginning it is read.
    origin
        The day before the world's first one, in days since 1970.
    """

    def __init__(self, policy: Policy, days: Iterable[int], origin: int) -> None:
        self._policy, self._origin = policy, origin
        self._asked = set(days)
        self._fold: Fold | None = Fold(policy.spec) if policy.spec.over_time else None
        self._last: tuple[pl.DataFrame, Fold | None] = pl.DataFrame(), None
        self._numbers: dict[str, int] = {}

    @property
    def days(self) -> list[int]:
        """All days whose dossiers are needed."""
        back = set(self._asked)
        if self._policy.spec.sticky:
            stride = 1 if reads_sums(self._policy) else COARSE
            back |= {day for day in range(1, max(back, default=0)) if (self._origin + day) % stride == 0}
        elif self._fold is not None and (spec := self._policy.spec).persistence is not None and spec.step is not None:
            step = max(round(spec.step / timedelta(days=1)), 1)
            back |= {day - i * step for day in self._asked for i in range(spec.persistence.m)}
        return sorted(day for day in back if day > 0)

    def read(self, day: int, board: pl.DataFrame) -> list[int]:
        """The numbers of those who are flagged on a day, if its verdicts are asked for; otherwise it only counts for later."""
        found: list[int] = []
        if day in self._asked and (board.height or self._fold is not None):
            self._last = board, deepcopy(self._fold)
            verdicts = self._policy.evaluate(board, texts="none", past=self._fold)
            found = board["number"].filter((verdicts["verdict"] == "flag") & (board["number"] >= 0)).to_list()
        if self._fold is not None and board.height:
            self._numbers |= dict(board.filter(pl.col("number") >= 0).select("actor", "number").iter_rows())
            self._policy.read_into(self._fold, board)
        if self._fold is not None and day in self._asked:  # who stands flagged and fell silent
            silent = set(self._fold.standing()).difference(board["actor"].to_list() if board.height else ())
            found += [self._numbers[name] for name in sorted(silent) if name in self._numbers]
        return found

    def reasons(self, actor: str) -> list[str]:
        """Why the last reading says of somebody what it says."""
        board, past = self._last
        verdicts = self._policy.evaluate(board, texts="reasons", past=past).filter(pl.col("actor") == actor)
        return list(verdicts["reasons"][-1]) if verdicts.height else ["the flag stands; nothing was recorded in the window"]
