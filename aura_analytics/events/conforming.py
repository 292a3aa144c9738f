"""Any table brought onto the contract: types cast, unknown columns kept in `attributes`, ids made of the content."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from aura_analytics.clock import times
from aura_analytics.errors import Problem, SchemaError
from aura_analytics.events.records import attributes_text, json_object
from aura_analytics.events.rules import CAST_RULES, failed_flag, raw_text
from aura_analytics.events.schema import ADDED, ALIASES, PASSED_ON, REQUIRED, SCHEMA, VOCABULARIES

__all__ = ["assign_ids", "conform"]

_NOT_SAID = (None,) * len(ADDED)
_YES_OR_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _check_columns(schema: pl.Schema, *, stamp: bool) -> None:
    problems = []
    for name in REQUIRED:
        if name in schema or (stamp and name == "ts"):
            continue
        alias = next((column for column in schema if ALIASES.get(column.lower()) == name), None)
        hint = f"rename {alias!r} to {name!r}" if alias else "foreign logs come in through import_log with a mapping"
        problems.append(
            Problem(
                f"column {name!r} is missing",
                got=[c for c in schema if not c.startswith("__")],
                expected=", ".join(SCHEMA),
                next=hint,
            )
        )
    for name, dtype in schema.items():
        if name not in SCHEMA or dtype == SCHEMA[name] or dtype == pl.Null:
            continue
        expected = SCHEMA[name]
        textual = dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum)
        good = {
            "ts": textual or dtype == pl.Date or isinstance(dtype, pl.Datetime),
            "value": textual or dtype.is_numeric(),
            "confidence": textual or dtype.is_numeric(),
            "audit_chance": textual or dtype.is_numeric(),
            "own_work": textual or dtype.is_integer(),
            "penalties": textual or (isinstance(dtype, pl.List) and dtype.inner in (pl.String, pl.Null)),
            "attributes": textual or isinstance(dtype, pl.Struct),
        }.get(name, textual or (dtype.is_integer() and name not in VOCABULARIES))
        if not good:
            advice = "write times as ISO 8601 text" if name == "ts" else None
            problems.append(Problem(f"column {name!r} has the wrong type", got=str(dtype), expected=str(expected), next=advice))
    if problems:
        raise SchemaError("these are not events", problems=problems)


def _cast(name: str, dtype: pl.DataType, zone: str, ambiguous: times.Ambiguous) -> pl.Expr:
    column, target = pl.col(name), SCHEMA[name]
    textual = dtype == pl.String or dtype == pl.Categorical or isinstance(dtype, pl.Enum)
    if dtype == target:
        return column
    if name == "ts":
        return times.to_utc(column, dtype, zone, ambiguous)
    if name in VOCABULARIES and textual:
        text = column.cast(pl.String).str.strip_chars()
        return (text.str.to_uppercase() if name == "type" else text.str.to_lowercase()).cast(target, strict=False)
    if name == "penalties" and textual:
        return column.cast(pl.String).map_elements(_json_list, return_dtype=target)
    if name == "penalties" and dtype == pl.List(pl.Null):
        return column.cast(target)
    if name == "attributes" and isinstance(dtype, pl.Struct):
        return column.map_elements(json_object, return_dtype=pl.String)
    if name == "own_work":
        text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
        return text.replace_strict(_YES_OR_NO, default=None, return_dtype=target)
    if textual and target == pl.Float64:
        return column.cast(pl.String).str.strip_chars().cast(target, strict=False)
    return column.cast(target, strict=False)


def _json_list(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _fold_unknown(frame: pl.LazyFrame, schema: pl.Schema, unknown: list[str]) -> pl.LazyFrame:
    """Put the columns that the contract does not know into `attributes`, beside what is there already."""
    has_attributes = "attributes" in schema and schema["attributes"] != pl.Null

    def fold(row: Mapping[str, Any]) -> str | None:
        return attributes_text(row.get("attributes"), {name: row[name] for name in unknown})

    columns = [*unknown, *(["attributes"] if has_attributes else [])]
    folded = pl.struct(columns).map_elements(fold, return_dtype=pl.String, skip_nulls=False).alias("attributes")
    return frame.with_columns(folded).drop(unknown)


def conform(
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    zone: str = "UTC",
    ambiguous: times.Ambiguous = "reject",
    now: datetime | None = None,
    keep_raw: bool = False,
) -> pl.LazyFrame:
    """Bring a frame onto the contract's columns, with one `__failed_<column>` flag per column that had to be cast.

    Unknown columns go to `attributes`. `now`, when given, stamps events without a time. Event ids are not made here: they
    depend on the whole table (`assign_ids`).
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    _check_columns(schema, stamp=now is not None)
    unknown = [name for name in schema if name not in SCHEMA and name not in PASSED_ON]
    if unknown:
        lazy = _fold_unknown(lazy, schema, unknown)
        schema = pl.Schema({**{n: t for n, t in schema.items() if n not in unknown}, "attributes": pl.String()})
    columns, flags = [], []
    for name, target in SCHEMA.items():
        if name not in schema or schema[name] == pl.Null:
            columns.append(pl.lit(now if name == "ts" and now is not None else None, dtype=target).alias(name))
            continue
        cast = _cast(name, schema[name], zone, ambiguous)
        if schema[name] != target and name in CAST_RULES:
            flags.append((cast.is_null() & pl.col(name).is_not_null()).alias(failed_flag(name)))
            if keep_raw:
                raw = pl.lit(None, dtype=pl.String) if isinstance(schema[name], pl.List) else pl.col(name).cast(pl.String)
                flags.append(raw.alias(raw_text(name)))
        columns.append((cast.fill_null(now) if name == "ts" and now is not None else cast).alias(name))
    return lazy.select(*columns, *flags, *(pl.col(name) for name in schema if name in PASSED_ON))


def assign_ids(frame: pl.DataFrame, seen: Counter[str] | None = None) -> pl.DataFrame:
    """Give events without an id one made of their content, so that reading the same log twice gives the same ids.

    Two identical events without ids are two events: the second gets another id than the first. `seen` carries the count from
    batch to batch of one source.
    """
    missing = frame["event_id"].is_null()
    if not missing.any():
        return frame
    seen = Counter() if seen is None else seen
    content = frame.filter(missing).select(pl.col("ts").dt.epoch("us"), pl.exclude("event_id", "ts", "^__.*$", *ADDED), *ADDED)
    made = []
    for whole in content.iter_rows():
        row = whole if whole[-len(ADDED) :] != _NOT_SAID else whole[: -len(ADDED)]
        digest = hashlib.blake2b(repr(row).encode(), digest_size=14).hexdigest()
        seen[digest] += 1
        made.append(f"c-{digest}" if seen[digest] == 1 else f"c-{digest}-{seen[digest]}")
    ids = frame["event_id"].to_list()
    fresh = iter(made)
    return frame.with_columns(pl.Series("event_id", [next(fresh) if one is None else one for one in ids], dtype=pl.String))
