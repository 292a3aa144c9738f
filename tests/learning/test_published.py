"""Published worked examples, through the public functions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aura_analytics.errors import ParameterError
from aura_analytics.learning.changes import one_change
from aura_analytics.learning.comparisons import binomial_test, difference, paired_difference, rate_ratio
from aura_analytics.learning.control_charts import ewma_arl, ewma_width, p_chart, poisson_cusum_arl
from aura_analytics.learning.credit import bradley_terry, shapley
from aura_analytics.learning.proper_scores import brier, calibration_error, isotonic
from aura_analytics.learning.sequential import anytime_interval, betting_score, group_sequential, sequential_plan
from aura_analytics.statistics.intervals import beta_posterior
from tests.conftest import ROOT

CASES = {case["id"]: case for case in json.loads((ROOT / "fixtures/published/learning_cases.json").read_text())}


def case(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return CASES[name]["inputs"], CASES[name]["expected"], CASES[name]["tolerance"]


def test_poisson_cusum() -> None:
    given, expected, tolerance = case("N3-POISSON-CUSUM-ARL")
    for side in ("upper", "lower"):
        for key, start in ((side, 0.0), (f"{side}_fir", given["h"] / 2)):
            found = poisson_cusum_arl(given["mu"], given["k"], given["h"], side=side, start=start)
            assert found == pytest.approx(expected[key], **tolerance)


def test_poisson_cusum_by_simulation() -> None:
    rng = np.random.default_rng(3)
    lengths = []
    for _ in range(1_500):
        pile, periods = 0.0, 0
        while pile < 3:
            pile, periods = max(0.0, pile + rng.poisson(0.8) - 0.9), periods + 1
        lengths.append(periods)
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert np.mean(lengths) == pytest.approx(poisson_cusum_arl(0.8, 0.9, 3), abs=3 * error)


@pytest.mark.parametrize("kind", ["pocock", "obrien_fleming"])
def test_group_sequential(kind: Any) -> None:
    given, expected, tolerance = case("N3-GROUP-SEQUENTIAL")
    found = [float(group_sequential(looks, kind)[-1]) for looks in given["K"]]
    assert found == pytest.approx(expected[kind], **tolerance)


def test_anytime_interval() -> None:
    given, expected, tolerance = case("N3-BERNOULLI-CS")
    for (k, n, tuned), limits in zip(given["k_n_topt"], expected["ci"], strict=True):
        lo, hi = anytime_interval([k], [n], alpha=given["alpha"], tuned_for=tuned)
        assert [lo[0], hi[0]] == pytest.approx(limits, **tolerance)
    lo, hi = anytime_interval([0], [0])
    assert (lo[0], hi[0]) == (0, 1)


def test_anytime_interval_holds_at_every_moment() -> None:
    rng = np.random.default_rng(5)
    hits = np.cumsum(rng.random((400, 500)) < 0.3, axis=1)
    n = np.broadcast_to(np.arange(1, 501), hits.shape)
    lo, hi = anytime_interval(hits.ravel(), n.ravel())
    missed = ((lo > 0.3) | (hi < 0.3)).reshape(hits.shape).any(axis=1).mean()
    assert missed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert missed > 0


def test_betting_score() -> None:
    given, expected, tolerance = case("N3-BETTING-SCORE")
    assert betting_score(given["y1"], (0, 10), (1, 10))[0] == pytest.approx(expected["score1"], **tolerance["score1"])
    score, target = betting_score(given["y2"], (0, 10), (37, 10))
    assert score == pytest.approx(expected["score2"], **tolerance["score2"])
    assert target == pytest.approx(expected["implied_target2"], **tolerance["implied_target2"])


def test_sequential_plan() -> None:
    given, expected, tolerance = case("N3-SPRT")
    found = sequential_plan(given["p0"], given["p1"], given["alpha"], given["beta"])
    for name in ("h_accept", "h_reject", "slope"):
        assert getattr(found, name) == pytest.approx(expected[name], **tolerance[name])
    k_log10 = np.log10((1 - given["alpha"]) / given["beta"]) / found.h_accept
    assert k_log10 == pytest.approx(expected["k_log10"], **tolerance["k_log10"])


def test_p_chart() -> None:
    given, expected, tolerance = case("N3-P-CHART")
    found = p_chart(given["D"], given["size"])
    assert found.select("centre", "hi", "lo").row(0) == pytest.approx(expected["trial"], **tolerance)
    out = (found["signal"].arg_true() + 1).to_list()
    assert out == expected["out"]
    kept = [d for i, d in enumerate(given["D"], 1) if i not in out]
    revised = p_chart(kept, given["size"])
    assert revised.select("centre", "hi", "lo").row(0) == pytest.approx(expected["revised"], **tolerance)
    again = (p_chart(given["D"], given["size"], rate=revised["centre"][0])["signal"].arg_true() + 1).to_list()
    assert [i for i in again if i not in out] == expected["out_after"]


def test_ewma_run_lengths() -> None:
    """Lucas and Saccucci (1990), table 3: weight 0.1, width 2.814; weight 0.25, width 2.998; each 500, and 10.3, 11.8... at a
    shift of 1.
    """
    assert ewma_arl(0.1, 2.814) == pytest.approx(500, rel=0.005)
    assert ewma_arl(0.25, 2.998) == pytest.approx(500, rel=0.005)
    assert ewma_arl(0.1, 2.814, 1.0) == pytest.approx(10.3, abs=0.06)
    assert ewma_arl(0.2, ewma_width(0.2, 700)) == pytest.approx(700, rel=1e-3)


def test_brier() -> None:
    given, expected, tolerance = case("N5-BRIER-1950")
    assert brier(given["p_rain"], given["rain"], two_class=True) == pytest.approx(expected["P_1950"], **tolerance)
    assert brier(given["p_rain"], given["rain"]) == pytest.approx(expected["modern_brier"], **tolerance)


def test_calibration_errors() -> None:
    given, expected, tolerance = case("N5-ECE-BINARY")
    assert calibration_error(given["p"], given["y"], bins=given["bins"]) == pytest.approx(expected["ece_event_rate"], **tolerance)
    top = calibration_error(given["p"], given["y"], bins=given["bins"], accuracy=True)
    assert top == pytest.approx(expected["ece_accuracy"], **tolerance)
    given, expected, tolerance = case("N5-ECE-TOPLABEL")
    assert calibration_error(given["confidence"], given["correct"], bins=given["bins"]) == pytest.approx(
        expected["ece"], **tolerance
    )


def test_isotonic() -> None:
    given, expected, tolerance = case("N5-PAVA")
    assert isotonic(given["y"]).tolist() == pytest.approx(expected["fit"], **tolerance)


def test_beta_posterior() -> None:
    given, expected, tolerance = case("N5-BETA-POSTERIOR")
    for i, size in enumerate(given["prior_size"]):
        prior = (given["prior_mean"] * size, (1 - given["prior_mean"]) * size)
        found = beta_posterior([given["k"]], [given["n"]], prior)
        for name in ("median", "lo", "hi"):
            assert found[name][0] == pytest.approx(expected[name][i], **tolerance)
    uniform = beta_posterior([given["k"]], [given["n"]])
    assert (uniform["mean"][0], uniform["sd"][0]) == pytest.approx((expected["uniform_mean"], expected["uniform_sd"]), **tolerance)


def test_bradley_terry() -> None:
    given, expected, tolerance = case("N6-BRADLEY-TERRY")
    found = bradley_terry(given["wins"])
    assert found.strength[:-1].tolist() == pytest.approx(expected["ability"], **tolerance["ability"])
    assert found.deviance == pytest.approx(expected["deviance"], **tolerance["deviance"])
    assert found.df == expected["df"]
    with pytest.raises(ParameterError, match="only won, or only lost"):
        bradley_terry([[0, 3], [0, 0]])


def test_shapley() -> None:
    given, expected, tolerance = case("N6-SHAPLEY")
    assert shapley(lambda team: float(0 in team and bool({1, 2} & team)), 3) == pytest.approx(expected["glove"], **tolerance)
    costs = given["airport_costs"]
    assert shapley(lambda team: max((costs[i] for i in team), default=0), 3) == pytest.approx(expected["airport"], **tolerance)
    given, expected, tolerance = case("N6-SHAPLEY-AIRPORT4")
    found = shapley(lambda team: max((given["costs"][i] for i in team), default=0), len(given["costs"]))
    assert found == pytest.approx(expected["shapley"], **tolerance)


def test_newcombe() -> None:
    given, expected, tolerance = case("N8-NEWCOMBE-DIFF")
    for counts, limits in zip(given["x1_n1_x2_n2"], expected["ci"], strict=True):
        assert [float(limit) for limit in difference(*counts)] == pytest.approx(limits, **tolerance)


def test_newcombe_paired() -> None:
    """Newcombe (1998) Stat Med 17:2635, table III, method 10: a + b + c + d = 50."""
    assert paired_difference(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=6e-5)
    assert paired_difference(36, 14, 0, 0) == pytest.approx((0.1528, 0.4167), abs=6e-5)
    assert paired_difference(2, 98, 0, 0)[1] <= 1
    assert np.isnan(paired_difference(0, 0, 0, 0)).all()


def test_rates_of_events() -> None:
    given, expected, tolerance = case("N8-POISSON-RATIO")
    found = rate_ratio(*given["rates"][0], *given["rates"][1])
    assert found.estimate == pytest.approx(expected["ratio"], **tolerance["ratio"])
    assert found.p_value == pytest.approx(expected["p_exact_conditional"], **tolerance["p_exact_conditional"])
    assert found.lo < found.estimate < found.hi
    test = binomial_test(*given["binomial"])
    assert test.p_value == pytest.approx(expected["binom_p"], **tolerance["binom_p"])
    assert [test.lo, test.hi] == pytest.approx(expected["binom_ci"], **tolerance["binom_ci"])
    assert rate_ratio(0, 1, 0, 1).p_value == 1 and rate_ratio(3, 1, 0, 1).estimate == float("inf")


def test_one_change() -> None:
    given, expected, tolerance = case("N8-NILE")
    found = one_change(given["y"])
    assert (found.after, found.pettitt_after) == (expected["k"], expected["pettitt_k"])
    assert (found.mean_before, found.mean_after) == pytest.approx((expected["mean_before"], expected["mean_after"]), **tolerance)
    slow = min(range(1, len(given["y"])), key=lambda k: sum(np.var(part) * len(part) for part in (given["y"][:k], given["y"][k:])))
    assert slow == found.after
