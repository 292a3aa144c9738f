"""Worlds in which HR, lines and names get into each other's way: what the log says must be what HR read, and nothing happens twice
or too early.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import Policy, Scenario, fit_scenario, simulate
from aura_analytics.errors import FileMissingError, ParameterError, RuleError
from aura_analytics.rules.policy import as_policy
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.world import World
from tests.cli.test_cli import run
from tests.simulation.test_loop import HARSH, did

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def officers(name: str, **more: Any) -> dict[str, Any]:
    """Officers who override a lot."""
    return {"name": name, "service": {"minutes": 45}, "overrides_wrong": 0.7, "overrides_right": 0.35, **more}


def world(**more: Any) -> dict[str, Any]:
    """A world in which the tracker's rule flags often."""
    return {
        "name": "odd",
        "days": 70,
        "overloaded": True,
        "queues": [{"name": "q", "per_day": 50}],
        "agents": [{"name": "m", "accuracy": 0.8}],
        "officers": [officers("a", count=3)],
        "citizens": HARSH,
        **more,
    }


def rule(**more: Any) -> Policy:
    """The tracker's thresholds over a short window."""
    both = {"all": [{"metric": "override_rate", "above": 0.3}, {"metric": "sat_score_mean", "below": 3}]}
    return Policy({"name": "r", "window": "14d", "rules": [{"id": "r", "when": both}], **more})


SUSPEND = {
    "suspend_after": 1,
    "plan_days": 7,
    "suspend_days": 14,
    "plan_overrides_right": 0,
    "plan_overrides_wrong": 0,
    "every_days": 7,
}


