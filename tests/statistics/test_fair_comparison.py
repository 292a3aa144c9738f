"""Agreement, adjudicators, many tests, standardisation, further intervals: published values, and other libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_analytics.errors import ParameterError
from aura_analytics.statistics.adjudicators import dawid_skene
from aura_analytics.statistics.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from aura_analytics.statistics.intervals import poisson_rate
from aura_analytics.statistics.multiple import adjusted_p_values, e_benjamini_hochberg
from aura_analytics.statistics.other_intervals import jeffreys, poisson_score
from aura_analytics.statistics.standardise import direct_rate, indirect_rate

CASES: dict[str, Any] = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[2] / "fixtures/published/fairness_cases.json").read_text())["cases"]
}


# -- agreement ---------------------------------------------------------------------------------------------------------------------


def test_cohen_published() -> None:
    case = CASES["N4-KAPPA-FLEISS"]
    found = cohen_kappa(case["inputs"]["table"])
    told, within = case["expected"], case["tolerance"]["abs"]
    assert (found.value, found.se, found.se_null) == pytest.approx((told["kappa"], told["se"], told["se0"]), abs=within)
    paradox = CASES["N4-KAPPA-PARADOX"]
    both = [cohen_kappa(table) for table in paradox["inputs"]["tables"]]
    assert [one.observed for one in both] == pytest.approx(paradox["expected"]["agreement"], abs=0.006)
    assert [one.value for one in both] == pytest.approx(paradox["expected"]["kappa"], abs=0.006)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_is_that_of_another_library(weights: Any) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.random.default_rng(1).integers(1, 40, (4, 4))
    ours = cohen_kappa(table, weights)
    theirs = cohens_kappa(table, wt=None if weights == "none" else weights)
    assert ours.value == pytest.approx(theirs.kappa)
    assert ours.se == pytest.approx(theirs.std_kappa)
    assert ours.se_null == pytest.approx(theirs.std_kappa0)


def test_fleiss_is_that_of_another_library_and_krippendorffs_limit() -> None:
    from statsmodels.stats.inter_rater import fleiss_kappa as theirs

    draw = np.random.default_rng(2)
    truth = draw.integers(0, 3, 400)
    said = np.where(draw.random((5, 400)) < 0.7, truth, draw.integers(0, 3, (5, 400)))
    counts = np.stack([(said == answer).sum(axis=0) for answer in range(3)], axis=1)
    found = fleiss_kappa(counts)
    assert found.value == pytest.approx(theirs(counts))
    # with many things the two are the same: alpha corrects for few
    alpha = krippendorff_alpha(said.tolist())
    assert alpha.value == pytest.approx(1 - (1 - found.value) * (1 - 1 / counts.sum()), abs=1e-9)
    assert (alpha.se, alpha.observed) == pytest.approx((found.se, found.observed), rel=0.01)


def test_krippendorff_published() -> None:
    case = CASES["N4-KRIPPENDORFF"]
    for level, value in case["expected"].items():
        assert krippendorff_alpha(case["inputs"]["ratings"], level).value == pytest.approx(value, abs=case["tolerance"]["abs"])
    ratings = np.array([[np.nan if one is None else one for one in row] for row in case["inputs"]["ratings"]])
    order = np.random.default_rng(3).permutation(12)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        there = krippendorff_alpha(case["inputs"]["ratings"], level)  # type: ignore[arg-type]
        again = krippendorff_alpha(ratings[::-1, order].tolist(), level)  # type: ignore[arg-type]
        assert again.value == pytest.approx(there.value) and again.se == pytest.approx(there.se)
        scaled = krippendorff_alpha((ratings * 10).tolist(), level)  # type: ignore[arg-type]
        assert scaled.value == pytest.approx(there.value)


@pytest.mark.slow
def test_limits_of_agreement_cover() -> None:
    """200 things, 3 judges: limits of 95 % hold the value of the population in 93 to 97 % of 1,000 worlds."""
    draw = np.random.default_rng(4)

    def said(things: int) -> np.ndarray:
        truth = draw.random(things) < 0.3
        return np.where(draw.random((3, things)) < 0.8, truth, draw.random((3, things)) < 0.5).astype(int)

    def counts(answers: np.ndarray) -> np.ndarray:
        return np.stack([(answers == 0).sum(axis=0), (answers == 1).sum(axis=0)], axis=1)

    large = counts(said(2_000_000))
    share = large[:, 1].sum() / large.sum()
    chance = share**2 + (1 - share) ** 2
    truth = (((large**2).sum(axis=1) - 3) / 6).mean()
    value = (truth - chance) / (1 - chance)
    held = [(found.lo <= value <= found.hi) for found in (fleiss_kappa(counts(said(200))) for _ in range(1_000))]
    assert np.mean(held) == pytest.approx(0.95, abs=0.021)


def test_agreement_refuses() -> None:
    with pytest.raises(ParameterError, match="no table of two judges"):
        cohen_kappa([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ParameterError, match="unknown weights"):
        cohen_kappa([[1, 0], [0, 1]], "some")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="same number of judges"):
        fleiss_kappa([[2, 0], [3, 0]])
    with pytest.raises(ParameterError, match="rows of different lengths"):
        krippendorff_alpha([[1, 2], [1]])
    with pytest.raises(ParameterError, match="too few things"):
        krippendorff_alpha([[1, None], [None, 2]])
    assert np.isnan(cohen_kappa([[10, 0], [0, 0]]).value)
    assert np.isnan(krippendorff_alpha([[1, 1], [1, 1]]).value)


# -- adjudicators ------------------------------------------------------------------------------------------------------------------


def test_dawid_skene_published() -> None:
    case = CASES["N4-DAWID-SKENE"]
    rows = [
        (patient.zfill(2), judge, str(answer))
        for patient, said in case["inputs"]["ratings"].items()
        for judge, answers in said.items()
        for answer in answers
    ]
    things, judges, answers = (list(each) for each in zip(*rows, strict=True))
    found = dawid_skene(things, judges, answers, tolerance=1e-12)
    told, within = case["expected"], 0.006
    assert found.converged
    assert found.prevalence["share"].to_list() == pytest.approx(told["marginals"], abs=within)
    first = found.errors.filter(judge="1")["share"].to_numpy().reshape(4, 4)
    np.testing.assert_allclose(first, told["observer1"], atol=within)
    assert [int(answer) for answer in found.truth["answer"]] == told["assigned"]


def made_up(seed: int, right: list[float]) -> tuple[list[str], list[str], list[str], dict[str, str]]:
    draw = np.random.default_rng(seed)
    truth = np.where(draw.random(600) < 0.4, "yes", "no")
    things, judges, answers = [], [], []
    for judge, share in enumerate(right):
        for thing, is_right in enumerate(draw.random(600) < share):
            things.append(f"t{thing:03}")
            judges.append(f"j{judge}")
            answers.append(str(truth[thing]) if is_right else ("no" if truth[thing] == "yes" else "yes"))
    return things, judges, answers, {f"t{thing:03}": str(word) for thing, word in enumerate(truth)}


def test_how_judges_err_is_found() -> None:
    things, judges, answers, truth = made_up(5, [0.9, 0.8, 0.7, 0.6])
    found = dawid_skene(things, judges, answers)
    for judge, share in enumerate([0.9, 0.8, 0.7, 0.6]):
        own = found.errors.filter((found.errors["judge"] == f"j{judge}") & (found.errors["truth"] == found.errors["answer"]))
        assert own["share"].to_list() == pytest.approx([share, share], abs=0.08)
    right = [truth[thing] == answer for thing, answer in found.truth.select("thing", "answer").iter_rows()]
    assert np.mean(right) > 0.9
    assert found.truth["chance"].mean() == pytest.approx(np.mean(right), abs=0.03)


def test_what_is_known_turns_a_shared_mistake() -> None:
    """Three judges of whom each is wrong more often than right: alone they agree on the contrary of what is right."""
    things, judges, answers, truth = made_up(6, [0.2, 0.2, 0.2])
    alone = dawid_skene(things, judges, answers)
    right = [truth[thing] == answer for thing, answer in alone.truth.select("thing", "answer").iter_rows()]
    assert np.mean(right) < 0.2
    held = dawid_skene(things, judges, answers, known={thing: truth[thing] for thing in list(truth)[:150]})
    right = [truth[thing] == answer for thing, answer in held.truth.select("thing", "answer").iter_rows()]
    assert np.mean(right) > 0.8


def test_adjudicators_refuse() -> None:
    with pytest.raises(ParameterError, match="a thing, a judge and an answer each"):
        dawid_skene(["a"], ["j"], [])
    with pytest.raises(ParameterError, match="was not judged: got 'z'"):
        dawid_skene(["a"], ["j"], ["yes"], known={"z": "no"})


# -- many tests --------------------------------------------------------------------------------------------------------------------


def test_benjamini_hochberg_published() -> None:
    from scipy.stats import false_discovery_control

    case = CASES["N1-BH"]
    p, q = np.array(case["inputs"]["p"]), case["inputs"]["q"]
    found = adjusted_p_values(p)
    np.testing.assert_allclose(found, case["expected"]["adjusted"], atol=1e-9)
    assert (found <= q).sum() == case["expected"]["rejected_bh"]
    assert (p <= q / len(p)).sum() == case["expected"]["rejected_bonferroni"]
    order = np.random.default_rng(7).permutation(len(p))
    np.testing.assert_array_equal(adjusted_p_values(p[order]), found[order])
    drawn = np.random.default_rng(8).random(500)
    np.testing.assert_allclose(adjusted_p_values(drawn), false_discovery_control(drawn))
    with_unknown = adjusted_p_values([0.01, np.nan, 0.03])
    assert np.isnan(with_unknown[1]) and with_unknown[[0, 2]].tolist() == pytest.approx([0.02, 0.03])


def test_e_values_by_hand_and_by_definition() -> None:
    # 4 / 0.05 = 80 for one, 40 for two, 26.7 for three
    assert e_benjamini_hochberg([79.0, 39.0, 26.0, 1.0]).tolist() == [False] * 4
    assert e_benjamini_hochberg([79.0, 40.0, 26.0, 1.0]).tolist() == [True, True, False, False]
    draw = np.random.default_rng(9)
    for _ in range(50):
        e = draw.pareto(0.5, 30)
        largest = max((k for k in range(1, 31) if np.sort(e)[::-1][k - 1] >= 30 / (k * 0.1)), default=0)
        assert e_benjamini_hochberg(e, 0.1).sum() == largest


def test_false_discoveries_are_as_few_as_said() -> None:
    """Likelihood ratios that share a factor: a share of at most 5 % is false on average."""
    draw = np.random.default_rng(10)
    shares = []
    for _ in range(400):
        shared = draw.normal(size=1)
        z = 0.7 * shared + np.sqrt(1 - 0.49) * draw.normal(size=200)
        z[:20] += 3
        found = e_benjamini_hochberg(np.exp(2 * z - 2), 0.05)
        shares.append(found[20:].sum() / max(found.sum(), 1))
    assert np.mean(shares) <= 0.05


@pytest.mark.parametrize("wrong", [[-0.1], [1.1]])
def test_p_values_are_shares(wrong: list[float]) -> None:
    with pytest.raises(ParameterError, match="no p values"):
        adjusted_p_values(wrong)
    with pytest.raises(ParameterError, match="no e-values|fdr is out of range"):
        e_benjamini_hochberg([-1.0])


# -- standardisation and intervals -------------------------------------------------------------------------------------------------


def test_standardisation_published() -> None:
    case = CASES["N1-STANDARDISE"]
    told, inputs = case["expected"], {name: np.array(values, float) for name, values in case["inputs"].items()}
    hits, cases = inputs["deaths_1940"], inputs["pop_1940"]
    assert 1e5 * hits.sum() / cases.sum() == pytest.approx(told["crude_1940"], abs=0.006)
    assert 1e5 * direct_rate(hits, cases, inputs["pop_1960"]) == pytest.approx(told["direct"], abs=0.006)
    found = indirect_rate(hits.sum(), cases, inputs["deaths_1960"], inputs["pop_1960"])
    assert found.expected == pytest.approx(told["expected"], abs=0.006)
    assert found.ratio == pytest.approx(told["sir"], abs=0.005)
    assert 1e5 * found.rate == pytest.approx(told["indirect_rate"], abs=0.06)
    order = np.random.default_rng(12).permutation(len(hits))
    assert direct_rate(hits[order], cases[order], 3 * inputs["pop_1960"][order]) == pytest.approx(
        direct_rate(hits, cases, inputs["pop_1960"])
    )


def test_strata_that_are_missing() -> None:
    with pytest.raises(ParameterError, match="the group has no cases in strata"):
        direct_rate([1, 0], [10, 0], [5, 5])
    assert direct_rate([1, 0], [10, 0], [5, 0]) == 0.1
    with pytest.raises(ParameterError, match="the standard has no cases in strata"):
        indirect_rate(1, [10, 5], [3, 0], [30, 0])
    with pytest.raises(ParameterError, match="do not fit"):
        direct_rate([11], [10], [5])


def test_jeffreys_published() -> None:
    case = CASES["N1-JEFFREYS"]
    low, high = jeffreys(case["inputs"]["x"], case["inputs"]["n"])
    np.testing.assert_allclose(np.column_stack([low, high]), case["expected"]["ci"], atol=case["tolerance"]["abs"])
    low, high = jeffreys([0, 1, 6, 7], 7, modified=True)
    assert high[0] == pytest.approx(case["expected"]["modified_upper_x0"], abs=0.0006)
    assert low[:2].tolist() == [0, 0] and high[2:].tolist() == [1, 1] and low[3] == pytest.approx(1 - high[0])


def test_jeffreys_is_that_of_another_library() -> None:
    from statsmodels.stats.proportion import proportion_confint

    low, high = jeffreys(np.arange(1, 20), 20, 0.9)
    np.testing.assert_allclose((low, high), proportion_confint(np.arange(1, 20), 20, 0.1, "jeffreys"), atol=1e-12)


def test_poisson_published() -> None:
    case = CASES["N1-POISSON-CI"]
    told = case["expected"]
    assert poisson_rate(*case["inputs"]["horse"]) == pytest.approx(told["horse_exact"], abs=6e-8)
    assert poisson_score(*case["inputs"]["horse"]) == pytest.approx(told["horse_score"], abs=6e-8)
    observed, expected = case["inputs"]["smr"]
    assert observed / expected == pytest.approx(told["smr"], abs=6e-6)
    assert poisson_rate(observed, expected) == pytest.approx(told["smr_exact"], abs=6e-7)
    assert poisson_rate(case["inputs"]["count"], 1) == pytest.approx(told["garwood10"], abs=6e-4)
