"""What HR and the router do to a world, and the parts of worlds that the slow model does not have."""

from __future__ import annotations

import heapq
import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import Scenario, simulate
from aura_analytics.errors import RuleError
from aura_analytics.simulation.distributions import _centre, poisson
from aura_analytics.simulation.queueing import lines, shared_line
from aura_analytics.simulation.readings import readings
from aura_analytics.simulation.scenario import shipped
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.world import World
from tests.simulation.test_simulation import SMALL

ONE: dict[str, Any] = {**SMALL, "name": "one", "days": 40}
HARSH = {"response": 0.5, "approved": [0.3, 0.3, 0.2, 0.1, 0.1], "denied": [0.5, 0.3, 0.1, 0.1, 0]}
STRICT = {**ONE["officers"][0], "name": "strict", "count": 1, "overrides_wrong": 0.6, "overrides_right": 0.6, "bad": True}


def near(share: float, expected: float, n: int) -> bool:
    """Within 4 standard errors."""
    return bool(abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n) + 1e-12)


def did(run: aura.SimulationRun, action: str) -> list[dict[str, Any]]:
    """The actions of one kind."""
    return [row for row in run.actions.iter_rows(named=True) if json.loads(row["attributes"])["action"] == action]


# -- lines ---------------------------------------------------------------------------------------------------------------------

JOBS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20), st.integers(0, 2)), max_size=30)


@given(JOBS, st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_a_shared_line_with_skills(jobs: list[tuple[int, int, int]], sizes: list[int]) -> None:
    """Event by event: who becomes free takes the first case of the line that they may work on."""
    may = [[0], [0, 1], [1, 2]]
    jobs = sorted(jobs, key=lambda job: job[0])
    came, takes, queue = np.array(jobs, dtype=np.int64).reshape(-1, 3).T
    free = [[(0, 10 * g + i) for i in range(size)] for g, size in enumerate(sizes)]
    start, group, who = shared_line(queue, may, [came] * 3, [takes] * 3, [list(each) for each in free])
    # slowly: at every moment in turn, everybody who is free looks through the line
    ready = {server: 0 for each in free for _, server in each}
    waiting = list(range(len(jobs)))
    slow: dict[int, int] = {}
    moment = 0
    while waiting:
        for case in list(waiting):
            if came[case] > moment:
                continue
            able = [server for server in ready if ready[server] <= moment and server // 10 in may[queue[case]]]
            if able:
                slow[case] = moment
                ready[int(who[case]) if int(who[case]) in able else able[0]] = moment + int(takes[case])
                waiting.remove(case)
        moment += 1
    assert start.tolist() == [slow[case] for case in range(len(jobs))]
    assert all(int(g) in may[q] for g, q in zip(group, queue, strict=True))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 20)), max_size=30), st.integers(1, 3))
def test_lines_of_people_who_do_several_things_at_once(jobs: list[tuple[int, int, int]], places: int) -> None:
    who, came, takes = np.array(jobs, dtype=np.int64).reshape(-1, 3).T
    free = [[0] * places for _ in range(3)]
    start, end = lines(who, came, takes, free)
    slow: dict[int, int] = {}
    for server in range(3):
        heap = [0] * places
        for case in sorted((i for i in range(len(jobs)) if who[i] == server), key=lambda i: came[i]):
            slow[case] = max(int(came[case]), heap[0])
            heapq.heapreplace(heap, slow[case] + int(takes[case]))
        assert sorted(heap) == sorted(free[server])
    assert start.tolist() == [slow[i] for i in range(len(jobs))] and (end - start == takes).all()


