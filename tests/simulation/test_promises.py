"""What the default rule promises, in 400 worlds and more: whom it flags, whom it finds, and with how many audits."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

import aura_analytics as aura
from aura_analytics.cases.hindsight import PARTS
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.reliance import verdict_right_rate
from aura_analytics.rules.deciding import decides_by
from aura_analytics.simulation.scenario import Scenario, shipped
from aura_analytics.statistics.audit_plans import audits_to_decide
from aura_analytics.statistics.intervals import exact_rate

WORLDS = 400


def test_thirty_audits_in_closed_form() -> None:
    """Of somebody wrong in 36 % of acceptances 30 audits find 95 %, of somebody wrong in 5 % they flag at most 1 %."""
    k = np.arange(31)
    flags = flagged_of(30)
    found, false = (float(binom.pmf(k, 30, share)[flags].sum()) for share in (0.36, 0.05))
    assert found >= 0.95 and false <= 0.01
    assert 1 / false == pytest.approx(1_744, rel=0.01)  # as the policy's file says


def flagged_of(n: int) -> np.ndarray:
    """Of how many wrong ones among n audited acceptances the default rule flags."""
    rows: list[dict[str, object]] = []
    for hits in range(n + 1):
        verdict = {
            "type": "DECISION",
            "actor": f"{hits:03d}",
            "ai_recommendation": "PAY",
            "human_verdict": "PAY",
            "ts": "2026-01-05",
        }
        for i in range(n):
            case = f"{hits}-{i}"
            said = "REFUSE" if i < hits else "PAY"
            audit: dict[str, object] = {"type": "ADJUDICATION", "case_id": case, "outcome": said, "audit_chance": 0.5}
            rows += [{**verdict, "case_id": case}, audit | {"ts": "2026-01-06"}]
    board = aura.dossiers(aura.events.from_records(rows), policy="reliance").sort("actor")
    return np.asarray((board["pip_status"] == "flag").to_numpy())


@pytest.mark.slow
def test_fraud_unit_with_thirty_audits_an_officer() -> None:
    """Drawn at random: the perfect officer is flagged in at most 2 % of worlds, the rubber-stamper in 95 %."""
    scenario = Scenario.from_yaml(shipped()["fraud_unit"]).changed(days=60, audited=0.0)
    flagged = {"careful": 0, "rubber_stamp": 0}
    draw = np.random.Generator(np.random.Philox(1))
    for seed in range(WORLDS):
        run = aura.simulate(scenario, seed)
        cases, parts = run.truth.cases.filter("decided"), []
        for officer in flagged:
            mine = cases.filter(officer=officer)
            parts.append(mine[draw.permutation(mine.height)[:30]].with_columns(audit_chance=pl.lit(30 / mine.height)))
        said = pl.concat(parts).select(
            "case_id", "audit_chance", outcome="right_verdict", type=pl.lit("ADJUDICATION"), ts=pl.lit(run.events["ts"].max())
        )
        board = aura.dossiers(pl.concat([run.events, aura.events.validate(said)]), policy="reliance")
        for officer in board.filter(pip_status="flag")["actor"]:
            flagged[officer] += 1
    low, _ = exact_rate(flagged["rubber_stamp"], WORLDS)
    _, high = exact_rate(flagged["careful"], WORLDS)
    assert high <= 0.02
    expected = float(binom.sf(6, 30, 0.36))
    assert expected >= 0.95 and abs(flagged["rubber_stamp"] / WORLDS - expected) < 4 * (expected * (1 - expected) / WORLDS) ** 0.5
    assert low > 0.92


@pytest.mark.slow
def test_without_audits_nobody_is_flagged() -> None:
    for name in ("fraud_unit", "loan_forgiveness"):
        world = Scenario.from_yaml(shipped()[name]).changed(audited=0.0, days=365)
        found = aura.rule_error_rates("reliance", world, WORLDS, workers=2)
        assert found.falsely == 0 and found.worlds["detected"].sum() == 0


@pytest.mark.slow
def test_a_year_of_the_loan_office() -> None:
    found = aura.rule_error_rates("reliance", "loan_forgiveness", WORLDS, workers=2, days=365)
    assert found.falsely / found.good <= 0.005
    low, _ = exact_rate(round(found.worlds["detected"].sum() * 3), 3 * WORLDS)
    assert low >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.2, 0.4])
def test_weighted_shares_cover_under_audits_that_depend_on_the_verdict(wrong: float) -> None:
    """Overrides are audited four times as often, with known chances; the interval holds the truth in 93 to 97 %."""
    draw, offices, size = np.random.Generator(np.random.Philox(7)), 4_000, 800
    overridden = draw.random((offices, size)) < 0.3
    right = draw.random((offices, size)) >= np.where(overridden, wrong, 0.1)
    chance = np.where(overridden, 0.4, 0.1)
    audited = draw.random((offices, size)) < chance
    actor = np.repeat(np.arange(offices), size)
    weight = pl.Series(np.where(audited, np.round(PARTS / chance), -1).ravel().astype(np.int64))
    table = pl.DataFrame({"actor": actor, "override": overridden.ravel(), "right": right.ravel(), "weight": weight}).with_columns(
        pl.when(pl.col("weight") > 0).then("weight").alias("weight"),
        right=pl.when(pl.col("weight") > 0).then("right"),
        by_chance=pl.when(pl.col("weight") > 0).then(statement=True),
        own_work=pl.lit(None, dtype=pl.Boolean),
    )
    sums = table.group_by("actor", maintain_order=True).agg(verdict_right_rate.collect())
    found = verdict_right_rate.finish(sums, Context(datetime.min, 0.95))
    truth = 0.7 * 0.9 + 0.3 * (1 - wrong)
    low, high = (found[f"verdict_right_rate_{end}"].to_numpy() for end in ("lo", "hi"))
    assert 0.93 <= ((low <= truth) & (truth <= high)).mean() <= 0.97


def test_what_a_plan_of_audits_promises_is_what_the_rule_does() -> None:
    """Of plain rules: the share found is within 2 points of what was promised, and the wrongly flagged one too."""
    plan = audits_to_decide(0.13, 0.36, 0.05, confidence=0.99)
    policy = aura.Policy(
        {
            "name": "plain",
            "rules": [
                {
                    "id": "r",
                    "when": {"metric": "accepted_wrong_rate", "above": 0.13, "limit": "lower", "confidence": 0.99, "min_n": 20},
                }
            ],
        }
    )
    decides = decides_by(policy, "accepted_wrong_rate")
    assert decides is not None
    draw, worlds = np.random.Generator(np.random.Philox(3)), 20_000
    for share, told in ((0.36, plan.found), (0.05, plan.false)):
        hits = draw.binomial(plan.n, share, worlds)
        n = np.full(worlds, plan.n)
        flagged = decides(hits, n) & (hits / plan.n > 0.13)
        assert abs(flagged.mean() - told) < 0.02
