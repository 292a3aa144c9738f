"""Checking the hash chain.

What it proves: that every row is as it was when it was recorded, in the order of recording, none missing and none put in, up to a
head that was kept elsewhere. Without such a head, somebody who may write the database can compute the chain anew after changing
it, or cut off its end; `export_heads` writes heads that belong where that person cannot write. The chain says nothing about whether
what was recorded is true, nor about events that were never recorded.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from aura_analytics.events import ADDED
from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import Engines, snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.kept_heads import Head
from aura_analytics.ledger.reading import chunks

__all__ = ["Verification", "verify"]

_WIDTH = len(tables.COLUMNS)
_ID = 1 + tables.COLUMNS.index("event_id")


@dataclass(frozen=True)
class Verification:
    """What checking a ledger found.

    Attributes
    ----------
    ok
        Whether all is as it was recorded.
    events
        Events checked before the first fault, or all.
    heads
        Exported heads that were met.
    kind
        `altered`, `missing`, `inserted`, `reordered`, `head`, `damaged`, `beside` (decisions, notes and marks), `schema`, `mirror`;
        None when all is well.
    seq, event_id
        The first row that is wrong.
    message
        In words.
    """

    ok: bool
    events: int
    heads: int = 0
    kind: str | None = None
    seq: int | None = None
    event_id: str | None = None
    message: str = ""

    def __str__(self) -> str:
        return self.message


def verify(engines: Engines, heads: Sequence[Head] = (), progress: Callable[[int], None] | None = None) -> Verification:
    """Check every row against its hash, the chain and the head, and the chain against heads kept elsewhere."""
    with translated(engines.url), ThreadPoolExecutor(1) as aside:
        integrity = aside.submit(_integrity, engines) if engines.sqlite else None
        try:
            found = _rows(engines, heads, progress)
        except Exception as error:
            damage = _damage(error)
            if damage is None:
                raise
            return damage
        faults = [] if integrity is None else integrity.result()
        if not found.ok or not faults:
            return found
        return Verification(ok=False, events=found.events, kind="damaged", message=f"the file is damaged: {'; '.join(faults)}")


def _rows(engines: Engines, heads: Sequence[Head], progress: Callable[[int], None] | None) -> Verification:
    with snapshot(engines) as connection:
        try:
            return _Check(connection, heads).run(progress)
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
        # bytes that are no text are a finding, not a crash
        driver: Any = connection.connection.driver_connection
        driver.text_factory = _lenient
        try:
            return _Check(connection, heads).run(progress)
        finally:
            driver.text_factory = str


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _damage(error: Exception) -> Verification | None:
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "") or ""
    if not name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR")):
        return None
    return Verification(ok=False, events=0, kind="damaged", message=f"the file is damaged: {getattr(error, 'orig', error)}")


def _integrity(engines: Engines) -> list[str]:
    """Faults of the file that its rows do not show, such as in an index."""
    try:
        with engines.reader.connect() as connection:
            connection.exec_driver_sql("PRAGMA cache_size = -200000")  # kB: every index is looked up for every row
            try:
                said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(3)")]
            finally:
                connection.exec_driver_sql("PRAGMA cache_size = -2000")
    except Exception as error:
        damage = _damage(error)
        if damage is None:
            raise
        return [damage.message]
    return [] if said == ["ok"] else said


def _writes_json(connection: Connection) -> bool:
    """Whether this SQLite writes JSON as an event's hash is taken of it, where it matters: a NUL must not end a text."""
    try:
        found = connection.exec_driver_sql("SELECT CAST(json_array('a' || char(0) || 'é', 1, 0.5, NULL) AS BLOB)").scalar()
    except OperationalError:
        return False
    return found == '["a\\u0000é",1,0.5,null]'.encode()


def _texts() -> str:
    """Number, line, its three numbers, time of recording, hash and chain of every event.

    The line is as SQLite writes it, which is as we do where its numbers have no more than 15 digits.
    """
    names = [f'"{name}"' for name in tables.COLUMNS]
    plain, said = ", ".join(("'aura-event-1'", *names[: -len(ADDED)])), ", ".join(("'aura-event-2'", *names))
    test = f"coalesce({', '.join(ADDED)}) IS NULL"
    texts = f"CASE WHEN {test} THEN CAST(json_array({plain}) AS BLOB) ELSE CAST(json_array({said}) AS BLOB) END"
    return f"SELECT seq, {texts}, value, confidence, audit_chance, recorded_at, content, chain FROM aura_events ORDER BY seq"  # noqa: S608


def _short(number: float | None) -> bool:
    """Whether 15 digits say all of a number."""
    return number is None or float(f"{number:.15g}") == number


