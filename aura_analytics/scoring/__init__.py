"""Scoring outputs: penalties, severities, and how good the heuristics are."""

from __future__ import annotations

from aura_analytics.scoring.frames import score_frame
from aura_analytics.scoring.penalties import Penalty, PenaltyPolicy
from aura_analytics.scoring.quality import score_quality
from aura_analytics.scoring.records import ErrorClassifier, Scorer, ScoreResult
from aura_analytics.scoring.rescoring import rescore, would_have

__all__ = [
    "ErrorClassifier",
    "Penalty",
    "PenaltyPolicy",
    "ScoreResult",
    "Scorer",
    "rescore",
    "score_frame",
    "score_quality",
    "would_have",
]
