"""Connections: what a URL means, how each database is opened, and what its errors mean to a user."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.postgresql import psycopg as _psycopg
from sqlalchemy.dialects.sqlite import pysqlite as _pysqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.sql import ClauseElement

from aura_analytics import settings
from aura_analytics.errors import (
    LedgerUnavailableError,
    ParameterError,
    Problem,
)
from aura_analytics.ledger.failures import shown

__all__ = [
    "Engines",
    "compiled",
    "ledger_address",
    "snapshot",
]

_EXPECTED = "sqlite:///path/to/aura.db or postgresql+psycopg://user@host/database"


def ledger_address(url: str | Path | URL) -> URL:
    """The URL of a ledger; a path is a SQLite file.

    Raises
    ------
    ParameterError
        If it is no URL of a database that a ledger can live in.

    Examples
    --------
    >>> str(ledger_address("postgres://localhost/aura"))
    'postgresql+psycopg://localhost/aura'
    """
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url.absolute()))
    if isinstance(url, str) and "://" not in url and "@" not in url:
        return ledger_address(Path(url))
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        # the text is not shown: it may hold a password
        raise ParameterError(Problem("the ledger's URL cannot be read", expected=_EXPECTED)) from None
    name = found.drivername
    if "@" in f"{found.host}" or ("@" in f"{found.database}" and not name.startswith("sqlite")):
        problem = Problem("the ledger's URL holds an @ too many", next="in a password write @ as %40, / as %2F and : as %3A")
        raise ParameterError(problem)
    if name in ("postgres", "postgresql", "postgresql+psycopg"):
        found = found.set(drivername="postgresql+psycopg")
        if not found.database:
            raise ParameterError(Problem("the ledger's URL names no database", got=shown(found), expected=_EXPECTED))
    elif name in ("sqlite", "sqlite+pysqlite"):
        found = found.set(drivername="sqlite")
        if not found.database or ":memory:" in found.database or found.query.get("mode") == "memory" or "immutable" in found.query:
            raise ParameterError(Problem("a ledger needs a file", got=shown(found), expected=_EXPECTED))
        if not found.database.startswith("file:"):  # the working directory may change
            found = found.set(database=str(Path(found.database).absolute()))
    else:
        raise ParameterError(Problem("no ledger can live there", got=name, expected=_EXPECTED))
    return found


def compiled(statement: ClauseElement, *, sqlite: bool) -> tuple[str, list[Any], list[str]]:
    """A statement as the driver takes it: text, values in order, and the names of these values."""
    dialect = _pysqlite.dialect(paramstyle="qmark") if sqlite else _psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
    found = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names: list[str] = list(getattr(found, "positiontup", None) or [])
    return str(found), [found.params.get(name) for name in names], names


class Engines:
    """The engine of a ledger in this process; a process that was forked gets one of its own.

    Parameters
    ----------
    url
        Address of the ledger.
    timeout
        Seconds to wait for other writers.
    synchronous
        SQLite only: `FULL` survives the loss of power, `NORMAL` only that of the process.
    """

    def __init__(self, url: URL, timeout: float, synchronous: str) -> None:
        self.url = url
        self.sqlite: bool = url.get_backend_name() == "sqlite"
        self._timeout = timeout
        self._synchronous = synchronous
        self._pid = 0
        self._file: tuple[int, int] | None = None
        self._made: tuple[Engine, Engine] | None = None
        _ALL.add(self)

    @property
    def reader(self) -> Engine:
        """Engine for reading."""
        return self._both()[0]

    @property
    def writer(self) -> Engine:
        """The same connections, whose transactions lock for writing from their beginning."""
        return self._both()[1]

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """The driver's own connection in a transaction that locks for writing: SQLAlchemy's would take longer than SQLite itself.

        It is committed at the end, and rolled back by an error.
        """
        pooled = self.writer.raw_connection()
        try:
            driver: Any = pooled.driver_connection
            if self.sqlite:
                self._lock(driver, pooled.info)
            yield driver
            driver.commit()
        finally:
            pooled.close()  # back to the pool, which rolls back what was not committed

    def _lock(self, driver: sqlite3.Connection, about: dict[Any, Any]) -> None:
        if not about.get("aura_wal"):  # who only reads changes nothing, not even that
            _to_wal(driver, self._timeout)
            about["aura_wal"] = True
        driver.execute("BEGIN IMMEDIATE")

    def _both(self) -> tuple[Engine, Engine]:
        pid = os.getpid()
        if self._made is None or self._pid != pid:
            if self._made is not None:  # the parent's connections are not ours to close
                self._made[0].dispose(close=False)
            engine = self._sqlite() if self.sqlite else self._postgres()
            self._made, self._pid = (engine, engine.execution_options(aura_write=True)), pid
        return self._made

    def check_file(self) -> None:
        """`LedgerUnavailableError` when the file that is open is not the one of its name any more: what is written would be
        lost.
        """
        if not self.sqlite or self._made is None or str(self.url.database).startswith("file:"):
            return
        try:
            about = os.stat(str(self.url.database))  # noqa: PTH116  (once an event: a Path takes longer than the question)
        except OSError:
            about = None
        now = None if about is None else (about.st_dev, about.st_ino)
        if self._file is None:
            self._file = now
        elif self._file != now:
            self.close()
            self._file = None
            problem = Problem(
                "the ledger's file was removed or replaced while it was open",
                where=shown(self.url),
                next="nothing was stored; open the ledger again",
            )
            raise LedgerUnavailableError(problem)

    def make_file(self) -> None:
        """Make the file of a new SQLite ledger, for its owner alone or as `AURA_FILE_MODE` says."""
        if self.sqlite and not self.url.query:
            with suppress(OSError):  # it is there, or cannot be made: SQLite says which
                os.close(os.open(str(self.url.database), os.O_CREAT | os.O_EXCL | os.O_WRONLY, settings.file_mode()))

    def close(self) -> None:
        """Close all connections of this process."""
        if self._made is not None and self._pid == os.getpid():
            self._made[0].dispose()
        self._made, self._file = None, None

    def close_before_fork(self) -> None:
        """Leave no SQLite connection to a child: its own would share locks with it, and lose what it writes.

        Waits a moment for other threads to hand theirs back.
        """
        if self._made is None or not self.sqlite or self._pid != os.getpid():
            return
        pool: Any = self._made[0].pool
        deadline = time.monotonic() + _HANDED_BACK
        while pool.checkedout() and time.monotonic() < deadline:
            time.sleep(0.002)
        self.close()

    def _pool(self) -> dict[str, Any]:
        """A few connections are kept open; more are opened up to the limit, and who comes after that waits."""
        most = settings.connections()
        kept = min(4, most)
        return {"pool_size": kept, "max_overflow": most - kept, "pool_timeout": max(self._timeout, 0.1)}

    def _sqlite(self) -> Engine:
        arguments = {"timeout": self._timeout, "isolation_level": None}
        engine = create_engine(_readable(self.url), connect_args=arguments, **self._pool())

        @event.listens_for(engine, "connect")
        def _opened(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")

        @event.listens_for(engine, "begin")
        def _begun(connection: Any) -> None:
            driver = connection.connection.driver_connection
            if connection.get_execution_options().get("aura_write"):
                self._lock(driver, connection.info)
            else:
                driver.execute("BEGIN")

        return engine

    def _postgres(self) -> Engine:
        wait = max(1, int(1000 * self._timeout))  # 0 would mean for ever
        arguments = {"connect_timeout": max(2, int(self._timeout)), "options": f"-c lock_timeout={wait} -c timezone=UTC"}
        arguments["application_name"] = "aura"
        try:
            return create_engine(self.url, connect_args=arguments, pool_pre_ping=True, **self._pool())
        except (ModuleNotFoundError, NoSuchModuleError):
            problem = Problem("PostgreSQL needs a driver", expected="psycopg", next="pip install 'aura-analytics[postgres]'")
            raise LedgerUnavailableError(problem) from None


def _readable(url: URL) -> URL:
    """The URL, or for a file that nobody here may write, and nobody is writing, one that only reads it: a copy kept as evidence."""
    path = Path(str(url.database))
    if url.query or not path.exists() or os.access(path, os.W_OK) or Path(f"{path}-wal").exists():
        return url
    if os.access(path.parent, os.W_OK):
        return url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    return url.set(database=f"file:{quote(str(path))}", query={"mode": "ro", "immutable": "1", "uri": "true"})


def _to_wal(driver: sqlite3.Connection, wait: float) -> None:
    """Readers and a writer at once; the switch does not wait for others by itself."""
    deadline = time.monotonic() + wait
    while driver.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            if time.monotonic() > deadline:
                break
            # of a file that may only be read the switch is passed over in silence: a write says so, at once
            driver.execute(f"PRAGMA user_version = {int(driver.execute('PRAGMA user_version').fetchone()[0])}")
        time.sleep(0.01)


_ALL: WeakSet[Engines] = WeakSet()
_HANDED_BACK = 5.0  # seconds


def _before_fork() -> None:
    for engines in list(_ALL):
        engines.close_before_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)


@contextmanager
def snapshot(engines: Engines) -> Iterator[Connection]:
    """A connection to read with, all of whose queries see the ledger at one moment."""
    with engines.reader.connect() as connection:
        if not engines.sqlite:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection
