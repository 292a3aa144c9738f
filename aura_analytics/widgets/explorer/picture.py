"""The explorer as a picture, for where there is no kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from aura_analytics.widgets.explorer.state import ExplorerState

__all__ = ["picture_of"]


def picture_of(state: ExplorerState) -> bytes:
    """Everybody with their intervals, as a PNG picture: override rates, or success where nobody decides."""
    from aura_analytics import charts
    from aura_analytics.charts.render import png

    board = state.board
    seen = {name for name in state.metrics if f"{name}_n" in board.columns and board[f"{name}_n"].sum()}
    names = [name for name in ("override_rate", "success_rate", "overridden_rate", *sorted(seen)) if name in seen]
    if not names:
        return png(charts.note(state.sentence()))
    judged = pl.col("verdict").replace("not_judged", "insufficient")
    rows = board.filter(pl.col(f"{names[0]}_n") > 0).head(20).with_columns(pip_status=judged)
    limits = state.thresholds.get(names[0], [])
    return png(charts.league(rows, names[0], threshold=limits[0] if limits else None, width=420))
