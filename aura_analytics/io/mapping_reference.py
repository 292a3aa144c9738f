"""The reference of a mapping's keys, made of the model itself."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import (
    Act,
    Columns,
    EventMap,
    FileMap,
    Given,
    Matching,
    Milestone,
    Pairs,
    RatingMap,
    TimeMap,
    WordMap,
)

__all__ = ["PARTS", "mapping_reference", "mapping_schema"]

PARTS: dict[str, tuple[type[BaseModel], str]] = {
    "mapping": (LogMapping, "The whole file."),
    "columns": (Columns, "Which column holds what."),
    "given": (Given, "A value that is more than a column's name."),
    "time": (TimeMap, "How the log writes time."),
    "file": (FileMap, "How the file is written."),
    "rule": (Matching, "Which rows: of `open`, `assign`, `pause`, `resume`, `resolve`, and part of every rule below."),
    "recommendations, verdicts": (Act, "What a machine said and what an officer made of it, a row each."),
    "ratings": (RatingMap, "Stars."),
    "outcomes": (WordMap, "What turned out true."),
    "events": (EventMap, "Events of any other type."),
    "milestones": (Milestone, "Times in columns of their own, by event type."),
    "pairs": (Pairs, "Recommendation and verdict in one row."),
}
_NAMES: dict[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "nothing"}


def mapping_schema() -> dict[str, Any]:
    """The JSON Schema of mapping files, for editors that complete and check YAML.

    Examples
    --------
    >>> sorted(mapping_schema()["required"])
    ['columns', 'name']
    """
    return LogMapping.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "aura mapping"}


def mapping_reference(part: str | None = None) -> str:
    """Every key of a mapping with what it takes, in Markdown.

    Parameters
    ----------
    part
        One part only, such as `pairs`; by default all.

    Examples
    --------
    >>> print(mapping_reference("time").splitlines()[0])
    ## time
    """
    chosen = {name: PARTS[name] for name in PARTS if part is None or part in name.split(", ")}
    return "\n".join(_part(name, model, about) for name, (model, about) in chosen.items())


def _part(name: str, model: type[BaseModel], about: str) -> str:
    lines = [f"## {name}", "", about, "", "| key | takes | without it | what it says |", "|---|---|---|---|"]
    inherited = Matching.model_fields if issubclass(model, Matching) and model is not Matching else {}
    for key, field in model.model_fields.items():
        if key in inherited:
            continue
        default = "needed" if field.is_required() else _default(field.get_default(call_default_factory=True))
        lines.append(f"| `{key}` | {_takes(field.annotation)} | {default} | {field.description or ''} |")
    return "\n".join([*lines, ""])


def _default(value: Any) -> str:
    if value is None or value in ([], {}, "") or isinstance(value, BaseModel):
        return ""
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _takes(kind: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_takes(part) for part in parts if part is not type(None)))
    if origin is list:
        return f"list of {_takes(parts[0])}"
    if origin is dict:
        return f"{_takes(parts[0])}: {_takes(parts[1])}"
    if origin is tuple:
        return "[lowest, highest]"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next((f"a `{name.split(', ')[0]}`" for name, (model, _) in PARTS.items() if model is kind), kind.__name__)
    return _NAMES.get(kind, str(kind))
