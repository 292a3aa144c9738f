"""A PostgreSQL ledger whose events are kept by month, for ledgers of billions.

`aura_events` is then partitioned by the month of `ts`: what is asked of a span of time reads only its months, old months can be
laid on other disks, and each index stays as small as its month. Months are made when their first event comes (the contract takes
times from 1970 to 2200; `aura_events_other` is for what no month holds). An id must differ among all months, which no index over
months can see to: all ids stand in `aura_event_ids`, and an event is stored only where its id could be put there, in the same
transaction.

The rows, their hashes and the chain are those of any ledger; everything that reads one reads this one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from aura_analytics import settings
from aura_analytics.errors import LedgerDamagedError, ParameterError, Problem
from aura_analytics.ledger import schema
from aura_analytics.ledger.engines import Engines, ledger_address
from aura_analytics.ledger.failures import shown, translated
from aura_analytics.ledger.reading import write_copy

__all__ = ["IDS", "is_by_month", "keep_by_month", "make_months", "months_of", "parts_of", "take_ids"]

IDS = "aura_event_ids"
_MICROS = 1_000_000
_FIRST, _LAST = (1970, 1), (2199, 12)
_INDEXES = {"actor_ts": "actor, ts", "case_id": "case_id", "ts": "ts", "event_id": "event_id"}


def is_by_month(cursor: Any) -> bool:
    """Whether a ledger in PostgreSQL keeps its events by month; `cursor` is the driver's, or its connection."""
    found = cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass('aura_events')").fetchone()
    kind = None if found is None else found[0]
    return kind in ("p", b"p")


def parts_of(cursor: Any, oid: int) -> list[int]:
    """The tables of the months of a table."""
    return [row[0] for row in cursor.execute("SELECT inhrelid::bigint FROM pg_inherits WHERE inhparent = %s", (oid,)).fetchall()]


