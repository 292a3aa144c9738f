"""What a router knows of everybody: the last scores, successes, and who is suspended; kept up to date from events as they come."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from aura_analytics.cases.evaluations import last_of
from aura_analytics.hr.vocabulary import actions_in, binding
from aura_analytics.io.front_door import EventsLike, as_events

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Record"]

_READ = ["EVALUATION", "OUTCOME", "HR_ACTION"]
_STOPS = ("suspension", "reinstatement", "overturned")
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
        self._stops: dict[str, list[tuple[datetime, bool, str, datetime | None]]] = defaultdict(list)
        self._undone: set[str] = set()
        self._running: dict[str, list[datetime | None]] = {}  # ends of the suspensions that no reinstatement has ended
        self.scores: dict[str, float] = {}
        self.outcomes: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))  # trials, successes
        if hasattr(source, "record_event"):
            self._ledger = cast("Ledger", source)
        elif source is not None:
            self._take(as_events(source))

    def refresh(self) -> Record:
        """Take in what was recorded since."""
        if self._ledger is None:
            return self
        if self._seq == 0:
            self._seq = self._ledger.info().events
            if self._seq:
                self._take(self._ledger.events_upto(self._seq))
        fresh, end = self._ledger.after(self._seq)
        if fresh.height:
            self._take(fresh.lazy())
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
        acted = rows.filter(pl.col("type") == "HR_ACTION")
        if acted.height:
            counts = pl.col("action").is_in(list(_STOPS)) & (binding() | (pl.col("action") == "overturned"))
            stops = actions_in(acted.lazy(), detail=False).filter(counts)
            self._stop(stops.select("event_id", "ts", "actor", "action", "refers_to", "until").rows())

    def _stop(self, rows: list[tuple[Any, ...]]) -> None:
        """Take in suspensions, reinstatements, and what undoes them; the same fold as `hr.standing`, an actor at a time."""
        touched = set()
        for name, ts, actor, action, refers_to, until in rows:
            touched.add(actor)
            if action == "overturned":
                self._undone.add(refers_to)
            else:  # a suspension comes after a reinstatement of the same instant
                self._stops[actor].append((ts, action == "suspension", name, until))
        for actor in touched:
            held = [stop for stop in self._stops[actor] if stop[2] not in self._undone]
            back = max((ts for ts, stops, _, _ in held if not stops), default=None)
            self._running[actor] = [until for ts, stops, _, until in held if stops and (back is None or ts >= back)]

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
        return {name for name, ends in self._running.items() if any(until is None or until > moment for until in ends)}
