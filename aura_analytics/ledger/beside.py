"""The chain of what a ledger holds beside its events: decisions, notes on them, marks of how events came in, and who read whose
dossier.

Each of them is a link: `chain` is the SHA-256 of the chain before it (32 zero bytes before the first), the number of the link (8
bytes, big-endian, signed), and a JSON array without spaces: `["decision", n, request_id, line]`, `["note", n, kind, request_id,
line]`, `["mark", seq, mark]` or `["access", n, reader, actor, line]`. What it proves, and what not, is what the chain of events
proves (see `chain`).
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, bindparam, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import compiled
from aura_analytics.ledger.heads import damaged
from aura_analytics.ledger.reading import chunks

__all__ = ["Entry", "beside_head", "fault_beside", "link"]

Entry = tuple[Any, ...]
"""What is linked: its kind, the number of its row, and the texts of the row."""

_PACKED = struct.Struct(">q")
_WORDS = {"decision": "decision", "note": "note on decision", "mark": "mark on the event at seq", "access": "record of access"}


def chained(before: bytes, n: int, entry: Sequence[Any]) -> bytes:
    """The chain after one more entry.

    Examples
    --------
    >>> chained(tables.GENESIS, 1, ("mark", 7, "told")).hex()[:16]
    '9f0e5c2e2f48d498'
    """
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(before + _PACKED.pack(n) + text.encode("utf-8", "surrogateescape")).digest()


@cache
def _statements(*, on_sqlite: bool) -> tuple[str, str, str]:
    """Reading the head, adding a link, moving the head."""
    column = tables.beside_head.c
    only = column.id == literal_column("1")
    dialect: Any = sqlite if on_sqlite else postgresql
    lock = select(column.n, column.chain).where(only).with_for_update()
    move = update(tables.beside_head).where(only).values(n=bindparam("a"), chain=bindparam("b"))
    texts = [compiled(statement, sqlite=on_sqlite)[0] for statement in (lock, dialect.insert(tables.beside), move)]
    return texts[0], texts[1], texts[2]


def link(driver: Any, entries: Iterable[Entry], *, on_sqlite: bool) -> None:
    """Link entries whose rows were added in the transaction of this connection of the driver.

    Raises
    ------
    LedgerDamagedError
        If the head of this chain is not one.
    """
    lock, add, move = _statements(on_sqlite=on_sqlite)
    found = driver.execute(lock).fetchone()
    if found is None or [type(item) for item in found] != [int, bytes]:
        raise damaged("the head of the chain beside the events is missing or was altered")
    n, chain = found
    links = []
    for entry in entries:
        n += 1
        chain = chained(chain, n, entry)
        links.append((n, entry[0], entry[1], chain))
    driver.cursor().executemany(add, links)
    driver.execute(move, (n, chain))


def beside_head(connection: Connection) -> tuple[int, bytes]:
    """How many links there are, and the chain after the last one.

    Raises
    ------
    LedgerDamagedError
        If there is no such head.
    """
    column = tables.beside_head.c
    found = connection.execute(select(column.id, column.n, column.chain)).all()
    if len(found) != 1 or found[0][0] != 1 or [type(item) for item in found[0][1:]] != [int, bytes]:
        raise damaged("the head of the chain beside the events is missing or was altered")
    return found[0][1], found[0][2]


def fault_beside(connection: Connection, kept: dict[int, set[str]]) -> str | None:
    """What is wrong with the chain, its rows or its head, in words; None when all is as it was written.

    Parameters
    ----------
    connection
        To the ledger, at one moment.
    kept
        Chains that were exported, by the number of links there were.
    """
    end, head = beside_head(connection)
    n, chain = 0, tables.GENESIS
    if chain.hex() not in kept.get(0, {chain.hex()}):
        return "an exported head does not fit the beginning of the chain beside the events"
    for rows in chunks(connection, _linked(), 5_000):
        for row in rows:
            n += 1
            entry = _entry(row)
            if row[0] != n:
                return f"link {n:,} is missing beside the events" if row[0] > n else f"{_named(row)} was put in beside the events"
            if entry is None:
                return f"{_named(row)} was removed"
            try:
                chain = chained(chain, n, entry)
            except (TypeError, ValueError):  # what no text can hold
                chain = b""
            if chain != row[3]:
                return f"{_named(row)} was altered: it is not what was written"
            if chain.hex() not in kept.get(n, {chain.hex()}):
                return f"link {n:,} beside the events is not the exported head: the chain was computed anew"
    if n < end or any(one > n for one in kept):
        return f"link {n + 1:,} is missing beside the events: there were {max(end, *kept, 0):,}"
    if n > end or chain != head:
        return "the head of the chain beside the events is not that of the last link"
    return _not_linked(connection)


def _linked() -> Select[Any]:
    """All links in their order, with what they are of."""
    b, d, a, m, r = tables.beside, tables.decisions, tables.decision_notes, tables.marks, tables.access
    joined = (
        b.outerjoin(d, and_(b.c.kind == "decision", d.c.n == b.c.row))
        .outerjoin(a, and_(b.c.kind == "note", a.c.n == b.c.row))
        .outerjoin(m, and_(b.c.kind == "mark", m.c.seq == b.c.row))
        .outerjoin(r, and_(b.c.kind == "access", r.c.n == b.c.row))
    )
    columns = (b.c.n, b.c.kind, b.c.row, b.c.chain, d.c.request_id, d.c.line)
    return (
        select(
            *columns,
            *(a.c.kind.label("noted"), a.c.request_id.label("of"), a.c.line.label("said"), m.c.mark),
            *(r.c.reader, r.c.actor, r.c.line.label("read")),
        )
        .select_from(joined)
        .order_by(b.c.n)
    )


def _entry(row: Sequence[Any]) -> Entry | None:
    """What a link is of; None where that is gone."""
    held = {"decision": row[4:6], "note": row[6:9], "mark": row[9:10], "access": row[10:13]}.get(row[1])
    return None if held is None or held[0] is None else (row[1], row[2], *held)


def _named(row: Sequence[Any]) -> str:
    name = {"decision": row[4], "note": row[7]}.get(row[1])
    return f"the {_WORDS.get(row[1], row[1])} {row[2] if name is None else name!r}"


def _not_linked(connection: Connection) -> str | None:
    """A row that no link is of."""
    b = tables.beside.c
    for kind, table, number in (
        ("decision", tables.decisions, "n"),
        ("note", tables.decision_notes, "n"),
        ("mark", tables.marks, "seq"),
        ("access", tables.access, "n"),
    ):
        there = connection.execute(select(func.count()).select_from(table)).scalar_one()
        linked = connection.execute(select(func.count(func.distinct(b.row))).where(b.kind == kind)).scalar_one()
        if there != linked:
            return f"{_name_of_first(connection, kind, table, number)} was put in: no link is of it"
    return None


def _name_of_first(connection: Connection, kind: str, table: Table, number: str) -> str:
    b = tables.beside
    query = select(table.c[number]).outerjoin(b, and_(b.c.kind == kind, b.c.row == table.c[number])).where(b.c.n.is_(None)).limit(1)
    found = connection.execute(query).scalar()
    if found is None:
        return f"a {_WORDS[kind]}"
    name = (
        None
        if kind in ("mark", "access")
        else connection.execute(select(table.c.request_id).where(table.c[number] == found)).scalar()
    )
    return f"the {_WORDS[kind]} {found if name is None else repr(name)}"
