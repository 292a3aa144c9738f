"""The parts of a mapping: where a value stands, and which rows mean what."""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from aura_analytics.clock import times
from aura_analytics.yaml_models import Strict

__all__ = [
    "Act",
    "ActorKind",
    "Columns",
    "EventMap",
    "FileMap",
    "Given",
    "Matching",
    "Milestone",
    "OneOrMany",
    "Pairs",
    "RatingMap",
    "Source",
    "TimeMap",
    "WordMap",
    "listed",
]

_SIGNS = (
    *(
        "%Y",
        "%y",
        "%m",
        "%d",
        "%e",
        "%b",
        "%B",
        "%a",
        "%A",
        "%j",
        "%F",
        "%D",
        "%H",
        "%k",
        "%I",
        "%l",
        "%M",
        "%S",
        "%p",
        "%P",
        "%T",
        "%R",
    ),
    *("%f", "%.f", "%.3f", "%.6f", "%.9f", "%z", "%:z", "%%"),
)
ActorKind: TypeAlias = Literal["officer", "agent", "component", "citizen", "system"]
OneOrMany: TypeAlias = str | list[str]
Constant: TypeAlias = str | int | float | bool


class Given(Strict):
    """A value that needs more than a column's name: a constant, or a number on a scale of its own."""

    column: OneOrMany | None = Field(None, description="the column; several are joined by '/'")
    constant: Constant | None = Field(None, description="the same for every row")
    scale: tuple[float, float] | None = Field(
        None, description="what the log's lowest and highest value are: [0, 1] for thumbs, [0, 100] for per cent"
    )

    @model_validator(mode="after")
    def _one(self) -> Given:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give a column or a constant, one of them")
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError("a scale is [lowest, highest]")
        return self


Source: TypeAlias = str | list[str] | Given
"""A column's name, several names (joined by "/"), or a `Given`. A name may be a path into nested data: `author.email`,
`annotations[*].result`."""


def listed(value: OneOrMany | None) -> list[str]:
    """One or many, as a list."""
    return [] if value is None else [value] if isinstance(value, str) else list(value)


class Columns(Strict):
    """Which column of the log holds what."""

    case: Source = Field(description="which case; several columns are joined by /")
    activity: Source | None = Field(None, description="what happened: needed where rules name activities")
    time: Source | None = Field(None, description="when: needed for all but milestones and pairs that have times of their own")
    actor: Source | None = Field(None, description="who did it")
    actor_kind: Source | None = Field(None, description="what the actor is; other words than ours are translated by `kinds`")
    owner: Source | None = Field(None, description="whose case it is: who is to decide on a recommendation")
    queue: Source | None = Field(None, description="the queue of the case")
    confidence: Source | None = Field(None, description="0-1, of a recommendation; another scale is given with `scale`")
    event_id: Source | None = Field(None, description="the log's own name of an event")


class TimeMap(Strict):
    """How the log writes time."""

    zone: str = Field("UTC", description="zone of times that carry no offset")
    ambiguous: times.Ambiguous = Field("reject", description="a local time that was twice, when clocks went back")
    format: str = Field(
        "iso",
        description="iso, epoch_seconds, epoch_milliseconds, epoch_microseconds, epoch_nanoseconds, or a strftime pattern",
    )
    never: list[str] = Field(default_factory=list, description="texts that mean that it did not happen: '9999-12-31'")
    years: tuple[int, int] = Field((1900, 2100), description="the first and the last year that a time may be in")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            return times.check_zone(zone)
        except ValueError as error:
            raise ValueError(str(error)) from None

    @field_validator("format")
    @classmethod
    def _known_format(cls, form: str) -> str:
        known = ("iso", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds", "epoch_nanoseconds")
        if form not in known and "%" not in form:
            raise ValueError(
                f"{form!r} is no way to write time: expected one of {', '.join(known)}, or a pattern such as %d.%m.%Y %H:%M"
            )
        unknown = [sign for sign in re.findall(r"%[.:#]?\d?[A-Za-z+%]", form) if sign not in _SIGNS] if form not in known else []
        if unknown:
            expected = " ".join(_SIGNS)
            raise ValueError(f"{form!r} holds {', '.join(unknown)}, which cannot be read for sure: expected of {expected}")
        return form


class FileMap(Strict):
    """How the file is written, where it is not UTF-8 with commas."""

    encoding: str | None = Field(None, description="of CSV: cp1252, iso-8859-1, utf-16, ...; without it UTF-8, strictly")
    delimiter: str | None = Field(None, description="of CSV: without it the header tells (, ; tab |)")
    records: str | None = Field(None, description="of JSON: path of the list of records, when it is not the whole file")
    sheet: str | None = Field(None, description="of a workbook: the sheet, when it is not the first")
    object_type: str | None = Field(None, description="of an object-centric log: the objects that are its cases")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str | None) -> str | None:
        import codecs

        try:
            if name is not None:
                codecs.lookup(name)
        except LookupError:
            raise ValueError(f"{name!r} is no encoding: expected such as utf-8, cp1252, iso-8859-1, utf-16") from None
        return name

    @field_validator("delimiter")
    @classmethod
    def _one_sign(cls, sign: str | None) -> str | None:
        if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
            raise ValueError("a delimiter is one sign, no quote and no end of a line")
        return sign


