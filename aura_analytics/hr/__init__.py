"""HR: what follows from errors and verdicts, folds over what was done, and people who sign."""

from __future__ import annotations

from aura_analytics.hr.acting import faults
from aura_analytics.hr.desk import HRDesk
from aura_analytics.hr.folds import standing
from aura_analytics.hr.ladder import Ladder
from aura_analytics.hr.plans import ImprovementPlan, draft_plan, plan_progress
from aura_analytics.hr.registry import Person, Registry
from aura_analytics.hr.severities import Consequence, SeverityTable

__all__ = [
    "Consequence",
    "HRDesk",
    "ImprovementPlan",
    "Ladder",
    "Person",
    "Registry",
    "SeverityTable",
    "draft_plan",
    "faults",
    "plan_progress",
    "standing",
]
