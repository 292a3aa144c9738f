"""An index of the decision log, so that nothing reads the whole file twice: a SQLite file beside it that can be deleted at any time.

It takes in what was added since it last looked, remembers where every entry is, and keeps the sums of the statistics. An amendment
takes the outcome before it out of the sums again: the last one counts.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aura_analytics import times
from aura_analytics.decisions.files import LogFile, parsed
from aura_analytics.decisions.records import DecisionLog, components_of

__all__ = ["Index", "Place", "moment"]

_FORM = 1
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value);
CREATE TABLE entries (n INTEGER PRIMARY KEY, request_id TEXT UNIQUE, at INTEGER, size INTEGER, ts INTEGER, confidence REAL,
                      components TEXT, outcome TEXT, seconds REAL, amended INTEGER, amendment INTEGER);
CREATE TABLE amendments (n INTEGER PRIMARY KEY, request_id TEXT, at INTEGER, size INTEGER);
CREATE TABLE components (name TEXT PRIMARY KEY, chosen INTEGER, outcomes INTEGER, successes INTEGER);
CREATE INDEX entries_ts ON entries (ts);
CREATE INDEX entries_outcome ON entries (outcome);
CREATE INDEX amendments_id ON amendments (request_id);
"""
Place = tuple[int, int]  # offset, length


