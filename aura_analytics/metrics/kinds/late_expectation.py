"""Cases that outlasted their limit beside what would have been expected with the same cases (observed / expected)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from aura_analytics.events import SCHEMA
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.expectation import UNKNOWN, Expectation
from aura_analytics.metrics.kinds.statuses import NO_TARGET
from aura_analytics.metrics.kinds.survival import PARTS_OF_A_CLOCK, exploded, followed, spent_and_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LateExpectation"]


@dataclass(frozen=True)
class LateExpectation(Expectation):
    """`Expectation` of breaches, by queue: of the cases that ended or were followed up to their limit, those that outlasted it."""

    row_by_row: ClassVar[bool] = True
    needs_sla: ClassVar[bool] = True

    def collect(self) -> list[pl.Expr]:
        columns: list[Any] = [pl.col(name).alias(self.part(name)) for name in PARTS_OF_A_CLOCK]
        return columns

    def cells(self, sums: pl.DataFrame, context: Context) -> pl.DataFrame:
        lengths = sums[self.part("elapsed")].list.len().fill_null(0).to_numpy().astype(np.int64)
        flat = {name: exploded(sums[self.part(name)]) for name in PARTS_OF_A_CLOCK}
        owner = pl.Series(np.repeat(np.arange(sums.height), lengths), dtype=pl.UInt32)
        table = pl.DataFrame({"actor": owner, "queue": flat["queue"].fill_null(UNKNOWN), **_timed(flat, context)})
        counted = table.filter(followed())
        return counted.group_by("actor", "queue").agg(n=pl.len().cast(pl.Int64), hits=(pl.col("value") > 1).sum().cast(pl.Int64))

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        columns = super().finish(sums, context)
        if not context.sla:
            columns[f"{self.name}_status"] = pl.Series(np.full(sums.height, NO_TARGET, dtype=np.uint8))
        return columns

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        timed = table.with_columns(**_timed(table, context))
        return timed.filter(followed()).with_columns(
            value=(pl.col("value") > 1).cast(pl.Float64), ts=pl.col("start").cast(SCHEMA["ts"])
        )


def _timed(flat: Mapping[str, pl.Series] | pl.DataFrame, context: Context) -> dict[str, pl.Series]:
    """Time of each case in its limits, and whether it has ended."""
    limit, spent = spent_and_limit(flat, context)
    return {"value": pl.Series(spent / limit, dtype=pl.Float64, nan_to_null=True), "ended": flat["ended"].cast(pl.Boolean)}
