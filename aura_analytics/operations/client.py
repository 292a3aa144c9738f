"""The tracker's client: two functions on the default ledger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from aura_analytics import settings
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.ledger.store import Ledger
from aura_analytics.ledger.writing import Stored
from aura_analytics.operations.live_dossiers import Board, Dossier
from aura_analytics.operations.remote import Client
from aura_analytics.rules.policy import PolicyLike

__all__ = ["board_of", "default_ledger", "get_dossier", "record_event"]

_lock = threading.Lock()
_ledgers: dict[str, Ledger] = {}
_boards: WeakKeyDictionary[Ledger, Board] = WeakKeyDictionary()


def default_ledger() -> Ledger:
    """The ledger that `AURA_LEDGER` names, opened once."""
    url = settings.ledger_url()
    with _lock:
        if url not in _ledgers:
            _ledgers[url] = Ledger(url)
        return _ledgers[url]


def record_event(event: Mapping[str, Any]) -> Stored:
    """Record one event in the default ledger (`AURA_LEDGER`, by default `aura.db` in the working directory; an address of HTTP is
    that of a service, asked with the key in `AURA_KEY`).

    Parameters
    ----------
    event
        A dict on the event contract; only `type` is required. Without `event_id` and `ts` it gets a new id and the present
        moment; fields that the contract does not know are kept in `attributes`.

    Returns
    -------
    dict
        `{"ok": True, "stored_id": ...}`; with `duplicate: True` when the very same event was there already.

    Raises
    ------
    EventError
        If it breaks the contract; the message lists every problem.
    ConflictError
        If its id is taken by other content.
    LedgerUnavailableError
        If it cannot be stored; then nothing was.

    Examples
    --------
    >>> import os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> os.environ["AURA_LEDGER"] = f"sqlite:///{folder.name}/aura.db"
    >>> record_event({"type": "OVERRIDE", "actor": "test@agency.gov"})["ok"]
    True
    >>> get_dossier("test@agency.gov")["override_rate"]
    1.0
    >>> default_ledger().close(); folder.cleanup(); del os.environ["AURA_LEDGER"]
    """
    served = _served()
    return default_ledger().record_event(event) if served is None else served.record_event(event)


def get_dossier(
    actor: str,
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    policy: PolicyLike = None,
    ledger: Ledger | None = None,
) -> Dossier:
    """The dossier of one actor in the default ledger.

    Parameters
    ----------
    actor
        Whose.
    as_of
        End of the window; default the time of the last event about work in the ledger.
    window
        Its length; `all` is everything up to `as_of`. Default: that of the policy.
    policy
        The policy behind `pip_status`, as in `aura.dossiers`; `agents` judges agents and components.
    ledger
        Another ledger than the default one.

    Returns
    -------
    dict
        As the tracker has it: `override_rate` (rounded to two places; 0.0 without decisions), `avg_processing_hours`,
        `sat_score_mean` (None without any), `pip_recommended` (the tracker's rule on the unrounded rate; False for somebody
        unknown). Of a known actor also how sure that is: `override_rate_n`, `_lo`, `_hi`, `avg_processing_hours_n`,
        `sat_score_mean_n`, `pip_status`, `pip_reasons`, `warnings` on the data (but for names that look alike), `as_of`. Of an
        agent or a component, also when the log knows it only as the `agent` of decisions: `actor_kind`, `overridden_rate`,
        `overridden_right_rate`, `success_rate`, `score_mean_last10`, `calibration_gap` (each with `_n`, `_lo`, `_hi`, `_status`),
        `standing`, `reputation`, `level`.

    Raises
    ------
    ParameterError
        If the actor is no name, or a policy is given where `AURA_LEDGER` names a service, which has one of its own.

    Examples
    --------
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> ledger = aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/aura.db")
    >>> _ = ledger.record_event({"type": "OVERRIDE", "actor": "anne", "case_id": "C1"})
    >>> dossier = get_dossier("anne", ledger=ledger)
    >>> dossier["override_rate"], dossier["pip_recommended"]
    (1.0, False)
    """
    served = _served() if ledger is None else None
    if served is not None:
        if policy is not None:
            raise ParameterError(Problem("a service judges by the policy it was started with", got="policy", next="leave it out"))
        return served.get_dossier(actor, as_of=as_of, window=window)
    return board_of(default_ledger() if ledger is None else ledger).dossier(actor, as_of, window, policy)


def _served() -> Client | None:
    """The service that `AURA_LEDGER` names, if it names one."""
    url = settings.ledger_url()
    return Client(url) if url.startswith(("http://", "https://")) else None


def board_of(ledger: Ledger) -> Board:
    """The sums that are kept for single dossiers of a ledger, made when they are first asked for."""
    with _lock:
        board = _boards.get(ledger)
        if board is None:
            board = _boards[ledger] = Board(ledger)
        return board