class Matching(Strict):
    """Which rows: an activity (or several), of given actors or of all but some, where columns have given values."""

    activity: OneOrMany | None = Field(
        None, description="what happened, as the log writes it; a rule that says nothing else may be just this text"
    )
    actor: OneOrMany | None = Field(None, description="only rows of these actors")
    not_actor: OneOrMany | None = Field(None, description="all rows but of these actors")
    where: dict[str, OneOrMany] = Field(default_factory=dict, description="column: value, or several of which it has one")
    first: bool = Field(default=False, description="of each case only the first such row")
    last: bool = Field(default=False, description="of each case only the last such row")
    optional: bool = Field(default=False, description="its names need not occur in the log")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """An activity alone may stand for the rule."""
        return {"activity": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_side(self) -> Matching:
        if self.actor is not None and self.not_actor is not None:
            raise ValueError("give actor or not_actor, not both")
        if self.first and self.last:
            raise ValueError("give first or last, not both")
        if self.activity is None and not self.where:
            raise ValueError("say which rows: an activity, or where a column has a value")
        return self

    @property
    def activities(self) -> list[str]:
        """The activities, as a list."""
        return listed(self.activity)


class Act(Matching):
    """A recommendation or a verdict, and the word it stands for."""

    says: str | Given = Field(
        description="the word compared between recommendation and verdict: APPROVE, REJECT; {column: ...} where a column has it"
    )


About: TypeAlias = Literal["case", "actor"]


class RatingMap(Matching):
    """Rows that carry a satisfaction rating."""

    value: Source = Field(description="column of the stars; another scale than 1 to 5 is given with `scale`")
    about: About = Field(
        "case", description="whom it is about: who decided the `case` (the row names its author), or the row's `actor`"
    )


class WordMap(Matching):
    """Rows that say what turned out true of a case."""

    outcome: str | Given = Field(
        description="success, failure, partial, cancelled, or which verdict was right; {column: ...} takes it from the row"
    )
    about: About = Field("case", description="as of a rating")


class EventMap(Matching):
    """Rows that are events of any type. A text is the word itself, `{column: ...}` takes it from the row; of a number a text is its
    column.
    """

    type: Literal["SAT_SCORE", "EVALUATION", "OUTCOME", "ADJUDICATION", "HR_ACTION", "ROUTED", "DRILL", "DECISION", "OVERRIDE"] = (
        Field(description="the event type")
    )
    value: Source | None = Field(None, description="column of stars, or of a score from 0 to 100")
    audit_chance: Source | None = Field(None, description="of an audit: column of the chance with which its case was drawn")
    by: Source | None = Field(None, description="column of the actor, where it is not `columns.actor`")
    agent: str | Given | None = Field(None, description="who recommended")
    ai_recommendation: str | Given | None = Field(None, description="what was recommended")
    human_verdict: str | Given | None = Field(None, description="what was decided")
    initial_verdict: str | Given | None = Field(None, description="the verdict before the recommendation was seen")
    outcome: str | Given | None = Field(None, description="what turned out")
    severity: str | Given | None = Field(None, description="low, medium, high or critical")


class Milestone(Strict):
    """A column that says when something happened to the row's case."""

    column: Source = Field(description="the column of the time; a milestone that says nothing else may be just its name")
    actor: Source | None = Field(None, description="column of who did it, where it is not `columns.actor`")
    expected: dict[str, OneOrMany] = Field(
        default_factory=dict, description="where a column has one of these values, the time must be there: status: Closed"
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, (str, Given)) else given


class Pairs(Strict):
    """A row that holds what was recommended and what was decided."""

    recommendation: Source = Field(description="column of what was recommended")
    verdict: Source = Field(description="column of what was decided; a row without it waits")
    recommended_by: Source | None = Field(None, description="who recommended")
    recommended_at: Source | None = Field(None, description="when: of a row that waits")
    decided_by: Source | None = Field(None, description="without it `columns.actor`")
    decided_at: Source | None = Field(None, description="without it `columns.time`")
    confidence: Source | None = Field(None, description="0-1, of the recommendation")
    initial: Source | None = Field(None, description="the verdict before the recommendation was seen")
    truth: Source | None = Field(None, description="which verdict turned out right: an ADJUDICATION")
    truth_at: Source | None = Field(None, description="when that was known; without it `decided_at`")
    audit_chance: Source | None = Field(None, description="the chance with which the case was drawn for the audit")
    stars: Source | None = Field(None, description="1-5, about who decided: a SAT_SCORE")
    stars_at: Source | None = Field(None, description="when they were given; without it `decided_at`")
