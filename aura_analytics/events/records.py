"""Loose records, as applications send them, as a table of texts on the contract's names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from aura_analytics.events.schema import SCHEMA

__all__ = ["attributes_text", "frame_of_records", "frame_of_rows"]


def json_object(value: Mapping[str, Any]) -> str | None:
    """JSON of a row's extra fields: nulls left out (absent and null are one thing), None when nothing is left."""
    kept = {key: item for key, item in value.items() if item is not None and item == item}  # NaN is how some frames write gaps
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, default=str) if kept else None


def frame_of_records(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Loose records as a frame of text columns on the contract's names; what the contract does not know goes to attributes.

    Everything is carried as text (lists and numbers in JSON form) and read by `conform`, so that one value of a wrong type
    spoils its own row, not its column.
    """
    present = set().union(*records)
    columns = {name: [record.get(name) for record in records] for name in SCHEMA if name in present}
    if present - SCHEMA.keys():
        columns["attributes"] = [
            attributes_text(record.get("attributes"), {key: value for key, value in record.items() if key not in SCHEMA})
            for record in records
        ]
    return _text_frame(columns, len(records))


def frame_of_rows(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """The same of rows whose columns are named once, all of them on the contract."""
    return _text_frame(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}, len(rows))


def _text_frame(columns: Mapping[str, list[Any]], size: int) -> pl.DataFrame:
    made = {}
    for name in SCHEMA:
        values = columns.get(name, [None])
        if any(value.__class__ is not str and value is not None for value in values):
            values = list(map(_TEXT_OF.get(name, _scalar_text), values))
        made[name] = pl.Series(name, values, dtype=pl.String)
        if name not in columns:
            made[name] = made[name].new_from_index(0, size)
    return pl.DataFrame(made)


def attributes_text(own: object, unknown: Mapping[str, Any]) -> str | None:
    """The `attributes` of a record: what it calls so itself, and the fields that the contract does not know."""
    if isinstance(own, str):
        if not unknown:
            return own
        try:
            own = json.loads(own)
        except ValueError:
            return str(own)  # the attributes_json rule refuses the row; nothing is lost
        if not isinstance(own, Mapping):
            return json.dumps(own)
    if own is None:
        return json_object(unknown)
    if not isinstance(own, Mapping):
        return json.dumps(own, default=str) if not unknown else json_object({"attributes": own, **unknown})
    # a field that both hold keeps both values
    kept = {
        (f"attributes.{key}" if unknown.get(key) is not None and unknown[key] != item else key): item for key, item in own.items()
    }
    return json_object({**kept, **unknown})


def _scalar_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bool, Mapping, list, tuple)):
        return json.dumps(value, default=str)
    enum_value = getattr(value, "value", None)
    return enum_value if isinstance(enum_value, str) else str(value)


def _json_text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, default=str)


_TEXT_OF = {"attributes": lambda value: attributes_text(value, {}), "penalties": _json_text}
