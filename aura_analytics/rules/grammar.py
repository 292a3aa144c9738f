"""The grammar of a policy file: pydantic models that know every key, and refuse every other.

A policy is data. There is no expression language in it and nothing in it is ever executed.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from aura_analytics import times
from aura_analytics.errors import close_match
from aura_analytics.metrics.base import Count, Quantile, Rate
from aura_analytics.metrics.registry import METRICS

__all__ = [
    "All",
    "Any_",
    "Condition",
    "Evidence",
    "Leaf",
    "PeerRate",
    "Persistence",
    "PolicyFile",
    "RuleSpec",
    "TestCase",
    "comparisons",
]

Verdict = Literal["insufficient", "clear", "watch", "flag"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PeerRate(_Strict):
    """A threshold taken from the others of the same declared role: their pooled rate plus a margin."""

    role_rate_plus: float = Field(description="margin added to the pooled rate of the other actors of the role")
    at_least_peers: int = Field(2, ge=1, description="fewer peers than this decide nothing")


Threshold = float | PeerRate


class Leaf(_Strict):
    """One comparison: a metric (its value, or a confidence limit of it) against a threshold.

    With `limit`, the comparison is decided only when the limit clears the threshold; while the interval straddles it, the value
    only leans. Without it the value itself decides.
    """

    metric: str
    above: Threshold | None = Field(None, description="greater than")
    at_least: Threshold | None = None
    below: Threshold | None = Field(None, description="smaller than")
    at_most: Threshold | None = None
    limit: Literal["lower", "upper"] | None = Field(None, description="compare this one-sided confidence limit")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="one-sided level of the limit")
    anytime: float | None = Field(None, gt=0, lt=1, description="error budget of a test that may be read at any time")
    min_n: int = Field(0, ge=0, description="fewer observations decide nothing")
    missing_as: float | None = Field(None, description="what a missing value counts as; by default it decides nothing")
    zero_is_missing: bool = False

    @field_validator("above", "at_least", "below", "at_most", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a threshold is a number")  # noqa: TRY004  (pydantic collects ValueErrors)
        return value

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in METRICS:
            hint = close_match(name, list(METRICS)) or f"there are {', '.join(METRICS)}"
            raise ValueError(f"unknown metric; {hint}")
        return name

    @model_validator(mode="after")
    def _sound(self) -> Leaf:
        given = [name for name in ("above", "at_least", "below", "at_most") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of above, at_least, below, at_most (got {', '.join(given) or 'none'})")
        kind = METRICS[self.metric]
        if self.limit is not None and isinstance(kind, (Count, Quantile)):
            raise ValueError(f"{self.metric} keeps no numbers for a confidence limit; compare its value")
        if (self.limit == "lower" and self.side == "low") or (self.limit == "upper" and self.side == "high"):
            wrong = f"{given[0]} with the {self.limit} limit would accuse for lack of evidence"
            raise ValueError(f"{wrong}: use limit: lower with above/at_least, limit: upper with below/at_most")
        if self.anytime is not None and (not isinstance(kind, Rate) or self.above is None or self.limit is not None):
            raise ValueError("anytime works for rates with 'above', and takes the place of 'limit'")
        if self.anytime is not None and isinstance(self.above, PeerRate):
            raise ValueError("anytime needs a fixed threshold, not one taken from peers")
        if isinstance(self.threshold, float):
            low, high = kind.low, kind.high
            if (
                not math.isfinite(self.threshold)
                or (low is not None and self.threshold < low)
                or (high is not None and self.threshold > high)
            ):
                percent = "; write 0.30 for 30 %" if kind.unit == "fraction" else ""
                top = "any" if high is None else f"{high:g}"
                raise ValueError(f"the threshold lies outside the range of {self.metric}, {low:g} to {top} {kind.unit}{percent}")
        if isinstance(self.threshold, PeerRate) and not isinstance(kind, Rate):
            raise ValueError("a threshold from peers works for rates")  # noqa: TRY004  (pydantic collects ValueErrors)
        return self

    @property
    def side(self) -> Literal["high", "low"]:
        """Whether the condition is met at high or at low values."""
        return "high" if self.above is not None or self.at_least is not None else "low"

    @property
    def strict(self) -> bool:
        """Whether the threshold itself does not meet the condition."""
        return self.above is not None or self.below is not None

    @property
    def threshold(self) -> Threshold:
        """The threshold, whichever comparison it stands in."""
        for value in (self.above, self.at_least, self.below, self.at_most):
            if value is not None:
                return value
        raise AssertionError  # the validator saw to it

    @property
    def word(self) -> str:
        """The comparison in words."""
        return next(name for name in ("above", "at_least", "below", "at_most") if getattr(self, name) is not None).replace("_", " ")


class All(_Strict):
    """Every one of these."""

    all: list[Condition] = Field(min_length=1)


class Any_(_Strict):  # noqa: N801
    """At least one of these."""

    any: list[Condition] = Field(min_length=1)


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "all" if "all" in value else "any" if "any" in value else "leaf"
    return "all" if isinstance(value, All) else "any" if isinstance(value, Any_) else "leaf"


Condition = Annotated[
    Annotated[All, Tag("all")] | Annotated[Any_, Tag("any")] | Annotated[Leaf, Tag("leaf")], Discriminator(_shape)
]
All.model_rebuild()
Any_.model_rebuild()


def comparisons(condition: Condition) -> list[Leaf]:
    """The comparisons of a condition, in their order."""
    if isinstance(condition, Leaf):
        return [condition]
    return [leaf for part in (condition.all if isinstance(condition, All) else condition.any) for leaf in comparisons(part)]


class Evidence(_Strict):
    """What must be known of an actor before any rule may speak."""

    both_verdicts: bool = Field(
        default=False,
        description="an actor who never once issued the agreeing verdict is insufficient: one_sided; the role may not allow it",
    )


class Persistence(_Strict):
    """A flag needs `k` of the last `m` readings."""

    k: int = Field(ge=1)
    m: int = Field(ge=1)
    step: str = Field("30d", description="time between readings")

    @field_validator("step")
    @classmethod
    def _span(cls, step: str) -> str:
        times.parse_span(step, name="step")
        return step

    @model_validator(mode="after")
    def _possible(self) -> Persistence:
        if self.k > self.m:
            raise ValueError(f"{self.k} of {self.m} readings can never happen")
        return self


class RuleSpec(_Strict):
    """A rule: when it holds, and, for hysteresis, when a standing flag may go."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = ""
    when: Condition
    clear_when: Condition | None = Field(None, description="a flag once raised stays until this holds")


