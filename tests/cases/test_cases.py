"""Cases against the slow reference, on logs that hypothesis makes as awkward as it can."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.cases import HANDLED
from tests.reference import mean, slow_dossiers

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@st.composite
def _events(draw: st.DrawFn) -> pl.DataFrame:
    """A few cases with any clock events in any order, at few distinct times, so that ties and oddities abound."""
    n = draw(st.integers(1, 40))
    records: list[dict[str, Any]] = []
    for i in range(n):
        kind = draw(
            st.sampled_from(
                [
                    "OPENED",
                    "ASSIGNED",
                    "ASSIGNED",
                    "PAUSED",
                    "RESUMED",
                    "RESOLVED",
                    "DECISION",
                    "OVERRIDE",
                    "SAT_SCORE",
                    "EVALUATION",
                    "OUTCOME",
                ]
            )
        )
        actor = draw(st.sampled_from(["anne", "bob", "cleo"]))
        case = draw(st.sampled_from(["C1", "C2", "C3"]))
        record: dict[str, Any] = {
            "event_id": f"e{i}",
            "type": kind,
            "ts": START + timedelta(hours=draw(st.integers(0, 60))),
            "actor": actor,
            "case_id": case,
            "actor_kind": "officer",
        }
        if kind in ("DECISION", "OVERRIDE"):
            record |= {"agent": "gpt"}
        elif kind == "SAT_SCORE":
            record |= {"value": draw(st.integers(1, 5))}
            if draw(st.booleans()):
                del record["actor"]
            elif draw(st.booleans()):
                record["actor_kind"] = "citizen"
        elif kind == "EVALUATION":
            record |= {"value": draw(st.integers(0, 100)), "actor": "gpt", "actor_kind": "agent"}
        elif kind == "OUTCOME":
            record |= {"outcome": draw(st.sampled_from(["success", "failure", "partial"]))}
            if draw(st.booleans()):
                del record["actor"]
        elif kind == "RESOLVED" and draw(st.integers(0, 3)) == 0:
            del record["actor"]
        records.append(record)
    good, _ = events.filter(events.frame_of_records(records))
    return good


@settings(max_examples=100)
@given(
    table=_events(),
    window=st.sampled_from([None, "12h", "40h"]),
    attribution=st.sampled_from(["last_decider", "event_actor", "all_deciders"]),
    ratings=st.sampled_from(["once", "every"]),
)
def test_equals_the_slow_reference(table: pl.DataFrame, window: str | None, attribution: Any, ratings: Any) -> None:
    if table.is_empty():
        return
    as_of = START + timedelta(hours=50)
    since = None if window is None else as_of - timedelta(hours=int(window[:-1]))
    counted = aura.dossiers(table, as_of, window, attribution=attribution, ratings=ratings)
    board = {row["actor"]: row for row in counted.iter_rows(named=True)}
    slow = slow_dossiers(table, as_of, since, attribution, ratings)
    assert set(slow) == set(board)
    for actor, facts in slow.items():
        row = board[actor]
        verdicts = facts.get("verdicts", [])
        assert row["override_rate_n"] == len(verdicts)
        assert row["override_rate"] == (sum(verdicts) / len(verdicts) if verdicts else 0.0)
        assert row["overridden_rate_n"] == len(facts.get("overridden", []))
        assert row["sat_score_mean_n"] == len(facts.get("stars", []))
        assert row["sat_score_mean"] == mean(facts.get("stars", []))
        handled = [item for item in facts.get("handled", []) if item is not None]
        assert row["avg_processing_hours_n"] == len(handled)
        if handled:
            hours = [item / timedelta(hours=1) for item in handled]
            assert row["avg_processing_hours"] == pytest.approx(sum(hours) / len(hours), rel=1e-12)
        assert row["open_cases"] == len(facts.get("open", []))
        assert row["success_rate_n"] == len(facts.get("outcomes", []))
        last = sorted(facts.get("scores", []))[-10:]
        assert row["score_mean_last10_n"] == len(last)
        assert row["score_mean_last10"] == mean([value for _, value in last])


@settings(max_examples=30)
@given(
    table=_events(),
    cut=st.integers(0, 40),
    holding=st.sampled_from(["closer", "holder"]),
    ratings=st.sampled_from(["once", "every"]),
)
def test_state_equals_full_recomputation(table: pl.DataFrame, cut: int, holding: Any, ratings: Any) -> None:
    """Events may come in any order, late ones included; whole hours put facts on the very edge of the window."""
    state = aura.DossierState(table.head(cut), holding=holding, ratings=ratings)
    state.dossiers(window="30h")
    rest = table.slice(cut)
    state.append(rest.head(3))
    state.dossiers(window="30h")
    state.append(rest.slice(3))
    assert state.dossiers(window="30h").equals(aura.dossiers(table, window="30h", holding=holding, ratings=ratings))


NARROW = [
    "override_rate",
    "avg_processing_hours",
    "processing_hours_median",
    "processing_hours_p90",
    "open_cases",
    "sat_score_mean",
    "score_mean_last10",
    "success_rate",
]


@pytest.mark.slow
@pytest.mark.parametrize("order", ["as it happened", "late", "shuffled"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": NARROW},
        {"metrics": NARROW, "attribution": "all_deciders"},
        {"metrics": NARROW, "calendar": aura.Calendar()},
        {"holding": "holder", "attribution": "event_actor"},
        {"sla": "48h"},
    ],
    ids=str,
)
def test_state_read_again_and_again_equals_full_recomputations(options: dict[str, Any], order: str) -> None:
    """Every reading moves the window, so that facts enter, change and leave the running sums."""
    table = events.sample(900, seed=4).sort("ts")
    if order == "shuffled":
        table = table.sample(fraction=1, shuffle=True, seed=1)
    elif order == "late":
        tardy = pl.int_range(pl.len()) % 7 == 3
        table = pl.concat([table.filter(~tardy).head(500), table.filter(tardy), table.filter(~tardy).slice(500)])
    state = aura.DossierState(table.head(200), **options)
    for cut in range(200, 901, 100):
        state.append(table.slice(cut, 100))
        so_far = table.head(cut + 100)
        assert state.dossiers(window="20d").equals(aura.dossiers(so_far, window="20d", **options))
    assert state.dossiers(window="40d").equals(aura.dossiers(table, window="40d", **options))
    later: Any = pl.Series([so_far["ts"].max()]).dt.offset_by("15d")[0]
    assert state.dossiers(later, window="20d").equals(aura.dossiers(table, later, window="20d", **options))


def test_state_moves_the_window_exactly(log: Any) -> None:
    """A fact on the edge where the window begins is out of it, before and after the window moves."""
    table = log(*(("OVERRIDE", hour, {"actor": who}) for hour, who in ((0, "anne"), (30, "bob"), (60, "cleo"), (90, "dora"))))
    state = aura.DossierState(table.head(2), metrics=["override_rate"])
    for upto in (2, 3, 4):
        board = state.dossiers(window="30h")
        assert board["override_rate_n"].sum() == 1
        assert board.equals(aura.dossiers(table.head(upto), window="30h", metrics=["override_rate"]))
        state.append(table.slice(upto, 1))


def test_running_sums_are_exact_and_say_when_they_cannot_be_kept() -> None:
    from aura_analytics.dossier.summary import collected
    from aura_analytics.dossier.sums import RunningSums
    from aura_analytics.metrics import Mean, Quantile
    from aura_analytics.metrics.kinds.base import Context

    value = pl.col("elapsed")
    metrics = [
        Mean("m", "m", "hours", 0, None, "lower", "handled", value=value, whole=True, per=3_600_000_000),
        Quantile("q", "q", "hours", 0, None, "lower", "handled", value=value, q=0.9),
    ]
    rng = np.random.default_rng(5)
    # up to the largest value that fits, null and an actor without a name among them
    elapsed = [*rng.integers(2**43, 2**44, 500).tolist(), 2**44 - 1, 0, None]
    facts = pl.DataFrame({"actor": pl.Series([*rng.integers(0, 7, 501).tolist(), 9, None], dtype=pl.UInt32), "elapsed": elapsed})
    assert RunningSums.suits(list(metrics), facts)
    kept = RunningSums(list(metrics), facts.head(300))
    assert kept.change(facts.slice(300), facts.head(100))
    context, left = Context(datetime.min), facts.slice(100).filter(pl.col("actor").is_not_null())
    assert kept.settle() == 10
    actors = left["actor"].unique().sort()
    full = actors.to_frame().join(collected(left, (HANDLED, "actor"), list(metrics)), on="actor", maintain_order="left")
    for one in metrics:
        running, fresh = kept.finish(one, actors.to_numpy().astype(np.int64), context), one.finish(full, context)
        assert pl.DataFrame(running).equals(pl.DataFrame(fresh))
    too_large = pl.DataFrame({"actor": pl.Series([1], dtype=pl.UInt32), "elapsed": [2**44]})
    assert not RunningSums.suits(list(metrics), too_large)
    assert not kept.change(too_large, too_large.head(0))
    crowd = pl.DataFrame(
        {"actor": pl.zeros(1 << 18, dtype=pl.UInt32, eager=True), "elapsed": pl.ones(1 << 18, pl.Int64, eager=True)}
    )
    assert not RunningSums.suits(list(metrics), crowd)
    assert not kept.change(crowd, crowd.head(0))


def test_state_refuses_to_look_back() -> None:
    table = events.sample(50, seed=1)
    with pytest.raises(aura.errors.ParameterError, match="before the last event"):
        aura.DossierState(table).dossiers(as_of="2020-01-01")


def test_case_resolved_in_window_counts_from_its_assignment_before_the_window(log: Any) -> None:
    table = log(
        ("ASSIGNED", 0, {"actor": "anne", "case_id": "C1"}),
        ("RESOLVED", 100, {"actor": "anne", "case_id": "C1"}),
        ("ASSIGNED", 99, {"actor": "anne", "case_id": "C2"}),
        ("RESOLVED", 100, {"actor": "anne", "case_id": "C2"}),
    )
    row = aura.dossiers(table, window="10h").row(0, named=True)
    assert row["avg_processing_hours_n"] == 2
    assert row["avg_processing_hours"] == 50.5  # (100 + 1) / 2: the long case is not lost


def test_reassigned_case_closer_and_holder(log: Any) -> None:
    table = log(
        ("OPENED", 0, {"actor": "portal", "case_id": "C1"}),
        ("ASSIGNED", 10, {"actor": "anne", "case_id": "C1"}),
        ("ASSIGNED", 40, {"actor": "bob", "case_id": "C1"}),
        ("RESOLVED", 45, {"actor": "bob", "case_id": "C1"}),
    )
    hours = {r["actor"]: r["avg_processing_hours"] for r in aura.dossiers(table).iter_rows(named=True)}
    assert hours == {"bob": 5.0}
    hours = {r["actor"]: r["avg_processing_hours"] for r in aura.dossiers(table, holding="holder").iter_rows(named=True)}
    assert hours == {"anne": 30.0, "bob": 5.0}


def test_pauses_and_business_hours(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    # Monday 08:00 to Tuesday 12:00, paused Monday 10:00 to 14:00
    table = log(("ASSIGNED", 8, case), ("PAUSED", 10, case), ("RESUMED", 14, case), ("RESOLVED", 36, case))
    assert aura.dossiers(table)["avg_processing_hours"].to_list() == [24.0]
    office = aura.Calendar()  # Monday to Friday, 9 to 17: 8 + 3 hours, less 4 paused
    assert aura.dossiers(table, calendar=office)["avg_processing_hours"].to_list() == [7.0]


def test_reopened_case_is_open(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    table = log(("ASSIGNED", 0, case), ("RESOLVED", 5, case), ("ASSIGNED", 6, case), ("DECISION", 7, {"actor": "bob"}))
    row = aura.dossiers(table).filter(actor="anne").row(0, named=True)
    assert (row["open_cases"], row["avg_processing_hours_n"]) == (1, 0)


def test_colliding_hashes_are_told_apart(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every first hash equal, the second hash and the ids keep cases apart."""
    from aura_analytics.cases import outcomes, own_events, ratings, spells, window

    table = events.sample(300, seed=4)
    expected = aura.dossiers(table)
    everything_collides = pl.when(pl.col("case_id").is_not_null()).then(pl.lit(7, dtype=pl.UInt64)).alias("h")
    for module in (window, ratings, outcomes, own_events):
        monkeypatch.setattr(module, "case_hash", lambda: everything_collides)
    real = pl.Expr.hash
    monkeypatch.setattr(pl.Expr, "hash", lambda self, seed=0, *more: everything_collides if seed == 11 else real(self, seed, *more))
    assert spells is not None
    assert aura.dossiers(table).equals(expected)


