"""`simulate`: play a scenario, with HR and the router in the loop, and keep what a real log never shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics import events as contract
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.outputs import written
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.simulation.emission import Emitter
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, as_scenario
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.truth import Truth
from aura_analytics.simulation.world import World, together

if TYPE_CHECKING:
    from aura_analytics.simulation.world import Columns

__all__ = ["SimulationRun", "simulate"]

MOST = 60_000_000  # events that a run makes without being asked twice: about 10 million cases
_CHUNK = 100_000  # cases that are turned into events at once
_BYTES = 200  # of an event in memory


class SimulationRun:
    """A world that was played.

    Attributes
    ----------
    events
        On the contract, up to the end of the horizon; in the order of time, unless `ordered=False` was asked. Where they were
        written to a file, they are read from it when they are asked for.
    truth
        What a real log never shows.
    actions
        The HR_ACTION events among them.
    scenario, seed, replication
        What was played: the world, and which of its replications, from 0.
    path
        Of the file with the events, if there is one.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> run = aura.simulate("fraud_unit", seed=1, days=3)
    >>> run.events.height > 0, run.truth.cases.height > 0, run.scenario.name
    (True, True, 'fraud_unit')
    """

    def __init__(
        self,
        events: pl.DataFrame | None,
        actions: pl.DataFrame,
        truth: Truth,
        scenario: Scenario,
        seed: int,
        replication: int,
        path: Path | None = None,
    ) -> None:
        if events is not None:
            self.__dict__["events"] = events
        self.actions: pl.DataFrame
        self.truth: Truth
        self.scenario: Scenario
        self.seed: int
        self.replication: int
        self.path: Path | None
        self.actions, self.truth, self.scenario, self.seed, self.replication, self.path = (
            actions,
            truth,
            scenario,
            seed,
            replication,
            path,
        )

    @cached_property
    def events(self) -> pl.DataFrame:
        """The events."""
        return pl.read_parquet(self.path)  # type: ignore[arg-type]

    def __aura_events__(self) -> pl.LazyFrame:
        """What takes events takes a run too."""
        return self.scan()

    def scan(self) -> pl.LazyFrame:
        """The events as a query; from the file, if there is one."""
        return self.events.lazy() if self.path is None else pl.scan_parquet(self.path)

    def __repr__(self) -> str:
        height = self.scan().select(pl.len()).collect().item()
        return f"SimulationRun({self.scenario.name!r}, seed={self.seed}, {height:,} events)"


def simulate(
    scenario: ScenarioLike,
    seed: int = 0,
    *,
    days: int | None = None,
    replication: int = 0,
    policy: PolicyLike = None,
    ordered: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    most: int = MOST,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationRun:
    """Play a scenario.

    Parameters
    ----------
    scenario
        A `Scenario`, the name of one that comes along, or the path of a file.
    seed
        The same seed gives the same events, to the last byte; two policies on one seed see the same arrivals, service draws and
        citizens.
    days
        Horizon in days, at least 1, instead of the scenario's own.
    replication
        Number of the replication, from 0; different ones are independent.
    policy
        What HR goes by, instead of the scenario's own policy: a `Policy`, the name of a shipped one, or a file; a scenario without
        HR gets one.
    ordered
        Whether the events come in the order of time; False is faster, and they come by kind, some weeks at a time.
    out
        A Parquet file that the events are written to as they come, so that they need not fit into memory.
    overwrite
        Whether a file that is there may be replaced.
    most
        How many events may be made; a run that would make more is refused before it starts. With `out` there is no limit.
    progress
        Called with how many days are played, and of how many; what it raises ends the run.

    Returns
    -------
    SimulationRun

    Raises
    ------
    RuleError
        If the scenario cannot be read, or is impossible.
    ParameterError
        If the run would make more events than `most`, or the file exists already.

    Examples
    --------
    >>> scenario = Scenario.read({"name": "tiny", "days": 5, "queues": [{"name": "loans", "per_day": 10}],
    ...                           "agents": [{"name": "model", "accuracy": 0.8}],
    ...                           "officers": [{"name": "officer", "service": {"minutes": 20},
    ...                                         "overrides_wrong": 0.8, "overrides_right": 0.1}]})
    >>> run = simulate(scenario, seed=1)
    >>> run.events.equals(simulate(scenario, seed=1).events)
    True
    """
    chosen, rule = as_scenario(scenario), None if policy is None else as_policy(policy)
    if days is not None:
        chosen = chosen.for_days(days)
    if rule is not None and chosen.hr is None:
        chosen = chosen.changed(hr={})
    expected = chosen.events_expected
    if expected > most and out is None:
        problem = Problem(
            "the run would be too large",
            got=f"about {expected:,.0f} events ({expected * _BYTES / 2**30:,.1f} GiB)",
            expected=f"at most {most:,}",
            next="shorten it, write to a file with out=... (--out), or say most=... (--most) if there is memory for it",
        )
        raise ParameterError(problem)
    world = World(chosen, [Streams(seed, replication)])
    play = _Play(world, rule, ordered=ordered, progress=progress)
    if out is None:
        events, path = pl.concat(list(play.frames())), None
    else:
        events, path = None, Path(out)
        _written(play.frames(), path, overwrite=overwrite)
    return SimulationRun(events, play.actions(), Truth(world, play.cases), chosen, seed, replication, path)


class _Play:
    """One pass through a world, with who acts in it."""

    def __init__(
        self, world: World, policy: Policy | None, *, ordered: bool, progress: Callable[[int, int], None] | None = None
    ) -> None:
        from aura_analytics.hr.severities import SeverityTable
        from aura_analytics.simulation import loop

        self._world, self._ordered, self._progress = world, ordered, progress
        scenario = world.scenario
        self.cases: list[Columns] = []
        hr = scenario.hr
        self._officers = None if hr is None else loop.OfficerDesk(world, hr, policy or as_policy(hr.policy))
        self._consequences: Any = None
        if hr is not None and hr.consequences is not None:
            table = SeverityTable.seed() if hr.consequences == "seed" else SeverityTable.from_yaml(hr.consequences)
            self._consequences = loop.Consequences(world, hr, table)
        self._router = None if scenario.routing is None else loop.RouterDesk(world, scenario.routing)
        self._told = 0

    def frames(self) -> Iterator[pl.DataFrame]:
        """The events, some weeks at a time."""
        world = self._world
        scenario = world.scenario
        closed = scenario.hr is not None or scenario.routing is not None
        per_day = max(scenario.cases_expected / scenario.days, 1e-9)
        chunk = max(int(_CHUNK / per_day), 1)
        step = (1 if scenario.hr is None else scenario.hr.every_days) if closed else chunk
        emitter = Emitter(world, ordered=self._ordered, says=None if self._router is None else self._router.says)
        parts: tuple[list[Columns], list[Columns]] = ([], [])
        begun = 0
        stops = {*range(step, scenario.days, step), scenario.days}
        if self._officers is not None:
            stops |= {day for day in self._officers.days if day < scenario.days}
        first = 0
        for last in sorted(stops):
            arrived, done = world.epoch(first, last, closes=closed)
            moved = self._act(last, arrived, done) if closed else []
            parts[0].append(arrived)
            parts[1].append(done)
            self.cases.append(done)
            for cases in moved:
                emitter.moved(cases)
            if last == scenario.days and (rest := world.rest()) is not None:
                parts[1].append(rest)
                self.cases.append(rest)
            if last - begun >= chunk or last == scenario.days:
                begun = last
                emitter.add(together(parts[0]), together(parts[1]))
                parts = ([], [])
                yield self._with_actions(emitter.until(world.moment(last), last=last == scenario.days), last)
            first = last
            if self._progress is not None:
                self._progress(last, scenario.days)

    def _act(self, day: int, arrived: Columns, done: Columns) -> list[Columns]:
        """What HR and the router do at the end of an epoch."""
        moved = [] if self._officers is None else self._officers.after(day, arrived, done)
        if self._consequences is not None:
            self._consequences.after(day, arrived)
        if self._router is not None:
            self._router.after(day, arrived, done)
        return moved

    def _made(self) -> list[Mapping[str, Any]]:
        desks = (self._officers, self._consequences)
        return [event for desk in desks if desk is not None for event in desk.made]

    def actions(self) -> pl.DataFrame:
        """What HR did."""
        from aura_analytics.simulation.loop import actions_frame

        return actions_frame(self._made()) if self._officers is not None else contract.empty()

    def _with_actions(self, events: pl.DataFrame, day: int) -> pl.DataFrame:
        """Events with what HR did until a day."""
        if self._officers is None:
            return events
        limit = self._world.moment(day) + self._world.zero
        done = self.actions()
        told = done.slice(self._told)
        last = day == self._world.scenario.days
        ts = pl.col("ts").to_physical()
        fresh = told.filter(ts <= limit if last else ts < limit)
        self._told += fresh.height
        if not fresh.height:
            return events
        both = pl.concat([events, fresh])
        return both.sort("ts", maintain_order=True) if self._ordered else both


def _written(frames: Iterator[pl.DataFrame], path: Path, *, overwrite: bool) -> None:
    """Write frames to a Parquet file as they come; the file is there when it is whole."""
    from polars.io.plugins import register_io_source

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        assert columns is None and predicate is None and rows is None
        yield from frames

    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path, overwrite=overwrite) as part:
        register_io_source(source, schema=SCHEMA).sink_parquet(part, row_group_size=250_000, maintain_order=True)
