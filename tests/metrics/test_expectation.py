"""Observed over expected in dossiers: the very numbers of `case_mix`, in policies, however one asks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.metrics.case_mix import override_oe
from aura_analytics.statistics.rate_limits import exact_limits

NAMES = [
    "override_rate",
    "override_oe",
    "adjusted_override_rate",
    "wrong_verdict_oe",
    "adjusted_wrong_verdict_rate",
    "overridden_oe",
    "low_rating_oe",
    "adjusted_low_rating_share",
    "breach_oe",
    "adjusted_breach_rate",
]
RULE = {"name": "p", "rules": [{"id": "r", "when": {"metric": "override_oe", "above": 1.5, "limit": "lower", "confidence": 0.99}}]}


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return aura.sample_log(3000, seed=2)


def test_dossiers_say_what_case_mix_says(log: pl.DataFrame) -> None:
    board = aura.dossiers(log, metrics=NAMES, sla="48h")
    for outcome, ratio, rate in (
        ("override", "override_oe", "adjusted_override_rate"),
        ("wrong_verdict", "wrong_verdict_oe", "adjusted_wrong_verdict_rate"),
        ("low_rating", "low_rating_oe", "adjusted_low_rating_share"),
        ("breach", "breach_oe", "adjusted_breach_rate"),
    ):
        asked = {"covariates": ["queue"], "sla": "48h"} if outcome == "breach" else {}
        found = aura.case_mix(log, outcome=outcome, **asked).actors.filter(status="ok")  # type: ignore[arg-type]
        mine = board.join(found.select("actor"), on="actor", how="semi").sort("actor")
        assert mine.height == found.height > 3
        for column, theirs in ((ratio, "oe"), (rate, "adjusted_rate")):
            for side in ("", "_lo", "_hi"):
                assert mine[column + side].to_numpy() == pytest.approx(found[theirs + side].to_numpy(), rel=1e-9, nan_ok=True)
            assert mine[f"{column}_n"].to_list() == found["n"].to_list()


def test_one_kind_of_case_has_the_limits_of_a_rate() -> None:
    """Everybody has the same cases: the expected share is the others', and the limits are exact ones of a rate over it."""
    rows = [
        {"type": kind, "actor": f"o{i}", "actor_kind": "officer", "queue": "q", "ai_recommendation": "PAY", "ts": "2026-01-05"}
        for i in range(30)
        for kind in ["OVERRIDE"] * (12 + 3 * (i == 0)) + ["DECISION"] * (28 - 3 * (i == 0))
    ]
    board = aura.dossiers(aura.events.from_records(rows), metrics=["override_oe"])
    first = board.filter(actor="o0")
    low, high = override_oe.limits(first, 0.9)
    own = exact_limits([15], [40], 0.9)
    assert first["override_oe_share"][0] == pytest.approx(0.3, abs=1e-6)
    assert low[0] == pytest.approx(own[0][0] / 0.3, rel=0.03) and high[0] == pytest.approx(own[1][0] / 0.3, rel=0.03)


def test_hard_cases_are_no_reason(log: pl.DataFrame) -> None:
    """Two officers who do the same, of whom one gets the fraud queue."""
    draw = np.random.Generator(np.random.Philox(1))
    rows = []
    for i in range(20):
        hard = 0.9 if i == 0 else 0.1
        for _ in range(150):
            queue = "fraud" if draw.random() < hard else "loans"
            kind = "OVERRIDE" if draw.random() < (0.6 if queue == "fraud" else 0.1) else "DECISION"
            rows.append({"type": kind, "actor": f"o{i:02d}", "actor_kind": "officer", "queue": queue, "ts": "2026-01-05"})
    board = aura.dossiers(aura.events.from_records(rows), policy=aura.Policy(RULE))
    first = board.filter(actor="o00")
    assert first["override_rate"][0] > 0.45 and first["override_oe_lo"][0] < 1 < first["override_oe_hi"][0]
    assert first["pip_status"][0] == "clear"


def test_a_policy_reads_it_through_every_door(log: pl.DataFrame) -> None:
    chosen = aura.Policy(RULE)
    whole = aura.dossiers(log, policy=chosen)
    assert whole.filter(pip_status="flag").height >= 1
    state = aura.DossierState(log.head(1000), metrics=["override_oe", "override_rate"])
    state.append(log.slice(1000))
    board = state.dossiers(policy=chosen)
    assert board.equals(aura.dossiers(log, policy=chosen, metrics=["override_oe", "override_rate"]))
    for actor in board["actor"].to_list():
        assert state.dossiers(policy=chosen, actors=[actor]).equals(board.filter(actor=actor))


