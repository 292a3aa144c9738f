"""OpenTelemetry: record evaluations and ends of agents' runs as their traces end."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from aura_analytics.errors import AuraError
from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.otel import OpenTelemetry
from aura_analytics.ledger import Ledger

__all__ = ["LedgerExporter"]

_HELD = 1_000
_log = logging.getLogger("aura_analytics")


class LedgerExporter:
    """A span exporter for `SimpleSpanProcessor` or `BatchSpanProcessor`: what `aura import --from otel` would read.

    Spans are held until the one around all others has ended, since it may name the agent; of more than 1,000 traces that have not
    ended the oldest is recorded as it stands. What cannot be used is said in the log `aura_analytics`, and stops nothing.

    Parameters
    ----------
    ledger
        Where to.
    scales
        The lowest and the highest value of evaluations by name, `*` for all others.

    Examples
    --------
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> exporter = LedgerExporter(aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/a.db"), {"relevance": (1, 5)})
    >>> exporter.force_flush()
    True
    """

    def __init__(self, ledger: Ledger, scales: Mapping[str, tuple[float, float]] | None = None) -> None:
        self._ledger, self._scales = ledger, dict(scales or {})
        self._traces: dict[str, list[dict[str, Any]]] = {}
        self._lock = Lock()

    def export(self, spans: Sequence[Any]) -> Any:
        """Take ended spans.

        Parameters
        ----------
        spans
            `ReadableSpan`s of the SDK.

        Returns
        -------
        SpanExportResult
            FAILURE where the ledger could not be written.
        """
        from opentelemetry.sdk.trace.export import SpanExportResult

        ended = []
        with self._lock:
            for span in spans:
                data = _written(span)
                held = self._traces.setdefault(data["traceId"], [])
                held.append(data)
                if span.parent is None or span.parent.is_remote:
                    ended.append(self._traces.pop(data["traceId"]))
            while len(self._traces) > _HELD:
                ended.append(self._traces.pop(next(iter(self._traces))))
        return SpanExportResult.SUCCESS if self._recorded(ended) else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  (the interface has it)
        """Record the traces that have not ended as they stand; whether that went well."""
        with self._lock:
            held, self._traces = list(self._traces.values()), {}
        return self._recorded(held)

    def shutdown(self) -> None:
        """As `force_flush`."""
        self.force_flush()

    def _recorded(self, traces: list[list[dict[str, Any]]]) -> bool:
        made: list[dict[str, Any]] = []
        for spans in traces:
            record = {"scopeSpans": [{"spans": spans}]}
            for _, _, found in OpenTelemetry(None, self._scales).everything([((Path("trace"), 1), record)]):
                if isinstance(found, Unusable):
                    _log.warning("not recorded: %s", found)
                elif isinstance(found, list):
                    made += found
        try:
            if made:
                self._ledger.record_events_report(made, on_conflict="skip")
        except AuraError:
            _log.exception("spans could not be recorded")
            return False
        return True


def _written(span: Any) -> dict[str, Any]:
    """A span as OTLP writes it in JSON."""
    own = span.get_span_context()
    return {
        "traceId": f"{own.trace_id:032x}",
        "spanId": f"{own.span_id:016x}",
        "parentSpanId": "" if span.parent is None else f"{span.parent.span_id:016x}",
        "endTimeUnixNano": str(span.end_time),
        "status": {"code": span.status.status_code.value},
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": one.name, "timeUnixNano": str(one.timestamp), "attributes": _attributes(one.attributes)} for one in span.events
        ],
    }


def _attributes(said: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    kinds = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}
    return [{"key": key, "value": {kinds.get(type(value), "stringValue"): value}} for key, value in (said or {}).items()]
