"""The simulator against queueing theory, its own slow form, and the promises about randomness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import Scenario, simulate
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.simulation.queueing import fifo, shared_line
from aura_analytics.simulation.scenario import shipped
from aura_analytics.simulation.scenario_parts import Shift
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.theory import erlang_b, littles_law, mg1, mmc
from aura_analytics.simulation.worktime import DAY, HOUR, WorkClock
from tests.conftest import ROOT

CASES = {case["id"]: case for case in json.loads((ROOT / "fixtures/published/queueing_cases.json").read_text())}
SMALL: dict[str, Any] = {
    "name": "small",
    "days": 20,
    "queues": [{"name": "loans", "per_day": 30, "approve_is_right": 0.7}],
    "agents": [{"name": "model", "accuracy": 0.85}],
    "officers": [
        {
            "name": "officer",
            "count": 4,
            "service": {"minutes": 30},
            "shift": {"start": 8, "end": 18},
            "overrides_wrong": 0.8,
            "overrides_right": 0.1,
        }
    ],
    "audited": 0.3,
    "audit_days": 2,
}


def test_published_queues() -> None:
    given_, expected, tolerance = (CASES["N9-MMC-CLINIC"][name] for name in ("inputs", "expected", "tolerance"))
    clinic = mmc(given_["lambda"], given_["mu"], given_["c"])
    found = {"Lq": clinic.lq, "L": clinic.l, "Wq_minutes": 60 * clinic.wq, "W_minutes": 60 * clinic.w}
    for name, value in found.items():
        assert value == pytest.approx(expected[name], **tolerance[name])
    given_, expected, tolerance = (CASES["N9-ERLANG-B"][name] for name in ("inputs", "expected", "tolerance"))
    assert [erlang_b(*pair) for pair in given_["servers_load"]] == pytest.approx(expected["B"], **tolerance)
    given_, expected, tolerance = (CASES["N9-MG1-BANKS"][name] for name in ("inputs", "expected", "tolerance"))
    for name in ("able", "baker"):
        bank = mg1(given_["lambda_per_min"], *given_[name])
        assert (bank.lq, bank.p0) == pytest.approx((expected[f"Lq_{name}"], expected[f"p0_{name}"]), **tolerance)
    given_, expected, tolerance = (CASES["N9-LITTLE"][name] for name in ("inputs", "expected", "tolerance"))
    assert littles_law(given_["arrivals"], given_["departures"]) == pytest.approx(
        (expected["lambda"], expected["W"], expected["L"]), **tolerance
    )
    with pytest.raises(ParameterError, match="no steady state"):
        mmc(4, 2, 2)


def pool(servers: int, came: np.ndarray, takes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, end and server of the cases of one line before servers who may all do everything."""
    heap = [(int(came.min()) if len(came) else 0, number) for number in range(servers)]
    start, _, who = shared_line(np.zeros(len(came), dtype=np.int64), [[0]], [came], [takes], [heap])
    return start, start + takes, who


JOBS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 30)), max_size=40)


@given(JOBS)
def test_fifo_is_first_come_first_served(jobs: list[tuple[int, int, int]]) -> None:
    free = dict.fromkeys(range(4), 0)
    slow = {}
    for place, (who, came, takes) in sorted(enumerate(jobs), key=lambda item: (item[1][1], item[0])):
        begin = max(came, free[who])
        slow[place] = begin, begin + takes
        free[who] = begin + takes
    columns = np.array(jobs, dtype=np.int64).reshape(-1, 3).T
    start, end = fifo(*columns)
    assert list(zip(start.tolist(), end.tolist(), strict=True)) == [slow[i] for i in range(len(jobs))]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=40), st.integers(1, 4))
def test_a_pool_of_one_is_a_line(jobs: list[tuple[int, int]], servers: int) -> None:
    came, takes = np.array(jobs, dtype=np.int64).reshape(-1, 2).T
    start, end, who = pool(servers, came, takes)
    if servers == 1:
        first = fifo(np.zeros(len(came), dtype=np.int64), came, takes)
        assert start.tolist() == first[0].tolist() and end.tolist() == first[1].tolist()
    for number in range(servers):  # nobody does two things at once
        mine = np.flatnonzero(who == number)
        mine = mine[np.argsort(start[mine], kind="stable")]
        assert (start[mine][1:] >= end[mine][:-1]).all()
    for i in np.argsort(came, kind="stable"):  # nobody waits while somebody is free
        if start[i] > came[i]:
            busy = (start <= came[i]) & (end > came[i])
            earlier = (came < came[i]) | ((came == came[i]) & (np.arange(len(came)) < i))
            assert (busy | ((start >= came[i]) & earlier)).sum() >= servers


