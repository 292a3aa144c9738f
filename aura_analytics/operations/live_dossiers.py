"""The dossier of one actor, at once: from sums that are kept up to date, or from the actor's own cases."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NotRequired, cast

import polars as pl
from typing_extensions import TypedDict

from aura_analytics import events as contract
from aura_analytics.cases.collecting import in_memory
from aura_analytics.cases.truth import asks_for_words
from aura_analytics.clock import times
from aura_analytics.dossier.board import dossiers
from aura_analytics.dossier.state import DossierState
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.hr.folds import standing
from aura_analytics.metrics.catalogue import metrics_named
from aura_analytics.metrics.kinds.base import MACHINES
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Board", "Dossier"]

_SMALL = 50_000  # events, up to which the sums of everybody are asked sooner than the cases of one
_KEPT = 4  # policies of whose sums are kept
# the three that are shown, and those whose events tell of what kind an actor is
METRICS = ("override_rate", "avg_processing_hours", "sat_score_mean", "open_cases", "success_rate", "score_mean_last10")
# what a dossier of an agent or a component shows besides, with how sure each is
_OF_MACHINES = ("overridden_rate", "overridden_right_rate", "success_rate", "score_mean_last10", "calibration_gap")
_MACHINE_METRICS = tuple(dict.fromkeys((*METRICS, *_OF_MACHINES)))
_UNKNOWN = {"override_rate": 0.0, "avg_processing_hours": None, "sat_score_mean": None, "pip_recommended": False}
_ALSO = (
    "override_rate_n",
    "override_rate_lo",
    "override_rate_hi",
    "avg_processing_hours_n",
    "sat_score_mean_n",
    "pip_status",
    "pip_reasons",
    "warnings",
    "as_of",
)
_NEVER_ACTED_UPON = {"standing": "good", "reputation": 100.0, "level": 0}


class Dossier(TypedDict):
    """The dossier of one actor, as the tracker has it, and how sure it is.

    The first five are always there; the others of an actor whom the ledger knows. Rates are fractions. The last ones, from
    `actor_kind` on, are those of agents and components: each number with its n, its limits and its status, and how HR actions left
    them.
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
    warnings: NotRequired[list[str]]
    as_of: NotRequired[datetime]
    actor_kind: NotRequired[str]
    overridden_rate: NotRequired[float | None]
    overridden_rate_n: NotRequired[int]
    overridden_rate_lo: NotRequired[float | None]
    overridden_rate_hi: NotRequired[float | None]
    overridden_rate_status: NotRequired[str]
    overridden_right_rate: NotRequired[float | None]
    overridden_right_rate_n: NotRequired[int]
    overridden_right_rate_lo: NotRequired[float | None]
    overridden_right_rate_hi: NotRequired[float | None]
    overridden_right_rate_status: NotRequired[str]
    success_rate: NotRequired[float | None]
    success_rate_n: NotRequired[int]
    success_rate_lo: NotRequired[float | None]
    success_rate_hi: NotRequired[float | None]
    success_rate_status: NotRequired[str]
    score_mean_last10: NotRequired[float | None]
    score_mean_last10_n: NotRequired[int]
    score_mean_last10_lo: NotRequired[float | None]
    score_mean_last10_hi: NotRequired[float | None]
    score_mean_last10_status: NotRequired[str]
    calibration_gap: NotRequired[float | None]
    calibration_gap_n: NotRequired[int]
    calibration_gap_lo: NotRequired[float | None]
    calibration_gap_hi: NotRequired[float | None]
    calibration_gap_status: NotRequired[str]
    standing: NotRequired[str]
    reputation: NotRequired[float]
    level: NotRequired[int]


