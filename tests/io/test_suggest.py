"""A first mapping: what it takes for what, that it reads, and that it says what it does not know."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import AuraError, MappingError
from aura_analytics.io.mapping_reference import PARTS, mapping_reference, mapping_schema
from aura_analytics.io.suggest import suggest_mapping
from tests.io.test_log_kinds import DECISIONS, RATED, TICKETS, board, written

pytestmark = pytest.mark.filterwarnings("ignore::aura_analytics.io.foreign.ImportNote")


def test_a_table_of_decisions(tmp_path: Path) -> None:
    found = suggest_mapping(written(tmp_path / "claims 2024.csv", DECISIONS))
    pairs = found.mapping.pairs
    assert found.mapping.name == "claims_2024" and pairs is not None
    assert (pairs.recommendation, pairs.verdict, pairs.recommended_by, pairs.confidence) == (
        "ai_says",
        "officer_says",
        "model",
        "ai_score",
    )
    assert (pairs.truth, pairs.initial, pairs.stars, pairs.decided_at) == ("truth", "first", "stars", "decided_at")
    people = board(aura.import_log(tmp_path / "claims 2024.csv", found.mapping))
    assert (people["anne"]["override_rate"], people["anne"]["avg_processing_hours"], people["anne"]["sat_score_mean"]) == (
        0.5,
        14.0,
        3.5,
    )
    assert any("no zone" in doubt for doubt in found.doubts)
    again = tmp_path / "m.yaml"
    again.write_text(found.text)
    assert aura.LogMapping.from_yaml(again) == found.mapping


def test_tickets_and_a_log_of_steps(tmp_path: Path) -> None:
    found = suggest_mapping(written(tmp_path / "t.csv", TICKETS)).mapping
    assert {kind: one.column for kind, one in found.milestones.items()} == {
        "OPENED": "created",
        "ASSIGNED": "created",
        "RESOLVED": "closed",
    }
    found = suggest_mapping(written(tmp_path / "l.csv", RATED)).mapping
    assert (found.columns.case, found.columns.activity, found.columns.time, found.columns.actor) == ("case", "step", "at", "who")
    assert found.actor_kinds == {"bot": "agent", "mail-gateway": "system"}
    assert board(aura.import_log(tmp_path / "l.csv", found))["anne"]["override_rate"] == 0.5


def test_what_cannot_be_guessed_is_not(fixtures: Path) -> None:
    found = suggest_mapping(fixtures / "logs/small_bank.csv")
    assert not found.mapping.recommendations and any("cannot be guessed" in doubt for doubt in found.doubts)
    assert "#   - {activity: pre-check, says: ?}" in found.text


def test_words_of_a_log_break_no_yaml(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "case id": ["1", "1", "2"],
            "status": ["opened:\n- x", "closed # now", "true"],
            "at": ["05.01.2024 09:00", "06.01.2024 09:00", "31.01.2024 10:00"],
            "who: it": ["{a}", "'b'", '"c"'],
        }
    )
    frame.write_csv(tmp_path / "l.csv")
    found = suggest_mapping(tmp_path / "l.csv")
    assert found.mapping.time.format == "%d.%m.%Y %H:%M" and found.mapping.columns.case == "case id"
    aura.import_log(tmp_path / "l.csv", found.mapping)


def test_a_day_that_may_be_a_month_is_a_doubt(tmp_path: Path) -> None:
    found = suggest_mapping(written(tmp_path / "l.csv", "case,step,at\nC1,open,05/01/2024 09:00\nC1,close,06/02/2024 09:00\n"))
    assert any("may be read in 2 ways" in doubt for doubt in found.doubts)


@pytest.mark.parametrize("text", ["a,b\nx,y\n", "case,step\nC1,open\n", "case,at\n", ""])
def test_no_log_at_all(tmp_path: Path, text: str) -> None:
    with pytest.raises(MappingError):
        suggest_mapping(written(tmp_path / "l.csv", text))


@pytest.mark.parametrize("seed", range(30))
def test_any_table_gives_a_mapping_that_reads_or_an_error_that_says_why(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    words = ["open", "closed", "anne", "7", "2024-01-05", "0.5", "1704445200", "", "x: y", "ja/nein", "05.01.2024", '"q"', "True"]
    names = draw.sample(
        ["id", "case", "status", "created", "closed_at", "ai says", "verdict", "who", "stars", "ts", "{x}", "a.b"], 6
    )
    rows = [{name: draw.choice(words) if draw.random() < 0.7 else str(place) for name in names} for place in range(20)]
    pl.DataFrame(rows).write_csv(tmp_path / "l.csv")
    try:
        found = suggest_mapping(tmp_path / "l.csv")
        aura.import_log_report(tmp_path / "l.csv", found.mapping)
    except AuraError as error:
        assert str(error)


def test_the_reference_knows_every_key_and_is_the_page() -> None:
    text = mapping_reference()
    for model, _ in PARTS.values():
        assert all(f"`{key}`" in text for key in model.model_fields)
    page = (Path(__file__).parents[2] / "docs/reference/mapping.md").read_text()
    assert text in page, "write it anew: aura mapping explain"
    assert mapping_reference("pairs").startswith("## pairs") and mapping_reference("verdicts") and not mapping_reference("nix")
    properties = mapping_schema()["properties"]
    assert set(properties) == set(aura.LogMapping.model_fields)
    json.dumps(mapping_schema())


def test_a_time_that_was_planned_is_no_end_and_a_negation_no_approval(tmp_path: Path) -> None:
    head = "ticket,created_at,due_date,requested_completion_date,completed_at,officer\n"
    log = written(tmp_path / "l.csv", head + "".join(f"T{i},2026-01-05,2026-01-09,2026-01-08,2026-01-07,anne\n" for i in range(3)))
    assert suggest_mapping(log).mapping.milestones["RESOLVED"].column == "completed_at"
    steps = ["opened", "unassigned", "suggest-pay", "not approved", "unresolved", "approved", "closed"]
    rows = "".join(f"C{i % 2},{step},2026-01-{i + 1:02},anne\n" for i, step in enumerate(steps))
    found = suggest_mapping(written(tmp_path / "m.csv", "case,step,at,who\n" + rows))
    named = {name for _, rule in found.mapping.rules() for name in rule.activities}
    assert named == {"opened", "suggest-pay", "approved", "closed"} and '"not approved"' not in found.text.split("# not used")[0]
