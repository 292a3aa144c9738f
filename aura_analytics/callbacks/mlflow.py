"""MLflow: record what humans said of a trace when they say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aura_analytics.errors import EventError
from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.mlflow import MLflow
from aura_analytics.ledger import Ledger

__all__ = ["record_trace"]


def record_trace(
    ledger: Ledger,
    trace: Any,
    *,
    reviewer: str | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
) -> int:
    """Record the assessments of a trace, as `aura import --from mlflow` would; what is recorded already is not recorded twice.

    Parameters
    ----------
    ledger
        Where to.
    trace
        A `Trace` of MLflow, as `mlflow.get_trace(id)` gives it after `mlflow.log_feedback`, or its dict.
    reviewer, scales
        As in `aura.import_from`.

    Returns
    -------
    int
        How many events are new.

    Raises
    ------
    EventError
        If an assessment cannot be used; then nothing is recorded.

    Examples
    --------
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> def said(number, kind, who, value):
    ...     return {"assessment_id": number, "assessment_name": "eligible", "source": {"source_type": kind, "source_id": who},
    ...             "create_time": "2026-01-05T10:00:00Z", "feedback": {"value": value}}
    >>> both = [said("a", "LLM_JUDGE", "judge-1", "PAY"), said("b", "HUMAN", "anne", "PAY")]
    >>> trace = {"info": {"trace_id": "tr-1", "assessments": both}}
    >>> ledger = aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/a.db")
    >>> record_trace(ledger, trace), record_trace(ledger, trace)
    (1, 0)
    """
    record = trace if isinstance(trace, Mapping) else trace.to_dict()
    made: list[dict[str, Any]] = []
    for _, found in MLflow(reviewer, scales).safely(dict(record)):
        if isinstance(found, Unusable):
            raise EventError(str(found))
        made += found if isinstance(found, list) else []
    return ledger.record_events(made)
