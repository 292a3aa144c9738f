"""One event as a row of the ledger, without building a table for it.

A schema made of the contract knows the plain good record, which is nearly every one. Whatever it does not know goes the long way
through `events.from_records`, so there is one definition of what an event is; a test holds the two to the same answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from aura_analytics.clock import times
from aura_analytics.events import ACTOR_KINDS, CLOCK_TYPES, EVENT_TYPES, SCHEMA, SEVERITIES, attributes_text

__all__ = ["KEYS", "KEY_BYTES", "Row", "list_text", "plain_row"]

Row = list[Any]
KEY_BYTES = 512  # of an id: PostgreSQL cannot index a key beyond 2,704 bytes
KEYS = ("event_id", "actor", "case_id")
_COLUMNS = tuple(SCHEMA)
_KNOWN = frozenset(_COLUMNS)
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)", re.ASCII)
_EARLIEST, _LATEST = 86_400_000_000, 7_258_118_400_000_000  # 1970-01-02 and 2200-01-01
_SAYS = (
    r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$"  # with a sign that is no white space to Python, and without NUL, which databases refuse
)
_REQUIRED = {
    **dict.fromkeys(("DECISION", "OVERRIDE", "EVALUATION", "HR_ACTION"), ("actor",)),
    **dict.fromkeys(CLOCK_TYPES, ("case_id",)),
    "ASSIGNED": ("actor", "case_id"),
    "OUTCOME": ("case_id", "outcome"),
    "ADJUDICATION": ("case_id", "outcome"),
    "DRILL": ("case_id", "outcome"),
}
_RANGES = {"SAT_SCORE": (1.0, 5.0), "EVALUATION": (0.0, 100.0)}


def plain_row(record: Mapping[str, Any], event_id: str, now: int) -> Row | None:
    """The row of a plain good record, its columns in the contract's order; None for any other record.

    Parameters
    ----------
    record
        What the caller sent.
    event_id
        The id it gets if it has none.
    now
        The time it gets if it has none, in microseconds since 1970.
    """
    try:
        get = _PLAIN.validate_python(record).get
    except ValidationError:
        return None
    when, own, extra = get("ts"), get("attributes"), {}
    if not record.keys() <= _KNOWN:
        extra = {key: item for key, item in record.items() if key not in _KNOWN}
        if type(own) is str or not _scalars(extra):
            return None
    value, sure, penalties, mine = get("value"), get("confidence"), get("penalties"), get("own_work")
    return [
        get("event_id") or event_id,
        now if when is None else when,
        get("type"),
        get("actor"),
        get("actor_kind"),
        get("case_id"),
        get("queue"),
        None if value is None else value + 0.0,
        get("agent"),
        get("ai_recommendation"),
        get("human_verdict"),
        None if sure is None else sure + 0.0,
        get("outcome"),
        get("severity"),
        None if penalties is None else list_text(penalties),
        attributes_text(own, extra) if extra or own else None,
        get("audit_chance"),
        get("initial_verdict"),
        None if mine is None else int(mine),
    ]


def list_text(items: list[str]) -> str:
    """Penalties as the ledger keeps them."""
    return json.dumps(items, ensure_ascii=False)


def _text(**more: Any) -> core_schema.CoreSchema:
    return core_schema.str_schema(strict=True, **{"pattern": r"^[^\x00]+$", **more})


def _number(**more: Any) -> core_schema.CoreSchema:
    return core_schema.float_schema(strict=True, allow_inf_nan=False, **{"gt": -(2.0**53), "lt": 2.0**53, **more})


_SCALAR = SchemaValidator(
    core_schema.dict_schema(
        _text(),
        core_schema.nullable_schema(
            core_schema.union_schema(
                [
                    core_schema.bool_schema(strict=True),
                    _text(),
                    core_schema.int_schema(strict=True, gt=-(2**53), lt=2**53),
                    core_schema.chain_schema(
                        [core_schema.is_instance_schema(float), core_schema.float_schema(strict=True, allow_inf_nan=False)]
                    ),
                ],
                mode="left_to_right",
            )
        ),
        strict=True,
    )
)


def _scalars(fields: dict[Any, Any]) -> bool:
    return all(type(item) in _EXACT for item in fields.values()) and _SCALAR.isinstance_python(fields)


_EXACT = (str, int, float, bool, type(None))  # what JSON writes as it is


def _attributes(own: object) -> object:
    """Attributes that are kept as they stand: a dict of scalars, or the text of a JSON object."""
    if type(own) is dict and _scalars(own):
        return own
    if type(own) is str and own.startswith("{") and "\0" not in own and "\\u" not in own:
        own.encode()  # a UnicodeEncodeError is a ValueError
        if isinstance(json.loads(own, parse_constant=_no_constant), dict):
            return own
    raise ValueError("attributes")


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _micros(ts: object) -> int:
    if type(ts) is str:
        if _PLAIN_TIME.fullmatch(ts) is None:  # the long way reads the other spellings
            raise ValueError("ts")
        ts = datetime.fromisoformat(ts)
    if type(ts) is not datetime or ts.tzinfo is None:
        raise ValueError("ts")
    offset = ts.utcoffset()
    if offset is None or offset.seconds % 60 or offset.microseconds:
        raise ValueError("ts")
    when = times.epoch_micros(ts)
    if not _EARLIEST <= when <= _LATEST:
        raise ValueError("ts")
    return when


def _of_type(kind: str) -> core_schema.CoreSchema:
    """The record of one type of event."""

    def field(name: str, schema: core_schema.CoreSchema) -> core_schema.TypedDictField:
        required = name in _REQUIRED.get(kind, ()) or (name == "value" and kind in _RANGES)
        return core_schema.typed_dict_field(schema if required else core_schema.nullable_schema(schema), required=required)

    least, most = _RANGES.get(kind, (None, None))
    fields = {
        "type": core_schema.typed_dict_field(core_schema.literal_schema([kind])),
        "ts": field("ts", core_schema.no_info_plain_validator_function(_micros)),
        "value": field("value", _number() if least is None else _number(ge=least, le=most)),
        "confidence": field("confidence", _number(ge=0.0, le=1.0)),
        "audit_chance": field("audit_chance", _number(gt=0.0, le=1.0) if kind == "ADJUDICATION" else core_schema.none_schema()),
        "own_work": field("own_work", core_schema.bool_schema(strict=True)),
        "actor_kind": field("actor_kind", core_schema.literal_schema(list(ACTOR_KINDS))),
        "severity": field("severity", core_schema.literal_schema(list(SEVERITIES))),
        "penalties": field("penalties", core_schema.list_schema(_text(), strict=True)),
        "attributes": field("attributes", core_schema.no_info_plain_validator_function(_attributes)),
    }
    for name in _COLUMNS:
        if name not in fields:
            limits: dict[str, Any] = {"max_length": KEY_BYTES // 4} if name in KEYS else {}
            if name in _REQUIRED.get(kind, ()):
                limits["pattern"] = _SAYS
            fields[name] = field(name, _text(**limits))
    return core_schema.typed_dict_schema(fields, extra_behavior="ignore", strict=True)


_PLAIN = SchemaValidator(core_schema.tagged_union_schema({kind: _of_type(kind) for kind in EVENT_TYPES}, "type"))
