"""The dossier of one actor, at once: from sums that are kept up to date, or from the actor's own cases."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aura_analytics import times
from aura_analytics.cases.facts import in_memory
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.dossier import dossiers
from aura_analytics.metrics.state import DossierState

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.ledger.store import Ledger

__all__ = ["Board"]

METRICS = ("override_rate", "avg_processing_hours", "sat_score_mean")
_UNKNOWN = {"override_rate": 0.0, "avg_processing_hours": None, "sat_score_mean": None, "pip_recommended": False}
_ALSO = ("override_rate_n", "override_rate_lo", "override_rate_hi", "avg_processing_hours_n", "sat_score_mean_n", "pip_status",
         "pip_reasons", "as_of")  # fmt: skip


class Board:
    """Dossiers of single actors over a ledger.

    An actor's dossier depends on nothing but the cases that they had to do with, and these are looked up by index. For actors
    with too many events for that, the sums of all are built once, and then follow the ledger (`DossierState`). Both give what
    `aura.dossiers(ledger.events())` gives.

    Parameters
    ----------
    ledger
        The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._state: DossierState | None = None
        self._seq = 0

    def keep(self) -> DossierState:
        """The sums of everybody, up to date; built when first asked for."""
        if self._state is None:
            end = self._ledger.info().events
            self._state, self._seq = DossierState(self._ledger.events_upto(end), metrics=METRICS), end
        while True:
            fresh, self._seq = self._ledger.after(self._seq, 1_000_000)
            if fresh.is_empty():
                return self._state
            self._state.append(fresh)

    def dossier(
        self, actor: str, as_of: datetime | date | str | None = None, window: str | timedelta | None = "90d"
    ) -> dict[str, Any]:
        """The dossier of an actor, as `get_dossier` gives it."""
        if not isinstance(actor, str) or not actor:
            raise ParameterError(Problem("an actor is a name", got=actor, expected="such as 'officer_anne@sba.gov'"))
        with self._lock:
            row = self._row(actor, as_of, window)
        found: dict[str, Any] = {"actor": actor, **_UNKNOWN}
        if row is None:
            return found
        # Python's round, as the tracker does it; the rule was applied to the rate as it is
        found |= {name: row[name] for name in (*_UNKNOWN, *_ALSO)}
        found["override_rate"] = round(row["override_rate"], 2)
        return found

    def _row(self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None) -> dict[str, Any] | None:
        if self._state is not None:
            return self._from_sums(actor, as_of, window)
        end = self._ledger.info().last if as_of is None else times.parse_as_of(as_of)
        if end is None:
            return None
        events = self._ledger.cases_of(actor)
        if events is None:
            return self._from_sums(actor, as_of, window)
        with in_memory():
            return _only(dossiers(events, end, window, metrics=METRICS), actor)

    def _from_sums(self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None) -> dict[str, Any] | None:
        state = self.keep()
        end = None if as_of is None else times.parse_as_of(as_of)
        if end is not None and state.last is not None and end < state.last:  # sums are kept as of now; the past is counted anew
            return _only(dossiers(self._ledger.events(until=end), end, window, metrics=METRICS), actor)
        return _only(state.dossiers(end, window, actors=[actor]), actor)


def _only(board: pl.DataFrame, actor: str) -> dict[str, Any] | None:
    found = board.filter(actor=actor)
    return found.row(0, named=True) if found.height else None
