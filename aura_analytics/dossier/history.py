"""Verdicts that need more than one reading: dossiers at past moments, stacked for a policy with persistence or hysteresis."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import polars as pl
from typing_extensions import Unpack

from aura_analytics.clock import times
from aura_analytics.dossier.board import BoardOptions, dossiers
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.rules.policy import Policy

__all__ = ["latest_verdicts", "readings_needed"]

_STICKY_READINGS, _STICKY_STEP = 12, "30d"


def readings_needed(policy: Policy) -> tuple[int, timedelta]:
    """How many readings a policy looks back on, and how far apart; (1, ...) where one is enough.

    A flag that stands until it is cleared is followed over a year of readings, 30 days apart unless the policy says otherwise.
    """
    persistence = policy.spec.persistence
    sticky = any(rule.clear_when is not None for rule in policy.spec.rules)
    step = times.parse_span(persistence.step if persistence else _STICKY_STEP, name="step")
    return max(persistence.m if persistence else 1, _STICKY_READINGS if sticky else 1), step


def latest_verdicts(
    policy: Policy,
    board: pl.DataFrame,
    events: EventsLike,
    window: str | timedelta | None,
    *,
    texts: Literal["all", "reasons", "none"] = "all",
    **options: Unpack[BoardOptions],
) -> pl.DataFrame:
    """Verdicts on a board, with the earlier readings that the policy asks for.

    Parameters
    ----------
    policy
        The policy.
    board
        Dossiers at the present moment.
    events, window, options
        What the board was made of, as in `dossiers`.
    texts
        As in `Policy.evaluate`.

    Returns
    -------
    polars.DataFrame
        What `Policy.evaluate` returns, for the rows of `board`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.sample(400, seed=1)
    >>> board = aura.dossiers(log)
    >>> verdicts = latest_verdicts(aura.Policy.evidence_gated(), board, log, "90d")
    >>> verdicts.height == board.height
    True
    """
    count, step = readings_needed(policy)
    if count == 1 or board.is_empty():
        return policy.evaluate(board, texts=texts)
    now = times.parse_as_of(board["as_of"][0])
    lazy = as_events(events)
    names = [column for column in board.columns if column not in ("pip_recommended", "pip_status", "pip_reasons", "warnings")]
    earlier = [dossiers(lazy, now - step * i, window, **options) for i in range(count - 1, 0, -1)]
    stacked = pl.concat([frame.select(names) for frame in [*earlier, board] if frame.height])
    return policy.evaluate(stacked, texts=texts).tail(board.height)
