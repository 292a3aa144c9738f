"""OpenTelemetry: spans and events of generative AI, as OTLP writes them in JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Found, Piece, Place, System, Unusable, either, nanoseconds

__all__ = ["OpenTelemetry"]

_RESULT = "gen_ai.evaluation.result"
_KINDS = ("resourceSpans", "resourceLogs", "resource_spans", "resource_logs")
_FAILED = (2, "2", "STATUS_CODE_ERROR")


@dataclass(frozen=True)
class _Told:
    """A span or an event of the export."""

    data: dict[str, Any]
    trace: str
    span: str
    attributes: dict[str, Any]
    ends: bool = False  # a span


class OpenTelemetry(System):
    """An evaluation is one of the agent whose span it is on, and the end of an agent's span is its outcome.

    The agent is the one that the event names, its span, or a span around that; else the model. By the conventions a span that
    failed says so (`STATUS_CODE_ERROR`), and says nothing otherwise. An evaluation on no declared scale is not used. There is no
    event for the approval of a human in the conventions: a mapping reads such events.
    """

    name: ClassVar[str] = "otel"
    title: ClassVar[str] = "OpenTelemetry"
    about: ClassVar[str] = "gen_ai.evaluation.result: EVALUATION on a declared scale; end of an agent's span: OUTCOME"
    lists: ClassVar[tuple[str, ...]] = _KINDS
    judges: ClassVar[bool] = False

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system; which agent a span belongs to is known when all of them have been read."""
        every = [(place, *one) for place, record in records for one in self.safely(record)]
        self._spans = {(one.trace, one.span): one for _, _, one in every if isinstance(one, _Told) and one.ends}
        for place, piece, one in every:
            try:
                yield place, piece, self._events(one) if isinstance(one, _Told) else one
            except Unusable as error:
                yield place, piece, error

    def pieces(self, record: dict[str, Any]) -> Iterator[Any]:
        """The spans and the events of a record: of a whole request, or of a part of it."""
        parts = [part for key in _KINDS for part in record.get(key) or []] or [record]
        for part in parts:
            scopes = [one for key in ("scopeSpans", "scopeLogs", "scope_spans", "scope_logs") for one in part.get(key) or []]
            if not scopes:
                yield part, Unusable("spans_missing: got no scopeSpans or scopeLogs, expected OTLP in JSON")
            for scope in scopes:
                for span in scope.get("spans") or []:
                    yield from self._of_span(span)
                for event in scope.get("logRecords") or scope.get("log_records") or []:
                    yield event, _Told(event, *_ids(event), _attributes(event))

    def _of_span(self, span: dict[str, Any]) -> Iterator[Piece | tuple[Any, _Told]]:
        ids, events = _ids(span), span.get("events") or []
        if not all(ids):
            yield span, Unusable("span_unreadable: got no traceId or no spanId, expected both")
            return
        yield {key: value for key, value in span.items() if key != "events"}, _Told(span, *ids, _attributes(span), ends=True)
        for event in events:
            yield event, _Told(event, *ids, _attributes(event))

    def _events(self, one: _Told) -> Events | str:
        return self._ended(one) if one.ends else self._evaluation(one)

    def _ended(self, span: _Told) -> Events | str:
        if span.attributes.get("gen_ai.operation.name") != "invoke_agent":
            return "a span that is no agent's run"
        agent = span.attributes.get("gen_ai.agent.name")
        if not agent:
            return "an agent's run that does not name the agent"
        status = span.data.get("status") or {}
        if not isinstance(status, dict):
            raise Unusable(f"status_unreadable: got {status!r}, expected an object with a code")
        failed = status.get("code") in _FAILED
        case = f"{span.trace}:{span.span}" if self._within(span) else span.trace
        more = {"error": span.attributes.get("error.type"), "model": span.attributes.get("gen_ai.request.model")}
        event = {
            "type": "OUTCOME",
            "ts": nanoseconds(either(span.data, "endTimeUnixNano")),
            "case_id": case,
            "actor": agent,
        }
        own = f"{IMPORTED}otel-{span.trace}-{span.span}"
        return [
            {**event, "actor_kind": "agent", "outcome": "failure" if failed else "success", "event_id": own, "attributes": more}
        ]

    def _evaluation(self, event: _Told) -> Events | str:
        said = event.attributes
        if _RESULT not in (event.data.get("name"), either(event.data, "eventName"), said.get("event.name")):
            return "an event that is no evaluation"
        name, value = said.get("gen_ai.evaluation.name"), said.get("gen_ai.evaluation.score.value")
        if not isinstance(value, (int, float)):
            return "an evaluation without a number"
        score = self.score(name, value)
        if score is None:
            return f"an evaluation on a scale that is not declared: {name}"
        agent, model = self._around(event, "gen_ai.agent.name"), self._around(event, "gen_ai.request.model")
        if not agent and not model:
            return "an evaluation that names neither agent nor model"
        at = nanoseconds(either(event.data, "timeUnixNano"))
        label, response = said.get("gen_ai.evaluation.score.label"), said.get("gen_ai.response.id")
        return [
            {
                "type": "EVALUATION",
                "ts": at,
                "case_id": self._case(event),
                "actor": agent or model,
                "actor_kind": "agent",
                "value": score,
                "event_id": f"{IMPORTED}otel-{event.trace}-{event.span}-{name}-{at}",
                "attributes": {"name": name, "score": value, "label": label, "response": response, "trace": event.trace},
            }
        ]

    def _around(self, one: _Told, key: str) -> Any:
        """What a span or event says, or else the nearest span around it that says it."""
        at: _Told | None = one if one.ends else self._spans.get((one.trace, one.span))
        if one.attributes.get(key):
            return one.attributes[key]
        seen: set[str] = set()
        while at is not None and at.span not in seen:
            if at.attributes.get(key):
                return at.attributes[key]
            seen.add(at.span)
            at = self._spans.get((at.trace, str(either(at.data, "parentSpanId"))))
        return None

    def _within(self, span: _Told) -> bool:
        """Whether an agent's run is a part of another one."""
        seen = {span.span}
        at = self._spans.get((span.trace, str(either(span.data, "parentSpanId"))))
        while at is not None and at.span not in seen:
            if at.attributes.get("gen_ai.operation.name") == "invoke_agent":
                return True
            seen.add(at.span)
            at = self._spans.get((at.trace, str(either(at.data, "parentSpanId"))))
        return False

    def _case(self, one: _Told) -> Any:
        return self._around(one, "gen_ai.conversation.id") or one.trace or None


def _ids(data: dict[str, Any]) -> tuple[str, str]:
    return str(either(data, "traceId") or ""), str(either(data, "spanId") or "")


def _attributes(data: dict[str, Any]) -> dict[str, Any]:
    return {str(one["key"]): _value(one.get("value")) for one in data.get("attributes") or []}


def _value(value: Any) -> Any:
    """A value of the protocol; whole numbers are texts there, since they may have 64 bits."""
    if not isinstance(value, dict) or not value:
        return None
    kind, held = next(iter(value.items()))
    if kind in ("intValue", "int_value"):
        return int(held)
    if kind in ("arrayValue", "array_value"):
        return [_value(one) for one in held.get("values") or []]
    return held