def test_pools_skills_and_capacity_in_a_world() -> None:
    officer = ONE["officers"][0]
    world = {
        **ONE,
        "days": 20,
        "queues": [{"name": "loans", "per_day": 40}, {"name": "tax", "per_day": 20}],
        "officers": [
            {**officer, "name": "both", "count": 3, "pooled": True, "capacity": 2},
            {**officer, "name": "taxers", "count": 2, "pooled": True, "queues": ["tax"]},
        ],
    }
    run = simulate(Scenario.read(world), 4)
    cases = run.truth.cases.with_columns(group=pl.col("officer").str.slice(0, 4))
    assert set(cases.filter(queue="loans")["group"]) == {"both"} and set(cases.filter(queue="tax")["group"]) == {"both", "taxe"}
    assert (cases["assigned"] == cases["start"]).all()  # a case of the shared line is theirs when they take it
    for officer_, part in cases.group_by("officer"):
        marks = sorted([(at, 1) for at in part["start"]] + [(at, -1) for at in part["end"]], key=lambda mark: (mark[0], mark[1]))
        most, busy = 0, 0
        for _, step in marks:
            busy += step
            most = max(most, busy)
        assert most == (2 if str(officer_[0]).startswith("both") else 1)
    # the same with HR looking on every day: waiting over epochs changes nothing
    ruled = simulate(Scenario.read({**world, "hr": {"policy": "evidence_gated", "window": "1d"}}), 4)
    assert ruled.actions.height == 0 and ruled.events.sort("event_id").equals(run.events.sort("event_id"))
    other = {**world, "officers": [world["officers"][0], {**world["officers"][1], "shift": {"start": 12, "end": 22}}]}
    late = simulate(Scenario.read(other), 4).truth.cases.filter(pl.col("officer").str.starts_with("taxers"))
    assert late.height > 20 and late["start"].dt.hour().min() >= 12  # type: ignore[operator]


# -- who is there, and when ----------------------------------------------------------------------------------------------------


def test_holidays() -> None:
    world = {**ONE, "start": "2025-12-15", "days": 30, "holidays": "US", "queues": [{**ONE["queues"][0], "on_holidays": 0.1}]}
    cases = simulate(Scenario.read(world), 1).truth.cases
    free = [date(2025, 12, 25), date(2026, 1, 1)]
    assert not cases.filter(pl.col("start").dt.date().is_in(free) | pl.col("end").dt.date().is_in(free)).height
    assert cases.filter(pl.col("arrival").dt.date().is_in(free)).height < 20
    usual = simulate(Scenario.read({**world, "holidays": None}), 1).truth.cases
    assert usual.filter(pl.col("start").dt.date().is_in(free)).height > 20
    with pytest.raises(RuleError, match=r"no such country: USS; did you mean 'US'"):
        Scenario.read({**world, "holidays": "USS"})


def test_counts_arepoisson() -> None:
    uniform = Streams(1).uniform("x", 200_000)
    for rate in (0.3, 4.0, 900.0):
        counts = poisson(uniform, np.full(len(uniform), rate))
        error = np.sqrt(rate / len(counts))
        assert abs(counts.mean() - rate) < 4 * error and abs(counts.var() / rate - 1) < 0.05
    exact = poisson(np.array([0.0, np.exp(-2.0), np.exp(-2.0) + 1e-9, 3 * np.exp(-2.0) - 1e-9]), np.full(4, 2.0))
    assert exact.tolist() == [0, 0, 1, 1]
    assert poisson(np.array([0.9]), np.array([0.0])).tolist() == [0]


def test_shares_of_agents_are_their_weights() -> None:
    agents = [
        {"name": "often", "accuracy": 0.8, "weight": 3},
        {"name": "rarely", "accuracy": 0.8},
        {"name": "never", "accuracy": 0.8, "weight": 0},
    ]
    cases = simulate(Scenario.read({**ONE, "days": 300, "agents": agents}), 2).truth.cases
    shares = cases.group_by("agent").len().sort("agent")
    assert shares["agent"].to_list() == ["often", "rarely"] and abs(shares["len"][0] / cases.height - 0.75) < 0.03