class _Sums:
    """The sums of everybody over a ledger, built when first asked for, and then kept up to date."""

    def __init__(self, ledger: Ledger, metrics: tuple[str, ...]) -> None:
        self._ledger, self.metrics = ledger, metrics
        self.seq = 0
        self._decisions = 0, 0
        self.state: DossierState | None = None

    def kept(self) -> DossierState:
        """The sums as of now: up to the ledger's end at this moment, since one that is busy has a new end whenever it is asked."""
        last = self._ledger.end()
        decisions = self._ledger.decisions_version()
        if self.state is None or decisions != self._decisions:  # what is said of a decision later changes what it was
            end, self._decisions = self._ledger.info().events, decisions
            events = self._ledger.due(self._ledger.with_decisions(self._ledger.events_upto(end)))
            self.state, self.seq = DossierState(events, metrics=self.metrics), end
        while self.seq < last:
            fresh, end = self._ledger.after(self.seq, min(1_000_000, last - self.seq))
            try:
                self.state.append(self._ledger.due(fresh.lazy()).collect())
            except BaseException:
                self.state = None  # half of it may have been taken in: it is built anew
                raise
            self.seq = end
        return self.state

    def board(
        self, actor: str, as_of: datetime | date | str | None, window: str | timedelta | None, policy: Policy
    ) -> pl.DataFrame:
        """The row of one actor."""
        state = self.kept()
        end = None if as_of is None else times.parse_as_of(as_of)
        past = end is not None and state.last is not None and end < state.last  # sums are kept as of now; the past is counted anew
        if past or policy.way or not set(policy.metrics) <= set(self.metrics):
            events = self._ledger.due(self._ledger.with_decisions(self._ledger.events(until=end)))
            return dossiers(events, end, window, metrics=self.metrics, policy=policy).filter(actor=actor)
        if policy.compares_peers:
            return state.dossiers(end, window, policy=policy).filter(actor=actor)
        return state.dossiers(end, window, policy=policy, actors=[actor])


