"""The decision log in the ledger's database: the same lines, in two tables, with what counts of every entry beside its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from sqlalchemy import Connection, Select, Table, func, select

from aura_analytics.decisions.file.parsing import MARKS
from aura_analytics.decisions.heads import LogHead, LogVerification
from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.tables import (
    Conditions,
    decision_table,
    entry_facts,
    entry_of,
    outcome_facts,
    pattern_table,
    served,
    tally_table,
)
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.ledger.beside import Entry, link
from aura_analytics.ledger.engines import snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.reading import chunks
from aura_analytics.ledger.tables import decision_notes, decisions

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["OnLedger"]

_FACTS = ("request_id", "ts", "confidence", "bin", "components", "served", "covariates", "outcome", "micros", "ended")


class OnLedger:
    """Two tables of a ledger's database.

    Parameters
    ----------
    ledger
        The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.where: str = ledger.url
        self._ledger = ledger
        self._engines = ledger.engines

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self._ledger.close()

    def add_decision(self, entry: dict[str, Any], *, own_id: bool) -> bool:  # noqa: ARG002  (the table knows every id)
        """Add a decision; False when its id is taken."""
        if self._engines.sqlite:
            from sqlalchemy.dialects.sqlite import insert
        else:
            from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
        row = entry_facts(entry) | {"line": _text(entry)}
        statement = insert(decisions).values(**row).on_conflict_do_nothing(index_elements=["request_id"]).returning(decisions.c.n)
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            found = connection.execute(statement).first()
            if found is not None:
                self._link(connection, ("decision", found[0], row["request_id"], row["line"]))
            return found is not None

    def _link(self, connection: Connection, entry: Entry) -> None:
        link(connection.connection.driver_connection, [entry], on_sqlite=self._engines.sqlite)

    def add_note(self, line: dict[str, Any]) -> bool:
        """Add what is said of a decision; False when there is none such. An approval is of no decision."""
        mark, kind = next((mark, kind) for mark, kind in MARKS.items() if mark in line)
        name = str(line[mark])
        text = _text(line)
        note = decision_notes.insert().values(kind=kind, request_id=name, line=text).returning(decision_notes.c.n)
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            if kind == "approval":
                self._link(connection, ("note", connection.execute(note).scalar_one(), kind, name, text))
                return True
            row = connection.execute(select(decisions.c.served).where(decisions.c.request_id == name).with_for_update()).first()
            if row is None:
                return False
            number = connection.execute(note).scalar_one()
            self._link(connection, ("note", number, kind, name, text))
            if kind == "outcome":
                change = outcome_facts(line["outcome"], line.get("logged_at")) | {"amendment": number}
            else:
                change = {"served": json.dumps(served(json.loads(row[0]), line["override"]))}
            connection.execute(decisions.update().where(decisions.c.request_id == name).values(**change))
        return True

    def _rows(self, query: Select[Any]) -> list[Any]:
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return list(connection.execute(query).fetchall())

    def components(self, request_id: str) -> list[str] | None:
        """The components that serve a decision by now, None when there is none such."""
        rows = self._rows(select(decisions.c.served).where(decisions.c.request_id == request_id))
        return list(json.loads(rows[0][0])) if rows else None

    def entries(self, conditions: Conditions, limit: int | None, *, newest_first: bool) -> Iterator[DecisionLog]:
        """Entries that meet all conditions, with their last outcome."""
        d, a = decisions.c, decision_notes.alias()
        query = select(d.line, a.c.line).select_from(decisions.outerjoin(a, a.c.n == d.amendment))
        tests = []
        if conditions.request_id is not None:
            tests.append(d.request_id == conditions.request_id)
        if conditions.since is not None:
            tests.append(d.ts >= conditions.since)
        if conditions.until is not None:
            tests.append(d.ts <= conditions.until)
        if conditions.outcome is not None:
            tests.append(d.outcome == conditions.outcome)
        if conditions.has_outcome is not None:
            tests.append(d.outcome.is_not(None) if conditions.has_outcome else d.outcome.is_(None))
        query = (
            query.where(*tests)
            .order_by(*((d.ts.desc(), d.n.desc()) if newest_first else (d.n,)))
            .limit(None if limit is None else min(limit, 2**62))
        )
        for line, amendment in self._rows(query):
            yield entry_of(json.loads(line), None if amendment is None else json.loads(amendment))

    def notes(self, kind: str, request_id: str | None = None) -> list[dict[str, Any]]:
        """What was added of a kind, the first first."""
        query = select(decision_notes.c.line).where(decision_notes.c.kind == kind).order_by(decision_notes.c.n)
        if request_id is not None:
            query = query.where(decision_notes.c.request_id == request_id)
        return [json.loads(line) for (line,) in self._rows(query)]

    def raw(self, request_id: str) -> dict[str, Any] | None:
        """The line of a decision as it was written."""
        rows = self._rows(select(decisions.c.line).where(decisions.c.request_id == request_id))
        return dict(json.loads(rows[0][0])) if rows else None

    def tallies(self) -> pl.DataFrame:
        """See `tables.tally_table`."""
        d = decisions.c
        keys = (d.components, d.served, d.bin, d.outcome)
        first = func.min(d.n)
        query = (
            select(*keys, func.count(), func.count(d.micros), func.coalesce(func.sum(d.micros), 0)).group_by(*keys).order_by(first)
        )
        return tally_table([(*row[:6], int(row[6])) for row in self._rows(query)])  # a sum of PostgreSQL is a decimal

    def table(self) -> pl.DataFrame:
        """See `tables.decision_table`."""
        d = decisions.c
        query = select(
            d.request_id, d.ts, d.confidence, d.components, d.served, d.covariates, d.outcome, d.micros, d.ended
        ).order_by(d.n)
        return decision_table(self._rows(query))

    def patterns(self) -> pl.DataFrame:
        """See `tables.pattern_table`."""
        d = decisions.c
        keys = (d.served, d.covariates, d.outcome)
        query = select(*keys, func.count()).where(d.outcome.is_not(None)).group_by(*keys).order_by(func.min(d.n))
        return pattern_table(self._rows(query))

    def faults(self) -> list[Problem]:
        """A database has no torn lines."""
        return []

    def repair(self) -> tuple[int, Path | None]:
        """A database has no torn lines."""
        return 0, None

    def position(self) -> tuple[str, str]:
        """The last decision and the last note, and a digest of all until then."""
        found = [self._lines(table) for table in (decisions, decision_notes)]
        at = "+".join(str(max((n for n, _ in rows), default=0)) for rows in found)
        return at, _digest(line for rows in found for _, line in rows)

    def as_at(self, at: str, digest: str) -> list[bytes] | None:
        """The lines until then; None where they are others."""
        ends = at.split("+")
        if len(ends) != 2 or not all(end.isdecimal() for end in ends):
            return None
        found = [
            line.encode()
            for table, end in zip((decisions, decision_notes), ends, strict=True)
            for n, line in self._lines(table)
            if n <= int(end)
        ]
        return found if _digest(line.decode() for line in found) == digest else None

    def _lines(self, table: Table) -> list[tuple[int, str]]:
        return [(n, line) for n, line in self._rows(select(table.c.n, table.c.line).order_by(table.c.n))]

    def column_faults(self) -> list[str]:
        """The first decision whose columns, which statistics count, are not what its line and the notes on it say."""
        d, a = decisions.c, decision_notes
        query = (
            select(d.line, *(d[name] for name in (*_FACTS, "amendment")), a.c.n.label("note"), a.c.kind, a.c.line.label("said"))
            .select_from(decisions.outerjoin(a, a.c.request_id == d.request_id))
            .order_by(d.n, a.c.n)
        )
        with translated(self._engines.url), snapshot(self._engines) as connection:
            rows = (row for some in chunks(connection, query, 5_000) for row in some)
            for held, group in groupby(rows, key=lambda row: tuple(row[: len(_FACTS) + 2])):
                wanted = entry_facts(json.loads(held[0])) | {"amendment": None}
                for *_, number, kind, said in group:
                    note: dict[str, Any] = {} if said is None else json.loads(said)
                    if kind == "outcome":
                        wanted |= outcome_facts(note["outcome"], note.get("logged_at")) | {"amendment": number}
                    elif kind == "override":
                        wanted["served"] = json.dumps(served(json.loads(wanted["served"]), note["override"]))
                found = dict(zip((*_FACTS, "amendment"), held[1:], strict=True))
                wrong = [name for name, value in found.items() if wanted[name] != value]
                if wrong:
                    name = wanted["request_id"]
                    return [f"of the decision {name!r} the columns {', '.join(wrong)} are not what its line and its notes say"]
        return []

    def verify(self, heads: Sequence[LogHead]) -> LogVerification:  # noqa: ARG002
        """Refused: a ledger has a chain of its own."""
        raise ParameterError(
            Problem("a ledger is checked as a whole", where=self.where, next="aura ledger verify, or Ledger.verify")
        )

    def rotate(self, min_bytes: int | None, min_age: timedelta | None, *, daily: bool, plain_days: int) -> list[Path]:  # noqa: ARG002
        """Refused: only files are rotated."""
        raise ParameterError(Problem("a log in a ledger is not rotated", where=self.where, next="only files are"))

    def retain(self, keep: timedelta) -> list[Path]:  # noqa: ARG002
        """Refused: a ledger forgets nothing."""
        raise ParameterError(Problem("a ledger forgets nothing", where=self.where, next="only segments of files can be deleted"))


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False)
