"""The grammar of a policy file: pydantic models that know every key, and refuse every other.

A policy is data. There is no expression language in it and nothing in it is ever executed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from aura_analytics.cases import Attribution, Counting, Holding
from aura_analytics.clock import times
from aura_analytics.clock.calendars import as_calendar
from aura_analytics.clock.sla import parse_sla
from aura_analytics.errors import close_match
from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules.comparisons import OPERATORS, Operator
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.grammar_parts import Control, Evidence, Persistence, TestCase, Way, readable
from aura_analytics.yaml_models import Strict

__all__ = [
    "All",
    "Any_",
    "Condition",
    "Control",
    "Evidence",
    "Leaf",
    "Persistence",
    "PolicyFile",
    "RuleSpec",
    "TestCase",
    "comparisons",
    "speaks",
]


class _Strict(Strict):
    model_config: ClassVar[ConfigDict] = ConfigDict(populate_by_name=True)


Threshold = float | PeerRate | tuple[float, ...]


class Leaf(_Strict):
    """One comparison: a metric (its value, or a confidence limit of it) against a threshold.

    In a file the operator is the key of its threshold: `{metric: override_rate, above: 0.3}`. With `limit`, the comparison is
    decided only when the limit clears the threshold; while the interval straddles it, the value only leans. Without it the value
    itself decides.
    """

    metric: str
    operator: str = Field(description="name of the comparison: above, at_least, below, at_most, or one of your own")
    threshold: Threshold
    limit: Literal["lower", "upper", "both"] | None = Field(None, description="compare this one-sided confidence limit")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="one-sided level of the limit")
    anytime: float | None = Field(None, gt=0, lt=1, description="error budget of a test that may be read at any time")
    min_n: int = Field(0, ge=0, description="fewer observations decide nothing")
    missing_as: float | None = Field(None, description="what a missing value counts as; by default it decides nothing")
    zero_is_missing: bool = False
    _kind: Metric = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _written(cls, data: Any) -> Any:
        if not isinstance(data, dict) or ("operator" in data and "threshold" in data):
            return data
        given = [key for key in data if key in OPERATORS and data[key] is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(OPERATORS)} (got {', '.join(given) or 'none'})")
        rest = {key: value for key, value in data.items() if key not in OPERATORS}
        return {**rest, "operator": given[0], "threshold": data[given[0]]}

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = handler(self)
        data.pop("operator", None)
        threshold = data.pop("threshold")
        return {"metric": data.pop("metric"), self.operator: threshold, **data}

    @field_validator("threshold", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("a threshold is a number")  # noqa: TRY004  (pydantic collects ValueErrors)
        return tuple(value) if isinstance(value, list) else value

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        metrics = _catalogue(info)
        if name not in metrics:
            hint = close_match(name, list(metrics)) or f"there are {', '.join(metrics)}"
            raise ValueError(f"unknown metric; {hint}")
        return name

    @model_validator(mode="after")
    def _sound(self, info: ValidationInfo) -> Leaf:
        self._kind = _catalogue(info)[self.metric]
        operator, kind = self.op, self._kind
        if not isinstance(self.threshold, PeerRate) and len(self.numbers) != len(operator.settings):
            wanted = ", ".join(operator.settings)
            raise ValueError(f"{operator.word} takes {len(operator.settings)} thresholds ({wanted}), got {len(self.numbers)}")
        self._check_limit(operator, kind)
        if self.anytime is not None and (not kind.counts_hits or operator.formula != [">", 0] or self.limit is not None):
            raise ValueError("anytime works for rates with 'above', and takes the place of 'limit'")
        if self.anytime is not None and isinstance(self.threshold, PeerRate):
            raise ValueError("anytime needs a fixed threshold, not one taken from peers")
        if isinstance(self.threshold, PeerRate) and not kind.counts_hits:
            raise ValueError("a threshold from peers works for rates")
        for number in self.numbers:
            _check_range(number, kind)
        if self.missing_as is not None:
            _check_range(self.missing_as, kind, "missing_as")
        return self

    def _check_limit(self, operator: Operator, kind: Metric) -> None:
        if self.limit is None:
            return
        if not kind.has_limits:
            raise ValueError(f"{self.metric} keeps no numbers for a confidence limit; compare its value")
        if self.limit != operator.limits:
            wrong = f"{operator.key} with the {self.limit} limit would accuse for lack of evidence"
            use = "use limit: lower with above/at_least, limit: upper with below/at_most, limit: both where both sides count"
            raise ValueError(f"{wrong}: {use}")

    @property
    def kind(self) -> Metric:
        """The metric itself."""
        return self._kind

    @property
    def op(self) -> Operator:
        """The operator itself."""
        return OPERATORS[self.operator]

    @property
    def numbers(self) -> tuple[float, ...]:
        """The thresholds; none where they are taken from peers."""
        if isinstance(self.threshold, PeerRate):
            return ()
        return self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)

    @property
    def is_evidence(self) -> bool:
        """Whether it weighs evidence against a fixed line: a limit, or a test that may be read at any time."""
        one_line = len(self.numbers) == 1 and self.op.limits != "both"
        return one_line and (self.limit is not None or self.anytime is not None)

    @property
    def word(self) -> str:
        """The comparison in words."""
        return self.op.word


def _catalogue(info: ValidationInfo) -> Mapping[str, Metric]:
    """The metrics that rules may read: those of the validation's context, or else the default ones."""
    found: Mapping[str, Metric] = (info.context or {}).get("metrics") or METRICS
    return found


