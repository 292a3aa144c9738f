"""What a component is worth once the difficulty of its tasks, and the components beside it, are allowed for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.learning.designs import Design, design
from aura_analytics.statistics.ridge_logistic import ridge_logistic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["LEAST", "adjusted"]

LEAST = 10
_SPREAD = 2.5
_TOGETHER = 0.95
_INTERCEPT = 5.0
_DRAWS = 8_192


def adjusted(
    patterns: pl.DataFrame,
    *,
    covariates: list[str] | None = None,
    confidence: float = 0.95,
    least: int = LEAST,
    spread: float = _SPREAD,
) -> pl.DataFrame:
    """Multipliers of components from a logistic regression of success on components and on what the diagnosis said.

    Parameters
    ----------
    patterns
        Decisions with outcomes: `components` (list of text), `outcome`, and, where known, `covariates` (JSON text of a diagnosis's
        fields) and `n` (how many are alike; default 1).
    covariates
        Fields of the diagnosis to allow for; default all.
    confidence
        Two-sided level of the intervals, in (0, 1).
    least
        Outcomes with the component, and without it, that a status other than `insufficient` needs.
    spread
        Standard deviation of the prior of every effect, on the scale of log odds. Wide on purpose: it settles what cannot be told
        apart, and leaves the rest to the data.

    Returns
    -------
    polars.DataFrame
        Per component, by name: `component`, `n`, `successes`, `rate` (raw), `multiplier` (expected successes of its own decisions
        over those that the same decisions would have without it), `lo`, `hi`, `points` (the same as a difference of rates),
        `against` (`without`: nothing in its place; `others`: where it never just drops out, those that are called when it is not,
        by how often they are), `status` (`increase` or `decrease` where the interval excludes 1, else `insufficient`), `reason`
        (`too_few`, `always_called`, `always_together`, `not_settled`; null when settled) and `together` (components whose decisions
        are nearly the same ones: credit between them is split evenly, and their intervals are wide).

    Raises
    ------
    ParameterError
        For a level, `least` or `spread` out of range.

    Notes
    -----
    Posterior mode with independent normal priors (ridge; of the intercept with standard deviation 5), Newton's method; intervals
    from the normal approximation of both rates' log odds. Decisions that no component served are left out. What no covariate says,
    such as a dispatcher's private hunch, is not allowed for.

    References
    ----------
    Gelman A, Jakulin A, Pittau MG, Su YS (2008) Ann Appl Stat 2:1360-1383 (weakly informative priors). Robins J (1986) Math
    Modelling 7:1393-1512 (standardisation).

    Examples
    --------
    >>> rows = [(["agent:good"], "success", '{"complexity": 9}', 60), (["agent:good"], "failure", '{"complexity": 9}', 40),
    ...         (["agent:other"], "success", '{"complexity": 9}', 9), (["agent:other"], "failure", '{"complexity": 9}', 31),
    ...         (["agent:other"], "success", '{"complexity": 2}', 290), (["agent:other"], "failure", '{"complexity": 2}', 10)]
    >>> log = pl.DataFrame(rows, schema=["components", "outcome", "covariates", "n"], orient="row")
    >>> adjusted(log).select("component", "rate", pl.col("multiplier").round(1), "status").row(0)
    ('agent:good', 0.6, 2.4, 'increase')
    """
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))
    if not (least >= 1 and spread > 0):
        raise ParameterError(Problem("least or spread is out of range", got=(least, spread), expected="positive numbers"))
    table = patterns if "n" in patterns.columns else patterns.with_columns(n=pl.lit(1))
    table = table.filter(pl.col("outcome").is_not_null() & (pl.col("n") > 0))
    if table.is_empty() or not (made := design(table, covariates)).components:
        return _frame([])
    mode, covariance = _posterior(made, spread)
    total = float(made.n.sum())
    groups = _together(made)
    measures = _Measures(made)
    rows = []
    for j, name in enumerate(made.components):
        uses = measures.rows(j)
        n, k = float(made.n[uses].sum()), float(made.k[uses].sum())
        against, instead = measures.of(j)
        ratio, points, lo, hi = _effect(made, mode, covariance, j + 1, instead, uses, confidence)
        reason = (
            "too_few"
            if n < least
            else "always_called"
            if total - n < least
            else None
            if lo > 1 or hi < 1
            else "always_together"
            if groups[name]
            else "not_settled"
        )
        status = "insufficient" if reason is not None else "increase" if lo > 1 else "decrease"
        rows.append((name, int(n), int(k), k / n, ratio, lo, hi, points, against, status, reason, groups[name]))
    return _frame(rows)


def _frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "component": pl.String,
        "n": pl.Int64,
        "successes": pl.Int64,
        "rate": pl.Float64,
        "multiplier": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "points": pl.Float64,
        "against": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "together": pl.List(pl.String),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _posterior(made: Design, spread: float) -> tuple[Floats, Floats]:
    """Mode of the coefficients, and the inverse of the curvature there."""
    precision = np.full(made.x.shape[1], 1 / spread**2)
    precision[0] = 1 / _INTERCEPT**2
    beta, information = ridge_logistic(made.x, made.n, made.k, precision)
    return beta, np.asarray(np.linalg.inv(information), dtype=float)


class _Measures:
    """What each component is measured against: nothing in its place, or else those that could have been called instead."""

    def __init__(self, made: Design) -> None:
        m = len(made.components)
        self._uses = made.x[:, 1 : m + 1].tocsc()
        gram = (made.x.T @ made.x.multiply(made.n[:, None]).tocsr()).toarray()
        both = gram[1 : m + 1, 1 : m + 1]
        self._never = both == 0
        self._volumes = np.diag(both)
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        size, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
        blind = vectors[:, size < 1e-10 * max(float(size.max()), 1.0)] / scale[:, None]
        # what the data cannot see, as far as it concerns components
        self._blind = (blind / np.linalg.norm(blind, axis=0))[1 : m + 1]

    def rows(self, j: int) -> NDArray[np.int64]:
        """Rows that a component served."""
        return np.sort(self._uses.indices[self._uses.indptr[j] : self._uses.indptr[j + 1]])

    def of(self, j: int) -> tuple[str, Floats]:
        """`without` or `others`, and the weights of what would have been called instead."""
        m = len(self._volumes)
        nothing = np.zeros(m)
        for weights in (nothing, np.where(self._never[j], self._volumes, 0.0), np.where(np.arange(m) == j, 0.0, self._volumes)):
            if weights is not nothing and not weights.any():
                continue
            shares = weights / weights.sum() if weights.any() else weights
            contrast = shares.copy()
            contrast[j] -= 1
            if np.abs(contrast @ self._blind).max(initial=0.0) < 1e-6:
                return ("others" if weights.any() else "without"), shares
        return "without", nothing


def _effect(
    made: Design, mode: Floats, covariance: Floats, column: int, instead: Floats, uses: NDArray[np.int64], confidence: float
) -> tuple[float, float, float, float]:
    """Ratio and difference of expected success with and without a component over its own decisions, and the limits of the ratio."""
    from scipy.special import expit, logit

    x, n = made.x[uses], made.n[uses]
    total = float(n.sum())
    eta = x @ mode
    having = expit(eta)
    with_ = float(n @ having) / total
    up = x.T @ (n * having * (1 - having)) / total
    without, down = 0.0, np.zeros(len(mode))
    others = np.flatnonzero(instead)
    replaced: list[tuple[int | None, float]] = [(int(i), float(instead[i])) for i in others]
    for other, share in replaced or [(None, 1.0)]:
        change = np.zeros(len(mode))
        change[column] = -1
        if other is not None:
            change[other + 1] = 1
        lacking = expit(eta + change @ mode)
        weight = n * lacking * (1 - lacking)
        without += share * float(n @ lacking) / total
        down += share * (x.T @ weight + weight.sum() * change) / total
    # both rates on the scale of log odds, where they are closest to normal; their ratio by draws, always the same ones
    slopes = np.stack([up / (with_ * (1 - with_)), down / (without * (1 - without))])
    centre = logit(np.clip([with_, without], 1e-12, 1 - 1e-12))
    spread = slopes @ covariance @ slopes.T
    root = np.linalg.cholesky(spread + 1e-12 * np.trace(spread) * np.eye(2))
    drawn = expit(centre[:, None] + root @ _normal_pairs())
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn[0] / drawn[1], [tail, 1 - tail])
    return with_ / without, with_ - without, float(low), float(high)


@lru_cache(maxsize=1)
def _normal_pairs() -> Floats:
    """Pairs of standard normal numbers that fill the plane evenly, shape (2, draws)."""
    from scipy.special import ndtri

    # the additive sequence of the plastic number (Roberts 2018), and its mirror image
    places = np.arange(1, _DRAWS // 2 + 1)[None, :] * np.array([[0.7548776662466927], [0.5698402909980532]])
    half = ndtri(np.clip((0.5 + places) % 1, 1e-9, 1 - 1e-9))
    return np.concatenate([half, -half], axis=1)


def _together(made: Design) -> dict[str, list[str]]:
    """Of every component those whose decisions are nearly the same ones (Jaccard index of at least 0.95)."""
    m = len(made.components)
    uses = made.x[:, 1 : m + 1].tocsr()
    both = (uses.T @ uses.multiply(made.n[:, None]).tocsr()).toarray()
    own = np.diag(both)
    either = own[:, None] + own[None, :] - both
    near = both >= _TOGETHER * either
    np.fill_diagonal(near, val=False)
    return {name: [made.components[i] for i in np.flatnonzero(near[j])] for j, name in enumerate(made.components)}
