"""Rates drawn in, and groups compared: published values, other libraries, worlds with a known truth, and what changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.comparing import (
    mean_difference,
    power_of_means,
    power_of_rates,
    roc_area,
    size_for_means,
    size_for_rates,
)
from aura_analytics.statistics.shrinkage import (
    BetaPrior,
    beta_prior,
    beta_prior_by_moments,
    hierarchical_prior,
    james_stein,
    shrunk_rates,
)

CASES: dict[str, Any] = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[2] / "fixtures/published/fairness_cases.json").read_text())["cases"]
}


def test_rats_published() -> None:
    case = CASES["N1-RAT-EB"]
    told, within = case["expected"], {name: one["abs"] for name, one in case["tolerance"].items()}
    k, n = np.array(case["inputs"]["y_n"]).T
    rates = k[:70] / n[:70]
    assert (rates.mean(), rates.std(ddof=1)) == pytest.approx((told["mean70"], told["sd70"]), abs=within["mean70"])
    by_moments = beta_prior_by_moments(k[:70], n[:70])
    assert (by_moments.a, by_moments.b) == pytest.approx(told["moment_ab"], abs=within["moment_ab"])
    likely = beta_prior(k[:70], n[:70])
    assert (likely.a, likely.b) == pytest.approx(told["mle70"], abs=within["mle70"])
    last = shrunk_rates(k[-2:], n[-2:], by_moments)
    a, b = by_moments.a + 4, by_moments.b + 10
    assert last.rate[1] == pytest.approx(told["post_4_14_mean"], abs=within["post_4_14_mean"])
    assert np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) == pytest.approx(told["post_4_14_sd"], abs=within["post_4_14_sd"])
    full = CASES["N1-RAT-FULL-BAYES"]["expected"]
    assert hierarchical_prior(k, n) == pytest.approx((full["E_alpha"], full["E_beta"]), abs=0.06)
    assert hierarchical_prior(k, n, 400) == pytest.approx(hierarchical_prior(k, n), rel=1e-3)


def test_batting_averages_published() -> None:
    case = CASES["N1-EFRON-MORRIS"]
    told, hits, bats = case["expected"], np.array(case["inputs"]["hits"]), case["inputs"]["at_bats"]
    x = np.sqrt(bats) * np.arcsin(2 * hits / bats - 1)
    np.testing.assert_allclose(x, told["X"], atol=0.006)
    assert ((x - x.mean()) ** 2).sum() == pytest.approx(told["V"], abs=0.006)
    drawn, share = james_stein(x)
    assert 1 - share == pytest.approx(told["shrink"], abs=0.0006)
    np.testing.assert_allclose((np.sin(drawn / np.sqrt(bats)) + 1) / 2, told["js_p"], atol=0.0011)
    truth = np.sqrt(bats) * np.arcsin(2 * np.array(case["inputs"]["remainder_average"]) - 1)
    assert ((x - truth) ** 2).sum() == pytest.approx(told["sse_mle"], abs=0.03)
    assert ((drawn - truth) ** 2).sum() == pytest.approx(told["sse_js"], abs=0.03)
    rates = hits / bats
    mean = rates.mean()
    assert mean == pytest.approx(told["direct_grand_mean"], abs=0.0006)
    assert 1 - james_stein(rates, np.sqrt(mean * (1 - mean) / bats))[1] == pytest.approx(told["direct_c"], abs=0.0006)


def test_a_known_prior_is_found_and_equal_rates_are() -> None:
    draw = np.random.default_rng(1)
    n = draw.integers(10, 200, 800)
    found = beta_prior(draw.binomial(n, draw.beta(3, 9, 800)), n)
    assert (found.a, found.b) == pytest.approx((3, 9), rel=0.2)
    equal = beta_prior(np.full(200, 10), np.full(200, 50))
    assert equal.mean == pytest.approx(0.2, abs=1e-3)
    assert equal.a + equal.b > 1e5
    turned = beta_prior(n - draw.binomial(n, 0.25), n)
    assert turned.mean == pytest.approx(0.75, abs=0.01)


def test_limits_and_chances_hold() -> None:
    """Of rates that are drawn from the prior 95 % are within their limits, and as many above a limit as said."""
    draw = np.random.default_rng(2)
    truth = draw.beta(4, 12, 4_000)
    n = draw.integers(5, 80, 4_000)
    found = shrunk_rates(draw.binomial(n, truth), n, limit=0.3, draws=100)
    assert ((found.lo <= truth) & (truth <= found.hi)).mean() == pytest.approx(0.95, abs=0.014)  # 4 standard errors
    assert found.above.mean() == pytest.approx((truth > 0.3).mean(), abs=0.03)
    sure = found.above > 0.9
    assert (truth[sure] > 0.3).mean() > 0.88
    raw = np.abs(draw.binomial(n, truth) / n - truth).mean()
    assert np.abs(found.rate - truth).mean() < raw


def test_ranks_of_equal_officers_say_nothing() -> None:
    draw = np.random.default_rng(3)
    found = shrunk_rates(draw.binomial(100, 0.3, 30), np.full(30, 100))
    assert found.rank_lo.max() <= 6 and found.rank_hi.min() >= 25
    apart = shrunk_rates([900, 500, 100], [1_000] * 3, BetaPrior(1, 1))
    assert apart.rank.tolist() == apart.rank_lo.tolist() == apart.rank_hi.tolist() == [1, 2, 3]
    again = shrunk_rates([100, 900, 500], [1_000] * 3, BetaPrior(1, 1))
    assert again.rank.tolist() == [3, 1, 2] and np.isnan(again.above).all()


def test_shrinkage_refuses() -> None:
    with pytest.raises(ParameterError, match="no counts of actors"):
        beta_prior([3, 1], [2, 2])
    with pytest.raises(ParameterError, match="do not vary"):
        beta_prior_by_moments([1, 1], [5, 5])
    with pytest.raises(ParameterError, match="limit is out of range"):
        shrunk_rates([1, 2], [5, 5], limit=1.0)
    with pytest.raises(ParameterError, match="confidence or draws"):
        shrunk_rates([1, 2], [5, 5], draws=10)
    with pytest.raises(ParameterError, match="too coarse"):
        hierarchical_prior([1, 2], [5, 5], 10)
    with pytest.raises(ParameterError, match="cannot be drawn in"):
        james_stein([1.0, 2.0, 3.0])


def test_sleep_published() -> None:
    case = CASES["N10-PAIRED-SLEEP"]
    first, second, told = case["inputs"]["a"], case["inputs"]["b"], case["expected"]
    paired, apart = mean_difference(first, second, paired=True), mean_difference(first, second)
    assert (paired.t, paired.p_value) == pytest.approx((told["paired_t"], told["paired_p"]), abs=6e-5)
    assert (paired.lo, paired.hi) == pytest.approx(told["paired_ci"], abs=6e-8)
    assert (apart.t, apart.p_value) == pytest.approx((told["welch_t"], told["welch_p"]), abs=6e-5)
    assert (apart.lo, apart.hi) == pytest.approx(told["welch_ci"], abs=6e-8)
    turned = mean_difference(second, first)
    assert (turned.lo, turned.hi, turned.p_value) == pytest.approx((-apart.hi, -apart.lo, apart.p_value))
    scaled = mean_difference(60 * np.array(first), 60 * np.array(second), paired=True)
    assert (scaled.value, scaled.t) == pytest.approx((60 * paired.value, paired.t))


def test_roc_published_and_by_pairs() -> None:
    case = CASES["N10-HANLEY-MCNEIL"]
    found = roc_area(case["inputs"]["normal"], case["inputs"]["abnormal"])
    assert (found.value, found.se) == pytest.approx((case["expected"]["auc"], case["expected"]["se"]), abs=0.0006)
    x, y = (np.repeat(np.arange(5), case["inputs"][kind]) for kind in ("normal", "abnormal"))
    pairs = np.sign(np.subtract.outer(y, x)) / 2 + 0.5
    assert found.value == pytest.approx(pairs.mean())
    turned = roc_area(case["inputs"]["abnormal"], case["inputs"]["normal"])
    assert (turned.value, turned.se) == pytest.approx((1 - found.value, found.se))


def test_power_published_and_as_drawn() -> None:
    case = CASES["N10-POWER"]
    told, (p1, p2, n) = case["expected"], case["inputs"].values()
    assert power_of_rates(p1, p2, n) == pytest.approx(told["power_n50"], abs=0.0006)
    assert size_for_rates(p1, p2, 0.9) == pytest.approx(told["n_for_090"], abs=0.06)
    assert power_of_means(1, 1, 20) == pytest.approx(told["t_power_n20"], abs=1e-6)
    assert size_for_means(1, 1, 0.9) == pytest.approx(told["t_n_for_090"], abs=2e-5)
    assert power_of_rates(p1, p2, size_for_rates(p1, p2, 0.8)) == pytest.approx(0.8)
    draw = np.random.default_rng(4)
    found = [mean_difference(draw.normal(0.8, 2, 40), draw.normal(0, 2, 40)).p_value < 0.05 for _ in range(2_000)]
    assert np.mean(found) == pytest.approx(power_of_means(0.8, 2, 40), abs=0.045)  # 4 standard errors


def test_comparing_refuses() -> None:
    for call, why in (
        (lambda: mean_difference([1, 2], [1], paired=True), "as many of each"),
        (lambda: mean_difference([1], [1, 2]), "too few values"),
        (lambda: roc_area([0, 0], [1, 1]), "no counts of ratings"),
        (lambda: power_of_rates(0, 0.5, 10), "first is out of range"),
        (lambda: power_of_rates(0.1, 0.5, 0), "n is out of range"),
        (lambda: size_for_rates(0.5, 0.5), "the rates are the same"),
        (lambda: power_of_means(1, 0, 10), "sd or n are out of range"),
        (lambda: size_for_means(0, 1), "there is no difference"),
    ):
        with pytest.raises(ParameterError, match=why):
            call()
