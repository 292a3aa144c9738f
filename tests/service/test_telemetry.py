"""OTLP over HTTP: what agents report is recorded, once, in JSON and in protobuf."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from aura_analytics import Ledger
from tests.service.conftest import Server


@pytest.fixture
def server(serving: Callable[..., Server], tmp_path: Path) -> Server:
    return serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open", SCALES="relevance=1:5")


def recorded(tmp_path: Path) -> list[tuple[Any, ...]]:
    with Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        return ledger.events().collect().sort("ts").select("type", "actor", "value", "outcome").rows()


def test_an_export_in_json_is_recorded_once(server: Server, tmp_path: Path, fixtures: Path) -> None:
    text = next((fixtures / "systems").glob("otel*")).read_text()
    record = json.loads(text.splitlines()[0] if not text.lstrip().startswith("[") and "\n{" in text.strip() else text)
    record = record[0] if isinstance(record, list) else record
    for _ in range(2):
        answer = server.client().post("/v1/traces", json=record)
        assert answer.status_code == 200, answer.text
    packed = server.client().post(
        "/v1/traces",
        content=gzip.compress(json.dumps(record).encode()),
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert packed.status_code == 200
    rows = recorded(tmp_path)
    assert len(rows) == len(set(rows)) > 0


def test_spans_in_protobuf(server: Server, tmp_path: Path) -> None:
    request = trace_service_pb2.ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id = bytes(range(16)), bytes(range(8))
    span.end_time_unix_nano = 1_767_607_200_000_000_000
    for key, value in (("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", "triage")):
        one = span.attributes.add()
        one.key, one.value.string_value = key, value
    lost = request.resource_spans[0].scope_spans[0].spans.add()  # without ids: said, and the other is taken
    lost.name = "x"
    headers = {"Content-Type": "application/x-protobuf"}
    answer = server.client().post("/v1/traces", content=request.SerializeToString(), headers=headers)
    assert answer.status_code == 200, answer.text
    told = trace_service_pb2.ExportTraceServiceResponse.FromString(answer.content)
    assert told.partial_success.rejected_spans == 1
    assert recorded(tmp_path) == [("OUTCOME", "triage", None, "success")]
    logs = logs_service_pb2.ExportLogsServiceRequest()
    entry = logs.resource_logs.add().scope_logs.add().log_records.add()
    entry.trace_id, entry.span_id = bytes(range(16)), bytes(range(8))
    entry.time_unix_nano, entry.event_name = 1_767_607_201_000_000_000, "gen_ai.evaluation.result"
    for key, value in (("gen_ai.evaluation.name", "relevance"), ("gen_ai.agent.name", "triage")):
        one = entry.attributes.add()
        one.key, one.value.string_value = key, value
    score = entry.attributes.add()
    score.key, score.value.double_value = "gen_ai.evaluation.score.value", 4.0
    answer = server.client().post("/v1/logs", content=logs.SerializeToString(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert ("EVALUATION", "triage", 75.0, None) in recorded(tmp_path)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 422),
        (b"\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        (b"x", {"Content-Type": "text/plain"}, 415),
        (b"x", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400),
        (b"x", {"Content-Type": "application/json", "Content-Encoding": "br"}, 415),
        (gzip.compress(b" " * (1 << 28)), {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 413),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]}', {"Content-Type": "application/json"}, 422),
    ],
)
def test_what_is_no_request(server: Server, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = server.client().post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == status, answer.text
