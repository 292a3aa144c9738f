"""Rank correlations against SciPy, against a slow reading, and in worlds whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from aura_analytics.statistics.correlation import spearman


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=40))
def test_without_strata_it_is_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    got = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert np.isnan(got.value)
    else:
        assert got.value == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert got.n == len(pairs)


def test_a_textbook_case() -> None:
    # ranks differ by 0, 1, 1, 0, 1, 1 in six: 1 - 6 * 4 / (6 * 35)
    assert spearman([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5]).value == pytest.approx(1 - 24 / 210)


@pytest.mark.parametrize("seed", range(5))
def test_strata_are_ranked_each_by_itself(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strata = rng.integers(0, 4, 80)
    x, y = rng.integers(0, 5, 80).astype(float), rng.normal(size=80)
    u, v = np.zeros(80), np.zeros(80)
    for stratum in range(4):
        mine = strata == stratum
        for scores, values in ((u, x), (v, y)):
            ranks = rankdata(values[mine])
            scores[mine] = (ranks - ranks.mean()) / mine.sum()
    assert spearman(x, y, strata).value == pytest.approx((u @ v) / np.sqrt((u @ u) * (v @ v)))
    moved = spearman(x + 100 * strata, np.exp(y) + 7 * strata, strata)
    assert moved.value == pytest.approx(spearman(x, y, strata).value)


def test_numbers_that_are_missing_do_not_count() -> None:
    assert spearman([1, 2, np.nan, 3, 4], [1, np.nan, 2, 3, 2]).n == 3
    assert np.isnan(spearman([1, 2, 3], [3, 1, 2]).lo)
    assert spearman([], []).n == 0


@pytest.mark.parametrize(("shared", "naive_below"), [(0.0, 1.0), (1.0, 0.85)])
def test_limits_hold_where_cases_of_an_officer_are_alike(shared: float, naive_below: float) -> None:
    """Nothing goes with anything; with what officers share, limits that take cases for independent are too narrow."""
    rng = np.random.default_rng(11)
    worlds, officers, each = 400, 12, 30
    clusters = np.repeat(np.arange(officers), each)
    held = naive = 0
    for _ in range(worlds):
        own = shared * rng.normal(size=(2, officers))
        x, y = own[:, clusters] + rng.normal(size=(2, officers * each))
        found, plain = spearman(x, y, clusters=clusters), spearman(x, y)
        held += found.lo <= 0 <= found.hi
        naive += plain.lo <= 0 <= plain.hi
    assert held / worlds > 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)
    assert naive / worlds <= naive_below
