"""What a router knows of everybody: the last scores, successes, and who is suspended; kept up to date from events as they come."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.cases.building import last_of
from aura_analytics.hr.standing import fold
from aura_analytics.hr.vocabulary import actions_of

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Record"]

_READ = ["EVALUATION", "OUTCOME", "HR_ACTION"]
_STOPS = ("suspension", "reinstatement", "overturned")
_RESULTS = ["success", "failure", "partial", "cancelled"]
_K = 10


class Record:
    """The record of models.

    Parameters
    ----------
    source
        A ledger (followed as it grows), events on the contract (as they stand), or None (only what is observed by hand).
    """

    def __init__(self, source: Ledger | pl.DataFrame | pl.LazyFrame | None) -> None:
        self._ledger: Ledger | None = None
        self._seq = 0
        self._last: pl.DataFrame | None = None
        self._stops: pl.DataFrame | None = None
        self._until: list[tuple[str, datetime | None]] = []
        self.scores: dict[str, float] = {}
        self.outcomes: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))  # trials, successes
        if source is None or isinstance(source, (pl.DataFrame, pl.LazyFrame)):
            if source is not None:
                self._take(source.lazy())
        else:
            self._ledger = source

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
        if scored.height:
            table = scored if self._last is None else pl.concat([self._last, scored], how="vertical_relaxed")
            self._last = last_of(table).select("actor", "actor_kind", "ts", "value")
            means = self._last.group_by("actor").agg(pl.col("value").mean())
            self.scores.update(dict(means.iter_rows()))
        told = rows.filter((pl.col("type") == "OUTCOME") & pl.col("outcome").is_in(_RESULTS))
        for actor, n, k in told.group_by("actor").agg(pl.len(), k=(pl.col("outcome") == "success").sum()).iter_rows():
            trials, successes = self.outcomes[actor]
            self.outcomes[actor] = trials + n, successes + k
        acted = actions_of(rows.filter(pl.col("type") == "HR_ACTION"))
        stops = acted.filter(pl.col("action").is_in(list(_STOPS)))
        if stops.height:
            self._stops = stops if self._stops is None else pl.concat([self._stops, stops])
            # those who are suspended at the beginning of time at the latest are all who might be: ends are looked at when asked
            board = fold(self._stops, datetime(1970, 1, 2, tzinfo=timezone.utc)).filter("suspended")
            self._until = board.select("actor", "suspended_until").rows()

    def observe(self, name: str, *, score: float | None = None, success: bool | None = None) -> None:
        """Take in a score or an outcome by hand."""
        if score is not None:
            row: dict[str, Any] = {"actor": name, "actor_kind": "agent", "ts": datetime.now(timezone.utc), "value": float(score)}
            fresh = pl.DataFrame([row], schema_overrides={"ts": pl.Datetime("us", "UTC")})
            table = fresh if self._last is None else pl.concat([self._last, fresh], how="vertical_relaxed")
            # by hand, the order of the calls is the order of time
            mine = table.filter(pl.col("actor") == name).tail(_K)
            self._last = pl.concat([table.filter(pl.col("actor") != name), mine])
            self.scores[name] = float(mine["value"].mean())  # type: ignore[arg-type]
        if success is not None:
            trials, successes = self.outcomes[name]
            self.outcomes[name] = trials + 1, successes + int(success)

    def suspended(self) -> set[str]:
        """Who is suspended at this moment."""
        moment = datetime.now(timezone.utc)
        return {name for name, until in self._until if until is None or until > moment}
