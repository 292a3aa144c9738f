"""What an actor did beside what the others would have been expected to do with the same cases (observed / expected)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import polars as pl

from aura_analytics.metrics.kinds.audited import judged_counts, selective
from aura_analytics.metrics.kinds.base import Context, Metric, array_of, series_of
from aura_analytics.metrics.kinds.statuses import NO_DATA, NO_OVERLAP, OK, SELECTIVE
from aura_analytics.statistics.compared import Comparison, compared
from aura_analytics.statistics.rate_limits import exact_limits
from aura_analytics.statistics.shares import ratio_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["UNKNOWN", "Expectation", "summed_cells"]

UNKNOWN = "(unknown)"
_KNOWN = 1e9  # times the own cases at which what is expected counts as known


@dataclass(frozen=True)
class Expectation(Metric):
    """Observed over expected, or the rate that somebody would have with the cases of the whole office (`scale="rate"`).

    A risk model over covariates of the case is fitted to all, and everybody is compared with the model without them: see
    `aura_analytics.case_mix`, which gives the same numbers. Only actors of the board take part, so that it means something only on
    the board of an office. Interval: that of a ratio of two shares (`ratio_limits`), the other being that of as many cases as what
    is known of the others is worth; rules lean on the same from exact limits.

    Parameters
    ----------
    hit, among
        As of `Rate`.
    covariates
        What cases are told apart by: expressions that give a text.
    scale
        `ratio` or `rate`.
    decided_by
        The kind of actor whose rows count; None for any.
    hits_are
        What the hits are, in a word, as the heading of a list of observations.
    weighted
        Whether an observation counts for as many as it stands for (`weight` of judged verdicts). Who was judged by what they
        decided is left out (`selective_audits`).
    """

    hit: pl.Expr = field(default_factory=lambda: pl.lit(value=False))
    among: pl.Expr | None = None
    covariates: Mapping[str, pl.Expr] = field(default_factory=dict, kw_only=True)
    scale: Literal["ratio", "rate"] = field(default="ratio", kw_only=True)
    decided_by: str | None = field(default="officer", kw_only=True)
    hits_are: str = field(default="counts", kw_only=True)
    weighted: bool = field(default=False, kw_only=True)

    suffixes: ClassVar[tuple[str, ...]] = ("", "_n", "_lo", "_hi", "_status", "_expected", "_share", "_n_eff")
    has_limits: ClassVar[bool] = True
    adds_up: ClassVar[bool] = True
    reads_everybody: ClassVar[bool] = True
    interval: ClassVar[str] = "limits of a ratio for observed / expected"
    test_form: ClassVar[str] = "{observed: 30, expected: 18, of: 100}"

    def _counted(self) -> pl.Expr:
        counted = self.hit.is_not_null()
        if self.among is not None:
            counted &= self.among.fill_null(value=False)
        if self.decided_by is not None:
            counted &= (pl.col("actor_kind").cast(pl.String) == self.decided_by).fill_null(value=False)
        return counted

    def observed(self, table: pl.DataFrame, context: Context) -> pl.DataFrame:
        rows = table.filter(self._counted()) if "actor_kind" in table.columns else table.filter(self.hit.is_not_null())
        return rows.with_columns(value=self.hit.cast(pl.Float64), ended=pl.lit(value=True))

    @property
    def observation_heading(self) -> str:
        return self.hits_are

    def observation_text(self, value: float | None, *, ended: bool) -> str:
        return "yes" if value else "no"

    def collect(self) -> list[pl.Expr]:
        counted = self._counted()
        kinds = [one.cast(pl.String).fill_null(UNKNOWN).alias(name) for name, one in self.covariates.items()]
        weight = [pl.col("weight")] if self.weighted else []
        cells = pl.struct(*kinds, *weight, self.hit.fill_null(value=False).alias("hit")).filter(counted).value_counts(name="n")
        return [cells.alias(self.part("cells")), *(judged_counts(self.part("")) if self.weighted else [])]

    def cells(self, sums: pl.DataFrame, context: Context) -> pl.DataFrame:
        """Counts by actor (the number of the row) and kind of case: `actor`, a column a covariate, `n`, `hits`."""
        column = self.part("cells")
        empty = {"actor": pl.UInt32, **dict.fromkeys(self.covariates, pl.String), "n": pl.Int64, "hits": pl.Int64}
        listed = sums.select(column).with_row_index("actor").filter(pl.col(column).list.len() > 0)
        if not listed.height:
            return pl.DataFrame(schema=empty)
        flat = listed.explode(column).select("actor", pl.col(column).struct.unnest())
        inner = next(name for name in flat.columns if name not in ("actor", "n"))
        flat = flat.select("actor", pl.col("n").cast(pl.Int64), pl.col(inner).struct.unnest())
        if self.weighted:
            flat = flat.filter(~pl.Series(self._selective(sums)).gather(flat["actor"]))
        return summed_cells(flat, tuple(self.covariates))

    def _selective(self, sums: pl.DataFrame) -> NDArray[np.bool_]:
        return selective(sums, self.part("")) if self.weighted else np.zeros(sums.height, dtype=bool)

    def finish(self, sums: pl.DataFrame, context: Context) -> dict[str, pl.Series]:
        size = sums.height
        found = compared(self.cells(sums, context), tuple(self.covariates), confidence=context.confidence)
        numbers = {name: np.full(size, np.nan) for name in ("value", "lo", "hi", "expected", "share", "n_eff")}
        n, status = np.zeros(size), np.full(size, NO_DATA, dtype=np.uint8)
        if found is not None:
            at = found.actors["actor"].cast(pl.Int64).to_numpy()
            n[at] = found.actors["n"].to_numpy()
            said = found.actors["status"]
            status[at] = np.where(said == "ok", OK, np.where(said == "no_overlap", NO_OVERLAP, NO_DATA))
            for name, values in self._numbers(found).items():
                numbers[name][at] = values
        n = np.where(status == NO_DATA, 0, n)  # fewer than five say nothing
        status = np.where(self._selective(sums), SELECTIVE, status).astype(np.uint8)
        columns = self._columns(
            numbers["value"],
            n,
            numbers["lo"],
            numbers["hi"],
            _expected=numbers["expected"],
            _share=numbers["share"],
            _n_eff=numbers["n_eff"],
        )
        columns[self.name] = series_of(numbers["value"])
        return columns | {f"{self.name}_status": pl.Series(status)}

    def _numbers(self, found: Comparison) -> dict[str, Floats]:
        name = "oe" if self.scale == "ratio" else "adjusted_rate"
        actors = found.actors.select("expected", "size", "reference", value=name, lo=f"{name}_lo", hi=f"{name}_hi")
        got = {column: actors[column].cast(pl.Float64).fill_null(float("nan")).to_numpy() for column in actors.columns}
        expected, size = got["expected"], got["size"]
        with np.errstate(divide="ignore", invalid="ignore"):
            share, n_eff = expected / size, 1 / (1 / size + 1 / got["reference"])
        return {"value": got["value"], "lo": got["lo"], "hi": got["hi"], "expected": expected, "share": share, "n_eff": n_eff}

    def limits(self, dossiers: pl.DataFrame, confidence: float) -> tuple[Floats, Floats]:
        value, share, n = (array_of(dossiers, self.name + suffix) for suffix in ("", "_share", "_n_eff"))
        known = (n > 0) & (share > 0)
        if self.scale == "rate":  # the odds that were seen beside those that were expected, on the office's scale
            low, high = exact_limits(value * n, np.where(known, n, 0), confidence)
            return low, high
        expected = np.where(known, array_of(dossiers, f"{self.name}_expected"), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            equal = np.where(known, expected / share, 0)  # as many equal cases of one's own, and those of the others
            others = 1 / np.maximum(1 / n - 1 / equal, 0)
            others = np.where(known & (others > _KNOWN * equal), np.inf, others)
            others = np.where(known, others, 1.0)
        hits = np.where(np.isinf(others), share, share * np.where(known, others, 0))
        return ratio_limits(np.where(known, value * expected, 0), equal, hits, others, confidence)

    def from_test(self, given: object) -> dict[str, pl.Series]:
        from collections.abc import Mapping as Given

        names = [self.name + suffix for suffix in self.suffixes]
        if given is None:
            nothing = [None, 0, None, None, "no_data", None, None, None]
            dtypes: list[pl.DataType] = [pl.Float64()] * 8
            dtypes[1], dtypes[4] = pl.Int64(), pl.String()
            return {name: pl.Series([one], dtype=dtype) for name, one, dtype in zip(names, nothing, dtypes, strict=True)}
        if not isinstance(given, Given):
            raise TypeError("not observed, expected and of")
        observed, expected, n = float(given["observed"]), float(given["expected"]), int(given["of"])
        if not 0 < expected < n or not 0 <= observed <= n:
            raise ValueError("expected lies between 0 and the number of cases")
        share = expected / n
        value = observed / expected if self.scale == "ratio" else observed / n
        numbers_of = {"": value, "_share": share, "_n_eff": float(n), "_expected": expected}
        board = {self.name + suffix: number for suffix, number in numbers_of.items()}
        low, high = self.limits(pl.DataFrame({name: [one] for name, one in board.items()}), 0.95)
        numbers = [value, n, float(low[0]), float(high[0]), "ok", expected, share, float(n)]
        return {name: pl.Series([one]) for name, one in zip(names, numbers, strict=True)}


def summed_cells(counts: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Counts by actor and kind of case, as `compared` takes them, from counts by actor, kind, `hit` and, where observations stand
    for several, `weight`: then as many equally weighted ones of each actor as are as precise (Kish).
    """
    keys = ["actor", *names]
    if "weight" not in counts.columns:
        hits = pl.when("hit").then("n").otherwise(0).sum()
        return counts.group_by(keys).agg(pl.col("n").sum(), hits=hits, cases=pl.col("n").sum())
    stands = pl.col("weight").cast(pl.Int128) * pl.col("n")  # in whole numbers, so that no order of rows changes a digit
    squared = stands * pl.col("weight").cast(pl.Int128)
    scale = counts.group_by("actor").agg(scale=stands.sum().cast(pl.Float64) / squared.sum().cast(pl.Float64))
    hits = pl.when("hit").then(stands).otherwise(0).sum()
    summed = counts.group_by(keys).agg(office=stands.sum(), office_hits=hits, cases=pl.col("n").sum()).join(scale, on="actor")
    whole = summed.with_columns(pl.col("office", "office_hits").cast(pl.Float64))
    scaled = whole.with_columns(n=pl.col("office") * pl.col("scale"), hits=pl.col("office_hits") * pl.col("scale"))
    return scaled.drop("scale").sort(keys)
