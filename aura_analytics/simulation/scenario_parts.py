"""The parts of a scenario: queues, agents, officers, citizens, routing and HR, each with the range of its numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from aura_analytics.errors import close_match
from aura_analytics.yaml_models import Strict

__all__ = [
    "Agents",
    "Audits",
    "Calibration",
    "Citizens",
    "Drift",
    "Drills",
    "Group",
    "Hr",
    "Officers",
    "Queue",
    "Routing",
    "Service",
    "Shift",
    "unknown_country",
]

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
    bad: bool = Field(default=False, description="whether the truth calls them chronically underperforming")


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
    bias_per_hour_waited: float = Field(
        0, ge=0, le=1, description="what each hour that a case waited in line adds to that, as long as both are at most 1"
    )
    initial_right: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of first verdicts, given before the recommendation is seen, that are right; default they give none",
    )
    own_work: float = Field(0, ge=0, le=1, description="share of verdicts on a recommendation that was their own")
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


class Drills(Strict):
    """Cases whose truth is known, put among the others; citizens do not rate them, and nobody audits them."""

    share: float = Field(gt=0, lt=1, description="share of cases that are drills")
    wrong: float = Field(0.5, ge=0, le=1, description="share of drills whose recommendation is wrong")


class Audits(Strict):
    """Which cases are audited, where that is not the same share of all; `audited` holds for what is not named."""

    overridden: float | None = Field(None, ge=0, le=1, description="share of overridden recommendations")
    wrong: float | None = Field(
        None, ge=0, le=1, description="share of wrong verdicts, as of cases that come back; no audit then says its chance"
    )
    says_chance: bool = Field(default=True, description="whether an audit says the chance with which its case was drawn")


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


def unknown_country(name: str) -> list[str]:
    """What is wrong with the name of a country, if anything."""
    from holidays import list_supported_countries

    known = list(list_supported_countries())
    if name in known:
        return []
    hint = close_match(name, known) or "a country's two letters, such as US"
    return [f"holidays: no such country: {name}; {hint}"]
