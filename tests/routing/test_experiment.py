"""Experiments: which arm a job belongs to, and limits that hold however often one looks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics import Ledger, Model
from aura_analytics.cli.app import app
from aura_analytics.errors import InputError, ParameterError, RuleError
from aura_analytics.routing import Experiment, compare_arms, evaluate_routing, routed_choices
from aura_analytics.routing.arms import difference_limits

MODELS = [Model("a"), Model("b")]
TRIAL = {
    "name": "trial",
    "arms": {
        "old": {"strategy": "seed", "share": 3},
        "new": {"strategy": "epsilon_greedy", "exploration": 1.0, "share": 1},
    },
}


def test_a_job_belongs_to_one_arm_for_good_and_arms_get_their_shares() -> None:
    trial, again = Experiment(TRIAL, MODELS), Experiment(TRIAL, MODELS, seed=9)
    arms = [trial.arm_of(job) for job in range(4_000)]
    assert arms == [again.arm_of(str(job)) for job in range(4_000)]
    counts = [arms.count("old"), arms.count("new")]
    assert chisquare(counts, [3_000, 1_000]).pvalue > 0.001
    other = Experiment({**TRIAL, "name": "another"}, MODELS)
    same = np.mean([arm == other.arm_of(job) for job, arm in enumerate(arms)])
    assert abs(same - (0.75**2 + 0.25**2)) < 0.03  # arms of one experiment say nothing of another's
    with pytest.raises(ParameterError, match="needs an id"):
        trial.choose({})


@pytest.mark.slow
def test_the_arm_is_recorded_and_compared(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        trial = Experiment(TRIAL, MODELS, ledger)
        for job in range(200):
            made = trial.choose({"job_id": job})
            right = "success" if made.model.name == "b" else "failure"
            ledger.record_event(
                {"type": "OUTCOME", "actor": made.model.name, "actor_kind": "agent", "case_id": job, "outcome": right}
            )
        choices = routed_choices(ledger)
        assert choices["arm"].to_list() == [trial.arm_of(job) for job in choices["case_id"]]
        assert set(choices["experiment"]) == {"trial"}
        assert set(choices.filter(arm="old")["actor"]) == {"a"}  # the seed's first, whatever comes of it
        found = compare_arms(ledger, first="old", shares=trial.shares)
        counted = {row["arm"]: (row["jobs"], row["successes"]) for row in found.arms.iter_rows(named=True)}
        new = choices.filter(arm="new")
        assert counted == {"old": (choices.height - new.height, 0), "new": (new.height, new.filter(actor="b").height)}
        assert found.differences["verdict"].to_list() == ["better"] and not found.warnings
        assert evaluate_routing(choices.filter(arm="new"), "b").snips[0] == 1.0
        with pytest.raises(InputError, match="no such experiment"):
            compare_arms(ledger, "trail")
        assert "new against old" in str(found)
        path = tmp_path / "trial.yaml"
        path.write_text(json.dumps(TRIAL))
        said = CliRunner().invoke(app, ["route", "compare", ledger.url, "--experiment", str(path), "--json"])
        assert json.loads(said.output)["differences"][0]["arm"] == "new"
        (tmp_path / "m.yaml").write_text("models: [{name: a}, {name: b}]\n")
        task = json.dumps({"job_id": "x1"})
        asked = ["route", str(tmp_path / "m.yaml"), "--task", task, "--experiment", str(path), "--ledger", ledger.url, "--json"]
        assert json.loads(CliRunner().invoke(app, asked).output)["arm"] == trial.arm_of("x1")


def _log(rates: dict[str, float], jobs: int, seed: int, *, known: float = 1.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for job in range(jobs):
        arm = list(rates)[int(rng.integers(len(rates)))]
        says = {"propensity": 1.0, "candidates": ["m"], "propensities": [1.0], "experiment": "trial", "arm": arm}
        common = {"actor": "m", "case_id": f"J{job}"}
        rows.append({**common, "type": "ROUTED", "ts": "2026-01-05", "attributes": json.dumps(says)})
        if rng.random() < (known if arm == "new" else 1.0):
            outcome = "success" if rng.random() < rates[arm] else "failure"
            rows.append({**common, "type": "OUTCOME", "ts": "2026-01-06", "outcome": outcome})
    return rows


def test_limits_hold_at_every_look() -> None:
    """Equal arms, looked at after every 20 jobs up to 2,000: a difference is seen in at most 5 % of the worlds, ever."""
    rng, worlds, looks = np.random.default_rng(5), 300, np.arange(20, 1_001, 20)
    k = np.cumsum(rng.random((2, worlds, 1_000)) < 0.6, axis=2)[:, :, looks - 1]
    n = np.broadcast_to(looks, k.shape)
    low, high = (limit.reshape(worlds, -1) for limit in difference_limits(k.reshape(2, -1), n.reshape(2, -1), 0.05))
    ever = ((low > 0) | (high < 0)).any(axis=1).mean()
    assert ever <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / worlds)
    # limits for one look are crossed far more often
    error = np.sqrt(2 * 0.6 * 0.4 / looks)
    assert (np.abs(k[1] - k[0]) / looks > 1.96 * error).any(axis=1).mean() > 0.15


def test_the_promised_power_is_had() -> None:
    log = compare_arms(_log({"old": 0.8, "new": 0.8}, 400, 3), first="old", effect=0.1)
    needed = int(log.differences["jobs_needed"][0])
    base = sum(log.arms["successes"].to_list()) / sum(log.arms["known"].to_list())
    rng, worlds = np.random.default_rng(6), 2_000
    k = np.stack([rng.binomial(needed, base - 0.05, worlds), rng.binomial(needed, base + 0.05, worlds)])
    low, _ = difference_limits(k, np.full(k.shape, needed), 0.05)
    assert abs((low > 0).mean() - 0.8) < 3 * np.sqrt(0.8 * 0.2 / worlds) + 0.03  # the promise is a normal approximation


def test_what_makes_a_comparison_doubtful_is_said() -> None:
    log = _log({"old": 0.6, "new": 0.6}, 1_500, 1)
    even = compare_arms(log)
    assert not even.warnings and even.differences["verdict"].to_list() == ["open"]
    assert (
        "some jobs may be missing"
        in compare_arms(_log({"old": 0.6, "new": 0.6}, 1_500, 1), shares={"old": 3, "new": 1}).warnings[0]
    )
    assert "known of the arms to different parts" in compare_arms(_log({"old": 0.6, "new": 0.6}, 1_500, 1, known=0.6)).warnings[0]
    rows = _log({"old": 0.6, "new": 0.6}, 50, 1)
    says = {"propensity": 1.0, "candidates": ["m"], "propensities": [1.0], "experiment": "trial"}
    rows += [
        {"type": "ROUTED", "actor": "m", "case_id": "J0", "ts": "2026-01-07", "attributes": json.dumps({**says, "arm": arm})}
        for arm in ("old", "new")
    ]
    assert "1 jobs were routed in several arms" in compare_arms(rows).warnings[0]
    alike = compare_arms(_log({"old": 0.6, "new": 0.6}, 4_000, 2), effect=0.2)
    assert alike.differences["verdict"].to_list() == ["alike"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\narms:\n  a: {strategy: seed}\n", "two arms or more"),
        ("name: x\narms:\n  a: {strategy: seed}\n  b: {strategy: best}\n", "unknown strategy best"),
        ("name: x\narms:\n  a: {strategy: seed, share: 0}\n  b: {strategy: seed}\n", "share"),
    ],
)
def test_experiments_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(RuleError, match=said):
        Experiment(tmp_path / "x.yaml", MODELS)


@pytest.mark.parametrize(("seed", "strategy"), [(1, "seed"), (2, "epsilon_greedy"), (3, "thompson")])
def test_choices_of_a_simulated_world_say_their_true_chances(seed: int, strategy: str) -> None:
    scenario = aura.Scenario.from_yaml("simulations/model_league.yaml").changed(routing={"strategy": strategy, "exploration": 0.4})
    run = aura.simulate(scenario, seed, days=60)
    choices = routed_choices(run.events)
    assert choices.height == run.truth.cases.filter(run.truth.cases["arrival"] <= run.events["ts"].max()).height
    names = [agent.name for agent in scenario.agents]
    expected = dict.fromkeys(names, 0.0)
    for row in choices.iter_rows(named=True):
        assert row["propensity"] == pytest.approx(dict(zip(row["candidates"], row["propensities"], strict=True))[row["actor"]])
        for name, chance in zip(row["candidates"], row["propensities"], strict=True):
            expected[name] += chance
    counts = [choices.filter(actor=name).height for name in names]
    spread = [3.5 * np.sqrt(expected[name]) for name in names]
    assert all(abs(got - expected[name]) < wide for got, name, wide in zip(counts, names, spread, strict=True))


@pytest.mark.slow
def test_off_policy_values_hold_the_truth_of_simulated_worlds() -> None:
    """Chances that are fixed beforehand: limits of 95 % hold the true accuracy of each model in about 95 of 100 worlds."""
    scenario = aura.Scenario.from_yaml("simulations/model_league.yaml").changed(routing={"strategy": "seed", "exploration": 1.0})
    held = {"ips": 0, "snips": 0, "dr": 0}
    worlds = 40
    for replication in range(worlds):
        events = aura.simulate(scenario, 0, replication=replication, days=30).events
        for agent in scenario.agents:
            found = evaluate_routing(events, agent.name)
            for name in held:
                low, high = getattr(found, name)[1:]
                held[name] += low <= agent.accuracy <= high
    n = worlds * len(scenario.agents)
    for name, count in held.items():
        assert abs(count / n - 0.95) < 3.5 * np.sqrt(0.95 * 0.05 / n), (name, count / n)