@pytest.mark.parametrize(
    ("policy", "every"),
    [
        (rule(), 7),
        (rule(persistence={"k": 2, "m": 3, "step": "7d"}), 7),
        (rule(persistence={"k": 2, "m": 3, "step": "7d"}), 10),
        (rule(persistence={"k": 2, "m": 2}), 7),
        (rule(rules=[{"id": "r", "when": {"metric": "open_cases", "above": 2}}]), 7),
    ],
)
def test_hr_does_what_the_log_says(policy: Policy, every: int) -> None:
    """At every epoch, from the final log as an analyst would: who is flagged and neither on a plan nor suspended gets one or the
    other.
    """
    scenario = Scenario.read(world(hr={**SUSPEND, "every_days": every}))
    run = simulate(scenario, 1, policy=policy)
    made = [(row["ts"], row["actor"]) for action in ("plan_opened", "suspension") for row in did(run, action)]
    busy: dict[str, datetime] = {}
    wanted = []
    for day in range(every, 70, every):
        at = START + timedelta(days=day)
        # what HR does at an instant is not yet there when it reads
        board = aura.dossiers(run.events, at - timedelta(microseconds=1), "14d", policy=policy, metrics=policy.metrics)
        for actor in board.filter(pip_status="flag")["actor"].to_list():
            if actor != "m" and busy.get(actor, at) <= at:
                wanted.append((at, actor))
                length = 7 if (at, actor) in {(row["ts"], row["actor"]) for row in did(run, "plan_opened")} else 14
                busy[actor] = at + timedelta(days=-(-length // every) * every if length % every else length)
    last = START + timedelta(days=70)
    assert len(made) > 3 and sorted(pair for pair in made if pair[0] < last) == sorted(wanted)


@pytest.mark.parametrize(
    "people",
    [
        [officers("a", pooled=True), officers("b", count=2, pooled=True)],
        [officers("a"), officers("b", count=2)],
        [officers("a"), officers("b", count=2, pooled=True)],
        [officers("a", count=2), officers("b", pooled=True)],
        [officers("a", capacity=2), officers("b", count=2, capacity=3, pooled=True, shift={"start": 6, "end": 20})],
    ],
)
def test_who_is_suspended_does_nothing_and_nothing_happens_twice(people: list[dict[str, Any]]) -> None:
    run = simulate(Scenario.read(world(officers=people, days=150, hr={**SUSPEND, "policy": "tracker"})), 1)
    events, stops = run.events, did(run, "suspension")
    assert stops and events["event_id"].n_unique() == events.height
    for stop in stops:
        until = datetime.fromisoformat(json.loads(stop["attributes"])["until"])
        away = (pl.col("actor") == stop["actor"]) & (pl.col("ts") > stop["ts"]) & (pl.col("ts") < until)
        assert not events.filter(away & (pl.col("type") == "ASSIGNED")).height
        begun = run.truth.cases.filter(
            (pl.col("officer") == stop["actor"]) & (pl.col("start") > stop["ts"]) & (pl.col("start") < until)
        )
        assert not begun.height  # what they had begun they may end
    cases = run.truth.cases
    assert (cases["start"] >= cases["assigned"]).all() and (cases["assigned"] >= cases["arrival"]).all()
    # the last assignment before the end is that of who ended it
    ended = events.filter(pl.col("type") == "RESOLVED").select("case_id", "actor", "ts")
    given = (
        events.filter(pl.col("type") == "ASSIGNED").sort("ts", maintain_order=True).group_by("case_id", maintain_order=True).last()
    )
    both = ended.join(given, on="case_id", suffix="_given")
    assert both.height == ended.height and (both["actor"] == both["actor_given"]).all()
    assert aura.events.validate(events).height == events.height


def test_nobody_is_left_before_the_shared_line() -> None:
    """The only one who takes from the shared line is suspended: what waits there goes to the lines of the others."""
    people = [
        officers("alone", pooled=True, overrides_right=0.8, service={"minutes": 120}),
        officers("others", count=2, overrides_wrong=0.1, overrides_right=0.02),
    ]
    run = simulate(Scenario.read(world(officers=people, hr={**SUSPEND, "policy": "tracker"})), 2)
    stop = did(run, "suspension")[0]
    moved = run.events.filter((pl.col("type") == "ASSIGNED") & (pl.col("ts") == stop["ts"]))
    assert stop["actor"] == "alone" and moved.height and set(moved["actor"]) <= {"others_01", "others_02"}


def test_machines_are_nobody_s_officers() -> None:
    people = [officers("human", overrides_wrong=0.1, overrides_right=0.02), officers("robot", kind="system", overrides_right=0.8)]
    open_to_all = Policy({**Policy.tracker().spec.model_dump(by_alias=True), "kinds": ["officer", "system"]})
    scenario = Scenario.read(world(officers=people))
    found = aura.rule_error_rates(open_to_all, scenario, 3, 1)
    assert found.rates.filter(rate="flips_per_officer_year")["value"].item() == 0
    assert not simulate(scenario, 1, policy=open_to_all).actions.height


def test_sweeps_read_over_the_window_of_the_rule() -> None:
    scenario = Scenario.read(world(officers=[officers("a", count=3, overrides_right=0.2)]))
    rates = {
        window: aura.rule_error_rates(rule(window=window), scenario, 4, 1).worlds["flips_per_officer_year"].to_list()
        for window in ("7d", "28d", None)
    }
    assert rates["7d"] != rates["28d"] != rates[None]
    assert (
        rates[None]
        == aura.rule_error_rates(rule(window="7d"), scenario, 4, 1, window="all").worlds["flips_per_officer_year"].to_list()
    )
    assert "windows of 7d" in str(aura.rule_error_rates(rule(window="7d"), scenario, 2, 1))
    with pytest.raises(ParameterError, match="never be read: got '5 days, read every 7'"):
        aura.rule_error_rates(rule(), scenario, 2, 1, days=5)


@pytest.mark.slow
def test_limits_of_what_two_rules_bring_about_are_possible() -> None:
    scenario = Scenario.read(world(officers=[officers("a", count=3, overrides_wrong=0.1, overrides_right=0.02)], days=30))
    found = aura.compare_in_loop(Policy.evidence_gated(), Policy.tracker(), scenario, 3, 1)
    plans = found.first.filter(rate="plans_on_good_per_officer_year").row(0, named=True)
    assert plans["value"] == 0 == plans["lo"] and plans["hi"] > 4.9  # nothing seen in a quarter of an officer-year
    assert found.differences.filter(rate="plans_per_officer_year")["lo"].item() is None
    late = Scenario.read(world(arrivals_until=20, days=60))
    lived = aura.compare_in_loop(Policy.evidence_gated(), Policy.evidence_gated(), late, 2, 1).first
    run = simulate(late, 1, policy=Policy.evidence_gated()).truth.cases.filter(pl.col("end") <= START + timedelta(days=60))
    hours = [float((run["end"] - run["arrival"]).dt.total_microseconds().to_numpy().mean()) / 3.6e9]
    run = simulate(late, 1, replication=1, policy=Policy.evidence_gated()).truth.cases.filter(
        pl.col("end") <= START + timedelta(days=60)
    )
    hours.append(float((run["end"] - run["arrival"]).dt.total_microseconds().to_numpy().mean()) / 3.6e9)
    assert lived.filter(rate="hours")["value"].item() == pytest.approx(np.mean(hours), rel=1e-6)


def test_names_and_numbers() -> None:
    many = simulate(Scenario.read(world(days=3, queues=[{"name": f"q{i}", "per_day": 1} for i in range(120)])), 1).events
    assert many["event_id"].n_unique() == many.height
    for people, agents in (
        ([officers("o", count=2), officers("o_01")], [{"name": "m", "accuracy": 1}]),
        ([officers("x")], [{"name": "x", "accuracy": 1}]),
    ):
        with pytest.raises(RuleError, match="have one name: (o_01|x)"):
            Scenario.read(world(officers=people, agents=agents))
    with pytest.raises(RuleError, match="scored: false leaves nothing"):
        Scenario.read(world(scored=False, hr={"consequences": "seed"}))
    with pytest.raises(RuleError, match="scored: false leaves nothing"):
        Scenario.read(world(scored=False, routing={"strategy": "seed"}))
    with pytest.raises(FileMissingError, match="did you mean 'tracker'"):
        as_policy("trackr")


@pytest.mark.parametrize("count", [8, 9, 99, 100])
def test_one_more_officer_moves_only_what_they_take(count: int) -> None:
    def shares(size: int) -> pl.DataFrame:
        return simulate(Scenario.read(world(days=20, officers=[officers("o", count=size)])), 1).truth.cases.select(
            "case_id", "officer"
        )

    both = shares(count).join(shares(count + 1), on="case_id", suffix="_more")
    moved = both.filter(pl.col("officer") != pl.col("officer_more"))
    assert set(moved["officer_more"]) <= {f"o_{count + 1:02d}"} and abs(moved.height / both.height - 1 / (count + 1)) < 0.04


@pytest.mark.slow
def test_weights_are_relative() -> None:
    for scale in (1.0, 1e-3, 1e-6):
        agents = [{"name": "a", "accuracy": 1, "weight": scale}, {"name": "b", "accuracy": 1, "weight": 3 * scale}]
        people = [officers("o", weight=scale), officers("p", weight=scale)]
        cases = simulate(Scenario.read(world(agents=agents, officers=people, days=100)), 1).truth.cases
        assert abs((cases["agent"] == "b").mean() - 0.75) < 0.03 and abs((cases["officer"] == "o").mean() - 0.5) < 0.05  # type: ignore[operator]
    crowd = World(Scenario.read(world(officers=[officers("o", count=10_000)])), [Streams(1)])
    counts = np.bincount(crowd._officer_rings[0].pick(np.random.default_rng(1).random(4_000_000)), minlength=10_000)
    assert counts.std() / counts.mean() < 0.08  # of which chance alone makes 0.05


# -- logs that are not tidy ----------------------------------------------------------------------------------------------------


def log_of(**more: Any) -> pl.DataFrame:
    """A log of a world with one shift."""
    people = [officers("a", count=2, service={"minutes": 20, "cv": 0.5}, shift={"start": 9, "end": 17})]
    return simulate(
        Scenario.read(world(**{"officers": people, "overloaded": False, "queues": [{"name": "q", "per_day": 20}], **more})), 4
    ).events


def said(found: aura.FittedScenario) -> str:
    return " ".join(found.assumed)


def test_cases_that_others_resolve_or_that_come_back() -> None:
    log = log_of()
    clerk = log.with_columns(actor=pl.when(pl.col("type") == "RESOLVED").then(pl.lit("clerk")).otherwise("actor"))
    found = fit_scenario(clerk)
    assert {officer.name for officer in found.scenario.officers} == {"a_01", "a_02"} and "resolved by somebody else" in said(found)
    assert found.scenario.officers[0].overrides_right > 0.2
    again = (
        log.filter(pl.col("type") == "RESOLVED")
        .head(200)
        .with_columns(pl.col("ts") + timedelta(days=20), event_id=pl.col("event_id") + "2")
    )
    twice = fit_scenario(pl.concat([log, again]))
    assert "resolved more than once" in said(twice) and twice.scenario.officers[0].service.minutes == pytest.approx(20, rel=0.15)


def test_work_over_midnight() -> None:
    moved = log_of().with_columns(pl.col("ts") + timedelta(hours=11))  # shifts from 20:00 to 4:00 UTC
    found = fit_scenario(moved)
    assert "utc_offset" in said(found)
    right = fit_scenario(moved, utc_offset=-11)
    officer = right.scenario.officers[0]
    assert right.assumed == () or "utc_offset" not in said(right)
    assert (
        officer.shift is not None
        and (officer.shift.start, officer.shift.end) == (9, 17)
        and officer.service.minutes == pytest.approx(20, rel=0.15)
    )
    check = aura.fit_check(right.scenario, moved, replications=3, utc_offset=-11)
    assert check.filter(marginal="ends by hour")["distance"].item() < 0.08
    with pytest.raises(ParameterError, match="utc_offset is out of range"):
        fit_scenario(moved, utc_offset=20)


def test_queues_that_are_odd() -> None:
    log = log_of()
    spaced = log.with_columns(queue=pl.when(pl.col("case_id").str.ends_with("1")).then(pl.lit("q ")).otherwise("queue"))
    assert [queue.name for queue in fit_scenario(spaced).scenario.queues] == ["q"]
    never = aura.events.from_records(
        [{"type": "OPENED", "case_id": f"w{i}", "queue": "w", "ts": START + timedelta(days=i)} for i in range(20)]
    )
    found = fit_scenario(pl.concat([log, never]))
    assert [queue.name for queue in found.scenario.queues] == ["q"] and "No case of w was ever ended" in said(found)


# -- at the command line -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_options_that_do_not_go_together(tmp_path: Path) -> None:
    for arguments, words in (
        (["fraud_unit", "--out", "x.parquet", "--truth", "x.parquet"], "two files"),
        (["fraud_unit", "--truth", "x.csv"], "ends in .parquet"),
        (["sweep", "fraud_unit", "--out", "x.parquet"], "No such option: --out"),
        (["fraud_unit", "--compare", "x.yaml"], "No such option: --compare"),
        (["list", "blah"], "unexpected extra argument"),
        (["fraud_unit", "--policy", "trackr"], "did you mean 'tracker'"),
        (["sweep", "fraud_unit", "--days", "5"], "never be read"),
    ):
        assert words in run("simulate", *arguments, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.iterdir())
    run(
        "simulate",
        "fraud_unit",
        "--days",
        "3",
        "--policy",
        "tracker",
        "--out",
        "new/x.parquet",
        "--truth",
        "new/t.parquet",
        cwd=tmp_path,
    )
    assert pl.read_parquet(tmp_path / "new/x.parquet").height > pl.read_parquet(tmp_path / "new/t.parquet").height
