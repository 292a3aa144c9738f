"""Which schema a database has, and bringing it to the library's own: under one lock, and with a backup first."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from aura_analytics.errors import LedgerSchemaError, ParameterError, Problem
from aura_analytics.ledger.engines import Engines
from aura_analytics.ledger.failures import missing, shown, translated

__all__ = ["REVISION", "VERSION_TABLE", "ensure", "migrate", "revision_of", "upgrade"]

REVISION = "0007"  # of the tables that this library reads and writes; a test compares it with the migrations
VERSION_TABLE = "aura_alembic_version"
_SCRIPTS = [str(Path(__file__).parent / "migrations" / "versions")]
_ALEMBIC = threading.Lock()  # its context belongs to the process, not to a thread
_LOCK = 0x61757261  # of PostgreSQL's advisory locks: "aura"


def revision_of(connection: Connection) -> str | None:
    """The revision of a database's tables; None when it has none.

    Raises
    ------
    LedgerSchemaError
        If it is a SQLite file that holds something else.
    """
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    if tables and connection.dialect.name == "sqlite":
        problem = Problem(
            "this SQLite file is no ledger",
            got=f"tables {', '.join(sorted(tables)[:5])}",
            where=shown(connection.engine.url),
            next="name another file; this one is left as it is",
        )
        raise LedgerSchemaError(problem)
    return None


def ensure(engines: Engines, *, create: bool) -> None:
    """Make sure that the database has the tables of this library.

    Raises
    ------
    FileMissingError
        If there is no ledger and none is to be made.
    LedgerSchemaError
        If the database holds something else, or the tables of another version.
    """
    if engines.sqlite and not create and not Path(str(engines.url.database)).exists():
        raise missing(engines.url)
    if create:
        engines.make_file()
    with translated(engines.url):
        if _quick(engines) == REVISION:
            return
        with engines.reader.connect() as connection:
            found = revision_of(connection)
        if found is None:
            if not create:
                raise missing(engines.url)
            with engines.writer.begin() as connection:
                _lock(connection)
                found = revision_of(connection)  # another process may have been first
                if found is None:
                    migrate(connection)
                    return
        _check(found, engines)


def _quick(engines: Engines) -> str | None:
    """The revision in one query; None where that fails for whatever reason."""
    try:
        with engines.reader.connect() as connection:
            return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    except OperationalError as error:
        # a table that is missing is no error here; a database that cannot be opened is
        if engines.sqlite and "no such table" not in str(error.orig):
            raise
        if not engines.sqlite:
            raise
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P01":
            raise
    return None


def _check(found: str | None, engines: Engines) -> None:
    if found == REVISION:
        return
    where = shown(engines.url)
    if found in _known():
        command = f"aura ledger upgrade {where}"
        problem = Problem(
            "the ledger's schema is older than this library",
            got=found,
            expected=REVISION,
            where=where,
            next=f"run: {command} (it makes a backup first)",
        )
    else:
        problem = Problem(
            "the ledger was written by a newer version of the library",
            got=f"schema {found}",
            expected=REVISION,
            where=where,
            next="pip install --upgrade aura-analytics",
        )
    raise LedgerSchemaError(problem)


def _config(connection: Connection | None = None) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(_SCRIPTS))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


def _known() -> list[str]:
    """All revisions that the library knows."""
    from alembic.script import ScriptDirectory

    with _ALEMBIC:
        return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def migrate(connection: Connection) -> None:
    """Make or bring up to date the tables of a database, in its transaction."""
    from alembic import command

    with _ALEMBIC:
        command.upgrade(_config(connection), REVISION)
    if revision_of(connection) != REVISION:
        raise LedgerSchemaError(Problem("the ledger's tables could not be made", where=shown(connection.engine.url)))


def _lock(connection: Connection) -> None:
    """One process at a time; SQLite's transaction is a lock already."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def upgrade(engines: Engines, backup: Path | None = None) -> tuple[str, Path | None]:
    """Bring a ledger to the schema of this library, after a backup.

    Parameters
    ----------
    engines
        Where the ledger is.
    backup
        Where to: default a file named after the ledger, the revision and the time. Of PostgreSQL, the events as Parquet.

    Returns
    -------
    tuple
        The revision before, and the backup's path (None when nothing had to be done).
    """
    from aura_analytics.ledger.reading import write_copy

    if engines.sqlite and not Path(str(engines.url.database)).exists():
        raise missing(engines.url)
    with translated(engines.url), closing(engines):
        with engines.reader.connect() as connection:
            found = revision_of(connection)
        if found is None:
            raise missing(engines.url)
        if found == REVISION:
            return found, None
        if found not in _known():
            _check(found, engines)
        target = backup or _backup_path(engines, found)
        if target.exists():
            raise ParameterError(Problem("the backup exists already", got=str(target), next="choose another name"))
        write_copy(engines, target)
        with engines.writer.begin() as connection:
            _lock(connection)
            if revision_of(connection) != REVISION:
                migrate(connection)
    return found, target


def _backup_path(engines: Engines, revision: str) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    if engines.sqlite:
        return Path(f"{engines.url.database}.backup-{revision}-{stamp}")
    return Path(f"{engines.url.database}.backup-{revision}-{stamp}.parquet")
