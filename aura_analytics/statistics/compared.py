"""Actors compared with what the others would have done with the same cases: from counts by actor and kind of case."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics.statistics.risk_model import Expected, RiskModel, expected_without, fit_risk

__all__ = ["COMPARED", "Comparison", "compared"]

Floats = NDArray[np.float64]
_FEW = 5  # cases of somebody, and of others in a stratum that counts as shared
_AT = 2_001  # points between which the rate in all cases is read
_NEAR = 1e-3  # log odds that somebody moves the model by, up to which their slope is enough (to six digits)
_TOGETHER = 200  # actors whose rates are made together
_SHARED = 0.5  # share of somebody's cases in such strata
_KNOWN = ("actor", "n", "observed", "rate", "overlap", "status")
_BESIDE = ("size", "reference", "odds_ratio_lo", "odds_ratio_hi")
COMPARED: dict[str, pl.DataType] = {
    "actor": pl.String(),
    "n": pl.Int64(),
    "observed": pl.Float64(),
    "expected": pl.Float64(),
    "rate": pl.Float64(),
    "oe": pl.Float64(),
    "oe_lo": pl.Float64(),
    "oe_hi": pl.Float64(),
    "adjusted_rate": pl.Float64(),
    "adjusted_rate_lo": pl.Float64(),
    "adjusted_rate_hi": pl.Float64(),
    "odds_ratio": pl.Float64(),
    "z": pl.Float64(),
    "information": pl.Float64(),
    "overlap": pl.Float64(),
    "status": pl.String(),
}


class Comparison(NamedTuple):
    """Actors beside what was expected of them, and the model behind it.

    Attributes
    ----------
    actors
        A row an actor, sorted by name; columns as `COMPARED`; then `size`, their cases (as many equally weighted ones as are as
        precise), `reference`, how many cases what is known of the others is worth, and limits of the odds ratio (null where without
        bound).
    cells, design, told, model
        Counts by actor and kind of case, the model's matrix, what its columns are, and the fit.
    rate
        The rate of all together.
    """

    actors: pl.DataFrame
    cells: pl.DataFrame
    design: Floats
    told: pl.DataFrame
    model: RiskModel
    rate: float


def compared(cells: pl.DataFrame, names: tuple[str, ...], ridge: float = 1.0, confidence: float = 0.95) -> Comparison | None:
    """Compare actors with the model of all others; None where there is nothing to count.

    Parameters
    ----------
    cells
        `actor`, a text for each of `names`, `n` and `hits`, each combination once. Where observations stand for several they are
        weighted sums, such that those of an actor come to the effective number; `cases` then says how many there are, `office` and
        `office_hits` for how many cases of the office they stand.
    names
        What cases are told apart by.
    ridge
        Penalty on effects, above 0.
    confidence
        Two-sided level of limits, in (0, 1).

    Examples
    --------
    >>> rows = [("anne", "fraud", 50, 25), ("anne", "loans", 50, 5), ("bert", "fraud", 90, 45), ("bert", "loans", 90, 9)]
    >>> cells = pl.DataFrame(rows, schema=["actor", "queue", "n", "hits"], orient="row")
    >>> found = compared(cells, ("queue",))
    >>> assert found is not None
    >>> found.actors.select("actor", "rate", pl.col("oe").round(1)).rows()
    [('anne', 0.3, 1.0), ('bert', 0.3, 1.0)]
    """
    if not cells.height:
        return None
    if "cases" not in cells.columns:
        cells = cells.with_columns(cases="n")
    if "office" not in cells.columns:
        cells = cells.with_columns(office="n", office_hits="hits")
    cells = cells.sort("actor", *names)  # sums of weights depend on their order
    patterns = (
        cells.group_by(names).agg(pl.col("n", "hits", "cases", "office", "office_hits").sum()).sort(names).with_row_index("pattern")
    )
    cells = cells.join(patterns.select("pattern", *names, every="cases"), on=names, how="left").sort("actor", "pattern")
    design, told = _design(patterns, names)
    trials, hits = (patterns[name].to_numpy().astype(float) for name in ("n", "hits"))
    model = fit_risk(design, trials, hits, ridge)
    group = cells.select(pl.col("actor").rle_id().cast(pl.Int64))["actor"].to_numpy()
    found = expected_without(
        model,
        design,
        cells["pattern"].to_numpy().astype(np.int64),
        group,
        cells["n"].to_numpy().astype(float),
        cells["hits"].to_numpy().astype(float),
        confidence,
        ridge,
    )
    shared = pl.when(pl.col("every") - pl.col("cases") >= _FEW).then("cases").otherwise(0).sum() / pl.col("cases").sum()
    actors = cells.group_by("actor", maintain_order=True).agg(n=pl.col("cases").sum(), size=pl.col("n").sum(), overlap=shared)
    few, apart = pl.col("n") < _FEW, pl.col("overlap") < _SHARED
    actors = actors.with_columns(
        **_numbers(found, design, patterns["office"].to_numpy().astype(float)),
        reference=pl.Series(found.reference),
        odds_ratio_lo=pl.Series(np.where(np.isposinf(found.low), np.nan, np.exp(found.low))).fill_nan(None),
        odds_ratio_hi=pl.Series(np.where(np.isposinf(found.high), np.nan, np.exp(found.high))).fill_nan(None),
        status=pl.when(few).then(pl.lit("few")).when(apart).then(pl.lit("no_overlap")).otherwise(pl.lit("ok")),
    ).with_columns(rate=pl.col("observed") / pl.col("size"))
    good = pl.col("status") == "ok"
    schema = COMPARED | dict.fromkeys(_BESIDE, pl.Float64())
    withheld = [name for name in schema if name not in _KNOWN]
    shown = actors.with_columns(pl.when(good).then(name).alias(name) for name in withheld).select(
        pl.col(name).cast(dtype) for name, dtype in schema.items()
    )
    return Comparison(shown, cells, design, told, model, float(patterns["office_hits"].sum()) / float(patterns["office"].sum()))


def _design(patterns: pl.DataFrame, names: tuple[str, ...]) -> tuple[NDArray[np.float64], pl.DataFrame]:
    """An intercept, and a column for each value of each covariate; and what these are."""
    columns, told = [np.ones(patterns.height)], []
    for name in names:
        for value, n in patterns.group_by(name).agg(pl.col("n").sum()).sort(name).iter_rows():
            columns.append((patterns[name] == value).to_numpy().astype(float))
            told.append({"covariate": name, "value": value, "cases": n})
    schema = {"covariate": pl.String, "value": pl.String, "cases": pl.Int64}
    return np.column_stack(columns), pl.DataFrame(told, schema=schema)


def _numbers(found: Expected, design: Floats, office: Floats) -> dict[str, pl.Series]:
    with np.errstate(divide="ignore", invalid="ignore"):
        unbounded = np.isposinf(found.high)
        numbers = {
            "observed": found.observed,
            "expected": found.expected,
            "oe": found.observed / found.expected,
            "oe_lo": found.low_expected / found.expected,
            "oe_hi": np.where(unbounded, np.nan, found.high_expected / found.expected),
            "odds_ratio": np.where(np.isposinf(found.log_odds), np.nan, np.exp(found.log_odds)),
            "z": found.z,
            "information": found.own_variance**2 / found.variance,
        }
    shifts = np.stack([found.log_odds, found.low, found.high], axis=1)
    adjusted = _on_office(design, found.coefficients, office, shifts)
    for at, name in enumerate(("", "_lo", "_hi")):
        numbers[f"adjusted_rate{name}"] = adjusted[:, at]
    return {name: pl.Series(name, values).fill_nan(None) for name, values in numbers.items()}


def _on_office(design: Floats, coefficients: Floats, office: Floats, shifts: Floats) -> Floats:
    """The rate in all cases of the office at some log odds ratios beside the model without each actor, shape `(g, shifts)`."""
    from scipy.special import expit

    share = office / office.sum()
    middle = np.median(coefficients, axis=0)
    moved = coefficients - middle
    near = np.abs(moved).max(axis=1) < _NEAR
    found = np.empty_like(shifts)
    for some in np.array_split(np.flatnonzero(~near), max(1, int((~near).sum()) // _TOGETHER)):
        eta = coefficients[some] @ design.T
        for column in range(shifts.shape[1]):
            found[some, column] = expit(eta + shifts[some, column, None]) @ share
    if near.any():  # for those whom it hardly moves between points at which the rate and its slopes are known
        at = np.linspace(-20, 20, _AT)
        chance = expit((design @ middle)[None] + at[:, None])
        lean = chance * (1 - chance) * share
        rate, steep, slopes = chance @ share, lean.sum(axis=1) * (at[1] - at[0]), lean @ design
        place = np.clip(shifts[near], -20, 20)
        left = np.clip(((place + 20) / 40 * (_AT - 1)).astype(np.int64), 0, _AT - 2)
        part = (place + 20) / 40 * (_AT - 1) - left
        for column in range(shifts.shape[1]):
            lo, t = left[:, column], part[:, column]
            slope = slopes[lo] * (1 - t)[:, None] + slopes[lo + 1] * t[:, None]
            between = rate[lo] + t**2 * (3 - 2 * t) * (rate[lo + 1] - rate[lo])  # Hermite's cubic
            between += t * (1 - t) * ((1 - t) * steep[lo] - t * steep[lo + 1])
            found[near, column] = between + np.einsum("gp,gp->g", moved[near], slope)
    return np.clip(found, 0, 1)
