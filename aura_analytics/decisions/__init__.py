"""The accountability layer: a log of decisions and of what became of them, and what can be learned from it."""

from __future__ import annotations

from aura_analytics.decisions.accountability import AccountabilityLogger
from aura_analytics.decisions.records import DecisionLog, Outcome, OutcomeType

__all__ = ["AccountabilityLogger", "DecisionLog", "Outcome", "OutcomeType"]
