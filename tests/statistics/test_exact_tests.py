"""Exact tests against scipy and by trying all arrangements; net benefit by hand and by drawing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.exact_tests import fisher_test, mcnemar_test, paired_permutation_test, permutation_test
from aura_analytics.statistics.net_benefit import net_benefit


def test_permutations_by_trying_them_all() -> None:
    one, other = [3.0, 5.0, 4.5, 7.0], [2.0, 4.0, 1.0]
    values, seen = np.array(one + other), abs(np.mean(one) - np.mean(other))
    gaps = []
    for chosen in combinations(range(7), 4):
        inside = np.isin(np.arange(7), chosen)
        gaps.append(abs(values[inside].mean() - values[~inside].mean()))
    assert permutation_test(one, other) == pytest.approx(np.mean(np.array(gaps) >= seen - 1e-12))
    assert permutation_test(other, one) == permutation_test(one, other)
    assert permutation_test([1, 1], [1, 1, 1]) == 1


def test_drawn_permutations_are_near_the_exact_ones() -> None:
    draw = np.random.Generator(np.random.Philox(1))
    one, other = draw.normal(0, 1, 60), draw.normal(0.4, 1, 50)
    expected = stats.permutation_test((one, other), lambda a, b: a.mean() - b.mean(), n_resamples=20_000, rng=2).pvalue
    assert permutation_test(one, other) == pytest.approx(expected, abs=4 * (expected / 9_999) ** 0.5)
    assert permutation_test(one, other, seed=3) != permutation_test(one, other)


@pytest.mark.parametrize("n", [8, 40])
def test_signs(n: int) -> None:
    draw = np.random.Generator(np.random.Philox(2))
    apart = draw.normal(0.3, 1, n)
    expected = stats.permutation_test((apart,), np.mean, permutation_type="samples", n_resamples=20_000, rng=2).pvalue
    assert paired_permutation_test(apart) == pytest.approx(expected, abs=4 * (expected / 9_999) ** 0.5 if n > 14 else 1e-9)
    assert paired_permutation_test([0.0, 0.0]) == 1


def test_shares() -> None:
    assert fisher_test(8, 10, 1, 6) == pytest.approx(stats.fisher_exact([[8, 2], [1, 5]]).pvalue)
    assert mcnemar_test(2, 9) == pytest.approx(stats.binomtest(2, 11).pvalue)
    assert mcnemar_test(0, 0) == 1
    with pytest.raises(ParameterError, match="do not fit"):
        fisher_test(3, 2, 1, 1)
    with pytest.raises(ParameterError, match="negative"):
        mcnemar_test(-1, 2)
    with pytest.raises(ParameterError, match="no group of values"):
        permutation_test([], [1])


def test_under_no_difference_the_tests_err_as_often_as_they_say() -> None:
    draw, n = np.random.Generator(np.random.Philox(4)), 400
    wrong = sum(permutation_test(draw.exponential(1, 7), draw.exponential(1, 6)) <= 0.05 for _ in range(n))
    assert wrong / n <= 0.05 + 3 * (0.05 * 0.95 / n) ** 0.5


def test_net_benefit_by_hand() -> None:
    found = net_benefit(8, 2, 9, 81, [0.2, 0.5])
    assert found["rule"].to_list() == pytest.approx([0.08 - 0.25 * 0.09, 0.08 - 0.09])
    assert found["everybody"].to_list() == pytest.approx([0.1 - 0.25 * 0.9, 0.1 - 0.9])
    assert found["best"].to_list() == ["rule", "nobody"]
    assert found["avoided"][0] == pytest.approx(100 * (0.0575 + 0.125) / 0.25)
    assert net_benefit(50, 0, 10, 0, [0.1])["best"][0] == "rule"  # whoever flags all is like looking at all
    for counts, at in (((0, 0, 0, 0), 0.2), ((1, 1, 1, -1), 0.2), ((1, 1, 1, 1), 0.0)):
        with pytest.raises(ParameterError, match="out of range"):
            net_benefit(*counts, [at])


def test_limits_of_net_benefit_cover() -> None:
    draw, worlds = np.random.Generator(np.random.Philox(5)), 2_000
    share = np.array([0.08, 0.04, 0.1, 0.78])
    truth = 0.08 - 0.25 * 0.1
    counts = draw.multinomial(300, share, worlds).tolist()
    drawn = [net_benefit(a, b, c, d, [0.2]).row(0, named=True) for a, b, c, d in counts]
    covered = np.mean([row["lo"] <= truth <= row["hi"] for row in drawn])
    assert covered == pytest.approx(0.95, abs=0.025)
