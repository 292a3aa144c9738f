"""The engine against a SimPy model of the same rules: the same events, to the last digit."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from aura_analytics import Scenario, simulate
from aura_analytics.simulation.scenario import shipped
from tests.simulation.reference import Model

WORLD: dict[str, Any] = {
    "name": "compared",
    "days": 12,
    "start": "2026-01-07",
    "queues": [
        {"name": "loans", "per_day": 60, "approve_is_right": 0.7, "hours": [0] * 7 + [1, 3, 3, 2, 0, 2, 3, 2, 1] + [0.5] * 8},
        {"name": "tax", "per_day": 25, "weekdays": [2, 1, 1, 1, 1, 0, 0]},
    ],
    "agents": [
        {"name": "steady", "accuracy": {"loans": 0.9, "tax": 0.7}, "hallucination": 0.1, "weight": 2},
        {
            "name": "new",
            "count": 2,
            "accuracy": 0.8,
            "accuracy_denials": 0.5,
            "too_short": 0.2,
            "drift": [{"day": 6, "accuracy": -0.3}],
        },
    ],
    "officers": [
        {
            "name": "anne",
            "count": 5,
            "service": {"minutes": 25},
            "shift": {"start": 8, "end": 16.5},
            "overrides_wrong": 0.8,
            "overrides_right": 0.1,
            "fatigue": 0.5,
            "automation_bias": 0.4,
        },
        {
            "name": "night",
            "queues": ["tax"],
            "service": {"minutes": 12, "kind": "exponential"},
            "overrides_wrong": 0.4,
            "overrides_right": 0.2,
        },
        {
            "name": "weekend",
            "count": 2,
            "service": {"minutes": 9, "kind": "constant"},
            "shift": {"start": 10, "end": 20, "days": [5, 6]},
            "overrides_wrong": 1,
            "overrides_right": 0,
        },
    ],
    "citizens": {"response": 0.4, "stars_lost_per_day": 0.3, "days_until": 1},
    "audited": 0.3,
    "audit_days": 2.5,
    "overloaded": True,
}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_engine_is_the_slow_model(seed: int) -> None:
    scenario = Scenario.read(WORLD)
    run, slow = simulate(scenario, seed), Model(scenario, seed).run()
    assert (
        run.events.height > 4_000 and run.events["ts"].is_sorted() and set(run.events["type"].unique()) >= {"OVERRIDE", "OUTCOME"}
    )
    assert run.events.sort("event_id").equals(slow.sort("event_id"))
    fast = simulate(scenario, seed, ordered=False).events
    assert not fast["ts"].is_sorted() and fast.sort("event_id").equals(slow.sort("event_id"))


@pytest.mark.parametrize("name", ["fraud_unit", "model_league", "orchestrator"])
def test_shipped_worlds_are_those_of_the_slow_model(name: str) -> None:
    scenario = Scenario.from_yaml(shipped()[name]).model_copy(update={"days": 10, "hr": None, "routing": None})
    assert simulate(scenario, 5).events.sort("event_id").equals(Model(scenario, 5).run().sort("event_id"))


def test_a_shared_line_is_that_of_the_slow_model() -> None:
    officer = {**WORLD["officers"][0], "fatigue": 0, "automation_bias": 0, "pooled": True}
    officers = [
        {**officer, "count": 3},
        {**officer, "name": "taxers", "count": 2, "queues": ["tax"]},
        {**WORLD["officers"][1], "queues": None},
    ]
    scenario = Scenario.read({**WORLD, "officers": officers})
    run, slow = simulate(scenario, 2), Model(scenario, 2).run()
    assert run.events.sort("event_id").equals(slow.sort("event_id")) and run.truth.cases["officer"].n_unique() == 6


def test_epochs_change_nothing_by_themselves() -> None:
    """HR that never acts: what waits at the end of an epoch is taken up by the next as if there were none."""
    never = {"policy": "tracker", "every_days": 1, "window": "1d"}
    good = [{**each, "overrides_wrong": 0.1, "overrides_right": 0.02} for each in WORLD["officers"]]
    free = simulate(Scenario.read({**WORLD, "officers": good}), 3)
    ruled = simulate(Scenario.read({**WORLD, "officers": good, "hr": never}), 3)
    assert ruled.actions.height == 0 and ruled.events.sort("event_id").equals(free.events.sort("event_id"))
    both = (run.truth.cases.sort("case_id") for run in (free, ruled))
    assert next(both).equals(next(both))


def test_to_a_file(tmp_path: Any) -> None:
    scenario = Scenario.read(WORLD)
    whole = simulate(scenario, 1)
    runs = [simulate(scenario, 1, out=tmp_path / f"{i}.parquet") for i in range(2)]
    assert (tmp_path / "0.parquet").read_bytes() == (tmp_path / "1.parquet").read_bytes()
    assert runs[0].events.equals(whole.events) and runs[0].scan().select(pl.len()).collect().item() == whole.events.height
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.parquet", "1.parquet"]
