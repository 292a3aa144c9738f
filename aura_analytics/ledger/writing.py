"""Appending: one transaction per call, every row continuing the hash chain.

Writers take turns at the head row, so `seq` has no gaps, and whoever has read up to one will not find an earlier one later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NotRequired

from sqlalchemy import bindparam, literal_column, select, table, update
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from typing_extensions import TypedDict

from aura_analytics.errors import ConflictError, LedgerSchemaError, Problem
from aura_analytics.events import IMPORTED, RECORD_TYPES
from aura_analytics.ledger import schema, tables
from aura_analytics.ledger.beside import link
from aura_analytics.ledger.by_month import is_by_month, make_months, months_of, take_ids
from aura_analytics.ledger.engines import Engines, compiled
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import damaged
from aura_analytics.ledger.plain_events import Row

__all__ = ["AHEAD", "Door", "Recorded", "Stored", "append"]

Door = Literal["told", "import", "desk"]
AHEAD = 86_400_000_000  # microseconds that an event may be dated after the clock of who records or reads it: clocks differ
_ID, _TS, _TYPE = (tables.COLUMNS.index(name) for name in ("event_id", "ts", "type"))
_RETRIED = ("40001", "40P01")  # serialization failure, deadlock
_FEW = 100  # rows, from which on COPY is worth its start
_LOOKED_UP = 500  # ids in one query
_UNLESS_THERE = " ON CONFLICT (event_id) DO NOTHING"  # where ids are in one table with the events


class Stored(TypedDict):
    """What recording an event answers: its id, and whether the very same event was there already."""

    ok: bool
    stored_id: str
    duplicate: NotRequired[bool]


@dataclass
class Recorded:
    """What became of the events of one call.

    Attributes
    ----------
    stored
        Events newly stored.
    duplicates
        Events that were there already, with the same content.
    retold
        Events of an imported log that were there already, and whose attributes differ: a later export says more or other things
        beside the same event. What was recorded first stands.
    conflicts
        Events whose id is taken by other content: where in the input, the id, the columns that differ.
    last_seq
        Place of the last event in the ledger after the call.
    told
        HR actions among those stored that came through no desk, and move nobody.
    ahead
        Events about work among them that are dated more than a day after the present; they count when their time has come.
    """

    stored: int = 0
    duplicates: int = 0
    retold: int = 0
    conflicts: list[Problem] = field(default_factory=list)
    last_seq: int = 0
    told: int = 0
    ahead: int = 0


@cache
def _statements(*, on_sqlite: bool) -> tuple[str, str, str, str]:
    """Reading the head, adding a row, moving the head, noting a door; as text, since compiling anew costs more than running."""
    column = tables.head.c
    only = column.id == literal_column("1")
    # another version may have upgraded the ledger by now
    upgraded = table(schema.VERSION_TABLE, sql_column("version_num"))
    version = select(upgraded.c.version_num).scalar_subquery()
    lock = select(column.seq, column.recorded_at, column.chain, version).where(only).with_for_update(of=tables.head)
    dialect: Any = sqlite if on_sqlite else postgresql
    add = dialect.insert(tables.events).on_conflict_do_nothing(index_elements=["event_id"])
    move = update(tables.head).where(only).values(seq=bindparam("a"), recorded_at=bindparam("b"), chain=bindparam("c"))
    note = dialect.insert(tables.marks)
    texts = [compiled(statement, sqlite=on_sqlite)[0] for statement in (lock, add, move, note)]
    return texts[0], texts[1], texts[2], texts[3]


def append(
    engines: Engines,
    batches: Callable[[], Iterable[list[Row]]],
    *,
    now: int,
    stamped: Sequence[bool] | None = None,
    strict: bool = True,
    door: Door = "told",
) -> Recorded:
    """Store rows, all or none.

    Parameters
    ----------
    engines
        Where to.
    batches
        The rows, some at a time; called again when the transaction has to be.
    now
        When they are recorded, in microseconds since 1970. A clock that went back does not take the ledger with it.
    stamped
        Which rows got their time from us: sent again, such an event is the same although its time is not.
    strict
        Whether a conflict stops all.
    door
        Through which HR actions among them come.

    Raises
    ------
    ConflictError
        If `strict`, and an id is taken by other content; nothing is stored.
    LedgerUnavailableError
        If the database cannot be written.
    """
    careful = False  # first as if all were new, which they mostly are
    tries = 0
    while True:
        try:
            with translated(engines.url), _asked_again(), engines.transaction() as driver:
                done = _Append(driver, now, stamped, sqlite=engines.sqlite, strict=strict, careful=careful, door=door)
                return done.run(batches())
        except _NotAllNewError:
            careful = True
        except _AgainError:
            tries += 1
            time.sleep(0.01 * tries)


class _NotAllNewError(Exception):
    """Some event of the call is in the ledger already."""


class _AgainError(Exception):
    """The database asks for the transaction to be run again."""


@contextmanager
def _asked_again() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) in _RETRIED:
            raise _AgainError from None
        raise


class _Append:
    """One transaction."""

    def __init__(
        self, driver: Any, now: int, stamped: Sequence[bool] | None, *, sqlite: bool, strict: bool, careful: bool, door: Door
    ) -> None:
        self._driver = driver
        self._door, self._ahead = door, now + AHEAD
        self._sqlite = sqlite
        self._stamped = stamped
        self._strict, self._careful = strict, careful
        self._done = Recorded()
        lock, self._insert, self._move, self._note = _statements(on_sqlite=self._sqlite)
        found = self._driver.execute(lock).fetchone()
        if found is None or [type(item) for item in found[:3]] != [int, int, bytes]:
            raise damaged("the head of the chain is missing or was altered")
        self._seq, last, self._chain, version = found
        if version != schema.REVISION:
            problem = Problem(
                "the ledger was upgraded by another version of the library while it was open",
                got=f"schema {version}",
                expected=schema.REVISION,
                next="nothing was stored; update this program and start it again",
            )
            raise LedgerSchemaError(problem)
        self._by_month = not sqlite and is_by_month(self._driver)
        self._recorded_at = max(now, last)
        self._own: dict[str, tuple[bytes, Row]] = {}  # of this call, while careful

    def run(self, batches: Iterable[list[Row]]) -> Recorded:
        before, place = self._seq, 0
        for rows in batches:
            kept = self._new(rows, place) if self._careful else rows
            place += len(rows)
            if kept:
                self._add(self._chained(kept))
        if self._strict and self._done.conflicts:
            count = len(self._done.conflicts)
            head = "an event id is taken" if count == 1 else f"{count} event ids are taken"
            raise ConflictError(f"{head}; nothing was stored", problems=self._done.conflicts)
        self._done.stored = self._seq - before
        self._done.last_seq = self._seq
        if self._done.stored:
            self._driver.execute(self._move, (self._seq, self._recorded_at, self._chain))
        return self._done

    def _chained(self, rows: list[Row]) -> list[tuple[Any, ...]]:
        seq, chain, recorded_at = self._seq, self._chain, self._recorded_at
        content_hash, chain_hash = tables.content_hash, tables.chain_hash
        out = []
        for row in rows:
            seq += 1
            content = content_hash(row)
            chain = chain_hash(chain, seq, recorded_at, content)
            out.append((seq, *row, recorded_at, content, chain))
        self._seq, self._chain = seq, chain
        return out

    def _add(self, rows: list[tuple[Any, ...]]) -> None:
        if self._by_month:
            if take_ids(self._driver, [row[1 + _ID] for row in rows], [row[0] for row in rows]) != len(rows):
                self._not_all_new()
            make_months(self._driver, months_of(row[1 + _TS] for row in rows))
        if self._sqlite or len(rows) < _FEW:
            cursor, add = self._driver.cursor(), self._insert.replace(_UNLESS_THERE, "") if self._by_month else self._insert
            if len(rows) == 1:
                cursor.execute(add, rows[0])
            else:
                cursor.executemany(add, rows)
            stored = cursor.rowcount
        else:
            stored = self._copy(rows)
        if stored != len(rows):
            self._not_all_new()
        marks = self._marks(rows)
        if marks:
            self._driver.cursor().executemany(self._note, marks)
            link(self._driver, [("mark", *mark) for mark in marks], on_sqlite=self._sqlite)

    def _marks(self, rows: list[tuple[Any, ...]]) -> list[tuple[int, str]]:
        """Marks on what comes through no desk, and on what an import dates in the future."""
        imported = self._door == "import"
        marks: list[tuple[int, str]] = []
        for row in rows:
            acted, ahead = row[1 + _TYPE] in RECORD_TYPES, row[1 + _TS] > self._ahead
            if (acted and self._door != "desk") or (ahead and imported):
                marks.append((row[0], self._door))
            self._done.told += acted and self._door == "told"
            self._done.ahead += ahead and not imported and not acted
        return marks

    def _copy(self, rows: list[tuple[Any, ...]]) -> int:
        import psycopg

        names = ", ".join(column.name for column in tables.events.c)
        try:
            with self._driver.cursor() as cursor, cursor.copy(f"COPY aura_events ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.errors.UniqueViolation:
            self._not_all_new()
        return len(rows)

    def _not_all_new(self) -> None:
        if self._careful:  # every id was looked up: it is the place in the ledger that is taken
            raise damaged("the head of the chain does not fit the rows")
        raise _NotAllNewError

    def _new(self, rows: list[Row], place: int) -> list[Row]:
        """The rows whose id is not taken; the others are counted, or reported."""
        known = self._stored([row[_ID] for row in rows])
        kept = []
        for i, row in enumerate(rows, place):
            there = known.get(row[_ID]) or self._own.get(row[_ID])
            content = tables.content_hash(row)
            if there is None:
                self._own[row[_ID]] = content, row
                kept.append(row)
            elif content == there[0] or self._same_but_for_the_stamp(i, row, there):
                self._done.duplicates += 1
            elif row[_ID].startswith(IMPORTED) and _different(row, there[1]) == ["attributes"]:
                self._done.retold += 1
            else:
                self._done.conflicts.append(_conflict(i, row, there[1]))
        return kept

    def _stored(self, ids: list[str]) -> dict[str, tuple[bytes, Row]]:
        column = tables.events.c
        query = select(column.content, *(column[name] for name in tables.COLUMNS))
        found: dict[str, tuple[bytes, Row]] = {}
        distinct = sorted(set(ids))
        for first in range(0, len(distinct), _LOOKED_UP):
            some = query.where(column.event_id.in_(distinct[first : first + _LOOKED_UP]))
            text, values, _ = compiled(some, sqlite=self._sqlite)
            for content, *row in self._driver.execute(text, values).fetchall():
                found[row[_ID]] = bytes(content), row
        return found

    def _same_but_for_the_stamp(self, i: int, row: Row, there: tuple[bytes, Row]) -> bool:
        if self._stamped is None or not self._stamped[i]:
            return False
        return tables.content_hash([*row[:_TS], there[1][_TS], *row[_TS + 1 :]]) == there[0]


def _different(row: Row, stored: Row) -> list[str]:
    """The columns that differ."""
    return [name for name, new, old in zip(tables.COLUMNS, row, stored, strict=True) if new != old]


def _conflict(i: int, row: Row, stored: Row) -> Problem:
    different = _different(row, stored)
    name = different[0] if different else "content"
    at = tables.COLUMNS.index(name) if different else _ID
    return Problem(
        f"event id {row[_ID]!r} is in the ledger with another {', '.join(different)}",
        got=f"{name} {row[at]!r}",
        expected=f"{name} {stored[at]!r} as stored",
        where=f"event {i}",
        next="give a new event its own id; what is recorded is never changed",
    )
