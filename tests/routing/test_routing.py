"""Routing: the document's ranking, strategies with known chances, and what another way would have achieved."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import HRDesk, Ledger, Model, Router, Scorer
from aura_analytics.errors import InputError, ParameterError, RoutingError
from aura_analytics.hr.vocabulary import HRAction, action_event
from aura_analytics.learning.comparisons import two_arms
from aura_analytics.routing import evaluate_routing, routed_choices
from aura_analytics.routing.evaluation import estimated_propensities, weighted_means
from aura_analytics.routing.record import Record
from aura_analytics.routing.strategies import best_probabilities, choice_probabilities
from tests.conftest import ROOT

CASES = {case["id"]: case for case in json.loads((ROOT / "fixtures/published/accountant_cases.json").read_text())}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def scored(name: str, values: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "type": "EVALUATION",
            "actor": name,
            "actor_kind": "agent",
            "value": value,
            "ts": START + timedelta(hours=i),
            "event_id": f"{name}/{i}",
        }
        for i, value in enumerate(values)
    ]


def test_the_document_s_ranking(tmp_path: Path) -> None:
    given_, expected = CASES["SEED-RANK"]["inputs"], CASES["SEED-RANK"]["expected"]
    models = [Model(item["name"], tuple(f"c{i}" for i in range(item["n_capabilities"]))) for item in given_["models"]]
    rows = [row for name, values in given_["scores"].items() for row in scored(name, [float(value) for value in values])]
    with Ledger(tmp_path / "r.db", mirror=False) as ledger:
        follower = Router(models, ledger)
        assert [model.name for model in follower.ranked({})] == [
            "new",
            "new2",
            "c",
            "b",
            "a",
        ]  # all unseen: fewer capabilities, then order
        ledger.record_events(rows)
        by_hand = Router(models)
        for name, values in given_["scores"].items():
            for value in values:
                by_hand.observe(name, score=value)
        for router in (follower, Router(models, ledger), Router(models, aura.events.from_records(rows)), by_hand):
            assert [model.name for model in router.ranked({})] == expected["order"]
            assert router.route({}).name == expected["order"][0]
        late = {**scored("b", [0.0])[0], "event_id": "late", "ts": START - timedelta(days=1)}
        ledger.record_event(late)  # an old score that arrives late is not one of the last
        assert follower.ranked({})[0].name == Router(models, ledger).ranked({})[0].name
        assert json.loads(json.dumps(follower.choose({}).candidates))[0] == follower.route({}).name


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 100)), max_size=60))
def test_following_equals_reading_anew(values: list[tuple[str, int]]) -> None:
    models = [Model("a", ("x",)), Model("b"), Model("c", ("x", "y"))]
    rows = [
        {
            "type": "EVALUATION",
            "actor": name,
            "actor_kind": "agent",
            "value": float(value),
            "ts": START + timedelta(minutes=i),
            "event_id": f"e{i}",
        }
        for i, (name, value) in enumerate(values)
    ]
    by_hand = Router(models)
    for name, value in values:
        by_hand.observe(name, score=value)
    last = {name: [value for other, value in values if other == name][-10:] for name in "abc"}
    mean = {name: sum(found) / len(found) for name, found in last.items() if found}
    slow = sorted(models, key=lambda model: (mean.get(model.name, 70), -len(model.capabilities)), reverse=True)
    fast = Router(models, aura.events.from_records(rows) if rows else None)
    assert [model.name for model in by_hand.ranked({})] == [model.name for model in slow]
    assert [model.name for model in fast.ranked({})] == [model.name for model in slow]


@given(
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.sampled_from(["seed", "thompson", "ucb1", "epsilon_greedy"]),
    st.integers(0, 5),
)
def test_a_suspended_model_is_never_chosen(away: list[bool], strategy: str, seed: int) -> None:
    names = [f"m{i}" for i in range(4)]
    rows = [
        *scored("m0", [99.0] * 5),
        *({"type": "DECISION", "actor": "anne", "agent": name, "ts": START, "event_id": f"d/{name}"} for name in names),
        *(
            action_event("suspension", name, "agent", event_id=f"s/{name}", ts=START)
            for name, gone in zip(names, away, strict=True)
            if gone
        ),
    ]
    router = Router([Model(name) for name in names], aura.events.from_records(rows), strategy=strategy, exploration=0.5, seed=seed)
    free = {name for name, gone in zip(names, away, strict=True) if not gone}
    if not free:
        with pytest.raises(RoutingError, match="suspended"):
            router.route({})
        assert router.route({}, check=False).name in names  # the bare rule does not look
        return
    for job in range(30):
        made = router.choose({"job_id": job})
        assert made.model.name in free and set(made.candidates) == free
        assert sum(made.propensities) == pytest.approx(1) and made.propensity > 0


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["suspension", "reinstatement", "overturned"]), st.sampled_from("ab"), st.integers(0, 6), st.booleans()
        ),
        min_size=1,
        max_size=14,
    ),
    st.integers(1, 5),
)
def test_who_is_suspended_is_the_fold_of_hr(acts: list[tuple[str, str, int, bool]], pieces: int) -> None:
    events: list[HRAction] = []
    for i, (name, actor, hour, ends) in enumerate(acts):
        older = [event["event_id"] for event in events if event["actor"] == actor]
        if name == "overturned" and not older:
            continue
        more: dict[str, Any] = {}
        if name == "overturned":
            more = {"refers_to": older[hour % len(older)], "reason": "x"}
            at = START + timedelta(hours=hour)
            events.append(action_event("contest", actor, "agent", event_id=f"e{i:02d}c", ts=at, **more, by="vendor"))
            more["approver"] = "Lee"
        if name == "suspension" and ends:
            more = {"until": (START + timedelta(hours=hour + 1)).isoformat()}
        events.append(action_event(name, actor, "agent", event_id=f"e{i:02d}", ts=START + timedelta(hours=hour), **more))
    if not events:
        return
    known = [{"type": "DECISION", "actor": "anne", "agent": name, "ts": START, "event_id": f"d/{name}"} for name in "ab"]
    record = Record(None)
    record._take(aura.events.from_records(known).lazy())
    for start in range(0, len(events), pieces):  # in whatever pieces it comes
        record._take(aura.events.from_records(events[start : start + pieces]).lazy())
    board = aura.standing(aura.events.from_records([*known, *events]))
    assert record.suspended() == set(board.filter("suspended")["actor"])


def test_capabilities_and_who_is_left() -> None:
    router = Router([{"name": "a", "capabilities": ["code"]}, Model("b", ("code", "law"))])
    assert router.route({"capabilities": ["law"]}).name == "b"
    assert router.route({"required_capabilities": ("code",)}).name == "a"
    with pytest.raises(RoutingError, match=r"nobody is left.*a: lacks music; b: lacks music"):
        router.route({"capabilities": ["music"]})
    assert isinstance(RoutingError("x"), LookupError)
    with pytest.raises(ParameterError, match="capabilities of the task cannot be read"):
        router.route({"capabilities": "law"})
    with pytest.raises(ParameterError, match="a task cannot be read"):
        router.route("law")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="unknown model"):
        router.observe("c", score=5)
    with pytest.raises(ParameterError, match="score is out of range"):
        router.observe("a", score=101)
    with pytest.raises(ParameterError, match=r"3 problems"):
        Router([Model("a"), Model("a")], strategy="tompson", exploration=2)
    with pytest.raises(RoutingError, match="no models"):
        Router([]).route({})


def test_a_suspension_that_ends(tmp_path: Path) -> None:
    with Ledger(tmp_path / "s.db", mirror=False) as ledger:
        now = datetime.now(timezone.utc)
        desk = HRDesk(ledger)
        ledger.record_event({"type": "DECISION", "actor": "anne", "agent": "a"})
        until = (now - timedelta(days=1)).isoformat()
        desk.record([action_event("suspension", "a", "agent", event_id="s1", ts=now - timedelta(days=2), until=until)])
        router = Router([Model("a")], ledger)
        assert router.route({}).name == "a"
        desk.record([action_event("suspension", "a", "agent", event_id="s2", ts=now - timedelta(hours=1))])
        with pytest.raises(RoutingError):
            router.route({})
        ledger.record_event(action_event("overturned", "a", "agent", event_id="o2", refers_to="s2"))
        with pytest.raises(RoutingError):  # nobody contested it, and it came through no desk
            router.route({})
        desk.contest("s2", "vendor", "x")
        desk.overturn("s2", "Lee", "x")
        assert router.route({}).name == "a"


def league(router: Router, jobs: int, seed: int, learn: bool) -> float:
    """The five-model league: what they say of themselves, what is true, and how many penalties they draw."""
    said = dict(zip("abcde", (0.97, 0.90, 0.80, 0.72, 0.75), strict=True))
    truth = dict(zip("abcde", (0.55, 0.65, 0.75, 0.80, 0.92), strict=True))
    penalties = dict(zip("abcde", (0.10, 0.08, 0.05, 0.03, 0.02), strict=True))
    rng = np.random.default_rng(seed)
    won = 0
    for job in range(jobs):
        name = router.route({"job_id": job}).name
        success = bool(rng.random() < truth[name])
        score = max(0.0, 100 * said[name] - 10 * rng.poisson(penalties[name]))
        router.observe(name, score=score, success=success if learn else None)
        won += success
    return won / jobs


def test_the_league() -> None:
    models = [Model(name) for name in "abcde"]
    assert abs(league(Router(models), 2_000, 1, learn=True) - 0.55) <= 0.02 + 3 * np.sqrt(0.55 * 0.45 / 2_000) / 2
    assert league(Router(models, strategy="thompson", seed=3), 2_000, 1, learn=True) >= 0.90
    assert Scorer().score({"output": "x" * 50, "confidence": 0.97}, {}).score == 97.0


@pytest.mark.slow
def test_the_league_on_average() -> None:
    models = [Model(name) for name in "abcde"]
    seeds = range(12)
    boastful = np.mean([league(Router(models), 2_000, seed, learn=True) for seed in seeds])
    assert abs(boastful - 0.55) <= 0.02
    found = {
        name: np.mean([league(Router(models, strategy=name, seed=seed), 2_000, seed, learn=True) for seed in seeds])
        for name in ("thompson", "epsilon_greedy", "ucb1")
    }
    assert found["thompson"] >= 0.90 and found["epsilon_greedy"] > 0.84 and found["ucb1"] > 0.84, found


def test_thompson_s_chances() -> None:
    given_, expected = CASES["N7-THOMPSON-P-BEST"]["inputs"], CASES["N7-THOMPSON-P-BEST"]["expected"]
    found = [best_probabilities([a1, a2], [b1, b2])[1] for a1, b1, a2, b2 in given_["pairs"]]
    assert found == pytest.approx(expected["p_B_better"], abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([3, 8, 2, 9], [4, 5, 7, 6]),
        ([400, 410, 900], [600, 590, 1_300]),
        ([1] * 12, [1] * 12),
        ([20_000, 20_100], [5_000, 5_000]),
        ([1, 500, 500], [1, 30, 31]),
        ([1.5, 2], [1, 3]),
    ],
)
def test_chances_against_draws(a: list[float], b: list[float]) -> None:
    found = best_probabilities(a, b)
    draws = np.random.default_rng(7).beta(np.array(a)[:, None], np.array(b)[:, None], (len(a), 400_000))
    share = np.bincount(draws.argmax(axis=0), minlength=len(a)) / 400_000
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - share).max() < 4 * np.sqrt(0.25 / 400_000) + 1e-4


def test_the_floor_and_the_seed() -> None:
    models = [Model(name) for name in "abc"]

    def run(seed: int) -> list[str]:
        router = Router(models, strategy="epsilon_greedy", exploration=0.3, seed=seed)
        for _ in range(20):
            router.observe("a", success=True)
            router.observe("b", success=False)
        made = [router.choose({"job_id": job}) for job in range(3_000)]
        assert made[0].propensities == pytest.approx((0.8, 0.1, 0.1))
        return [choice.model.name for choice in made]

    first = run(1)
    assert first == run(1) != run(2)
    for name, share in (("a", 0.8), ("b", 0.1), ("c", 0.1)):
        assert first.count(name) / 3_000 == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 3_000))
    assert choice_probabilities("ucb1", [5, 0, 3], [5, 0, 1]).tolist() == [0, 1, 0]  # the untried first
    with pytest.raises(ParameterError, match="unknown strategy"):
        choice_probabilities("best", [1], [1])


def test_choices_are_recorded_with_their_chances(tmp_path: Path) -> None:
    with Ledger(tmp_path / "r.db", mirror=False) as ledger:
        router = Router([Model("a"), Model("b")], ledger, strategy="thompson", seed=5)
        assert router.choose({}).event_id is None and len(ledger) == 0
        for job in range(40):
            made = router.choose({"job_id": job, "queue": "loans"})
            ledger.record_event(
                {
                    "type": "OUTCOME",
                    "actor": made.model.name,
                    "actor_kind": "agent",
                    "case_id": str(job),
                    "outcome": "success" if made.model.name == "a" else "failure",
                }
            )
        found = routed_choices(ledger.lazy())
        assert found.height == 40 and found["reward"].null_count() == 0
        assert found.filter(pl.col("reward") == 1)["actor"].unique().to_list() == ["a"]
        chances = dict(zip(found["candidates"][39], found["propensities"][39], strict=True))
        assert found["propensity"][39] == chances[found["actor"][39]] and chances["a"] > 0.9
        assert found["queue"].unique().to_list() == ["loans"]


def test_weighting_removes_confounding() -> None:
    given_, expected = CASES["N7-IPW-HERNAN"]["inputs"], CASES["N7-IPW-HERNAN"]["expected"]
    level, arm, outcome = (np.array(given_[name]) for name in "LAY")
    p = estimated_propensities(level, arm)
    for i, each in enumerate((1, 0)):
        target = (arm == each).astype(float)
        ips, snips = weighted_means(outcome, p, target)
        assert outcome[arm == each].mean() == pytest.approx(expected["crude"][i], abs=1e-9)
        assert (ips, snips) == pytest.approx((expected["ips"][i], expected["snips"][i]), abs=1e-9)


def test_two_arms() -> None:
    given_, expected, tolerance = (CASES["N7-AB-ASPIRIN"][name] for name in ("inputs", "expected", "tolerance"))
    found = two_arms(*given_["placebo"], *given_["aspirin"])
    assert found.difference[0] == pytest.approx(expected["diff"], **tolerance["diff"])
    assert found.difference[1:] == pytest.approx(expected["diff_ci_wald"], **tolerance["diff_ci_wald"])
    assert found.relative_risk[0] == pytest.approx(expected["rr"], **tolerance["rr"])
    assert found.relative_risk[1:] == pytest.approx(expected["rr_ci"], **tolerance["rr_ci"])
    assert found.odds_ratio[0] == pytest.approx(expected["or_"], **tolerance["or_"])
    assert found.odds_ratio[1:] == pytest.approx(expected["or_ci"], **tolerance["or_ci"])
    assert two_arms(0, 5, 2, 5).relative_risk[2] == float("inf")


def synthetic(seed: int, n: int = 600) -> tuple[pl.DataFrame, dict[str, float]]:
    """A log of choices that depend on the queue, as rewards do, and the truth of three policies."""
    rng = np.random.default_rng([5, seed])
    names = ["a", "b", "c"]
    truth = np.array([[0.9, 0.5, 0.6], [0.3, 0.7, 0.55]])  # queue x model
    logged = np.array([[0.2, 0.6, 0.2], [0.7, 0.15, 0.15]])
    queue = rng.integers(0, 2, n)
    chosen = np.array([rng.choice(3, p=logged[q]) for q in queue])
    reward = rng.random(n) < truth[queue, chosen]
    table = pl.DataFrame(
        {
            "case_id": [f"j{i}" for i in range(n)],
            "queue": [f"q{q}" for q in queue],
            "actor": [names[c] for c in chosen],
            "propensity": logged[queue, chosen],
            "candidates": [names] * n,
            "propensities": logged[queue].tolist(),
            "reward": reward.astype(float),
        }
    )
    share = np.bincount(queue, minlength=2) / n
    values = {
        "a": float(share @ truth[:, 0]),
        "uniform": float(share @ truth.mean(axis=1)),
        "best": float(share @ truth.max(axis=1)),
    }
    return table, values


def best(row: Any) -> dict[str, float]:
    return {"a": 1.0} if row["queue"] == "q0" else {"b": 1.0}


@pytest.mark.slow
def test_off_policy_limits_cover() -> None:
    policies: dict[str, Any] = {"a": "a", "uniform": "uniform", "best": best}
    covered = {(name, kind): 0 for name in policies for kind in ("ips", "snips", "dr")}
    for seed in range(500):
        table, values = synthetic(seed)
        for name, policy in policies.items():
            found = evaluate_routing(table, policy)
            for kind in ("ips", "snips", "dr"):
                _, low, high = getattr(found, kind)
                covered[name, kind] += low <= values[name] <= high
    assert min(covered.values()) / 500 >= 0.93, {key: value / 500 for key, value in covered.items()}


def test_what_another_way_would_have_achieved() -> None:
    table, values = synthetic(1, 4_000)
    found = evaluate_routing(table, best)
    for kind in ("ips", "snips", "dr"):
        value, low, high = getattr(found, kind)
        assert abs(value - values["best"]) < 0.06 and low < value < high
    assert found.dr[2] - found.dr[1] < found.ips[2] - found.ips[1]  # knowing more helps
    assert 0 < found.ess < found.n == 4_000 and found.logged < found.dr[0] and "effective sample size" in str(found)
    mixed = evaluate_routing(table, {"a": 0.5, "b": 0.5})
    assert mixed.snips[1] < mixed.snips[0] < mixed.snips[2]
    assert (
        evaluate_routing(table.with_columns(reward=pl.when(pl.int_range(pl.len()) % 2 == 0).then("reward")), "a").left_out == 2_000
    )


def test_logs_that_cannot_answer(tmp_path: Path) -> None:
    table, _ = synthetic(2, 200)
    never = table.filter(pl.col("actor") != "c").with_columns(propensity=pl.lit(0.5), propensities=pl.lit([0.5, 0.5, 0.0]))
    with pytest.raises(InputError, match=r"routed deterministically.*every propensity is 1.*exploration"):
        evaluate_routing(table.with_columns(propensity=pl.lit(1.0)), "a")
    with pytest.raises(InputError, match="no chance to choose"):
        evaluate_routing(never, "uniform")
    with pytest.raises(InputError, match="propensities are out of range"):
        evaluate_routing(table.with_columns(propensity=pl.lit(0.0)), "a")
    with pytest.raises(InputError, match="no choices with chances"):
        evaluate_routing(table.with_columns(reward=pl.lit(None, dtype=pl.Float64)), "a")
    with pytest.raises(ParameterError, match="no such model"):
        evaluate_routing(table, "d")
    with pytest.raises(InputError, match="never tries"):
        evaluate_routing(table, {"d": 1.0})
    with pytest.raises(InputError, match="chooses nobody"):
        evaluate_routing(table, {"a": 0.0})
    with pytest.raises(ParameterError, match="lacks columns"):
        evaluate_routing(table.drop("reward"), "a")
    rare = pl.concat([table.filter(pl.col("actor") == "a"), table.filter(pl.col("actor") == "c").head(2)])
    with pytest.raises(InputError, match=r"too little of this policy: got 'an effective sample size of [0-2]\.\d of"):
        evaluate_routing(rare, "c")
    with Ledger(tmp_path / "d.db", mirror=False) as ledger:
        router = Router([Model("a"), Model("b")], ledger)  # the document's own ranking leaves nothing to chance
        for job in range(5):
            router.route({"job_id": job})
            ledger.record_event({"type": "OUTCOME", "actor": "a", "actor_kind": "agent", "case_id": str(job), "outcome": "success"})
        with pytest.raises(InputError, match="routed deterministically"):
            evaluate_routing(ledger.lazy(), "b")


def test_threads_share_a_router(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Ledger(tmp_path / "t.db", mirror=False) as ledger:
        ledger.record_events(
            [
                {"type": "OUTCOME", "actor": name, "actor_kind": "agent", "case_id": f"{name}{i}", "outcome": "success"}
                for name in "ab"
                for i in range(200)
            ]
        )
        with ThreadPoolExecutor(8) as threads:
            for _ in range(5):
                router = Router([Model("a"), Model("b")], ledger, strategy="thompson")
                list(threads.map(lambda _, router=router: router.route({}), range(16)))
                assert dict(router._record.outcomes) == {"a": (200, 200), "b": (200, 200)}
    with pytest.raises(ParameterError, match="no name or capabilities"):
        Router([{"name": "a", "capabilities": "law"}])


def choices(n: int = 400) -> pl.DataFrame:
    """Jobs given to three models by chance."""
    random = np.random.default_rng(1)
    chosen = random.choice(3, n, p=[0.5, 0.3, 0.2])
    reward = (random.random(n) < np.array([0.6, 0.7, 0.5])[chosen]).astype(float)
    return pl.DataFrame(
        {
            "actor": [("a", "b", "c")[i] for i in chosen],
            "propensity": [[0.5, 0.3, 0.2][i] for i in chosen],
            "candidates": [["a", "b", "c"]] * n,
            "propensities": [[0.5, 0.3, 0.2]] * n,
            "reward": reward,
        }
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"propensity": pl.lit(0.9)}, "propensity and propensities disagree, in 400 rows: got 0.9"),
        ({"propensities": pl.lit([-0.5, 1.3, 0.2])}, "chances of a list are out of range"),
        ({"propensities": pl.lit([0.5, 0.5])}, "chances and candidates differ in number"),
        ({"propensities": pl.lit([0.5, 0.3, 0.1])}, "do not sum to 1"),
        ({"candidates": pl.lit(["a", "b", "b"])}, "a candidate stands twice"),
        ({"candidates": pl.lit(["x", "b", "c"])}, "who was chosen is no candidate"),
        ({"reward": pl.col("reward") * 100}, "rewards are out of range: got 100"),
        ({"reward": pl.lit(float("nan"))}, "rewards are out of range: got nan"),
    ],
)
def test_a_log_that_contradicts_itself_is_refused(change: dict[str, pl.Expr], says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        evaluate_routing(choices().with_columns(**change), "b")


def test_one_row_without_its_list_does_not_switch_the_check_off() -> None:
    random = np.random.default_rng(1)
    rows = []
    for i in range(1000):  # in most jobs c could not be chosen, and would always have failed
        p = [0.6, 0.4] if i < 200 else [1.0, 0.0]
        one = int(random.random() < p[1])
        reward = float(random.random() < (0.9 if one else 0.6))
        rows.append({"actor": "ac"[one], "propensity": p[one], "candidates": ["a", "c"], "propensities": p, "reward": reward})
    table = pl.DataFrame(rows)
    first = pl.int_range(pl.len()) == 0
    for frame in (table, table.with_columns(propensities=pl.when(~first).then("propensities"))):
        with pytest.raises(InputError, match="no chance to choose"):
            evaluate_routing(frame, "c")
    with pytest.raises(InputError, match="does not support the policy: got 'a mean weight of 0.2"):
        evaluate_routing(table.drop("propensities"), "c")


def test_a_function_may_return_a_name() -> None:
    found = evaluate_routing(choices(), lambda _row: "b")
    assert found.snips == evaluate_routing(choices(), "b").snips
    assert found.mean_weight == pytest.approx(1, abs=0.3) and found.with_lists == found.n == 400
