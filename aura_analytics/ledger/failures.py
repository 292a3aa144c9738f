"""What a database says when something is wrong, in our words, with what to do next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from aura_analytics.errors import (
    AuraError,
    FileMissingError,
    LedgerDamagedError,
    LedgerError,
    LedgerSchemaError,
    LedgerUnavailableError,
    Problem,
)

__all__ = ["explained", "missing", "shown", "translated"]


def shown(url: URL) -> str:
    """The URL as it may be shown: without its password, wherever that was put, and a SQLite file as seen from here."""
    query = {name: "***" if "pass" in name.lower() else value for name, value in url.query.items()}
    safe = url.set(query=query)
    if url.get_backend_name() == "sqlite" and url.database:
        path = Path(url.database)
        if path.is_relative_to(Path.cwd()):
            safe = safe.set(database=str(path.relative_to(Path.cwd())))
    return safe.render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Errors of the database in words that say what to do."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error.orig or error, url) from None
    except (NoResultFound, MultipleResultsFound) as error:  # a row that every ledger has
        text = str(error).rstrip(".")
        next_ = "aura ledger verify says more; restore a backup or a snapshot"
        raise LedgerDamagedError(Problem("the ledger is damaged", got=text, where=shown(url), next=next_)) from None
    except PoolTimeoutError:
        next_ = "close what is read no more, use fewer threads, or raise AURA_CONNECTIONS or AURA_LEDGER_TIMEOUT"
        raise LedgerUnavailableError(
            Problem("all connections of this process to the ledger are in use", where=shown(url), next=next_)
        ) from None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise explained(error, url) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "psycopg":  # of its COPY and cursors, used without SQLAlchemy
            raise explained(error, url) from None
        raise


def explained(original: BaseException, url: URL) -> AuraError:
    """An error of the package for one of a driver."""
    where = shown(url)
    if isinstance(original, (sqlite3.Error, UnicodeDecodeError)):
        return _of_sqlite(original, where)
    state = getattr(original, "sqlstate", None)
    text = " ".join(str(original).split())
    text = text.rpartition("FATAL:")[2].strip() or text  # what the server said, without where it is
    if state in ("28P01", "28000") or "password authentication failed" in text or "no password supplied" in text:
        problem = Problem("the ledger refuses this user or password", where=where, next="check the user and password of the URL")
    elif state == "3D000" or ("database" in text and "does not exist" in text):
        problem = Problem("there is no such database", where=where, next="create it with createdb, or correct the URL")
    elif state == "55P03":
        problem = Problem("the ledger is locked by another writer", where=where, next="try again, or raise AURA_LEDGER_TIMEOUT")
    elif state == "42501":
        next_ = "ask for the rights to SELECT, INSERT and UPDATE on the tables aura_*"
        problem = Problem("the ledger refuses this user", got=text, where=where, next=next_)
    elif state == "25006":
        problem = Problem("the ledger may not be written", got=text, where=where, next="ask for the right to write")
    elif state in ("53100", "54000"):
        problem = Problem("the ledger's disk is full", where=where, next="free some space; nothing was stored")
    elif state is None and type(original).__name__ in ("DataError", "ProgrammingError"):
        return LedgerError(Problem("the database refused a value", got=text, where=where))
    elif state is None or state.startswith(("08", "57P")):
        problem = Problem(
            "the ledger cannot be reached", got=text, where=where, next="is the server running, and is the URL right?"
        )
    else:
        return LedgerError(Problem("the ledger's database refused", got=text, where=where))
    return LedgerUnavailableError(problem)


def _of_sqlite(error: sqlite3.Error | UnicodeDecodeError, where: str) -> AuraError:
    name = str(getattr(error, "sqlite_errorname", "") or "")
    text = str(error)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        next_ = "try again, or raise AURA_LEDGER_TIMEOUT"
        return LedgerUnavailableError(Problem("the ledger is locked by another writer", where=where, next=next_))
    if name.startswith("SQLITE_READONLY"):
        next_ = "give write permission to the file and its folder"
        return LedgerUnavailableError(Problem("the ledger may not be written", got=text, where=where, next=next_))
    if name.startswith("SQLITE_FULL"):
        next_ = "free some space; nothing was stored"
        return LedgerUnavailableError(Problem("the ledger's disk is full", where=where, next=next_))
    if name.startswith("SQLITE_CANTOPEN"):
        next_ = "does the folder exist, and may you write there?"
        return LedgerUnavailableError(Problem("the ledger's file cannot be opened", where=where, next=next_))
    if name.startswith("SQLITE_NOTADB"):
        return LedgerSchemaError(Problem("this file is no SQLite database", where=where, next="name another file"))
    if name.startswith("SQLITE_CORRUPT") or isinstance(error, UnicodeDecodeError) or "decode" in text:
        next_ = "restore a backup or a snapshot; copy this file away first"
        return LedgerDamagedError(Problem("the ledger's file is damaged", got=text, where=where, next=next_))
    if name.startswith("SQLITE_IOERR"):
        return LedgerUnavailableError(Problem("the ledger's disk failed", got=text, where=where, next="check the disk"))
    return LedgerError(Problem("the ledger's database refused", got=text, where=where))


def missing(url: URL) -> FileMissingError:
    """The error for a ledger that should exist."""
    if url.get_backend_name() == "sqlite" and Path(f"{url.database}.mirror/manifest.json").exists():
        hint = "a mirror of it lies there still: was the file removed? restore a backup, and verify it with --heads"
        return FileMissingError(Problem("no such ledger", got=shown(url), next=hint))
    return FileMissingError(Problem("no such ledger", got=shown(url), next="record an event into it, or correct the name"))
