"""A penalty policy: which heuristics an output is held against, what each costs, and how grave it is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from aura_analytics.yaml_models import Strict, YamlModel

__all__ = ["SEVERITIES", "Penalty", "PenaltyPolicy"]

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")


class Penalty(Strict):
    """One heuristic. Exactly one test; it is held against an output where the test holds."""

    name: str = Field(min_length=1)
    confidence_below: float | None = Field(None, gt=0, le=1, description="self-reported confidence, in [0, 1]")
    blank: bool = Field(default=False, description="nothing but white space")
    contains_any: tuple[str, ...] | None = Field(None, min_length=1, description="any of these texts, upper and lower case alike")
    shorter_than: int | None = Field(None, ge=1, description="characters, not stripped; a task's min_length comes first")
    points: float = Field(10, ge=0, le=100, description="taken off the score")
    severity: Severity = Field("low", description="how grave it is; of several the gravest counts")

    @model_validator(mode="after")
    def _one_test(self) -> Penalty:
        given = [name for name in ("confidence_below", "contains_any", "shorter_than") if getattr(self, name) is not None]
        given += ["blank"] if self.blank else []
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of confidence_below, blank, contains_any, shorter_than (got {', '.join(given) or 'none'})"
            )
        if self.contains_any is not None and not all(text.strip() for text in self.contains_any):
            raise ValueError("contains_any holds an empty text, which every output contains")
        return self


class PenaltyPolicy(YamlModel):
    """Heuristics with their points and severities. The default is the Accountant's own.

    Examples
    --------
    >>> policy = PenaltyPolicy.seed()
    >>> [penalty.name for penalty in policy.penalties]
    ['low_confidence', 'empty_output', 'hallucination', 'too_short']
    """

    called = "penalty policy"
    parts: ClassVar[tuple[type[BaseModel], ...]] = (Penalty,)

    name: str = Field(min_length=1)
    version: str = "1"
    penalties: tuple[Penalty, ...] = Field(min_length=1, max_length=16)
    exclusive: tuple[tuple[str, ...], ...] = Field((), description="groups of which only the first that holds is kept")
    on_invalid: Literal["raise", "clip", "quarantine"] = Field(
        "raise", description="confidence outside 0 to 1, no output, and the like"
    )
    longest: int = Field(10_000_000, ge=1, description="characters of an output; longer ones are invalid")

    @model_validator(mode="after")
    def _sound(self) -> PenaltyPolicy:
        names = [penalty.name for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise ValueError("two penalties have one name")
        unknown = [name for group in self.exclusive for name in group if name not in names]
        if unknown:
            raise ValueError(f"exclusive names penalties that are not there: {', '.join(unknown)}")
        grouped = [name for group in self.exclusive for name in group]
        if len(set(grouped)) < len(grouped):
            raise ValueError("a penalty stands in two exclusive groups")
        return self

    @classmethod
    def seed(cls) -> PenaltyPolicy:
        """The Accountant's rule as it stands: ten points each."""
        return _seed()

    @property
    def label(self) -> str:
        """Name and version, as records carry it."""
        return f"{self.name}/{self.version}"

    def kept(self, found: list[str]) -> list[str]:
        """The penalties that count of those found: of every exclusive group the first."""
        out = []
        for name in found:
            group = next((group for group in self.exclusive if name in group), ())
            if not group or not any(other in found for other in group[: group.index(name)]):
                out.append(name)
        return out

    def points(self, kept: list[str]) -> float:
        """What these cost together.

        Parameters
        ----------
        kept
            Names of penalties.
        """
        cost: Mapping[str, float] = {penalty.name: penalty.points for penalty in self.penalties}
        return sum(cost[name] for name in kept)

    def severity(self, penalties: list[str]) -> Severity:
        """The gravest severity of these; `low` without any, and of names that the policy does not know.

        Parameters
        ----------
        penalties
            Names of penalties.
        """
        grave = {penalty.name: SEVERITIES.index(penalty.severity) for penalty in self.penalties}
        found: Severity = SEVERITIES[max((grave.get(name, 0) for name in penalties), default=0)]
        return found


@lru_cache(maxsize=1)
def _seed() -> PenaltyPolicy:
    return PenaltyPolicy(
        name="seed",
        penalties=(
            Penalty(name="low_confidence", confidence_below=0.5),
            Penalty(name="empty_output", blank=True, severity="high"),
            Penalty(name="hallucination", contains_any=("undefined", "does not exist"), severity="critical"),
            Penalty(name="too_short", shorter_than=40, severity="medium"),
        ),
    )