def moment(text: object) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time; naive is UTC; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        return times.epoch_micros(datetime.fromisoformat(text))
    except ValueError:
        return None


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

    def close(self) -> None:
        """Close the file of the index."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def refreshed(self) -> sqlite3.Connection:
        """The index, with everything in it that the log holds by now."""
        try:
            return self._refresh()
        except sqlite3.DatabaseError:
            # it holds nothing that the log does not: whatever is wrong with it, it is made anew
            self.close()
            for path in (self._path, *(Path(f"{self._path}{end}") for end in ("-wal", "-shm"))):
                path.unlink(missing_ok=True)
            return self._refresh()

    def _refresh(self) -> sqlite3.Connection:
        connection = self._opened()
        about = dict(connection.execute("SELECT name, value FROM about"))
        size = self._log.size()
        if about.get("form") == _FORM and about["end"] == size:
            return connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            about = dict(connection.execute("SELECT name, value FROM about"))
            if about.get("form") != _FORM or not self._continues(about, size):
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    if table != "about":
                        connection.execute(f"DELETE FROM {table}")  # noqa: S608
                about = {"form": _FORM, "end": 0, "last": "", "last_at": 0, "last_size": 0}
            self._take_in(connection, about)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return connection

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'about'").fetchone():
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
            connection.execute("COMMIT")
            self._connection = connection
        return self._connection

    def _continues(self, about: dict[str, Any], size: int) -> bool:
        """Whether the log is the one that was indexed, with something added."""
        if about["end"] > size:
            return False
        return not about["last"] or about["last"] == _digest(self._log.read(about["last_at"], about["last_size"]))

    def _take_in(self, connection: sqlite3.Connection, about: dict[str, Any]) -> None:
        for line in self._log.lines(about["end"]):
            if not line.complete:
                break  # maybe somebody is just writing it
            about |= {"end": line.offset + len(line.raw) + 1, "last_at": line.offset, "last_size": len(line.raw)}
            about["last"] = line.raw
            found = parsed(line.raw) if line.raw.strip() else ""
            if isinstance(found, str):
                continue  # `faults` reports it
            place = line.offset, len(line.raw)
            if "amends" in found:
                self._amend(connection, found, place)
            else:
                self._enter(connection, found, place)
        if isinstance(about["last"], bytes):
            about["last"] = _digest(about["last"])
        connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", list(about.items()))

    @staticmethod
    def _enter(connection: sqlite3.Connection, entry: dict[str, Any], place: Place) -> None:
        decisions = entry.get("decisions") if isinstance(entry.get("decisions"), dict) else {}
        assert isinstance(decisions, dict)
        confidence = decisions.get("total_confidence")
        names = components_of(decisions)
        known = connection.execute("SELECT 1 FROM entries WHERE request_id = ?", (entry["request_id"],)).fetchone()
        if known:
            return  # the first with an id keeps it; `duplicates` lists the others
        number = isinstance(confidence, (int, float)) and not isinstance(confidence, bool)
        connection.execute(
            "INSERT INTO entries (request_id, at, size, ts, confidence, components, amended) VALUES (?, ?, ?, ?, ?, ?, 0)",
            (entry["request_id"], *place, moment(entry.get("timestamp")), confidence if number else None, json.dumps(names)),
        )
        connection.executemany(
            "INSERT INTO components VALUES (?, 1, 0, 0) ON CONFLICT (name) DO UPDATE SET chosen = chosen + 1",
            [(name,) for name in names],
        )
        if isinstance(entry.get("outcome"), dict):
            _count(connection, entry["request_id"], names, None, entry["outcome"])

    @staticmethod
    def _amend(connection: sqlite3.Connection, amendment: dict[str, Any], place: Place) -> None:
        name = amendment["amends"]
        row = connection.execute("SELECT components, outcome FROM entries WHERE request_id = ?", (name,)).fetchone()
        if row is None:
            return  # an amendment to nothing: `faults` of the logger reports it
        made = connection.execute("INSERT INTO amendments (request_id, at, size) VALUES (?, ?, ?)", (name, *place)).lastrowid
        _count(connection, name, json.loads(row[0]), row[1], amendment["outcome"])
        connection.execute("UPDATE entries SET amended = amended + 1, amendment = ? WHERE request_id = ?", (made, name))

    # -- asking ----------------------------------------------------------------------------------------------------------

    def known(self, request_id: str) -> bool:
        """Whether there is such an entry."""
        row = self.refreshed().execute("SELECT 1 FROM entries WHERE request_id = ?", (request_id,)).fetchone()
        return row is not None

    def entries(self, where: Sequence[str], values: Sequence[Any], limit: int | None, *, newest_first: bool) -> list[DecisionLog]:
        """Entries that meet all conditions, with their last outcome."""
        connection = self.refreshed()
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        order = "e.ts DESC, e.n DESC" if newest_first else "e.n"
        joined = "SELECT e.at, e.size, a.at, a.size FROM entries AS e LEFT JOIN amendments AS a ON a.n = e.amendment"
        rows = connection.execute(
            f"{joined} {condition} ORDER BY {order} LIMIT ?", (*values, -1 if limit is None else limit)
        ).fetchall()
        if not rows:
            return []
        own = self._log.read_many(row[:2] for row in rows)
        later = self._log.read_many(row[2:] for row in rows if row[2] is not None)
        return [_entry(raw, next(later) if row[2] is not None else None) for row, raw in zip(rows, own, strict=True)]

    def history(self, request_id: str) -> list[dict[str, Any]]:
        """All outcomes of an entry, the first first."""
        connection = self.refreshed()
        row = connection.execute("SELECT at, size FROM entries WHERE request_id = ?", (request_id,)).fetchone()
        if row is None:
            return []
        own = json.loads(self._log.read(*row))
        found = [{"outcome": own["outcome"], "logged_at": own.get("logged_at")}] if isinstance(own.get("outcome"), dict) else []
        later = connection.execute("SELECT at, size FROM amendments WHERE request_id = ? ORDER BY n", (request_id,)).fetchall()
        for place in later:
            amendment = json.loads(self._log.read(*place))
            found.append({"outcome": amendment["outcome"], "logged_at": amendment.get("logged_at")})
        return found


def _entry(raw: bytes, amendment: bytes | None) -> DecisionLog:
    found = json.loads(raw)
    if amendment is not None:
        later = json.loads(amendment)
        found |= {"outcome": later["outcome"], "logged_at": later.get("logged_at")}
    return DecisionLog(**{name: found.get(name) for name in DecisionLog.__dataclass_fields__})


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=16).hexdigest()


def _count(connection: sqlite3.Connection, request_id: str, names: list[str], before: str | None, outcome: dict[str, Any]) -> None:
    """Put an outcome into the sums in the place of the one before it."""
    kind, seconds = outcome.get("outcome_type"), outcome.get("time_taken_seconds")
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    text = kind if isinstance(kind, str) else ""
    connection.execute(
        "UPDATE entries SET outcome = ?, seconds = ? WHERE request_id = ?", (text, seconds if number else None, request_id)
    )
    first, change = int(before is None), int(text == "success") - int(before == "success")
    if first or change:
        connection.executemany(
            "UPDATE components SET outcomes = outcomes + ?, successes = successes + ? WHERE name = ?",
            [(first, change, name) for name in dict.fromkeys(names)],
        )
