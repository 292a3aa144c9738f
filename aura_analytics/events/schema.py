"""The event contract: columns, dtypes and vocabularies of the one table that everything else reads."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = [
    "ACTOR_KINDS",
    "ADDED",
    "CLOCK_TYPES",
    "EVENT_TYPES",
    "IMPORTED",
    "MACHINE_KINDS",
    "RECORD_TYPES",
    "SCHEMA",
    "SEVERITIES",
    "VERDICT_TYPES",
    "empty",
    "is_on_contract",
]

CLOCK_TYPES = ("OPENED", "ASSIGNED", "PAUSED", "RESUMED", "RESOLVED")


VERDICT_TYPES = ("DECISION", "OVERRIDE")


RECORD_TYPES = ("HR_ACTION",)  # what was decided about people: no work, and no window ends with it


EVENT_TYPES = (
    *CLOCK_TYPES,
    *VERDICT_TYPES,
    "SAT_SCORE",
    "EVALUATION",
    "OUTCOME",
    "ADJUDICATION",
    "HR_ACTION",
    "ROUTED",
    "DRILL",
)


MACHINE_KINDS = ("agent", "component")  # acted upon without a signature; everybody else may be a person
ACTOR_KINDS = ("officer", "agent", "component", "citizen", "system")


SEVERITIES = ("low", "medium", "high", "critical")


SCHEMA = pl.Schema(
    {
        "event_id": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "type": pl.Enum(EVENT_TYPES),
        "actor": pl.String(),
        "actor_kind": pl.Enum(ACTOR_KINDS),
        "case_id": pl.String(),
        "queue": pl.String(),
        "value": pl.Float64(),
        "agent": pl.String(),
        "ai_recommendation": pl.String(),
        "human_verdict": pl.String(),
        "confidence": pl.Float64(),
        "outcome": pl.String(),
        "severity": pl.Enum(SEVERITIES),
        "penalties": pl.List(pl.String()),
        "attributes": pl.String(),
        "audit_chance": pl.Float64(),
        "initial_verdict": pl.String(),
        "own_work": pl.Boolean(),
    }
)


ADDED = ("audit_chance", "initial_verdict", "own_work")  # later than the others: where none of them says anything, ids and hashes
# are those of a contract without them


VOCABULARIES: dict[str, Sequence[str]] = {"type": EVENT_TYPES, "actor_kind": ACTOR_KINDS, "severity": SEVERITIES}


REQUIRED = ("ts", "type")


IMPORTED = "i-"  # how ids begin that importing made of what identifies an event: another export may tell it with other attributes


PASSED_ON = ("__row", "__line")  # the place of a row in its source, carried along by the doors


# What other systems call our columns: only ever used to word a hint, never to guess.
ALIASES = {
    "timestamp": "ts",
    "time": "ts",
    "created_at": "ts",
    "event_type": "type",
    "kind": "type",
    "id": "event_id",
    "case": "case_id",
    "claim_id": "case_id",
    "job_id": "case_id",
    "request_id": "case_id",
    "officer": "actor",
    "user": "actor",
    "resource": "actor",
    "model_name": "actor",
    "recommendation": "ai_recommendation",
    "verdict": "human_verdict",
    "score": "value",
    "stars": "value",
    "rating": "value",
    "first_verdict": "initial_verdict",
    "sampling_probability": "audit_chance",
}


def empty() -> pl.DataFrame:
    """A table of no events, on the contract."""
    return SCHEMA.to_frame()


def is_on_contract(frame: pl.LazyFrame | pl.DataFrame) -> bool:
    """Whether the columns and dtypes are exactly the contract's, in any order."""
    schema = frame.collect_schema()
    return len(schema) == len(SCHEMA) and all(schema.get(name) == dtype for name, dtype in SCHEMA.items())
