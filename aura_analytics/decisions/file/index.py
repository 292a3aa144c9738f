"""An index of the decision log, so that nothing reads the whole file twice: a SQLite file beside it that can be deleted at any
time.

It takes in what was added since it last looked, remembers where every entry is, and keeps tallies: how many decisions there are of
every combination of components, bin of confidence and outcome. An amendment moves its decision from one tally to another: the last
outcome counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.decisions.file.log_file import LogFile, parsed
from aura_analytics.decisions.file.taking_in import Taker, digest_of
from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.tables import (
    Conditions,
    decision_table,
    entry_of,
    pattern_table,
    tally_table,
)
from aura_analytics.errors import LedgerUnavailableError, Problem

__all__ = ["Index"]

_FORM = 6
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value);
CREATE TABLE entries (n INTEGER PRIMARY KEY, request_id TEXT UNIQUE, segment INTEGER, at INTEGER, size INTEGER, ts INTEGER,
                      confidence REAL, bin INTEGER, components TEXT, served TEXT, covariates TEXT, outcome TEXT,
                      micros INTEGER, ended INTEGER, amendment INTEGER);
CREATE TABLE notes (n INTEGER PRIMARY KEY, kind TEXT, request_id TEXT, segment INTEGER, at INTEGER, size INTEGER);
CREATE TABLE tallies (n INTEGER PRIMARY KEY, components TEXT, served TEXT, bin INTEGER, outcome TEXT, decisions INTEGER,
                      timed INTEGER, micros INTEGER, UNIQUE (components, served, bin, outcome));
CREATE TABLE chosen (n INTEGER PRIMARY KEY, components TEXT UNIQUE);
CREATE TABLE patterns (n INTEGER PRIMARY KEY, served TEXT, covariates TEXT, outcome TEXT, decisions INTEGER,
                       UNIQUE (served, covariates, outcome));
CREATE TABLE skipped (segment INTEGER, at INTEGER, why TEXT);
CREATE INDEX entries_ts ON entries (ts);
CREATE INDEX entries_outcome ON entries (outcome);
CREATE INDEX notes_id ON notes (request_id, kind);
"""


