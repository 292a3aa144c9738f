"""How a number moved that has no rolling series: counted anew at some moments."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.widgets.explorer.state import line

if TYPE_CHECKING:
    from aura_analytics.widgets.explorer.state import ExplorerState

__all__ = ["counted_series"]

_EMPTY = pl.Schema({"as_of": pl.Datetime("us", "UTC"), "value": pl.Float64(), "n": pl.Int64()})


def counted_series(state: ExplorerState, metric: str, readings: int = 12) -> pl.DataFrame:
    """A number of the open one, such as a median or the share of late cases, each time over the window before.

    Parameters
    ----------
    state
        The explorer.
    metric
        Name of the number.
    readings
        At how many moments, the last of which is that of the dossiers; at least 2.

    Returns
    -------
    polars.DataFrame
        As each of `ExplorerState.series`.
    """
    one, end = state.metrics[metric], state.as_of
    first = collect(state.own.lazy().select(pl.col("ts").min())).item()
    if end is None or first is None or first >= end:
        return pl.DataFrame(schema=_EMPTY)
    step = max((end - first) / readings, timedelta(days=1))
    moments = [moment for back in range(readings - 1, -1, -1) if (moment := end - step * back) > first]
    whole = pl.concat([state.counted_at(moment, (one,)) for moment in moments], how="diagonal_relaxed")
    if metric not in whole.columns:
        return pl.DataFrame(schema=_EMPTY)
    if f"{metric}_n" not in whole.columns:
        whole = whole.with_columns(pl.lit(1, dtype=pl.Int64).alias(f"{metric}_n"))
    return line(whole, metric).cast({"value": pl.Float64})