class TestCase(_Strict):
    """A case written beside the rules: numbers of one actor, and the verdict they must lead to."""

    __test__ = False

    name: str
    dossier: dict[str, Any] | None = None
    readings: list[dict[str, Any]] | None = Field(None, min_length=1)
    expect: Verdict
    rule: str | None = None

    @model_validator(mode="after")
    def _one(self) -> TestCase:
        if (self.dossier is None) == (self.readings is None):
            raise ValueError("give either dossier (one reading) or readings (several, oldest first)")
        return self

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The readings, oldest first."""
        return self.readings if self.readings is not None else [self.dossier or {}]


class PolicyFile(_Strict):
    """A policy file."""

    name: str
    version: int = Field(1, ge=1)
    description: str = ""
    window: str | None = Field("90d", description="window of the dossiers it is meant for; null is the whole log")
    kinds: list[Literal["officer", "agent", "component", "citizen", "system"]] = ["officer"]
    evidence: Evidence = Evidence()
    roles: dict[str, list[str]] = Field(default_factory=dict, description="declared role -> its actors")
    rules: list[RuleSpec] = Field(min_length=1)
    persistence: Persistence | None = None
    tests: list[TestCase] = Field(default_factory=list)

    @field_validator("window")
    @classmethod
    def _span(cls, window: str | None) -> str | None:
        if window is not None:
            times.parse_span(window)
        return window

    @model_validator(mode="after")
    def _consistent(self) -> PolicyFile:
        ids = [rule.id for rule in self.rules]
        doubled = sorted({name for name in ids if ids.count(name) > 1})
        if doubled:
            raise ValueError(f"rule ids appear twice: {', '.join(doubled)}")
        members = [actor for actors in self.roles.values() for actor in actors]
        twice = sorted({actor for actor in members if members.count(actor) > 1})
        if twice:
            raise ValueError(f"actors have two roles: {', '.join(twice)}")
        if self.window is not None and any(leaf.anytime is not None for rule in self.rules for leaf in comparisons(rule.when)):
            raise ValueError("anytime holds for all observations since a fixed start: set window: null")
        for test in self.tests:
            if test.rule is not None and test.rule not in ids:
                raise ValueError(f"test {test.name!r} names an unknown rule {test.rule!r}; {close_match(test.rule, ids) or ''}")
        return self
