"""Reading a scenario off a log: what was put into a simulated log comes out again, and playing it brings the log back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import aura_analytics as aura
from aura_analytics import Scenario, fit_check, fit_scenario, simulate
from aura_analytics.errors import ParameterError
from aura_analytics.simulation.fit_work import lindley, service
from aura_analytics.simulation.fitting import _shifted
from aura_analytics.simulation.scenario import shipped
from tests.cli.test_cli import ROOT, run

WORLD: dict[str, Any] = {
    "name": "known",
    "days": 150,
    "queues": [
        {
            "name": "loans",
            "per_day": 60,
            "approve_is_right": 0.75,
            "hours": [0] * 8 + [1, 2, 3, 3, 1, 2, 2, 1] + [0] * 8,
            "weekdays": [2, 1, 1, 1, 1, 0, 0],
        }
    ],
    "agents": [{"name": "a", "accuracy": 0.9, "accuracy_denials": 0.6, "weight": 3}, {"name": "b", "accuracy": 0.7}],
    "officers": [
        {
            "name": "line",
            "count": 3,
            "service": {"minutes": 30, "cv": 0.7},
            "shift": {"start": 8, "end": 17},
            "overrides_wrong": 0.8,
            "overrides_right": 0.1,
        },
        {
            "name": "side",
            "weight": 2,
            "capacity": None,
            "service": {"minutes": 600, "kind": "exponential"},
            "shift": {"start": 9, "end": 18},
            "overrides_wrong": 0.5,
            "overrides_right": 0.3,
        },
        {
            "name": "box",
            "kind": "system",
            "decides": 0,
            "capacity": None,
            "service": {"minutes": 0.5, "kind": "constant"},
            "overrides_wrong": 0,
            "overrides_right": 0,
        },
    ],
    "citizens": {"response": 0.4, "approved": [0.05, 0.05, 0.1, 0.3, 0.5], "denied": [0.5, 0.2, 0.1, 0.1, 0.1], "days_until": 3},
    "audited": 0.4,
    "audit_days": 10,
}


def test_what_was_put_in_comes_out() -> None:
    log = simulate(Scenario.read(WORLD), 3).events
    found = fit_scenario(log)
    world, queue = found.scenario, found.scenario.queues[0]
    assert found.assumed == () and (queue.name, world.days, world.scored) == ("loans", 150, True)
    assert abs(queue.per_day - 60) < 4 * np.sqrt(60 / 150) and abs(queue.approve_is_right - 0.75) < 0.03
    assert np.abs(np.array(queue.hours) - np.array(WORLD["queues"][0]["hours"]) / 15).max() < 0.02
    assert np.abs(np.array(queue.weekdays) - np.array([2, 1, 1, 1, 1, 0, 0]) / 6).max() < 0.02
    agents = {agent.name: agent for agent in world.agents}
    assert agents["a"].accuracy_denials is not None and not isinstance(agents["a"].accuracy, dict)
    assert (
        abs(agents["a"].weight - 0.75) < 0.03
        and abs(agents["a"].accuracy - 0.9) < 0.03
        and abs(agents["a"].accuracy_denials - 0.6) < 0.06
    )
    officers = {officer.name: officer for officer in world.officers}
    line, side, box = officers["line_02"], officers["side"], officers["box"]
    assert (
        line.capacity == 1
        and line.service.kind == "lognormal"
        and abs(line.service.minutes / 30 - 1) < 0.08
        and abs(line.service.cv - 0.7) < 0.1
    )
    assert line.shift is not None and (line.shift.start, line.shift.end, line.shift.days) == (8, 17, (0, 1, 2, 3, 4))
    assert side.capacity is None and side.service.kind == "exponential" and abs(side.service.minutes / 600 - 1) < 0.08
    assert (box.kind, box.decides) == ("system", 0) and abs(side.weight / line.weight - 2) < 0.3
    assert abs(line.overrides_wrong - 0.8) < 0.1 and abs(line.overrides_right - 0.1) < 0.05
    citizens = world.citizens
    assert abs(citizens.response - 0.4) < 0.03 and abs(citizens.days_until - 3) < 0.3 and citizens.stars_lost_per_day == 0
    assert np.abs(np.array(citizens.approved) - WORLD["citizens"]["approved"]).max() < 0.04
    assert np.abs(np.array(citizens.denied) - WORLD["citizens"]["denied"]).max() < 0.06
    assert abs(world.audited - 0.4 * 0.8) < 0.06 and world.audit_days == pytest.approx(
        10, abs=0.01
    )  # of all cases: the box's are never audited
    again = Scenario.read(yaml.safe_load(world.to_yaml()))
    assert again == world and aura.events.validate(simulate(again, 1, days=5).events).height > 500


def test_playing_it_brings_the_log_back() -> None:
    log = simulate(Scenario.read(WORLD), 3).events
    check = fit_check(fit_scenario(log).scenario, log, replications=8)
    rows = {row["marginal"]: row for row in check.iter_rows(named=True)}
    for name in (
        "cases a day",
        "override rate",
        "approved",
        "rated",
        "stars, mean",
        "decided on a recommendation",
    ):
        assert rows[name]["distance"] < 0.05, rows[name]
        assert rows[name]["lo"] <= rows[name]["simulated"] <= rows[name]["hi"]
    for name in ("arrivals by hour", "arrivals by weekday", "cases by officer", "stars", "processing time", "overrides by officer"):
        assert rows[name]["distance"] < 0.06, rows[name]
    # another world is seen to be another
    other = fit_check(Scenario.from_yaml(shipped()["fraud_unit"]), log, replications=2)
    far = {row["marginal"]: row["distance"] for row in other.iter_rows(named=True)}
    assert far["cases by officer"] > 0.999 and far["processing time"] > 0.3 and far["cases a day"] > 0.5
    with pytest.raises(ParameterError, match="replications is out of range"):
        fit_check(Scenario.from_yaml(shipped()["fraud_unit"]), log, replications=1)


def test_a_log_that_says_little() -> None:
    """No adjudications, no ratings, words of its own, a quiet end, people with few cases."""
    start = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)
    records: list[dict[str, Any]] = []
    for i in range(60):
        at, who = start + timedelta(hours=5 * i), "ann" if i < 50 else "bea"
        case = {"case_id": f"c{i}", "actor_kind": "officer"}
        records += [
            {**case, "type": "OPENED", "ts": at, "actor": None, "actor_kind": None},
            {
                **case,
                "type": "OVERRIDE" if i % 4 == 0 else "DECISION",
                "ts": at + timedelta(minutes=30),
                "actor": who,
                "agent": "m",
                "ai_recommendation": "GO",
                "human_verdict": "STOP" if i % 4 == 0 else "GO",
            },
        ]
    records.append(
        {"type": "RESOLVED", "case_id": "late", "actor": "ann", "actor_kind": "officer", "ts": start + timedelta(days=40)}
    )
    records.append({"type": "OPENED", "case_id": "late", "ts": start})
    found = fit_scenario(aura.events.from_records(records))
    said = " ".join(found.assumed)
    for words in (
        "recommendations are taken as right",
        "fewer than 30 cases",
        "No case arrives in the last",
        "reads like an approval: GO",
    ):
        assert words in said, words
    world = found.scenario
    assert (
        world.citizens.response == 0 and not world.scored and world.arrivals_until == 13 and world.queues[0].approve_is_right == 1
    )
    ann = next(officer for officer in world.officers if officer.name == "ann")
    assert ann.overrides_right == ann.overrides_wrong == pytest.approx(13 / 50)
    cases = simulate(world, 1).truth.cases
    assert cases["arrival"].max() < start + timedelta(days=13) and (cases["ai_recommendation"] == "APPROVE").all()  # type: ignore[operator]
    with pytest.raises(ParameterError, match="no case that somebody ended"):
        fit_scenario(aura.events.empty())


def test_parts() -> None:
    assert lindley(np.array([0, 5, 30]), np.array([10, 20, 40])).tolist() == [10, 10, 10]
    rng = np.random.default_rng(1)
    assert service(rng.exponential(20, 2_000))["kind"] == "exponential" and service(np.full(50, 7.0)) == {
        "minutes": 7.0,
        "kind": "constant",
    }
    both = np.concatenate([rng.normal(5, 0.5, 1_000), rng.normal(300, 20, 1_000)])
    found = service(both)
    assert found["kind"] == "quantiles" and found["minutes"] == pytest.approx(both.mean(), rel=0.01)
    world = {**WORLD, "officers": [{**WORLD["officers"][0], "capacity": None, "shift": None, "service": found}]}
    cases = simulate(Scenario.read(world), 2).truth.cases
    spent = (cases["end"] - cases["start"]).dt.total_seconds().to_numpy() / 60
    assert abs(np.quantile(spent, 0.25) - 5) < 0.3 and abs(np.quantile(spent, 0.75) - 300) < 5
    wrong, right = _shifted(0.3, (0.8, 0.1), 0.85)
    assert 0.15 * wrong + 0.85 * right == pytest.approx(0.3, abs=1e-4) and wrong > 0.8 and right > 0.1
    assert _shifted(0.0, (0.8, 0.1), 0.85) == (0.0, 0.0) and _shifted(0.4, None, 1.0) == (0.4, 0.4)
    with pytest.raises(aura.errors.RuleError, match="quantiles belong to kind quantiles"):
        Scenario.read({**WORLD, "officers": [{**WORLD["officers"][0], "service": {"minutes": 5, "kind": "quantiles"}}]})
    assert pl.Series(aura.Scenario.read(WORLD).to_yaml().splitlines()).str.starts_with("name: known").sum() == 1


@pytest.mark.slow
def test_at_the_command_line(tmp_path: Path) -> None:
    run("simulate", "fraud_unit", "--days", "20", "--out", "log.parquet", "--truth", "truth.parquet", cwd=tmp_path)
    assert "exists already" in run("simulate", "fraud_unit", "--out", "log.parquet", cwd=tmp_path, code=2).stderr
    out = run("simulate", "fit", "log.parquet", "--replications", "2", "--out", "mine.yaml", cwd=tmp_path).stdout
    assert "override rate" in out and "range of 2 worlds" in out and (tmp_path / "mine.yaml").exists()
    told = json.loads(run("simulate", "mine.yaml", "--days", "3", "--json", cwd=tmp_path).stdout)
    assert told["scenario"] == "mine" and told["cases"] > 20
    assert "Missing argument 'events'" in run("simulate", "fit", cwd=tmp_path, code=2).stderr
    naive = ROOT / "fixtures/policies/rate_naive.yaml"
    for more in ([], ["--in-loop"]):
        command: list[str | Path] = [
            "simulate",
            "sweep",
            "fraud_unit",
            "--days",
            "20",
            "--replications",
            "2",
            "--workers",
            "1",
            "--compare",
            naive,
            *more,
        ]
        assert "difference in" in run(*command, cwd=tmp_path).stdout
        found = json.loads(run(*command, "--json", cwd=tmp_path).stdout)
        assert len(found["policies"]) == 2 and found["differences"]
    assert "--in-loop compares two policies" in run("simulate", "sweep", "fraud_unit", "--in-loop", cwd=tmp_path, code=2).stderr
    assert "did you mean 'fraud_unit'" in run("simulate", "fraud_units", cwd=tmp_path, code=2).stderr