def _cohort(log: Callable[..., pl.DataFrame], *cases: tuple[float, float | None]) -> pl.DataFrame:
    rows = []
    for i, (start, end) in enumerate(cases):
        case = {"actor": "anne", "case_id": f"C{i}"}
        rows.append(("ASSIGNED", start, case))
        if end is not None:
            rows.append(("RESOLVED", end, case))
    return log(*rows)


def test_sla_is_unknown_where_nobody_was_followed_to_the_limit(log: Any, at: Any) -> None:
    names = ["sla_breach_rate", "sla_breach_rate_lo", "sla_breach_rate_status"]
    young = _cohort(log, *[(0, None)] * 20)
    assert aura.dossiers(young, at(1), sla="48h").select(names).row(0) == (None, None, "not_followed")
    some_ended = _cohort(log, *[(0, None)] * 16, *[(0, 10)] * 4)
    assert aura.dossiers(some_ended, at(20), sla="48h").select(names).row(0) == (None, None, "not_followed")
    # all 20 were watched for 48 hours and none ended: now it is known
    row = aura.dossiers(young, at(48), sla="48h").row(0, named=True)
    assert (row["sla_breach_rate"], row["sla_breach_rate_n_eff"]) == (1.0, 20.0)
    # 99 cases watched for an hour say nothing about 24 hours; one did end
    rests_on_one = _cohort(log, *[(23, None)] * 99, (0, 24))
    row = aura.dossiers(rests_on_one, at(24), sla="24h").row(0, named=True)
    assert (row["sla_breach_rate"], row["sla_breach_rate_n_eff"]) == (0.0, 1.0)


