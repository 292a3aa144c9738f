"""A scenario: the world that a simulation plays, as a file. Every field has its unit and its range."""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from aura_analytics.errors import FileMissingError, ParameterError, Problem, close_match
from aura_analytics.yaml_models import Strict, YamlModel

__all__ = ["Agents", "Calibration", "Citizens", "Drift", "Hr", "Officers", "Queue", "Routing", "Scenario", "Service", "Shift"]

_MOST_DAYS = 36_525
_PLAIN = r"^\S(?:[^\x00-\x1f\x7f]*\S)?$"  # names end up in ids: no control characters, no white space around them


class Queue(Strict):
    """A kind of case that comes in."""

    name: str = Field(pattern=_PLAIN, max_length=200, description="as events have it")
    per_day: float = Field(gt=0, le=900_000, description="cases a day, on average over a week without holidays")
    approve_is_right: float = Field(0.5, ge=0, le=1, description="share of cases in which APPROVE is the right verdict")
    hours: tuple[float, ...] | None = Field(None, min_length=24, max_length=24, description="weights of the 24 hours; default even")
    weekdays: tuple[float, ...] | None = Field(
        None, min_length=7, max_length=7, description="weights of the days from Monday on; default even"
    )
    on_holidays: float = Field(1, ge=0, le=10, description="cases of a holiday, as a multiple of the same weekday's")

    @field_validator("hours", "weekdays")
    @classmethod
    def _weights(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and (min(values) < 0 or sum(values) <= 0):
            raise ValueError("weights are at least 0, and not all 0")
        return values


class Group(Strict):
    """Several who are alike."""

    name: str = Field(pattern=_PLAIN, max_length=200, description="of the only one; several are numbered: name_01, name_02 ...")
    count: int = Field(1, ge=1, le=100_000, description="how many there are")

    @property
    def names(self) -> list[str]:
        """Names of the members; one member more leaves the others' as they are."""
        return [self.name] if self.count == 1 else [f"{self.name}_{number:02d}" for number in range(1, self.count + 1)]


class Drift(Strict):
    """A change of an agent, such as a new version."""

    day: int = Field(ge=0, description="day from which it holds")
    accuracy: float = Field(ge=-1, le=1, description="added to the share of right recommendations")


class Calibration(Strict):
    """An agent whose confidence says how likely it is to be right, well or badly.

    Cases differ in difficulty: the chance to be right varies around the accuracy, normally on the scale of log odds. The confidence
    is that chance with its log odds stretched and moved: slope 1 and bias 0 are perfectly calibrated, a bias above 0 boasts.
    """

    spread: float = Field(1, ge=0, le=5, description="standard deviation of the log odds of being right, over cases")
    slope: float = Field(1, ge=0, le=5, description="how much the log odds are stretched")
    bias: float = Field(0, ge=-10, le=10, description="what is added to them")


class Agents(Group):
    """Agents of one kind."""

    accuracy: float | dict[str, float] = Field(description="share of right recommendations, or by queue")
    accuracy_denials: float | None = Field(None, ge=0, le=1, description="the same where REJECT is right; default as accuracy")
    weight: float = Field(1, ge=0, description="how often each is asked, beside the others")
    confidence_right: float = Field(0.85, ge=0, le=1, description="mean self-reported confidence where it is right")
    confidence_wrong: float = Field(0.75, ge=0, le=1, description="and where it is wrong")
    confidence_sd: float = Field(0.1, ge=0, le=1, description="standard deviation around these means")
    calibration: Calibration | None = Field(None, description="instead of confidence_right, confidence_wrong and confidence_sd")
    hallucination: float = Field(0, ge=0, le=1, description="share of outputs with words of an invention")
    too_short: float = Field(0, ge=0, le=1, description="share of outputs that give no reason")
    drift: tuple[Drift, ...] = Field((), description="what changes from a day on")


class Service(Strict):
    """How long a case takes."""

    minutes: float = Field(gt=0, description="mean working time; of `quantiles`, what they are scaled to")
    kind: Literal["exponential", "lognormal", "constant", "quantiles"] = Field("lognormal", description="distribution of the times")
    cv: float = Field(1.0, ge=0, le=20, description="coefficient of variation, of lognormal times")
    quantiles: tuple[float, ...] | None = Field(
        None,
        min_length=2,
        max_length=1001,
        description="of kind quantiles: the inverse distribution at evenly spaced points from 0 to 1",
    )

    @model_validator(mode="after")
    def _whole(self) -> Service:
        if (self.kind == "quantiles") != (self.quantiles is not None):
            raise ValueError("quantiles belong to kind quantiles, and it needs them")
        if self.quantiles is not None and (
            self.quantiles[0] < 0 or list(self.quantiles) != sorted(self.quantiles) or self.quantiles[-1] <= 0
        ):
            raise ValueError("quantiles are at least 0 and do not fall")
        return self


class Shift(Strict):
    """When people work, in UTC."""

    start: float = Field(9, ge=0, lt=24, description="hour")
    end: float = Field(17, gt=0, le=24, description="hour")
    days: tuple[int, ...] = Field((0, 1, 2, 3, 4), min_length=1, description="0 is Monday")

    @model_validator(mode="after")
    def _sound(self) -> Shift:
        if self.end <= self.start:
            raise ValueError("a shift ends after it starts")
        if not set(self.days) <= set(range(7)) or len(set(self.days)) < len(self.days):
            raise ValueError("days are different numbers from 0 (Monday) to 6")
        return self


class Officers(Group):
    """Officers of one kind."""

    queues: tuple[str, ...] | None = Field(None, min_length=1, description="what they work on; default everything")
    pooled: bool = Field(
        default=False,
        description="whether they take from one line, shared by all who are pooled, what they may work on; default a line each",
    )
    capacity: int | None = Field(
        1, ge=1, le=1000, description="cases that each works on at once; null: any number, so that nobody waits"
    )
    service: Service = Field(description="how long a case takes them")
    shift: Shift | None = Field(None, description="default day and night")
    overrides_wrong: float = Field(ge=0, le=1, description="discernment: share of wrong recommendations that are overridden")
    overrides_right: float = Field(ge=0, le=1, description="share of right recommendations that are overridden")
    automation_bias: float = Field(0, ge=0, le=1, description="how much of both a confidence of 1 takes away")
    fatigue: float = Field(0, ge=0, le=1, description="share of discernment lost by the end of a day's work")
    weight: float = Field(1, gt=0, le=1000, description="how many cases each gets, beside the others")
    decides: float = Field(
        1, ge=0, le=1, description="share of their cases that end with a verdict on the recommendation, not only resolved"
    )
    kind: Literal["officer", "system"] = Field(
        "officer", description="system: a machine that resolves cases; no rule is meant for it"
    )
    plan_effect: float = Field(1, ge=0, le=1, description="how much of what a plan wins with others it wins with them")
    gaming: float = Field(0, ge=0, le=1, description="share of all overrides that they withhold while on a plan, whatever they see")
    bad: bool = Field(default=False, description="whether the truth calls them chronically underperforming")


class Citizens(Strict):
    """Who rates, and how."""

    response: float = Field(0.3, ge=0, le=1, description="share of cases that are rated")
    approved: tuple[float, ...] = Field(
        (0.05, 0.08, 0.17, 0.35, 0.35), min_length=5, max_length=5, description="chances of 1 to 5 stars"
    )
    denied: tuple[float, ...] = Field(
        (0.40, 0.25, 0.18, 0.10, 0.07), min_length=5, max_length=5, description="the same, of those denied"
    )
    stars_lost_per_day: float = Field(0, ge=0, le=5, description="of waiting")
    days_until: float = Field(2, ge=0, le=365, description="mean days from verdict to rating")

    @field_validator("approved", "denied")
    @classmethod
    def _chances(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if min(values) < 0 or abs(sum(values) - 1) > 1e-6:
            raise ValueError(f"chances are at least 0 and sum to 1 (these sum to {sum(values):g})")
        return values


class Routing(Strict):
    """Who chooses the agents: the router, by what outcomes say, instead of fixed weights."""

    strategy: Literal["seed", "thompson", "ucb1", "epsilon_greedy"] = Field(
        "thompson", description="seed ranks by mean score, as the Accountant's router does"
    )
    exploration: float = Field(0.05, ge=0, le=1, description="share of choices spread evenly")


class Hr(Strict):
    """HR in the loop: at the end of every epoch rules read the dossiers and act."""

    policy: str = Field("evidence_gated", description="evidence_gated, tracker, or the path of a policy file")
    every_days: int = Field(1, ge=1, le=365, description="days of an epoch")
    window: str | None = Field(None, description="of the dossiers; default the policy's own, `all` is the whole log")
    consequences: str | None = Field(
        None, description="what follows from errors of agents: seed (the Accountant's table), or the path of a severity table"
    )
    review_days: float = Field(
        7, ge=0, le=3650, description="until a suspension of an agent that has no end is reviewed, and lifted"
    )
    suspend_after: int | None = Field(
        None, ge=1, description="plans after which an officer who is flagged again is suspended; default never"
    )
    suspend_days: int = Field(
        30, ge=1, le=3650, description="length of such a suspension; who waits in their line is given to others"
    )
    plan_days: int = Field(60, ge=1, le=730, description="length of an improvement plan")
    plan_overrides_wrong: float = Field(
        0.5, ge=0, le=1, description="share of what is missing to perfect discernment that a plan wins"
    )
    plan_overrides_right: float = Field(0.5, ge=0, le=1, description="share of needless overrides that a plan takes away")


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
        return self.cases_expected * (4 + self.scored + self.citizens.response + 2 * self.audited)

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
            problems += _unknown_country(self.holidays)
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


def _unknown_country(name: str) -> list[str]:
    from holidays import list_supported_countries

    known = list(list_supported_countries())
    if name in known:
        return []
    hint = close_match(name, known) or "a country's two letters, such as US"
    return [f"holidays: no such country: {name}; {hint}"]


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
