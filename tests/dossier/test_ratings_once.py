"""A case's ratings count once per rater, a burst is said, and a rule may ask for distinct cases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.cli.app import app
from aura_analytics.dossier.doubts import bursts
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.widgets.explorer.state import ExplorerState

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def rating(hours: float, stars: int, case: str | None = "C0", **more: Any) -> dict[str, Any]:
    return {"type": "SAT_SCORE", "value": stars, "case_id": case, "ts": at(hours), **more}


def honest() -> list[dict[str, Any]]:
    """An officer who overrides half of what is recommended, and whom everybody likes."""
    verdicts = [
        {
            "type": "OVERRIDE" if i % 2 else "DECISION",
            "actor": "anne",
            "actor_kind": "officer",
            "case_id": f"C{i}",
            "ts": at(i),
            "ai_recommendation": "PAY",
            "human_verdict": "REFUSE" if i % 2 else "PAY",
        }
        for i in range(60)
    ]
    return verdicts + [rating(61 + i, 4, f"C{i}") for i in range(0, 60, 3)]


ATTACKS = {
    "nobody named": [rating(100 + i / 100, 1) for i in range(100)],
    "one citizen": [rating(100 + i / 100, 1, actor="carl", actor_kind="citizen") for i in range(100)],
    "naming her": [rating(100 + i / 100, 1, actor="anne", actor_kind="officer") for i in range(100)],
}


def test_a_burst_is_said_of_who_has_no_page_too(tmp_path: Path) -> None:
    attacked = events.from_records(honest() + ATTACKS["nobody named"])
    log, page = aura.write_events(attacked, tmp_path / "log.jsonl"), tmp_path / "r.html"
    said = "anne: 100 ratings repeat one of the same case by the same rater, or by nobody named, and do not count."
    text = aura.write_report(log, page).read_text()
    assert said in text and "120 ratings came in; 0 of them could not be traced to anybody, 100 repeat one" in text
    assert said in " ".join(CliRunner().invoke(app, ["dossiers", str(log)]).output.split())
    with aura.Ledger(tmp_path / "aura.db") as ledger:
        ledger.record_events(attacked)
        assert [f"anne: {one}." for one in aura.get_dossier("anne", ledger=ledger)["warnings"]] == [said]
    clean = events.from_records(honest())
    assert "Doubts" not in aura.write_report(clean, page).read_text()


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hundred_ratings_of_one_case_flag_nobody(name: str) -> None:
    clean, attacked = events.from_records(honest()), events.from_records(honest() + ATTACKS[name])
    before, after = aura.dossiers(clean, policy="evidence_gated"), aura.dossiers(attacked, policy="evidence_gated")
    assert before["pip_status"].to_list() == after["pip_status"].to_list() == ["clear"]
    # at most one more than before
    assert before["sat_score_mean_n"][0] == 20 and after["sat_score_mean_n"][0] in (20, 21)
    assert after["sat_score_mean"][0] > 3.8
    (said,) = after["warnings"][0]
    assert said.startswith(("99 ratings repeat one of the same case", "100 ratings repeat one of the same case"))
    every = aura.dossiers(attacked, ratings="every", policy="evidence_gated")
    assert every["sat_score_mean_n"][0] == 120 and every["pip_status"].to_list() == ["flag"]
    assert every["counted"][0]["ratings"] == "every" and after["counted"][0]["ratings"] == "once"


@pytest.mark.parametrize("name", ATTACKS)
def test_every_door_says_so(name: str, tmp_path: Path) -> None:
    log = events.from_records(honest() + ATTACKS[name])
    board = aura.dossiers(log, window="all")
    assert aura.DossierState(log).dossiers(window="all").equals(board)
    n = board["sat_score_mean_n"][0]
    assert aura.observations(log, "anne", "sat_score_mean", window="all").height == n
    assert aura.observations(log, "anne", "sat_score_mean", window="all", ratings="every").height == 120
    assert ExplorerState(log).board["sat_score_mean_n"].to_list() == [n]
    last = aura.rolling(log, "sat_score_mean", window="365d", step="365d")
    assert last["sat_score_mean_n"][-1] == n
    with aura.Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        ledger.record_events(log)
        found = aura.get_dossier("anne", ledger=ledger)
        assert found["sat_score_mean_n"] == n
    path = tmp_path / "log.jsonl"
    aura.write_events(log, path)
    for words, wanted in ((["--ratings", "every"], 120), ([], n)):
        answer = CliRunner().invoke(app, ["dossiers", str(path), "--window", "all", "--json", *words])
        assert answer.exit_code == 0 and f'"sat_score_mean_n": {wanted}' in answer.output


def test_the_first_of_several_counts() -> None:
    base = honest()[:60]
    log = events.from_records([*base, rating(70, 5), rating(80, 1), rating(90, 2, actor="carl", actor_kind="citizen")])
    whole = aura.dossiers(log, window="all", metrics=["sat_score_mean", "sat_case_share"])
    assert whole.select("sat_score_mean", "sat_score_mean_n", "sat_case_share").row(0) == (3.5, 2, 0.5)
    # what a window holds, the log before it decides: the second rating does not count because the first one has left
    later = aura.dossiers(log, window="15h", metrics=["sat_score_mean"])
    assert later.select("sat_score_mean", "sat_score_mean_n").row(0) == (2.0, 1)


def test_a_case_that_was_decided_anew_is_rated_anew() -> None:
    verdict = {"case_id": "C0", "ai_recommendation": "PAY", "human_verdict": "PAY", "type": "DECISION"}
    log = events.from_records(
        [{**verdict, "actor": "anne", "ts": at(0)}, rating(1, 2), {**verdict, "actor": "bob", "ts": at(2)}, rating(3, 5)]
    )
    board = aura.dossiers(log, window="all", metrics=["sat_score_mean"])
    assert dict(board.select("actor", "sat_score_mean").iter_rows()) == {"anne": 2.0, "bob": 5.0}


def test_ratings_without_a_case_all_count() -> None:
    log = events.from_records(honest() + [rating(100 + i, 5, None, actor="anne", actor_kind="officer") for i in range(30)])
    board = aura.dossiers(log, metrics=["sat_score_mean", "sat_case_share"])
    assert board.select("sat_score_mean_n", "sat_case_share").row(0) == (50, 0.4)


def test_a_rule_may_ask_for_distinct_cases() -> None:
    raters = [rating(100 + i / 100, 1, actor=f"c{i}", actor_kind="citizen") for i in range(100)]
    log = events.from_records(honest() + raters)
    star: dict[str, Any] = {"metric": "sat_score_mean", "below": 3}
    naive = aura.Policy({"name": "p", "rules": [{"id": "r", "when": star}]})
    distinct = {"metric": "sat_case_share", "at_least": 0.8}
    careful = aura.Policy({"name": "p", "rules": [{"id": "r", "when": {"all": [star, distinct]}}]})
    assert aura.dossiers(log, policy=naive)["pip_status"].to_list() == ["flag"]
    board = aura.dossiers(log, policy=careful)
    assert board["pip_status"].to_list() == ["clear"]
    assert board["warnings"][0].to_list() == ["120 ratings are of 20 known cases only"]


def test_a_policy_may_count_every_rating() -> None:
    log = events.from_records(honest() + ATTACKS["nobody named"])
    policy = {"name": "p", "ratings": "every", "rules": [{"id": "r", "when": {"metric": "sat_score_mean", "below": 3}}]}
    board = aura.dossiers(log, policy=aura.Policy(policy))
    assert board["pip_status"].to_list() == ["flag"] and board["counted"][0]["ratings"] == "every"
    with pytest.raises(ParameterError, match="counted otherwise than the policy judges: ratings that repeat one"):
        aura.Policy(policy).evaluate(aura.dossiers(log))
    with pytest.raises(RuleError, match="ratings"):
        aura.Policy({**policy, "ratings": "twice"})
    with pytest.raises(ParameterError, match="unknown ratings: got 'twice', expected once or every"):
        aura.dossiers(log, ratings="twice")  # type: ignore[arg-type]


def at_minutes(minutes: list[float]) -> pl.DataFrame:
    row = {"actor": "anne", "value": 1.0, "first_of_case": True, "repeats": 0}
    return pl.DataFrame([{**row, "ts": START + timedelta(minutes=m)} for m in minutes])


@pytest.mark.parametrize(
    ("minutes", "says"),
    [
        ([i / 2 for i in range(12)], ["12 of 12 ratings came within ten minutes"]),
        ([i / 2 for i in range(9)], []),  # too few
        ([i / 2 for i in range(12)] + [1000.0 * i for i in range(1, 14)], []),  # less than half
        ([float(i) for i in range(12)], ["11 of 12 ratings came within ten minutes"]),
        ([2.0 * i for i in range(12)], []),
        ([9.9 + i / 10 for i in range(12)], ["12 of 12 ratings came within ten minutes"]),  # over the edge of a bucket
    ],
)
def test_a_burst_in_time(minutes: list[float], says: list[str]) -> None:
    assert bursts(at_minutes(minutes)).get("anne", []) == says
    assert bursts(at_minutes(minutes).reverse()).get("anne", []) == says


def test_a_burst_in_time_equals_looking_at_every_pair() -> None:
    import random

    draw = random.Random(3)
    for _ in range(300):
        moments = [draw.choice([draw.uniform(0, 12), draw.uniform(0, 60)]) for _ in range(draw.randint(1, 30))]
        most = max(sum(0 <= other - one <= 10 for other in moments) for one in moments)
        rows = [
            {"actor": "anne", "ts": START + timedelta(minutes=m), "value": 1.0, "first_of_case": True, "repeats": 0}
            for m in moments
        ]
        wanted = most >= 10 and 2 * most >= len(moments)
        assert bool(bursts(pl.DataFrame(rows))) == wanted, moments
