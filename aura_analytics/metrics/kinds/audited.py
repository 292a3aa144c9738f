"""Shares among verdicts that somebody judged: an audit is a sample, and every judged verdict stands for others.

The facts say how many verdicts a judged one stands for (`weight`): one over the chance with which its case was drawn, or else its
share of the actor's verdicts of the same kind in the same queue. A share is the weighted hits over the weighted observations
(Hajek 1971); its precision is that of `n_eff` equally weighted ones, p (1 - p) over the linearised variance of the ratio (Korn and
Graubard 1998), at most n.

Where chances are unknown and the share that was judged differs between accepted and overridden recommendations, the cases were not
picked without a look at them; no weighting mends that, and the status says so (`selective_audits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from aura_analytics.cases.hindsight import PARTS
from aura_analytics.metrics.kinds.base import Context, array_of
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.metrics.kinds.statuses import NO_DATA, OK, SELECTIVE
from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["OVERSIGHT", "AuditedRate", "Weighted", "judged_counts", "selective", "selective_actors", "status_of"]

_SURE = 3.2905  # normal quantile of a two-sided test at 0.001: of a thousand fair samples one is taken for a selected one
OVERSIGHT: pl.Expr = ~pl.col("own_work").fill_null(value=False)


_JUDGED = ("accepted", "overridden", "accepted_judged", "overridden_judged", "unknown")
_SUMS = ("n", "w", "k", "ww", "kk")


@dataclass
class Weighted:
    """A share from weighted sums.

    Attributes
    ----------
    n
        Observations.
    value
        Weighted share of hits; NaN without observations.
    n_eff
        How many equally weighted observations would be as precise.
    """

    n: Floats
    value: Floats
    n_eff: Floats

    @staticmethod
    def sums(hit: pl.Expr, among: pl.Expr, name: str) -> list[pl.Expr]:
        """What is collected of it, under names that begin with `name`."""
        counted = OVERSIGHT & hit.is_not_null() & among.fill_null(value=False) & pl.col("weight").is_not_null()
        weight = pl.when(counted).then(pl.col("weight")).otherwise(0)
        hits = pl.when(counted & hit).then(pl.col("weight")).otherwise(0)
        exact = pl.Int128
        return [
            counted.sum().cast(pl.Int64).alias(f"{name}n"),
            weight.cast(exact).sum().alias(f"{name}w"),
            hits.cast(exact).sum().alias(f"{name}k"),
            (weight.cast(exact) * weight.cast(exact)).sum().alias(f"{name}ww"),
            (hits.cast(exact) * hits.cast(exact)).sum().alias(f"{name}kk"),
        ]

    @classmethod
    def of(cls, sums: pl.DataFrame, name: str) -> Weighted:
        """The share, from what was collected."""
        floats = sums.select(pl.col(f"{name}{part}").cast(pl.Float64) for part in _SUMS)
        n, w, k, ww, kk = (array_of(floats, column) for column in floats.columns)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = k / w
            kish = w * w / ww
            spread = (1 - value) ** 2 * kk + value**2 * (ww - kk)
            n_eff = np.where(spread > 0, value * (1 - value) * w * w / spread, kish)
        n_eff = np.minimum(np.where(np.abs(n_eff - n) <= 1e-9 * n, n, n_eff), n)
        return cls(n, np.where(n > 0, value, np.nan), np.where(n > 0, n_eff, 0.0))


def judged_counts(name: str) -> list[pl.Expr]:
    """Verdicts and judged verdicts, accepted and overridden, and how many were judged without a known chance."""
    judged, overridden = pl.col("weight").is_not_null(), pl.col("override")
    known = pl.col("by_chance").fill_null(value=True)
    return [
        (OVERSIGHT & ~overridden).sum().cast(pl.Int64).alias(f"{name}accepted"),
        (OVERSIGHT & overridden).sum().cast(pl.Int64).alias(f"{name}overridden"),
        (OVERSIGHT & ~overridden & judged).sum().cast(pl.Int64).alias(f"{name}accepted_judged"),
        (OVERSIGHT & overridden & judged).sum().cast(pl.Int64).alias(f"{name}overridden_judged"),
        (OVERSIGHT & judged & ~known).sum().cast(pl.Int64).alias(f"{name}unknown"),
    ]


def selective(sums: pl.DataFrame, name: str) -> NDArray[np.bool_]:
    """Whether the share judged differs between accepted and overridden (two proportions, at 0.001), without known chances."""
    a, o, ja, jo, unknown = (array_of(sums, f"{name}{part}") for part in _JUDGED)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (ja + jo) / (a + o)
        z = (ja / a - jo / o) / np.sqrt(pooled * (1 - pooled) * (1 / a + 1 / o))
    return np.asarray((unknown > 0) & (np.nan_to_num(np.abs(z)) > _SURE))


def selective_actors(verdicts: pl.DataFrame) -> pl.Series:
    """Actors of whom the verdicts to be judged were picked by what they were."""
    counts = verdicts.group_by("actor").agg(judged_counts(""))
    return counts.filter(pl.Series(selective(counts, ""), dtype=pl.Boolean))["actor"]


@dataclass(frozen=True)
class AuditedRate(Rate):
    """A share among judged verdicts, weighted by what each stands for. Interval: Wilson at the effective number; rules lean on
    exact limits.

    Parameters
    ----------
    hit, among
        As of `Rate`, over the facts `DECISIONS`; of own work nothing counts.
    """

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_n_eff", "_lo", "_hi", "_status")
    counted_in: ClassVar[str] = "judged verdicts"
    counts_hits: ClassVar[bool] = False  # a weighted share is no count
    by_reading: ClassVar[bool] = True
    interval: ClassVar[str] = "Wilson at the effective number for audited shares"

    def collect(self) -> list[pl.Expr]:
        among = pl.lit(value=True) if self.among is None else self.among
        return [*Weighted.sums(self.hit, among, self.part("")), *judged_counts(self.part(""))]

    def per_row(self) -> dict[str, pl.Expr]:
        return {}

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        found = Weighted.of(sums, self.part(""))
        unsaid = selective(sums, self.part(""))
        value = np.where(unsaid, np.nan, found.value)
        low, high = intervals.wilson(value * found.n_eff, found.n_eff, context.confidence)
        columns = self._columns(value, found.n, low, high, _n_eff=np.where(unsaid, 0.0, found.n_eff))
        columns[f"{self.name}_status"] = status_of(found.n, unsaid)
        return columns

    def counts(self, dossiers: pl.DataFrame) -> tuple[Floats, Floats]:
        # a frame of one's own may say nothing of weights
        n_eff = array_of(dossiers, f"{self.name}_n_eff" if f"{self.name}_n_eff" in dossiers.columns else f"{self.name}_n")
        return array_of(dossiers, self.name) * n_eff, n_eff

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        counted = OVERSIGHT & self._counted()
        rows = table.with_columns(value=self.hit.cast(pl.Float64)).filter(counted)
        return rows.with_columns(ended=pl.lit(value=True))

    def from_test(self, given: Any) -> dict[str, pl.Series]:
        k, n = (0, 0) if given is None else (int(given["hits"]), int(given["of"]))
        if not 0 <= k <= n:
            raise ValueError("more hits than observations")
        sums: Mapping[str, int] = {"n": n, "w": n * PARTS, "k": k * PARTS, "ww": n * PARTS**2, "kk": k * PARTS**2}
        parts = {self.part(name): pl.Series([value], dtype=pl.Int128) for name, value in sums.items()}
        parts |= {self.part(name): pl.Series([0]) for name in _JUDGED}
        return self.finish(pl.DataFrame(parts), Context(datetime.min))


def status_of(n: Floats, unsaid: NDArray[np.bool_]) -> pl.Series:
    """The status of audited numbers."""
    return pl.Series(np.where(n == 0, NO_DATA, np.where(unsaid, SELECTIVE, OK)).astype(np.uint8))