# -- agents --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slope", "bias"), [(1.0, 0.0), (2.0, 0.5)])
def test_calibrated_and_boastful_agents(slope: float, bias: float) -> None:
    agent = {"name": "model", "accuracy": 0.8, "calibration": {"spread": 1.2, "slope": slope, "bias": bias}}
    cases = simulate(Scenario.read({**ONE, "days": 700, "agents": [agent]}), 3).truth.cases
    assert near(cases["ai_right"].mean(), 0.8, cases.height)  # type: ignore[arg-type]
    # what the confidence says when stretching and bias are taken back is the chance to be right
    sure = cases["confidence"].to_numpy().clip(1e-4, 1 - 1e-4)
    chance = 1 / (1 + np.exp(-(np.log(sure / (1 - sure)) - bias) / slope))
    for low, high in ((0.3, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.97)):
        mine = (chance >= low) & (chance < high)
        assert mine.sum() > 500
        assert near(cases["ai_right"].to_numpy()[mine].mean(), chance[mine].mean(), mine.sum()), (low, high)
    assert _centre(0.8, 0.0) == pytest.approx(np.log(4)) and _centre(1.0, 1.0) > 30


def test_the_router_learns_whom_to_ask() -> None:
    league = Scenario.from_yaml(shipped()["model_league"])
    asked = {}
    for strategy in ("seed", "thompson"):
        run = simulate(league.changed(routing={"strategy": strategy, "exploration": 0.05}, hr=None), 1)
        late = run.truth.cases.filter(pl.col("day") >= 40)
        asked[strategy] = dict(late.group_by("agent").len().with_columns(pl.col("len") / late.height).rows())
    assert asked["thompson"]["quiet"] > 0.5 and asked["seed"].get("quiet", 0) < 0.2  # the seed's ranking follows who boasts
    assert asked["thompson"].get("boastful", 0) < 0.05


def test_consequences_of_errors() -> None:
    agents = [
        {"name": "liar", "accuracy": 0.8, "hallucination": 0.02, "confidence_right": 0.95, "confidence_wrong": 0.95},
        {"name": "sound", "accuracy": 0.8},
    ]
    world = {**ONE, "days": 60, "agents": agents, "hr": {"consequences": "seed", "review_days": 5}}
    run = simulate(Scenario.read(world), 6)
    stops, backs = did(run, "suspension"), did(run, "reinstatement")
    assert len(stops) >= 3 and {row["actor"] for row in stops} == {"liar"} and len(backs) >= 2
    # from the epoch after a suspension on, and until the reinstatement, the other one is asked
    cases = run.truth.cases
    first, back = stops[0]["ts"], backs[0]["ts"]
    morning = datetime(first.year, first.month, first.day, tzinfo=timezone.utc) + timedelta(days=1)
    away = cases.filter((pl.col("arrival") >= morning) & (pl.col("arrival") < back))
    assert away.height > 50 and set(away["agent"]) == {"sound"}
    assert cases.filter(pl.col("arrival") >= back)["agent"].n_unique() == 2
    now = aura.standing(run.events, morning)
    assert now.filter(actor="liar")["suspended"].item() and now.filter(actor="liar")["open_cases"].item() >= 1
    assert aura.events.validate(run.events).height == run.events.height
    # the same events as the Accountant's rule gives them: what is grave was called so by the score
    grave = run.events.filter((pl.col("type") == "EVALUATION") & (pl.col("severity") == "critical"))
    assert {row["case_id"] for row in stops} == set(grave["case_id"])


# -- officers ------------------------------------------------------------------------------------------------------------------


