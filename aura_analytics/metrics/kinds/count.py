"""A plain number of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from aura_analytics.cases import OPEN
from aura_analytics.metrics.kinds.base import MACHINES, Cell, Context, Metric, array_of
from aura_analytics.metrics.units import unit_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Count"]

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Count(Metric):
    """A plain number of facts; it is what it is and has no interval."""

    suffixes: ClassVar[tuple[str, ...]] = ("",)
    row_by_row: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True

    def collect(self) -> list[pl.Expr]:
        return [pl.len().cast(pl.Int64).alias(self.part("n"))]

    def per_row(self) -> dict[str, pl.Expr]:
        return {"n": pl.col(self.subject).is_not_null().cast(pl.Int64)}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        return {self.name: sums[self.part("n")].fill_null(0)}

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        exact = array_of(dossiers, self.name)
        return exact, exact

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        hours = pl.col("elapsed") / _HOUR if "elapsed" in table.columns else pl.lit(None, dtype=pl.Float64)
        return table.with_columns(value=hours, ended=pl.lit(self.table != OPEN))

    def from_test(self, given: Any) -> dict[str, pl.Series]:
        return self.finish(pl.DataFrame({self.part("n"): [0 if given is None else int(given)]}), Context(datetime.min))

    @property
    def observation_heading(self) -> str:
        return "hours so far" if self.table == OPEN else self.unit

    def is_known(self, row: Mapping[str, Any]) -> bool:
        """Nothing at all says something of people, of machines it goes without saying."""
        return self.name in row and (bool(row[self.name]) or row.get("actor_kind") not in MACHINES)

    def cell(self, row: Mapping[str, Any]) -> Cell:
        value = row.get(self.name) or 0
        unit = self.unit.removesuffix("s") if value == 1 else self.unit
        return {"value": unit_of(self.unit).short(value), "n": None, "interval": None, "unit": unit}
