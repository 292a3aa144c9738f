"""From the ledger's rows to polars: by column, with declared dtypes, in pieces of bounded size.

Only the driver that wrote the file reads it: a second SQLite library in one process that closes the live file would drop the
locks of the first. Others are handed a copy (`write_copy`) or Parquet.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, Select, inspect, null, select, text

from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.events import EVENT_TYPES, empty
from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import Engines, compiled
from aura_analytics.ledger.heads import damaged
from aura_analytics.ledger.records import frame_of
from aura_analytics.outputs import written

__all__ = ["chunks", "event_frames", "matching", "narrowed", "read_events", "write_copy"]

_CHUNK = 65_536
_WIDTH = len(tables.COLUMNS)
_ID = tables.COLUMNS.index("event_id")


def chunks(connection: Connection, statement: Select[Any], size: int = _CHUNK) -> Iterator[list[Sequence[Any]]]:
    """Rows of a query as plain tuples, some at a time."""
    sqlite = connection.dialect.name == "sqlite"
    text_, values, _ = compiled(statement, sqlite=sqlite)
    connection.exec_driver_sql("SELECT 1")  # begins the transaction
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor() if sqlite else driver.cursor(f"aura_{uuid.uuid4().hex}")
    try:
        cursor.execute(text_, values)
        while rows := cursor.fetchmany(size):
            yield rows
    finally:
        cursor.close()


def matching(
    statement: Select[Any],
    *,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    actor: str | Sequence[str] | None = None,
    type: str | Sequence[str] | None = None,  # noqa: A002  (the contract's name)
    case_id: str | Sequence[str] | None = None,
    after: int = 0,
    upto: int | None = None,
) -> Select[Any]:
    """The query, narrowed."""
    column = tables.events.c
    if since is not None:
        statement = statement.where(column.ts > _micros(since))
    if until is not None:
        statement = statement.where(column.ts <= _micros(until))
    for one, wanted in ((column.actor, actor), (column.case_id, case_id)):
        if wanted is not None:
            statement = statement.where(one == wanted if isinstance(wanted, str) else one.in_(list(wanted)))
    if type is not None:
        statement = statement.where(column.type.in_(_types(type)))
    if after:
        statement = statement.where(column.seq > after)
    return statement if upto is None else statement.where(column.seq <= upto)


def narrowed(frame: pl.LazyFrame, *, since: Any, until: Any, actor: Any, type: Any, case_id: Any) -> pl.LazyFrame:  # noqa: A002
    """A frame, narrowed as `matching` narrows a query."""
    if since is not None:
        frame = frame.filter(pl.col("ts") > times.parse_as_of(since))
    if until is not None:
        frame = frame.filter(pl.col("ts") <= times.parse_as_of(until))
    for name, wanted in (("actor", actor), ("type", type), ("case_id", case_id)):
        if wanted is not None:
            frame = frame.filter(pl.col(name).is_in([wanted] if isinstance(wanted, str) else list(wanted)))
    return frame


def _micros(given: datetime | str) -> int:
    return times.epoch_micros(times.parse_as_of(given))


def _types(given: str | Sequence[str]) -> list[str]:
    wanted = [given] if isinstance(given, str) else list(given)
    for name in wanted:
        if name not in EVENT_TYPES:
            problem = Problem("unknown event type", got=name, expected=", ".join(EVENT_TYPES), next=close_match(name, EVENT_TYPES))
            raise ParameterError(problem)
    return wanted


def event_frames(
    connection: Connection, statement: Select[Any], extra: int = 0, *, compared: bool = True
) -> Iterator[pl.DataFrame]:
    """Events on the contract, some at a time; the query's last `extra` columns come along under their own names.

    Parameters
    ----------
    connection
        To the ledger.
    statement
        The columns of the contract, and `extra` more.
    extra
        How many more.
    compared
        Whether every event is compared with the hash of what was recorded.

    Raises
    ------
    LedgerDamagedError
        If an event is not what was recorded.
    """
    names = [column.name for column in statement.selected_columns]
    if compared:
        statement = statement.add_columns(tables.events.c.content)
    for rows in chunks(connection, statement):
        if compared:
            _compare(rows)
        columns = list(zip(*rows, strict=True))
        frame = frame_of(columns[:_WIDTH])
        if extra:
            more = {name: pl.Series(columns[_WIDTH + i]) for i, name in enumerate(names[_WIDTH:])}
            frame = frame.with_columns(**more)
        yield frame


def _compare(rows: list[Sequence[Any]]) -> None:
    """`LedgerDamagedError` for the first event that is not what was recorded."""
    content_hash = tables.content_hash
    for row in rows:
        try:
            same = content_hash(row[:_WIDTH]) == row[-1]
        except (TypeError, ValueError):  # what no event can hold
            same = False
        if not same:
            raise damaged(f"the event {row[_ID]!r} is not what was recorded")


def read_events(connection: Connection, statement: Select[Any]) -> pl.DataFrame:
    """Events on the contract, each as it was recorded."""
    found = list(event_frames(connection, statement))
    return pl.concat(found) if found else empty()


def write_copy(engines: Engines, target: Path) -> None:
    """All there is, as of one moment: a SQLite file of a SQLite ledger, or the rows as Parquet."""
    parquet = target.suffix == ".parquet"
    if not parquet and not engines.sqlite:
        raise ParameterError(Problem("a PostgreSQL ledger is copied as Parquet", got=target.name, expected="a name in .parquet"))
    with written(target) as part:
        if parquet:
            _write_parquet(engines, part)
        else:
            _vacuum(engines, part)


def _vacuum(engines: Engines, part: Path) -> None:
    with engines.reader.connect() as connection:
        driver: Any = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("VACUUM INTO ?", (str(part),))


def _write_parquet(engines: Engines, part: Path) -> None:
    with engines.reader.connect() as connection:
        if not engines.sqlite:  # one moment for all pieces
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        there = {column["name"] for column in inspect(connection).get_columns(tables.events.name)}  # one of before has fewer
        columns = [tables.events.c[name] if name in there else null().label(name) for name in tables.COLUMNS]
        query = select(*columns, tables.events.c.seq).order_by(tables.events.c.seq)
        frames = event_frames(connection, query, extra=1, compared=False)  # of what is damaged, too
        pl.concat([empty().with_columns(seq=pl.lit(0, dtype=pl.Int64)), *frames]).write_parquet(part)