def test_suspension_and_who_gets_the_cases() -> None:
    hr = {
        "policy": "tracker",
        "plan_days": 10,
        "plan_overrides_right": 0,
        "plan_overrides_wrong": 0,
        "suspend_after": 1,
        "suspend_days": 14,
    }
    world = {
        **ONE,
        "citizens": HARSH,
        "days": 90,
        "queues": [{"name": "loans", "per_day": 90}],
        "officers": [ONE["officers"][0], STRICT],
        "hr": hr,
        "overloaded": True,
    }
    run = simulate(Scenario.read(world), 2)
    stops = [row for row in did(run, "suspension") if row["actor"] == "strict"]
    assert stops and did(run, "plan_opened")[0]["ts"] < stops[0]["ts"]
    since, until = stops[0]["ts"], stops[0]["ts"] + timedelta(days=14)
    assert json.loads(stops[0]["attributes"])["until"] == until.isoformat()
    log = run.events.filter(actor="strict")
    given = log.filter((pl.col("type") == "ASSIGNED") & (pl.col("ts") > since) & (pl.col("ts") < until))
    assert not given.height and log.filter((pl.col("type") == "ASSIGNED") & (pl.col("ts") > until)).height
    # what waited in the line was given to others, once, at that moment, and is theirs
    moved = run.events.filter((pl.col("type") == "ASSIGNED") & (pl.col("ts") == since) & pl.col("event_id").str.ends_with("h1"))
    before = run.events.filter((pl.col("type") == "ASSIGNED") & (pl.col("actor") == "strict"))["case_id"]
    assert moved.height > 3 and "strict" not in moved["actor"] and set(moved["case_id"]) <= set(before)
    ended = run.events.filter(pl.col("type") == "RESOLVED").join(moved, on="case_id", suffix="_moved")
    assert ended.height and (ended["actor"] == ended["actor_moved"]).all()
    assert aura.standing(run.events, since + timedelta(days=1)).filter(actor="strict")["standing"].item() == "suspended"
    # nobody is suspended whom nobody could replace
    alone = simulate(Scenario.read({**world, "officers": [STRICT]}), 2)
    assert did(alone, "plan_opened") and not did(alone, "suspension")


@pytest.mark.slow
def test_gaming_is_seen_in_the_rate_and_not_in_the_work() -> None:
    hr = {"policy": "tracker", "plan_days": 400, "plan_overrides_right": 0, "plan_overrides_wrong": 0}
    runs = [
        simulate(
            Scenario.read(
                {**ONE, "citizens": HARSH, "days": 200, "officers": [ONE["officers"][0], {**STRICT, "gaming": share}], "hr": hr}
            ),
            5,
        )
        for share in (0, 0.8)
    ]
    since = did(runs[1], "plan_opened")[0]["ts"]
    rates, wrongs = [], []
    for run in runs:
        mine = run.truth.cases.filter((pl.col("officer") == "strict") & (pl.col("start") >= since))
        rates.append(float(mine["override"].mean()))  # type: ignore[arg-type]
        wrongs.append(float(mine.filter(~pl.col("ai_right"))["override"].mean()))  # type: ignore[arg-type]
    assert rates[0] > 0.5 and rates[1] < 0.2  # the number looks well
    assert wrongs[1] < wrongs[0] / 3  # and errors pass


# -- readings ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metrics",
    [
        ["override_rate", "sat_score_mean"],
        ["avg_processing_hours", "processing_hours_median", "sat_score_mean", "success_rate", "override_rate"],
        ["override_rate", "overrides_right_rate", "open_cases", "score_mean_last10"],
    ],
)
def test_readings_are_the_dossiers_of_the_log(metrics: list[str]) -> None:
    """What HR reads in the loop is what an analyst reads in the log, number by number."""
    scenario = Scenario.read({**ONE, "days": 30, "citizens": {"response": 0.5, "days_until": 3}})
    world, run = World(scenario, [Streams(8)]), simulate(scenario, 8)
    seen = readings(world, metrics, "10d")
    compared = 0
    for first in range(0, 30, 3):
        seen.add(*world.epoch(first, first + 3, closes=True))
        moment = datetime(2026, 1, 5, tzinfo=timezone.utc) + timedelta(days=first + 3)
        ours, theirs = seen.board(world.moment(first + 3)), aura.dossiers(run.events, moment, "10d", metrics=metrics)
        columns = [name for name in ours.columns if name not in ("role", "warnings", "number") and not name.startswith("pip_")]
        # somebody whom only metrics of another kind know may be missing: nobody reads them
        assert ours.select(columns).equals(theirs.select(columns).filter(pl.col("actor").is_in(ours["actor"].implode())))
        assert set(theirs.filter(pl.col("override_rate_n") > 0)["actor"]) <= set(ours["actor"])
        compared += ours.height
    assert compared > 30