class _Check:
    """One pass over the rows in the order of `seq`."""

    def __init__(self, connection: Connection, heads: Sequence[Head]) -> None:
        self._connection = connection
        column = tables.events.c
        names = ("seq", *tables.COLUMNS, "recorded_at", "content", "chain")
        self._query = select(*(column[name] for name in names)).order_by(column.seq)
        self._texts = None if connection.dialect.name != "sqlite" or not _writes_json(connection) else _texts()
        head = tables.head.c
        found = connection.execute(select(head.id, head.ledger_id, head.seq, head.recorded_at, head.chain)).all()
        self._end = found[0][1:] if len(found) == 1 and found[0][0] == 1 else None
        self._kept: dict[int, list[Head]] = {}
        for one in heads:
            self._kept.setdefault(one.seq, []).append(one)
        self._met = 0

    def run(self, progress: Callable[[int], None] | None) -> Verification:
        if self._end is None:
            return self._fault("head", 0, None, "the head of the chain is missing, or there are several")
        if [type(item) for item in self._end] != [str, int, int, bytes]:
            return self._fault("head", 0, None, "the head of the chain holds what no head can hold: it was altered")
        foreign = [one for some in self._kept.values() for one in some if one.ledger_id != self._end[0]]
        if foreign:
            text = f"the exported heads are of ledger {foreign[0].ledger_id}, this is ledger {self._end[0]}"
            return self._fault("head", 0, None, text)
        if 0 in self._kept and self._differs(0, tables.GENESIS):
            return self._fault("head", 0, None, "an exported head does not fit the beginning of the chain")
        if self._texts is None:
            return self._run_rows(progress)
        try:
            return self._run_texts(self._texts, progress)
        except (sqlite3.OperationalError, OperationalError):  # what no JSON can hold
            self._met = 0
            return self._run_rows(progress)

    def _run_rows(self, progress: Callable[[int], None] | None) -> Verification:
        seq, chain, recorded_at = 0, tables.GENESIS, 0
        content_hash, chain_hash = tables.content_hash, tables.chain_hash
        for rows in chunks(self._connection, self._query, 1_000):
            for row in rows:
                seq += 1
                try:
                    content = content_hash(row[1 : _WIDTH + 1])
                    after = chain_hash(chain, seq, row[-3], content)
                except (TypeError, ValueError, struct.error):  # what no event can hold
                    content = after = b""
                if row[0] != seq or content != row[-2] or after != row[-1]:
                    return self._explained(seq, row, content, chain)
                chain, recorded_at = after, row[-3]
                if seq in self._kept and self._differs(seq, chain):
                    return self._computed_anew(seq, row[_ID])
            if progress is not None and seq % 50_000 == 0:
                progress(seq)
        return self._ended(seq, chain, recorded_at)

    def _run_texts(self, query: str, progress: Callable[[int], None] | None) -> Verification:
        """As `_run_rows`, with the lines that SQLite writes; where one is not what was recorded, or has a number of which SQLite
        would not write every digit, the row itself is looked at.
        """
        seq, chain, recorded_at = 0, tables.GENESIS, 0
        sha256, packed = hashlib.sha256, tables.PLACES.pack
        driver: Any = self._connection.connection.driver_connection
        self._connection.exec_driver_sql("SELECT 1")  # begins the transaction
        cursor = driver.execute(query)
        while rows := cursor.fetchmany(1_000):
            for number, text, value, confidence, chance, moment, content, said in rows:
                seq += 1
                try:
                    same = number == seq and sha256(text).digest() == content
                    if value is not None or confidence is not None or chance is not None:
                        same = same and _short(value) and _short(confidence) and _short(chance)
                    after = sha256(chain + packed(seq, moment) + content).digest()
                except (TypeError, struct.error):  # what no event can hold
                    same, after = False, b""
                if not same or after != said:
                    row = self._connection.execute(self._query.where(tables.events.c.seq == number)).first()
                    if row is None:  # met in order and not found by its number: the file is damaged
                        self._met = 0
                        return self._run_rows(progress)
                    try:
                        found = tables.content_hash(row[1 : _WIDTH + 1])
                    except (TypeError, ValueError):
                        found = b""
                    if number != seq or found != content or after != said:
                        return self._explained(seq, row, found, chain)
                chain, recorded_at = after, moment
                if seq in self._kept and self._differs(seq, chain):
                    return self._computed_anew(seq, self._id_at(seq))
            if progress is not None and seq % 50_000 == 0:
                progress(seq)
        return self._ended(seq, chain, recorded_at)

    def _id_at(self, seq: int) -> str | None:
        column = tables.events.c
        return self._connection.execute(select(column.event_id).where(column.seq == seq)).scalar()

    def _computed_anew(self, seq: int, event_id: str | None) -> Verification:
        return self._fault("head", seq, event_id, f"the chain at seq {seq} is not the exported head: it was computed anew")

    def _differs(self, seq: int, chain: bytes) -> bool:
        self._met += len(self._kept[seq])
        return any(one.chain != chain.hex() for one in self._kept[seq])

    def _ended(self, seq: int, chain: bytes, recorded_at: int) -> Verification:
        assert self._end is not None
        _, last, moment, head = self._end
        if seq < last:
            return self._fault("missing", seq + 1, None, f"seq {seq + 1} is missing: the head is at seq {last:,}")
        if seq > last or chain != head:
            text = (
                f"seq {last + 1} was put in after the head at seq {last:,}"
                if seq > last
                else "the head is not that of the last row"
            )
            return self._fault("inserted" if seq > last else "head", last + 1 if seq > last else seq, None, text)
        if moment != recorded_at:
            return self._fault("head", seq, None, "the head's time of recording is not that of the last row: it was altered")
        beyond = sorted(one for one in self._kept if one > seq)
        if beyond:
            text = f"seq {seq + 1} is missing: a head was exported at seq {beyond[0]:,}, and the ledger ends at seq {seq:,}"
            return self._fault("missing", seq + 1, None, text)
        kept = f", {self._met} exported heads met" if self._met else "; not compared with an exported head"
        return Verification(ok=True, events=seq, heads=self._met, message=f"{seq:,} events verified{kept}; head {chain.hex()}")

    def _explained(self, seq: int, row: Sequence[Any], content: bytes, before: bytes) -> Verification:
        """What is wrong with the first row that does not fit."""
        name = f"event {row[_ID]!r}"
        if row[0] != seq:
            if row[0] > seq:
                return self._fault("missing", seq, None, f"seq {seq} is missing: after seq {seq - 1} comes seq {row[0]}, {name}")
            return self._fault("inserted", row[0], row[_ID], f"seq {row[0]}, {name}, was put in before the first")
        if content != row[-2] or type(row[-1]) is not bytes or len(row[-1]) != 32 or type(row[-3]) is not int:
            return self._fault("altered", seq, row[_ID], f"seq {seq}, {name}, was altered: its content is not what was recorded")
        # the row agrees with itself and not with its place: was another one there?
        column = tables.events.c
        rest = select(column.seq, column.event_id, column.recorded_at, column.content, column.chain).where(column.seq > seq)
        for after, event_id, recorded_at, other, chain in self._rest(rest.order_by(column.seq)):
            if type(recorded_at) is not int or type(other) is not bytes:
                continue
            if tables.chain_hash(before, seq, recorded_at, other) == row[-1]:
                text = f"seq {seq}, {name}, stands where {event_id!r}, now at seq {after}, was recorded: rows were reordered"
                return self._fault("reordered", seq, row[_ID], text)
            if tables.chain_hash(before, seq, recorded_at, other) == chain:
                return self._fault("inserted", seq, row[_ID], f"seq {seq}, {name}, was put in: the chain goes on with {event_id!r}")
        for skipped in range(1, 3):
            if self._follows(row, seq + skipped):
                return self._fault("missing", seq, None, f"a row is missing before {name}, which was recorded after seq {seq}")
        text = f"seq {seq}, {name}, does not continue the chain: it was replaced, or a row before it removed"
        return self._fault("altered", seq, row[_ID], text)

    def _follows(self, row: Sequence[Any], seq: int) -> bool:
        """Whether the next row was chained to this one under another number."""
        column = tables.events.c
        query = select(column.seq, column.recorded_at, column.content, column.chain).where(column.seq == row[0] + 1)
        after = self._connection.execute(query).one_or_none()
        if after is None or type(after[1]) is not int or type(after[2]) is not bytes:
            return False
        return bool(tables.chain_hash(row[-1], seq + 1, after[1], after[2]) == after[3])

    def _rest(self, query: Any) -> Iterator[Sequence[Any]]:
        for rows in chunks(self._connection, query):
            yield from rows

    def _fault(self, kind: str, seq: int, event_id: str | None, message: str) -> Verification:
        checked = max(seq - 1, 0)
        # bytes that are no text can be shown all the same
        name, text = (
            None if item is None else str(item).encode("utf-8", "backslashreplace").decode() for item in (event_id, message)
        )
        return Verification(ok=False, events=checked, heads=self._met, kind=kind, seq=seq, event_id=name, message=text or "")
