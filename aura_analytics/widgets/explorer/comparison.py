"""Numbers beside those of the open dossier: somebody else's, or their own of the window before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.clock.times import span_of_time
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.wording import cards

if TYPE_CHECKING:
    from aura_analytics.widgets.explorer.state import ExplorerState

__all__ = ["beside"]


def beside(state: ExplorerState, actor: str | None = None) -> dict[str, Any]:
    """Numbers to set beside the open dossier.

    Parameters
    ----------
    state
        The explorer.
    actor
        Whose; default the open one's, one window earlier.

    Returns
    -------
    dict
        `of` (who is open), `actor`, `when` (in words), and `cards` as `ExplorerState.cards`.

    Raises
    ------
    ParameterError
        If nobody has this name, or there is no window before: the whole log is read.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> state = aura.widgets.ExplorerState(aura.sample_log(600, seed=3))
    >>> beside(state, "officer_bob@sba.gov")["cards"][0]["title"]
    'Override rate'
    """
    if actor is not None:
        rows = state.board.filter(pl.col("actor") == actor)
        if rows.is_empty():
            raise ParameterError(Problem("nobody has this name in the window", got=actor))
        when = "the same time"
    else:
        span = state.policy.window
        if span is None or state.as_of is None:
            raise ParameterError(
                Problem("nothing lies before the whole log", got=state.window, next="choose a window, such as 90d")
            )
        end = state.as_of - span
        rows, when = state.counted_at(end), f"the {span_of_time(state.window)} before, up to {end:%Y-%m-%d}"
    shown = cards(rows.row(0, named=True), state.metrics.values()) if rows.height else []
    return {"of": state.actor, "actor": actor or state.actor, "when": when, "cards": shown}
