"""What other systems write: their own classes read our fixtures, and what they write of them is read as the fixtures are."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from aura_analytics.io.systems.importing import import_from_report

pytestmark = pytest.mark.interop

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "systems"
HOW = {"reviewer": "carl@agency.gov", "scales": {"relevance": (1.0, 5.0)}}


def same(path: Path, system: str, fixture: str) -> None:
    """A file that the vendor's classes wrote tells the same events as the fixture."""
    found, known = (import_from_report(one, system, **HOW)[0] for one in (path, FIXTURES / fixture))  # type: ignore[arg-type]
    columns = [name for name in known.columns if name not in ("attributes", "event_id")]
    assert known.height
    assert found.select(columns).sort(pl.all()).equals(known.select(columns).sort(pl.all()))


def test_mlflow(tmp_path: Path) -> None:
    from mlflow.entities import Trace

    lines = (FIXTURES / "mlflow_traces.jsonl").read_text().splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join(Trace.from_json(line).to_json() for line in lines))
    same(tmp_path / "a.jsonl", "mlflow", "mlflow_traces.jsonl")


def test_label_studio(tmp_path: Path) -> None:
    from label_studio_sdk.core.pydantic_utilities import parse_obj_as
    from label_studio_sdk.types import Annotation, Prediction

    tasks = json.loads((FIXTURES / "label_studio.json").read_text())
    for task in tasks:
        assert all(parse_obj_as(Prediction, one).model_version == one["model_version"] for one in task["predictions"])
        for one in task["annotations"]:
            plain = {**one, "completed_by": 5}  # the client's class has the number only, exports also the person
            assert parse_obj_as(Annotation, plain).ground_truth == one["ground_truth"]


def test_langfuse(tmp_path: Path) -> None:
    from langfuse.api.annotation_queues.types import PaginatedAnnotationQueueItems
    from langfuse.api.core.pydantic_utilities import parse_obj_as
    from langfuse.api.scores.types import GetScoresV3Response

    scores = parse_obj_as(GetScoresV3Response, json.loads((FIXTURES / "langfuse_scores.json").read_text()))
    (tmp_path / "a.json").write_text(scores.model_dump_json())
    same(tmp_path / "a.json", "langfuse", "langfuse_scores.json")
    (tmp_path / "b.jsonl").write_text("\n".join(one.model_dump_json() for one in scores.data))
    same(tmp_path / "b.jsonl", "langfuse", "langfuse_scores.json")
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(one.model_dump(by_alias=False), default=str) for one in scores.data))
    same(tmp_path / "c.jsonl", "langfuse", "langfuse_scores.json")
    items = parse_obj_as(PaginatedAnnotationQueueItems, json.loads((FIXTURES / "langfuse_queue.json").read_text()))
    (tmp_path / "d.json").write_text(items.model_dump_json())
    same(tmp_path / "d.json", "langfuse", "langfuse_queue.json")


def test_inspect(tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log, write_eval_log

    log = read_eval_log(str(FIXTURES / "inspect_log.json"))
    for name, kind in (("a.eval", "eval"), ("a.json", "json")):
        write_eval_log(log, str(tmp_path / name), kind)
        same(tmp_path / name, "inspect-ai", "inspect_log.json")


def test_opentelemetry(tmp_path: Path) -> None:
    from google.protobuf.json_format import MessageToJson, Parse
    from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
    from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

    spans, logs = (FIXTURES / "otel_traces.jsonl").read_text().splitlines()
    assert Parse(spans, TracesData()).resource_spans[0].scope_spans[0].spans[0].name
    record = Parse(logs, LogsData()).resource_logs[0].scope_logs[0].log_records[0]
    assert record.event_name == "gen_ai.evaluation.result"
    written = [json.loads(MessageToJson(Parse(line, kind()))) for line, kind in ((spans, TracesData), (logs, LogsData))]
    assert [sorted(one) for one in written] == [["resourceSpans"], ["resourceLogs"]]


def test_phoenix() -> None:
    from phoenix.client.__generated__ import v1

    known = v1.SpanAnnotation
    for one in json.loads((FIXTURES / "phoenix_annotations.json").read_text())["data"]:
        assert known.__required_keys__ <= set(one) <= known.__required_keys__ | known.__optional_keys__
        assert one["annotator_kind"] in ("LLM", "CODE", "HUMAN")


def test_langsmith(tmp_path: Path) -> None:
    from langsmith.schemas import Feedback

    lines = (FIXTURES / "langsmith_feedback.jsonl").read_text().splitlines()
    (tmp_path / "a.jsonl").write_text("\n".join(Feedback.model_validate_json(line).model_dump_json() for line in lines))
    same(tmp_path / "a.jsonl", "langsmith", "langsmith_feedback.jsonl")


def test_argilla(tmp_path: Path) -> None:
    from argilla.records import Record

    written = []
    for record in json.loads((FIXTURES / "argilla_records.json").read_text()):
        beside = {key: record[key] for key in ("updated_at", "submitted", "status") if key in record}  # of these the server knows
        own = {key: value for key, value in record.items() if key not in ("updated_at", "submitted")}
        written.append(Record.from_dict(own).to_dict() | beside)
    (tmp_path / "a.json").write_text(json.dumps(written))
    same(tmp_path / "a.json", "argilla", "argilla_records.json")


def test_jira() -> None:
    from jira.resources import Issue

    for one in json.loads((FIXTURES / "jira_issues.json").read_text())["issues"]:
        issue = Issue({}, None, one)
        assert issue.key == one["key"] and issue.fields.created == one["fields"]["created"]
    assert issue.changelog.histories == []


@pytest.mark.parametrize("form", ["xml", "sqlite", "json"])
def test_object_centric_logs(tmp_path: Path, form: str) -> None:
    import pm4py

    import aura_analytics as aura
    from tests.io.test_ocel import mapping

    log = pm4py.read_ocel2(str(FIXTURES / f"ocel.{form}"))
    assert (len(log.events), len(log.objects), len(log.relations)) == (8, 5, 15)
    written = tmp_path / f"a.{form}"
    {"xml": pm4py.write_ocel2_xml, "sqlite": pm4py.write_ocel2_sqlite, "json": pm4py.write_ocel2_json}[form](log, str(written))
    found, known = (aura.import_log(one, mapping(), quarantine=None) for one in (written, FIXTURES / "ocel.json"))
    columns = ["ts", "type", "case_id", "actor", "agent", "human_verdict"]
    assert found.select(columns).equals(known.select(columns))
