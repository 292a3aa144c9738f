"""Audits that are drawn: with the chances that are said, where they decide, and so that what follows is right."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.cli.app import app
from aura_analytics.errors import ParameterError

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def office(officers: int = 3, cases: int = 120, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Verdicts without audits, and the truth of each case."""
    draw = np.random.Generator(np.random.Philox(seed))
    rows, truth = [], []
    for who in range(officers):
        for i in range(cases):
            right_advice = draw.random() < 0.7
            over = draw.random() < (0.3 if right_advice else 0.6)
            case = f"{who}-{i}"
            rows.append(
                {
                    "type": "OVERRIDE" if over else "DECISION",
                    "actor": f"officer_{who}",
                    "actor_kind": "officer",
                    "case_id": case,
                    "queue": "loans" if i % 3 else "claims",
                    "ts": START + timedelta(minutes=10 * i + who),
                    "ai_recommendation": "PAY",
                    "human_verdict": "REFUSE" if over else "PAY",
                }
            )
            truth.append({"case_id": case, "truth": "PAY" if right_advice else "REFUSE"})
    return events.from_records(rows), pl.DataFrame(truth)


def audited(log: pl.DataFrame, drawn: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """The log with what audits of the drawn cases found."""
    found = drawn.join(truth, on="case_id").select(
        "case_id", "audit_chance", type=pl.lit("ADJUDICATION"), outcome="truth", ts=pl.lit(log["ts"].max())
    )
    return pl.concat([log, events.validate(found)])


@pytest.mark.slow
def test_the_chances_are_the_ones_that_are_said() -> None:
    log, _ = office(1, 120)
    times: Counter[str] = Counter()
    said: dict[str, float] = {}
    worlds = 400
    for seed in range(worlds):
        drawn = aura.draw_audits(log, 30, seed=seed)
        assert drawn.height == 30 and drawn["case_id"].n_unique() == 30
        times.update(drawn["case_id"].to_list())
        said |= dict(drawn.select("case_id", "audit_chance").iter_rows())
    assert len(said) == log.height  # every case is drawn now and then
    errors = [(times[case] - worlds * p) / math.sqrt(worlds * p * (1 - p)) for case, p in said.items()]
    assert np.abs(errors).max() < 4.5 and np.std(errors) == pytest.approx(1, abs=0.25)


def test_the_same_seed_draws_the_same() -> None:
    log, _ = office()
    shuffled = log.sample(fraction=1, shuffle=True, seed=2)
    assert aura.draw_audits(log, 40, seed=3).equals(aura.draw_audits(shuffled, 40, seed=3))
    assert not aura.draw_audits(log, 40, seed=3).equals(aura.draw_audits(log, 40, seed=4))


def test_audits_go_where_they_decide_soonest() -> None:
    log, truth = office(3, 200)
    # 18 of 19 audited acceptances of the first were right; the second has no audits at all; of the third everything is known
    cells = log.join(truth, on="case_id").filter(pl.col("type") == "DECISION")
    first = cells.filter(actor="officer_0", truth="PAY").head(19)
    third = log.filter(actor="officer_2")
    known = pl.concat([first.select("case_id"), third.select("case_id")]).with_columns(audit_chance=pl.lit(0.5))
    plan = aura.plan_audits(audited(log, known, truth), 12)
    planned = {(row["actor"], row["verdict"]): row["planned"] for row in plan.iter_rows(named=True)}
    assert sum(planned.values()) == 12
    assert planned["officer_2", "accepted"] == planned["officer_2", "overridden"] == 0
    assert planned["officer_0", "accepted"] > 0  # one more, and their twenty are there


def test_a_flag_follows_from_drawn_audits() -> None:
    log, truth = office(1, 400, seed=1)
    assert aura.dossiers(log, policy="reliance")["pip_status"].to_list() == ["insufficient"]
    log = audited(log, aura.draw_audits(log, 300, seed=1), truth)
    row = aura.dossiers(log, policy="reliance").row(0, named=True)
    assert row["pip_status"] == "flag" and row["accepted_wrong_rate_status"] == "ok"
    everything = log.select("case_id").unique().with_columns(audit_chance=1.0)
    all_of_it = audited(log.filter(pl.col("type") != "ADJUDICATION"), everything, truth)
    whole = aura.dossiers(all_of_it).row(0, named=True)
    for name in ("accepted_wrong_rate", "under_reliance_rate", "verdict_right_rate"):
        assert row[f"{name}_lo"] <= whole[name] <= row[f"{name}_hi"]


def test_what_was_judged_and_own_work_are_not_drawn() -> None:
    log, truth = office(1, 40)
    log = log.with_columns(own_work=pl.col("case_id").str.ends_with("7"))
    judged = log.head(10).select("case_id").with_columns(audit_chance=pl.lit(1.0))
    drawn = aura.draw_audits(audited(log, judged, truth), 100)
    own = log.filter("own_work")["case_id"].to_list()
    assert drawn.height == 40 - len({*judged["case_id"], *own})
    assert not {*drawn["case_id"]} & {*judged["case_id"], *own}


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_numbers_out_of_range_are_refused(n: int) -> None:
    with pytest.raises(ParameterError, match="number of audits"):
        aura.draw_audits(office(1, 5)[0], n)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ParameterError, match="decided nothing"):
        aura.plan_audits(office(1, 5)[0], 3, actors=["nobody"])


def test_an_empty_log_has_nothing_to_draw() -> None:
    assert aura.draw_audits(events.empty(), 5).height == 0 and aura.plan_audits(events.empty(), 5).height == 0


def test_the_command_draws_the_same(tmp_path: Path) -> None:
    log, _ = office(1, 30)
    path = aura.write_events(log, tmp_path / "log.parquet")
    told = CliRunner().invoke(app, ["audits", "draw", str(path), "--n", "6", "--seed", "2", "--json"])
    assert json.loads(told.output) == aura.draw_audits(log, 6, seed=2).to_dicts()
    told = CliRunner().invoke(app, ["audits", "plan", str(path), "--budget", "6", "--json"])
    assert json.loads(told.output) == aura.plan_audits(log, 6).to_dicts()
    assert "27 audits" in CliRunner().invoke(app, ["audits", "needed"]).output


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accepted_wrong_rate", "under_reliance_rate", "over_reliance_rate", "verdict_right_rate"])
def test_weighted_limits_cover(metric: str) -> None:
    """Audits whose chance depends on the verdict: overrides are looked at five times as often."""
    officers, worlds = 40, 25
    draw = np.random.Generator(np.random.Philox(11))
    right = {"accepted_wrong_rate": 0.3 * 0.4 / (0.7 * 0.7 + 0.3 * 0.4), "under_reliance_rate": 0.3, "over_reliance_rate": 0.4}
    right["verdict_right_rate"] = 0.7 * 0.7 + 0.3 * 0.6
    inside = total = 0
    for world in range(worlds):
        log, truth = office(officers, 400, seed=100 + world)
        chance = pl.when(pl.col("type") == "OVERRIDE").then(0.5).otherwise(0.1)
        drawn = log.select("case_id", audit_chance=chance).filter(pl.Series(draw.random(log.height)) < pl.col("audit_chance"))
        board = aura.dossiers(audited(log, drawn, truth), window="all", metrics=[metric])
        covered = (board[f"{metric}_lo"] <= right[metric]) & (board[f"{metric}_hi"] >= right[metric])
        inside, total = inside + int(covered.sum()), total + officers
    assert 0.93 <= inside / total <= 0.97, inside / total
