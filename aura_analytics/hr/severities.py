"""What follows from an error: a table of severities and actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from aura_analytics.yaml_models import Strict, YamlModel

__all__ = ["Consequence", "SeverityTable"]


class Consequence(Strict):
    """One thing that follows.

    `warning` is kept and changes nothing; `reputation` takes `points`; `case` opens a case; `suspension` may end by itself after
    `days`; `reroute` gives the task to another. With `after: 3` it follows from the third error of that severity on, of those of
    the last `within_days` if these are given.
    """

    action: Literal["warning", "reputation", "case", "suspension", "reroute"]
    points: float | None = Field(None, ge=-100, le=100, description="of reputation; negative takes away")
    days: float | None = Field(None, gt=0, description="length of a suspension; without, until somebody ends it")

    after: int = Field(1, ge=1, le=1_000_000, description="from which error of this severity on it follows")
    within_days: float | None = Field(None, gt=0, le=36_525, description="errors of so many days count for `after`; without, all")

    @model_validator(mode="after")
    def _fits(self) -> Consequence:
        if (self.action == "reputation") != (self.points is not None):
            raise ValueError("points belong to reputation, and reputation needs them")
        if self.days is not None and self.action != "suspension":
            raise ValueError("days belong to suspension")
        if self.within_days is not None and self.after == 1:
            raise ValueError("within_days belongs to after, which counts the errors")
        return self


class SeverityTable(YamlModel):
    """Consequences by severity. The default is the Accountant's own table.

    Examples
    --------
    >>> [item.action for item in SeverityTable.seed().critical]
    ['case', 'suspension', 'reroute']
    """

    called = "severity table"
    parts: ClassVar[tuple[type[BaseModel], ...]] = (Consequence,)

    name: str = Field(min_length=1)
    version: str = "1"
    low: tuple[Consequence, ...] = ()
    medium: tuple[Consequence, ...] = ()
    high: tuple[Consequence, ...] = ()
    critical: tuple[Consequence, ...] = ()
    critical_requires: Literal["nothing", "confirmation"] = Field(
        "nothing",
        description="confirmation: a heuristic alone opens a case; its other consequences are proposals that a person signs",
    )

    @classmethod
    def seed(cls) -> SeverityTable:
        """Low nothing, medium -1, high -5, critical a case, suspension and another worker for the task."""
        return _seed()

    @property
    def label(self) -> str:
        """Name and version, as actions carry it."""
        return f"{self.name}/{self.version}"

    def of(self, severity: str) -> tuple[Consequence, ...]:
        """What may follow from a severity, whatever came before."""
        found: tuple[Consequence, ...] = getattr(self, severity)
        return found

    def following(self, severity: str, errors_of: Callable[[float | None], int]) -> tuple[Consequence, ...]:
        """What follows from an error.

        Parameters
        ----------
        severity
            Its severity.
        errors_of
            How many errors of this severity the actor has made within so many days (None: ever), this one included.
        """
        return tuple(item for item in self.of(severity) if item.after == 1 or errors_of(item.within_days) >= item.after)


@lru_cache(maxsize=1)
def _seed() -> SeverityTable:
    return SeverityTable(
        name="seed",
        medium=(Consequence(action="reputation", points=-1),),
        high=(Consequence(action="reputation", points=-5),),
        critical=(Consequence(action="case"), Consequence(action="suspension"), Consequence(action="reroute")),
    )
