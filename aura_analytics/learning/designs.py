"""From what a log says of decisions to the columns of a regression: components, and how hard the tasks were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Design", "design"]

_LEVELS = 12  # distinct numbers up to which each is a level of its own
_MOST = 200  # levels of a text; the rest are one
_STEPS = 64
_KNOTS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Design:
    """A regression's table, rows that are alike together.

    Attributes
    ----------
    x
        Columns: 1, the components, the covariates; shape (rows, 1 + components + covariates).
    n, k
        Decisions and successes per row.
    components
        Names, in the order of their columns.
    covariates
        Names of the columns after them.
    """

    x: csr_array
    n: np.ndarray
    k: np.ndarray
    components: list[str]
    covariates: list[str]


def design(patterns: pl.DataFrame, fields: list[str] | None = None) -> Design:
    """The design of decisions with outcomes.

    Parameters
    ----------
    patterns
        `components` (list), `outcome`, `covariates` (JSON), `n`.
    fields
        Covariates to use; default all that vary. A number with more than 12 values enters as a broken line with knots at its
        quintiles, everything else as levels (of a text with more than 200 the rarer ones together: what they differ by is not
        allowed for).
    """
    from scipy.sparse import csr_array, hstack

    # a decision that nobody served says nothing of what a component is worth
    coarse = _coarse(patterns.filter(pl.col("components").list.len() > 0), fields)
    names = [name for name in coarse.columns if name not in ("components", "outcome", "n")]
    alike = (
        coarse.group_by("components", *names, "outcome", maintain_order=True)
        .agg(pl.col("n").sum())
        .with_columns(pl.col("components").list.unique().list.sort())
        .group_by("components", *names, maintain_order=True)
        .agg(n=pl.col("n").sum(), k=pl.col("n").filter(pl.col("outcome") == "success").sum())
    )
    # components whose decisions are always the same ones share rows; the order is that of their names
    pairs = alike.with_row_index("row").select("row", "components").explode("components", empty_as_null=False)
    components = pairs["components"].unique().sort().to_list()
    place = {name: i for i, name in enumerate(components)}
    columns = pairs["components"].replace_strict(place, return_dtype=pl.Int64).to_numpy() if components else np.zeros(0, int)
    rows = pairs["row"].to_numpy().astype(np.int64)
    uses = csr_array((np.ones(len(rows)), (rows, columns)), shape=(alike.height, len(components)))
    parts: list[np.ndarray] = [np.ones((alike.height, 1))]
    labels: list[str] = []
    for name in names:
        block, said = _columns(alike[name], alike["n"].to_numpy().astype(float))
        parts.append(block)
        labels += said
    x = csr_array(hstack([csr_array(parts[0]), uses, *(csr_array(part) for part in parts[1:])]))
    return Design(x, alike["n"].to_numpy().astype(float), alike["k"].to_numpy().astype(float), components, labels)


def _coarse(patterns: pl.DataFrame, fields: list[str] | None) -> pl.DataFrame:
    """Covariates as columns: numbers with many values on a grid of quantiles, everything else as text."""
    held = patterns.select("components", "outcome", pl.col("n").cast(pl.Int64))
    if "covariates" not in patterns.columns:
        return held
    texts = patterns["covariates"].unique().drop_nulls().sort()
    some = texts.gather_every(max(1, texts.len() // 2_000))
    keys = sorted({key for text in some for key in json.loads(text)})
    wanted = keys if fields is None else [key for key in keys if key in fields]
    spread = pl.DataFrame({"covariates": texts}).with_columns(
        pl.col("covariates").str.json_path_match(f"$.{key}").alias(f"c:{key}") for key in wanted
    )
    joined = patterns.select("covariates").join(spread, on="covariates", how="left", maintain_order="left").drop("covariates")
    for name in joined.columns:
        column = joined[name]
        numbers = column.cast(pl.Float64, strict=False)
        if column.n_unique() > _LEVELS and numbers.null_count() == column.null_count():
            made = _stepped(numbers, held["n"])
        else:
            sizes = pl.DataFrame({name: column, "n": held["n"]}).drop_nulls().group_by(name).agg(pl.col("n").sum())
            common = sizes.sort("n", name, descending=[True, False])[name].head(_MOST)
            made = pl.Series(np.where(column.is_in(common.implode()).fill_null(value=False), column, "other"), dtype=pl.String)
            made = pl.select(pl.when(column.is_null()).then(pl.lit("missing")).otherwise(made)).to_series()
        if made.n_unique() > 1:
            held = held.with_columns(made.alias(name))
    return held


def _stepped(numbers: pl.Series, n: pl.Series) -> pl.Series:
    """Numbers moved to the mean of their quantile step, so that rows can be put together."""
    if numbers.n_unique() <= _STEPS:
        return numbers
    counts = pl.DataFrame({"x": numbers, "n": n}).drop_nulls().group_by("x").agg(pl.col("n").sum()).sort("x")
    middle = counts["n"].cum_sum() - counts["n"] / 2
    steps = counts.with_columns(step=(middle / counts["n"].sum() * _STEPS).floor())
    means = steps.with_columns(mean=((pl.col("x") * pl.col("n")).sum() / pl.col("n").sum()).over("step"))
    return numbers.to_frame("x").join(means.select("x", "mean"), on="x", how="left", maintain_order="left")["mean"]


def _columns(column: pl.Series, n: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if column.dtype == pl.String:
        weights = (
            pl.DataFrame({"level": column, "n": n}).group_by("level").agg(pl.col("n").sum()).sort("n", "level", descending=True)
        )
        levels = weights["level"].to_list()[1:]  # the commonest is what the others are measured from
        table = np.stack([(column == level).to_numpy() for level in levels], axis=1).astype(float)
        return table, [f"{column.name[2:]}={level}" for level in levels]
    gap = column.is_null().to_numpy()
    x = column.fill_null(column.mean()).to_numpy().astype(float)
    order = np.argsort(x)
    share = (np.cumsum(n[order]) - n[order] / 2) / n.sum()
    knots = np.unique(np.interp(_KNOTS, share, x[order]))
    scale = float(np.sqrt(np.average((x - np.average(x, weights=n)) ** 2, weights=n))) or 1.0
    made: list[Any] = [(x - np.average(x, weights=n)) / scale]
    labels = [column.name[2:]]
    for knot in knots:
        made.append(np.maximum(x - knot, 0) / scale)
        labels.append(f"{column.name[2:]} above {knot:g}")
    if gap.any():
        made.append(gap.astype(float))
        labels.append(f"{column.name[2:]}=missing")
    return np.stack(made, axis=1), labels
