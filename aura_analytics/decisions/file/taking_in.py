"""Lines of a decision log, taken into its index one after the other."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from aura_analytics.decisions.file.lines import Line, Place
from aura_analytics.decisions.file.parsing import MARKS, OF_NO_DECISION
from aura_analytics.decisions.tables import (
    entry_facts,
    outcome_facts,
    served,
)

__all__ = ["Taker", "digest_of"]

_HELD = 10_000
_PATTERNS = 50_000  # more kinds of decisions than that are counted when somebody asks


class Taker:
    """Takes lines in, many in one statement."""

    def __init__(self, connection: sqlite3.Connection, *, patterns: bool) -> None:
        self._connection = connection
        self.patterns = patterns
        self._patterns: dict[tuple[str, str, str], int] = {}
        self._entries: dict[str, dict[str, Any]] = {}
        self._tallies: dict[tuple[str, str, int, str], list[int]] = {}

    def take(self, line: Line, found: dict[str, Any]) -> None:
        """One line, and what it says."""
        place = line.segment, line.offset, len(line.raw)
        for mark, kind in MARKS.items():
            if mark in found:
                self._note(kind, found, str(found[mark]), place)
                return
        self._enter(found, place)

    def _enter(self, entry: dict[str, Any], place: Place) -> None:
        name = entry["request_id"]
        held = self._connection.execute("SELECT 1 FROM entries WHERE request_id = ?", (name,))
        if name in self._entries or held.fetchone() is not None:
            self._skip(place, "a second entry with this request_id: the first one counts")
            return
        self._entries[name] = row = (
            dict(zip(("segment", "at", "size"), place, strict=True)) | entry_facts(entry) | {"amendment": None}
        )
        self._tally(row, 1)
        if len(self._entries) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        columns = (
            "request_id, segment, at, size, ts, confidence, bin, components, served, covariates, outcome, micros, ended, amendment"
        )
        values = ", ".join(f":{name}" for name in columns.split(", "))
        self._connection.executemany(f"INSERT INTO entries ({columns}) VALUES ({values})", self._entries.values())  # noqa: S608
        new = ((row["components"],) for row in self._entries.values())  # in the order in which they were first chosen
        self._connection.executemany("INSERT OR IGNORE INTO chosen (components) VALUES (?)", new)
        self._entries.clear()
        self._connection.executemany(
            "INSERT INTO tallies (components, served, bin, outcome, decisions, timed, micros) VALUES (?, ?, ?, ?, ?, "
            "?, ?) ON CONFLICT DO"
            " UPDATE SET decisions = decisions + excluded.decisions, timed = timed + excluded.timed, micros = micros "
            "+ excluded.micros",
            [(*key, *counts) for key, counts in self._tallies.items()],
        )
        self._tallies.clear()
        if not self.patterns:
            return
        self._connection.executemany(
            "INSERT INTO patterns (served, covariates, outcome, decisions) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " decisions = decisions + excluded.decisions",
            [(*key, count) for key, count in self._patterns.items()],
        )
        self._patterns.clear()
        if (self._connection.execute("SELECT max(n) FROM patterns").fetchone()[0] or 0) > _PATTERNS:
            self.patterns = False
            self._connection.execute("DELETE FROM patterns")

    def _tally(self, row: Mapping[str, Any], sign: int) -> None:
        key = (row["components"], row["served"], -1 if row["bin"] is None else row["bin"], row["outcome"] or "")
        held = self._tallies.setdefault(key, [0, 0, 0])
        held[0] += sign
        held[1] += sign * int(row["micros"] is not None)
        held[2] += sign * (row["micros"] or 0)
        if self.patterns and row["outcome"] is not None:
            pattern = row["served"], row["covariates"], row["outcome"]
            self._patterns[pattern] = self._patterns.get(pattern, 0) + sign

    def _note(self, kind: str, found: dict[str, Any], name: str, place: Place) -> None:
        made = "INSERT INTO notes (kind, request_id, segment, at, size) VALUES (?, ?, ?, ?, ?)"
        if kind in OF_NO_DECISION:
            self._connection.execute(made, (kind, name, *place))
            return
        row = self._entries.get(name) or self._stored(name)
        if row is None:
            self._skip(place, "it says something of a decision that is not in the log")
            return
        number = self._connection.execute(made, (kind, name, *place)).lastrowid
        self._tally(row, -1)
        if kind == "outcome":
            row |= outcome_facts(found["outcome"], found.get("logged_at")) | {"amendment": number}
        else:
            row["served"] = json.dumps(served(json.loads(row["served"]), found["override"]))
        self._tally(row, 1)
        if name not in self._entries:
            self._connection.execute(
                "UPDATE entries SET served = :served, outcome = :outcome, micros = :micros, ended = :ended, amendment = :amendment"
                " WHERE n = :n",
                row,
            )

    def _skip(self, place: Place, why: str) -> None:
        self._connection.execute("INSERT INTO skipped VALUES (?, ?, ?)", (*place[:2], why))

    def _stored(self, name: str) -> dict[str, Any] | None:
        columns = ("n", "components", "served", "covariates", "bin", "outcome", "micros", "ended", "amendment")
        row = self._connection.execute(f"SELECT {', '.join(columns)} FROM entries WHERE request_id = ?", (name,)).fetchone()  # noqa: S608
        return None if row is None else dict(zip(columns, row, strict=True))


def digest_of(raw: bytes) -> str:
    """The digest by which a line is known again."""
    return hashlib.blake2b(raw, digest_size=16).hexdigest()
