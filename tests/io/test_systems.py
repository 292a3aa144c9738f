"""Exports of other systems: fixtures as their vendors' classes read them, worked out by hand, and damaged at random."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import AuraError, EventError, ParameterError
from aura_analytics.io.systems.importing import SYSTEMS, import_from, import_from_report
from tests.io.test_log_kinds import adds_up, board

FILES = {"mlflow": "mlflow_traces.jsonl", "label-studio": "label_studio.json"}


def verdicts(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    found = table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).sort("ts", "case_id")
    return found.select("type", "case_id", "actor", "agent", "ai_recommendation", "human_verdict").rows()


def test_mlflow_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["mlflow"], "mlflow")
    adds_up(report)
    assert verdicts(table) == [
        ("OVERRIDE", "tr-1:eligible", "anne@agency.gov", "judge-1", "PAY", "REFUSE"),  # over a-1, which is no longer valid
        ("DECISION", "tr-2:eligible", "anne@agency.gov", "judge-1", "PAY", "PAY"),
        ("OVERRIDE", "tr-3:complete", "bob@agency.gov", "check-sums", "true", "false"),
    ]
    assert report.by_type == {"DECISION": 1, "OVERRIDE": 2, "OUTCOME": 3, "ADJUDICATION": 1} and not report.aside
    assert report.passed_over == {
        "a human assessment that names nobody": 1,
        "a human assessment with no judge's before it": 1,
        "superseded by a later assessment": 1,
        "what a judge said: it is compared with what humans said": 3,
    }
    people = board(table)
    assert (people["anne@agency.gov"]["override_rate"], people["anne@agency.gov"]["override_rate_n"]) == (0.5, 2)
    assert (people["triage"]["success_rate"], people["triage"]["success_rate_n"]) == (pytest.approx(2 / 3), 3)


def test_label_studio_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["label-studio"], "label-studio")
    adds_up(report)
    assert verdicts(table) == [
        ("OVERRIDE", "1", "anne@agency.gov", "m-1", "PAY", "REFUSE"),
        ("DECISION", "2", "anne@agency.gov", "m-1", "PAY", "PAY"),  # the prediction it began from, not the last one
        ("OVERRIDE", "2", "user 8", "m-2", "REFUSE", "PAY"),
    ]
    assert report.by_type == {"OPENED": 4, "ASSIGNED": 2, "RESOLVED": 2, "DECISION": 1, "OVERRIDE": 2, "ADJUDICATION": 1}
    assert report.passed_over == {
        "an annotation that names nobody": 1,
        "cancelled: no verdict": 1,
        "regions, or nothing chosen: not compared": 1,
    }
    sure = table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).sort("ts", "case_id")["confidence"].to_list()
    assert sure == [0.9, 0.8, None]  # 97 is no confidence; it is kept beside
    assert '"score": 97.0' in table.filter(actor="user 8")["attributes"][0]
    hours = board(table)["anne@agency.gov"]["avg_processing_hours"]
    assert hours == pytest.approx(90.5 / 3_600)


@pytest.mark.parametrize("name", FILES)
def test_importing_twice_changes_nothing(tmp_path: Path, fixtures: Path, name: str) -> None:
    table = import_from(fixtures / "systems" / FILES[name], name)
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        assert ledger.record_events(table) == table.height
        again = ledger.record_events_report(import_from(fixtures / "systems" / FILES[name], name))
    assert (again.stored, again.duplicates, again.conflicts) == (0, table.height, [])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("seed", range(100))
def test_a_damaged_export_is_set_aside_or_said(tmp_path: Path, fixtures: Path, name: str, seed: int) -> None:
    """Any value of a record is taken away or made another one: no traceback, and the account adds up."""
    draw = random.Random(seed)
    text = (fixtures / "systems" / FILES[name]).read_text()
    records = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    for _ in range(draw.randrange(1, 6)):
        _damage(draw.choice(records), draw)
    path = tmp_path / "l.json"
    path.write_text(json.dumps(records))
    try:
        table, report = import_from_report(path, name)
    except AuraError as error:
        assert str(path) in str(error)
        return
    adds_up(report)
    assert report.events == table.height
    aura.events.validate(table)
    report.set_aside(path, tmp_path / "q.jsonl")
    assert (tmp_path / "q.jsonl").exists() == bool(report.aside)


def _damage(value: Any, draw: random.Random) -> None:
    """Change one thing, somewhere within."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = draw.choice(keys)
        if isinstance(value[key], (dict, list)) and value[key] and draw.random() < 0.8:
            value = value[key]
            continue
        how = draw.randrange(4)
        if how == 0:
            del value[key]
        elif how == 1:
            value[key] = draw.choice([None, "", 7, -1.5, True, [], {}, "x", [None], {"a": [1]}, "2026-13-45T99:00:00Z", 1e300])
        elif how == 2 and isinstance(value, list):
            value.append(copy.deepcopy(value[key]))
        else:
            value[key] = [value[key]]
        return


def test_bad_input_of_systems(tmp_path: Path, fixtures: Path) -> None:
    with pytest.raises(ParameterError, match=r"exports of that system are not read.*did you mean 'mlflow'"):
        import_from(fixtures / "systems" / FILES["mlflow"], "ml-flow")
    other = fixtures / "systems" / FILES["mlflow"]
    with pytest.raises(EventError, match="task_unreadable: got no id or no annotations"):
        import_from(other, "label-studio")
    only = [
        {
            "id": 1,
            "predictions": [12],
            "annotations": [{"id": 2, "completed_by": 5, "created_at": "2026-01-05T10:00:00Z", "result": []}],
        }
    ]
    only[0]["annotations"][0]["result"] = [{"from_name": "a", "type": "choices", "value": {"choices": ["PAY"]}}]  # type: ignore[index]
    (tmp_path / "l.json").write_text(json.dumps(only))
    _, report = import_from_report(tmp_path / "l.json", "label-studio")
    assert any("numbers of predictions only" in reason for reason in report.passed_over)
    assert any("nobody has an override rate" in warning for warning in report.warnings)
    assert all(system.title and system.about for system in SYSTEMS.values())
