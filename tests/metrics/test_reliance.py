"""Was the human right: published counts, hand-worked cases, an independent slow implementation, and what must never matter."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import norm

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.errors import EventError

PUBLISHED = Path(__file__).parents[2] / "fixtures" / "published"
CASES = json.loads((PUBLISHED / "reliance_cases.json").read_text())["cases"]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
RELIANCE = [
    "accepted_wrong_rate",
    "overrides_right_rate",
    "over_reliance_rate",
    "under_reliance_rate",
    "verdict_right_rate",
    "advice_right_rate",
    "initial_right_rate",
    "rair",
    "rsr",
]


def trials() -> pl.DataFrame:
    return pl.read_parquet(PUBLISHED / "human_alignment_trials.parquet")


def as_log(table: pl.DataFrame) -> pl.DataFrame:
    """The trials as events: every case was audited."""
    case = pl.format("{}-{}", "participant", "trial")
    agrees = pl.col("final_verdict") == pl.col("ai_recommendation")
    verdicts = table.select(
        ts=pl.lit(START) + pl.duration(minutes=pl.col("trial")),
        type=pl.when(agrees).then(pl.lit("DECISION")).otherwise(pl.lit("OVERRIDE")),
        actor="participant",
        actor_kind=pl.lit("officer"),
        case_id=case,
        agent=pl.lit("machine"),
        confidence="ai_confidence",
        ai_recommendation="ai_recommendation",
        human_verdict="final_verdict",
        initial_verdict="initial_verdict",
    )
    audits = table.select(
        ts=pl.lit(START + timedelta(days=1)),
        type=pl.lit("ADJUDICATION"),
        case_id=case,
        outcome="truth",
        audit_chance=pl.lit(1.0),
    )
    return events.validate(pl.concat([verdicts, audits], how="diagonal"))


def counted(board: pl.DataFrame, metric: str) -> tuple[int, int]:
    n = board[f"{metric}_n"]
    return round((board[metric] * n).sum()), int(n.sum())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_counts_of_real_people(case: dict[str, Any]) -> None:
    table = trials().filter(**case.get("where", {}))
    board = aura.dossiers(as_log(table), window="all", metrics=RELIANCE).filter(pl.col("actor") != "machine")
    expected = case["expected"]
    n = expected["n"]
    assert counted(board, "verdict_right_rate") == (expected["final_right"], n)
    assert counted(board, "advice_right_rate") == (expected["ai_right"], n)
    assert counted(board, "initial_right_rate") == (expected["initial_right"], n)
    assert counted(board, "accepted_wrong_rate") == (expected["accepted_wrong"], expected["accepted"])
    assert counted(board, "overrides_right_rate") == (expected["overridden_right"], expected["overridden"])
    assert counted(board, "rair") == tuple(expected["rair"])
    assert counted(board, "rsr") == tuple(expected["rsr"])


def test_counts_of_each_person() -> None:
    table = trials()
    board = aura.dossiers(as_log(table), window="all", metrics=[*RELIANCE, "recommended_right_rate", "missed_wrong_rate"])
    right, first, advice = (pl.col(name) == pl.col("truth") for name in ("final_verdict", "initial_verdict", "ai_recommendation"))
    over = pl.col("final_verdict") != pl.col("ai_recommendation")
    parts = {
        "accepted_wrong_rate": (~right, ~over),
        "overrides_right_rate": (right, over),
        "over_reliance_rate": (~over, ~advice),
        "under_reliance_rate": (over, advice),
        "verdict_right_rate": (right, right.is_not_null()),
        "advice_right_rate": (advice, right.is_not_null()),
        "initial_right_rate": (first, right.is_not_null()),
        "rair": (right, ~first & advice),
        "rsr": (right, first & ~advice),
    }
    own = table.group_by(actor="participant").agg(
        *(pl.struct(k=(hit & among).sum(), n=among.sum()).alias(name) for name, (hit, among) in parts.items())
    )
    joined = board.join(own, on="actor", suffix="_own")
    assert joined.height == 401
    for name in parts:
        k, n = (joined[f"{name}_own"].struct.field(part) for part in ("k", "n"))
        assert joined[f"{name}_n"].to_list() == n.to_list()
        assert joined[name].to_list() == [a / b if b else None for a, b in zip(k, n, strict=True)]
    machine = board.row(by_predicate=pl.col("actor") == "machine", named=True)
    assert (machine["recommended_right_rate"], machine["recommended_right_rate_n"]) == (7024 / 9624, 9624)
    assert (machine["missed_wrong_rate"], machine["missed_wrong_rate_n"]) == (1957 / 2600, 2600)


def verdict(i: int, kind: str, human: str | None, advice: str | None = "PAY", **more: Any) -> dict[str, Any]:
    known = {"ai_recommendation": advice, "human_verdict": human} | more
    return {"type": kind, "actor": "anne", "actor_kind": "officer", "case_id": f"C{i}", "ts": at(i), "agent": "gpt"} | known


def audit(i: int, truth: str, chance: float | None = None, kind: str = "ADJUDICATION") -> dict[str, Any]:
    return {"type": kind, "case_id": f"C{i}", "outcome": truth, "ts": at(1000 + i), "audit_chance": chance}


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def board_of(records: list[dict[str, Any]], *metrics: str, actor: str = "anne") -> dict[str, Any]:
    board = aura.dossiers(events.from_records(records), window="all", metrics=list(metrics))
    return board.row(by_predicate=pl.col("actor") == actor, named=True)


def test_acceptances_that_were_wrong_are_wrong() -> None:
    records = [verdict(i, "DECISION", "PAY") for i in range(30)] + [audit(i, "REFUSE" if i < 18 else "PAY") for i in range(30)]
    row = board_of(records, "accepted_wrong_rate", "verdict_right_rate", "over_reliance_rate")
    assert (row["accepted_wrong_rate"], row["accepted_wrong_rate_n"]) == (0.6, 30)
    assert (row["verdict_right_rate"], row["over_reliance_rate"]) == (0.4, 1.0)


def test_an_override_to_a_third_word_is_wrong() -> None:
    records = [verdict(i, "OVERRIDE", "REJECT") for i in range(30)]
    records += [audit(i, "REFER" if i < 20 else "REJECT") for i in range(30)]
    row = board_of(records, "overrides_right_rate", "under_reliance_rate", "over_reliance_rate")
    assert (row["overrides_right_rate"], row["overrides_right_rate_n"]) == (1 / 3, 30)
    # the recommendation (PAY) was wrong as well, and never accepted
    assert (row["under_reliance_rate_n"], row["over_reliance_rate"]) == (0, 0.0)


@pytest.mark.parametrize(("words", "expected"), [(("PAY", "REFUSE"), (0.5, 2)), (("PAY", "REFUSE", "REFER"), (0.0, 1))])
def test_a_bare_override_is_judged_where_the_words_decide(
    words: tuple[str, ...], expected: tuple[float, int], tmp_path: Path
) -> None:
    records = [verdict(0, "OVERRIDE", None), verdict(1, "OVERRIDE", None), audit(0, "PAY"), audit(1, "REFUSE")]
    records += [verdict(10 + i, "DECISION", word, word, actor="bob") for i, word in enumerate(words)]
    row = board_of(records, "overrides_right_rate")
    assert (row["overrides_right_rate"], row["overrides_right_rate_n"]) == expected
    state = aura.DossierState(events.from_records(records))
    assert state.dossiers(window="all").filter(actor="anne")["overrides_right_rate"].to_list() == [expected[0]]
    # one actor alone, from their own cases by index: bob's words are not among these
    when = {"metric": "overrides_right_rate", "below": 0.9, "min_n": 1}
    policy = aura.Policy(
        {"name": "right", "version": 1, "description": "", "window": "all", "rules": [{"id": "r", "title": "R", "when": when}]}
    )
    with aura.Ledger(tmp_path / "aura.db") as ledger:
        ledger.record_events(events.from_records(records))
        found = aura.get_dossier("anne", ledger=ledger, policy=policy)
        whole = aura.dossiers(ledger, policy=policy).row(by_predicate=pl.col("actor") == "anne", named=True)
        assert found["pip_reasons"] == whole["pip_reasons"]


def test_an_outcome_counts_when_it_names_a_verdict() -> None:
    records = [verdict(0, "DECISION", "PAY"), audit(0, "REFUSE", kind="OUTCOME"), verdict(1, "DECISION", "PAY")]
    records += [audit(1, "bankrupt", kind="OUTCOME"), verdict(2, "OVERRIDE", "REFUSE")]
    row = board_of(records, "accepted_wrong_rate")
    assert (row["accepted_wrong_rate"], row["accepted_wrong_rate_n"]) == (1.0, 1)


def test_own_work_is_counted_apart() -> None:
    records = [verdict(i, "DECISION", "PAY", own_work=i < 6) for i in range(10)] + [audit(i, "REFUSE") for i in range(10)]
    row = board_of(records, "accepted_wrong_rate", "own_work_rate", "override_rate")
    assert row["accepted_wrong_rate_n"] == 4 and (row["own_work_rate"], row["own_work_rate_n"]) == (0.6, 10)
    assert row["override_rate_n"] == 10


# -- an independent slow implementation --------------------------------------------------------------------------------------------


def slow(records: list[dict[str, Any]], actor: str) -> dict[str, tuple[float, float, int]]:
    """(value, effective n, n) of the audited shares, row by row."""
    truth: dict[str, tuple[str, float | None]] = {}
    for one in sorted((r for r in records if r["type"] == "ADJUDICATION"), key=lambda r: str(r["ts"])):
        truth[one["case_id"]] = one["outcome"], one.get("audit_chance")
    own = [r for r in records if r["type"] in ("DECISION", "OVERRIDE") and r["actor"] == actor and not r.get("own_work")]
    judged = [r for r in own if r["case_id"] in truth]
    chances = all(truth[r["case_id"]][1] is not None for r in judged)
    size: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for r in own:
        size[r["type"], r.get("queue")][0] += 1
        size[r["type"], r.get("queue")][1] += r["case_id"] in truth
    rows = []
    for r in judged:
        right, chance = truth[r["case_id"]]
        a, b = size[r["type"], r.get("queue")]
        weight = 1 / chance if chances and chance is not None else a / b
        rows.append((r["type"] == "OVERRIDE", r["human_verdict"] == right, r["ai_recommendation"] == right, round(weight * 1e6)))
    found = {}
    Says = Callable[[bool, bool, bool], bool]
    shares: dict[str, tuple[Says, Says]] = {
        "accepted_wrong_rate": (lambda o, r, a: not r, lambda o, r, a: not o),
        "over_reliance_rate": (lambda o, r, a: not o, lambda o, r, a: not a),
        "under_reliance_rate": (lambda o, r, a: o, lambda o, r, a: a),
        "verdict_right_rate": (lambda o, r, a: r, lambda o, r, a: True),
    }
    for name, (hit, among) in shares.items():
        of = [(hit(*row[:3]), row[3]) for row in rows if among(*row[:3])]
        w = sum(weight for _, weight in of)
        if not of:
            continue
        p = sum(weight for yes, weight in of if yes) / w
        spread = sum((weight * (yes - p)) ** 2 for yes, weight in of)
        effective = p * (1 - p) * w * w / spread if spread else w * w / sum(weight**2 for _, weight in of)
        found[name] = p, min(effective, len(of)), len(of)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_slow_way_says_the_same(seed: int) -> None:
    draw = random.Random(seed)
    words, records = ["PAY", "REFUSE", "REFER"], []
    with_chances = seed % 2 == 0
    for i in range(300):
        advice, human = draw.choice(words), draw.choice(words)
        queue, actor = draw.choice(["loans", "claims", None]), draw.choice(["anne", "bob"])
        kind = "DECISION" if human == advice else "OVERRIDE"
        own = draw.choice([True, False, None, None, None])
        records.append(verdict(i, kind, human, advice, queue=queue, actor=actor, own_work=own))
        if draw.random() < 0.4:
            chance = draw.choice([0.1, 0.25, 0.5, 1.0]) if with_chances else None
            records.append(audit(i, draw.choice(words), chance))
    draw.shuffle(records)
    for actor in ("anne", "bob"):
        expected = slow(records, actor)
        row = board_of(records, *expected, actor=actor)
        for name, (value, n_eff, n) in expected.items():
            if row[f"{name}_status"] == "selective_audits":
                continue
            assert row[name] == pytest.approx(value, abs=1e-12), name
            assert row[f"{name}_n"] == n and row[f"{name}_n_eff"] == pytest.approx(n_eff, rel=1e-9)
            low, high = aura_wilson(value * n_eff, n_eff)
            assert (row[f"{name}_lo"], row[f"{name}_hi"]) == pytest.approx((low, high), abs=1e-9)


def aura_wilson(k: float, n: float, z: float = float(norm.ppf(0.975))) -> tuple[float, float]:
    """Wilson (1927), written out."""
    p = k / n
    centre, half = (p + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def test_signal_detection_against_its_formula() -> None:
    # 20 wrong recommendations of which 15 were overridden, 50 right ones of which 5 were
    records = []
    for i in range(70):
        wrong = i < 20
        over = i < 15 or 20 <= i < 25
        human = "REFUSE" if over else "PAY"
        records += [verdict(i, "OVERRIDE" if over else "DECISION", human), audit(i, "REFUSE" if wrong else "PAY", 1.0)]
    row = board_of(records, "discernment", "leaning")
    h, f = 15.5 / 21, 5.5 / 51
    d, c = norm.ppf(h) - norm.ppf(f), -(norm.ppf(h) + norm.ppf(f)) / 2
    se = math.sqrt(h * (1 - h) / 20 / norm.pdf(norm.ppf(h)) ** 2 + f * (1 - f) / 50 / norm.pdf(norm.ppf(f)) ** 2)
    assert (row["discernment"], row["leaning"]) == pytest.approx((d, c))
    assert row["discernment_hi"] - row["discernment_lo"] == pytest.approx(2 * 1.959964 * se, rel=1e-6)
    assert row["leaning_hi"] - row["leaning_lo"] == pytest.approx(1.959964 * se, rel=1e-6)
    assert (row["discernment_n"], row["discernment_status"]) == (70, "ok")


def test_signal_detection_needs_both_kinds_of_advice() -> None:
    records = [verdict(i, "DECISION", "PAY") for i in range(5)] + [audit(i, "PAY") for i in range(5)]
    row = board_of(records, "discernment")
    assert (row["discernment"], row["discernment_n"], row["discernment_status"]) == (None, 5, "one_kind_of_advice")


def test_team_against_agent_alone() -> None:
    # both right 10, the officer alone 6, the agent alone 2, neither 2
    records = []
    for i in range(20):
        officer, agent = i < 16, i < 10 or 16 <= i < 18
        truth = "PAY" if agent else "REFUSE" if officer else "REFER"
        advice = truth if agent else "PAY"
        human = truth if officer else ("REFUSE" if advice == truth else "PAY")
        records += [verdict(i, "DECISION" if human == advice else "OVERRIDE", human, advice), audit(i, truth, 1.0)]
    row = board_of(records, "team_gain", "verdict_right_rate", "advice_right_rate")
    assert (row["verdict_right_rate"], row["advice_right_rate"]) == (0.8, 0.6)
    assert row["team_gain"] == pytest.approx(0.2)
    p, q = 7 / 22, 3 / 22
    half = 1.959964 * math.sqrt((p + q - (p - q) ** 2) / 22)
    assert (row["team_gain_lo"], row["team_gain_hi"]) == pytest.approx((p - q - half, p - q + half), abs=1e-6)


def test_audits_that_were_picked_by_their_verdict_say_so() -> None:
    records = [verdict(i, "OVERRIDE" if i % 4 == 0 else "DECISION", "REFUSE" if i % 4 == 0 else "PAY") for i in range(200)]
    picked = [audit(i, "PAY") for i in range(200) if i % 4 == 0 or i % 40 == 1]
    row = board_of(records + picked, *RELIANCE)
    assert row["verdict_right_rate"] is None and row["verdict_right_rate_status"] == "selective_audits"
    assert row["verdict_right_rate_lo"] is None and row["verdict_right_rate_n"] == len(picked)
    known = [{**one, "audit_chance": 1.0 if int(one["case_id"][1:]) % 4 == 0 else 5 / 150} for one in picked]
    row = board_of(records + known, *RELIANCE)
    # 50 overrides of what was right, and 5 acceptances that stand for 150
    assert row["verdict_right_rate"] == pytest.approx(150 / 200) and row["verdict_right_rate_status"] == "ok"


def test_the_last_of_two_audits_counts() -> None:
    records = [verdict(0, "DECISION", "PAY"), audit(0, "REFUSE", 0.5), {**audit(0, "PAY", 0.25), "ts": at(5000)}]
    assert board_of(records, "verdict_right_rate")["verdict_right_rate"] == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_growing_log_says_the_same(seed: int) -> None:
    draw = random.Random(seed)
    records = []
    for i in range(120):
        human = draw.choice(["PAY", "REFUSE", None])
        over = draw.random() < 0.5
        records.append(
            verdict(i, "OVERRIDE" if over else "DECISION", human, draw.choice(["PAY", "REFUSE"]), queue=draw.choice(["a", "b"]))
        )
        if draw.random() < 0.5:
            records.append(
                audit(i, draw.choice(["PAY", "REFUSE"]), draw.choice([0.5, None]), draw.choice(["ADJUDICATION", "OUTCOME"]))
            )
    for one in records:
        if one["type"] == "OUTCOME":
            one["audit_chance"] = None
    log = events.from_records(records)
    state = aura.DossierState(log.head(60))
    for first in range(60, log.height, 40):
        state.append(log.slice(first, 40))
    assert state.dossiers(window="all").equals(aura.dossiers(log, window="all"))
    later = log.sort("ts", descending=True)
    assert aura.dossiers(later, window="all").drop("counted").equals(aura.dossiers(log, window="all").drop("counted"))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (audit(0, "PAY", 0.0), "chance_range"),
        (audit(0, "PAY", 1.5), "chance_range"),
        (verdict(0, "DECISION", "PAY", audit_chance=0.5), "chance_without_audit"),
        ({"type": "ADJUDICATION", "case_id": "C0", "audit_chance": 0.5, "ts": at(1)}, "outcome_missing"),
        ({"type": "DRILL", "case_id": "C0", "ts": at(1)}, "answer_missing"),
        (verdict(0, "DECISION", "PAY", own_work="maybe"), "own_work_unreadable"),
    ],
)
def test_bad_input_is_named(record: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError, match=said):
        events.from_records([record])
