"""A share of observations that are hits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.base import Context, Metric, array_of
from aura_analytics.statistics import intervals
from aura_analytics.statistics.evidence import rate_e_value, rate_p_value
from aura_analytics.statistics.rate_limits import exact_limits, exact_to_settle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Rate"]


@dataclass(frozen=True)
class Rate(Metric):
    """A share: how many of the facts (where `among` holds) are a `hit`. Interval: Wilson; rules lean on exact limits.

    Parameters
    ----------
    hit, among
        Boolean expressions over the facts; rows where `among` is false or `hit` is null do not count.
    when_empty
        Value for an actor without observations; None leaves it undefined.
    hits_are
        What the hits are, in a word, as the heading of a list of observations.
    """

    hit: pl.Expr = field(default_factory=lambda: pl.lit(value=False))
    among: pl.Expr | None = None
    when_empty: float | None = None
    hits_are: str = field(default="counts", kw_only=True)

    series_suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi")
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    row_by_row: ClassVar[bool] = True
    counts_hits: ClassVar[bool] = True
    interval: ClassVar[str] = "Wilson for rates"
    test_form: ClassVar[str] = "{hits: 42, of: 100}"

    def _counted(self) -> pl.Expr:
        counted = self.hit.is_not_null()
        return counted if self.among is None else counted & self.among.fill_null(value=False)

    def collect(self) -> list[pl.Expr]:
        counted = self._counted()
        hits = (counted & self.hit.fill_null(value=False)).sum().cast(pl.Int64)
        return [hits.alias(self.part("k")), counted.sum().cast(pl.Int64).alias(self.part("n"))]

    def per_row(self) -> dict[str, pl.Expr]:
        counted = self._counted()
        return {"k": (counted & self.hit.fill_null(value=False)).cast(pl.Int64), "n": counted.cast(pl.Int64)}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        k, n = array_of(sums, self.part("k")), array_of(sums, self.part("n"))
        with np.errstate(invalid="ignore", divide="ignore"):
            value = k / n
        columns = self._columns(value, n, *intervals.wilson(k, n, context.confidence))
        if self.when_empty is not None:
            columns[self.name] = columns[self.name].fill_null(self.when_empty)
        return columns

    def counts(self, dossiers: pl.DataFrame) -> tuple[Floats, Floats]:
        """Hits and observations from the columns of a dossier."""
        n = array_of(dossiers, f"{self.name}_n")
        return np.round(array_of(dossiers, self.name) * n), n

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        return exact_limits(*self.counts(dossiers), confidence)

    @property
    def has_e_values(self) -> bool:
        return True

    def e_values(self, dossiers: pl.DataFrame, threshold: float, *, above: bool) -> Floats:
        return rate_e_value(*self.counts(dossiers), threshold, above=above)

    def p_values(self, dossiers: pl.DataFrame, threshold: float, *, above: bool) -> Floats:
        return rate_p_value(*self.counts(dossiers), threshold, above=above)

    def in_series(self, totals: Mapping[str, NDArray[np.int64]], confidence: float) -> dict[str, Floats]:
        k, n = totals["k"], totals["n"]
        with np.errstate(invalid="ignore", divide="ignore"):
            value = k / n
        low, high = intervals.wilson(k, n, confidence)
        return {"": value, "_lo": low, "_hi": high}

    def values_of(self, totals: Mapping[str, NDArray[np.int64]]) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(totals["k"] / totals["n"])

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        parts = self.per_row()
        counted = table.with_columns(value=parts["k"].cast(pl.Float64), counted=parts["n"]).filter(pl.col("counted") > 0)
        return counted.with_columns(ended=pl.lit(value=True))

    def from_test(self, given: Any) -> dict[str, pl.Series]:
        k, n = (0, 0) if given is None else (int(given["hits"]), int(given["of"]))
        if not 0 <= k <= n:
            raise ValueError("more hits than observations")
        return self.finish(pl.DataFrame({self.part("k"): [k], self.part("n"): [n]}), Context(datetime.min))

    def observations_to_settle(self, value: float, n: float, threshold: float, level: float) -> int | None:
        total = exact_to_settle(value, threshold, level)
        return None if math.isnan(total) else math.ceil(total - n)

    @property
    def observation_heading(self) -> str:
        return self.hits_are

    def observation_text(self, value: float | None, *, ended: bool) -> str:
        return "yes" if value else "no"
