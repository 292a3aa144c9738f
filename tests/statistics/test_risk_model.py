"""The risk model: against a hand-worked case, a refit without each group, another library, and what may change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aura_analytics.statistics.intervals import wilson
from aura_analytics.statistics.risk_model import Expected, expected_without, fit_risk

Floats = NDArray[np.float64]
QUEUES = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


def offices(groups: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """A design of two covariates, and trials and hits of some groups."""
    draw = np.random.default_rng(seed)
    patterns = 6
    design = np.column_stack([np.ones(patterns), *np.eye(3)[np.arange(patterns) % 3].T, *np.eye(2)[np.arange(patterns) // 3].T])
    trials = draw.integers(0, 60, (groups, patterns)).astype(float)
    hits = draw.binomial(trials.astype(int), draw.random((groups, patterns)) * 0.6).astype(float)
    return design, trials, hits


def counted(design: Floats, trials: Floats, hits: Floats, ridge: float = 1.0, confidence: float = 0.95) -> Expected:
    model = fit_risk(design, trials.sum(axis=0), hits.sum(axis=0), ridge)
    group, pattern = np.nonzero(trials)
    return expected_without(model, design, pattern, group, trials[group, pattern], hits[group, pattern], confidence, ridge)


def test_by_hand() -> None:
    """Two queues, three officers, next to no penalty: what is expected of one is what the two others do in each queue."""
    trials = np.array([[40.0, 10.0], [20.0, 30.0], [30.0, 20.0]])
    hits = np.array([[8.0, 5.0], [2.0, 15.0], [6.0, 6.0]])
    found = counted(QUEUES, trials, hits, ridge=1e-7)
    by_hand = [
        40 * (2 + 6) / (20 + 30) + 10 * (15 + 6) / (30 + 20),
        20 * (8 + 6) / (40 + 30) + 30 * (5 + 6) / (10 + 20),
        30 * (8 + 2) / (40 + 20) + 20 * (5 + 15) / (10 + 30),
    ]
    np.testing.assert_allclose(found.expected, by_hand, atol=2e-3)
    assert found.observed.tolist() == [13, 17, 12]


@pytest.mark.parametrize("groups", [3, 8, 60])
def test_the_model_without_each_group_is_that_of_the_others(groups: int) -> None:
    design, trials, hits = offices(groups, groups)
    found = counted(design, trials, hits)
    for one in range(groups):
        others = fit_risk(design, trials.sum(axis=0) - trials[one], hits.sum(axis=0) - hits[one])
        assert found.expected[one] == pytest.approx((trials[one] * others.risk(design)).sum(), abs=2e-3)


def test_the_fit_is_that_of_another_library() -> None:
    import statsmodels.api as sm

    design, trials, hits = offices(20, 1)
    n, k = trials.sum(axis=0), hits.sum(axis=0)
    ours = fit_risk(design, n, k, ridge=1e-6).risk(design)
    plain = design[:, [0, 2, 3, 5]]  # without what follows from the rest
    theirs = sm.GLM(np.column_stack([k, n - k]), plain, family=sm.families.Binomial()).fit()
    np.testing.assert_allclose(ours, theirs.predict(plain), atol=1e-6)


def test_what_is_turned_round_is_turned_round() -> None:
    design, trials, hits = offices(30, 2)
    there, back = counted(design, trials, hits), counted(design, trials, trials - hits)
    np.testing.assert_allclose(back.expected, trials.sum(axis=1) - there.expected, atol=1e-6)
    np.testing.assert_allclose(back.log_odds, -there.log_odds, atol=1e-6)
    np.testing.assert_allclose(back.low, -there.high, atol=1e-6)


def test_the_order_of_groups_and_patterns_changes_nothing() -> None:
    design, trials, hits = offices(30, 3)
    draw = np.random.default_rng(4)
    rows, columns = draw.permutation(30), draw.permutation(len(design))
    there = counted(design, trials, hits)
    again = counted(design[columns], trials[np.ix_(rows, columns)], hits[np.ix_(rows, columns)])
    np.testing.assert_allclose(again.expected, there.expected[rows], atol=1e-6)
    np.testing.assert_allclose(again.high, there.high[rows], atol=1e-6)


def test_limits_of_cases_of_one_kind_are_wilsons() -> None:
    """Beside an office without end the score limits of somebody with one kind of case are those of Wilson."""
    trials, hits = np.array([[50.0], [30.0], [1e9]]), np.array([[12.0], [1.0], [3e8]])
    found = counted(np.ones((1, 1)), trials, hits, confidence=0.9)
    low, high = wilson([12, 1], [50, 30], 0.9)
    np.testing.assert_allclose(found.low_expected[:2] / [50, 30], low, atol=1e-6)
    np.testing.assert_allclose(found.high_expected[:2] / [50, 30], high, atol=1e-6)


def test_a_small_office_is_less_certain() -> None:
    """With two officers the model of one is the other alone, and the limits allow for that."""
    few = counted(QUEUES, np.array([[50.0, 50.0]] * 2), np.array([[10.0, 20.0]] * 2))
    many = counted(QUEUES, np.array([[50.0, 50.0]] * 100), np.array([[10.0, 20.0]] * 100))
    assert few.variance[0] / few.own_variance[0] == pytest.approx(2, abs=0.1)
    assert many.variance[0] / many.own_variance[0] == pytest.approx(1.01, abs=0.01)
    assert few.low[0] < many.low[0] < 0 < many.high[0] < few.high[0]


def test_nothing_and_everything() -> None:
    trials = np.array([[20.0, 20.0], [20.0, 20.0], [20.0, 20.0]])
    hits = np.array([[0.0, 0.0], [20.0, 20.0], [4.0, 10.0]])
    found = counted(QUEUES, trials, hits)
    assert found.log_odds[0] == -np.inf and found.low[0] == -np.inf and np.isfinite(found.high[0])
    assert found.log_odds[1] == np.inf and found.high[1] == np.inf and np.isfinite(found.low[1])
    assert found.low_expected[0] == 0 and found.high_expected[1] == pytest.approx(40)


@pytest.mark.slow
def test_limits_cover() -> None:
    """Officers who are as all others, with few and many cases: limits of 95 % hold in 95 %, with a standard error of 0.3 points."""
    draw = np.random.default_rng(6)
    held = []
    for _ in range(60):
        mix = draw.dirichlet(np.ones(2), 100)
        n = draw.integers(20, 200, 100)
        trials = np.array([draw.multinomial(one, share) for one, share in zip(n, mix, strict=True)], float)
        hits = draw.binomial(trials.astype(int), [0.15, 0.5]).astype(float)
        found = counted(QUEUES, trials, hits)
        held.append(((found.low <= 0) & (found.high >= 0)).mean())
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)