def months_of(moments: Iterable[int]) -> set[tuple[int, int]]:
    """The months, as year and month, of some times in microseconds since 1970.

    Examples
    --------
    >>> months_of([0, 2_678_400_000_000, 10**18])
    {(1970, 1), (1970, 2)}
    """
    days = {moment // (86_400 * _MICROS) for moment in moments}
    found = set()
    for day in days:
        if 0 <= day < _day(_LAST[0] + 1, 1):
            date = datetime.fromtimestamp(day * 86_400, timezone.utc)
            found.add((date.year, date.month))
    return found


def _day(year: int, month: int) -> int:
    return (datetime(year, month, 1, tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)).days


def make_months(cursor: Any, months: Collection[tuple[int, int]]) -> None:
    """Make the tables of months that are not there yet; readers of the ledger end first."""
    if not months:
        return
    names = {f"aura_events_{year:04}_{month:02}": (year, month) for year, month in sorted(months)}
    asked = (
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = to_regclass('aura_events') AND c.relname = ANY(%s)"
    )
    known = {_text(row[0]) for row in cursor.execute(asked, (list(names),)).fetchall()}
    if len(known) == len(names):
        return
    place = (
        "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.oid = to_regclass('aura_events')"
    )
    where = _text(cursor.execute(place).fetchone()[0])
    for name, (year, month) in names.items():
        if name not in known:
            after = (year + month // 12, month % 12 + 1)
            low, high = (_day(*one) * 86_400 * _MICROS for one in ((year, month), after))
            cursor.execute(f"CREATE TABLE {where}.{name} PARTITION OF aura_events FOR VALUES FROM ({low}) TO ({high})")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def take_ids(cursor: Any, ids: list[str], seqs: list[int]) -> int:
    """Put ids where they must differ; returns how many could be put there."""
    text = f"INSERT INTO {IDS} SELECT * FROM unnest(%s::text[], %s::bigint[]) ON CONFLICT DO NOTHING"  # noqa: S608
    return int(cursor.execute(text, (ids, seqs)).rowcount)


def keep_by_month(url: str | Path | None = None, backup: Path | None = None, ahead: int = 12) -> tuple[int, Path | None]:
    """Have a PostgreSQL ledger keep its events by month, after a backup; of one that does, make the months to come.

    All or nothing, in one transaction: writers and readers wait. It takes as much room again as the events have, until it is done.
    Whoever may make tables can call it from time to time: then writers need no more than they need of any ledger.

    Parameters
    ----------
    url
        As of `Ledger`.
    backup
        Where to put the backup (the events as Parquet); default in the working directory.
    ahead
        Months to make from the present one on, 0 to 120.

    Returns
    -------
    tuple
        How many months there are, and the path of the backup (None where they were kept by month already).

    Raises
    ------
    ParameterError
        If it is no PostgreSQL ledger, the backup exists, or `ahead` is out of range.
    LedgerSchemaError
        If it is of another version (`aura ledger upgrade` comes first).
    """
    if isinstance(ahead, bool) or not isinstance(ahead, int) or not 0 <= ahead <= 120:
        raise ParameterError(Problem("ahead is out of range", got=ahead, expected="months, 0 to 120"))
    engines = Engines(ledger_address(settings.ledger_url() if url is None else url), settings.ledger_timeout(), "FULL")
    if engines.sqlite:
        raise ParameterError(Problem("only a ledger in PostgreSQL is kept by month", got=shown(engines.url)))
    schema.ensure(engines, create=False)
    with translated(engines.url), closing(engines):
        with engines.writer.begin() as connection:
            if is_by_month(_driver(connection)):
                make_months(_driver(connection), _ahead(ahead))
                return _months(connection), None
            if users := _users(_driver(connection)):
                hint = "drop them, and make them again afterwards"
                raise ParameterError(Problem("views of others stand on the ledger's tables", got=", ".join(users), next=hint))
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        target = backup or Path(f"{engines.url.database}.backup-by-month-{stamp}.parquet")
        if target.exists():
            raise ParameterError(Problem("the backup exists already", got=str(target), next="choose another name"))
        write_copy(engines, target)
        with engines.writer.begin() as connection:
            driver = _driver(connection)
            if not is_by_month(driver):
                _rebuild(driver)
            make_months(driver, _ahead(ahead))
            return _months(connection), target


def _users(driver: Any) -> list[str]:
    """Views on the ledger's events that are not its own."""
    query = (
        "SELECT DISTINCT v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class "
        "WHERE d.refobjid IN (to_regclass('aura_events'), to_regclass('model_performance')) "
        "AND v.oid <> to_regclass('model_performance')"
    )
    return sorted(_text(row[0]) for row in driver.execute(query).fetchall())


def _rights(driver: Any, name: str) -> list[tuple[str, str, bool]]:
    """Who may do what with a table: whom, what, and whether they may pass it on."""
    query = (
        "SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, "
        "a.privilege_type, a.is_grantable "
        "FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass(%s) AND a.grantee <> c.relowner"
    )
    return [(_text(who), _text(what), bool(further)) for who, what, further in driver.execute(query, (name,)).fetchall()]


def _granted(driver: Any, name: str, owner: str, rights: Iterable[tuple[str, str, bool]]) -> None:
    driver.execute(f"ALTER TABLE {name} OWNER TO {owner}")
    for who, what, further in rights:
        driver.execute(f"GRANT {what} ON {name} TO {who}{' WITH GRANT OPTION' if further else ''}")


def _driver(connection: Connection) -> Any:
    connection.exec_driver_sql("SELECT 1")  # begins the transaction
    return connection.connection.driver_connection


def _ahead(months: int) -> set[tuple[int, int]]:
    now = datetime.now(timezone.utc)
    places = (now.year * 12 + now.month - 1 + at for at in range(months))
    return {(place // 12, place % 12 + 1) for place in places}


def _months(connection: Connection) -> int:
    driver = _driver(connection)
    (oid,) = driver.execute("SELECT to_regclass('aura_events')::oid::bigint").fetchone()
    return len(parts_of(driver, oid)) - 1


def _rebuild(driver: Any) -> None:
    driver.execute("SELECT seq FROM aura_head WHERE id = 1 FOR UPDATE")  # no writer
    driver.execute("LOCK TABLE aura_events IN ACCESS EXCLUSIVE MODE")
    rights = {name: _rights(driver, name) for name in ("aura_events", "model_performance")}
    of_owner = "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = to_regclass('aura_events')"
    (owner,) = driver.execute(of_owner).fetchone()
    (view,) = driver.execute("SELECT pg_get_viewdef('model_performance'::regclass)").fetchone()
    driver.execute("DROP VIEW model_performance")
    driver.execute("ALTER TABLE aura_events RENAME TO aura_events_before")
    driver.execute("ALTER TABLE aura_events_before RENAME CONSTRAINT pk_aura_events TO pk_aura_events_before")
    for name in ("actor_ts", "case_id", "ts"):
        driver.execute(f"ALTER INDEX ix_aura_events_{name} RENAME TO ix_aura_events_before_{name}")
    driver.execute("CREATE TABLE aura_events (LIKE aura_events_before) PARTITION BY RANGE (ts)")
    driver.execute("CREATE TABLE aura_events_other PARTITION OF aura_events DEFAULT")
    moments = driver.execute("SELECT DISTINCT ts / 86400000000 FROM aura_events_before WHERE ts >= 0").fetchall()
    make_months(driver, months_of(day * 86_400 * _MICROS for (day,) in moments))
    stored = driver.execute("INSERT INTO aura_events SELECT * FROM aura_events_before").rowcount
    driver.execute("ALTER TABLE aura_events ADD CONSTRAINT pk_aura_events PRIMARY KEY (seq, ts)")
    for name, columns in _INDEXES.items():
        driver.execute(f"CREATE INDEX ix_aura_events_{name} ON aura_events ({columns})")
    driver.execute(f"CREATE TABLE {IDS} (event_id text PRIMARY KEY, seq bigint NOT NULL UNIQUE)")
    driver.execute(f"INSERT INTO {IDS} SELECT event_id, seq FROM aura_events_before")  # noqa: S608
    (before,) = driver.execute("SELECT count(*) FROM aura_events_before").fetchone()
    if stored != before:
        raise LedgerDamagedError(Problem("not every event found its month", got=f"{stored:,}", expected=f"{before:,}"))
    driver.execute("DROP TABLE aura_events_before")
    driver.execute(f"CREATE VIEW model_performance AS {_text(view)}")
    for name, known in (*rights.items(), (IDS, [one for one in rights["aura_events"] if one[1] in ("SELECT", "INSERT")])):
        _granted(driver, name, _text(owner), known)
    driver.execute("ANALYZE aura_events")
