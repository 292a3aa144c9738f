"""The mapping of a foreign log onto the event contract: a pydantic model that is written as a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from aura_analytics.clock import times
from aura_analytics.errors import MappingError
from aura_analytics.events import ACTOR_KINDS
from aura_analytics.yaml_models import load_yaml, problems_of

__all__ = ["Act", "Columns", "LogMapping", "Matching", "RatingMap", "TimeMap", "WordMap"]

ActorKind = Literal["officer", "agent", "component", "citizen", "system"]
OneOrMany = str | list[str]


class _Strict(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class Columns(_Strict):
    """Which column of the log holds what."""

    case: str
    activity: str
    time: str
    actor: str | None = None
    queue: str | None = None
    confidence: str | None = Field(None, description="0-1, of a recommendation")
    event_id: str | None = None


class TimeMap(_Strict):
    """How the log writes time."""

    zone: str = Field("UTC", description="zone of times that carry no offset")
    ambiguous: times.Ambiguous = "reject"
    format: Literal["iso", "epoch_seconds", "epoch_milliseconds"] | str = Field(
        "iso", description="iso, epoch_seconds, epoch_milliseconds, or a strftime pattern"
    )

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            return times.check_zone(zone)
        except ValueError as error:
            raise ValueError(str(error)) from None


class Matching(_Strict):
    """Which rows: an activity (or several), optionally of given actors, or of all but some."""

    activity: OneOrMany
    actor: OneOrMany | None = None
    not_actor: OneOrMany | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Matching:
        if self.actor is not None and self.not_actor is not None:
            raise ValueError("give actor or not_actor, not both")
        return self

    @property
    def activities(self) -> list[str]:
        """The activities, as a list."""
        return _listed(self.activity)


class Act(Matching):
    """A recommendation or a verdict, and the word it stands for."""

    says: str = Field(description="the word compared between recommendation and verdict: APPROVE, REJECT, ...")


class RatingMap(Matching):
    """Rows that carry a satisfaction rating."""

    value: str = Field(description="column of the stars")


class WordMap(Matching):
    """Rows that say what turned out true of a case."""

    outcome: str


def _listed(value: OneOrMany | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class LogMapping(_Strict):
    """How to read a foreign log as events.

    Examples
    --------
    >>> mapping = LogMapping.model_validate({
    ...     "name": "claims",
    ...     "columns": {"case": "claim", "activity": "step", "time": "at", "actor": "who"},
    ...     "open": ["filed"], "resolve": ["closed"],
    ...     "recommendations": [{"activity": "suggest-pay", "says": "APPROVE"}],
    ...     "verdicts": [{"activity": "pay", "says": "APPROVE"}, {"activity": "refuse", "says": "REJECT"}]})
    >>> mapping.resolve
    ['closed']
    """

    name: str
    description: str = ""
    columns: Columns
    time: TimeMap = TimeMap()
    keep: dict[str, OneOrMany] = Field(default_factory=dict, description="only rows whose column has one of these values")
    actor_kinds: dict[str, ActorKind] = Field(default_factory=dict, description="kind of single actors, by name")
    default_kind: ActorKind = "officer"
    open: list[str] = Field(default_factory=list)
    assign: list[str] = Field(default_factory=list)
    pause: list[str] = Field(default_factory=list)
    resume: list[str] = Field(default_factory=list)
    resolve: list[str] = Field(default_factory=list)
    recommendations: list[Act] = Field(default_factory=list)
    verdicts: list[Act] = Field(default_factory=list)
    ratings: list[RatingMap] = Field(default_factory=list)
    outcomes: list[WordMap] = Field(default_factory=list)

    @model_validator(mode="after")
    def _not_empty(self) -> LogMapping:
        if not self.clock and not (self.recommendations or self.verdicts or self.ratings or self.outcomes):
            raise ValueError("the mapping names no activity: nothing would be imported (open, resolve, verdicts, ...)")
        if self.verdicts and not self.recommendations:
            raise ValueError("there are verdicts but no recommendations: nothing could be a DECISION or an OVERRIDE")
        return self

    @property
    def clock(self) -> dict[str, list[str]]:
        """Event type -> activities that mean it, for the types of the SLA clock that the mapping names."""
        named = {
            "OPENED": self.open,
            "ASSIGNED": self.assign,
            "PAUSED": self.pause,
            "RESUMED": self.resume,
            "RESOLVED": self.resolve,
        }
        return {kind: activities for kind, activities in named.items() if activities}

    @property
    def activities(self) -> list[str]:
        """Every activity that the mapping names, each once."""
        acts: list[Matching] = [*self.recommendations, *self.verdicts, *self.ratings, *self.outcomes]
        named = [name for names in self.clock.values() for name in names] + [n for act in acts for n in act.activities]
        return list(dict.fromkeys(named))

    @classmethod
    def from_yaml(cls, path: str | Path) -> LogMapping:
        """Read a mapping from a YAML file.

        Parameters
        ----------
        path
            The file.

        Raises
        ------
        FileMissingError, MappingError
            If the file is missing, is no YAML, or has keys or values that a mapping cannot have; all problems at once.
        """
        data = load_yaml(path, MappingError, "mapping")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise MappingError(
                f"{path} is not a mapping", problems=problems_of(error, str(path), sorted(_field_names()), data)
            ) from None


def _field_names() -> set[str]:
    models: list[type[BaseModel]] = [LogMapping, Columns, TimeMap, Act, RatingMap, WordMap]
    return {name for model in models for name in model.model_fields} | set(ACTOR_KINDS)
