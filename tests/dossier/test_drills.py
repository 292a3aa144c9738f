"""Drills count in numbers of their own, and in no other, whenever the log says that a case is one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.simulation.scenario import Scenario, shipped

DAY = datetime(2026, 1, 5, tzinfo=timezone.utc)


def verdict(case: str, said: str, advice: str = "PAY", **more: Any) -> dict[str, Any]:
    kind = "DECISION" if said == advice else "OVERRIDE"
    return {"type": kind, "actor": "anne", "case_id": case, "ai_recommendation": advice, "human_verdict": said, "ts": DAY, **more}


def drill(case: str, truth: str, hours: int = -1) -> dict[str, Any]:
    return {"type": "DRILL", "case_id": case, "outcome": truth, "ts": DAY + timedelta(hours=hours)}


def world(days: int = 60) -> aura.SimulationRun:
    scenario = Scenario.from_yaml(shipped()["fraud_unit"]).changed(days=days, drills={"share": 0.1, "wrong": 0.5})
    return aura.simulate(scenario, seed=3)


def test_by_hand() -> None:
    log = aura.events.from_records(
        [
            verdict("A", "PAY"),
            verdict("B", "PAY"),  # a drill, wrongly accepted
            verdict("C", "REFUSE"),  # a drill, rightly overridden
            verdict("D", "PAY"),  # a drill whose recommendation was right
            drill("B", "REFUSE"),
            drill("C", "REFUSE"),
            drill("D", "PAY"),
            drill("E", "PAY"),  # nobody answered it
        ]
    )
    row = aura.dossiers(log).row(0, named=True)
    assert (row["override_rate"], row["override_rate_n"], row["accepted_wrong_rate_n"]) == (0, 1, 0)
    assert (row["drill_missed_rate"], row["drill_missed_rate_n"]) == (0.5, 2)
    assert (row["drill_right_rate"], row["drill_right_rate_n"]) == (pytest.approx(2 / 3), 3)


def test_the_last_verdict_and_the_last_word_count() -> None:
    later = verdict("B", "REFUSE", ts=DAY + timedelta(hours=3))
    log = aura.events.from_records([verdict("B", "PAY"), later, drill("B", "PAY"), drill("B", "REFUSE", 5)])
    board = aura.dossiers(log)
    assert board.select("drill_right_rate", "drill_right_rate_n").row(0) == (1, 1)


def test_a_log_with_drills_counts_as_the_log_without_their_cases() -> None:
    events = world().events
    planted = events.filter(type="DRILL")["case_id"]
    assert planted.len() > 50
    rest = events.filter(~pl.col("case_id").is_in(planted.implode()))
    with_drills = aura.dossiers(events)
    without = aura.dossiers(rest, as_of=with_drills["as_of"][0])
    differ = {name for name in without.columns if not without[name].equals(with_drills[name])}
    assert {name for name in differ if not name.startswith("drill_")} == {"counted", "flag_chance", "pip_reasons"}


@pytest.mark.parametrize("seed", range(3))
def test_a_case_that_turns_out_to_be_a_drill_is_taken_back(seed: int) -> None:
    events = world(40).events
    expected = aura.dossiers(events)
    order = events.sample(fraction=1.0, shuffle=True, seed=seed)
    late = pl.concat([order.filter(pl.col("type") != "DRILL"), order.filter(pl.col("type") == "DRILL")])
    for rows in (order, late):
        state = aura.DossierState(rows.head(200))
        state.dossiers()  # with running sums
        for start in range(200, rows.height, 997):
            state.append(rows.slice(start, 997))
        assert state.dossiers().equals(expected)


def test_policies_that_look_back_know_of_drills() -> None:
    events = world(40).events
    spec = {
        "name": "p",
        "window": "20d",
        "persistence": {"k": 2, "m": 2, "step": "10d"},
        "rules": [
            {"id": "r", "when": {"metric": "drill_missed_rate", "above": 0.5, "limit": "lower", "min_n": 5}},
            {"id": "s", "when": {"metric": "override_rate", "above": 0.9}},
        ],
    }
    policy = aura.Policy(spec)
    board = aura.dossiers(events, policy=policy)
    assert board.filter(pip_status="flag")["actor"].to_list() == ["rubber_stamp"]
    state = aura.DossierState(events.filter(pl.col("type") != "DRILL"))
    assert state.dossiers(policy=policy).filter(pip_status="flag").is_empty()
    state.append(events.filter(pl.col("type") == "DRILL"))
    assert state.dossiers(policy=policy)["pip_status"].to_list() == board["pip_status"].to_list()


def test_drills_are_not_drawn_for_audits() -> None:
    events = world().events
    drawn = aura.draw_audits(events, 500, seed=1)
    assert set(drawn["case_id"]).isdisjoint(events.filter(type="DRILL")["case_id"])


def test_the_shipped_policy_flags_who_misses_drills_and_nobody_for_lack_of_them() -> None:
    events = world().events.filter(pl.col("type") != "ADJUDICATION")  # nothing was audited
    said = dict(aura.dossiers(events, policy="reliance").select("actor", "pip_status").iter_rows())
    assert said["rubber_stamp"] == "flag" and said["careful"] != "flag"
    nothing = events.filter(pl.col("type") != "DRILL")
    assert "flag" not in aura.dossiers(nothing, policy="reliance")["pip_status"].to_list()


def test_what_drills_are_behind_a_number() -> None:
    events = world().events
    board = aura.dossiers(events)
    behind = aura.observations(events, "rubber_stamp", "drill_missed_rate")
    assert behind.height == board.filter(actor="rubber_stamp")["drill_missed_rate_n"][0]
