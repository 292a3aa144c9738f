"""Outlasting a limit, shared among those who held the case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from aura_analytics.cases import WHOLE_CASE
from aura_analytics.events import SCHEMA
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.survival import PARTS_OF_A_CLOCK, Curves, Survival, curves_of, exploded, survival_at_limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["SharedSurvival", "chances"]


@dataclass(frozen=True)
class SharedSurvival(Survival):
    """The mean over cases of the chance to outlast the limit times the part of the case that is the actor's (`weight`).

    A case that is still open has the chance that Kaplan-Meier gives it, so that with whole parts this is `Survival` itself. The
    interval is Wilson's with the effective size that the same cases have there; a mean of parts scatters less, so it is wide.
    """

    row_by_row: ClassVar[bool] = False  # the chance of an open case is that of all of one's cases

    def collect(self) -> list[pl.Expr]:
        return [*super().collect(), pl.col("weight").alias(self.part("weight"))]

    def _at_limit(self, sums: pl.DataFrame, context: Context) -> tuple[Floats, Floats, Floats]:
        curves = curves_of(sums, self.part, context)
        late, n, effective = survival_at_limit(curves)
        parts = exploded(sums[self.part("weight")]).to_numpy()[curves.case] / WHOLE_CASE
        carried = parts * chances(curves)
        order = np.lexsort((carried, curves.owner))  # the sum of an actor's parts is the same in whatever order they come
        own = np.bincount(curves.owner[order], weights=carried[order], minlength=curves.size)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(np.isnan(late), np.nan, np.clip(own / n, 0, 1)), n, effective

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Every case with the actor's part of its breach."""
        names = [*(name for name in PARTS_OF_A_CLOCK if name in table.columns), "weight"]
        curves = curves_of(table.select(pl.col(name).implode() for name in names), str, context)
        late = np.full(table.height, np.nan)
        late[curves.case] = chances(curves)
        own = pl.Series(late, nan_to_null=True) * (table["weight"] / WHOLE_CASE)
        return table.with_columns(ts=pl.col("start").cast(SCHEMA["ts"]), value=own).filter(pl.col("value").is_not_null())

    @property
    def observation_heading(self) -> str:
        return "part of its breach"

    def observation_text(self, value: float | None, *, ended: bool) -> str:
        return f"{value:.0%}" + ("" if ended else ", still open")


def chances(curves: Curves) -> Floats:
    """The chance of each case to outlast its limit: 1 or 0 where that is known, and for a case that is still open S(1) / S(now)."""
    logs = np.zeros(len(curves.when))
    counted = curves.counted & (curves.risk > curves.ends)  # at a time that takes everybody nobody is open
    logs[counted] = np.log1p(-curves.ends[counted] / curves.risk[counted])
    summed = np.cumsum(logs)
    last = np.searchsorted(curves.who, np.arange(curves.size), side="right") - 1  # the last time of each actor
    with np.errstate(under="ignore"):
        still = np.exp(summed[last[curves.owner]] - summed[curves.group]) if len(summed) else np.zeros(0)
    gone = np.zeros(curves.size, dtype=bool)
    gone[curves.who[curves.counted & (curves.risk <= curves.ends)]] = True
    still = np.where(gone[curves.owner], 0.0, still)
    return np.where(curves.ratio > 1, 1.0, np.where(curves.over, 0.0, np.where(curves.ratio == 1, 1.0, still)))
