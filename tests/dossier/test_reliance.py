"""The table of reliance, rolling series of judged verdicts, plans of drills, and doubts about what audits say."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.dossier.reliance import reliance_sentence
from aura_analytics.errors import ParameterError

DAY = datetime(2026, 1, 5, tzinfo=timezone.utc)


def log(*rows: tuple[str, str, str, str | None], queue: str = "claims") -> pl.DataFrame:
    """Verdicts of (actor, recommended, said, truth), an hour apart."""
    records: list[dict[str, Any]] = []
    for i, (actor, advice, said, truth) in enumerate(rows):
        at, kind = DAY + timedelta(hours=i), "DECISION" if said == advice else "OVERRIDE"
        about = {"case_id": f"C{i}", "queue": queue, "ts": at}
        records.append({**about, "type": kind, "actor": actor, "agent": "m", "ai_recommendation": advice, "human_verdict": said})
        if truth is not None:
            records.append({**about, "type": "ADJUDICATION", "outcome": truth})
    return aura.events.from_records(records)


HAND = (
    ("anne", "PAY", "PAY", "PAY"),
    ("anne", "PAY", "PAY", "REFUSE"),
    ("anne", "PAY", "REFUSE", "REFUSE"),
    ("anne", "PAY", "REFUSE", None),
    ("bert", "REFUSE", "PAY", "REFUSE"),
    ("bert", "REFUSE", "REFUSE", None),
)


def test_the_table_by_hand() -> None:
    table = aura.reliance(log(*HAND))
    cells = ("accepted", "overridden", "accepted_right", "accepted_wrong", "overridden_right", "overridden_wrong", "judged")
    assert table.select("actor", *cells).rows() == [("anne", 2, 2, 1, 1, 0, 1, 3), ("bert", 1, 1, 0, 0, 1, 0, 1)]
    for by, name in (("queue", "claims"), ("agent", "m")):
        whole = aura.reliance(log(*HAND), by)  # type: ignore[arg-type]
        assert whole.select(by, *cells).rows() == [(name, 3, 3, 1, 1, 1, 1, 4)]


def test_officers_have_the_numbers_of_their_dossiers() -> None:
    events = aura.simulate("loan_forgiveness", seed=2, days=60).events
    table, board = aura.reliance(events), aura.dossiers(events)
    shared = [name for name in table.columns if name in board.columns and name != "actor"]
    assert len(shared) > 40
    assert table.select(shared).equals(table.select("actor").join(board, on="actor", how="left").select(shared))


def test_verdicts_without_a_queue_are_a_row_of_their_own() -> None:
    events = pl.concat(
        [log(*HAND[:3]), log(HAND[4]).with_columns(queue=pl.lit(None, dtype=pl.String), event_id=pl.lit("x") + pl.col("event_id"))]
    )
    assert aura.reliance(events, "queue").select("queue", "accepted", "overridden").rows() == [("claims", 2, 1), (None, 0, 1)]


def test_sentences_say_what_the_numbers_do_not_support() -> None:
    nobody = aura.reliance(log(("anne", "PAY", "PAY", None))).row(0, named=True)
    assert "nothing about whether that was right" in reliance_sentence(nobody)
    few = reliance_sentence(aura.reliance(log(*HAND)).row(0, named=True))
    assert "3 of 4 verdicts were judged" in few and "decide nothing" in few
    picked = [("anne", "PAY", "PAY", None)] * 60 + [("anne", "PAY", "REFUSE", "REFUSE")] * 60
    assert "picked for audit by their verdict" in reliance_sentence(aura.reliance(log(*picked)).row(0, named=True))


def test_bad_arguments() -> None:
    with pytest.raises(ParameterError, match="by something else"):
        aura.reliance(log(*HAND), "office")  # type: ignore[arg-type]
    empty = aura.reliance(log(*HAND).head(0))
    assert empty.height == 0 and "rair_status" in empty.columns


def test_the_command_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "log.parquet"
    log(*HAND).write_parquet(file)
    told = CliRunner().invoke(app, ["reliance", str(file), "--by", "queue", "--json"])
    assert json.loads(told.output) == aura.reliance(log(*HAND), "queue").to_dicts()
    assert "anne: 3 of 4 verdicts were judged." in CliRunner().invoke(app, ["reliance", str(file)]).output


def test_a_rolling_series_is_the_dossier_of_each_moment() -> None:
    events = aura.simulate("fraud_unit", seed=3, days=80).events
    names = ["accepted_wrong_rate", "team_gain", "discernment", "recommended_right_rate", "override_rate"]
    series = aura.rolling(events, names, window="40d", step="20d")
    assert series["as_of"].n_unique() > 2
    last = series["as_of"].max()
    board = aura.dossiers(events, last, "40d", metrics=names)  # type: ignore[arg-type]
    shown = [name for name in series.columns if name in board.columns and name not in ("as_of", "override_rate")]
    assert series.filter(as_of=last).select(shown).equals(board.select(shown))
    # of an earlier moment: cases as they stand at the end, so audits that came later count
    moment = series["as_of"].unique().sort()[-3]
    judged = events.filter((pl.col("type") == "ADJUDICATION") | (pl.col("ts") <= moment))
    early = pl.when(pl.col("ts") > moment).then(pl.lit(moment)).otherwise(pl.col("ts"))
    board = aura.dossiers(judged.with_columns(ts=early.cast(pl.Datetime("us", "UTC"))), moment, "40d", metrics=names)
    shown = [name for name in shown if not name.startswith("override")]
    assert series.filter(as_of=moment).select(shown).equals(board.select(shown))


def test_weights_of_a_series_are_those_of_its_windows() -> None:
    """Without chances a judged verdict stands for those of its window, not of the whole log."""
    rows = [("anne", "PAY", "PAY", "REFUSE" if i % 3 else None) for i in range(48)] + [("anne", "PAY", "PAY", "PAY")] * 48
    events = log(*rows)
    series = aura.rolling(events, ["verdict_right_rate"], window="2d", step="1d")
    for moment, value, n in series.select("as_of", "verdict_right_rate", "verdict_right_rate_n").iter_rows():
        board = aura.dossiers(events, moment, "2d", metrics=["verdict_right_rate"])
        assert board.select("verdict_right_rate", "verdict_right_rate_n").row(0) == (value, n)


def test_a_plan_of_drills() -> None:
    events = aura.simulate("fraud_unit", seed=1, days=60).events
    plan = aura.plan_drills(events)
    assert plan["needed"].to_list() == [36, 36]
    anne = plan.row(0, named=True)
    assert anne["share"] == pytest.approx(36 / (anne["verdicts"] * 90 / 60), rel=0.02)
    drill = {"type": "DRILL", "outcome": "REFUSE", "ts": DAY}
    tried = [{**drill, "case_id": f"C{i}"} for i in range(12)]
    planted = pl.concat([log(*[("anne", "PAY", "PAY", None)] * 20), aura.events.from_records(tried)])
    row = aura.plan_drills(planted).row(0, named=True)
    assert (row["verdicts"], row["answered"], row["accepted"], row["decided"], row["needed"]) == (8, 12, 12, True, 0)
    with pytest.raises(ParameterError, match="decided nothing"):
        aura.plan_drills(planted, actors=["nobody"])


def test_doubts_about_what_audits_say() -> None:
    again = {"type": "ADJUDICATION", "case_id": "C1", "outcome": "PAY", "ts": DAY + timedelta(days=3)}
    typo = {"type": "ADJUDICATION", "case_id": "C3", "outcome": "REFUZE", "ts": DAY + timedelta(days=3)}
    events = pl.concat([log(*HAND), aura.events.from_records([again, typo])])
    board = aura.dossiers(events)
    said = board.filter(actor="anne")["warnings"][0].to_list()
    assert "audits disagree about 1 of these verdicts; the last one counts" in said
    assert "1 of these verdicts were judged to be 'REFUZE', which no verdict says; did you mean 'REFUSE'?" in said
    assert board.filter(actor="bert")["warnings"][0].to_list() == []
    assert board.filter(actor="anne")["accepted_wrong_rate"][0] == 0  # the last word on C1
    state = aura.DossierState(events.head(5))
    state.append(events.tail(events.height - 5))
    assert state.dossiers().equals(board)
    behind = aura.observations(events, "anne", "verdict_right_rate")
    assert behind.filter(case_id="C1").select("truth", "disputed").row(0) == ("PAY", True)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 1, 0.995])
def test_a_reason_to_look_whatever_the_limits(limit: float) -> None:
    """How many audits decide is said where it can be, and never stops a verdict."""
    rules = [
        {"id": "r", "when": {"metric": "accepted_wrong_rate", "above": limit, "limit": "lower"}},
        {"id": "look", "at_most": "watch", "when": {"metric": "override_rate", "above": 0.3}},
    ]
    board = aura.dossiers(log(*HAND), policy=aura.Policy({"name": "p", "rules": rules}))
    assert board.filter(actor="anne")["pip_status"][0] in ("watch", "flag")
