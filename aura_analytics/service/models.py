"""What the routes answer, as the description of the interface has it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ActionDone",
    "ActorRow",
    "Board",
    "DecisionEntry",
    "DossierAnswer",
    "EvaluationAnswer",
    "JobRecord",
    "OutcomeNoted",
    "Recorded",
    "RecordedBatch",
    "Refused",
    "Signed",
    "Word",
]


class Recorded(BaseModel):
    """An event that is in the ledger."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ok": True, "stored_id": "5f0c9a"}]})
    ok: bool
    stored_id: str
    duplicate: bool | None = Field(None, description="true when the very same event was there already")


class Refused(BaseModel):
    """A line that is no event, and why."""

    line: int = Field(description="from 1")
    reasons: list[str]
    raw: str = Field(description="what stands there, cut at 2,000 characters")


class RecordedBatch(BaseModel):
    """What became of a batch."""

    stored: int
    duplicates: int
    retold: int = 0
    conflicts: list[str] = []
    refused: list[Refused] = []
    last_seq: int = Field(description="place of the last event of the ledger after it")


class DossierAnswer(BaseModel):
    """A dossier: the tracker's four numbers, and how sure each is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "actor": "officer_anne@sba.gov",
                    "override_rate": 0.42,
                    "avg_processing_hours": 54.2,
                    "sat_score_mean": 2.1,
                    "pip_recommended": True,
                    "override_rate_n": 120,
                    "override_rate_lo": 0.33,
                    "override_rate_hi": 0.51,
                    "pip_status": "watch",
                }
            ]
        },
    )
    actor: str
    override_rate: float
    avg_processing_hours: float | None
    sat_score_mean: float | None
    pip_recommended: bool
    override_rate_n: int | None = None
    override_rate_lo: float | None = None
    override_rate_hi: float | None = None
    avg_processing_hours_n: int | None = None
    sat_score_mean_n: int | None = None
    pip_status: str | None = None
    pip_reasons: list[str] | None = None
    warnings: list[str] | None = None
    as_of: datetime | None = None


class ActorRow(BaseModel):
    """One line of the board."""

    actor: str
    actor_kind: str | None
    queue: str | None
    override_rate: float | None
    override_rate_n: int
    override_rate_lo: float | None
    override_rate_hi: float | None
    avg_processing_hours: float | None
    avg_processing_hours_n: int
    avg_processing_hours_lo: float | None
    avg_processing_hours_hi: float | None
    sat_score_mean: float | None
    sat_score_mean_n: int
    sat_score_mean_lo: float | None
    sat_score_mean_hi: float | None
    pip_recommended: bool
    status: str = Field(description="verdict of the policy: insufficient, clear, watch or flag")
    reasons: list[str]


class Board(BaseModel):
    """Dossiers of those whom the reader may see."""

    seq: int = Field(description="place in the ledger up to which it holds")
    as_of: datetime | None
    policy: str
    policy_says: str
    total: int = Field(description="how many there are, of which `actors` are some")
    actors: list[ActorRow]


class EvaluationAnswer(BaseModel):
    """What an output is worth, under the document's names, and what followed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "score": 70.0,
                    "penalties": ["too_short"],
                    "confidence": 0.8,
                    "error_severity": "medium",
                    "severity": "medium",
                    "action": "reputation",
                }
            ]
        }
    )
    score: float
    penalties: list[str]
    confidence: float
    error_severity: str
    severity: str
    action: str


class JobRecord(BaseModel):
    """The record of a job."""

    model_config = ConfigDict(extra="allow")
    job_id: str
    model_name: str | None
    evaluations: list[dict[str, Any]]
    score: float | None
    error_severity: str | None
    rerouted: list[str]
    actions: list[str]


class DecisionEntry(BaseModel):
    """A decision of the accountability layer's log."""

    request_id: str
    timestamp: str
    user_request: str
    diagnosis: dict[str, Any]
    decisions: dict[str, Any]
    outcome: dict[str, Any] | None
    logged_at: str | None


class OutcomeNoted(BaseModel):
    """An outcome that is in the log."""

    ok: bool
    request_id: str


class Word(BaseModel):
    """Why somebody signs, refuses or contests."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "the audit of 3 March is right"}]})
    reason: str = Field(min_length=1, max_length=4_000)


class Signed(BaseModel):
    """An action that was answered."""

    ok: bool
    name: str = Field(description="name of what was recorded")


class ActionDone(BaseModel):
    """An HR action or a proposal."""

    model_config = ConfigDict(extra="allow")
    event_id: str
    action: str
    actor: str
    ts: datetime
