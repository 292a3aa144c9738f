"""Parts of a policy file: what must be known of an actor, and how long a rule must hold; and values that other parts read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import Field, field_validator, model_validator
from typing_extensions import TypedDict

from aura_analytics.cases import Attribution, Counting, Holding
from aura_analytics.clock import times
from aura_analytics.errors import AuraError
from aura_analytics.yaml_models import Strict

__all__ = ["Control", "Evidence", "Persistence", "TestCase", "Way", "readable"]

T = TypeVar("T")
Verdict = Literal["insufficient", "clear", "watch", "flag"]


class Way(TypedDict, total=False):
    """How a policy wants boards to be counted, as far as it says: keywords of `dossiers`."""

    sla: str | dict[str, str]
    calendar: dict[str, Any]
    attribution: Attribution
    holding: Holding
    ratings: Counting


class Evidence(Strict):
    """What must be known of an actor before any rule may speak."""

    both_verdicts: bool = Field(
        default=False,
        description="an actor who never once issued the agreeing verdict is insufficient: one_sided; the role may not allow it",
    )


class Control(Strict):
    """How many false flags are allowed for when many are judged: a flag must be more than chance among all of them explains."""

    fdr: float = Field(gt=0, lt=1, description="share of the flags that are false, on average at most")
    looks: Literal["many", "one"] = Field(
        "many", description="many: e-values, which hold however often one looks; one: p-values, for a single look at a board"
    )


class Persistence(Strict):
    """A flag needs `k` of the last `m` readings."""

    k: int = Field(ge=1)
    m: int = Field(ge=1)
    step: str | None = Field(None, description="time between readings; default the window, so that they share no event")

    @field_validator("step")
    @classmethod
    def _span(cls, step: str | None) -> str | None:
        if step is not None:
            times.parse_span(step, name="step")
        return step

    @model_validator(mode="after")
    def _possible(self) -> Persistence:
        if self.k > self.m:
            raise ValueError(f"{self.k} of {self.m} readings can never happen")
        return self


class TestCase(Strict):
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


def readable(value: T, read: Callable[[T], object]) -> T:
    """A value that another part reads; what it says of one that it cannot read is said of the file."""
    try:
        read(value)
    except AuraError as error:
        raise ValueError(str(error)) from None
    return value