def test_policies_that_look_back() -> None:
    """A rule with persistence flags later than the same rule without, and as `dossiers` says of the log."""
    rule = {"name": "p", "window": "20d", "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.3}}]}
    lasting = {**rule, "persistence": {"k": 2, "m": 2, "step": "10d"}}
    scenario = Scenario.read({**ONE, "days": 60, "officers": [ONE["officers"][0], STRICT]})
    found = [aura.rule_error_rates(aura.Policy(spec), scenario, 2, 1, window="20d", every_days=5) for spec in (rule, lasting)]
    assert found[1].worlds["delay_days"][0] >= found[0].worlds["delay_days"][0]
    policy, run = aura.Policy(lasting), simulate(scenario, 1)
    flagged = None
    for day in range(5, 61, 5):
        at = datetime(2026, 1, 5, tzinfo=timezone.utc) + timedelta(days=day)
        board = aura.dossiers(run.events, at, policy=policy, metrics=policy.metrics)
        if flagged is None and "strict" in board.filter(pip_status="flag")["actor"]:
            flagged = day
    assert found[1].worlds["delay_days"][0] == flagged


@pytest.mark.slow
def test_what_two_rules_bring_about(tmp_path: Any) -> None:
    """In the loop on the same seeds: arrivals and waiting are the same, what differs is what HR did."""
    scenario = Scenario.read({**ONE, "citizens": HARSH, "days": 60, "officers": [ONE["officers"][0], STRICT]})
    seen: list[tuple[int, int]] = []
    found = aura.compare_in_loop(
        aura.Policy.evidence_gated(),
        aura.Policy.tracker(),
        scenario,
        3,
        1,
        folder=tmp_path,
        progress=lambda *step: seen.append(step),
    )
    assert seen[-1] == (6, 6) and found.first["worlds"].to_list() == [3] * 5
    differ = {row["rate"]: row for row in found.differences.iter_rows(named=True)}
    assert differ["hours"]["value"] == 0 and differ["plans_per_officer_year"]["value"] > 0
    run = simulate(scenario, 1, replication=2, policy=aura.Policy.tracker())
    ended = run.truth.cases.filter(pl.col("end") <= run.truth.cases["arrival"].max())
    again = aura.compare_in_loop(aura.Policy.evidence_gated(), aura.Policy.tracker(), scenario, 3, 1, folder=tmp_path, workers=2)
    assert again.second.equals(found.second)
    kept = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert any(row["replication"] == 2 and row["wrong_verdicts"] == (~ended["human_right"]).mean() for row in kept)


def test_worlds_side_by_side_are_the_worlds_alone() -> None:
    """Sizes of batches change nothing: every replication is the one that `simulate` plays."""
    world = {
        **ONE,
        "queues": [{"name": "loans", "per_day": 20}, {"name": "tax", "per_day": 9}],
        "officers": [ONE["officers"][0], {**STRICT, "queues": ["tax"], "pooled": True, "count": 2}],
    }
    scenario = Scenario.read(world)
    many = World(scenario, [Streams(3, number) for number in range(3)])
    _, done = many.epoch(0, scenario.days)
    for number in range(3):
        alone = simulate(scenario, 3, replication=number).truth.cases.sort("queue", "number")
        mine = {name: column[done["replication"] == number] for name, column in done.items()}
        order = np.lexsort((mine["number"], mine["queue"]))
        assert (mine["end"][order] + many.zero == alone["end"].to_physical().to_numpy()).all()
        assert (mine["override"][order] == alone["override"].to_numpy()).all()
        assert [many.officers[o % len(many.officers)] for o in mine["officer"][order].tolist()] == alone["officer"].to_list()
