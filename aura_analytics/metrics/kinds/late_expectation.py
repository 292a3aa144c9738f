"""Cases that outlasted their limit beside what would have been expected with the same cases (observed / expected)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from aura_analytics.events import SCHEMA
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.expectation import UNKNOWN, Expectation
from aura_analytics.metrics.kinds.statuses import NO_TARGET
from aura_analytics.metrics.kinds.survival import PARTS_OF_A_CLOCK, exploded, time_in_limits

__all__ = ["LateExpectation"]


@dataclass(frozen=True)
class LateExpectation(Expectation):
    """`Expectation` of breaches, by queue: of the cases whose limit had passed by the end of the window, those that outlasted it.

    What began later is not counted, however quick it was. A case whose clock stood still for so long that it is still open within
    its limit is left out.
    """

    row_by_row: ClassVar[bool] = True
    needs_sla: ClassVar[bool] = True

    def collect(self) -> list[pl.Expr]:
        columns: list[Any] = [pl.col(name).alias(self.part(name)) for name in PARTS_OF_A_CLOCK]
        return columns

    def cells(self, sums: pl.DataFrame, context: Context) -> pl.DataFrame:
        lengths = sums[self.part("elapsed")].list.len().fill_null(0).to_numpy().astype(np.int64)
        flat = {name: exploded(sums[self.part(name)]) for name in PARTS_OF_A_CLOCK}
        owner = pl.Series(np.repeat(np.arange(sums.height), lengths), dtype=pl.UInt32)
        table = pl.DataFrame({"actor": owner, "queue": flat["queue"].fill_null(UNKNOWN), **time_in_limits(flat, context)})
        counted = table.filter("followed")
        return counted.group_by("actor", "queue").agg(n=pl.len().cast(pl.Int64), hits=(pl.col("value") > 1).sum().cast(pl.Int64))

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        columns = super().finish(sums, context)
        if not context.sla:
            columns[f"{self.name}_status"] = pl.Series(np.full(sums.height, NO_TARGET, dtype=np.uint8))
        return columns

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        timed = table.with_columns(**time_in_limits(table, context))
        return timed.filter("followed").with_columns(
            value=(pl.col("value") > 1).cast(pl.Float64), ts=pl.col("start").cast(SCHEMA["ts"])
        )
