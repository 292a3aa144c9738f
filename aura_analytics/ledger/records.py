"""Events as rows of the ledger, and rows as events: checked, and fit to be stored."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics import events as contract
from aura_analytics.clock import times
from aura_analytics.errors import EventError, InputError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike, HasArrowStream, HasEvents, as_events
from aura_analytics.ledger.heads import damaged
from aura_analytics.ledger.plain_events import KEY_BYTES, KEYS, Row, list_text, plain_row

__all__ = ["checked", "frame_of", "frame_or_dicts", "rows_of", "rows_of_records"]

_COLUMNS = tuple(SCHEMA)


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """Rows of events on the contract, ready to be stored: times in microseconds, lists as JSON."""
    lists = frame["penalties"]
    texts = pl.Series([None if item is None else list_text(item) for item in lists.to_list()], dtype=pl.String)
    plain = frame.select(_COLUMNS).with_columns(
        pl.col("ts").to_physical(),
        pl.col("type", "actor_kind", "severity").cast(pl.String),
        # SQLite keeps no negative zero, and a hash must not depend on where a number was
        pl.col("value", "confidence") + 0.0,
        pl.col("own_work").cast(pl.Int64),
        penalties=texts if lists.null_count() < lists.len() else pl.lit(None, dtype=pl.String),
    )
    return list(map(list, plain.rows()))


def frame_of(columns: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Events on the contract from stored columns in the contract's order."""
    series = []
    for (name, dtype), values in zip(SCHEMA.items(), columns, strict=True):
        try:
            if name == "ts" or name == "own_work":
                series.append(pl.Series(name, values, dtype=pl.Int64).cast(dtype))
            elif name == "penalties":
                series.append(pl.Series(name, values, dtype=pl.String).str.json_decode(dtype))
            else:
                series.append(pl.Series(name, values, dtype=dtype))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            raise damaged(f"the ledger holds a {name} that no event can have") from None
    return pl.DataFrame(series)


def _check_frame(frame: pl.DataFrame) -> None:
    """As `_check_storable`, for events on the contract."""
    texts = [name for name, dtype in SCHEMA.items() if dtype == pl.String]
    odd = pl.any_horizontal(
        *(pl.col(name).str.len_bytes() > KEY_BYTES for name in KEYS),
        *(pl.col(name).str.contains("\0", literal=True) for name in texts),
        pl.col("penalties").list.join("").str.contains("\0", literal=True),
    )
    bad = frame.with_row_index("__row").filter(odd)
    if bad.height:
        _check_storable(rows_of(bad), bad["__row"].to_list())


def _check_storable(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> None:
    """`EventError` for rows that keep the contract but that a database cannot keep: overlong ids, NUL characters."""
    problems = []
    keys = [_COLUMNS.index(name) for name in KEYS]
    for number, row in zip(range(len(rows)) if numbers is None else numbers, rows, strict=True):
        for at in keys:
            text = row[at]
            if text is not None and len(text) * 4 > KEY_BYTES and len(text.encode()) > KEY_BYTES:
                size = len(text.encode())
                problems.append(
                    Problem(
                        f"{_COLUMNS[at]} is too long for the ledger",
                        got=f"{text[:40]}… ({size:,} bytes)",
                        expected=f"at most {KEY_BYTES} bytes",
                        where=f"row {number}",
                        next="shorten it, or keep the long form in attributes",
                    )
                )
        if any(type(item) is str and "\0" in item for item in row):
            name = next(_COLUMNS[at] for at, item in enumerate(row) if type(item) is str and "\0" in item)
            problems.append(Problem(f"{name} holds a NUL character", expected="text without it", where=f"row {number}"))
    if problems:
        raise EventError("events cannot be stored", problems=problems)


def checked(table: pl.DataFrame) -> pl.DataFrame:
    """Events of a frame, each of them keeping the contract and fit to be stored.

    What is on the contract already is checked row by row only: how its events fit together (a case that is resolved before it is
    opened) is for those who read the log, and no reason not to keep what was reported.
    """
    as_it_is = contract.is_on_contract(table) and not table["event_id"].null_count() and not (table["event_id"] == "").any()
    if as_it_is and table.filter(contract.row_is_bad(table.columns)).is_empty():
        good = table.select(SCHEMA.names())
    else:
        good = contract.validate(table)
    _check_frame(good)
    return good


def rows_of_records(records: Sequence[Mapping[str, Any]], now: int) -> tuple[list[Row], list[bool]]:
    """Rows of dicts as an application sends them, and which of them got their time from us."""
    rows: list[Row | None] = []
    for place, record in enumerate(records):
        if not isinstance(record, Mapping):
            hint = "one event goes through record_event, a file through read_events, another frame through polars.DataFrame"
            raise InputError(Problem("an event is a dict", got=record, where=f"event {place}", expected='{"type": ...}', next=hint))
        rows.append(plain_row(record, uuid.uuid4().hex, now))
    rest = [place for place, row in enumerate(rows) if row is None]
    if rest:
        found = _the_long_way(records, rest, now)
        _check_storable(found, rest)
        for place, row in zip(rest, found, strict=True):
            rows[place] = row
    good = [row for row in rows if row is not None]
    return good, [record.get("ts") is None for record in records]


def _the_long_way(records: Sequence[Mapping[str, Any]], places: list[int], now: int) -> list[Row]:
    given = [dict(records[place]) for place in places]
    for record in given:
        if record.get("event_id") in (None, ""):
            record["event_id"] = uuid.uuid4().hex
    moment = times.from_epoch_micros(now)
    try:
        loose = contract.frame_of_records(given)
    except (TypeError, UnicodeEncodeError) as error:
        raise EventError(Problem("events hold what no text can hold", got=str(error), where=f"among events {places[:5]}")) from None
    table = contract.conform(loose, now=moment, keep_raw=True).collect()
    bad = table.with_row_index("__at").filter(contract.row_is_bad(table.columns))
    if bad.height:
        reasons = bad.select("__at", why=contract.row_reasons(bad.columns)).explode("why")
        problems = [Problem(why, where=f"event {places[at]}") for at, why in reasons.iter_rows()]
        raise EventError("events break the contract", problems=problems)
    return rows_of(table.select(SCHEMA.names()))


def frame_or_dicts(events: EventsLike) -> pl.DataFrame | pl.LazyFrame | list[Mapping[str, Any]]:
    """Dicts as they are, since each of them is an event of its own; whatever else holds events as a frame."""
    if isinstance(events, (pl.DataFrame, pl.LazyFrame)):
        return events
    if isinstance(events, (str, Path, HasEvents, HasArrowStream)):
        return as_events(events)
    if isinstance(events, (bytes, Mapping)) or not isinstance(events, Iterable):
        hint = "one event goes through record_event"
        expected = "a list of dicts, a frame, a path, or whatever else holds events"
        raise InputError(Problem("events are a frame or dicts", got=events, expected=expected, next=hint))
    items: list[Any] = list(events)
    return as_events(items) if items and all(isinstance(item, (str, Path)) for item in items) else items