def test_a_growing_log_knows_the_kind_of_a_rated_case(log: pl.DataFrame) -> None:
    asked = {"metrics": ["low_rating_oe", "breach_oe", "sat_low_share"], "sla": "48h"}
    state = aura.DossierState(log.head(900), **asked)  # type: ignore[arg-type]
    for start in range(900, log.height, 700):
        state.append(log.slice(start, 700))
    board = aura.dossiers(log, **asked)  # type: ignore[arg-type]
    assert board.filter(pl.col("low_rating_oe").is_not_null()).height > 3
    assert state.dossiers().equals(board)
    shuffled = log.sample(fraction=1, shuffle=True, seed=1)
    assert aura.dossiers(shuffled, **asked).equals(board)  # type: ignore[arg-type]


def test_ratings_and_breaches_are_compared_within_their_queue() -> None:
    """By hand: everybody's share of a queue is the same, so whoever has the slow and disliked queue is as expected, not worse."""
    rows: list[dict[str, Any]] = []
    for actor, queue, many in [("anne", "slow", 400), ("anne", "quick", 100), ("bert", "slow", 100), ("bert", "quick", 400)]:
        for i in range(many):
            case, late = f"{actor}{queue}{i}", i % 2 == 0 if queue == "slow" else i % 10 == 0
            of = {"case_id": case, "actor": actor, "actor_kind": "officer", "queue": queue}
            rows += [
                of | {"type": "ASSIGNED", "ts": "2026-01-05T00:00:00Z"},
                of | {"type": "DECISION", "ts": "2026-01-06T00:00:00Z"},
                of | {"type": "RESOLVED", "ts": f"2026-01-{'09' if late else '06'}T00:00:00Z"},
                {"type": "SAT_SCORE", "case_id": case, "value": 1 if late else 4, "ts": "2026-01-10T00:00:00Z"},
            ]
    board = aura.dossiers(
        aura.events.from_records(rows), metrics=["breach_oe", "low_rating_oe", "sat_low_share", "sla_breach_rate"], sla="48h"
    )
    assert board["sat_low_share"].to_list() == pytest.approx([21 / 50, 9 / 50])
    assert board["sla_breach_rate"].to_list() == pytest.approx([21 / 50, 9 / 50])
    for name in ("breach_oe", "low_rating_oe"):
        assert board[name].to_list() == pytest.approx([1, 1], abs=0.05)
        assert board[f"{name}_expected"].to_list() == pytest.approx([210, 90], rel=0.05)
    assert (
        aura.dossiers(aura.events.from_records(rows), metrics=["breach_oe", "override_rate"])["breach_oe_status"].to_list()
        == ["no_target"] * 2
    )


def test_who_began_late_or_left_early_is_no_better_and_no_worse() -> None:
    """Everybody's cases last an exponential time of 30 days; a limit of 30 days; truth: exp(-1) breach."""
    draw = np.random.default_rng(1)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    rows: list[dict[str, Any]] = []
    spans = [(f"o{i}", 0, 90, 300) for i in range(4)] + [("newcomer", 60, 90, 150), ("leaver", 0, 60, 300)]
    for actor, low, high, many in spans:
        for i in range(many):
            begun = float(draw.uniform(low, high))
            over = begun + float(draw.exponential(30))
            of = {"case_id": f"{actor}{i}", "actor": actor, "actor_kind": "officer", "queue": "q"}
            rows.append(of | {"type": "ASSIGNED", "ts": start + timedelta(days=begun)})
            if over < 90:
                rows.append(of | {"type": "RESOLVED", "ts": start + timedelta(days=over)})
    names = ["breach_oe", "adjusted_breach_rate"]
    board = aura.dossiers(aura.events.from_records(rows), "2026-04-01", "90d", sla="720h", metrics=names).rows_by_key(
        "actor", named=True, unique=True
    )
    assert board["newcomer"]["breach_oe_status"] == "no_data"  # no limit of theirs has passed
    for actor, _, _, many in spans:
        if actor != "newcomer":
            row = board[actor]
            assert row["breach_oe_n"] > many * 0.6
            assert row["breach_oe_lo"] < 1 < row["breach_oe_hi"]
            assert abs(row["adjusted_breach_rate"] - np.exp(-1)) < 3 * (0.37 * 0.63 / row["breach_oe_n"]) ** 0.5


def test_audits_that_look_harder_at_overrides_make_nobody_worse() -> None:
    """Everybody is wrong in 14 %; of one officer overrides are always audited and agreement one time in ten."""
    rows: list[dict[str, Any]] = []
    for actor in ("anne", "bert", "cleo", "dora"):
        for i in range(2_000):
            overrides, of = i % 4 == 0, {"case_id": f"{actor}{i}", "queue": "q", "ai_recommendation": "PAY"}
            chance = (1.0 if overrides else 0.1) if actor == "anne" else 0.3
            step = i // 4
            wrong = step % 100 < (35 if overrides else 7)
            said = "REJECT" if overrides else "PAY"
            kind = "OVERRIDE" if overrides else "DECISION"
            rows.append(of | {"type": kind, "actor": actor, "actor_kind": "officer", "human_verdict": said, "ts": "2026-01-05"})
            if step % 10 < 10 * chance:
                right = {"PAY": "REJECT", "REJECT": "PAY"}[said] if wrong else said
                rows.append(of | {"type": "ADJUDICATION", "outcome": right, "audit_chance": chance, "ts": "2026-01-06"})
    log = aura.events.from_records(rows)
    board = aura.dossiers(log, metrics=["verdict_right_rate", "wrong_verdict_oe", "adjusted_wrong_verdict_rate"], window="all")
    assert board["wrong_verdict_oe"].to_numpy() == pytest.approx(1, abs=0.1)
    own = 1 - board["verdict_right_rate"].to_numpy()
    assert board["adjusted_wrong_verdict_rate"].to_numpy() == pytest.approx(own, abs=1e-6)
    found = aura.case_mix(log, outcome="wrong_verdict", window="all").actors
    assert found["oe"].to_list() == board["wrong_verdict_oe"].to_list()


