"""Agreement from events, and adjudicators who err: by hand, and on worlds whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.agreement import cohen_kappa, krippendorff_alpha


def test_officers_and_agents_by_hand() -> None:
    rows = []
    for i in range(40):
        says, verdict = ("PAY", "REFUSE")[i % 2], ("PAY", "REFUSE")[i % 2 if i < 30 else 1 - i % 2]
        who = {"type": "DECISION", "actor": "anne", "actor_kind": "officer", "agent": "gpt", "case_id": f"C{i}", "ts": "2026-01-05"}
        rows.append(who | {"ai_recommendation": says, "human_verdict": verdict})
    row = aura.agreement(aura.events.from_records(rows)).row(0, named=True)
    expected = cohen_kappa([[15, 5], [5, 15]])
    assert (row["first"], row["second"], row["n"], row["observed"]) == ("anne", "gpt", 40, 0.75)
    assert (row["kappa"], row["lo"], row["hi"]) == pytest.approx((expected.value, expected.lo, expected.hi))


def audited(seed: int, cases: int = 400) -> tuple[pl.DataFrame, dict[str, str]]:
    """Three judges, of whom the last to speak is careless; an officer who is right in nine of ten."""
    draw = np.random.Generator(np.random.Philox(seed))
    truth = {f"C{i:03d}": ("PAY", "REFUSE")[int(draw.random() < 0.4)] for i in range(cases)}
    rows: list[dict[str, Any]] = []
    for case, right in truth.items():
        wrong = "REFUSE" if right == "PAY" else "PAY"
        verdict = right if draw.random() < 0.9 else wrong
        who = {"type": "DECISION", "actor": "anne", "actor_kind": "officer", "agent": "gpt", "ai_recommendation": "PAY"}
        rows.append(who | {"human_verdict": verdict, "case_id": case, "ts": "2026-01-05"})
        for hour, (judge, good) in enumerate((("x", 0.95), ("y", 0.9), ("z", 0.6))):
            said = right if draw.random() < good else wrong
            audit = {"type": "ADJUDICATION", "actor": judge, "outcome": said, "case_id": case}
            rows.append(audit | {"ts": f"2026-01-06T{hour:02d}:00:00Z"})
    return aura.events.from_records(rows), truth


def test_adjudicators_with_each_other() -> None:
    log, _ = audited(1)
    found = aura.agreement(log, "adjudicators")
    whole = found.row(0, named=True)
    wide = log.filter(type="ADJUDICATION").pivot("actor", index="case_id", values="outcome")
    expected = krippendorff_alpha([wide[judge].to_list() for judge in ("x", "y", "z")])
    assert whole["first"] == "(all)" and whole["kappa"] == pytest.approx(expected.value)
    pairs = {(row["first"], row["second"]): row["kappa"] for row in found.tail(3).iter_rows(named=True)}
    assert pairs["x", "y"] > pairs["x", "z"] + 0.3


def test_what_adjudicators_know_together_feeds_right() -> None:
    log, truth = audited(2)
    found = aura.adjudicated(log)
    answers = dict(found.cases.select("case_id", "truth").iter_rows())
    mine = np.mean([answers[case] == right for case, right in truth.items()])
    last = dict(log.filter(type="ADJUDICATION", actor="z").select("case_id", "outcome").iter_rows())
    assert mine > 0.93 > 0.7 > np.mean([last[case] == right for case, right in truth.items()])
    before = aura.dossiers(log).filter(actor="anne")["verdict_right_rate"][0]
    after = aura.dossiers(pl.concat([log, found.settled])).filter(actor="anne")["verdict_right_rate"][0]
    used = last | dict(found.settled.select("case_id", "outcome").iter_rows())  # what is not settled stays as the last one said
    verdicts = dict(log.filter(type="DECISION").select("case_id", "human_verdict").iter_rows())
    assert before < 0.7 < 0.8 < after
    assert after == pytest.approx(np.mean([used[case] == verdict for case, verdict in verdicts.items()]))
    officer = found.officers.row(0, named=True)
    assert officer["lo"] < 0.9 < officer["hi"] and 0 < officer["doubt"] < 1


def test_gold_cases_turn_judges_who_are_mostly_wrong() -> None:
    draw = np.random.Generator(np.random.Philox(3))
    truth = {f"C{i:03d}": ("PAY", "REFUSE")[int(draw.random() < 0.5)] for i in range(200)}
    rows = []
    for case, right in truth.items():
        wrong = "REFUSE" if right == "PAY" else "PAY"
        for judge, good in (("x", 0.2), ("y", 0.2), ("z", 0.7)):
            said = right if draw.random() < good else wrong
            rows.append({"type": "ADJUDICATION", "actor": judge, "outcome": said, "case_id": case, "ts": "2026-01-06"})
    log = aura.events.from_records(rows)
    gold = dict(list(truth.items())[:40])
    rest = [case for case in truth if case not in gold]

    def share(found: aura.dossier.agreeing.Adjudicated) -> float:
        answers = dict(found.cases.select("case_id", "truth").iter_rows())
        return float(np.mean([answers[case] == truth[case] for case in rest]))

    assert share(aura.adjudicated(log, gold)) > 0.8 > 0.3 > share(aura.adjudicated(log))


@pytest.mark.slow
def test_limits_of_officers_allow_for_doubt() -> None:
    covered, worlds = 0, 150
    for seed in range(worlds):
        row = aura.adjudicated(audited(seed, 150)[0]).officers.row(0, named=True)
        covered += row["lo"] <= 0.9 <= row["hi"]
    assert covered / worlds >= 0.95 - 3 * (0.05 * 0.95 / worlds) ** 0.5


def test_few_and_none(tmp_path: Any) -> None:
    log = aura.sample_log(300, seed=1)
    assert aura.agreement(log, "officers").is_empty()
    with pytest.raises(ParameterError, match="unknown judges"):
        aura.agreement(log, "friends")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="nobody adjudicated"):
        aura.adjudicated(log.filter(pl.col("type") != "ADJUDICATION"))
    log.write_parquet(tmp_path / "log.parquet")
    told = CliRunner().invoke(app, ["agreement", str(tmp_path / "log.parquet")])
    assert "officer_anne@sba.gov and claims-model-a:" in told.output and "beyond chance" in told.output


def test_what_was_settled_is_no_further_judge() -> None:
    log, _ = audited(4)
    once = aura.adjudicated(log)
    again = aura.adjudicated(pl.concat([log, once.settled]))
    assert again.cases.equals(once.cases) and again.settled.equals(once.settled)
    names = aura.agreement(pl.concat([log, once.settled]), "adjudicators")["first"].to_list()
    assert "adjudicators" not in names


def test_one_case_of_two_judges_is_few() -> None:
    rows = [
        {"type": "DECISION", "actor": actor, "actor_kind": "officer", "case_id": "C1", "human_verdict": word, "ts": "2026-01-05"}
        for actor, word in (("a", "PAY"), ("b", "DENY"))
    ]
    assert aura.agreement(aura.events.from_records(rows), "officers")["status"].to_list()[0] == "few"
