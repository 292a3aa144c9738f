"""Published and derived values for the statistics behind dossiers."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.dossier.pip import pip_recommended
from aura_analytics.statistics import intervals
from aura_analytics.statistics.rate_limits import bounded_mean, exact_limits, exact_to_settle
from aura_analytics.statistics.survival import kaplan_meier, median_survival

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[2] / "fixtures/published/dossier_cases.json").read_text())["cases"]
}


def test_wilson_newcombe() -> None:
    case = CASES["N1-WILSON"]
    k, n = zip(*case["inputs"]["x_n"], strict=True)
    low, high = intervals.wilson(k, n)
    np.testing.assert_allclose(np.column_stack([low, high]), case["expected"]["ci"], atol=case["tolerance"]["abs"])


def test_wilson_equals_statsmodels_at_other_levels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    rng = np.random.default_rng(1)
    n = rng.integers(1, 500, 200)
    k = rng.binomial(n, rng.random(200))
    for confidence in (0.8, 0.9, 0.99):
        ours = intervals.wilson(k, n, confidence)
        theirs = proportion_confint(k, n, 1 - confidence, "wilson")
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_kaplan_meier_freireich() -> None:
    case = CASES["N2-FREIREICH-KM"]
    arm, expected = case["inputs"]["6MP"], case["expected"]["6MP"]
    curve = kaplan_meier(arm["time"], np.array(arm["event"], dtype=bool))
    assert curve["time"].to_list() == expected["time"]
    np.testing.assert_allclose(curve["survival"], expected["surv"], atol=6e-4)
    np.testing.assert_allclose(curve["se"], expected["se"], atol=6e-5)
    assert median_survival(curve) == expected["median"]
    placebo = case["inputs"]["placebo"]
    assert median_survival(kaplan_meier(placebo["time"], np.array(placebo["event"], dtype=bool))) == 8


def test_dropping_open_cases_is_biased() -> None:
    case = CASES["N2-NAIVE-BIAS"]
    time, event = np.array(case["inputs"]["time"]), np.array(case["inputs"]["event"], dtype=bool)
    assert np.median(time[event]) == case["expected"]["median_closed_only"]
    assert median_survival(kaplan_meier(time, event)) == case["expected"]["km_median"]


def test_sla_of_a_dossier_is_the_published_curve() -> None:
    """The 6-MP arm as cases, with limits in hours between the event times."""
    case = CASES["N2-FREIREICH-KM"]
    arm, expected = case["inputs"]["6MP"], case["expected"]["6MP"]
    end = datetime(2026, 1, 10, tzinfo=timezone.utc)
    records: list[dict[str, Any]] = []
    for i, (hours, over) in enumerate(zip(arm["time"], arm["event"], strict=True)):
        # a censored case began so late that it has waited just this long; an ended one began early enough
        start = end - timedelta(hours=hours) if not over else end - timedelta(hours=50)
        records.append({"type": "ASSIGNED", "actor": "anne", "case_id": f"C{i}", "ts": start})
        if over:
            records.append({"type": "RESOLVED", "actor": "anne", "case_id": f"C{i}", "ts": start + timedelta(hours=hours)})
    table = events.from_records(records)
    for limit, survival, se in zip(expected["time"], expected["surv"], expected["se"], strict=True):
        row = aura.dossiers(table, as_of=end, sla=f"{limit}h", metrics=["sla_breach_rate"]).row(0, named=True)
        assert row["sla_breach_rate"] == pytest.approx(survival, abs=6e-4)
        # the effective size is what makes the binomial variance equal to Greenwood's
        greenwood = row["sla_breach_rate"] * (1 - row["sla_breach_rate"]) / row["sla_breach_rate_n_eff"]
        assert greenwood**0.5 == pytest.approx(se, abs=6e-5)


def test_kaplan_meier_equals_scipy() -> None:
    rng = np.random.default_rng(5)
    time, over = rng.integers(1, 30, 400).astype(float), rng.random(400) < 0.6
    ours = kaplan_meier(time, over)
    theirs = stats.ecdf(stats.CensoredData.right_censored(time, ~over)).sf
    expected = dict(zip(theirs.quantiles, theirs.probabilities, strict=True))
    np.testing.assert_allclose(ours["survival"], [expected[t] for t in ours["time"]], atol=1e-12)


def test_seed_rule_on_every_edge() -> None:
    case = CASES["SEED-PIP-RULE"]
    for given, expected in zip(case["inputs"]["actors"], case["expected"]["rows"], strict=True):
        n = given["overrides"] + given["decisions"]
        rate = given["overrides"] / max(1, n)
        mean = sum(given["sat"]) / len(given["sat"]) if given["sat"] else None
        table = pl.DataFrame({"rate": [rate], "mean": [mean]}, schema={"rate": pl.Float64, "mean": pl.Float64})
        assert table.select(pip_recommended(pl.col("rate"), pl.col("mean"))).item() is expected["pip_recommended"]
        assert rate == pytest.approx(expected["override_rate"], abs=1e-12)


def test_seed_rule_through_events_dossier_and_policy() -> None:
    """The same edges through the whole road, except a mean of 0 stars, which is no rating."""
    case = CASES["SEED-PIP-RULE"]
    for given, expected in zip(case["inputs"]["actors"], case["expected"]["rows"], strict=True):
        if 0 in given["sat"] or not given["overrides"] + given["decisions"]:
            continue
        kinds = ["OVERRIDE"] * given["overrides"] + ["DECISION"] * given["decisions"]
        records = [{"type": kind, "actor": "a", "ts": "2026-01-05"} for kind in kinds]
        records += [{"type": "SAT_SCORE", "actor": "a", "value": stars, "ts": "2026-01-05"} for stars in given["sat"]]
        board = aura.dossiers(events.from_records(records))
        row = board.row(0, named=True)
        assert row["override_rate"] == pytest.approx(expected["override_rate"], abs=1e-12)
        assert row["sat_score_mean"] == expected["sat_score_mean"]
        assert row["pip_recommended"] is expected["pip_recommended"]
        verdict = aura.Policy.tracker().evaluate(board)["verdict"][0]
        assert (verdict == "flag") is expected["pip_recommended"]


def test_operating_characteristics_of_the_seed_rule_at_fixed_n() -> None:
    """The published chances that an acceptable officer is above 30 %, by the rule that the package applies."""
    case = CASES["N10-SEED-RULE-OC"]
    for n, key in ((10, "fixed_n10"), (50, "fixed_n50")):
        k = np.arange(n + 1)
        rate = pl.DataFrame({"rate": k / n, "mean": np.full(n + 1, 2.0)})
        flagged = rate.select(pip_recommended(pl.col("rate"), pl.col("mean"))).to_series().to_numpy()
        chances = [float(stats.binom.pmf(k, n, p)[flagged].sum()) for p in case["inputs"]["true_rate"]]
        np.testing.assert_allclose(chances, case["expected"][key], atol=case["tolerance"]["abs"])


def test_observations_to_settle_are_the_first_that_settle() -> None:
    """Against a search with the exact limit itself, at rates that n can have exactly."""
    for rate, threshold in ((0.5, 0.3), (0.25, 0.3), (0.75, 0.7)):
        needed = int(exact_to_settle(rate, threshold, 0.9))

        def settled(n: int, rate: float = rate, threshold: float = threshold) -> bool:
            low, high = exact_limits([rate * n], [n], 0.9)
            return bool(low[0] > threshold or high[0] < threshold)

        assert settled(needed)
        assert not settled(needed - 1)


def test_mixture_e_value_equals_numerical_integration() -> None:
    from scipy.integrate import quad

    for k, n, p0 in ((4, 10, 0.3), (42, 100, 0.3), (20, 100, 0.3), (0, 5, 0.5)):
        null = p0**k * (1 - p0) ** (n - k)
        integral = quad(lambda p, k=k, n=n, null=null: p**k * (1 - p) ** (n - k) / null, p0, 1, epsabs=0, epsrel=1e-10)[0] / (
            1 - p0
        )
        assert np.exp(intervals.mixture_e_value([k], [n], p0)[0]) == pytest.approx(integral, rel=1e-8)


def test_mixture_e_value_is_a_martingale_under_the_null() -> None:
    """E[e] = 1 at p = p0, exactly, for every n: the property that makes it valid at any time."""
    for n in (1, 5, 40):
        k = np.arange(n + 1)
        expectation = (stats.binom.pmf(k, n, 0.3) * np.exp(intervals.mixture_e_value(k, np.full(n + 1, n), 0.3))).sum()
        assert expectation == pytest.approx(1.0, rel=1e-9)


def test_quantile_ranks_cover() -> None:
    """The binomial chance that the true quantile lies between the two order statistics is at least nominal, nearly."""
    for n, q in ((20, 0.5), (100, 0.5), (100, 0.9), (500, 0.9)):
        low, high = (int(rank[0]) for rank in intervals.quantile_ranks([n], q))
        assert low >= 0 and high >= 0
        coverage = stats.binom.cdf(high, n, q) - stats.binom.cdf(low, n, q)
        assert coverage > 0.945


def test_t_interval_equals_scipy() -> None:
    values = np.array([2, 2, 3, 1, 4, 2, 5.0])
    low, high = intervals.mean_t([values.mean()], [values.std(ddof=1)], [len(values)])
    expected = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(len(values)))
    np.testing.assert_allclose([low[0], high[0]], expected, rtol=1e-12)


def test_equal_ratings_are_not_certain() -> None:
    low, high = bounded_mean([2.0], [0.0], [5], low=1, high=5)
    assert (low[0], high[0]) == pytest.approx([1 + 4 * side for side in stats.beta.ppf([0.025, 0.975], [1.25, 2.25], [4.75, 3.75])])