def test_sla_without_censoring_is_an_ordinary_share(log: Any, at: Any) -> None:
    all_in_time = _cohort(log, *[(0, hours) for hours in range(1, 27)])
    row = aura.dossiers(all_in_time, at(100), sla="48h").row(0, named=True)
    assert (row["sla_breach_rate"], row["sla_breach_rate_n_eff"]) == (0.0, 26.0)
    assert row["sla_breach_rate_hi"] == pytest.approx(0.1287, abs=5e-5)  # Wilson, 0 of 26


def test_pauses_stop_the_clock_in_working_days(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    paused = log(("ASSIGNED", 0, case), ("PAUSED", 24, case), ("RESUMED", 24 * 45, case), ("RESOLVED", 24 * 46, case))
    assert aura.dossiers(paused, sla="20 working days")["sla_breach_rate"].to_list() == [0.0]
    straight = log(("ASSIGNED", 0, case), ("RESOLVED", 24 * 46, case))
    assert aura.dossiers(straight, sla="20 working days")["sla_breach_rate"].to_list() == [1.0]


def test_the_queue_is_that_of_the_beginning_on_both_roads(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    limits = {"default": "48h", "foia": "500h"}
    plain = log(("ASSIGNED", 0, {**case, "queue": "foia"}), ("RESOLVED", 60, case))
    careful = log(("ASSIGNED", 0, {**case, "queue": "foia"}), ("PAUSED", 1, case), ("RESUMED", 2, case), ("RESOLVED", 60, case))
    for table in (plain, careful):
        assert aura.dossiers(table, sla=limits)["sla_breach_rate"].to_list() == [0.0]


def test_truth_is_the_last_adjudication_whatever_words_others_use(log: Any) -> None:
    verdict = {"actor": "anne", "case_id": "C1", "ai_recommendation": "APPROVE", "human_verdict": "REJECT"}
    rows = [("OVERRIDE", 0, verdict), ("ADJUDICATION", 1, {"case_id": "C1", "outcome": "REJECT"})]
    assert aura.dossiers(log(*rows)).filter(actor="anne")["overrides_right_rate"].to_list() == [1.0]
    rows.append(("ADJUDICATION", 2, {"case_id": "C1", "outcome": "REMAND"}))
    assert aura.dossiers(log(*rows)).filter(actor="anne")["overrides_right_rate"].to_list() == [0.0]
    wordless = log(
        ("OVERRIDE", 0, {**verdict, "human_verdict": None}), ("ADJUDICATION", 1, {"case_id": "C1", "outcome": "APPROVE"})
    )
    assert aura.dossiers(wordless).filter(actor="anne")["overrides_right_rate_n"].to_list() == [
        1
    ]  # it is no verdict for what was right


def test_verdicts_without_a_case_cannot_be_answered(log: Any) -> None:
    table = log(("DECISION", 0, {"actor": "anne"}), ("SAT_SCORE", 1, {"actor": "anne", "value": 4}))
    assert aura.dossiers(table)["sat_response_rate"].to_list() == [None]


def test_equal_durations_have_no_interval(log: Any) -> None:
    row = aura.dossiers(_cohort(log, (0, 24), (1, 25))).row(0, named=True)
    assert (row["avg_processing_hours"], row["avg_processing_hours_lo"]) == (24.0, None)


def test_a_holder_answers_only_until_the_resolution(log: Any) -> None:
    case = {"case_id": "C1"}
    rows = (
        ("ASSIGNED", 0, {**case, "actor": "a"}),
        ("RESOLVED", 24, {**case, "actor": "a"}),
        ("ASSIGNED", 96, {**case, "actor": "b"}),
        ("RESOLVED", 168, {**case, "actor": "b"}),
    )
    board = aura.dossiers(log(*rows), holding="holder", sla="36h")
    assert board.select("actor", "avg_processing_hours", "sla_breach_rate").rows() == [("a", 24.0, 0.0), ("b", 72.0, 1.0)]


def test_whoever_acts_as_an_officer_is_judged_as_one(log: Any) -> None:
    verdicts = [("DECISION", i, {"actor": "anne", "actor_kind": "officer", "agent": "gpt"}) for i in range(3)]
    other = [
        ("OUTCOME", 5, {"actor": "anne", "actor_kind": "system", "case_id": "C", "outcome": "success"}),
        ("DECISION", 6, {"actor": "bob", "agent": "anne"}),
    ]
    board = aura.dossiers(log(*verdicts, *other))
    assert dict(board.select("actor", "actor_kind").iter_rows()) == {"anne": "officer", "bob": None, "gpt": "agent"}


def test_state_takes_metrics_of_one_s_own() -> None:
    from aura_analytics.metrics import Rate

    mine = Rate("loans", "Loans", "fraction", 0, 1, "neutral", "decisions", ("queue",), hit=pl.col("queue") == "loan")
    table = events.sample(200, seed=2)
    state = aura.DossierState(table.head(100), metrics=[mine])
    state.append(table.slice(100))
    assert state.dossiers().equals(aura.dossiers(table, metrics=[mine]))
    with pytest.raises(aura.errors.ParameterError, match="confidence is out of range"):
        aura.DossierState(table, confidence=95)


def test_a_rating_without_a_case_is_about_nobody(log: Any) -> None:
    """Polars gives null a hash of its own: events without a case must not find each other by it."""
    table = log(("OVERRIDE", 0, {"actor": "anne"}), ("SAT_SCORE", 5, {"value": 1.0}), ("DECISION", 6, {"actor": "bob"}))
    for board in (aura.dossiers(table), aura.DossierState(table).dossiers()):
        assert board["sat_score_mean"].to_list() == [None, None]
        assert not board["pip_recommended"].any()


@pytest.mark.parametrize("attribution", ["last_decider", "all_deciders"])
def test_a_case_shared_by_thousands_costs_no_squares(attribution: Any) -> None:
    n = 30_000
    verdicts = pl.DataFrame({"event_id": [f"d{i}" for i in range(n)], "ts": [START + timedelta(seconds=2 * i) for i in range(n)]})
    verdicts = verdicts.with_columns(type=pl.lit("DECISION"), actor=pl.Series([f"officer{i % 7}" for i in range(n)]))
    stars = pl.DataFrame({"event_id": [f"s{i}" for i in range(n)], "ts": [START + timedelta(seconds=2 * i + 1) for i in range(n)]})
    stars = stars.with_columns(type=pl.lit("SAT_SCORE"), value=pl.Series([float(1 + i % 5) for i in range(n)]))
    table = events.validate(pl.concat([verdicts, stars], how="diagonal").with_columns(case_id=pl.lit("N/A")))
    board = aura.dossiers(table, metrics=["sat_score_mean"], attribution=attribution, ratings="every")
    once = aura.dossiers(table, metrics=["sat_score_mean"], attribution=attribution)
    assert once["sat_score_mean_n"].to_list() == [1] * 7
    if attribution == "last_decider":  # every rating is about the one who decided a second before
        assert board["sat_score_mean_n"].to_list() == [sum(i % 7 == j for i in range(n)) for j in range(7)]
    else:
        assert board["sat_score_mean_n"].to_list() == [n - j for j in range(7)]


def test_a_case_assigned_and_resolved_by_thousands_costs_no_squares() -> None:
    n = 30_000
    given = pl.DataFrame({"event_id": [f"a{i}" for i in range(n)], "ts": [START + timedelta(seconds=2 * i) for i in range(n)]})
    given = given.with_columns(type=pl.lit("ASSIGNED"))
    done = pl.DataFrame({"event_id": [f"r{i}" for i in range(n)], "ts": [START + timedelta(seconds=2 * i + 1) for i in range(n)]})
    shared = pl.concat([given, done.with_columns(type=pl.lit("RESOLVED"))]).with_columns(
        actor=pl.lit("anne"), case_id=pl.lit("N/A")
    )
    own = shared.head(3).vstack(shared.slice(n, 3)).with_columns(event_id=pl.lit("x") + pl.col("event_id"), actor=pl.lit("bob"))
    own = own.with_columns(case_id=pl.concat_str(pl.lit("C"), pl.col("ts").dt.epoch("s") // 2))
    row = aura.dossiers(events.validate(pl.concat([shared, own])), metrics=["avg_processing_hours"]).sort("actor")
    # the shared case is one case: its last assignment, and its last resolution a second later; bob's are three
    assert row["avg_processing_hours_n"].to_list() == [1, 3]
    assert row["avg_processing_hours"].to_list() == pytest.approx([1 / 3600, 1 / 3600])


def test_a_second_opening_restarts_nothing(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    twice = log(("OPENED", 0, case), ("OPENED", 40, case), ("RESOLVED", 48, case))
    assert aura.dossiers(twice)["avg_processing_hours"].to_list() == [48.0]
    again = log(("OPENED", 0, case), ("RESOLVED", 10, case), ("OPENED", 40, case), ("OPENED", 44, case), ("RESOLVED", 48, case))
    assert aura.dossiers(again)["avg_processing_hours"].to_list() == [8.0]


def test_short_pauses_over_midnight_are_no_days(log: Any) -> None:
    case = {"actor": "anne", "case_id": "C1"}
    night = [(kind, 24 * day + hour, case) for day in range(1, 29) for kind, hour in (("PAUSED", 23.9), ("RESUMED", 24.1))]
    rows = [("ASSIGNED", 0, case), *night, ("RESOLVED", 24 * 30, case)]
    assert aura.dossiers(log(*rows), sla="5 working days")["sla_breach_rate"].to_list() == [1.0]
    whole = [(kind, 24 * day + hour, case) for day in range(1, 29) for kind, hour in (("PAUSED", 0.1), ("RESUMED", 23.9))]
    rows = [("ASSIGNED", 0, case), *whole, ("RESOLVED", 24 * 30, case)]
    assert aura.dossiers(log(*rows), sla="5 working days")["sla_breach_rate"].to_list() == [0.0]
    state = aura.DossierState(log(*rows[:20]), sla="5 working days")
    state.append(log(*rows[20:]))
    assert state.dossiers()["sla_breach_rate"].to_list() == [0.0]
