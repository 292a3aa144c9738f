"""Expected counts from a risk model over covariates, each group's from a model that was fitted without it.

Ridge logistic regression on counts by pattern of covariates. What an officer is expected to do is what the others do with the
same cases: the model is fitted once, and for each officer moved to where it would be without them by steps of Newton from there,
with a weak prior (standard deviation 14 on log odds) around the rate of all, so that it has an end where the others had no hits.
Limits of observed / expected are those of a ratio of two shares (`shares`): what the model knows of an officer's cases is worth as
many cases of others as leave it as uncertain. Source: `ridge_logistic` for the penalty; D. Pregibon 1981, "Logistic regression
diagnostics", Annals of Statistics 9:705-724, for the step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aura_analytics.statistics.ridge_logistic import ridge_logistic
from aura_analytics.statistics.shares import distance, ratio_limits

__all__ = ["Expected", "RiskModel", "expected_without", "fit_risk"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
_STEPS = 50
_FLOOR = 1e-9  # of the precision of an intercept, which is not penalised
_WEAK = 0.005  # the precision of the intercept of a model without somebody
_CHUNK = 200  # groups whose models are made together
_FARTHEST = 16.0  # log odds ratio beyond which no limit is looked for
_TRIES = 200
_SMALL = 0.01  # a step after which the next would change less than a ten-thousandth


@dataclass(frozen=True)
class RiskModel:
    """A ridge logistic regression.

    Attributes
    ----------
    coefficients
        Log odds, shape `(p,)`: the intercept first.
    information
        The penalised information at the fit, shape `(p, p)`.
    """

    coefficients: Floats
    information: Floats

    def risk(self, design: Floats) -> Floats:
        """The chance of each pattern, shape `(m,)`."""
        return _expit(design @ self.coefficients)


@dataclass(frozen=True)
class Expected:
    """What groups did, and what was to be expected of them; each array has a value a group.

    Attributes
    ----------
    observed, expected
        Counts. The expected one is of a model without the group.
    variance
        Of the difference, if the group is like the others: that of its own cases and of the model.
    own_variance
        That of its own cases alone.
    log_odds
        The log of the odds ratio at which the model expects what was observed; infinite where all or nothing was.
    low, high
        Limits of that.
    low_expected, high_expected
        What is expected at these limits.
    z
        Observed less expected in standard deviations, if the group is like the others.
    reference
        How many cases what is known of the others is worth, at the same expected share.
    coefficients
        Of the model without each group, shape `(g, p)`.
    """

    observed: Floats
    expected: Floats
    variance: Floats
    own_variance: Floats
    log_odds: Floats
    low: Floats
    high: Floats
    low_expected: Floats
    high_expected: Floats
    z: Floats
    reference: Floats
    coefficients: Floats


def fit_risk(design: Floats, trials: Floats, hits: Floats, ridge: float = 1.0) -> RiskModel:
    """Fit a ridge logistic regression to counts.

    Parameters
    ----------
    design
        Shape `(m, p)`: a row per pattern of covariates, its first column ones.
    trials, hits
        Shape `(m,)`: cases of each pattern, and in how many it happened.
    ridge
        The penalty on every coefficient but the intercept, above 0: it is half this times the sum of their squares.

    Examples
    --------
    >>> model = fit_risk(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([100.0, 100.0]), np.array([20.0, 50.0]), ridge=1e-6)
    >>> model.risk(np.array([[1.0, 0.0], [1.0, 1.0]])).round(3).tolist()
    [0.2, 0.5]
    """
    precision = np.full(design.shape[1], ridge)
    precision[0] = _FLOOR
    return RiskModel(*ridge_logistic(design, trials, hits, precision))


def expected_without(
    model: RiskModel,
    design: Floats,
    pattern: Whole,
    group: Whole,
    trials: Floats,
    hits: Floats,
    confidence: float = 0.95,
    ridge: float = 1.0,
) -> Expected:
    """What each group was expected to do, by the model without it.

    Parameters
    ----------
    model, design
        Of `fit_risk`, on all groups together.
    pattern, group
        Shape `(r,)`, sorted by group: which row of the design a count is of, and whose (0, 1, ... without a gap).
    trials, hits
        Shape `(r,)`: the counts.
    confidence
        Two-sided level of the limits, in (0, 1).
    ridge
        As in `fit_risk`.

    Examples
    --------
    >>> design = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> trials, hits = np.array([50.0, 50, 50, 50]), np.array([10.0, 25, 10, 25])
    >>> model = fit_risk(design, np.array([100.0, 100]), np.array([20.0, 50]))
    >>> found = expected_without(model, design, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), trials, hits)
    >>> found.observed.tolist(), found.expected.round(0).tolist()
    ([35.0, 35.0], [35.0, 35.0])
    """
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], len(group))
    eta, spread = np.empty(len(group)), np.empty(len(starts))
    coefficients = np.empty((len(starts), design.shape[1]))
    every = _Every(model, design, pattern, trials, hits, ridge)
    for first in range(0, len(starts), _CHUNK):
        last = min(first + _CHUNK, len(starts))
        rows = slice(starts[first], ends[last - 1])
        where, own = pattern[rows], group[rows] - group[starts[first]]
        some = _Some(every, where, own, last - first)
        moved, certain = every.without(some, trials[rows], hits[rows])
        coefficients[first:last] = moved
        eta[rows] = np.einsum("rp,rp->r", design[where], moved[own])
        risk = _expit(eta[rows])
        lean = some.sums(trials[rows] * risk * (1 - risk))
        spread[first:last] = np.einsum("gp,gp->g", lean, np.linalg.solve(certain, lean[:, :, None])[:, :, 0])
    observed = np.add.reduceat(hits, starts)
    expected, own_variance = _moments(eta, trials, starts, np.zeros(len(starts)), ends)
    total = np.add.reduceat(trials, starts)
    reference = own_variance / np.maximum(spread, 1e-300)
    middle = _solved(eta, trials, starts, ends, observed, total)
    share = np.clip(expected / total, 1e-12, 1 - 1e-12)
    others = np.minimum(total**2 * share * (1 - share) / np.maximum(spread, 1e-300), 1e12 * total)
    low_ratio, high_ratio = ratio_limits(observed, total, share * others, others, confidence, exact=False)
    low_expected, high_expected = np.minimum(low_ratio * expected, observed), np.clip(high_ratio * expected, observed, total)
    low, high = (_solved(eta, trials, starts, ends, target, total) for target in (low_expected, high_expected))
    # the score if all have one odds ratio: what is likeliest then, and its variance
    pooled = (observed + reference * expected) / (1 + reference)
    both = _solved(eta, trials, starts, ends, pooled, total)
    variance = _moments(eta, trials, starts, np.clip(both, -_FARTHEST, _FARTHEST), ends)[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.nan_to_num((observed - expected) / np.sqrt(variance * (1 + 1 / reference)))
    z = distance(observed, total, share * others, others, score)
    return Expected(
        observed,
        expected,
        own_variance + spread,
        own_variance,
        middle,
        low,
        high,
        low_expected,
        high_expected,
        z,
        others,
        coefficients,
    )


class _Every:
    """The fit on everybody, and where it would be without some."""

    def __init__(self, model: RiskModel, design: Floats, pattern: Whole, trials: Floats, hits: Floats, ridge: float) -> None:
        self.model, self.design = model, design
        self._counts = [np.bincount(pattern, one, len(design)).astype(np.float64) for one in (trials, hits)]
        self._ridge = np.full(design.shape[1], ridge)
        self._ridge[0] = _WEAK
        share = (self._counts[1].sum() + 0.5) / (self._counts[0].sum() + 1)
        self._centre = np.zeros(design.shape[1])
        self._centre[0] = np.log(share / (1 - share))
        self._risk = model.risk(design)
        # of a row of the design only what is not zero: with a column for each value of a covariate that is little
        most = int(np.count_nonzero(design, axis=1).max())
        self.columns = np.argsort(design == 0, axis=1, kind="stable")[:, :most]
        self.values = np.take_along_axis(design, self.columns, axis=1)

    def without(self, some: _Some, trials: Floats, hits: Floats) -> tuple[Floats, Floats]:
        """The coefficients without the counts of each of some groups, shape `(g, p)`, and the information there, `(g, p, p)`.

        Whom it hardly moves need one step.
        """
        model, risk = self.model, self._risk[some.where]
        certain = model.information[None] - some.products(trials * risk * (1 - risk))
        certain[:, 0, 0] += _WEAK
        score = -some.sums(hits - trials * risk)
        score[:, 0] -= _WEAK * (model.coefficients[0] - self._centre[0])
        step: Floats = np.asarray(np.linalg.solve(certain, score[:, :, None])[:, :, 0], dtype=np.float64)
        beta: Floats = np.asarray(model.coefficients + _shortened(step), dtype=np.float64)
        going = np.flatnonzero(np.abs(step).max(axis=1) > _SMALL)
        if not going.size:
            return beta, certain
        n, k = some.dense(trials)[going], some.dense(hits)[going]
        floor = np.diag(self._ridge)
        for _ in range(_STEPS):
            for place, one in enumerate(going):
                chance = _expit(self.design @ beta[one])
                left = self._counts[0] - n[place]
                slope = (self._counts[1] - k[place] - left * chance) @ self.design - self._ridge * (beta[one] - self._centre)
                certain[one] = (self.design * (left * chance * (1 - chance))[:, None]).T @ self.design + floor
                step[one] = _shortened(np.linalg.solve(certain[one], slope)[None])[0]
                beta[one] += step[one]
            still = np.abs(step[going]).max(axis=1) > _SMALL
            going, n, k = going[still], n[still], k[still]
            if not going.size:
                break
        return beta, certain


class _Some:
    """Rows of some groups, and sums over them by group."""

    def __init__(self, every: _Every, where: Whole, own: Whole, groups: int) -> None:
        self.where, self.own, self.groups = where, own, groups
        self._patterns, self._width = every.design.shape
        self._columns, self._values = every.columns[where], every.values[where]

    def sums(self, weights: Floats) -> Floats:
        """Weighted sums of the rows of the design, shape `(g, p)`."""
        width, found = self._width, np.zeros(self.groups * self._width)
        for at in range(self._columns.shape[1]):
            found += np.bincount(self.own * width + self._columns[:, at], weights * self._values[:, at], len(found))
        return found.reshape(self.groups, width)

    def products(self, weights: Floats) -> Floats:
        """Weighted sums of their products with themselves, shape `(g, p, p)`."""
        width, found = self._width, np.zeros(self.groups * self._width**2)
        for first in range(self._columns.shape[1]):
            row = (self.own * width + self._columns[:, first]) * width
            scaled = weights * self._values[:, first]
            for second in range(first, self._columns.shape[1]):
                part = scaled * self._values[:, second] / (1 if second > first else 2)  # the other half is added below
                found += np.bincount(row + self._columns[:, second], part, len(found))
        half = found.reshape(self.groups, width, width)
        return half + half.transpose(0, 2, 1)

    def dense(self, counts: Floats) -> Floats:
        """Counts by group and pattern, shape `(g, m)`."""
        found = np.zeros((self.groups, self._patterns))
        found[self.own, self.where] = counts
        return found


def _shortened(step: Floats) -> Floats:
    """Steps that do not go beyond where the likelihood curves."""
    farthest = np.abs(step).max(axis=1, keepdims=True)
    return np.asarray(step * np.minimum(1, 3 / np.maximum(farthest, 1e-300)), dtype=np.float64)


def _moments(eta: Floats, trials: Floats, starts: Whole, shift: Floats, ends: Whole) -> tuple[Floats, Floats]:
    """What is expected of each group at a log odds ratio, and its variance."""
    risk = _expit(eta + np.repeat(shift, ends - starts))
    mean = trials * risk
    return np.add.reduceat(mean, starts), np.add.reduceat(mean * (1 - risk), starts)


def _solved(eta: Floats, trials: Floats, starts: Whole, ends: Whole, observed: Floats, total: Floats) -> Floats:
    """The log odds ratio of each group at which what is expected is what was observed."""
    below, above = np.full(len(starts), -_FARTHEST), np.full(len(starts), _FARTHEST)
    at = np.zeros(len(starts))
    for _ in range(_TRIES):
        mean, variance = _moments(eta, trials, starts, at, ends)
        over = observed - mean  # it falls as the odds rise
        below, above = np.where(over > 0, at, below), np.where(over > 0, above, at)
        newton = at + over / np.maximum(variance, 1e-300)
        inside = (newton > below) & (newton < above)
        following = np.where(inside, newton, (below + above) / 2)
        moved = np.abs(following - at).max(initial=0)
        at = following
        if moved < 1e-10:
            break
    found = np.where(observed <= 0, -np.inf, at)
    return np.where(observed >= total, np.inf, found)


def _expit(x: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