def _check_range(threshold: float, kind: Metric, what: str = "the threshold") -> None:
    low, high = kind.low, kind.high
    if math.isfinite(threshold) and (low is None or threshold >= low) and (high is None or threshold <= high):
        return
    percent = "; write 0.30 for 30 %" if kind.unit == "fraction" else ""
    bottom, top = ("any" if end is None else f"{end:g}" for end in (low, high))
    raise ValueError(f"{what} lies outside the range of {kind.name}, {bottom} to {top} {kind.unit}{percent}")


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


class RuleSpec(_Strict):
    """A rule: when it holds, and, for hysteresis, when a standing flag may go."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = ""
    when: Condition
    clear_when: Condition | None = Field(None, description="a flag once raised stays until this holds")
    at_most: Literal["watch", "flag"] = Field("flag", description="watch: a reason to look, which never flags by itself")

    @model_validator(mode="after")
    def _flags(self) -> RuleSpec:
        if self.at_most == "watch" and self.clear_when is not None:
            raise ValueError("a rule that never flags has nothing to clear: leave out clear_when, or at_most")
        return self


class PolicyFile(_Strict):
    """A policy file."""

    name: str
    version: int = Field(1, ge=1)
    description: str = ""
    window: str | None = Field("90d", description="window of the dossiers it is meant for; `all` (or null) is the whole log")
    sla: str | dict[str, str] | None = Field(None, description="limit of a case, or limits by queue; default as asked for")
    calendar: dict[str, Any] | None = Field(None, description="business hours, as keys of a calendar; default as asked for")
    attribution: Attribution | None = Field(None, description="whom ratings are about; default as asked for")
    holding: Holding | None = Field(None, description="whose time a reassigned case is; default as asked for")
    ratings: Counting | None = Field(None, description="whether one rater counts once a case; default as asked for")
    kinds: tuple[Literal["officer", "agent", "component", "citizen", "system"], ...] = ("officer",)
    evidence: Evidence = Evidence()
    roles: dict[str, list[str]] = Field(default_factory=dict, description="declared role -> its actors")
    rules: list[RuleSpec] = Field(min_length=1)
    persistence: Persistence | None = None
    control: Control | None = Field(None, description="of many actors: flags that are more than chance among all of them explains")
    tests: list[TestCase] = Field(default_factory=list)

    @field_validator("window")
    @classmethod
    def _span(cls, window: str | None) -> str | None:
        if window in (None, times.ALL):
            return None
        times.parse_span(window)
        return window

    @field_validator("sla")
    @classmethod
    def _limits(cls, sla: str | dict[str, str] | None) -> str | dict[str, str] | None:
        return readable(sla, parse_sla)

    @field_validator("calendar")
    @classmethod
    def _hours(cls, calendar: dict[str, Any] | None) -> dict[str, Any] | None:
        return readable(calendar, as_calendar)

    @property
    def way(self) -> Way:
        """How it wants boards to be counted, besides their window."""
        said = {name: getattr(self, name) for name in Way.__optional_keys__}
        return cast("Way", {name: value for name, value in said.items() if value is not None})

    @property
    def span(self) -> timedelta | None:
        """The window as a length of time; None is the whole log."""
        return times.parse_window(self.window or times.ALL)

    @property
    def step(self) -> timedelta | None:
        """Time between the readings of which `k` of `m` are counted: by default the window (30 days for the whole log), so that no
        event counts twice; None without persistence.
        """
        if self.persistence is None:
            return None
        return times.parse_span(self.persistence.step or self.window or "30d", name="step")

    @property
    def sticky(self) -> bool:
        """Whether a flag of some rule stands until it is cleared."""
        return any(rule.clear_when is not None for rule in self.rules)

    @property
    def over_time(self) -> bool:
        """Whether a verdict takes more than one reading."""
        return self.sticky or (self.persistence is not None and self.persistence.m > 1)

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
            raise ValueError("anytime holds for all observations since a fixed start: set window: all")
        if self.control is not None:
            self._controllable()
        for test in self.tests:
            if test.rule is not None and test.rule not in ids:
                raise ValueError(f"test {test.name!r} names an unknown rule {test.rule!r}; {close_match(test.rule, ids) or ''}")
        return self

    def _controllable(self) -> None:
        """Whether evidence can be had from every rule that flags."""
        assert self.control is not None
        if self.over_time:
            raise ValueError("control holds over looks by itself: leave out persistence of several readings, and clear_when")
        for rule in self.rules:
            if rule.at_most == "watch":
                continue
            if not speaks(rule.when):
                raise ValueError(
                    f"control needs evidence: rule {rule.id} compares no limit (limit: lower, limit: upper, or anytime)"
                )
            for leaf in comparisons(rule.when):
                if leaf.is_evidence and self.control.looks == "many" and not leaf.kind.has_e_values:
                    raise ValueError(f"control over many looks has no e-value of {leaf.metric}: set looks: one, or at_most: watch")


def speaks(condition: Condition) -> bool:
    """Whether evidence can be had from a condition: from one part of `all`, from every part of `any`."""
    if isinstance(condition, Leaf):
        return condition.is_evidence
    if isinstance(condition, All):
        return any(speaks(part) for part in condition.all)
    return all(speaks(part) for part in condition.any)