@given(
    st.lists(st.integers(0, 20 * DAY), min_size=1, max_size=20),
    st.integers(0, 22),
    st.integers(1, 24),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_the_clock_of_shifts(moments: list[int], start: int, length: int, days: set[int]) -> None:
    shift = Shift(start=start, end=min(start + length, 24), days=tuple(days))
    clock = WorkClock(shift)

    def slow(moment: int) -> int:
        total = 0
        for day in range(moment // DAY + 1):
            if day % 7 in days:
                begin, end = day * DAY + start * HOUR, day * DAY + int(shift.end) * HOUR
                total += max(0, min(moment, end) - begin)
        return total

    at = np.array(moments, dtype=np.int64)
    worked = clock.worked(at)
    assert worked.tolist() == [slow(moment) for moment in moments]
    assert (clock.worked(clock.begins(worked)) == worked).all() and (clock.worked(clock.ends(worked + 1)) == worked + 1).all()
    assert (clock.ends(worked + 1) > clock.begins(worked)).all()


def queue_world(per_day: float, minutes: float, servers: int, kind: str, cv: float, days: int) -> Scenario:
    return Scenario.read(
        {
            "name": "theory",
            "days": days,
            "queues": [{"name": "q", "per_day": per_day}],
            "agents": [{"name": "m", "accuracy": 0.9}],
            "officers": [
                {
                    "name": "s",
                    "count": servers,
                    "pooled": servers > 1,
                    "service": {"minutes": minutes, "kind": kind, "cv": cv},
                    "overrides_wrong": 0.5,
                    "overrides_right": 0.1,
                }
            ],
            "citizens": {"response": 0},
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "servers", "kind", "cv"),
    [
        (0.5, 1, "exponential", 1),
        (0.8, 1, "exponential", 1),
        (0.7, 1, "constant", 0),
        (0.7, 1, "lognormal", 0.6),
        (0.7, 1, "lognormal", 1.5),
        (0.8, 2, "exponential", 1),
        (0.85, 5, "exponential", 1),
        (0.9, 20, "exponential", 1),
    ],
)
def test_mean_waits_are_those_of_theory(load: float, servers: int, kind: str, cv: float) -> None:
    minutes = 10.0
    per_day = load * servers * 1440 / minutes
    rate = per_day / 1440
    theory = (
        mg1(rate, minutes, {"exponential": 1.0, "constant": 0.0}.get(kind, cv) * minutes)
        if servers == 1
        else mmc(rate, 1 / minutes, servers)
    )
    waits = []
    for replication in range(16):
        cases = simulate(queue_world(per_day, minutes, servers, kind, cv, 220), seed=11, replication=replication).truth.cases
        steady = cases.filter(pl.col("day") >= 20)
        waits.append(float((steady["start"] - steady["arrival"]).dt.total_microseconds().mean()) / 60e6)  # type: ignore[arg-type]
    error = np.std(waits, ddof=1) / np.sqrt(len(waits))
    assert abs(np.mean(waits) - theory.wq) < 3 * error, (np.mean(waits), theory.wq, error)


def test_little_s_law_on_a_run() -> None:
    cases = simulate(queue_world(80, 12, 1, "exponential", 1, 10), seed=2).truth.cases
    rate, stay, present = littles_law(*(cases[name].dt.epoch("us").to_list() for name in ("arrival", "end")))
    assert present == pytest.approx(rate * stay, rel=1e-12)


def test_events_are_like_real_ones(tmp_path: Path) -> None:
    run = simulate(Scenario.read(SMALL), seed=4)
    assert aura.events.validate(run.events).equals(run.events)
    with aura.Ledger(tmp_path / "s.db", mirror=False) as ledger:
        assert ledger.record_events(run.events) == run.events.height
    aura.write_report(run.events, tmp_path / "r.html")
    board = aura.dossiers(run.events, window="all").filter(actor_kind="officer")
    truth = run.truth.cases.filter(pl.col("end") <= run.events["ts"].max())
    want = truth.group_by("officer").agg(rate=pl.col("override").mean(), n=pl.len()).sort("officer")
    done = run.events.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).group_by("actor").len().sort("actor")
    assert board.sort("actor")["override_rate_n"].to_list() == done["len"].to_list()
    assert (board.sort("actor")["override_rate"] - want["rate"]).abs().max() < 0.02  # type: ignore[operator]
    audited = run.events.filter(type="ADJUDICATION").join(run.truth.cases, on="case_id")
    assert audited.height > 50 and (audited["outcome"] == audited["right_verdict"]).all()


def test_one_seed_one_world(tmp_path: Path) -> None:
    world = Scenario.read(SMALL)
    first, again, other = simulate(world, 7), simulate(world, 7), simulate(world, 8)
    for name, run in (("a", first), ("b", again)):
        run.events.write_parquet(tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert not first.events.equals(other.events)
    assert not first.events.equals(simulate(world, 7, replication=1).events)
    # a longer horizon is the same world going on
    longer = simulate(world, 7, days=30)
    assert longer.truth.cases.filter(pl.col("day") < 20).equals(first.truth.cases)


def test_common_random_numbers() -> None:
    base = simulate(Scenario.read(SMALL), 7).truth.cases
    draws = ["case_id", "arrival", "right_verdict", "agent", "ai_right", "confidence"]
    # another policy, another service time, one more kind of draw: the same cases come with the same recommendations
    changed = {
        **SMALL,
        "officers": [{**SMALL["officers"][0], "overrides_right": 0.5, "service": {"minutes": 10}}],
        "hr": {"policy": "tracker", "every_days": 5},
    }
    other = simulate(Scenario.read(changed), 7).truth.cases
    assert other.select(draws).sort("case_id").equals(base.select(draws).sort("case_id")) and not other["override"].equals(
        base["override"]
    )
    # one officer more: everybody else keeps what the new one did not take, and decides it as before
    more = simulate(
        Scenario.read({**SMALL, "officers": [SMALL["officers"][0], {**SMALL["officers"][0], "name": "new", "count": 1}]}), 7
    ).truth.cases
    both = base.join(more, on="case_id", suffix="_more")
    moved = both.filter(pl.col("officer") != pl.col("officer_more"))
    assert moved["officer_more"].unique().to_list() == ["new"] and 0.1 < moved.height / both.height < 0.35
    kept = both.filter(pl.col("officer") == pl.col("officer_more"))
    assert kept["override"].equals(kept["override_more"]) and kept["stars"].equals(kept["stars_more"])
    # another queue beside it changes nothing in this one
    wider = simulate(Scenario.read({**SMALL, "queues": [*SMALL["queues"], {"name": "extra", "per_day": 3}]}), 7).truth.cases
    assert wider.filter(queue="loans").select(draws).sort("case_id").equals(base.select(draws).sort("case_id"))


def test_streams_belong_to_their_names() -> None:
    one = Streams(3)
    assert one.uniform("a", 10)[:4].tolist() == Streams(3).uniform("a", 4).tolist()
    numbers = [Streams(seed, replication).uniform(name, 4).tolist() for seed in (3, 4) for replication in (0, 1) for name in "abcd"]
    assert len({tuple(each) for each in numbers}) == 16
    many = one.uniform("a", 100_000)
    assert abs(many.mean() - 0.5) < 3 / np.sqrt(12 * len(many)) and abs(np.corrcoef(many[1:], many[:-1])[0, 1]) < 3 / np.sqrt(
        len(many)
    )


def test_behaviour_is_what_the_scenario_says() -> None:
    world = {
        **SMALL,
        "days": 200,
        "agents": [{"name": "model", "accuracy": 0.8, "drift": [{"day": 100, "accuracy": -0.3}], "hallucination": 0.1}],
    }
    cases = simulate(Scenario.read(world), 5).truth.cases

    def near(share: float, expected: float, n: int) -> bool:
        return bool(abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / n))

    early, late = cases.filter(pl.col("day") < 100), cases.filter(pl.col("day") >= 100)
    assert near(early["ai_right"].mean(), 0.8, early.height) and near(late["ai_right"].mean(), 0.5, late.height)  # type: ignore[arg-type]
    for right, share in ((True, 0.1), (False, 0.8)):
        mine = cases.filter(ai_right=right)
        assert near(mine["override"].mean(), share, mine.height)  # type: ignore[arg-type]
    assert near((cases["right_verdict"] == "APPROVE").mean(), 0.7, cases.height)  # type: ignore[arg-type]
    assert near((cases["stars"] > 0).mean(), 0.3, cases.height) and near(cases["invented"].mean(), 0.1, cases.height)  # type: ignore[arg-type]
    denied = cases.filter((pl.col("stars") > 0) & (pl.col("human_verdict") == "REJECT"))["stars"]
    assert near((denied == 1).mean(), 0.4, len(denied))  # type: ignore[arg-type]
    for name in ("start", "end"):
        hour = cases[name].dt.hour() + cases[name].dt.minute() / 60
        assert ((cases[name].dt.weekday() <= 5) & (hour >= 8) & (hour <= 18)).all()


def test_hr_in_the_loop() -> None:
    path = shipped()["loan_forgiveness"]
    run = simulate(path, seed=7)
    opened = [row for row in run.actions.iter_rows(named=True) if json.loads(row["attributes"])["action"] == "plan_opened"]
    bad = set(run.truth.actors.filter("bad")["actor"])
    assert opened and {row["actor"] for row in opened} <= bad
    who, since = next((row["actor"], row["ts"]) for row in opened if row["actor"].startswith("strict"))
    mine = run.truth.cases.filter((pl.col("officer") == who) & pl.col("ai_right"))
    before, after = (mine.filter(test)["override"].mean() for test in (pl.col("arrival") < since, pl.col("arrival") >= since))
    assert after < before - 0.1  # type: ignore[operator]  # the plan changed what they do
    assert aura.standing(run.events, since).filter(actor=who)["standing"].to_list() == ["on_plan"]
    without = simulate(Scenario.from_yaml(path).model_copy(update={"hr": None}), seed=7).truth.cases
    same = run.truth.cases.filter(pl.col("start") < opened[0]["ts"]).join(without, on="case_id", suffix="_free")
    assert same["override"].equals(same["override_free"])  # until HR acts, the worlds are one


def test_every_shipped_world_plays() -> None:
    worlds = shipped()
    assert set(worlds) >= {"loan_forgiveness", "fraud_unit", "model_league", "orchestrator", "understaffed"}
    for path in worlds.values():
        run = simulate(path, seed=1, days=10)
        assert aura.events.validate(run.events).height == run.events.height > 100
        assert "SimulationRun" in repr(run)


def test_worlds_keep_their_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.checks import check_scenario
    from aura_analytics.errors import ContractError
    from aura_analytics.simulation import streams

    for path in shipped().values():
        check_scenario(path, days=6)
    # a world whose numbers depend on the order of calls breaks them
    shared = np.random.default_rng(1)
    monkeypatch.setattr(streams.Streams, "generator", lambda *_: shared)
    with pytest.raises(ContractError, match="the same seed gives other events"):
        check_scenario(Scenario.read(SMALL), days=6)


def test_impossible_worlds() -> None:
    bad = {
        **SMALL,
        "descripton": "x",
        "queues": [{"name": "loans", "per_day": -1, "hours": [1] * 23}],
        "citizens": {"approved": [0.5, 0.5, 0.5, 0, 0]},
        "officers": [{**SMALL["officers"][0], "count": 0, "shift": {"start": 17, "end": 9}}],
    }
    with pytest.raises(RuleError) as caught:
        Scenario.read(bad)
    for said in (
        "did you mean 'description'",
        "queues.0.per_day",
        "queues.0.hours",
        "sum to 1.5",
        "officers.0.count",
        "ends after it starts",
    ):
        assert said in str(caught.value), said
    with pytest.raises(RuleError, match=r"queue that is not there: loan; did you mean 'loans'.*nobody works on queue loans"):
        Scenario.read({**SMALL, "officers": [{**SMALL["officers"][0], "queues": ["loan"]}]})
    with pytest.raises(RuleError, match=r"times the work that they can do.*overloaded: true"):
        Scenario.read({**SMALL, "queues": [{"name": "loans", "per_day": 3_000}]})
    with pytest.raises(ParameterError, match=r"too large: got 'about 5,310,000,000 events.*GiB.*--most"):
        simulate(Scenario.read({**SMALL, "overloaded": True, "days": 1_000, "queues": [{"name": "loans", "per_day": 900_000}]}))


@pytest.mark.slow
def test_the_perfect_officer_of_the_fraud_unit() -> None:
    """The tracker's rule flags who is never wrong in 60 % of the runs, and who rubber-stamps never."""
    policy = aura.Policy.tracker()
    flagged = {"careful": 0, "rubber_stamp": 0}
    wrong = []
    for replication in range(400):
        run = simulate(shipped()["fraud_unit"], seed=3, replication=replication, days=12)
        cases = run.truth.cases.sort("arrival").group_by("officer").head(100)
        wrong.append(
            cases.filter(pl.col("officer") == "rubber_stamp")
            .select(((pl.col("human_verdict") == "APPROVE") & (pl.col("right_verdict") == "REJECT")).mean())
            .item()
        )
        mine = run.events.join(cases.select("case_id"), on="case_id", how="semi")
        board = aura.dossiers(mine, window="all", metrics=policy.metrics).filter(actor_kind="officer")
        for actor in policy.over("all").evaluate(board, texts="none").filter(verdict="flag")["actor"]:
            flagged[actor] += 1
    assert flagged["rubber_stamp"] == 0
    assert abs(np.mean(wrong) - 0.36) < 0.01
    assert abs(flagged["careful"] / 400 - 0.60) < 0.03 + 3 * np.sqrt(0.6 * 0.4 / 400), flagged


def test_how_often_a_rule_is_wrong(tmp_path: Path) -> None:
    path = shipped()["loan_forgiveness"]
    seen: list[tuple[int, int]] = []
    options: dict[str, Any] = {"days": 60, "every_days": 15}
    found = aura.rule_error_rates(
        aura.Policy.tracker(), path, 4, 1, folder=tmp_path / "kept", progress=lambda *step: seen.append(step), **options
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)] and found.worlds["replication"].to_list() == [0, 1, 2, 3]
    rates = {row["rate"]: row for row in found.rates.iter_rows(named=True)}
    false = rates["false_flags_per_officer_year"]
    if false["value"] == 0:  # nothing was seen in 4 x 10 officers and 60 days: the limit is that of a count of none
        assert false["hi"] == pytest.approx(3.688879 / (4 * 10 * 60 / 365.25), rel=1e-5)
    assert all(row["lo"] is None or 0 <= row["lo"] <= row["value"] <= row["hi"] for row in rates.values())
    # by hand: the first world, read again
    run = simulate(Scenario.from_yaml(path).model_copy(update={"hr": None, "days": 60}), 1)
    flagged: set[str] = set()
    for day in (15, 30, 45, 60):
        end = np.datetime64("2026-01-05") + np.timedelta64(day, "D")
        board = aura.dossiers(run.events, as_of=str(end), metrics=aura.Policy.tracker().metrics)
        flagged |= set(aura.Policy.tracker().evaluate(board, texts="none").filter(verdict="flag")["actor"])
    bad = set(run.truth.actors.filter("bad")["actor"])
    assert found.worlds["detected"][0] == len(flagged & bad) / len(bad)
    assert found.worlds["false_flags_per_officer_year"][0] == pytest.approx(
        len({name for name in flagged - bad if name.startswith(("off", "stand"))}) / (10 * 60 / 365.25)
    )
    # stopped and gone on with, and in other processes: the same numbers
    for kept in list((tmp_path / "kept").iterdir())[:2]:
        kept.unlink()
    again = aura.rule_error_rates(aura.Policy.tracker(), path, 4, 1, folder=tmp_path / "kept", workers=2, **options)
    assert again.worlds.equals(found.worlds) and "4 worlds of loan_forgiveness" in str(again)
    both = aura.compare_policies(aura.Policy.tracker(), aura.Policy.tracker(), path, 4, 1, folder=tmp_path / "kept", **options)
    assert both.differences["value"].drop_nulls().to_list() == [0.0] * both.differences["value"].count()
    with pytest.raises(ParameterError, match="replications is out of range"):
        aura.rule_error_rates(aura.Policy.tracker(), path, 1)
