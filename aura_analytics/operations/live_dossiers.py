"""The dossier of one actor, at once: from sums that are kept up to date, or from the actor's own cases."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NotRequired, cast

import polars as pl
from typing_extensions import TypedDict

from aura_analytics.cases.collecting import in_memory
from aura_analytics.clock import times
from aura_analytics.dossier.board import dossiers
from aura_analytics.dossier.state import DossierState
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.rules.policy import Policy

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Board", "Dossier"]

# the three that are shown, and those whose events tell of what kind an actor is
METRICS = ("override_rate", "avg_processing_hours", "sat_score_mean", "open_cases", "success_rate", "score_mean_last10")
_UNKNOWN = {"override_rate": 0.0, "avg_processing_hours": None, "sat_score_mean": None, "pip_recommended": False}
_ALSO = (
    "override_rate_n",
    "override_rate_lo",
    "override_rate_hi",
    "avg_processing_hours_n",
    "sat_score_mean_n",
    "pip_status",
    "pip_reasons",
    "as_of",
)


class Dossier(TypedDict):
    """The dossier of one actor, as the tracker has it, and how sure it is.

    The first five are always there; the others of an actor whom the ledger knows. Rates are fractions.
    """

    actor: str
    override_rate: float
    avg_processing_hours: float | None
    sat_score_mean: float | None
    pip_recommended: bool
    override_rate_n: NotRequired[int]
    override_rate_lo: NotRequired[float | None]
    override_rate_hi: NotRequired[float | None]
    avg_processing_hours_n: NotRequired[int]
    sat_score_mean_n: NotRequired[int]
    pip_status: NotRequired[str]
    pip_reasons: NotRequired[list[str]]
    as_of: NotRequired[datetime]


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
        self._agents: set[str] = set()
        self._agents_seq = 0

    def keep(self) -> DossierState:
        """The sums of everybody, up to date; built when first asked for."""
        if self._state is None:
            end = self._ledger.info().events
            self._state, self._seq = DossierState(self._ledger.events_upto(end), metrics=METRICS), end
        while True:
            fresh, end = self._ledger.after(self._seq, 1_000_000)
            if fresh.is_empty():
                return self._state
            try:
                self._state.append(fresh)
            except BaseException:
                self._state = None  # half of it may have been taken in: it is built anew
                raise
            self._seq = end

    def dossier(self, actor: str, as_of: datetime | date | str | None = None, window: str | timedelta | None = None) -> Dossier:
        """The dossier of an actor, as `get_dossier` gives it."""
        if not isinstance(actor, str) or not actor:
            raise ParameterError(Problem("an actor is a name", got=actor, expected="such as 'officer_anne@sba.gov'"))
        found: dict[str, Any] = {"actor": actor, **_UNKNOWN}
        with self._lock:
            board = self._rows(actor, as_of, window)
            if board is None or board.is_empty():
                return cast("Dossier", found | self._idle(actor, as_of, window))
            if board["actor_kind"][0] is None and self._is_agent(actor):
                board = board.with_columns(actor_kind=pl.lit("agent", dtype=SCHEMA["actor_kind"]))
                verdict = Policy.evidence_gated().over(window).evaluate(board, texts="reasons")
                board = board.with_columns(pip_status=verdict["verdict"].cast(pl.String), pip_reasons=verdict["reasons"])
        row = board.row(0, named=True)
        # Python's round, as the tracker does it; the rule was applied to the rate as it is
        found |= {name: row[name] for name in (*_UNKNOWN, *_ALSO)}
        found["override_rate"] = round(row["override_rate"], 2)
        return cast("Dossier", found)

    def _idle(self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None) -> dict[str, Any]:
        """What there is to say of somebody without events in the window: nothing at all, or that there were some at other times."""
        last = self._ledger.last_of(actor)
        end = self._ledger.last_work() if as_of is None else times.parse_as_of(as_of)
        if last is None or end is None:
            return {}
        judged = Policy.evidence_gated().over(window).window
        span = "up to" if judged is None else f"in the {times.span_of_time(judged)} up to"
        reason = f"no events {span} {end:%Y-%m-%d %H:%M} UTC; the last one is of {last:%Y-%m-%d %H:%M} UTC"
        numbers = {
            "override_rate_n": 0,
            "override_rate_lo": None,
            "override_rate_hi": None,
            "avg_processing_hours_n": 0,
            "sat_score_mean_n": 0,
        }
        return {**numbers, "pip_status": "insufficient", "pip_reasons": [reason], "as_of": end}

    def _is_agent(self, actor: str) -> bool:
        """Whether somebody who never said of what kind they are was named as the agent of a decision."""
        named, self._agents_seq = self._ledger.agents_after(self._agents_seq)
        self._agents |= named
        return actor in self._agents

    def _rows(self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None) -> pl.DataFrame | None:
        if self._state is not None:
            return self._from_sums(actor, as_of, window)
        end = self._ledger.last_work() if as_of is None else times.parse_as_of(as_of)
        if end is None:
            return None
        events = self._ledger.cases_of(actor)
        if events is None:
            return self._from_sums(actor, as_of, window)
        with in_memory():
            return dossiers(events, end, window, metrics=METRICS).filter(actor=actor)

    def _from_sums(self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None) -> pl.DataFrame:
        state = self.keep()
        end = None if as_of is None else times.parse_as_of(as_of)
        if end is not None and state.last is not None and end < state.last:  # sums are kept as of now; the past is counted anew
            return dossiers(self._ledger.events(until=end), end, window, metrics=METRICS).filter(actor=actor)
        return state.dossiers(end, window, actors=[actor])
