"""Whether the tables of a ledger are what the library made: nothing that changes, hides or answers in place of its rows."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from sqlalchemy import Connection, create_engine

from aura_analytics.ledger import schema
from aura_analytics.ledger.by_month import IDS, is_by_month, parts_of

__all__ = ["faults_of_structure"]

_OURS = "aura_"
_VIEW = "model_performance"


def faults_of_structure(connection: Connection) -> list[str]:
    """What stands in the database that the library did not make, and that touches its tables, in words.

    Parameters
    ----------
    connection
        To the ledger.
    """
    return _of_sqlite(connection) if connection.dialect.name == "sqlite" else _of_postgresql(connection)


@cache
def _made(_revision: str) -> dict[tuple[str, str], str]:
    """Names, kinds and definitions of what the migrations make in an empty SQLite database."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            schema.migrate(connection)
            return _objects(connection)
    finally:
        engine.dispose()


def _objects(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
    return {
        (kind, name): _plain(sql)
        for kind, name, table, sql in rows
        if str(table).startswith(_OURS) or str(name).startswith(_OURS) or name == _VIEW
    }


def _plain(sql: str | None) -> str:
    return re.sub(r"[\s\"'`\[\]]+", " ", sql or "").strip().casefold()


def _of_sqlite(connection: Connection) -> list[str]:
    found, made = _objects(connection), _made(schema.REVISION)
    faults = []
    for kind, name in sorted(found.keys() - made.keys()):
        if kind == "trigger":
            faults.append(f"the trigger {name!r} on a table of the ledger: it may change or drop what is recorded")
        elif kind == "view":
            faults.append(f"the view {name!r} stands where the ledger has a table or nothing")
        elif kind == "index" and (" where " in found[kind, name] or " unique " in found[kind, name]):
            faults.append(f"the index {name!r} is partial or unique: it may refuse or hide rows")
    for kind, name in sorted(made.keys() - found.keys()):
        if not name.startswith("sqlite_autoindex"):
            faults.append(f"the {kind} {name!r} is missing")
    same = sorted(found.keys() & made.keys())
    faults += [f"the {kind} {name!r} was defined anew" for kind, name in same if found[kind, name] != made[kind, name]]
    temporary = connection.exec_driver_sql("SELECT type, name FROM sqlite_temp_master").all()
    faults += [f"the temporary {kind} {name!r}" for kind, name in temporary if str(name).startswith(_OURS) or kind == "trigger"]
    return faults


_TRIGGERS = (
    "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.oid = ANY(%s) AND NOT t.tgisinternal"
)
_RULES = (
    "SELECT r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
    "WHERE c.oid = ANY(%s) AND c.relkind <> 'v'"
)
_INDEXES = (
    "SELECT i.relname, c.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid "
    "WHERE c.oid = ANY(%s) AND (x.indpred IS NOT NULL OR NOT x.indisvalid)"
)
_TABLES = "SELECT oid, relname, relkind, relrowsecurity, relpersistence FROM pg_class WHERE oid = ANY(%s)"


def _of_postgresql(connection: Connection) -> list[str]:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        wanted = sorted({name for kind, name in _made(schema.REVISION) if kind == "table"})
        cursor.execute("SELECT to_regclass(quote_ident(n))::oid, n FROM unnest(%s::text[]) AS n", (wanted,))
        places = {name: oid for oid, name in cursor.fetchall()}
        faults = [f"the table {name!r} is missing" for name in wanted if places[name] is None]
        oids = [oid for oid in places.values() if oid is not None]
        events = places.get("aura_events")
        by_month = is_by_month(cursor)
        if by_month and events is not None:
            oids += [*parts_of(cursor, events), *_ids(cursor, faults)]
        for _, name, kind, secured, lasting in cursor.execute(_TABLES, (oids,)).fetchall():
            if _text(kind) != ("p" if by_month and name == "aura_events" else "r"):
                faults.append(f"{name!r} is no table: something else stands in its place")
            if secured:
                faults.append(f"row-level security on {name!r}: it may hide rows")
            if _text(lasting) != "p":
                faults.append(f"the table {name!r} does not outlive a crash")
        for name, table in cursor.execute(_TRIGGERS, (oids,)).fetchall():
            faults.append(f"the trigger {name!r} on {table!r}: it may change or drop what is recorded")
        for name, table in cursor.execute(_RULES, (oids,)).fetchall():
            faults.append(f"the rule {name!r} on {table!r}: it may change or drop what is recorded")
        for name, table in cursor.execute(_INDEXES, (oids,)).fetchall():
            faults.append(f"the index {name!r} on {table!r} is partial or not valid: it may hide rows")
    return sorted(faults)


def _ids(cursor: Any, faults: list[str]) -> list[int]:
    """The table of ids of a ledger by month; a fault where it is missing, or does not keep them apart."""
    oid = cursor.execute("SELECT to_regclass(%s)::oid", (IDS,)).fetchone()[0]
    if oid is None:
        faults.append(f"the table {IDS!r} is missing")
        return []
    unique = (
        "SELECT (SELECT attname FROM pg_attribute WHERE attrelid = x.indrelid AND attnum = x.indkey[0]) FROM pg_index x "
        "WHERE x.indrelid = %s AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indnkeyatts = 1"
    )
    if {_text(row[0]) for row in cursor.execute(unique, (oid,)).fetchall()} < {"event_id", "seq"}:
        faults.append(f"the table {IDS!r} does not keep ids apart: an index is missing")
    same = "x.event_id = y.event_id AND x.seq = y.seq"
    other = (
        f"SELECT (SELECT count(*) FROM aura_events x WHERE NOT EXISTS (SELECT FROM {IDS} y WHERE {same})) "  # noqa: S608
        f"+ (SELECT count(*) FROM {IDS} x WHERE NOT EXISTS (SELECT FROM aura_events y WHERE {same}))"
    )
    if count := cursor.execute(other).fetchone()[0]:
        faults.append(f"the table {IDS!r} and the events say different things of {count:,} ids")
    return [oid]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
