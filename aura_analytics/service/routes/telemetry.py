"""OTLP over HTTP, in JSON or protobuf: agents report with what they have."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response

from aura_analytics.errors import Problem
from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.otel import OpenTelemetry
from aura_analytics.service.asking import State, needs, read_json
from aura_analytics.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["telemetry"])
_WRITER = Depends(needs("events:write"))
_PROTOBUF = "application/x-protobuf"
_SHOWN = 5
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "examples": [{"resourceSpans": []}]}},
            _PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}, _PROTOBUF: {}}, "description": "What was not taken."}
}


async def _body(request: Request) -> tuple[str, bytes]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await request.body()
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding == "gzip":
        most = request.app.state.service.options.batch_limit
        try:
            unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
            body = unpacker.decompress(body, most)
            if unpacker.unconsumed_tail:
                raise ProblemError(413, Problem("the body is too large, unpacked", expected=f"at most {most:,} bytes"))
        except zlib.error as error:
            raise ProblemError(400, Problem("this is no gzip", got=str(error))) from None
    elif coding != "identity":
        raise ProblemError(415, Problem("unknown Content-Encoding", got=coding, expected="gzip or identity"))
    return kind, body


Sent = Annotated[tuple[str, bytes], Depends(_body)]


@router.post("/traces", responses=_ANSWER, openapi_extra=_BODY, response_class=Response, dependencies=[_WRITER])
def traces(state: State, sent: Sent) -> Response:
    """Spans of agents: the end of one is an OUTCOME, an evaluation on a declared scale an EVALUATION."""
    return _taken(state, sent, "traces")


@router.post("/logs", responses=_ANSWER, openapi_extra=_BODY, response_class=Response, dependencies=[_WRITER])
def logs(state: State, sent: Sent) -> Response:
    """Log records: evaluations of agents."""
    return _taken(state, sent, "logs")


def _taken(state: Any, sent: tuple[str, bytes], what: Literal["traces", "logs"]) -> Response:
    kind, body = sent
    if kind not in ("application/json", _PROTOBUF):
        raise ProblemError(415, Problem("unknown Content-Type", got=kind, expected=f"application/json or {_PROTOBUF}"))
    record = read_json(body) if kind != _PROTOBUF else _decoded(body, what)
    if not isinstance(record, dict):
        raise ProblemError(422, Problem("a request of OTLP is an object", got=type(record).__name__))
    made: list[dict[str, Any]] = []
    lost: list[str] = []
    for _, _, found in OpenTelemetry(None, state.options.scales_read()).everything([((Path("request"), 1), record)]):
        if isinstance(found, Unusable):
            lost.append(str(found))
        elif isinstance(found, list):
            made += found
    if record and lost and not made and all(one.startswith(("spans_missing", "record_unreadable")) for one in lost):
        raise ProblemError(422, *(Problem(one) for one in lost[:_SHOWN]))
    if made:
        state.ledger.record_events_report(made, on_conflict="skip")
    return _answered(kind, what, lost)


def _answered(kind: str, what: str, lost: list[str]) -> Response:
    message = "; ".join(lost[:_SHOWN])
    if kind != _PROTOBUF:
        key = "rejectedSpans" if what == "traces" else "rejectedLogRecords"
        said = {"partialSuccess": {key: str(len(lost)), "errorMessage": message}} if lost else {}
        return Response(json.dumps(said), media_type="application/json")
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    answer: Any
    if what == "traces":
        answer = trace_service_pb2.ExportTraceServiceResponse()
        if lost:
            answer.partial_success.rejected_spans = len(lost)
    else:
        answer = logs_service_pb2.ExportLogsServiceResponse()
        if lost:
            answer.partial_success.rejected_log_records = len(lost)
    if lost:
        answer.partial_success.error_message = message
    return Response(answer.SerializeToString(), media_type=_PROTOBUF)


def _decoded(body: bytes, what: str) -> dict[str, Any]:
    """A request in protobuf as its JSON; ids are hexadecimal there, and base64 in what protobuf makes of them."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    message: Any = (
        trace_service_pb2.ExportTraceServiceRequest() if what == "traces" else logs_service_pb2.ExportLogsServiceRequest()
    )
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise ProblemError(400, Problem("this is no request of OTLP in protobuf", got=str(error) or type(error).__name__)) from None
    found = _with_ids(MessageToDict(message))
    assert isinstance(found, dict)
    return found


_IDS = ("traceId", "spanId", "parentSpanId")


def _with_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(inner).hex() if key in _IDS and isinstance(inner, str) else _with_ids(inner)
        for key, inner in value.items()
    }
