"""The runner: what it finds is what the simulator finds, it can be stopped, and what is refused changes nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.simulation import played as playing
from aura_analytics.simulation.scenario import shipped
from aura_analytics.widgets import RunnerState, ScenarioRunner


def _small(**options: Any) -> RunnerState:
    state = RunnerState("loan_forgiveness", **options)
    state.set("days", 60)
    return state


def test_a_run_is_the_simulator_s() -> None:
    state = _small(seed=3, worlds=5)
    state.set("other", "tracker")
    shares: list[float] = []
    seen: list[int] = []
    result = state.run(lambda share, _words: shares.append(share), lambda found: seen.append(found.worlds))
    assert shares == sorted(shares) and shares[-1] == 1.0 and seen[-1] == 5 and result.complete and state.result is result
    both = aura.compare_policies(aura.Policy.evidence_gated(), aura.Policy.tracker(), state.scenario, 5, 3)
    assert result.differences is not None and result.differences.equals(both.differences)
    assert result.rates["tracker"].rates.equals(both.second.rates) and result.rates["evidence_gated"].rates.equals(both.first.rates)
    alone = aura.simulate(state.scenario, 3, policy=aura.Policy.tracker())
    assert result.runs["tracker"].events.equals(alone.events)
    assert result.outcomes["policy"].to_list() == ["evidence_gated", "tracker"]


def test_fields_change_the_world() -> None:
    state = RunnerState("loan_forgiveness")
    base = aura.Scenario.from_yaml(shipped()["loan_forgiveness"])
    assert state.scenario == base
    for key, value in (
        ("per_day", 42.5),
        ("officers/0/overrides_right", 0.2),
        ("agents/0/accuracy/0", 0.7),
        ("agents/1/accuracy", 0.6),
        ("officers/2/count", 3),
        ("response", 0.5),
        ("audited", 0.0),
        ("days", 90),
    ):
        state.set(key, value)
        assert next(one.value for one in state.settings if one.key == key) == value
    now = state.scenario
    assert [queue.per_day for queue in now.queues] == pytest.approx([queue.per_day / 2 for queue in base.queues])
    assert now.officers[0].overrides_right == 0.2 and now.officers[2].count == 3 and now.days == 90
    assert now.agents[0].accuracy == {"first_draw": 0.7, "second_draw": 0.82} and now.agents[1].accuracy == 0.6
    assert now.citizens.response == 0.5 and now.audited == 0.0
    state.choose("fraud_unit")
    assert state.scenario == aura.Scenario.from_yaml(shipped()["fraud_unit"])


def test_what_is_impossible_changes_nothing() -> None:
    state = RunnerState("loan_forgiveness")
    before = state.scenario
    state.set("officers/0/count", 4)
    before = state.scenario
    with pytest.raises(RuleError, match="times the work"):
        state.set("per_day", 255)
    assert state.scenario == before
    with pytest.raises(ParameterError, match="out of range"):
        state.set("days", 1)
    with pytest.raises(ParameterError, match="no such setting"):
        state.set("day", 30)
    with pytest.raises(ParameterError, match="no such scenario"):
        state.choose("moon")


def test_a_run_can_be_stopped_and_goes_on_where_it_was() -> None:
    state = _small(worlds=30)
    state.set("days", 150)

    def stop_soon(found: Any) -> None:
        if found.worlds:
            state.cancel()

    result = state.run(found=stop_soon)
    assert not result.complete and 0 < result.worlds < 30 and result.runs
    played: list[int] = []
    with pytest.MonkeyPatch.context() as counting:
        real = playing._worlds

        def counted(task: Any) -> Any:
            played.extend(task[1])
            return real(task)

        counting.setattr(playing, "_worlds", counted)
        again = state.run()
    # what was counted before is not played again
    assert again.complete and again.worlds == 30 and sorted(played) == list(range(result.worlds, 30))
    fresh = aura.rule_error_rates(aura.Policy.evidence_gated(), state.scenario, 30, 0)
    assert again.rates["evidence_gated"].rates.equals(fresh.rates)


def test_one_s_own_world_and_rules() -> None:
    own = aura.Scenario.read(
        {
            "name": "tiny",
            "days": 40,
            "queues": [{"name": "loans", "per_day": 10}],
            "agents": [{"name": "model", "accuracy": 0.8}],
            "officers": [{"name": "officer", "service": {"minutes": 20}, "overrides_wrong": 0.8, "overrides_right": 0.1}],
        }
    )
    rule = aura.Policy({"name": "mine", "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.9}}]})
    state = RunnerState(own, [rule], worlds=2)
    assert "tiny" in state.scenarios
    state.set("policy", "mine")
    result = state.run()
    assert list(result.rates) == ["mine"] and result.differences is None
    state.choose("fraud_unit")
    state.choose("tiny")
    assert state.scenario == own


def _until(condition: Any, runner: ScenarioRunner) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, (runner.progress, runner.failed)
        time.sleep(0.01)


def test_the_widget_runs_in_a_thread_and_stops() -> None:
    runner = ScenarioRunner("loan_forgiveness", worlds=500)
    assert runner.picture().startswith(b"\x89PNG") and "not played yet" in repr(runner)
    runner.asked = {"run": True, "values": {"other": "tracker", "days": 200}}
    assert runner.failed == {} and runner.running and runner.progress["running"]
    runner.asked = {"run": True, "at": 1}
    assert "a run is going on" in runner.failed["text"]
    _until(lambda: runner.result.get("rates"), runner)
    runner.asked = {"cancel": True, "at": 2}
    _until(lambda: not runner.running, runner)
    assert runner.progress == {"share": 0.0, "words": "stopped", "running": False}
    shown = runner.result
    assert shown["policies"] == ["evidence_gated", "tracker"] and not shown["complete"] and 0 < shown["worlds"] < 500
    assert len(shown["rates"]) == 4 and all(len(row) == 4 for row in shown["rates"])
    assert all(cell[1] in ("so far", "no world has it") for row in shown["rates"] for cell in row[1:])  # no limits on the way
    assert runner.picture().startswith(b"\x89PNG")


def test_a_refused_value_is_said_and_goes_back() -> None:
    runner = ScenarioRunner("loan_forgiveness")
    runner.asked = {"values": {"officers/0/count": 4, "per_day": 255}, "at": 1}
    assert "times the work" in runner.failed["text"]
    now = {one["key"]: one["value"] for one in runner.settings}
    assert now["per_day"] == 85.0
    runner.asked = {"scenario": "fraud_unit", "at": 2}
    assert runner.failed == {} and runner.world["scenario"] == "fraud_unit"


def test_a_cancel_that_comes_at_once_counts_and_one_before_a_run_does_not() -> None:
    runner = ScenarioRunner("loan_forgiveness", worlds=500)
    runner.asked = {"cancel": True, "at": 1}
    runner.asked = {"run": True, "at": 2}
    runner.asked = {"cancel": True, "at": 3}
    _until(lambda: not runner.running, runner)
    assert runner.progress["words"] == "stopped" and not (runner.state.result and runner.state.result.rates)
    state = _small(worlds=2)
    state.cancel()
    assert state.run().complete


def test_closing_stops_the_run_and_a_new_run_forgets_an_old_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = ScenarioRunner("fraud_unit", worlds=2)
    with monkeypatch.context() as broken:
        broken.setattr(runner.state, "go_on", lambda *_: (_ for _ in ()).throw(ParameterError("it broke")))
        runner.run()
        _until(lambda: not runner.running, runner)
    assert "it broke" in runner.failed["text"] and runner.progress["words"] == "failed"
    runner.run()
    runner.wait(60)
    assert runner.failed == {} and runner.progress["words"] == "done"
    busy = ScenarioRunner("loan_forgiveness", worlds=500)
    busy.run()
    busy.close()
    _until(lambda: not busy.running, busy)


def test_results_belong_to_what_was_played() -> None:
    runner = ScenarioRunner("fraud_unit", worlds=2)
    runner.run()
    runner.wait(60)
    said = repr(runner)
    assert all(" to " in row[1][1] for row in runner.result["rates"] if row[1][0] != "–")
    assert "fraud_unit" in said and runner.result["scenario"] == "fraud_unit" and not runner.state.outdated
    runner.asked = {"scenario": "loan_forgiveness", "at": 1}
    assert repr(runner) == said and runner.state.outdated and "other settings" in runner.said
    runner.asked = {"scenario": "fraud_unit", "at": 2}
    assert not runner.state.outdated and "other settings" not in runner.said


def test_names_are_told_apart() -> None:
    mine = aura.Scenario.from_yaml(shipped()["fraud_unit"]).for_days(33)
    state = RunnerState(mine)
    assert state.chosen == "fraud_unit (yours)"
    state.choose("fraud_unit")
    assert state.scenario.days == 100
    state.choose("fraud_unit (yours)")
    assert state.scenario == mine
    with pytest.raises(ParameterError, match="two policies have one name"):
        RunnerState("fraud_unit", [aura.Policy.tracker()])
    slashed = aura.Scenario.read(
        {
            "name": "tiny",
            "days": 40,
            "queues": [{"name": "a/b", "per_day": 10}],
            "agents": [{"name": "model", "accuracy": {"a/b": 0.8}}],
            "officers": [{"name": "officer", "service": {"minutes": 20}, "overrides_wrong": 0.8, "overrides_right": 0.1}],
        }
    )
    own = RunnerState(slashed)
    own.set("agents/0/accuracy/0", 0.5)
    assert own.scenario.agents[0].accuracy == {"a/b": 0.5}
