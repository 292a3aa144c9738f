"""The mapping of a foreign log onto the event contract: a pydantic model that is written as a YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from aura_analytics.errors import MappingError
from aura_analytics.events import ACTOR_KINDS
from aura_analytics.io.mapping_parts import (
    Act,
    ActorKind,
    Columns,
    EventMap,
    FileMap,
    Given,
    Matching,
    Milestone,
    OneOrMany,
    Pairs,
    RatingMap,
    Source,
    TimeMap,
    WordMap,
)
from aura_analytics.yaml_models import Strict, load_yaml, problems_of

__all__ = ["Act", "Columns", "LogMapping", "Matching", "RatingMap", "TimeMap", "WordMap"]

NOBODY = ("null", "none", "nan", "n/a", "na", "-", "--", "?", "unknown", "unassigned", "nobody", "(none)", "(empty)", "\\n")


class LogMapping(Strict):
    """How to read a foreign log as events.

    Examples
    --------
    >>> mapping = LogMapping.model_validate({
    ...     "name": "claims",
    ...     "columns": {"case": "claim", "activity": "step", "time": "at", "actor": "who"},
    ...     "open": ["filed"], "resolve": ["closed"],
    ...     "recommendations": [{"activity": "suggest-pay", "says": "APPROVE"}],
    ...     "verdicts": [{"activity": "pay", "says": "APPROVE"}, {"activity": "refuse", "says": "REJECT"}]})
    >>> mapping.resolve[0].activity
    'closed'
    """

    name: str = Field(description="what errors call it")
    description: str = Field("", description="for people")
    file: FileMap = Field(FileMap(), description="how the file is written")
    columns: Columns = Field(description="which column holds what")
    time: TimeMap = Field(TimeMap(), description="how the log writes time")
    decimal: Literal[".", ","] = Field(".", description="the sign before the fraction of a number")
    nobody: list[str] = Field(default=list(NOBODY), description="names, in any case, that mean that nobody is named")
    keep: dict[str, OneOrMany] = Field(default_factory=dict, description="only rows whose column has one of these values")
    optional: bool | list[str] = Field(
        default=False, description="names that need not occur in the log (true: any of them; a log of one month may lack some)"
    )
    actor_kinds: dict[str, ActorKind] = Field(default_factory=dict, description="kind of actors, by name or pattern: citizen-*")
    kinds: dict[str, ActorKind] = Field(default_factory=dict, description="words of the column `actor_kind`, and what they mean")
    default_kind: ActorKind = Field("officer", description="kind of everybody else")
    id_from: list[str] = Field(
        default_factory=list, description="columns that say which event it is, whatever else changes from export to export"
    )
    states: bool = Field(
        default=False, description="rows repeat the state of a case: only a change of it is something that happened"
    )
    words: dict[str, str] = Field(
        default_factory=dict, description="words of verdicts and recommendations that mean the same: Pay: PAY"
    )
    open: list[Matching] = Field(default_factory=list, description="rows that begin a case: OPENED")
    assign: list[Matching] = Field(default_factory=list, description="rows that give a case to their actor: ASSIGNED")
    pause: list[Matching] = Field(default_factory=list, description="rows that stop its clock: PAUSED")
    resume: list[Matching] = Field(default_factory=list, description="rows that start it again: RESUMED")
    resolve: list[Matching] = Field(default_factory=list, description="rows that end a case: RESOLVED")
    recommendations: list[Act] = Field(default_factory=list, description="rows in which somebody, mostly a machine, recommends")
    verdicts: list[Act] = Field(
        default_factory=list, description="rows that decide: DECISION where they agree with the last recommendation, else OVERRIDE"
    )
    ratings: list[RatingMap] = Field(default_factory=list, description="rows with stars: SAT_SCORE")
    outcomes: list[WordMap] = Field(default_factory=list, description="rows that say what turned out: OUTCOME")
    events: list[EventMap] = Field(default_factory=list, description="rows that are events of any other type")
    milestones: dict[Literal["OPENED", "ASSIGNED", "PAUSED", "RESUMED", "RESOLVED"], Milestone] = Field(
        default_factory=dict, description="columns that say when something happened to the case of a row"
    )
    pairs: Pairs | None = Field(None, description="a row holds what was recommended and what was decided")

    @model_validator(mode="after")
    def _not_empty(self) -> LogMapping:
        rules = [rule for _, rule in self.rules()]
        if not rules and not self.milestones and self.pairs is None:
            raise ValueError(
                "the mapping names no activity: nothing would be imported (open, resolve, verdicts, milestones, pairs, ...)"
            )
        if self.verdicts and not self.recommendations:
            raise ValueError("there are verdicts but no recommendations: nothing could be a DECISION or an OVERRIDE")
        if any(rule.activities for rule in rules) and self.columns.activity is None:
            raise ValueError("rules name activities, and columns.activity is not given")
        if rules and self.columns.time is None:
            raise ValueError("columns.time is not given: nothing says when something happened")
        if self.pairs is not None and self.pairs.decided_at is None and self.columns.time is None:
            raise ValueError("pairs.decided_at is not given, nor columns.time: nothing says when a verdict was given")
        if self.states and self.columns.activity is None:
            raise ValueError("states are those of columns.activity, which is not given")
        return self

    @property
    def clock(self) -> dict[str, list[Matching]]:
        """Event type -> rules that mean it, for the types of the SLA clock that the mapping names."""
        named = {
            "OPENED": self.open,
            "ASSIGNED": self.assign,
            "PAUSED": self.pause,
            "RESUMED": self.resume,
            "RESOLVED": self.resolve,
        }
        return {kind: rules for kind, rules in named.items() if rules}

    def rules(self) -> Iterator[tuple[str, Matching]]:
        """Every rule with its place in the mapping: `verdicts[0]`."""
        for key in ("open", "assign", "pause", "resume", "resolve", "recommendations", "verdicts", "ratings", "outcomes", "events"):
            for place, rule in enumerate(getattr(self, key)):
                yield f"{key}[{place}]", rule

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Every value that is taken from columns, with its place in the mapping."""
        for part, model in (("columns", self.columns), ("pairs", self.pairs)):
            for key in type(model).model_fields if model is not None else ():
                if getattr(model, key) is not None:
                    yield f"{part}.{key}", getattr(model, key)
        for kind, milestone in self.milestones.items():
            yield f"milestones.{kind}", milestone.column
            if milestone.actor is not None:
                yield f"milestones.{kind}.actor", milestone.actor
            yield from ((f"milestones.{kind}.expected", name) for name in milestone.expected)
        yield from (("keep", name) for name in self.keep)
        yield from (("id_from", name) for name in self.id_from)
        for place, rule in self.rules():
            yield from ((f"{place}.where", name) for name in rule.where)
            for key in type(rule).model_fields.keys() - Matching.model_fields.keys():
                given = getattr(rule, key)
                if isinstance(given, Given) or (key in ("value", "audit_chance", "by") and given is not None):
                    yield f"{place}.{key}", given

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
    models: list[type[BaseModel]] = [
        LogMapping,
        Columns,
        FileMap,
        TimeMap,
        Act,
        RatingMap,
        WordMap,
        EventMap,
        Milestone,
        Pairs,
        Given,
    ]
    return {name for model in models for name in model.model_fields} | set(ACTOR_KINDS)
