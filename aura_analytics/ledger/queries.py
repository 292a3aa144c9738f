"""Single things that a ledger is asked."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import func, select

from aura_analytics import extensions
from aura_analytics.clock import times
from aura_analytics.errors import LedgerDamagedError, Problem
from aura_analytics.events import RECORD_TYPES
from aura_analytics.ledger import reading, tables
from aura_analytics.ledger.engines import Engines, snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import read_head

__all__ = ["Queries", "moment_of"]

_LOOKED_UP = 2_000  # events of one actor that are looked up one case at a time


class Queries:
    """Single events, actors and cases of a ledger."""

    _engines: Engines

    def agents_after(self, seq: int) -> tuple[set[str], int]:
        """Who was named as the agent of a decision after a place in the ledger, and the place up to which this holds."""
        column = tables.events.c
        with translated(self._engines.url), snapshot(self._engines) as connection:
            end = read_head(connection)[1]
            named = select(column.agent).where(column.agent.is_not(None), column.seq > seq).distinct()
            return set(connection.execute(named).scalars()), end

    def event(self, event_id: str) -> dict[str, Any] | None:
        """One event by its id, as a dict on the contract; None when there is none."""
        column = tables.events.c
        query = select(*(column[name] for name in tables.COLUMNS)).where(column.event_id == event_id)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        found = dict(zip(tables.COLUMNS, row, strict=True))
        penalties = None if found["penalties"] is None else json.loads(found["penalties"])
        return found | {"ts": moment_of(found["ts"]), "penalties": penalties}

    def kinds_of(self, actor: str) -> set[str]:
        """The kinds that an actor was ever recorded as."""
        column = tables.events.c
        query = select(column.actor_kind).where(column.actor == actor, column.actor_kind.is_not(None)).distinct()
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return set(connection.execute(query).scalars())

    def is_person(self, actor: str) -> bool:
        """Whether an actor was ever recorded as a person."""
        column = tables.events.c
        query = select(column.seq).where(column.actor == actor, column.actor_kind.in_(["officer", "citizen"])).limit(1)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return connection.execute(query).first() is not None

    def last_of(self, actor: str) -> datetime | None:
        """The time of an actor's last event."""
        column = tables.events.c
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            found = connection.execute(select(func.max(column.ts)).where(column.actor == actor)).scalar()
        return None if found is None else moment_of(found)

    def decisions_version(self) -> tuple[int, int]:
        """How far the decision log in the ledger reaches: its last decision, and what was last said of one; (0, 0) without any."""
        ends = [select(func.max(table.c.n)) for table in (tables.decisions, tables.decision_notes)]
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            first, second = (connection.execute(end).scalar() or 0 for end in ends)
        return first, second

    def errors_of(self, actor: str, severity: str, since: datetime | None = None) -> int:
        """How many evaluations of an actor have a severity, after a moment if one is given."""
        column = tables.events.c
        tests = [column.actor == actor, column.type == "EVALUATION", column.severity == severity]
        if since is not None:
            tests.append(column.ts > times.epoch_micros(since))
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.events).where(*tests)).scalar_one())

    def with_decisions(self, recorded: pl.LazyFrame) -> pl.LazyFrame:
        """Recorded events, and those of the decision log in this ledger; which were recorded as well count once.

        Parameters
        ----------
        recorded
            Events of this ledger.
        """
        if not any(self.decisions_version()):
            return recorded
        told: pl.DataFrame = extensions.provided("events of a decision log in a ledger")(self)
        known = recorded.select("event_id").filter(pl.col("event_id").is_in(told["event_id"].implode())).collect()
        return pl.concat([recorded, told.join(known, on="event_id", how="anti").lazy()])

    def actions_on(self, actor: str) -> pl.DataFrame:
        """The HR actions that concern an actor."""
        column = tables.events.c
        found = select(*(column[name] for name in tables.COLUMNS)).where(column.actor == actor, column.type.in_(RECORD_TYPES))
        with translated(self._engines.url), snapshot(self._engines) as connection:
            return reading.read_events(connection, found)

    def last_work(self) -> datetime | None:
        """The time of the last event about work; of a ledger that holds none, of the last event."""
        column = tables.events.c
        latest = select(column.ts).order_by(column.ts.desc()).limit(1)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            found = connection.execute(latest.where(column.type.not_in(RECORD_TYPES))).scalar()
            if found is None:
                found = connection.execute(latest).scalar()
        return None if found is None else moment_of(found)

    def cases_of(self, actor: str) -> pl.DataFrame | None:
        """Everything about the cases that an actor had to do with, and all their own events; None when that is too much to look
        up.
        """
        column = tables.events.c
        columns = [column[name] for name in tables.COLUMNS]
        theirs = select(column.case_id).where(column.actor == actor, column.case_id.is_not(None)).distinct()
        with translated(self._engines.url), snapshot(self._engines) as connection:
            count = select(column.seq).where(column.actor == actor).limit(_LOOKED_UP + 1).subquery()
            if connection.execute(select(func.count()).select_from(count)).scalar_one() > _LOOKED_UP:
                return None
            own = reading.read_events(connection, select(*columns).where(column.actor == actor))
            cases = select(*columns).where(column.case_id.in_(theirs)).limit(10 * _LOOKED_UP + 1)
            others = reading.read_events(connection, cases)
            return None if others.height > 10 * _LOOKED_UP else pl.concat([own, others]).unique("event_id")


def moment_of(ts: object) -> datetime:
    """The time of a stored event."""
    if type(ts) is not int:
        raise LedgerDamagedError(Problem("the ledger holds a time that is none", got=ts, next="run: aura ledger verify"))
    return times.from_epoch_micros(ts)
