"""Control of false flags among many actors and many looks, and what every board says of chance."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

import aura_analytics as aura
from aura_analytics.errors import RuleError
from aura_analytics.rules.control import named_under, sentence
from aura_analytics.rules.grammar_parts import Control
from aura_analytics.rules.numbers import Board
from aura_analytics.statistics.evidence import range_e_value, rate_e_value, rate_p_value
from aura_analytics.widgets.tuner.state import TunerState

DAY = datetime(2026, 1, 5, tzinfo=timezone.utc)
RATE: dict[str, Any] = {"metric": "override_rate", "above": 0.3, "limit": "lower", "confidence": 0.95, "min_n": 5}


def board(k: np.ndarray, n: np.ndarray, **more: Any) -> pl.DataFrame:
    size = len(k)
    own = {"actor": [f"o{i:04d}" for i in range(size)], "actor_kind": ["officer"] * size, "as_of": [DAY] * size}
    return pl.DataFrame(own | {"override_rate": k / np.maximum(n, 1), "override_rate_n": n} | more)


def policy(**more: Any) -> aura.Policy:
    return aura.Policy({"name": "p", "rules": [{"id": "r", "when": RATE}], **more})


def test_one_look_is_the_procedure_of_benjamini_and_hochberg() -> None:
    draw = np.random.Generator(np.random.Philox(1))
    n = np.full(200, 80)
    k = draw.binomial(n, np.where(np.arange(200) < 30, 0.5, 0.25))
    p = stats.binom.sf(k - 1, n, 0.3)
    named = stats.false_discovery_control(p) <= 0.05
    found = policy(control={"fdr": 0.05, "looks": "one"}).evaluate(board(k, n))
    plain = policy().evaluate(board(k, n))
    assert 10 < named.sum() < (plain["verdict"] == "flag").sum()
    assert ((found["verdict"] == "flag").to_numpy() == named).all()
    held = found.filter(pl.Series((plain["verdict"] == "flag").to_numpy() & ~named))
    assert held["verdict"].unique().to_list() == ["watch"]
    assert held["reasons"][0][0].startswith("past a line, but not more than chance among all explains (false discovery rate 5 %")


def test_many_looks_by_hand() -> None:
    """Two of three: the greatest e-value must be 60, the second 30."""
    k, n = np.array([40, 38, 12]), np.array([60, 60, 60])
    e = np.exp(rate_e_value(k, n, 0.3))
    assert e[0] > 60 and e[1] > 30 and e[2] < 1
    assert policy(control={"fdr": 0.05}).evaluate(board(k, n))["verdict"].to_list() == ["flag", "flag", "clear"]
    k = np.array([30, 12, 12])  # above 20, which is enough for one, and not for one of three
    assert 20 < np.exp(rate_e_value(k[:1], n[:1], 0.3))[0] < 60
    assert policy(control={"fdr": 0.05}).evaluate(board(k, n))["verdict"].to_list() == ["watch", "clear", "clear"]
    assert policy(control={"fdr": 0.05}).evaluate(board(k[:1], n[:1]))["verdict"].to_list() == ["flag"]


def test_evidence_of_parts() -> None:
    """Of `all` the weakest part counts, of `any` the mean; a comparison without a limit is no evidence."""
    low = {"metric": "sat_score_mean", "below": 3, "limit": "upper"}
    both = board(np.array([45]), np.array([60]), sat_score_mean=[1.2], sat_score_mean_n=[40], sat_score_mean_sd=[0.5])
    named = []
    for fdr in (1e-9, 1e-4, 0.05):
        conditions = [aura.Policy({"name": "p", "rules": [{"id": "r", "when": {"all": [RATE, low]}}]}).spec.rules[0].when]
        named.append(bool(named_under(Control(fdr=fdr), conditions, Board(both), np.array([True]))[0]))
    e = min(np.exp(rate_e_value([45], [60], 0.3))[0], np.exp(range_e_value([1.2], [40], 3, 4, above=False))[0])
    assert named == [e >= 1e9, e >= 1e4, e >= 20] and named[0] != named[2]


@pytest.mark.parametrize("above", [True, False])
def test_evidence_on_either_side_is_the_same(above: bool) -> None:
    k, n = np.array([0, 3, 10, 20, 40]), np.full(5, 40)
    side = k if above else n - k
    assert rate_p_value(side, n, 0.3 if above else 0.7, above=above) == pytest.approx(stats.binom.sf(k - 1, n, 0.3))
    assert np.allclose(rate_e_value(side, n, 0.3 if above else 0.7, above=above), rate_e_value(k, n, 0.3))


def test_an_e_value_of_a_range_is_an_integral() -> None:
    from scipy.integrate import quad

    total, n, width = -1.1 * 30, 30, 4.0
    scale = width / 2

    def bet(slope: float) -> float:
        prior = 2 * stats.norm.pdf(slope, scale=1 / (50**0.5 * scale))
        return float(prior * np.exp(-slope * total - slope**2 * n * scale**2 / 2))

    assert np.exp(range_e_value([1.9], [30], 3, 4, above=False))[0] == pytest.approx(quad(bet, 0, 5)[0], rel=1e-8)


def test_what_cannot_be_controlled_is_refused() -> None:
    with pytest.raises(RuleError, match="compares no limit"):
        aura.Policy(
            {"name": "p", "control": {"fdr": 0.05}, "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.3}}]}
        )
    hours = {"metric": "avg_processing_hours", "above": 3, "limit": "lower"}
    with pytest.raises(RuleError, match="no e-value of avg_processing_hours"):
        aura.Policy({"name": "p", "control": {"fdr": 0.05}, "rules": [{"id": "r", "when": hours}]})
    aura.Policy({"name": "p", "control": {"fdr": 0.05, "looks": "one"}, "rules": [{"id": "r", "when": hours}]})
    with pytest.raises(RuleError, match="leave out persistence"):
        policy(control={"fdr": 0.05}, persistence={"k": 2, "m": 3})


def test_the_tuner_and_one_actor_alone_say_the_same() -> None:
    log = aura.sample_log(3000, seed=2)
    chosen = policy(control={"fdr": 0.001}, window="all")
    whole = aura.dossiers(log, policy=chosen)
    assert {"watch", "flag"} <= set(whole["pip_status"])
    tuner = TunerState(log, chosen)
    assert sorted(tuner.flagged) == whole.filter(pip_status="flag")["actor"].to_list()
    assert not tuner.plain
    for actor in whole["actor"].to_list():
        assert aura.DossierState(log).dossiers(policy=chosen, actors=[actor])["pip_status"].to_list() == (
            whole.filter(actor=actor)["pip_status"].to_list()
        )


def test_a_board_says_how_many_flags_chance_makes() -> None:
    gate = aura.dossiers(aura.sample_log(3000, seed=2), policy="evidence_gated")
    chances = dict(gate.select("actor", "flag_chance").iter_rows())
    asked = gate.filter(
        (pl.col("override_rate_n") >= 5) & (pl.col("sat_score_mean_n") >= 5), actor_kind="officer", agreed_ever=True
    )
    assert {actor for actor, chance in chances.items() if chance} == set(asked["actor"])
    assert asked["flag_chance"].to_list() == pytest.approx([0.05] * asked.height)
    said = f"at most {0.05 * asked.height:.2g} flags of {asked.height} actors would be expected by chance"
    assert said in (sentence(gate) or "") and said in repr(gate)
    tracker = aura.dossiers(aura.sample_log(3000, seed=2), policy="tracker")
    assert tracker["flag_chance"].max() == 0.5  # a value without a limit
    controlled = aura.dossiers(aura.sample_log(3000, seed=2), policy=policy(control={"fdr": 0.05}))
    assert controlled["flag_chance"].sum() <= 0.05 / 0.95**2 + 1e-9


@pytest.mark.slow
def test_a_year_of_weekly_looks_at_innocent_officers() -> None:
    """1,000 officers exactly on the line, windows of 90 days: any flag in at most 5 % of years (0.05 and 3 standard errors)."""
    draw, years, found = np.random.Generator(np.random.Philox(7)), 120, 0
    chosen = policy(control={"fdr": 0.05})
    for _ in range(years):
        found += bool(_ever(draw, chosen, np.full(1000, 0.3), 365).any())
    assert found / years <= 0.05


@pytest.mark.slow
def test_half_a_year_finds_the_bad_ones() -> None:
    draw, chosen = np.random.Generator(np.random.Philox(8)), policy(control={"fdr": 0.05})
    share = np.where(np.arange(1000) < 20, 0.45, 0.25)
    ever = np.stack([_ever(draw, chosen, share, 182) for _ in range(10)])
    assert ever[:, :20].mean() >= 0.9
    assert ever[:, 20:].sum() <= 0.05 * ever.sum() + 3


def _ever(draw: np.random.Generator, chosen: aura.Policy, share: np.ndarray, days: int) -> np.ndarray:
    """Who is flagged at any weekly look, five verdicts a day."""
    hits = np.cumsum(draw.binomial(5, share[:, None], (len(share), days)), axis=1)
    ever = np.zeros(len(share), dtype=bool)
    for day in range(7, days + 1, 7):
        since = max(0, day - 90)
        k = hits[:, day - 1] - (hits[:, since - 1] if since else 0)
        ever |= (chosen.evaluate(board(k, np.full(len(share), 5 * (day - since))), texts="none")["verdict"] == "flag").to_numpy()
    return ever
