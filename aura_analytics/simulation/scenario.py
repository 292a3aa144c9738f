"""A scenario: the world that a simulation plays, as a file. Every field has its unit and its range."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from aura_analytics.errors import FileMissingError, ParameterError, Problem, close_match
from aura_analytics.simulation.scenario_parts import (
    _PLAIN,
    Agents,
    Audits,
    Calibration,
    Citizens,
    Drift,
    Drills,
    Group,
    Hr,
    Officers,
    Queue,
    Routing,
    Service,
    Shift,
    unknown_country,
)
from aura_analytics.yaml_models import Strict, YamlModel

__all__ = [
    "Scenario",
]

_MOST_DAYS = 36_525


class Scenario(YamlModel):
    """A world.

    Examples
    --------
    >>> scenario = Scenario.read({"name": "tiny", "days": 5, "queues": [{"name": "loans", "per_day": 10}],
    ...                           "agents": [{"name": "model", "accuracy": 0.8}],
    ...                           "officers": [{"name": "officer", "service": {"minutes": 20},
    ...                                         "overrides_wrong": 0.8, "overrides_right": 0.1}]})
    >>> scenario.cases_expected
    50.0
    """

    called = "scenario"
    parts: ClassVar[tuple[type[BaseModel], ...]] = (
        Queue,
        Agents,
        Calibration,
        Drift,
        Officers,
        Service,
        Shift,
        Citizens,
        Audits,
        Drills,
        Routing,
        Hr,
    )

    name: str = Field(pattern=_PLAIN, description="of the world")
    description: str = Field("", description="its story, in a sentence")
    start: date = Field(date(2026, 1, 5), description="first day, from midnight UTC on")
    days: int = Field(ge=1, le=_MOST_DAYS, description="days that it lasts")
    arrivals_until: int | None = Field(None, ge=1, description="day from which on nothing arrives any more; default the end")
    holidays: str | None = Field(None, description="country (US, DE) whose public holidays nobody works on")
    queues: tuple[Queue, ...] = Field(min_length=1, max_length=1296, description="what comes in")
    agents: tuple[Agents, ...] = Field(min_length=1, description="who recommends")
    officers: tuple[Officers, ...] = Field(min_length=1, description="who decides")
    citizens: Citizens = Field(Citizens(), description="who rates")
    audited: float = Field(0.0, ge=0, le=1, description="share of cases of which an audit later says what was right")
    audit_days: float = Field(30, ge=0, le=3650, description="days from verdict to audit")
    audits: Audits = Field(Audits(), description="which cases are audited rather than others")
    drills: Drills | None = Field(None, description="default there are none")
    scored: bool = Field(default=True, description="whether the Accountant scores what the agents put out")
    routing: Routing | None = Field(None, description="default: by the agents' weights")
    hr: Hr | None = Field(None, description="HR in the loop; default nobody acts")
    overloaded: bool = Field(default=False, description="whether more work than can be done is meant")

    @property
    def cases_expected(self) -> float:
        """Cases over the whole horizon, on average."""
        days = self.days if self.arrivals_until is None else min(self.days, self.arrivals_until)
        return days * sum(queue.per_day for queue in self.queues)

    @property
    def events_expected(self) -> float:
        """Events over the whole horizon, about: five of every case, and those of citizens and auditors."""
        audited = max(self.audited, self.audits.overridden or 0, self.audits.wrong or 0)
        return self.cases_expected * (4 + self.scored + self.citizens.response + 2 * audited + (self.drills is not None))

    @property
    def chances_are_known(self) -> bool:
        """Whether every audit says with which chance its case was drawn."""
        return self.audits.says_chance and self.audits.wrong is None

    def for_days(self, days: int) -> Scenario:
        """The same world over another horizon.

        Parameters
        ----------
        days
            The horizon, at least 1.

        Raises
        ------
        ParameterError
            If the horizon is out of range.
        """
        if not 1 <= days <= _MOST_DAYS:
            raise ParameterError(Problem("days is out of range", got=days, expected=f"1 to {_MOST_DAYS:,}"))
        return self.model_copy(update={"days": days})

    def changed(self, **fields: Any) -> Scenario:
        """The same world with other fields, read and checked anew.

        Raises
        ------
        RuleError
            If it is impossible.

        Examples
        --------
        >>> Scenario.from_yaml(shipped()["fraud_unit"]).changed(days=30).days
        30
        """
        plain = {name: value.model_dump() if isinstance(value, Strict) else value for name, value in fields.items()}
        return Scenario.read(self.model_dump() | plain)

    @model_validator(mode="after")
    def _sound(self) -> Scenario:  # noqa: PLR0912  (one line a thing that cannot be)
        names = [queue.name for queue in self.queues]
        # a machine may recommend and resolve
        machines = {group.name for group in self.officers if group.kind == "system"}
        groups: list[Group] = [*self.officers, *(group for group in self.agents if group.name not in machines)]
        everybody = Counter(name for group in groups for name in group.names)
        twice = [name for name, times in everybody.items() if times > 1]
        problems = [
            f"officers {group.name}: a shared line needs a capacity"
            for group in self.officers
            if group.pooled and group.capacity is None
        ]
        if twice:
            problems.append(f"two officers or agents have one name: {', '.join(twice[:5])}")
        if not self.scored and ((self.hr and self.hr.consequences) or (self.routing and self.routing.strategy == "seed")):
            problems.append("scored: false leaves nothing for hr.consequences or for routing by scores (strategy: seed)")
        for what, listed in (
            ("queues", names),
            ("agents", [item.name for item in self.agents]),
            ("officers", [item.name for item in self.officers]),
        ):
            if len(set(listed)) < len(listed):
                problems.append(f"two {what} have one name")
        for group in self.officers:
            for name in group.queues or ():
                if name not in names:
                    hint = close_match(name, names)
                    problems.append(
                        f"officers {group.name} work on a queue that is not there: {name}" + (f"; {hint}" if hint else "")
                    )
        for agents in self.agents:
            given = agents.accuracy if isinstance(agents.accuracy, dict) else {}
            problems += [
                f"agents {agents.name}: accuracy of a queue that is not there: {name}" for name in given if name not in names
            ]
            missing = [name for name in names if isinstance(agents.accuracy, dict) and name not in given]
            problems += [f"agents {agents.name}: no accuracy for {', '.join(missing)}"] if missing else []
            shares = given.values() if isinstance(agents.accuracy, dict) else [agents.accuracy]
            problems += (
                [f"agents {agents.name}: accuracy is a share from 0 to 1"] if any(not 0 <= share <= 1 for share in shares) else []
            )
        if not any(agents.weight for agents in self.agents):
            problems.append("no agent is ever asked: all weights are 0")
        for queue in self.queues:
            if not any(group.queues is None or queue.name in group.queues for group in self.officers):
                problems.append(f"nobody works on queue {queue.name}")
        for load, what in self._loads():
            if load >= 1 and not self.overloaded:
                problems.append(f"{what} get {load:.2f} times the work that they can do; say overloaded: true if that is meant")
        if self.holidays is not None:
            problems += unknown_country(self.holidays)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _loads(self) -> list[tuple[float, str]]:
        """Work over capacity: of everybody, and of every queue (with what else its people must do) beside those who may work on
        it.
        """
        hours = {
            group.name: 24.0 if group.shift is None else (group.shift.end - group.shift.start) * len(group.shift.days) / 7
            for group in self.officers
        }
        rate = {
            group.name: group.count * (group.capacity or math.inf) * hours[group.name] * 60 / group.service.minutes
            for group in self.officers
        }
        found = [(sum(queue.per_day for queue in self.queues) / sum(rate.values()), "the officers")]
        for queue in self.queues:
            able = [group for group in self.officers if group.queues is None or queue.name in group.queues]
            if len(able) < len(self.officers) and able:
                found.append((queue.per_day / sum(rate[group.name] for group in able), f"those who work on {queue.name}"))
        return found


def shipped() -> dict[str, Path]:
    """The scenarios that come with the package, by name."""
    packed = Path(str(resources.files("aura_analytics.simulation") / "scenarios"))
    # in a clone they stand at its top
    folder = packed if packed.is_dir() else Path(__file__).parents[2] / "simulations"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


ScenarioLike = Scenario | str | Path


def as_scenario(scenario: ScenarioLike) -> Scenario:
    """A scenario, from one, from the name of one that comes along, or from a file.

    Parameters
    ----------
    scenario
        A `Scenario`, a name such as `loan_forgiveness`, or the path of a YAML file.

    Raises
    ------
    FileMissingError
        If there is no scenario of that name and no such file.
    RuleError
        If the file is no scenario.
    ParameterError
        If it is none of these.

    Examples
    --------
    >>> as_scenario("fraud_unit").name
    'fraud_unit'
    """
    if isinstance(scenario, Scenario):
        return scenario
    if not isinstance(scenario, (str, Path)):
        raise ParameterError(Problem("scenario cannot be read", got=scenario, expected="a Scenario, a name, or a file"))
    path = Path(scenario)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return Scenario.from_yaml(path)
    known = shipped()
    if str(scenario) not in known:
        hint = close_match(str(scenario), list(known)) or f"there are {', '.join(known)}, or name a file"
        raise FileMissingError(Problem("no such scenario", got=str(scenario), next=hint))
    return Scenario.from_yaml(known[str(scenario)])
