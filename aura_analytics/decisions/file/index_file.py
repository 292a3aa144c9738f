"""The SQLite file of an index: its tables, whose it is, and whether it is as it was left."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aura_analytics.decisions.file.handles import head_of
from aura_analytics.decisions.file.log_file import LogFile

__all__ = ["FORM", "cannot_write", "contents", "is_ours", "keep_segments", "lines_are_as_they_were", "opened"]

FORM = 7
_OURS = 0x41555249  # SQLite's mark of whose file it is
_OF_OURS = {"about", "entries", "tallies"}
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
CREATE TABLE segments (segment INTEGER PRIMARY KEY, size INTEGER, changed INTEGER, chain TEXT);
CREATE INDEX entries_ts ON entries (ts);
CREATE INDEX entries_outcome ON entries (outcome);
CREATE INDEX notes_id ON notes (request_id, kind);
"""
_SAID = (
    "SELECT request_id, segment, at, size, ts, confidence, bin, components, served, covariates, outcome, micros, ended"
    " FROM entries ORDER BY n",
    "SELECT kind, request_id, segment, at, size FROM notes ORDER BY n",
    "SELECT e.request_id, a.segment, a.at FROM entries AS e JOIN notes AS a ON a.n = e.amendment ORDER BY e.n",
    "SELECT components, served, bin, outcome, decisions, timed, micros FROM tallies WHERE decisions > 0 ORDER BY 1, 2, 3, 4",
    "SELECT components FROM chosen ORDER BY n",
    "SELECT segment, at, why FROM skipped ORDER BY 1, 2",
)
_PATTERNS = "SELECT served, covariates, outcome, decisions FROM patterns WHERE decisions > 0 ORDER BY 1, 2, 3"


def contents(connection: sqlite3.Connection) -> str:
    """A digest of everything that an index says."""
    digest = hashlib.sha256()
    few = connection.execute("SELECT value FROM about WHERE name = 'patterns'").fetchone()[0]
    for query in (*_SAID, *([_PATTERNS] if few else [])):
        for row in connection.execute(query):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def opened(path: Path) -> sqlite3.Connection:
    """An index's database, with its tables; one of an earlier form is emptied."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("BEGIN IMMEDIATE")
    held = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "about" in held and dict(connection.execute("SELECT name, value FROM about")).get("form", FORM) not in (0, FORM):
        for name in held - {"about"}:
            connection.execute(f"DROP TABLE IF EXISTS {name}" if not name.startswith("sqlite_") else "SELECT 1")
        connection.execute("DROP TABLE about")
        held = set()
    if "about" not in held:
        connection.execute(f"PRAGMA application_id = {_OURS}")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
    connection.execute("COMMIT")
    return connection


def keep_segments(connection: sqlite3.Connection, log: LogFile, growing: int, ends: Mapping[int, str]) -> None:
    """Remember what closed segments are like, and the chain at the end of each."""
    for number, (size, changed) in log.stamps().items():
        if number in ends and number != growing:
            connection.execute("INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?)", (number, size, changed, ends[number]))


def lines_are_as_they_were(connection: sqlite3.Connection, log: LogFile, about: Mapping[str, Any]) -> bool:
    """Whether the log still holds what was taken in: closed segments that look otherwise are read, and a file that grew."""
    kept = {row[0]: row[1:] for row in connection.execute("SELECT segment, size, changed, chain FROM segments")}
    number, size, changed = log.end()
    chain: str | None = None
    for segment, stamp in log.stamps().items():
        known = kept.get(segment)
        if known is None or segment > about["segment"]:
            break
        if known[:2] != stamp:
            if log.chain_of(segment, chain) != known[2]:
                return False
            connection.execute("INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?)", (segment, *stamp, known[2]))
        chain = known[2]
    if (about["segment"], about["end"], about["changed"]) == (number, size, changed):
        return True
    return bool(log.chain_of(about["segment"], chain, about["end"]) == about["chain"])


def is_ours(path: Path) -> bool:
    """Whether a file may be used as an index: one of ours, or none."""
    if path.is_dir():
        return False
    try:
        head = head_of(path)
    except OSError:
        return True  # there is none, or whoever opens it will say
    if not head:
        return True
    if not head.startswith(b"SQLite format 3\0") or len(head) < 100:
        return False
    if int.from_bytes(head[68:72], "big") == _OURS:
        return True
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as old,
    ):
        return {name for (name,) in old.execute("SELECT name FROM sqlite_master")} >= _OF_OURS  # before there was a mark
    return False


def cannot_write(error: Exception) -> bool:
    """Whether an error says that nothing may be written there."""
    said = str(error)
    return isinstance(error, PermissionError) or any(
        word in said for word in ("unable to open", "readonly", "read-only", "attempt to write")
    )
