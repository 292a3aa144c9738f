"""Exports of other systems: fixtures as their vendors' classes read them, worked out by hand, and damaged at random."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import AuraError, EventError, FileFormatError, ParameterError
from aura_analytics.io.systems.importing import SYSTEMS, import_from, import_from_report
from tests.io.test_log_kinds import adds_up, board

FILES = {
    "mlflow": "mlflow_traces.jsonl",
    "label-studio": "label_studio.json",
    "langfuse": "langfuse_scores.json",
    "inspect-ai": "inspect_log.json",
    "otel": "otel_traces.jsonl",
    "phoenix": "phoenix_annotations.json",
    "langsmith": "langsmith_feedback.jsonl",
    "argilla": "argilla_records.json",
    "servicenow": "servicenow.json",
    "jira": "jira_issues.json",
    "zendesk": "zendesk.json",
}
HOW: dict[str, Any] = {"reviewer": "carl@agency.gov", "scales": {"relevance": (1, 5)}}


def read(fixtures: Path, name: str) -> pl.DataFrame:
    """The events of a fixture, with what cannot be used left out."""
    return import_from_report(fixtures / "systems" / FILES[name], name, **HOW)[0]


def clock(table: pl.DataFrame, case: str) -> list[tuple[Any, ...]]:
    found = table.filter(pl.col("case_id") == case)
    return found.select(pl.col("ts").dt.strftime("%d %H:%M"), "type", "actor").rows()


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


def test_langfuse_worked_by_hand(fixtures: Path) -> None:
    files = [fixtures / "systems" / name for name in ("langfuse_scores.json", "langfuse_queue.json")]
    table, report = import_from_report(files, "langfuse")
    adds_up(report)
    assert verdicts(table) == [
        ("OVERRIDE", "tr-1:eligible", "user-anne", "eligible", "PAY", "REFUSE"),
        ("DECISION", "tr-1:complete", "user-anne", "complete", "true", "true"),  # 1 of a number, True of a boolean
        ("OVERRIDE", "tr-2:output", "user-bob", None, None, "Refuse: no receipt"),
    ]
    assert clock(table, "tr-1") == [("05 09:06", "ASSIGNED", "user-anne"), ("05 10:06", "RESOLVED", "user-anne")]
    assert clock(table, "tr-9") == [("05 09:07", "OPENED", None)]
    assert report.passed_over == {
        "a score that came through the interface: machine or human is not known": 1,
        "numbers with fractions: not compared": 1,
        "what a human said where no machine had said anything before": 1,
        "what a human said, who is not named": 1,
        "what a machine said: it is compared with what humans said": 5,
        "what the machine said was changed after the human spoke: what the human saw is not known": 1,
    }
    named, _ = import_from_report(files, "langfuse", reviewer="carl@agency.gov")
    assert named.filter(actor="carl@agency.gov").select("type", "case_id").rows() == [("DECISION", "tr-5:eligible")]


def test_phoenix_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["phoenix"], "phoenix")
    adds_up(report)
    assert verdicts(table) == [
        ("OVERRIDE", "sp-1:eligible", "VXNlcjox", "eligible", "PAY", "REFUSE"),
        ("DECISION", "sp-2:complete", "VXNlcjoy", "check-2", "1", "1"),
    ]
    assert sum(report.passed_over.values()) == 6 and not report.aside


def test_langsmith_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["langsmith"], "langsmith")
    adds_up(report)
    number = "00000000-0000-4000-8000-000000000{}".format
    assert verdicts(table) == [
        ("OVERRIDE", f"{number(101)}:eligible", number(501), "eligible", "1", "0"),
        ("DECISION", f"{number(102)}:eligible", number(501), "eligible", "PAY", "PAY"),  # PAY and Pay
        ("OVERRIDE", f"{number(103)}:answer", number(502), None, None, '{"answer": "REFUSE"}'),
    ]
    assert report.passed_over["numbers with fractions: not compared"] == 1


def test_argilla_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["argilla"], "argilla")
    adds_up(report)
    number = "00000000-0000-4000-8000-000000000{}".format
    assert verdicts(table) == [
        ("OVERRIDE", "claim-1:eligible", number(601), "m-1", "PAY", "REFUSE"),
        ("DECISION", "claim-2:eligible", number(602), "m-1", "PAY", "PAY"),
        ("DECISION", "claim-2:tags", number(602), "m-1", '["a", "b"]', '["a", "b"]'),  # in another order
    ]
    assert table.sort("case_id")["confidence"].to_list() == [0.9, 0.9, None]
    assert report.refused.counts == {"time_missing": 1}


def test_opentelemetry_worked_by_hand(fixtures: Path) -> None:
    table, report = import_from_report(fixtures / "systems" / FILES["otel"], "otel", scales={"relevance": (1, 5)})
    adds_up(report)
    assert table.select("type", "actor", "value", "outcome").rows() == [
        ("EVALUATION", "triage", 75.0, None),  # 4 of 1 to 5, on a call of the model within the agent's run
        ("OUTCOME", "triage", None, "success"),
        ("OUTCOME", "triage", None, "failure"),
        ("EVALUATION", "triage", 25.0, None),  # in a log record, on the span of another line
        ("EVALUATION", "gpt-x", 100.0, None),
    ]
    assert report.passed_over["an evaluation on a scale that is not declared: tone"] == 1
    _, beyond = import_from_report(fixtures / "systems" / FILES["otel"], "otel", scales={"relevance": (0, 1)})
    assert beyond.refused.counts == {"score_out_of_scale": 3}


@pytest.mark.parametrize("file", ["inspect_log.json", "inspect_log.eval"])
def test_inspect_worked_by_hand(fixtures: Path, file: str) -> None:
    table, report = import_from_report(fixtures / "systems" / file, "inspect-ai", reviewer="carl@agency.gov")
    adds_up(report)
    model = "openai/gpt-x"
    assert verdicts(table) == [
        ("DECISION", "ev:1:1:c1", "carl@agency.gov", model, "approve", "approve"),
        ("OVERRIDE", "ev:1:1:c2", "carl@agency.gov", model, "approve", "reject"),
        ("OVERRIDE", "ev:2:1:c5", "carl@agency.gov", model, "approve", "modify"),
        ("OVERRIDE", "ev:1:1:judge", "anne@agency.gov", "judge", "C", "I"),
    ]
    scored = table.filter(pl.col("type").is_in(["EVALUATION", "OUTCOME"])).sort("case_id", "type")
    assert scored.select("case_id", "value", "outcome").rows() == [
        ("ev:1:1", 0.0, None),  # as it was edited
        ("ev:1:1", None, "failure"),
        ("ev:2:1", 100.0, None),
        ("ev:2:1", None, "success"),
        ("ev:3:1", 50.0, None),
    ]
    assert table.filter(type="ROUTED").select("case_id", "actor").rows() == [("ev:1:1:c3", "carl@agency.gov")]
    _, nobody = import_from_report(fixtures / "systems" / file, "inspect-ai")
    assert sum(n for why, n in nobody.passed_over.items() if "whom the log does not name" in why) == 4


def test_inspect_logs_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "cut.eval").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(FileFormatError, match=r"cut\.eval: the log cannot be read"):
        import_from(tmp_path / "cut.eval", "inspect-ai")
    with zipfile.ZipFile(tmp_path / "other.eval", "w") as held:
        held.writestr("a.txt", "x")
    with pytest.raises(FileFormatError, match=r"other\.eval: that is no log of Inspect"):
        import_from(tmp_path / "other.eval", "inspect-ai")
    with zipfile.ZipFile(tmp_path / "large.eval", "w", zipfile.ZIP_DEFLATED) as held:
        held.writestr("header.json", '{"eval": {"model": "m", "run_id": "r"}}')
        with held.open("samples/1_epoch_1.json", "w", force_zip64=True) as opened:
            for _ in range(257):
                opened.write(b" " * (1 << 20))
    with pytest.raises(EventError, match="sample_unreadable: got more than 268,435,456 bytes"):
        import_from(tmp_path / "large.eval", "inspect-ai")


def test_tickets_worked_by_hand(fixtures: Path) -> None:
    begun_to_end = [
        ("05 09:00", "OPENED", None),
        ("05 10:00", "ASSIGNED", "{}"),
        ("05 11:00", "PAUSED", None),
        ("05 15:00", "RESUMED", None),
        ("05 16:00", "RESOLVED", "{}"),
    ]
    for name, case, who in (("servicenow", "inc1", "user-anne"), ("jira", "CL-1", "acc-1"), ("zendesk", "35", "901")):
        table, report = import_from_report(fixtures / "systems" / FILES[name], name)
        adds_up(report)
        assert not report.warnings and not report.aside
        assert clock(table, case)[:5] == [(at, kind, actor and actor.format(who)) for at, kind, actor in begun_to_end]
        hours = board(table.filter(pl.col("ts") < datetime(2026, 1, 6, tzinfo=UTC)))[who]["avg_processing_hours"]
        assert hours == pytest.approx(2)  # given at 10, 4 hours of 6 waiting


def test_tickets_that_are_opened_again_or_taken_away(fixtures: Path) -> None:
    again = [("06 16:00", "OPENED", None), ("06 16:00", "ASSIGNED", "acc-1"), ("06 18:00", "RESOLVED", "acc-1")]
    assert clock(read(fixtures, "jira"), "CL-1")[5:] == again
    taken = [("05 10:30", "ASSIGNED", "user-bob"), ("05 12:30", "ASSIGNED", "unassigned")]
    assert clock(read(fixtures, "servicenow"), "inc2")[1:] == taken
    table = read(fixtures, "zendesk")  # by its metric events, where there are no audits
    kinds = [("05 09:00", "OPENED"), ("05 10:00", "PAUSED"), ("05 12:00", "RESUMED"), ("05 13:00", "RESOLVED")]
    assert [one[:2] for one in clock(table, "36")] == kinds


def test_tickets_whose_end_is_told_elsewhere(tmp_path: Path) -> None:
    """No ticket counts as open because its end is not where it usually is."""

    def read_as(document: Any, name: str) -> pl.DataFrame:
        (tmp_path / "l.json").write_text(json.dumps(document))
        table, report = import_from_report(tmp_path / "l.json", name)
        adds_up(report)
        assert not report.aside, report.refused.bad
        return table

    row = {
        "sys_id": "i1",
        "opened_at": "2026-01-05 09:00:00",
        "state": "7",
        "assigned_to": "anne",
        "closed_at": "2026-01-05 11:00:00",
    }
    given = [("05 09:00", "OPENED", None), ("05 09:00", "ASSIGNED", "anne"), ("05 11:00", "RESOLVED", "anne")]
    assert clock(read_as({"result": [row]}, "servicenow"), "i1") == given
    (tmp_path / "l.json").write_text(json.dumps({"result": [{**row, "closed_at": ""}]}))
    assert import_from_report(tmp_path / "l.json", "servicenow")[1].refused.counts == {"end_missing": 1}

    fields = {
        "created": "2026-01-05T09:00:00.000+0000",
        "resolutiondate": "2026-01-05T11:00:00.000+0000",
        "assignee": {"accountId": "anne"},
    }
    issue = {"id": "1", "key": "i1", "fields": fields, "changelog": {"histories": [], "total": 0}}
    assert clock(read_as([issue], "jira"), "i1") == given

    begun = [{"id": 1, "type": "Create", "field_name": "status", "value": "solved"}]
    begun.append({"id": 2, "type": "Create", "field_name": "assignee_id", "value": "anne"})
    audit = {"id": 1, "ticket_id": "i1", "created_at": "2026-01-05T09:00:00Z", "author_id": 5, "events": begun}
    assert clock(read_as({"audits": [audit]}, "zendesk"), "i1") == [*given[:2], ("05 09:00", "RESOLVED", "anne")]


def test_changes_by_the_system_itself_are_by_nobody(tmp_path: Path) -> None:
    items = [{"field": "resolution", "fieldId": "resolution", "from": None, "to": "1"}]
    robot = {"accountId": "r", "accountType": "app"}
    histories = [{"id": "9", "author": robot, "created": "2026-01-05T11:00:00.000+0000", "items": items}]
    fields = {"created": "2026-01-05T09:00:00.000+0000", "assignee": None}
    (tmp_path / "l.json").write_text(
        json.dumps([{"id": "1", "key": "i1", "fields": fields, "changelog": {"histories": histories}}])
    )
    table, _ = import_from_report(tmp_path / "l.json", "jira")
    assert table.select("type", "actor").rows() == [("OPENED", None), ("RESOLVED", None)]


def test_a_history_that_is_cut_is_set_aside(fixtures: Path, tmp_path: Path) -> None:
    issues = json.loads((fixtures / "systems" / FILES["jira"]).read_text())
    issues["issues"][0]["changelog"]["total"] = 40
    (tmp_path / "l.json").write_text(json.dumps(issues))
    table, report = import_from_report(tmp_path / "l.json", "jira")
    assert report.refused.counts == {"changelog_cut": 1} and table["case_id"].unique().to_list() == ["CL-2"]


def test_scores_of_mlflow_on_a_scale(tmp_path: Path) -> None:
    def said(number: str, kind: str, who: str, value: Any, hour: int) -> dict[str, Any]:
        source = {"source_type": kind, "source_id": who}
        at = f"2026-01-05T{hour}:00:00Z"
        return {
            "assessment_id": number,
            "assessment_name": "tone",
            "source": source,
            "create_time": at,
            "feedback": {"value": value},
        }

    judged = [said("a", "LLM_JUDGE", "judge-1", 0.75, 10), said("b", "HUMAN", "default", 0.5, 11)]
    trace = {"info": {"trace_id": "tr-1", "tags": {"mlflow.traceName": "triage"}, "assessments": judged}}
    (tmp_path / "l.jsonl").write_text(json.dumps(trace))
    table, report = import_from_report(tmp_path / "l.jsonl", "mlflow", reviewer="carl@agency.gov", scales={"*": (0, 1)})
    assert table.select("type", "actor", "value").rows() == [("EVALUATION", "triage", 75.0)]
    assert report.passed_over["numbers with fractions: not compared"] == 1
    with pytest.raises(ParameterError, match=r"the scale of 'tone'.*expected the lowest and the highest value"):
        import_from(tmp_path / "l.jsonl", "mlflow", scales={"tone": (1, 1)})


@pytest.mark.parametrize("name", FILES)
def test_importing_twice_changes_nothing(tmp_path: Path, fixtures: Path, name: str) -> None:
    table = read(fixtures, name)
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        assert table.height and ledger.record_events(table) == table.height
        again = ledger.record_events_report(read(fixtures, name))
    assert (again.stored, again.duplicates, again.conflicts) == (0, table.height, [])


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("seeds", [range(10), pytest.param(range(10, 100), marks=pytest.mark.slow)], ids=str)
def test_a_damaged_export_is_set_aside_or_said(tmp_path: Path, fixtures: Path, name: str, seeds: range) -> None:
    """Any value of a record is taken away or made another one: no traceback, and the account adds up."""
    for seed in seeds:
        one = tmp_path / str(seed)
        one.mkdir()
        read_damaged(one, fixtures, name, seed)


def read_damaged(tmp_path: Path, fixtures: Path, name: str, seed: int) -> None:
    draw = random.Random(seed)
    text = (fixtures / "systems" / FILES[name]).read_text()
    lines = FILES[name].endswith(".jsonl")
    document = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
    for _ in range(draw.randrange(1, 6)):
        damage(document, draw)
    path = tmp_path / "l.json"
    path.write_text("\n".join(json.dumps(one) for one in document) if lines else json.dumps(document))
    try:
        table, report = import_from_report(path, name, **HOW)
    except AuraError as error:
        assert str(path) in str(error)
        return
    adds_up(report)
    assert report.events == table.height
    aura.events.validate(table)
    report.set_aside(path, tmp_path / "q.jsonl")
    assert (tmp_path / "q.jsonl").exists() == bool(report.aside)


def damage(value: Any, draw: random.Random) -> None:
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


def imported(folder: Path, name: str, *records: Any, **how: Any) -> tuple[pl.DataFrame, Any]:
    (folder / "l.json").write_text(json.dumps(list(records)))
    table, report = import_from_report(folder / "l.json", name, **how)
    adds_up(report)
    return table, report


def row_of(number: str, field: str, old: str, new: str, at: str, table: str = "incident") -> dict[str, Any]:
    at = f"2026-02-05 {at}"
    return {
        "sys_id": number,
        "tablename": table,
        "documentkey": "i1",
        "fieldname": field,
        "oldvalue": old,
        "newvalue": new,
        "user": "eve",
        "sys_created_on": at,
    }


def test_a_part_of_a_history_is_read_by_what_was_before(tmp_path: Path) -> None:
    """An export of what is new since the last one: the old values say where each ticket stood."""
    table, _ = imported(
        tmp_path, "servicenow", row_of("a", "state", "3", "2", "11:00:00"), row_of("b", "assigned_to", "anne", "", "12:00:00")
    )
    assert clock(table, "i1") == [("05 11:00", "RESUMED", None), ("05 12:00", "ASSIGNED", "unassigned")]
    table, _ = imported(tmp_path, "servicenow", row_of("a", "state", "6", "2", "11:00:00"))
    assert clock(table, "i1") == [("05 11:00", "OPENED", None)]


def test_what_cannot_be_read_changes_no_ticket(tmp_path: Path) -> None:
    bad = {**row_of("a", "assigned_to", "", "bob", ""), "sys_created_on": "05/02/2026 10:00"}
    table, report = imported(tmp_path, "servicenow", bad, row_of("b", "assigned_to", "", "bob", "10:30:00"))
    assert clock(table, "i1") == [("05 10:30", "ASSIGNED", "bob")] and report.refused.counts == {"time_unreadable": 1}
    _, report = imported(tmp_path, "servicenow", row_of("a", "state", "1", "3", "11:00:00", "sc_task"))
    assert report.refused.counts == {"state_unknown": 1}  # 3 is closed there, and on hold for an incident
    table, _ = imported(tmp_path, "servicenow", row_of("a", "state", "2", "6", "11:00:00"))
    assert clock(table, "i1") == [("05 11:00", "RESOLVED", None)]  # eve changed it, and nobody was in charge


@pytest.mark.parametrize(
    ("predicted", "chosen", "kind"),
    [
        ([("r", "rating", {"rating": 4.0})], [("r", "rating", {"rating": 4})], "DECISION"),
        ([("r", "rating", {"rating": 4})], [("r", "rating", {"rating": 3})], "OVERRIDE"),
        ([("x", "taxonomy", {"taxonomy": [["A"], ["B"]]})], [("x", "taxonomy", {"taxonomy": [["B"], ["A"]]})], "DECISION"),
        ([("x", "choices", {"choices": ["a", "b"]})], [("x", "choices", {"choices": ["b", "a"]})], "DECISION"),
        ([("x", "textarea", {"text": ["yes"]})], [("x", "textarea", {"text": ["no"]})], "OVERRIDE"),
        ([("c", "choices", {"choices": ["PAY"]})], [("c", "choices", {"choices": ["pay "]})], "DECISION"),
        (
            [("c", "choices", {"choices": ["PAY"]})],
            [("c", "choices", {"choices": ["PAY"]}), ("why", "textarea", {"text": ["a comment"]})],
            "DECISION",
        ),
        ([("c", "choices", {"choices": ["PAY"]})], [("why", "textarea", {"text": ["a comment"]})], None),
        ([("b", "rectanglelabels", {"x": 1})], [("b", "rectanglelabels", {"x": 1})], None),
    ],
)
def test_what_is_compared_in_label_studio(tmp_path: Path, predicted: Any, chosen: Any, kind: str | None) -> None:
    before, after = (
        [{"from_name": name, "to_name": "t", "type": how, "value": value} for name, how, value in one]
        for one in (predicted, chosen)
    )
    one = {"id": 21, "completed_by": 5, "created_at": "2026-01-05T10:00:00Z", "result": after}
    advice = {"id": 11, "model_version": "m", "created_at": "2026-01-05T09:00:00Z", "result": before}
    table, _ = imported(tmp_path, "label-studio", {"id": 1, "predictions": [advice], "annotations": [one]})
    assert table["type"].to_list() == ([kind] if kind else [])


def assessed(number: str, kind: str, value: Any, hour: int, **more: Any) -> dict[str, Any]:
    source = {"source_type": kind, "source_id": {"HUMAN": "anne"}.get(kind, "judge")}
    at = f"2026-01-05T{hour}:00:00Z"
    return {
        "assessment_id": number,
        "assessment_name": "e",
        "source": source,
        "create_time": at,
        "feedback": {"value": value},
        **more,
    }


@pytest.mark.parametrize(
    ("assessments", "found"),
    [
        # a human over a human is one over the same judge
        (
            [
                assessed("j", "LLM_JUDGE", "PAY", 10, valid=False),
                assessed("h1", "HUMAN", "NO", 11, overrides="j", valid=False),
                assessed("h2", "HUMAN", "PAY", 12, overrides="h1"),
            ],
            [("DECISION", "PAY", "PAY")],
        ),
        # the judge spoke again after the human
        (
            [
                assessed("j", "LLM_JUDGE", "PAY", 10, valid=False),
                assessed("h", "HUMAN", "NO", 11),
                assessed("j2", "LLM_JUDGE", "NO", 12, overrides="j"),
            ],
            [("OVERRIDE", "PAY", "NO")],
        ),
        # what the judge said was changed in place
        ([assessed("j", "LLM_JUDGE", "NO", 10, last_update_time="2026-01-05T15:00:00Z"), assessed("h", "HUMAN", "PAY", 11)], []),
    ],
)
def test_who_spoke_last_in_mlflow(tmp_path: Path, assessments: Any, found: Any) -> None:
    table, report = imported(tmp_path, "mlflow", {"info": {"trace_id": "tr-1", "assessments": assessments}})
    assert table.select("type", "ai_recommendation", "human_verdict").rows() == found and not report.aside


def test_what_a_human_changed_later(tmp_path: Path) -> None:
    def note(number: str, kind: str, label: str, at: str, changed: str, **more: Any) -> dict[str, Any]:
        day = "2026-01-05T"
        times = {"created_at": f"{day}{at}:00Z", "updated_at": f"{day}{changed}:00Z"}
        own = {"id": number, "name": "e", "annotator_kind": kind, "span_id": "s1", "user_id": "anne"}
        return {**own, **times, "result": {"label": label}, **more}

    first, again = note("m", "LLM", "PAY", "09:00", "09:00"), note("m2", "LLM", "NO", "11:00", "11:00")
    _, report = imported(tmp_path, "phoenix", first, again, note("h", "HUMAN", "NO", "10:00", "12:00"))
    assert any("changed after a machine had spoken again" in why for why in report.passed_over)
    table, _ = imported(tmp_path, "phoenix", first, again, note("h", "HUMAN", "NO", "10:00", "10:30"))
    assert verdicts(table) == [("OVERRIDE", "s1:e", "anne", "e", "PAY", "NO")]
    other = note("m2", "LLM", "NO", "09:30", "09:30", document_position=1)
    human = note("h", "HUMAN", "PAY", "10:00", "10:00", document_position=0)
    table, _ = imported(tmp_path, "phoenix", {**first, "document_position": 0}, other, human)
    assert verdicts(table) == [("DECISION", "0 of s1:e", "anne", "e", "PAY", "PAY")]


def test_a_correction_of_an_evaluator_itself(tmp_path: Path) -> None:
    at = {"created_at": "2026-01-05T09:00:00Z", "modified_at": "2026-01-05T10:00:00Z"}
    one = {"id": "m", "run_id": "r", "key": "e", "score": 1, **at, "feedback_source": {"type": "auto_eval"}}
    table, _ = imported(tmp_path, "langsmith", {**one, "correction": {"score": 0}}, reviewer="anne")
    assert table.select("ts", "type", "actor", "ai_recommendation", "human_verdict").rows()[0][1:] == ("OVERRIDE", "anne", "1", "0")
    table, report = imported(tmp_path, "langsmith", {**one, "correction": {"score": 1.0}}, reviewer="anne")
    assert not table.height and report.passed_over["a correction to what was said"] == 1


def test_an_item_of_a_queue_ends_later(tmp_path: Path, fixtures: Path) -> None:
    item = json.loads((fixtures / "systems" / "langfuse_queue.json").read_text())["data"][1]
    said: dict[str, Any] = {
        "id": "s",
        "name": "e",
        "source": "ANNOTATION",
        "timestamp": "2026-01-06T09:00:00Z",
        "value": "x",
        "queueId": "q-1",
    }
    said |= {"authorUserId": "anne", "subject": {"kind": "trace", "id": "tr-9"}}
    ended = {**item, "status": "COMPLETED", "completedAt": "2026-01-06T09:00:00Z"}
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        assert ledger.record_events(imported(tmp_path, "langfuse", item)[0]) == 1
        assert ledger.record_events(imported(tmp_path, "langfuse", ended, said)[0]) == 2


def test_logs_of_inspect_have_samples_of_their_own(tmp_path: Path, fixtures: Path) -> None:
    log = json.loads((fixtures / "systems" / FILES["inspect-ai"]).read_text())
    for number in ("a", "b"):  # two tasks of one run, and a sample that was declared invalid
        log["eval"]["eval_id"] = number
        log["samples"][2]["invalidation"] = {"author": "anne"}
        (tmp_path / f"{number}.json").write_text(json.dumps(log))
    table, report = import_from_report(tmp_path, "inspect-ai")
    adds_up(report)
    assert report.by_type["EVALUATION"] == 4 and report.passed_over["a sample that was declared invalid"] == 2
    assert table["event_id"].n_unique() == table.height and not report.aside


@pytest.mark.parametrize("kind", ["damaged", "encrypted", "lzma", "zstandard"])
def test_zips_that_cannot_be_read(tmp_path: Path, fixtures: Path, kind: str) -> None:
    path = tmp_path / "l.eval"
    if kind == "zstandard":
        raw = bytearray((fixtures / "systems" / "inspect_log.eval").read_bytes())
        raw[900:940] = b"x" * 40
        path.write_bytes(raw)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA if kind == "lzma" else zipfile.ZIP_DEFLATED) as held:
            held.writestr("header.json", '{"eval": {"model": "m", "eval_id": "r"}}' + " " * 500)
            held.writestr("samples/1.json", json.dumps({"text": [f"{n * n}" for n in range(2_000)]}))
        raw = bytearray(path.read_bytes())
        at = raw.index(b"samples/1.json") + 200
        if kind == "damaged":
            raw[at : at + 50] = b"\xff" * 50
        if kind == "encrypted":
            for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
                raw[raw.index(mark) + place] |= 1
        path.write_bytes(raw)
    with pytest.raises((EventError, FileFormatError), match=r"l\.eval"):
        import_from(path, "inspect-ai")


def test_other_wrong_input(tmp_path: Path, fixtures: Path) -> None:
    file = fixtures / "systems" / FILES["otel"]
    for scale in (5, (None, 1), (1,), "ab"):
        with pytest.raises(ParameterError, match="the scale of 'a'"):
            import_from(file, "otel", scales={"a": scale})  # type: ignore[dict-item]
    with pytest.raises(ParameterError, match="exports of that system are not read"):
        import_from(file, ["otel"])  # type: ignore[arg-type]
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(FileFormatError, match=r"read from records.*for a table write a mapping"):
        import_from(tmp_path / "a.parquet", "jira")
    span: dict[str, Any] = {"traceId": "a", "spanId": "b", "status": "OK", "attributes": []}
    span["attributes"] = [
        {"key": f"gen_ai.{key}", "value": {"stringValue": value}}
        for key, value in (("operation.name", "invoke_agent"), ("agent.name", "x"))
    ]
    _, report = imported(tmp_path, "otel", {"scopeSpans": [{"spans": [span]}]})
    assert report.refused.counts == {"status_unreadable": 1}
