"""`simulate`: play a scenario, with HR in the loop, and keep what a real log never shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics import events as contract
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.hr.vocabulary import action_event
from aura_analytics.rules.policy import Policy
from aura_analytics.scoring.frames import score_frame
from aura_analytics.scoring.penalties import PenaltyPolicy
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.world import World, names_of

if TYPE_CHECKING:
    from aura_analytics.metrics.state import DossierState

__all__ = ["SimulationRun", "Truth", "simulate"]

MOST = 20_000_000  # events that a run makes without being asked twice
_PER_CASE = 6.0
_STEPS = 10_000  # of a confidence
_FINE = "A careful answer that says what was asked for, and why it is so."
_LIE = "The value is undefined here, and so the rest was made up as best it could."


@dataclass(frozen=True)
class Truth:
    """What a real log never shows.

    Attributes
    ----------
    cases
        Per case: `case_id`, `queue`, `agent`, `officer`, `arrival`, `start`, `end`, the recommendation, the verdict and the right verdict, and
        whether each was right.
    actors
        Per officer and agent: `actor`, `actor_kind`, `group`, `bad` (chronically underperforming), and the true rates: `overrides_wrong`,
        `overrides_right` of officers, `accuracy` of agents (mean over queues, before any drift; where APPROVE is right).
    """

    cases: pl.DataFrame
    actors: pl.DataFrame


@dataclass(frozen=True)
class SimulationRun:
    """A world that was played.

    Attributes
    ----------
    events
        On the contract, in the order of time, up to the end of the horizon.
    truth
        What a real log never shows.
    actions
        The HR_ACTION events among them.
    scenario, seed, replication
        What was played.
    """

    events: pl.DataFrame
    truth: Truth
    actions: pl.DataFrame
    scenario: Scenario
    seed: int
    replication: int

    def __repr__(self) -> str:
        return f"SimulationRun({self.scenario.name!r}, seed={self.seed}, {self.events.height:,} events, {self.truth.cases.height:,} cases)"


def simulate(
    scenario: Scenario | str | Path, seed: int = 0, *, days: int | None = None, replication: int = 0, most: int = MOST
) -> SimulationRun:
    """Play a scenario.

    Parameters
    ----------
    scenario
        A `Scenario`, or the path of a file.
    seed
        The same seed gives the same events, to the last byte; two policies on one seed see the same arrivals, service draws and citizens.
    days
        Horizon, instead of the scenario's own.
    replication
        Number of the replication; different ones are independent.
    most
        Events that may be made; a run that would make more is refused before it starts.

    Returns
    -------
    SimulationRun

    Raises
    ------
    RuleError
        If the scenario cannot be read, or is impossible.
    ParameterError
        If the run would make more events than `most`.

    Examples
    --------
    >>> scenario = Scenario.read({"name": "tiny", "days": 5, "queues": [{"name": "loans", "per_day": 10}],
    ...                           "agents": [{"name": "model", "accuracy": 0.8}],
    ...                           "officers": [{"name": "officer", "service": {"minutes": 20}, "overrides_wrong": 0.8, "overrides_right": 0.1}]})
    >>> run = simulate(scenario, seed=1)
    >>> run.events.equals(simulate(scenario, seed=1).events)
    True
    """
    world_ = scenario if isinstance(scenario, Scenario) else Scenario.from_yaml(scenario)
    if days is not None:
        world_ = world_.model_copy(update={"days": days})
    expected = world_.cases_expected * _PER_CASE
    if expected > most:
        problem = Problem("the run would be too large", got=f"about {expected:,.0f} events", expected=f"at most {most:,}",
                          next="shorten it, or say most=... (--most) if there is memory for it (about 150 bytes an event)")  # fmt: skip
        raise ParameterError(problem)
    world = World(world_, Streams(seed, replication))
    loop = None if world_.hr is None else _Loop(world)
    step = world_.days if world_.hr is None else world_.hr.every_days
    cases, kept = [], []
    for first in range(0, world_.days, step):
        last = min(first + step, world_.days)
        frame = world.frame(world.epoch(first, last))
        cases.append(frame)
        made = _events(frame)
        kept.append(made)
        if loop is not None:
            loop.after(last, made)
    if loop is not None:
        kept.append(loop.events())
    end = datetime.combine(world_.start + timedelta(days=world_.days), datetime.min.time(), timezone.utc)
    # at one instant: by kind of event, then by case; sorting by ids would cost more than everything else
    events = pl.concat(kept).filter(pl.col("ts") <= end).sort("ts", maintain_order=True)
    actions = events.filter(pl.col("type") == "HR_ACTION")
    return SimulationRun(events, Truth(pl.concat(cases), _actors(world_)), actions, world_, seed, replication)


def _actors(scenario: Scenario) -> pl.DataFrame:
    rows: list[dict[str, Any]] = [
        {"actor": name, "actor_kind": "officer", "group": group.name, "bad": group.bad, "overrides_wrong": group.overrides_wrong,
         "overrides_right": group.overrides_right, "accuracy": None}
        for group in scenario.officers for name in names_of(group)
    ]  # fmt: skip
    for agents in scenario.agents:
        shares = list(agents.accuracy.values()) if isinstance(agents.accuracy, dict) else [agents.accuracy]
        rows += [{"actor": name, "actor_kind": "agent", "group": agents.name, "bad": False, "overrides_wrong": None, "overrides_right": None,
                  "accuracy": sum(shares) / len(shares)} for name in names_of(agents)]  # fmt: skip
    return pl.DataFrame(
        rows, schema_overrides={"overrides_wrong": pl.Float64, "overrides_right": pl.Float64, "accuracy": pl.Float64}
    )


def _events(cases: pl.DataFrame) -> pl.DataFrame:
    """The events of cases, on the contract, in no particular order."""
    # outputs are of three kinds and confidences have four decimals: every combination is scored once, by the Accountant's own rule
    kind = pl.when("invented").then(2).when("too_short").then(1).otherwise(0)
    place = cases.select(kind * (_STEPS + 1) + (pl.col("confidence") * _STEPS).round().cast(pl.Int64)).to_series()
    table = _scores()
    rows = cases.with_columns(table[name].gather(place).alias(name) for name in ("score", "penalties", "severity"))

    def part(kind: str, ts: str, tag: str, of: pl.DataFrame = rows, /, **columns: pl.Expr) -> pl.LazyFrame:
        given = {"event_id": pl.format("{}/{}", "case_id", pl.lit(tag)), "ts": pl.col(ts), "type": pl.lit(kind), "case_id": pl.col("case_id"),
                 "queue": pl.col("queue"), **columns}  # fmt: skip
        return of.lazy().select(given.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in SCHEMA.items())

    officer = {"actor": pl.col("officer"), "actor_kind": pl.lit("officer")}
    agent = {"actor": pl.col("agent"), "actor_kind": pl.lit("agent")}
    verdict = {"agent": pl.col("agent"), "ai_recommendation": pl.col("ai_recommendation"), "human_verdict": pl.col("human_verdict"),
               "confidence": pl.col("confidence")}  # fmt: skip
    audited = rows.filter("audited")
    success = pl.when("ai_right").then(pl.lit("success")).otherwise(pl.lit("failure"))
    parts = [
        part("OPENED", "arrival", "opened"),
        part("EVALUATION", "arrival", "scored", **agent, value=pl.col("score"), confidence=pl.col("confidence"), penalties=pl.col("penalties"),
             severity=pl.col("severity")),
        part("ASSIGNED", "arrival", "assigned", **officer),
        part("DECISION", "end", "verdict", **officer, **verdict),
        part("RESOLVED", "end", "resolved", **officer),
        part("SAT_SCORE", "rated", "rated", rows.filter(pl.col("stars") > 0), value=pl.col("stars")),
        part("ADJUDICATION", "audit_at", "audited", audited, outcome=pl.col("right_verdict")),
        part("OUTCOME", "audit_at", "outcome", audited, **agent, outcome=success),
    ]  # fmt: skip
    done = pl.concat(parts).collect(engine="in-memory")
    # a verdict against the recommendation is an override
    differs = (pl.col("type") == "DECISION") & (pl.col("human_verdict") != pl.col("ai_recommendation"))
    return done.with_columns(type=pl.when(differs).then(pl.lit("OVERRIDE").cast(SCHEMA["type"])).otherwise("type"))


@lru_cache(maxsize=1)
def _scores() -> pl.DataFrame:
    """Score, penalties and severity of every kind of output at every confidence."""
    confidence = pl.Series("confidence", [i / _STEPS for i in range(_STEPS + 1)])
    texts = [_FINE, "see file", _LIE]
    grid = pl.concat([pl.DataFrame({"output": [text] * (_STEPS + 1), "confidence": confidence}) for text in texts])
    return score_frame(grid, PenaltyPolicy.seed())


class _Loop:
    """HR at the end of every epoch: the same policies and metrics as on a real log, and what follows from errors."""

    def __init__(self, world: World) -> None:
        from aura_analytics.metrics.state import DossierState

        self._world = world
        self._hr = world.scenario.hr
        assert self._hr is not None
        shipped = {"evidence_gated": Policy.evidence_gated, "tracker": Policy.tracker}
        made = shipped.get(self._hr.policy)
        self._policy = made() if made is not None else Policy.from_yaml(self._hr.policy)
        self._state: DossierState = DossierState(contract.empty(), metrics=self._policy.metrics)
        self._pending: list[pl.DataFrame] = []
        self._plans: dict[str, tuple[int, str]] = {}  # officer -> day of its end, name
        self._made: list[dict[str, Any]] = []

    def after(self, day: int, fresh: pl.DataFrame) -> None:
        """The end of an epoch that began this day's morning."""
        hr = self._hr
        assert hr is not None
        moment = datetime.combine(self._world.scenario.start + timedelta(days=day), datetime.min.time(), timezone.utc)
        waiting = pl.concat([*self._pending, fresh])
        self._pending = [waiting.filter(pl.col("ts") > moment)]
        self._state.append(waiting.filter(pl.col("ts") <= moment))
        for officer, (until, name) in list(self._plans.items()):
            if day >= until:
                self._say("plan_closed", officer, "officer", moment, f"{name}/closed", refers_to=name, reason="its time is over")
                del self._plans[officer]
        board = self._state.dossiers(moment, hr.window)
        verdicts = self._policy.evaluate(board, texts="reasons")
        for actor, reasons in verdicts.filter(pl.col("verdict") == "flag").select("actor", "reasons").rows():
            if actor in self._world.officers and actor not in self._plans:
                self._plan(actor, reasons, moment, day)

    def _plan(self, officer: str, reasons: list[str], moment: datetime, day: int) -> None:
        hr = self._hr
        assert hr is not None
        name = f"plan/{officer}/{day:05d}"
        self._say("plan_opened", officer, "officer", moment, name, reason="; ".join(reasons), rule=self._policy.name)
        self._plans[officer] = (day + hr.plan_days, name)
        place = self._world.officers.index(officer)
        state = self._world.state
        state.better_wrong[place] += hr.plan_overrides_wrong * (1 - state.better_wrong[place])
        state.better_right[place] += hr.plan_overrides_right * (1 - state.better_right[place])

    def _say(self, action: str, actor: str, kind: str, moment: datetime, name: str, **said: Any) -> None:
        self._made.append(action_event(action, actor, kind, event_id=name, ts=moment, approver="simulated HR", **said))

    def events(self) -> pl.DataFrame:
        """What HR did."""
        return contract.from_records(self._made) if self._made else contract.empty()
