"""An index of the decision log, so that nothing reads the whole file twice: a SQLite file beside it that can be deleted at any
time.

It holds nothing that the log does not, and is not believed where it may differ: it is made anew when anything but this library
wrote to it (it knows SQLite's count of its own changes), and when lines that it has taken in are not as they were. A file of this
name that is something else is left alone; the index is then kept elsewhere for as long as the process lives.

It takes in what was added since it last looked, remembers where every entry is, and keeps tallies: how many decisions there are of
every combination of components, bin of confidence and outcome. An amendment moves its decision from one tally to another: the last
outcome counts.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.decisions.file.chain import MEMBER, START, following
from aura_analytics.decisions.file.handles import OPENING, Handle
from aura_analytics.decisions.file.index_file import (
    FORM,
    cannot_write,
    contents,
    is_ours,
    keep_segments,
    lines_are_as_they_were,
    opened,
)
from aura_analytics.decisions.file.log_file import LogFile
from aura_analytics.decisions.file.parsing import parsed, read_json
from aura_analytics.decisions.file.taking_in import Taker, digest_of
from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.tables import Conditions, decision_table, entry_of, pattern_table, tally_table
from aura_analytics.errors import LedgerUnavailableError, Problem

__all__ = ["Index"]

_SHARE = 20.0  # how many times longer than a look at all lines took nothing looks again
_PAUSE = 1.0


class Index:
    """The index of a log file.

    Parameters
    ----------
    log
        The file.
    path
        Where the index is; default beside the file.
    """

    def __init__(self, log: LogFile, path: Path | None = None) -> None:
        self._log = log
        self._path = Path(f"{log.path}.index") if path is None else path
        self._connection: sqlite3.Connection | None = None
        self._handle: Handle | None = None
        self._process = os.getpid()
        self._own: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.RLock()
        self._looked = (-math.inf, 0.0)  # when the lines were last looked at, and how long that took

    def close(self) -> None:
        """Close the file of the index."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            if self._handle is not None:
                self._handle.close()
            self._connection = self._handle = None
            self._looked = (-math.inf, 0.0)

    def forget(self) -> None:
        """Have everything read anew by whoever looks next: the log was repaired or cut."""
        with self._lock:
            connection = self._refreshed()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE about SET value = 0 WHERE name = 'form'")
            self._sign(connection)
            connection.execute("COMMIT")

    def foreign(self) -> bool:
        """Whether something that is no index of a log has its name."""
        return not is_ours(Path(f"{self._log.path}.index"))

    def contents(self) -> str:
        """A digest of everything that it says."""
        with self._lock:
            return contents(self._refreshed())

    def is_as_left(self) -> bool:
        """Whether nothing else has written to it; true also where there is none."""
        with self._lock:
            if not self._path.exists() or not self._path.stat().st_size:
                return True
            try:
                connection = self._opened()
                connection.execute("BEGIN IMMEDIATE")
                about = dict(connection.execute("SELECT name, value FROM about"))
                connection.execute("COMMIT")
                return about.get("form") != FORM or about.get("counter") == self._counter()
            except (sqlite3.DatabaseError, OSError):
                self.close()
                return False

    def _asked(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """The answer of a query, with everything in the index that the log holds by now. One thread at a time."""
        with self._lock:
            return self._refreshed().execute(query, values).fetchall()

    def _refreshed(self) -> sqlite3.Connection:
        try:
            return self._refresh()
        except (sqlite3.DatabaseError, PermissionError) as error:
            self.close()
            if cannot_write(error):
                self._elsewhere()
            elif isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise LedgerUnavailableError(
                    Problem("the index of the decision log is in use", where=str(self._path), next="try again")
                ) from None
            else:
                # it holds nothing that the log does not: whatever is wrong with it, it is made anew
                for path in (self._path, *(Path(f"{self._path}{end}") for end in ("-wal", "-shm", "-journal"))):
                    path.unlink(missing_ok=True)
            return self._refresh()

    def _elsewhere(self) -> None:
        """Go on with a copy of one's own: the log may be read, but nothing may be written beside it."""
        self._own = tempfile.TemporaryDirectory(prefix="aura-index-")
        target = Path(self._own.name) / "index"
        if is_ours(self._path):
            with contextlib.suppress(OSError):
                shutil.copyfile(self._path, target)
        self._path = target

    def _refresh(self) -> sqlite3.Connection:
        connection = self._opened()
        about = dict(connection.execute("SELECT name, value FROM about"))
        number, size, changed = self._log.end()
        as_it_was = (about.get("segment"), about.get("end"), about.get("changed")) == (number, size, changed)
        doubted = self._is_time()
        if about.get("form") == FORM and as_it_was and about["counter"] == self._counter() and not doubted:
            return connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            about = dict(connection.execute("SELECT name, value FROM about"))
            if about.get("form") == FORM and about["counter"] != self._counter():
                about = {}  # somebody else wrote to it
            if about and doubted and about.get("form") == FORM:
                begun = time.monotonic()
                if not lines_are_as_they_were(connection, self._log, about):
                    about = {}
                self._looked = time.monotonic(), time.monotonic() - begun
            if about.get("form") != FORM or not self._continues(about):
                for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                    if table != "about":
                        connection.execute(f"DELETE FROM {table}")  # noqa: S608
                about = {
                    "form": FORM,
                    "segment": 0,
                    "end": 0,
                    "last": "",
                    "last_segment": 0,
                    "last_at": 0,
                    "last_size": 0,
                    "patterns": 1,
                    "chain": START,
                }
                self._looked = time.monotonic(), self._looked[1]
            self._take_in(connection, about)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return connection

    def _opened(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._connection, self._handle, self._process = None, None, os.getpid()  # of the parent
        if self._connection is None:
            with OPENING:
                if self._own is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    if not is_ours(self._path):
                        self._elsewhere()
                self._connection = opened(self._path)
                self._handle = Handle(self._path)
            if self._own is None and self._log.path.exists():
                self._path.chmod(self._log.path.stat().st_mode & 0o777)
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
        chain, segment = str(about["chain"]), about["segment"]
        ends: dict[int, str] = {}
        for line in self._log.lines((about["segment"], about["end"])):
            if not line.complete and line.segment >= number and isinstance(parsed(line.raw), str):
                break  # maybe somebody is just writing it
            about["segment"], about["end"] = line.segment, line.offset + len(line.raw) + int(line.complete)
            about["last_segment"], about["last_at"], about["last_size"] = line.segment, line.offset, len(line.raw)
            raw = line.raw
            if line.segment != segment:
                ends[segment], segment = chain, line.segment
            found = parsed(raw) if raw.strip() else ""
            chain = following(chain, raw, counts=isinstance(found, dict)) or START
            if isinstance(found, dict):  # `faults` reports what is none
                taker.take(line, found)
        taker.flush()
        about["chain"] = chain
        about["patterns"] = int(taker.patterns)
        if raw is None and about["segment"] < number:
            about["segment"], about["end"] = number, 0  # rotated, and nothing added since
        if raw is not None:
            about["last"] = digest_of(raw)
        # the time belongs to the size that was seen with it; if more was read, the next look finds another
        about["changed"] = changed if (about["segment"], about["end"]) == (number, size) else -1
        keep_segments(connection, self._log, number, {**ends, segment: chain})
        connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", list(about.items()))
        self._sign(connection)

    def _counter(self) -> int:
        assert self._handle is not None
        return self._handle.counter()

    def _sign(self, connection: sqlite3.Connection) -> None:
        """Say that the change which is about to be committed is ours."""
        connection.execute("INSERT OR REPLACE INTO about VALUES ('counter', ?)", ((self._counter() + 1) & 0xFFFFFFFF,))

    def _is_time(self) -> bool:
        """Whether the lines that were taken in are to be looked at again."""
        last, took = self._looked
        return time.monotonic() - last > max(_PAUSE, _SHARE * took)

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
            yield entry_of(read_json(raw), read_json(next(later)) if row[3] is not None else None)

    def notes(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """Outcomes, overrides or approvals that were added, the first first."""
        where, values = "kind = ?", [kind]
        if request_id is not None:
            where, values = f"{where} AND request_id = ?", [kind, request_id]
        places = self._asked(f"SELECT segment, at, size FROM notes WHERE {where} ORDER BY n", values)  # noqa: S608
        return [_plain(raw) for raw in self._log.read_many(places)]

    def raw(self, request_id: str) -> dict[str, Any] | None:
        """The line of a decision as it was written."""
        rows = self._asked("SELECT segment, at, size FROM entries WHERE request_id = ?", (request_id,))
        return _plain(self._log.read(rows[0])) if rows else None

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


def _plain(raw: bytes) -> dict[str, Any]:
    """What a line says, without its chain."""
    return {name: value for name, value in read_json(raw).items() if name != MEMBER}