class Board:
    """Dossiers of single actors over a ledger.

    An actor's dossier depends on nothing but the cases that they had to do with, and these are looked up by index. For actors
    with too many events for that, the sums of all are built once, and then follow the ledger (`DossierState`). Both give what
    `aura.dossiers(ledger)` gives.

    Parameters
    ----------
    ledger
        The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._people, self._machines = _Sums(ledger, METRICS), _Sums(ledger, _MACHINE_METRICS)
        self._others: dict[tuple[str, ...], _Sums] = {}
        self._agents: set[str] = set()
        self._agents_seq = 0

    def keep(self) -> DossierState:
        """The sums of everybody, up to date; built when first asked for."""
        return self._people.kept()

    def dossier(
        self,
        actor: str,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = None,
        policy: PolicyLike = None,
    ) -> Dossier:
        """The dossier of an actor, as `get_dossier` gives it."""
        if not isinstance(actor, str) or not actor:
            raise ParameterError(Problem("an actor is a name", got=actor, expected="such as 'officer_anne@sba.gov'"))
        judged = as_policy(policy).over(window)
        found: dict[str, Any] = {"actor": actor, **_UNKNOWN}
        with self._lock:
            board = self._rows(actor, as_of, window, judged)
            kind = None if board is None or board.is_empty() else board["actor_kind"][0]
            if kind is None or kind in MACHINES:
                board = self._of_machine(actor, as_of, window, judged, board)
            if board is None or board.is_empty():
                return cast("Dossier", found | self._idle(actor, as_of, judged))
        row = board.row(0, named=True)
        # Python's round, as the tracker does it; the rule was applied to the rate as it is
        found |= {name: row[name] for name in (*_UNKNOWN, *_ALSO)}
        found["override_rate"] = round(row["override_rate"], 2)
        if row["actor_kind"] in MACHINES:
            found |= self._machine(actor, as_of, row)
        return cast("Dossier", found)

    def _machine(self, actor: str, as_of: datetime | date | str | None, row: Mapping[str, Any]) -> dict[str, Any]:
        """What the dossier of an agent or a component has besides."""
        shown = {f"{name}{suffix}" for name in _OF_MACHINES for suffix in ("", "_n", "_lo", "_hi", "_status")}
        acted = standing(self._ledger, as_of, actor=actor)
        stands: Mapping[str, Any] = (
            acted.row(0, named=True) if acted.height else {"standing": "good", "reputation": 100.0, "level": 0}
        )
        return (
            {"actor_kind": row["actor_kind"]}
            | {name: value for name, value in row.items() if name in shown}
            | {name: stands[name] for name in _NEVER_ACTED_UPON}
        )

    def _of_machine(
        self,
        actor: str,
        as_of: datetime | date | str | None,
        window: str | timedelta | None,
        policy: Policy,
        own: pl.DataFrame | None,
    ) -> pl.DataFrame | None:
        """The row of somebody who may be an agent or a component: their advice lies with the officers who decided on it."""
        if self._is_agent(actor):
            return self._sums(policy, machine=True).board(actor, as_of, window, policy)
        if own is None or own.is_empty() or own["actor_kind"][0] is None:
            return own
        return self._rows(actor, as_of, window, policy, machine=True)

    def _sums(self, policy: Policy, *, machine: bool) -> _Sums:
        """The sums from which a policy's verdicts come: beside what is shown, of what it reads, where sums can be kept of that."""
        base = self._machines if machine else self._people
        metrics = tuple(dict.fromkeys((*base.metrics, *policy.metrics)))
        if metrics == base.metrics or policy.way:
            return base
        if metrics not in self._others:
            try:
                DossierState(contract.empty(), metrics=metrics)
            except ParameterError:
                return base
            while len(self._others) >= _KEPT:
                self._others.pop(next(iter(self._others)))
            self._others[metrics] = _Sums(self._ledger, metrics)
        return self._others[metrics]

    def rows(self, actors: Collection[str], policy: PolicyLike = None) -> pl.DataFrame:
        """The dossiers of several actors as of now, with verdicts, counted together; of whom there is nothing to say is left out.

        Parameters
        ----------
        actors
            Whose.
        policy
            As in `aura.dossiers`.
        """
        judged = as_policy(policy).over(None)
        with self._lock:
            sums = self._sums(judged, machine=False)
            if judged.way or judged.compares_peers or judged.spec.over_time or not set(judged.metrics) <= set(sums.metrics):
                board = dossiers(self._ledger, policy=judged)
                return board.filter(pl.col("actor").is_in(list(actors)))
            return sums.kept().dossiers(None, None, policy=judged, actors=list(actors))

    def _idle(self, actor: str, as_of: datetime | date | str | None, policy: Policy) -> dict[str, Any]:
        """What there is to say of somebody without events in the window: nothing at all, or that there were some at other times."""
        last = self._ledger.last_of(actor)
        kept = self._sums(policy, machine=False).state
        now = self._ledger.last_work() if kept is None else kept.last
        end = now if as_of is None else times.parse_as_of(as_of)
        if last is None or end is None:
            return {}
        span = "up to" if policy.window is None else f"in the {times.span_of_time(policy.window)} up to"
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
        """Whether somebody was ever named as the agent of a decision."""
        named, self._agents_seq = self._ledger.agents_after(self._agents_seq)
        self._agents |= named
        return actor in self._agents

    def _rows(
        self,
        actor: str,
        as_of: datetime | date | str | None,
        window: str | timedelta | None,
        policy: Policy,
        *,
        machine: bool = False,
    ) -> pl.DataFrame | None:
        """The row of an actor, from their own cases, or from the sums of everybody."""
        sums = self._sums(policy, machine=machine)
        small = sums.state is not None and sums.seq < _SMALL
        if small or any(self._ledger.decisions_version()):
            return sums.board(actor, as_of, window, policy)
        end = self._ledger.last_work() if as_of is None else times.parse_as_of(as_of)
        if end is None:
            return None
        events = self._ledger.cases_of(actor)
        among = policy.compares_peers or any(one.reads_everybody for one in metrics_named(sums.metrics))
        if events is None or policy.spec.over_time or among or asks_for_words(events.lazy()):
            return sums.board(actor, as_of, window, policy)
        with in_memory():
            metrics = sums.metrics
            return dossiers(events, end, window, metrics=metrics, policy=policy).filter(actor=actor)
