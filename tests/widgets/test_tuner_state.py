"""The tuner's state: whatever is set, its verdicts are those of the policy that it would save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import Policy, Scenario
from aura_analytics.errors import ParameterError
from aura_analytics.rules.engine import VERDICTS
from aura_analytics.simulation.scenario import shipped
from aura_analytics.widgets import ThresholdTuner
from aura_analytics.widgets.tuner.heat import heat
from aura_analytics.widgets.tuner.state import LEVELS, TunerState
from tests.simulation.test_loop import HARSH, ONE, STRICT

LOG = aura.sample_log(1_500, seed=3)
PLAIN = Policy(
    {
        "name": "plain",
        "rules": [
            {
                "id": "rate",
                "when": {
                    "any": [
                        {"metric": "override_rate", "above": 0.4},
                        {"metric": "sat_score_mean", "at_most": 2.5, "missing_as": 5},
                    ]
                },
            },
            {"id": "slow", "when": {"metric": "avg_processing_hours", "at_least": 40, "min_n": 10}},
        ],
    }
)
STATES = {"gate": TunerState(LOG, "evidence_gated"), "plain": TunerState(LOG, PLAIN)}


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(which=st.sampled_from(["gate", "plain"]), data=st.data())
def test_any_state_is_its_policy(which: str, data: st.DataObject) -> None:
    state = STATES[which]
    state.reset()
    for setting in data.draw(st.lists(st.sampled_from(state.settings), max_size=4)):
        if setting.choices:
            state.set(setting.key, data.draw(st.sampled_from(setting.choices)))
        elif setting.step == 1 and setting.key.endswith(("min_n", "k", "m")):
            state.set(setting.key, data.draw(st.integers(int(setting.low), int(setting.high))))
        else:
            state.set(setting.key, data.draw(st.floats(setting.low, setting.high)))
    policy = state.policy
    board = aura.dossiers(LOG, policy=policy, metrics=policy.metrics)
    assert state.actors.equals(board["actor"])
    assert [VERDICTS[code] for code in state.verdicts] == board["pip_status"].cast(pl.String).to_list()


def test_who_enters_and_who_leaves() -> None:
    state = TunerState(LOG, "evidence_gated")
    assert state.flagged and state.changes.is_empty()
    before = set(state.flagged)
    state.set("pip.override_rate.threshold", 0.9)
    assert not state.flagged and set(state.changes["actor"]) == before and set(state.changes["change"]) == {"leaves"}
    assert all("90" in " ".join(reasons) for reasons in state.changes["reasons"].to_list())
    state.reset()
    for key, value in (("pip.override_rate.threshold", 0.0), ("pip.sat_score_mean.threshold", 5.0)):
        state.set(key, value)
    assert set(state.changes.filter(change="enters")["actor"]) == set(state.flagged) - before != set()
    state.reset()
    assert set(state.flagged) == before and "TunerState('evidence_gated'" in repr(state)


def test_errors_are_those_of_the_sweep() -> None:
    """False flags, missed ones and the case load, beside the same worlds read by `rule_error_rates`."""
    scenario = Scenario.read(
        {**ONE, "days": 120, "citizens": HARSH, "officers": [{**ONE["officers"][0], "overrides_right": 0.2}, STRICT]}
    )
    state = TunerState(LOG, "evidence_gated", scenario=scenario, worlds=6, seed=4)
    for threshold in (0.2, 0.3, 0.5):
        state.set("pip.override_rate.threshold", threshold)
        found = aura.rule_error_rates(state.policy, scenario, 6, 4, every_days=30)
        rates = dict(found.rates.select("rate", "value").rows())
        errors = state.errors
        assert errors is not None
        assert errors["false_flags"] == pytest.approx(rates["false_flags_per_officer_year"]) and errors[
            "detected"
        ] == pytest.approx(rates["detected"])
    assert TunerState(LOG, "evidence_gated").errors is None and TunerState(LOG, "evidence_gated").confusion is None


def test_a_simulated_run_knows_the_truth() -> None:
    run = aura.simulate(Scenario.read({**ONE, "days": 120, "citizens": HARSH, "officers": [ONE["officers"][0], STRICT]}), 1)
    state = TunerState(run, Policy.tracker(), worlds=2)
    assert state.confusion == {"hit": 1, "false_flag": 0, "missed": 0, "right_not": 4} and state.errors is not None
    state.set("pip.override_rate.threshold", 1.0)
    assert state.confusion["missed"] == 1
    curve = state.curve("pip.override_rate.threshold", 11)
    assert curve["flagged"].is_sorted(descending=True) and curve["missed"].is_sorted() and curve["missed"][-1] == 1
    assert state.confusion["missed"] == 1  # the curve leaves everything as it was


def test_a_grid_is_every_state() -> None:
    state = TunerState(LOG, "evidence_gated")
    grid = state.grid("pip.override_rate.threshold", "pip.sat_score_mean.threshold", 9, (0, 5, 30))
    assert grid.shape == (9, 9, 3) and grid.max() > 2
    for i, rate in enumerate(np.linspace(0, 1, 9)):
        for j, stars in enumerate(np.linspace(1, 5, 9)):
            for d, least in enumerate((0, 5, 30)):
                for key, value in (
                    ("override_rate.threshold", rate),
                    ("sat_score_mean.threshold", stars),
                    ("override_rate.min_n", least),
                    ("sat_score_mean.min_n", least),
                ):
                    state.set(f"pip.{key}", float(value) if "threshold" in key else value)
                assert grid[i, j, d] == len(state.flagged), (rate, stars, least)
    with pytest.raises(ParameterError, match="a grid needs"):
        TunerState(LOG, PLAIN).grid("rate.override_rate.threshold", "rate.sat_score_mean.threshold")


def test_what_is_saved(tmp_path: Path) -> None:
    state = TunerState(LOG, "evidence_gated")
    state.set("pip.override_rate.confidence", LEVELS[1])
    state.set("m", 3)
    path = state.save(tmp_path / "mine.yaml", "anne")
    text = path.read_text()
    assert "by anne on" in text and state.digest in text and "Tuned from evidence_gated version 1" in text
    again = Policy.from_yaml(path)
    assert again.spec.persistence is not None and again.spec.persistence.m == 3 and again.name == "evidence_gated_tuned"
    assert TunerState(LOG, again).flagged == state.flagged
    with pytest.raises(ParameterError, match="exists already"):
        state.save(path, "anne")
    with pytest.raises(ParameterError, match="who set the thresholds"):
        state.to_yaml(" ")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("pip.override_rate.treshold", 0.1, "did you mean 'pip.override_rate.threshold'"),
        ("pip.override_rate.threshold", 1.2, "0 to 1"),
        ("pip.override_rate.confidence", 0.5, "0.8 or 0.9"),
        ("window", "7d", "30d or 60d"),
        ("k", True, "1 to 6"),
    ],
)
def test_what_cannot_be_set(key: str, value: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        TunerState(LOG, "evidence_gated").set(key, value)
    sticky = {
        "name": "s",
        "rules": [
            {"id": "r", "when": {"metric": "override_rate", "above": 0.3}, "clear_when": {"metric": "override_rate", "below": 0.2}}
        ],
    }
    with pytest.raises(ParameterError, match="clear_when"):
        TunerState(LOG, Policy(sticky))
    with pytest.raises(ParameterError, match="no events to tune on"):
        TunerState(aura.events.empty())


def test_a_board_alone() -> None:
    board = aura.dossiers(LOG)
    state = TunerState(board, "evidence_gated")
    assert state.flagged == TunerState(LOG, "evidence_gated").flagged and "window" not in {
        setting.key for setting in state.settings
    }
    started = time.perf_counter()
    state.set("pip.override_rate.threshold", 0.2)
    assert time.perf_counter() - started < 1


WHOLE_LOG = Policy(
    {"name": "any", "window": None, "rules": [{"id": "pip", "when": {"metric": "override_rate", "above": 0.2, "anytime": 0.05}}]}
)
LATER = Policy(
    {
        "name": "later",
        "window": None,
        "rules": [
            {"id": "pip", "when": {"metric": "override_rate", "above": 0.2, "min_n": 150, "limit": "lower", "confidence": 0.85}}
        ],
    }
)
ROLES = Policy(
    {
        "name": "roles",
        "roles": {"judges": sorted(aura.dossiers(LOG).filter(pl.col("override_rate_n") > 0)["actor"])},
        "rules": [{"id": "peers", "when": {"metric": "override_rate", "above": {"role_rate_plus": 0.05}, "min_n": 3}}],
    }
)


@pytest.mark.parametrize("policy", [WHOLE_LOG, LATER, ROLES], ids=["anytime", "whole log", "roles"])
def test_verdicts_and_the_file_are_the_policy_s(policy: Policy, tmp_path: Path) -> None:
    state = TunerState(LOG, policy)
    board = aura.dossiers(LOG, policy=policy)
    want = policy.evaluate(board)
    mine = dict(zip(state.actors.to_list(), [VERDICTS[code] for code in state.verdicts], strict=True))
    assert mine == {
        actor: str(verdict) for actor, verdict in want.filter(pl.col("actor").is_in(list(mine))).select("actor", "verdict").rows()
    }
    assert set(want.filter(verdict="flag")["actor"]) == set(state.flagged)
    again = Policy.from_yaml(state.save(tmp_path / "tuned.yaml", "R. Roe"))
    assert again.spec.window == policy.spec.window and again.evaluate(board)["verdict"].equals(want["verdict"])
    for setting in state.settings:  # what is set lies among what can be set
        assert setting.value in setting.choices if setting.choices else setting.low <= setting.value <= setting.high  # type: ignore[operator]
    if "all" in [choice for setting in state.settings if setting.key == "window" for choice in setting.choices]:
        state.set("window", "all")
        assert state.policy.spec.window is None


@pytest.mark.parametrize(("k", "m", "step"), [(2, 3, "7d"), (2, 3, "30d"), (2, 3, "60d"), (5, 6, "7d")])
def test_errors_are_those_of_the_step(k: int, m: int, step: str) -> None:
    rules = [{"id": "rate", "when": {"metric": "override_rate", "above": 0.28, "min_n": 10}}]
    policy = Policy({"name": "lasting", "persistence": {"k": k, "m": m, "step": step}, "rules": rules})
    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).changed(hr=None)
    found = TunerState(aura.sample_log(300, seed=3), policy, scenario=world, worlds=6).errors
    swept = aura.rule_error_rates(policy, world, 6, 0, every_days=int(step[:-1]))
    assert found is not None
    assert found["false_flags"] == pytest.approx(swept.worlds["false_flags_per_officer_year"].mean(), rel=1e-9)
    assert found["missed"] == pytest.approx(1 - swept.worlds["detected"].mean(), rel=1e-9)  # type: ignore[operator]


@pytest.mark.parametrize("days", [90, 365, 500])
def test_both_sides_of_a_cost_are_of_one_time(days: int) -> None:
    world = Scenario.from_yaml(shipped()["fraud_unit"]).for_days(days)
    state = TunerState(aura.sample_log(300, seed=3), "evidence_gated", scenario=world, worlds=4)
    for key, value in (("pip.override_rate.threshold", 0.0), ("pip.sat_score_mean.threshold", 5.0)):
        state.set(key, value)
    wrong = state.errors
    assert wrong is not None and wrong["false_per_100"] == 50.0  # of two officers one does well, and is flagged
    assert wrong["false_flags"] == pytest.approx(365.25 / days)
    state.set("pip.override_rate.threshold", 1.0)
    assert state.errors is not None and (state.errors["false_per_100"], state.errors["missed_per_100"]) == (0.0, 50.0)
    costs = state.costs("pip.override_rate.threshold", missed=3, points=3)
    assert costs["cost"].to_list() == (costs["false_per_100"] + 3 * costs["missed_per_100"]).to_list()
    assert state.played == (days, 4, 30)


def test_what_cannot_be_counted_is_refused_or_left_out(tmp_path: Path) -> None:
    late = Policy({"name": "late", "rules": [{"id": "sla", "when": {"metric": "sla_breach_rate", "above": 0.2}}]})
    with pytest.raises(ParameterError, match="no limit is given"):
        TunerState(LOG, late)
    state = TunerState(LOG, late, sla="24h")
    assert set(state.flagged) == set(late.evaluate(aura.dossiers(LOG, sla="24h")).filter(verdict="flag")["actor"]) != set()
    run = aura.simulate(Scenario.from_yaml(shipped()["fraud_unit"]).for_days(40), 1)
    machines = Policy(
        {"name": "machines", "kinds": ["agent"], "rules": [{"id": "r", "when": {"metric": "overridden_rate", "above": 0.3}}]}
    )
    assert TunerState(run, machines).confusion is None and TunerState(run).confusion is not None
    with pytest.raises(ParameterError, match="one line"):
        TunerState(LOG, "evidence_gated").to_yaml("Anne\nversion: 7")


def test_a_ledger_whatever_hr_did_since(tmp_path: Path) -> None:
    with aura.Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        ledger.record_events(LOG)
        before = TunerState(ledger, "evidence_gated").flagged
        aura.HRDesk(ledger).act("suspension", "officer_bob@sba.gov", "officer", rule="x", reason="x", days=3)
        assert TunerState(ledger, "evidence_gated").flagged == before == TunerState(LOG, "evidence_gated").flagged != []


def test_the_widget_shows_what_the_state_has() -> None:
    tuner = ThresholdTuner(LOG, "evidence_gated")
    tuner.state.set("pip.override_rate.threshold", 0.05)
    assert {one["key"]: one["value"] for one in tuner.settings}["pip.override_rate.threshold"] == 0.05
    assert next(leaf["thresholds"] for leaf in tuner.leaves if leaf["key"] == "pip.override_rate") == [0.05]
    assert list(tuner.result["verdicts"]) == tuner.state.verdicts.tolist()
    tuner.asked = {"values": {"pip.override_rate.threshold": 7}, "at": 1}
    assert "out of range" in tuner.failed["text"]
    assert {one["key"]: one["value"] for one in tuner.settings}["pip.override_rate.threshold"] == 0.05
    # where nothing can be drawn the widget is there all the same
    bare = ThresholdTuner(LOG.filter(pl.col("type") != "SAT_SCORE"), "evidence_gated")
    assert bare._repr_mimebundle_()[0]["image/png"]


def test_the_saved_policy_s_errors_stay_whatever_is_set() -> None:
    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(90)
    state = TunerState(aura.sample_log(300, seed=3), "evidence_gated", scenario=world, worlds=3)
    saved = state.errors
    assert state.saved_errors == saved is not None
    for key, value in (("window", "30d"), ("pip.override_rate.threshold", 0.0), ("pip.sat_score_mean.threshold", 5.0)):
        state.set(key, value)
    assert state.saved_errors == saved != state.errors
    assert TunerState(aura.sample_log(300, seed=3), "evidence_gated", scenario=world, worlds=3).errors == saved


def test_limits_of_errors_are_those_of_what_was_counted() -> None:
    from scipy.stats import chi2

    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(90)
    state = TunerState(aura.sample_log(300, seed=3), "evidence_gated", scenario=world, worlds=3)
    state.set("pip.override_rate.threshold", 0.1)
    state.set("pip.sat_score_mean.threshold", 3.3)
    found = state.errors
    assert found is not None
    exposed = 10 * 3 * 90 / 365.25  # ten who do well, three worlds
    count = round(found["false_flags"] * exposed)
    assert count > 0 and found["false_flags_lo"] == pytest.approx(chi2.ppf(0.025, 2 * count) / 2 / exposed)
    assert found["false_flags_hi"] == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2 / exposed)
    assert (
        found["flags"] >= (count + 9 * (1 - found["missed"])) / (13 * 3 * 90 / 365.25) - 1e-9
    )  # who is ever flagged comes to be flagged


def test_a_curve_is_what_setting_gives() -> None:
    slow = Policy({"name": "slow", "rules": [{"id": "slow", "when": {"metric": "avg_processing_hours", "above": 31.0}}]})
    state, other = TunerState(LOG, slow), TunerState(LOG, slow)
    for value, flagged in state.curve("slow.avg_processing_hours.threshold", 21).select("value", "flagged").rows():
        other.set("slow.avg_processing_hours.threshold", value)
        assert len(other.flagged) == flagged, value
    lasting = Policy(
        {
            "name": "lasting",
            "persistence": {"k": 2, "m": 3, "step": "20d"},
            "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.2}}],
        }
    )
    state = TunerState(LOG, lasting)
    for value, flagged in state.curve("m", 6).select("value", "flagged").rows():
        other = TunerState(LOG, lasting)
        other.set("m", int(value))
        assert len(other.flagged) == flagged, value


def test_a_large_office_can_be_tuned() -> None:
    many = Scenario.read(
        {
            "name": "large",
            "days": 120,
            "queues": [{"name": "claims", "per_day": 480}],
            "agents": [{"name": "model", "accuracy": 0.85}],
            "officers": [
                {"name": "officer", "count": 100, "service": {"minutes": 30}, "overrides_wrong": 0.8, "overrides_right": 0.1}
            ],
        }
    )
    found = TunerState(aura.sample_log(300, seed=3), "evidence_gated", scenario=many, worlds=12).errors
    assert found is not None and np.isnan(found["missed"]) and found["false_flags_hi"] > found["false_flags"] >= 0
    with pytest.raises(ParameterError, match="persistence needs the events"):
        TunerState(
            aura.dossiers(LOG),
            Policy(
                {
                    "name": "l",
                    "persistence": {"k": 2, "m": 3, "step": "20d"},
                    "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.2}}],
                }
            ),
        )


def test_costs_that_cannot_be_counted_are_refused() -> None:
    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(60)
    late = Policy({"name": "late", "rules": [{"id": "sla", "when": {"metric": "sla_breach_rate", "above": 0.2}}]})
    for state in (TunerState(LOG, late, sla="24h", scenario=world, worlds=2), TunerState(LOG, ROLES, scenario=world, worlds=2)):
        assert state.errors is None
        key = next(one.key for one in state.settings if one.key.endswith("min_n"))
        with pytest.raises(ParameterError, match="cannot be counted"):
            state.costs(key)
    with pytest.raises(ParameterError, match="need a scenario"):
        TunerState(LOG, "evidence_gated").costs("pip.override_rate.threshold")


def test_a_map_of_two_thresholds_is_every_pair() -> None:
    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(60)
    tuner = ThresholdTuner(LOG, "evidence_gated", scenario=world, worlds=3)
    state, pair = tuner.state, ("pip.override_rate.threshold", "pip.sat_score_mean.threshold")
    before = [one.value for one in state.settings]
    table = heat(state, *pair, 5)
    assert [one.value for one in state.settings] == before and table.height == 25
    fresh = TunerState(LOG, "evidence_gated", scenario=world, worlds=3)
    for row in table.sample(6, seed=1).iter_rows(named=True):
        fresh.set(pair[0], row["first"])
        fresh.set(pair[1], row["second"])
        wrong = fresh.errors
        assert wrong is not None and row["flagged"] == len(fresh.flagged)
        assert row["false_per_100"] == pytest.approx(wrong["false_per_100"])
        assert row["missed_per_100"] == pytest.approx(wrong["missed_per_100"])
    # the grid of counts is the same map, made another way
    grid = state.grid(*pair, points=5, min_ns=[5])
    assert table["flagged"].to_list() == grid[:, :, 0].ravel().tolist() and table["flagged"].n_unique() > 3
    # stricter on one side never flags more
    assert all(
        part["flagged"].to_list() == sorted(part["flagged"], reverse=True) for part in table.sort("first").partition_by("second")
    )
    tuner.asked = {"heat": list(pair), "at": 1}
    assert tuner.heat["x"]["key"] == pair[0] and len(tuner.heat["flagged"]) == 225 and tuner.answered == 1
    tuner.asked = {"heat": [pair[0], pair[0]], "at": 2}
    assert "two thresholds" in tuner.failed["text"] and tuner.answered == 2
    with pytest.raises(ParameterError, match="points is out of range"):
        heat(state, *pair, 1)


def test_settings_are_kept_side_by_side() -> None:
    tuner = ThresholdTuner(LOG, "evidence_gated")
    key = "pip.override_rate.threshold"
    tuner.asked = {"keep": "as saved", "at": 1}
    tuner.asked = {"keep": "", "values": {key: 0.1}, "at": 2}  # what was moved and not told yet comes along
    assert [one["name"] for one in tuner.views] == ["as saved", "view 2"]
    assert tuner.views[0]["moved"] == [] and "10.0 %" in tuner.views[1]["moved"][0]
    assert tuner.views[1]["flagged"] == len(tuner.state.flagged) >= tuner.views[0]["flagged"]
    tuner.asked = {"view": 0, "at": 3}
    assert tuner.state.policy.spec.rules[0].when.all[0].threshold == 0.3  # type: ignore[union-attr]
    assert tuner.result["at"] == 3


def test_a_curve_says_what_it_depends_on() -> None:
    world = Scenario.from_yaml(shipped()["loan_forgiveness"]).for_days(60)
    tuner = ThresholdTuner(LOG, "evidence_gated", scenario=world, worlds=2)
    tuner.asked = {"curve": "pip.override_rate.threshold", "values": {"pip.sat_score_mean.threshold": 2.0}, "at": 1}
    stands = dict(tuner.curve["stands"])
    assert stands["pip.sat_score_mean.threshold"] == 2.0 and "pip.override_rate.threshold" not in stands
    assert tuner.curve["false_per_100"] == tuner.state.curve("pip.override_rate.threshold")["false_per_100"].to_list()
