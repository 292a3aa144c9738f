"""Single things that a ledger is asked."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from sqlalchemy import Connection, func, select

from aura_analytics import extensions
from aura_analytics.clock import times
from aura_analytics.errors import LedgerDamagedError, Problem
from aura_analytics.events import MACHINE_KINDS, RECORD_TYPES, SCHEMA
from aura_analytics.ledger import reading, tables
from aura_analytics.ledger.engines import Engines, snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import read_head
from aura_analytics.ledger.writing import AHEAD

if TYPE_CHECKING:
    from aura_analytics.ledger.mirror import Mirror

__all__ = ["FutureEventsWarning", "Queries", "moment_of"]

_AT_ONCE = 500  # names in one query
_LOOKED_UP = 2_000  # events of one actor that are looked up one case at a time


class FutureEventsWarning(UserWarning):
    """A ledger holds events that are dated in the future: they do not count before their time."""


class Queries:
    """Single events, actors and cases of a ledger."""

    _engines: Engines
    _mirror: Mirror | None
    _kinds_seen: dict[str, dict[str, tuple[str | None, int]]]  # by ledger: kinds of actors, and up to which place that holds

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
            found = reading.read_events(connection, query)
        return found.row(0, named=True) if found.height else None

    def kinds_of_all(self, actors: Collection[str]) -> dict[str, str]:
        """Of which kind actors are by their events about work: who was ever anything but a machine is no machine.

        Parameters
        ----------
        actors
            Names; who never worked is missing from the answer.
        """
        names = sorted(set(actors))
        with translated(self._engines.url), snapshot(self._engines) as connection:
            end = read_head(connection)[1]
            known = self._kinds_seen.setdefault(read_head(connection)[0], {})
            fresh = [name for name in names if name not in known]
            for first in range(0, len(fresh), _AT_ONCE):
                some = fresh[first : first + _AT_ONCE]
                self._look(connection, some, known, 0, end)
            # what was seen stays so: of the others only what came since is looked at
            old = [name for name in names if known[name][1] < end]
            since = min((known[name][1] for name in old), default=end)
            for first in range(0, len(old), _AT_ONCE):
                self._look(connection, old[first : first + _AT_ONCE], known, since, end)
        return {name: kind for name in names if (kind := known[name][0]) is not None}

    @staticmethod
    def _look(connection: Connection, names: list[str], known: dict[str, tuple[str | None, int]], since: int, end: int) -> None:
        """Take in the kinds of actors by their events after a place in the ledger."""
        column = tables.events.c
        after = column.seq > since
        # of what came since, the place is what to look up by
        actor, agent = (column.actor.concat(""), column.agent.concat("")) if since else (column.actor, column.agent)
        kinds = {name: known.get(name, (None, 0))[0] for name in names}
        own = select(column.actor, column.actor_kind).where(
            actor.in_(names), column.type.not_in(RECORD_TYPES), column.actor_kind.is_not(None), after
        )
        for name, kind in connection.execute(own.distinct()):
            if kinds[name] is None or kinds[name] in MACHINE_KINDS:
                kinds[name] = kind
        rest = [name for name, kind in kinds.items() if kind is None]
        if rest:
            asked = select(column.agent).where(agent.in_(rest), after).distinct()
            kinds.update(dict.fromkeys(connection.execute(asked).scalars(), "agent"))
        known.update({name: (kind, end) for name, kind in kinds.items()})

    def ahead(self) -> pl.DataFrame:
        """Events about work that are dated more than a day after the present, `event_id` and `ts`, the first first.

        They are kept, and count when their time has come: a date in 2199 must not end everybody's window there. Those of an import
        that was marked as one count as they stand.
        """
        column, mark = tables.events.c, tables.marks.c
        limit = time.time_ns() // 1000 + AHEAD
        imported = select(mark.seq).where(mark.seq == column.seq, mark.mark == "import").exists()
        query = select(column.event_id, column.ts).where(column.ts > limit, column.type.not_in(RECORD_TYPES), ~imported)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            rows = connection.execute(query.order_by(column.ts)).all()
        found = [(name, moment_of(ts)) for name, ts in rows]
        return pl.DataFrame(found, schema={"event_id": pl.String, "ts": SCHEMA["ts"]}, orient="row")

    def due(self, events: pl.LazyFrame, *, quiet: bool = False) -> pl.LazyFrame:
        """Events of this ledger without those whose time has not come; that there are some is warned of.

        Parameters
        ----------
        events
            Events of this ledger.
        quiet
            Whether somebody else says so.
        """
        early = self.ahead()
        if early.is_empty():
            return events
        if not quiet:
            text = f"events of the ledger are dated more than a day ahead: {early.height:,}, up to {early['ts'][-1]:%Y-%m-%d}"
            warnings.warn(f"{text}; they are kept and do not count before (aura ledger ahead)", FutureEventsWarning, stacklevel=2)
        return events.filter(~pl.col("event_id").is_in(early["event_id"].implode()))

    def machines_called(self, name: str) -> set[str]:
        """Agents and components of a name, however it is written.

        Parameters
        ----------
        name
            As it was given.
        """
        column = tables.events.c
        acting = select(column.actor).where(column.actor_kind.in_(MACHINE_KINDS), column.actor.is_not(None)).distinct()
        asked = select(column.agent).where(column.agent.is_not(None)).distinct()
        with translated(self._engines.url), snapshot(self._engines) as connection:
            known = {*connection.execute(acting).scalars(), *connection.execute(asked).scalars()}
        return {one for one in known if one.strip().casefold() == name.strip().casefold()}

    def told_actions(self) -> set[str]:
        """Ids of the HR actions that came through no desk, and from no import that was marked as one."""
        column, mark = tables.events.c, tables.marks.c
        query = select(column.event_id).join_from(tables.marks, tables.events, mark.seq == column.seq).where(mark.mark == "told")
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return set(connection.execute(query).scalars())

    def last_of(self, actor: str) -> datetime | None:
        """The time of an actor's last event."""
        column = tables.events.c
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            found = connection.execute(select(func.max(column.ts)).where(column.actor == actor)).scalar()
        return None if found is None else moment_of(found)

    def mirrored(self) -> int:
        """The place in the ledger up to which its Parquet mirror goes; 0 without one, or before it was first written."""
        return 0 if self._mirror is None else self._mirror.reached()

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
        early = self.ahead()
        work = latest.where(column.type.not_in(RECORD_TYPES))
        if early.height:
            work = work.where(column.event_id.not_in(early["event_id"].to_list()))
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            found = connection.execute(work).scalar()
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
        return None if others.height > 10 * _LOOKED_UP else self.due(pl.concat([own, others]).unique("event_id").lazy()).collect()


def moment_of(ts: object) -> datetime:
    """The time of a stored event."""
    if type(ts) is not int:
        raise LedgerDamagedError(Problem("the ledger holds a time that is none", got=ts, next="run: aura ledger verify"))
    return times.from_epoch_micros(ts)
