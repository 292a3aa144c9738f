"""What comes beside verdicts in a world where the scenario has it: drills, biased audits, first verdicts, own work, load."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.simulation.readings import readings
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.world import World

OFFICER = {"name": "anne", "service": {"minutes": 1}, "overrides_wrong": 0.6, "overrides_right": 0.1}
PLAIN: dict[str, Any] = {
    "name": "beside",
    "days": 40,
    "queues": [{"name": "claims", "per_day": 500}],
    "agents": [{"name": "model", "accuracy": 0.7}],
    "officers": [OFFICER],
    "audited": 0.1,
    "audit_days": 2,
}


def world(**changes: Any) -> aura.SimulationRun:
    return simulate(Scenario.read({**PLAIN, **changes}), 5)


def near(hits: int, n: int, share: float) -> bool:
    """Within four standard errors."""
    return bool(abs(hits / n - share) < 4 * (share * (1 - share) / n) ** 0.5)


def test_drills_are_planted_at_their_share_and_not_rated_or_audited() -> None:
    run = world(drills={"share": 0.05, "wrong": 0.3}, citizens={"response": 1.0})
    cases, planted = run.truth.cases, run.truth.cases.filter("drill")
    assert near(planted.height, cases.height, 0.05)
    assert near(int((~planted["ai_right"]).sum()), planted.height, 0.3)
    assert near(int(cases.filter(~pl.col("drill"))["ai_right"].sum()), cases.height - planted.height, 0.7)
    about = run.events.filter(pl.col("case_id").is_in(planted["case_id"].implode()))
    assert about.filter(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION"])).is_empty()
    said = dict(run.events.filter(type="DRILL").select("case_id", "outcome").iter_rows())
    assert said == dict(planted.select("case_id", "right_verdict").iter_rows())
    board = aura.dossiers(run.events, window="all").filter(actor="anne")
    assert near(round(board["drill_missed_rate"][0] * board["drill_missed_rate_n"][0]), board["drill_missed_rate_n"][0], 0.4)


def test_other_numbers_of_a_world_stay_when_something_is_added() -> None:
    """A scenario without the new fields draws what it always drew; a drill more changes no other case's truth."""
    plain, drilled = world().truth.cases, world(drills={"share": 0.05}).truth.cases
    same = plain["right_verdict"].equals(drilled["right_verdict"])
    assert same and plain["ai_right"].filter(~drilled["drill"]).equals(drilled["ai_right"].filter(~drilled["drill"]))


@pytest.mark.parametrize(
    ("audits", "known"), [({"overridden": 0.5}, True), ({"wrong": 0.5}, False), ({"overridden": 0.5, "says_chance": False}, False)]
)
def test_audits_that_prefer_some_cases(audits: dict[str, Any], known: bool) -> None:
    run = world(audits=audits)
    cases = run.truth.cases
    chosen = cases["override"] if "overridden" in audits else ~cases["human_right"]
    for part, share in ((cases.filter(chosen), 0.5), (cases.filter(~chosen), 0.1)):
        assert near(int(part["audited"].sum()), part.height, share)
    said = run.events.filter(type="ADJUDICATION")
    chances = said.join(cases.select("case_id", "override"), on="case_id")
    if known:
        assert chances.filter("override")["audit_chance"].unique().to_list() == [0.5]
        assert chances.filter(~pl.col("override"))["audit_chance"].unique().to_list() == [0.1]
    else:
        assert said["audit_chance"].null_count() == said.height
    row = aura.dossiers(run.events, window="all").filter(actor="anne").row(0, named=True)
    assert row["verdict_right_rate_status"] == ("ok" if known else "selective_audits")


def test_numbers_under_known_chances_are_the_truth_and_those_under_biased_ones_are_not_said() -> None:
    row = aura.dossiers(world(audits={"overridden": 0.5}, days=200).events, window="all").filter(actor="anne").row(0, named=True)
    assert row["verdict_right_rate_lo"] < 0.7 * 0.9 + 0.3 * 0.6 < row["verdict_right_rate_hi"]
    assert row["under_reliance_rate_lo"] < 0.1 < row["under_reliance_rate_hi"]


def test_first_verdicts_and_own_work() -> None:
    run = world(officers=[{**OFFICER, "initial_right": 0.65, "own_work": 0.2}])
    cases = run.truth.cases
    assert near(int(cases["first_right"].sum()), cases.height, 0.65)
    assert near(int(cases["own_work"].sum()), cases.height, 0.2)
    said = run.events.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).join(cases, on="case_id", suffix="_true")
    assert ((said["initial_verdict"] == said["right_verdict"]) == said["first_right"]).all()
    row = aura.dossiers(run.events, window="all").filter(actor="anne").row(0, named=True)
    assert row["rair_lo"] < 0.9 < row["rair_hi"] and row["rsr_lo"] < 0.6 < row["rsr_hi"]
    assert near(round(row["own_work_rate"] * row["own_work_rate_n"]), row["own_work_rate_n"], 0.2)


def test_trust_grows_with_waiting() -> None:
    """Against the closed form, case by case: the chance to see a wrong recommendation falls by the hours waited."""
    slow = {**OFFICER, "service": {"minutes": 2.7}, "overrides_wrong": 0.9, "bias_per_hour_waited": 0.1}
    agents = [{"name": "model", "accuracy": 0.5, "confidence_sd": 0, "confidence_wrong": 0.8, "confidence_right": 0.8}]
    run = world(officers=[slow], agents=agents)
    wrong = run.truth.cases.filter(~pl.col("ai_right"))
    waited = (wrong["start"] - wrong["arrival"]).dt.total_microseconds().to_numpy() / 3.6e9
    chance = 0.9 * (1 - 0.8 * np.minimum(waited * 0.1, 1))
    assert waited.max() > 2
    for part in np.array_split(np.argsort(waited), 4):
        sd = np.sqrt((chance[part] * (1 - chance[part])).sum())
        assert abs(wrong["override"].to_numpy()[part].sum() - chance[part].sum()) < 4 * sd


@pytest.mark.parametrize("changes", [{"drills": {"share": 0.1}}, {"audits": {"overridden": 0.5}}, {"audits": {"wrong": 0.4}}])
def test_what_the_simulator_reads_is_what_the_log_says(changes: dict[str, Any]) -> None:
    scenario = Scenario.read({**PLAIN, "queues": [{"name": "claims", "per_day": 60}], **changes})
    moving, run = World(scenario, [Streams(8)]), simulate(scenario, 8)
    metrics = ["override_rate", "drill_missed_rate", "accepted_wrong_rate", "under_reliance_rate", "sat_score_mean"]
    seen, compared = readings(moving, metrics, "10d"), 0
    for first in range(0, 40, 4):
        seen.add(*moving.epoch(first, first + 4, closes=True))
        at = datetime(2026, 1, 5, tzinfo=timezone.utc) + timedelta(days=first + 4)
        ours, theirs = seen.board(moving.moment(first + 4)), aura.dossiers(run.events, at, "10d", metrics=metrics)
        columns = [name for name in ours.columns if name.startswith(tuple(metrics))]
        both = theirs.filter(actor="anne").select(columns)
        assert ours.filter(actor="anne").select(columns).equals(both)
        compared += both.height
    assert compared == 10
