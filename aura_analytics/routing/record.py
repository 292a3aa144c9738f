"""What a router knows of everybody: the last scores, successes, and who is suspended; kept up to date from events as they come."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, cast

import polars as pl

from aura_analytics.cases.evaluations import last_of
from aura_analytics.events import RECORD_TYPES
from aura_analytics.hr.acting import kinds_in, ledger_of, one_kind_each
from aura_analytics.hr.folds import effective
from aura_analytics.hr.holding import judged
from aura_analytics.hr.vocabulary import actions_in
from aura_analytics.io.front_door import EventsLike, as_events

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Record"]

_READ = ["EVALUATION", "OUTCOME", "HR_ACTION"]
_STOPS = ("suspension", "reinstatement", "overturned")  # what changes who is suspended
_RESULTS = ["success", "failure", "partial", "cancelled"]
_K = 10
_MANY = 2_000


class Record:
    """The record of models.

    Parameters
    ----------
    source
        A ledger (followed as it grows), events on the contract (as they stand), or None (only what is observed by hand).
    """

    def __init__(self, source: Ledger | EventsLike | None) -> None:
        self._ledger: Ledger | None = None
        self._seq = 0
        self._last: dict[str, list[tuple[datetime, float]]] = defaultdict(list)  # the last scores, the oldest first
        self._kinds: dict[str, str] = {}  # of everybody in a log that is no ledger
        self._actions: pl.DataFrame | None = None
        self._running: dict[str, list[tuple[datetime, datetime | None]]] = {}  # suspensions that no reinstatement has ended
        self.scores: dict[str, float] = {}
        self.outcomes: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))  # trials, successes
        if hasattr(source, "record_event"):
            self._ledger = cast("Ledger", source)
        elif source is not None:
            with ledger_of(source) as ledger:  # of an address, as it stands
                self._ledger = ledger
                if ledger is None:
                    self._take(as_events(source))
                self.refresh()
            self._ledger = None

    def refresh(self) -> Record:
        """Take in what was recorded since."""
        if self._ledger is None:
            return self
        if self._seq == 0:
            self._seq = self._ledger.info().events
            if self._seq:
                self._take(self._ledger.due(self._ledger.events_upto(self._seq)))
        fresh, end = self._ledger.after(self._seq)
        if fresh.height:
            self._take(self._ledger.due(fresh.lazy()))
        self._seq = end
        return self

    def _take(self, events: pl.LazyFrame) -> None:
        columns = ["event_id", "ts", "type", "actor", "actor_kind", "case_id", "value", "severity", "outcome", "attributes"]
        rows = (
            events.filter(pl.col("type").is_in(_READ) & pl.col("actor").is_not_null()).select(columns).collect(engine="in-memory")
        )
        scored = rows.filter((pl.col("type") == "EVALUATION") & pl.col("value").is_not_null()).select(
            "actor", "actor_kind", "ts", "value"
        )
        if scored.height > _MANY:  # all at once first: only the last ones of everybody are looked at one by one
            scored = last_of(scored)
        self._score(scored.select("actor", "ts", "value").rows())
        told = rows.filter((pl.col("type") == "OUTCOME") & pl.col("outcome").is_in(_RESULTS))
        for actor, n, k in told.group_by("actor").agg(pl.len(), k=(pl.col("outcome") == "success").sum()).iter_rows():
            trials, successes = self.outcomes[actor]
            self.outcomes[actor] = trials + n, successes + k
        if self._ledger is None:
            self._kinds = one_kind_each([*self._kinds.items(), *kinds_in(events).items()])
        acted = rows.filter(pl.col("type").is_in(list(RECORD_TYPES)))
        if acted.height:
            self._acted(acted)

    def _acted(self, fresh: pl.DataFrame) -> None:
        """Who is suspended after new HR actions: their fold is made anew, of those who were ever suspended."""
        found = actions_in(fresh.lazy(), detail=False)
        self._actions = found if self._actions is None else pl.concat([self._actions, found])
        stops = found.filter(pl.col("action").is_in(list(_STOPS)))
        if stops.is_empty():
            return
        mine = self._actions.filter(pl.col("actor").is_in(stops["actor"].implode())).unique("event_id")
        names = pl.concat([mine["actor"], mine["approver"]]).drop_nulls().unique().to_list()
        if self._ledger is None:
            kinds, told = self._kinds, set[str]()
        else:
            kinds, told = self._ledger.kinds_of_all(names), self._ledger.told_actions()
        held = effective(judged(mine, kinds, datetime.max.replace(tzinfo=timezone.utc), told))
        for (actor,), rows in held.group_by("actor"):
            self._running[str(actor)] = _running(rows)
        for actor in set(stops["actor"]) - set(held["actor"]):
            self._running.pop(actor, None)

    def _score(self, rows: Iterable[tuple[str, datetime, float]]) -> None:
        touched = set()
        for actor, ts, value in rows:
            insort(self._last[actor], (ts, value))
            touched.add(actor)
        for actor in touched:
            last = self._last[actor] = self._last[actor][-_K:]
            self.scores[actor] = sum(value for _, value in last) / len(last)

    def observe(self, name: str, *, score: float | None = None, success: bool | None = None) -> None:
        """Take in a score or an outcome by hand; the order of the calls is the order of time."""
        if score is not None:
            moment = datetime.now(timezone.utc)
            if self._last[name] and self._last[name][-1][0] >= moment:
                moment = self._last[name][-1][0] + timedelta(microseconds=1)
            self._score([(name, moment, float(score))])
        if success is not None:
            self.count(name, 1, int(success))

    def count(self, name: str, trials: int, successes: int) -> None:
        """Take in counted outcomes by hand."""
        before = self.outcomes[name]
        self.outcomes[name] = before[0] + trials, before[1] + successes

    def suspended(self) -> set[str]:
        """Who is suspended at this moment."""
        moment = datetime.now(timezone.utc)
        return {
            name
            for name, spans in self._running.items()
            if any(since <= moment and (until is None or until > moment) for since, until in spans)
        }


def _running(held: pl.DataFrame) -> list[tuple[datetime, datetime | None]]:
    """Begin and end of the suspensions that no reinstatement has ended; of one instant, the suspension counts."""
    back = held.filter(pl.col("action") == "reinstatement")["ts"].max()
    stops = held.filter(pl.col("action") == "suspension")
    return [(since, until) for since, until in stops.select("ts", "until").rows() if back is None or since >= back]
