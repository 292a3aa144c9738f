"""Two of them compared, groups of citizens, and those who do not answer: by hand, and on worlds whose truth is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.waiting import log_rank, restricted_mean

ANNE, BOB = "officer_anne@sba.gov", "officer_bob@sba.gov"


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return aura.sample_log(2000, seed=1)


def test_shares_are_those_of_the_dossiers(log: pl.DataFrame) -> None:
    board = {row["actor"]: row for row in aura.dossiers(log).iter_rows(named=True)}
    found = aura.compare(log, ANNE, BOB)
    for side, name in ((found.first, ANNE), (found.second, BOB)):
        assert (side["value"], side["n"]) == (pytest.approx(board[name]["override_rate"]), board[name]["override_rate_n"])
    k1, k2 = (round(side["value"] * side["n"]) for side in (found.first, found.second))
    n1, n2 = found.first["n"], found.second["n"]
    assert found.p_value == pytest.approx(stats.fisher_exact([[k1, n1 - k1], [k2, n2 - k2]]).pvalue)
    assert found.lo < found.difference < found.hi and found.conclusion == "differs"
    turned = aura.compare(log, BOB, ANNE)
    assert turned.difference == pytest.approx(-found.difference) and turned.lo == pytest.approx(-found.hi)


def test_means_hours_and_audited_shares(log: pl.DataFrame) -> None:
    board = {row["actor"]: row for row in aura.dossiers(log).iter_rows(named=True)}
    stars = aura.compare(log, ANNE, BOB, "sat_score_mean")
    assert stars.first["value"] == pytest.approx(board[ANNE]["sat_score_mean"]) and stars.p_value == pytest.approx(1e-4)
    judged = aura.compare(log, ANNE, BOB, "verdict_right_rate")
    assert judged.first["value"] == pytest.approx(board[ANNE]["verdict_right_rate"])
    assert judged.first["n_eff"] == pytest.approx(board[ANNE]["verdict_right_rate_n_eff"])
    hours = aura.compare(log, ANNE, BOB, "hours", until=48)
    cohort = [aura.observations(log, name, "sla_breach_rate", sla="1h") for name in (ANNE, BOB)]
    pairs = [(one["value"].to_numpy(), one["ended"].to_numpy()) for one in cohort]
    assert hours.p_value == pytest.approx(log_rank(pairs).p_value)
    assert hours.first["value"] == pytest.approx(restricted_mean(*pairs[0], 48).value)
    assert hours.first["median_lo"] <= hours.first["median"] <= hours.first["median_hi"]


def test_periods_and_queues(log: pl.DataFrame) -> None:
    before, after = {"until": "2026-04-01"}, {"since": "2026-04-01"}
    found = aura.compare(log, before, after)
    whole = aura.dossiers(log, window="all").filter(pl.col("override_rate_n") > 0)
    assert found.first["n"] + found.second["n"] == whole["override_rate_n"].sum()
    queues = aura.compare(log, {"queue": "appeal", "actor": ANNE}, {"queue": "forgiveness", "actor": ANNE})
    assert queues.first["n"] + queues.second["n"] == aura.compare(log, ANNE, BOB).first["n"]


def test_the_queue_of_a_rating_is_its_cases(log: pl.DataFrame) -> None:
    found = aura.compare(log, {"queue": "appeal"}, {"queue": "forgiveness"}, "sat_score_mean")
    whole = aura.dossiers(log).filter(pl.col("sat_score_mean_n") > 0)
    assert found.first["n"] + found.second["n"] == whole["sat_score_mean_n"].sum()
    agents = aura.compare(log, {"agent": "claims-model-a"}, {"agent": "claims-model-b"}, "sat_score_mean")
    assert 50 < agents.first["n"] < found.first["n"] + found.second["n"]


def paired_log(first_right: list[bool], second_right: list[bool]) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for i, pair in enumerate(zip(first_right, second_right, strict=True)):
        for name, right in zip(("a", "b"), pair, strict=True):
            rows.append(
                {
                    "type": "OUTCOME",
                    "actor": name,
                    "actor_kind": "agent",
                    "case_id": f"C{i}",
                    "outcome": "success" if right else "failure",
                }
            )
    return aura.events.from_records([row | {"ts": "2026-01-05", "event_id": str(i)} for i, row in enumerate(rows)])


def test_the_same_cases() -> None:
    first = [True] * 30 + [False] * 10
    second = [True] * 22 + [False] * 8 + [True] + [False] * 9
    found = aura.compare(paired_log(first, second), "a", "b", "success_rate", paired=True)
    assert (found.pairs, found.test) == (40, "the exact test of McNemar")
    assert found.p_value == pytest.approx(stats.binomtest(8, 9).pvalue)
    assert found.difference == pytest.approx(7 / 40)


def test_not_worse_by_more_than() -> None:
    """Direction counts: success is better higher, and an override rate is taken as better lower."""
    draw = np.random.Generator(np.random.Philox(3))
    alike = paired_log((draw.random(900) < 0.8).tolist(), (draw.random(900) < 0.8).tolist())
    assert aura.compare(alike, "a", "b", "success_rate", margin=0.1).conclusion == "not_worse"
    assert aura.compare(alike, "a", "b", "success_rate", margin=0.001).conclusion == "not_settled"
    apart = paired_log((draw.random(900) < 0.5).tolist(), (draw.random(900) < 0.8).tolist())
    assert aura.compare(apart, "a", "b", "success_rate", margin=0.1).conclusion == "worse"
    assert aura.compare(apart, "b", "a", "success_rate", margin=0.1).conclusion == "not_worse"


def test_what_cannot_be_compared(log: pl.DataFrame) -> None:
    asked: list[tuple[Any, Any, dict[str, Any], str]] = [
        ("nobody", BOB, {}, "too few observations of nobody"),
        ({"ator": ANNE}, BOB, {}, "did you mean 'actor'"),
        (ANNE, BOB, {"metric": "processing_hours_median"}, "cannot be compared by its observations"),
        (ANNE, BOB, {"paired": True}, "too few cases of both"),
        (ANNE, BOB, {"margin": -1}, "margin is out of range"),
        (ANNE, BOB, {"metric": "hours", "margin": 1}, "without a margin"),
        (ANNE, BOB, {"confidence": 2}, "confidence is out of range"),
    ]
    for first, second, more, said in asked:
        with pytest.raises(ParameterError, match=said):
            aura.compare(log, first, second, **more)


def test_the_command_says_the_same(log: pl.DataFrame, tmp_path: Any) -> None:
    log.write_parquet(tmp_path / "log.parquet")
    told = CliRunner().invoke(app, ["compare", str(tmp_path / "log.parquet"), f"actor={ANNE},queue=appeal", BOB, "--json"])
    found = aura.compare(log, {"actor": ANNE, "queue": "appeal"}, BOB)
    assert json.loads(told.output)["difference"] == pytest.approx(found.difference)
    plain = CliRunner().invoke(app, ["compare", str(tmp_path / "log.parquet"), ANNE, BOB, "--metric", "sat_score_mean"])
    assert "they differ" in plain.output and "permutation" in plain.output


# -- groups of citizens --------------------------------------------------------------------------------------------------------


def regional(seed: int, extra: float) -> pl.DataFrame:
    """The north gets hard cases more often; the south is rejected more often by so many log odds."""
    draw = np.random.Generator(np.random.Philox(seed))
    rows = []
    for i in range(3_000):
        region = "north" if draw.random() < 0.5 else "south"
        queue = "fraud" if draw.random() < (0.7 if region == "north" else 0.2) else "loans"
        odds = (0.4 if queue == "fraud" else -1.5) + (extra if region == "south" else 0)
        verdict = "REJECT" if draw.random() < 1 / (1 + np.exp(-odds)) else "APPROVE"
        who = {"type": "DECISION", "actor": f"o{i % 5}", "actor_kind": "officer", "case_id": f"C{i}", "ts": "2026-01-05"}
        rows.append(who | {"human_verdict": verdict, "ai_recommendation": "APPROVE", "queue": queue, "region": region})
    return aura.events.from_records(rows)


def test_hard_cases_are_no_disparity_and_a_disparity_is_found() -> None:
    plain = aura.disparity(regional(1, 0.0), "attributes.region", covariates=["queue"])
    raw = aura.disparity(regional(1, 0.0), "attributes.region", covariates=[])
    assert raw["warning"].all() and not plain["warning"].any()
    unfair = aura.disparity(regional(2, 0.7), "attributes.region", covariates=["queue"])
    south = unfair.filter(group="south").row(0, named=True)
    assert south["warning"] and south["odds_ratio_lo"] < np.exp(0.7) < south["odds_ratio_hi"]
    assert south["expected_rate"] < south["rate"]


@pytest.mark.slow
def test_a_disparity_is_warned_of_as_often_as_it_says() -> None:
    worlds = 200
    warned = sum(bool(aura.disparity(regional(seed, 0.0), "attributes.region")["warning"].any()) for seed in range(worlds))
    assert warned / worlds <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_what_disparity_refuses() -> None:
    log = regional(1, 0.0)
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("attributes.regoin", {}, "no case says what groups it"),
        ("regio", {}, "unknown column"),
        ("queue", {}, "cannot explain them as well"),
        ("attributes.region", {"verdict": "REJCT"}, "did you mean 'REJECT'"),
        ("attributes.region", {"covariates": ["quue"]}, "unknown covariate"),
    ]
    for by, more, said in asked:
        with pytest.raises(ParameterError, match=said):
            aura.disparity(log, by, **more)


def test_the_command_of_disparity(tmp_path: Any) -> None:
    regional(2, 0.7).write_parquet(tmp_path / "log.parquet")
    told = CliRunner().invoke(
        app, ["disparity", str(tmp_path / "log.parquet"), "--by", "attributes.region", "--covariates", "queue"]
    )
    assert "<- a warning" in told.output and "no verdict" in told.output


# -- those who do not answer ---------------------------------------------------------------------------------------------------


def test_the_silent_by_hand() -> None:
    verdict = {"type": "DECISION", "actor": "anne", "actor_kind": "officer", "ts": "2026-01-05", "queue": "q"}
    rows: list[dict[str, Any]] = [verdict | {"case_id": f"C{i}"} for i in range(10)]
    rating = {"type": "SAT_SCORE", "ts": "2026-01-06"}
    rows += [rating | {"case_id": f"C{i}", "value": stars} for i, stars in enumerate([2, 2, 1, 3])]
    row = aura.rating_sensitivity(aura.events.from_records(rows)).row(0, named=True)
    assert (row["cases"], row["rated"], row["response_rate"], row["mean"]) == (10, 4, 0.4, 2.0)
    assert (row["lowest"], row["highest"]) == pytest.approx((0.4 * 2 + 0.6, 0.4 * 2 + 0.6 * 5))
    assert row["tipping"] == pytest.approx((3 - 0.8) / 0.6) and row["conclusion"] == "leans_below"
    with pytest.raises(ParameterError, match="stars from 1 to 5"):
        aura.rating_sensitivity(aura.events.from_records(rows), line=7)


def test_weights_mend_what_depends_on_the_verdict() -> None:
    """Who was overridden answers more often, and is less content."""
    draw = np.random.Generator(np.random.Philox(6))
    rows: list[dict[str, Any]] = []
    for i in range(4_000):
        override = draw.random() < 0.5
        kind = "OVERRIDE" if override else "DECISION"
        rows.append({"type": kind, "actor": "anne", "actor_kind": "officer", "case_id": f"C{i}", "ts": "2026-01-05", "queue": "q"})
        if draw.random() < (0.8 if override else 0.2):
            rows.append({"type": "SAT_SCORE", "case_id": f"C{i}", "value": 2 if override else 4, "ts": "2026-01-06"})
    row = aura.rating_sensitivity(aura.events.from_records(rows)).row(0, named=True)
    assert row["mean"] == pytest.approx(2.4, abs=0.05) and row["weighted_mean"] == pytest.approx(3.0, abs=0.05)


def test_groups_that_overlap_and_rows_of_one_moment(log: pl.DataFrame) -> None:
    for second in ({"queue": "appeal"}, ANNE):
        with pytest.raises(ParameterError, match="some observations are in both groups"):
            aura.compare(log, ANNE, second)
    draw = np.random.default_rng(3)
    rows = [
        {
            "type": "OVERRIDE" if draw.random() < rate else "DECISION",
            "actor": actor,
            "actor_kind": "officer",
            "case_id": f"C{case}",
            "human_verdict": "REJECT" if case % 2 else "APPROVE",
            "region": "north" if case % 4 < 2 else "south",
            "ts": "2026-01-05",
        }
        for actor, rate in (("a", 0.3), ("b", 0.6))
        for case in range(40)
        for _ in range(3)
    ]
    events = aura.events.from_records(rows)
    pairs, groups, words = set(), set(), set()
    for seed in range(5):
        mixed = events.sample(fraction=1, shuffle=True, seed=seed)
        pairs.add(aura.compare(mixed, "a", "b", paired=True).p_value)
        found = aura.disparity(mixed, "attributes.region", covariates=[])
        groups.add(tuple(found["rate"].to_list()))
        words.add(found["outcome"][0])
    assert len(pairs) == len(groups) == 1 and words == {"APPROVE"}  # both were said as often: the first in the alphabet
