"""Two thresholds at once: how many are flagged at every pair of them, and with a scenario how often wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules import engine

if TYPE_CHECKING:
    from aura_analytics.widgets.shared.setting import Setting
    from aura_analytics.widgets.tuner.state import TunerState

__all__ = ["heat", "thresholds_of"]

_POINTS = 15
_COLUMNS = ("first", "second", "flagged", "false_per_100", "missed_per_100")


def thresholds_of(state: TunerState) -> list[str]:
    """Keys of the thresholds that are numbers."""
    return [one.key for one in state.settings if one.unit and not one.choices]


def heat(state: TunerState, first: str, second: str, points: int = _POINTS) -> pl.DataFrame:
    """Every pair of values of two thresholds, the others as they stand.

    Parameters
    ----------
    state
        The tuner; it stands afterwards as it stood.
    first, second
        Keys of two thresholds.
    points
        Values of each, from its least to its most on the steps of its slider, from 2 to 60.

    Returns
    -------
    polars.DataFrame
        `first`, `second`, `flagged`, and as in `TunerState.errors` `false_per_100` and `missed_per_100` (null without a scenario),
        a row for each pair, the second one running faster.

    Raises
    ------
    ParameterError
        If these are not two different thresholds, or points is out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> state = aura.widgets.TunerState(aura.events.sample(400, seed=1), "evidence_gated")
    >>> heat(state, "pip.override_rate.threshold", "pip.sat_score_mean.threshold", 3).shape
    (9, 5)
    """
    known = {one.key: one for one in state.settings if one.unit and not one.choices}
    if first == second or first not in known or second not in known:
        raise ParameterError(Problem("a heat map needs two thresholds", got=f"{first}, {second}", expected=", ".join(known)))
    if not 2 <= points <= 60:
        raise ParameterError(Problem("points is out of range", got=points, expected="2 to 60"))
    ranges = [_values(known[key], points) for key in (first, second)]
    rows: list[tuple[Any, ...]] = []
    with state.trying():
        for one in ranges[0]:
            for other in ranges[1]:
                state.put(**{first: one, second: other})
                wrong = state.errors or {}
                flagged = int((state.verdicts == engine.FLAG).sum())
                rows.append((one, other, flagged, wrong.get("false_per_100"), wrong.get("missed_per_100")))
    schema = {
        "first": pl.Float64,
        "second": pl.Float64,
        "flagged": pl.Int64,
        "false_per_100": pl.Float64,
        "missed_per_100": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col(pl.Float64).fill_nan(None))


def _values(one: Setting, points: int) -> list[float]:
    """Values from the least to the most, each of which a slider can stand on."""
    values = np.linspace(one.low, one.high, points)
    if one.step and (one.high - one.low) / one.step >= points - 1:
        values = one.low + np.round((values - one.low) / one.step) * one.step
    return [float(value) for value in dict.fromkeys(values.round(6).tolist())]