def test_the_office_is_that_of_all_cases_and_not_of_the_audited_ones() -> None:
    """Everybody errs in 40 % of fraud and 10 % of loans; who has most of the fraud is audited least."""
    rows: list[dict[str, Any]] = []
    for actor, chance, cases in (("anne", 0.05, (4000, 400)), ("bert", 1.0, (100, 400)), ("cleo", 1.0, (100, 400))):
        for queue, many, wrong in zip(("fraud", "loans"), cases, (0.4, 0.1), strict=True):
            for i in range(many):
                of = {"case_id": f"{actor}{queue}{i}", "queue": queue, "ai_recommendation": "PAY"}
                rows.append(
                    of | {"type": "DECISION", "actor": actor, "actor_kind": "officer", "human_verdict": "PAY", "ts": "2026-01-05"}
                )
                if i < many * chance:
                    right = "REFUSE" if i < many * chance * wrong else "PAY"
                    rows.append(of | {"type": "ADJUDICATION", "outcome": right, "audit_chance": chance, "ts": "2026-01-06"})
    log = aura.events.from_records(rows)
    found = aura.case_mix(log, ["queue"], outcome="wrong_verdict", window="all")
    truth = (0.4 * 4200 + 0.1 * 1200) / 5400
    assert found.rate == pytest.approx(truth, abs=1e-6)
    assert found.actors["adjusted_rate"].to_numpy() == pytest.approx(truth, abs=0.02)


def test_ratings_of_cases_without_a_verdict(log: pl.DataFrame) -> None:
    more = [
        {"type": "SAT_SCORE", "actor": "officer_anne@sba.gov", "actor_kind": "officer", "case_id": f"new{i}", "value": 1}
        for i in range(9)
    ]
    events = pl.concat([log, aura.events.from_records([one | {"ts": log["ts"].max()} for one in more])])
    for covariate in ("hour", "weekday", "queue"):
        found = aura.case_mix(events, [covariate], outcome="low_rating", window="all").actors
        before = aura.case_mix(log, [covariate], outcome="low_rating", window="all").actors
        gained = found.filter(actor="officer_anne@sba.gov")["n"][0] - before.filter(actor="officer_anne@sba.gov")["n"][0]
        assert gained == 9
    assert aura.over_cases(events, "officer_anne@sba.gov", ["weekday"], outcome="low_rating").cases["ts"].is_sorted()


def test_why_there_is_no_number_is_said(log: pl.DataFrame) -> None:
    alone = {"type": "OVERRIDE", "actor": "solo", "actor_kind": "officer", "queue": "own", "ai_recommendation": "X"}
    more = aura.events.from_records([alone | {"ts": log["ts"].max(), "event_id": f"s{i}"} for i in range(9)])
    chosen = aura.Policy(RULE)
    verdict = chosen.evaluate(aura.dossiers(pl.concat([log, more]), policy=chosen)).filter(actor="solo").row(0, named=True)
    assert "(nobody else has such cases)" in verdict["reasons"][0]


def test_a_case_beside_the_rule() -> None:
    tests = [
        {"name": "three times as many", "dossier": {"override_oe": {"observed": 60, "expected": 20, "of": 100}}, "expect": "flag"},
        {"name": "as many", "dossier": {"override_oe": {"observed": 20, "expected": 20, "of": 100}}, "expect": "clear"},
        {"name": "nothing", "dossier": {}, "expect": "insufficient"},
    ]
    assert aura.Policy(RULE | {"tests": tests}).test().failures == ()


def test_who_cannot_be_compared(log: pl.DataFrame) -> None:
    alone = [
        {
            "type": "OVERRIDE",
            "actor": "solo",
            "actor_kind": "officer",
            "queue": "own",
            "ai_recommendation": "X",
            "ts": log["ts"].max(),
        }
    ] * 9
    events = pl.concat([log, aura.events.from_records([row | {"event_id": f"s{i}"} for i, row in enumerate(alone)])])
    row = aura.dossiers(events, policy=aura.Policy(RULE)).filter(actor="solo").row(0, named=True)
    assert (row["override_oe"], row["override_oe_status"], row["pip_status"]) == (None, "no_overlap", "insufficient")
    with pytest.raises(ParameterError, match="unknown metric"):
        aura.dossiers(log, metrics=["overide_oe"])
