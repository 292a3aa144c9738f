"""The risk model: against a hand-worked case, a refit without each group, another library, and what may change nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq

from aura_analytics.metrics.case_mix import override_oe
from aura_analytics.statistics.compared import compared
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
    np.testing.assert_allclose(back.z, -there.z, atol=1e-6)
    np.testing.assert_allclose(back.low, -there.high, atol=0.04)  # limits of a ratio of hits, and of misses


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


def test_with_one_kind_of_case_an_adjusted_rate_is_the_rate() -> None:
    """Nobody's own effect is counted in what they are compared with; oracle: there is nothing to adjust for."""
    cells = pl.DataFrame(
        [("anne", "q", 1000, 400), *((f"o{i}", "q", 100, 10) for i in range(5))],
        schema=["actor", "queue", "n", "hits"],
        orient="row",
    )
    found = compared(cells, ("queue",))
    assert found is not None
    assert found.actors["adjusted_rate"].to_numpy() == pytest.approx(found.actors["rate"].to_numpy(), abs=1e-6)
    inside = (found.actors["adjusted_rate_lo"] < found.actors["rate"]) & (found.actors["rate"] < found.actors["adjusted_rate_hi"])
    assert inside.all()


@pytest.mark.parametrize(("own", "others"), [(1, 0), (5, 0), (0, 0), (100, 900), (99, 900)])
def test_others_without_hits_or_misses(own: int, others: int) -> None:
    """Limits enclose what was seen, and a difference is not much surer than by the exact test of Fisher, which knows only these."""
    from scipy.stats import fisher_exact, norm

    rows = [("anne", "q", 100, own), *((f"o{i}", "q", 100, others // 9) for i in range(9))]
    found = compared(pl.DataFrame(rows, schema=["actor", "queue", "n", "hits"], orient="row"), ("queue",))
    assert found is not None
    row = found.actors.row(0, named=True)
    assert row["oe_lo"] <= row["oe"] and (row["oe_hi"] is None or row["oe"] <= row["oe_hi"] * (1 + 1e-6))
    exact = fisher_exact([[own, 100 - own], [others, 900 - others]]).pvalue
    assert 0.4 < 2 * norm.sf(abs(row["z"])) / exact < 10


def test_who_has_the_hits_does_not_matter() -> None:
    """One table read from either side: many cases with few hits beside few with many; oracle: the exact test of Fisher."""
    from scipy.stats import fisher_exact, norm

    for big, small in (((1, 300), (3, 10)), ((0, 60), (3, 6))):
        rows = [("anne", "q", big[1], big[0]), ("bert", "q", small[1], small[0])]
        found = compared(pl.DataFrame(rows, schema=["actor", "queue", "n", "hits"], orient="row"), ("queue",))
        assert found is not None
        z = found.actors["z"].to_list()
        assert z[0] == pytest.approx(-z[1], rel=0.1)
        exact = fisher_exact([[big[0], big[1] - big[0]], [small[0], small[1] - small[0]]]).pvalue
        assert 0.3 < 2 * norm.sf(abs(z[0])) / exact < 6


def test_cases_that_differ_strongly_in_risk() -> None:
    """Nearly sure and nearly impossible hits, and one officer with more of the impossible: limits enclose what was seen, and rules
    do not say of a value above their line that it is below.
    """
    rows = [(f"o{i}", queue, 400, hits) for i in range(10) for queue, hits in (("easy", 8), ("hard", 392))]
    rows += [("anne", "easy", 400, 40), ("anne", "hard", 400, 398)]
    found = compared(pl.DataFrame(rows, schema=["actor", "queue", "n", "hits"], orient="row"), ("queue",))
    assert found is not None
    anne = found.actors.filter(actor="anne").row(0, named=True)
    for name in ("oe", "adjusted_rate", "odds_ratio"):
        assert anne[f"{name}_lo"] < anne[name] < anne[f"{name}_hi"]
    assert anne["z"] > 4
    numbers = override_oe._numbers(found)
    columns = {"": "value", "_share": "share", "_n_eff": "n_eff", "_expected": "expected"}
    board = pl.DataFrame({f"override_oe{suffix}": numbers[name] for suffix, name in columns.items()})
    low, high = override_oe.limits(board, 0.95)
    assert (low < numbers["value"]).all() and (numbers["value"] < high).all()


@pytest.mark.slow
@pytest.mark.parametrize("cases", [[[150, 150]] + [[20, 20]] * 3, [[50, 50]] * 2, [[30, 30]] * 20])
@pytest.mark.parametrize("line", [1.0, 1.5, 2.0])
def test_limits_that_rules_lean_on_hold_at_their_line(cases: list[list[int]], line: float) -> None:
    """Somebody exactly on a line, by rules at 99 %: past it in at most 1 %, with three standard errors of 600 offices."""
    draw = np.random.default_rng(8)
    risks, own = np.array([0.1, 0.3]), np.array(cases[0])
    shift = brentq(lambda b: (own / (1 + (1 - risks) / risks * np.exp(-b))).sum() - line * (own * risks).sum(), -5, 8)
    mine = 1 / (1 + (1 - risks) / risks * np.exp(-float(shift)))
    past = 0
    for _ in range(600):
        rows = [
            (f"o{at:02d}", queue, int(of[at_queue]), int(draw.binomial(of[at_queue], (risks if at else mine)[at_queue])))
            for at, of in enumerate(cases)
            for at_queue, queue in enumerate(("easy", "hard"))
        ]
        found = compared(pl.DataFrame(rows, schema=["actor", "queue", "n", "hits"], orient="row"), ("queue",))
        assert found is not None
        numbers = override_oe._numbers(found)
        columns = {"": "value", "_share": "share", "_n_eff": "n_eff", "_expected": "expected"}
        board = pl.DataFrame({f"override_oe{suffix}": numbers[name][:1] for suffix, name in columns.items()})
        past += int(override_oe.limits(board, 0.98)[0][0] > line)
    assert past / 600 <= 0.01 + 3 * (0.01 * 0.99 / 600) ** 0.5
