"""A threshold taken from others of the same declared role: their pooled rate plus a margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from pydantic import Field

from aura_analytics.rules.numbers import floats
from aura_analytics.statistics import intervals
from aura_analytics.yaml_models import Strict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["PeerRate", "from_peers", "peers_rate"]


class PeerRate(Strict):
    """A threshold taken from the others of the same declared role: their pooled rate plus a margin."""

    role_rate_plus: float = Field(description="margin added to the pooled rate of the other actors of the role")
    at_least_peers: int = Field(2, ge=1, description="fewer peers than this decide nothing")

    def of(self, board: pl.DataFrame, metric: str) -> tuple[Floats, NDArray[np.bool_]]:
        """The threshold of every row, and whether there are peers enough."""
        rate, peers = peers_rate(board, metric)
        known = peers >= self.at_least_peers
        return np.where(known, rate + self.role_rate_plus, np.nan), known


def from_peers(
    low: Floats, high: Floats, value: Floats, threshold: Floats, confidence: float, metric: str, board: pl.DataFrame
) -> tuple[Floats, Floats]:
    """Limits of an actor's rate as seen from the peers' rate, whose own uncertainty widens them.

    The hybrid score interval of the difference (Newcombe 1998, Stat Med 17:873-890, method 10), put back on the peers' rate.
    """
    rate, _ = peers_rate(board, metric)
    k, n = _pooled_others(board, metric)
    peers_low, peers_high = intervals.wilson(k, n, 2 * confidence - 1)
    with np.errstate(invalid="ignore"):
        below = value - np.sqrt((value - low) ** 2 + (peers_high - rate) ** 2)
        above = value + np.sqrt((high - value) ** 2 + (rate - peers_low) ** 2)
    known = ~np.isnan(threshold)
    return np.where(known, below, np.nan), np.where(known, above, np.nan)


def peers_rate(board: pl.DataFrame, metric: str) -> tuple[Floats, Floats]:
    """The pooled rate of the other actors of the same role, and how many of them have observations; NaN without a role."""
    k, n = _pooled_others(board, metric)
    one = pl.DataFrame({"as_of": board["as_of"], "role": board["role"], "one": (board[f"{metric}_n"] > 0).cast(pl.Float64)})
    peers = one.select(pl.col("one").sum().over("as_of", "role"))["one"].to_numpy() - one["one"].to_numpy()
    peers = np.where(board["role"].is_not_null().to_numpy(), peers, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, k / n, np.nan), peers


def _pooled_others(board: pl.DataFrame, metric: str) -> tuple[Floats, Floats]:
    """Hits and observations of the other actors of the same role at the same reading."""
    n = np.nan_to_num(floats(board, f"{metric}_n"))
    k = np.round(np.nan_to_num(floats(board, metric)) * n)
    table = pl.DataFrame({"as_of": board["as_of"], "role": board["role"], "k": k, "n": n})
    sums = table.select(pl.col("k", "n").sum().over("as_of", "role"))
    has_role = board["role"].is_not_null().to_numpy()
    return np.where(has_role, sums["k"].to_numpy() - k, 0), np.where(has_role, sums["n"].to_numpy() - n, 0)