class Index:
    """The index of a log file.

    Parameters
    ----------
    log
        The file.
    """

    def __init__(self, log: LogFile) -> None:
        self._log = log
        self._path = log.path.with_name(log.path.name + ".index")
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the file of the index."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def forget(self) -> None:
        """Have everything read anew by whoever looks next: the log was repaired or cut."""
        with self._lock:
            self._refreshed().execute("UPDATE about SET value = 0 WHERE name = 'form'")

    def _asked(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """The answer of a query, with everything in the index that the log holds by now. One thread at a time."""
        with self._lock:
            return self._refreshed().execute(query, values).fetchall()

    def _refreshed(self) -> sqlite3.Connection:
        try:
            return self._refresh()
        except (sqlite3.DatabaseError, PermissionError) as error:
            self.close()
            if _cannot_write(error):
                self._elsewhere()
            elif isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise LedgerUnavailableError(
                    Problem("the index of the decision log is in use", where=str(self._path), next="try again")
                ) from None
            else:
                # it holds nothing that the log does not: whatever is wrong with it, it is made anew
                for path in (self._path, *(Path(f"{self._path}{end}") for end in ("-wal", "-shm"))):
                    path.unlink(missing_ok=True)
            return self._refresh()

    def _elsewhere(self) -> None:
        """Go on with a copy of one's own: the log may be read, but nothing may be written beside it."""
        self._own = tempfile.TemporaryDirectory(prefix="aura-index-")
        target = Path(self._own.name) / "index"
        for end in ("", "-wal"):
            with contextlib.suppress(OSError):
                shutil.copyfile(f"{self._path}{end}", f"{target}{end}")
        self._path = target

    def _refresh(self) -> sqlite3.Connection:
        connection = self._opened()
        about = dict(connection.execute("SELECT name, value FROM about"))
        number, size, changed = self._log.end()
        if about.get("form") == _FORM and (about["segment"], about["end"], about["changed"]) == (number, size, changed):
            return connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            about = dict(connection.execute("SELECT name, value FROM about"))
            if about.get("form") != _FORM or not self._continues(about):
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    if table != "about":
                        connection.execute(f"DELETE FROM {table}")  # noqa: S608
                about = {
                    "form": _FORM,
                    "segment": 0,
                    "end": 0,
                    "last": "",
                    "last_segment": 0,
                    "last_at": 0,
                    "last_size": 0,
                    "patterns": 1,
                }
            self._take_in(connection, about)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return connection

    def _opened(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._connection, self._process = None, os.getpid()  # of the parent
        if self._connection is None:
            if self._own is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("BEGIN IMMEDIATE")
            held = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "about" in held and dict(connection.execute("SELECT name, value FROM about")).get("form", _FORM) not in (0, _FORM):
                for name in held - {"about"}:
                    connection.execute(f"DROP TABLE IF EXISTS {name}" if not name.startswith("sqlite_") else "SELECT 1")
                connection.execute("DROP TABLE about")
                held = set()
            if "about" not in held:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
            connection.execute("COMMIT")
            if self._own is None and self._log.path.exists():
                self._path.chmod(self._log.path.stat().st_mode & 0o777)
            self._connection = connection
        return self._connection

    def _continues(self, about: dict[str, Any]) -> bool:
        """Whether the log is the one that was indexed, with something added."""
        number, size, changed = self._log.end()
        if about["first"] != min(self._log.segments(), default=number):
            return False  # something was deleted
        if (about["segment"], about["end"]) == (number, size) and about["changed"] not in (-1, changed):
            return False  # as long as before, but written since: somebody edited it
        if not about["last"]:
            return True
        try:
            return bool(about["last"] == digest_of(self._log.read((about["last_segment"], about["last_at"], about["last_size"]))))
        except FileNotFoundError:
            return False

    def _take_in(self, connection: sqlite3.Connection, about: dict[str, Any]) -> None:
        number, size, changed = self._log.end()
        about["first"] = min(self._log.segments(), default=number)
        raw = None
        taker = Taker(connection, patterns=bool(about["patterns"]))
        for line in self._log.lines((about["segment"], about["end"])):
            if not line.complete and line.segment >= number and isinstance(parsed(line.raw), str):
                break  # maybe somebody is just writing it
            about["segment"], about["end"] = line.segment, line.offset + len(line.raw) + int(line.complete)
            about["last_segment"], about["last_at"], about["last_size"] = line.segment, line.offset, len(line.raw)
            raw = line.raw
            taker.take(line)
        taker.flush()
        about["patterns"] = int(taker.patterns)
        if raw is None and about["segment"] < number:
            about["segment"], about["end"] = number, 0  # rotated, and nothing added since
        if raw is not None:
            about["last"] = digest_of(raw)
        # the time belongs to the size that was seen with it; if more was read, the next look finds another
        about["changed"] = changed if (about["segment"], about["end"]) == (number, size) else -1
        connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", list(about.items()))

    # -- asking ----------------------------------------------------------------------------------------------------------

    def components(self, request_id: str) -> list[str] | None:
        """The components that serve a decision by now, None when there is none such."""
        rows = self._asked("SELECT served FROM entries WHERE request_id = ?", (request_id,))
        return list(json.loads(rows[0][0])) if rows else None

    def entries(self, conditions: Conditions, limit: int | None, *, newest_first: bool) -> Iterator[DecisionLog]:
        """Entries that meet all conditions, with their last outcome."""
        where, values = [], []
        for test, value in (
            ("request_id = ?", conditions.request_id),
            ("ts >= ?", conditions.since),
            ("ts <= ?", conditions.until),
            ("outcome = ?", conditions.outcome),
        ):
            if value is not None:
                where.append(f"e.{test}")
                values.append(value)
        if conditions.has_outcome is not None:
            where.append(f"e.outcome IS {'NOT ' if conditions.has_outcome else ''}NULL")
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        order = "e.ts DESC, e.n DESC" if newest_first else "e.n"
        joined = (
            "SELECT e.segment, e.at, e.size, a.segment, a.at, a.size FROM entries AS e LEFT JOIN notes AS a ON a.n = e.amendment"
        )
        most = -1 if limit is None else min(limit, 2**62)
        rows = self._asked(f"{joined} {condition} ORDER BY {order} LIMIT ?", (*values, most))
        own = self._log.read_many(row[:3] for row in rows)
        later = self._log.read_many(row[3:] for row in rows if row[3] is not None)
        for row, raw in zip(rows, own, strict=True):
            yield entry_of(json.loads(raw), json.loads(next(later)) if row[3] is not None else None)

    def notes(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """Outcomes, overrides or approvals that were added, the first first."""
        where, values = "kind = ?", [kind]
        if request_id is not None:
            where, values = f"{where} AND request_id = ?", [kind, request_id]
        places = self._asked(f"SELECT segment, at, size FROM notes WHERE {where} ORDER BY n", values)  # noqa: S608
        return [json.loads(raw) for raw in self._log.read_many(places)]

    def raw(self, request_id: str) -> dict[str, Any] | None:
        """The line of a decision as it was written."""
        rows = self._asked("SELECT segment, at, size FROM entries WHERE request_id = ?", (request_id,))
        return dict(json.loads(self._log.read(rows[0]))) if rows else None

    def skipped(self) -> dict[tuple[int, int], str]:
        """Why lines that can be read do not count, by segment and offset."""
        return {(segment, at): why for segment, at, why in self._asked("SELECT segment, at, why FROM skipped")}

    def tallies(self) -> pl.DataFrame:
        """How many decisions there are of every combination of components, bin of confidence and outcome."""
        return tally_table(
            self._asked(
                "SELECT components, served, nullif(bin, -1), nullif(outcome, ''), decisions, timed, micros"
                " FROM tallies JOIN chosen USING (components) WHERE decisions > 0 ORDER BY chosen.n, tallies.n"
            )
        )

    def table(self) -> pl.DataFrame:
        """One row a decision."""
        return decision_table(
            self._asked(
                "SELECT request_id, ts, confidence, components, served, covariates, outcome, micros, ended FROM entries ORDER BY n"
            )
        )

    def patterns(self) -> pl.DataFrame:
        """Decisions with outcomes, those that are alike together."""
        kept = "SELECT served, covariates, outcome, decisions FROM patterns WHERE decisions > 0 ORDER BY n"
        counted = (
            "SELECT served, covariates, outcome, count(*) FROM entries WHERE outcome IS NOT NULL GROUP BY 1, 2, 3 ORDER BY min(n)"
        )
        with self._lock:
            few = self._asked("SELECT value FROM about WHERE name = 'patterns'")
            return pattern_table(self._asked(kept if few and few[0][0] else counted))


def _cannot_write(error: Exception) -> bool:
    said = str(error)
    return isinstance(error, PermissionError) or any(
        word in said for word in ("unable to open", "readonly", "read-only", "attempt to write")
    )
