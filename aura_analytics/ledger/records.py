"""One event as a row of the ledger, without building a table for it.

`plain_row` knows the plain good record, which is nearly every one. Whatever it does not know goes the long way through
`events.from_records`, so there is one definition of what an event is; a test holds the two to the same answers.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from aura_analytics import events as contract
from aura_analytics.clock import times
from aura_analytics.errors import EventError, InputError, Problem
from aura_analytics.events import ACTOR_KINDS, CLOCK_TYPES, EVENT_TYPES, SCHEMA, SEVERITIES, attributes_text
from aura_analytics.ledger.heads import damaged

__all__ = ["KEY_BYTES", "Row", "checked", "frame_of", "plain_row", "rows_of", "rows_of_records"]

Row = list[Any]
KEY_BYTES = 512  # of an id: PostgreSQL cannot index a key beyond 2,704 bytes
_KEYS = ("event_id", "actor", "case_id")
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-4]):[0-5]\d)", re.ASCII)
_EARLIEST, _LATEST = 86_400_000_000, 7_258_118_400_000_000  # 1970-01-02 and 2200-01-01
_TYPES, _KINDS, _SEVERITIES = frozenset(EVENT_TYPES), frozenset(ACTOR_KINDS), frozenset(SEVERITIES)
_NEED_ACTOR = frozenset(("DECISION", "OVERRIDE", "EVALUATION", "ASSIGNED", "HR_ACTION"))
_NEED_CASE = frozenset((*CLOCK_TYPES, "OUTCOME", "ADJUDICATION"))
_NEED_OUTCOME = frozenset(("OUTCOME", "ADJUDICATION"))
_TEXTS = ("event_id", "actor", "case_id", "queue", "agent", "ai_recommendation", "human_verdict", "outcome")
_COLUMNS = tuple(SCHEMA)
_KNOWN = frozenset(_COLUMNS)


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
    get = record.get
    kind, ts = get("type"), get("ts")
    if type(kind) is not str or kind not in _TYPES:
        return None
    when = now if ts is None else _micros(ts)
    if when is None or not _EARLIEST <= when <= _LATEST:
        return None
    for name in _TEXTS:
        value = get(name)
        if value is not None and not _text(value):
            return None
    if (kind in _NEED_ACTOR and not _said(get("actor"))) or (kind in _NEED_CASE and not _said(get("case_id"))):
        return None
    if kind in _NEED_OUTCOME and not _said(get("outcome")):
        return None
    value, sure = get("value"), get("confidence")
    if not _number(value) or not _number(sure) or (sure is not None and not 0 <= sure <= 1):
        return None
    if (kind == "SAT_SCORE" and (value is None or not 1 <= value <= 5)) or (
        kind == "EVALUATION" and (value is None or not 0 <= value <= 100)
    ):
        return None
    actor_kind, severity = get("actor_kind"), get("severity")
    for item, known in ((actor_kind, _KINDS), (severity, _SEVERITIES)):
        if item is not None and (type(item) is not str or item not in known):
            return None
    penalties, own = get("penalties"), get("attributes")
    if penalties is not None and not (type(penalties) is list and all(map(_text, penalties))):
        return None
    if own is not None and not (
        (type(own) is dict and _plain(own)) or (type(own) is str and record.keys() <= _KNOWN and _object(own))
    ):
        return None
    extra = {} if record.keys() <= _KNOWN else {key: item for key, item in record.items() if key not in _KNOWN}
    if extra and not _plain(extra):
        return None
    return [
        get("event_id") or event_id, when, kind, get("actor"), actor_kind, get("case_id"), get("queue"),
        None if value is None else value + 0.0, get("agent"), get("ai_recommendation"), get("human_verdict"),
        None if sure is None else sure + 0.0, get("outcome"), severity,
        None if penalties is None else _list_text(penalties), attributes_text(own, extra) if extra or own else None,
    ]  # fmt: skip


def _said(text: str | None) -> bool:
    return text is not None and text.strip() != ""


def _text(value: object) -> bool:
    if type(value) is not str or value == "":
        return False
    return value.isascii() or value.encode("utf-8", "replace").decode() == value


def _plain(fields: dict[Any, Any]) -> bool:
    return all(_text(key) for key in fields) and all(
        item is None or type(item) is bool or _text(item) or (item is not None and _number(item)) for item in fields.values()
    )


def _object(text: str) -> bool:
    """Whether a text is a JSON object that is kept as it stands."""
    if not text.startswith("{") or not _text(text) or "\\u" in text:
        return False
    try:
        return isinstance(json.loads(text, parse_constant=_no_constant), dict)
    except (ValueError, RecursionError):
        return False


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _number(value: object) -> bool:
    return value is None or (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 2**53)


def _micros(ts: object) -> int | None:
    if type(ts) is str:
        if _PLAIN_TIME.fullmatch(ts) is None:  # the long way reads the other spellings
            return None
        try:
            ts = datetime.fromisoformat(ts)
        except ValueError:
            return None
    if type(ts) is not datetime or ts.tzinfo is None:
        return None
    offset = ts.utcoffset()
    if offset is None or offset.seconds % 60 or offset.microseconds:
        return None
    return times.epoch_micros(ts)


def _list_text(items: Sequence[str]) -> str:
    return json.dumps(list(items), ensure_ascii=False)


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """Rows of events on the contract, ready to be stored: times in microseconds, lists as JSON."""
    lists = frame["penalties"]
    texts = pl.Series([None if item is None else _list_text(item) for item in lists.to_list()], dtype=pl.String)
    plain = frame.select(_COLUMNS).with_columns(
        pl.col("ts").to_physical(),
        pl.col("type", "actor_kind", "severity").cast(pl.String),
        # SQLite keeps no negative zero, and a hash must not depend on where a number was
        pl.col("value", "confidence") + 0.0,
        penalties=texts if lists.null_count() < lists.len() else pl.lit(None, dtype=pl.String),
    )
    return list(map(list, plain.rows()))


def frame_of(columns: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Events on the contract from stored columns in the contract's order."""
    series = []
    for (name, dtype), values in zip(SCHEMA.items(), columns, strict=True):
        try:
            if name == "ts":
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
        *(pl.col(name).str.len_bytes() > KEY_BYTES for name in _KEYS),
        *(pl.col(name).str.contains("\0", literal=True) for name in texts),
        pl.col("penalties").list.join("").str.contains("\0", literal=True),
    )
    bad = frame.with_row_index("__row").filter(odd)
    if bad.height:
        _check_storable(rows_of(bad), bad["__row"].to_list())


def _check_storable(rows: Sequence[Row], numbers: Sequence[int] | None = None) -> None:
    """`EventError` for rows that keep the contract but that a database cannot keep: overlong ids, NUL characters."""
    problems = []
    keys = [_COLUMNS.index(name) for name in _KEYS]
    for number, row in zip(range(len(rows)) if numbers is None else numbers, rows, strict=True):
        for at in keys:
            text = row[at]
            if text is not None and len(text) * 4 > KEY_BYTES and len(text.encode()) > KEY_BYTES:
                size = len(text.encode())
                problems.append(Problem(f"{_COLUMNS[at]} is too long for the ledger", got=f"{text[:40]}… ({size:,} bytes)",
                                        expected=f"at most {KEY_BYTES} bytes", where=f"row {number}",
                                        next="shorten it, or keep the long form in attributes"))  # fmt: skip
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
        for place, row in zip(rest, found, strict=True):
            rows[place] = row
    good = [row for row in rows if row is not None]
    _check_storable(good)
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
