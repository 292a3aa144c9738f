"""aura-analytics: hold AI agents and human officers to account, on one event log.

    events -> cases -> dossiers -> verdicts -> actions

Importing this package costs little: everything below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# name -> module that it lives in; None is the module itself
_LAZY: dict[str, str | None] = {
    "AccountabilityLogger": "aura_analytics.decisions.log",
    "Accountant": "aura_analytics.accountant",
    "Calendar": "aura_analytics.calendars",
    "DecisionLog": "aura_analytics.decisions.records",
    "DossierState": "aura_analytics.metrics.state",
    "ErrorClassifier": "aura_analytics.scoring.records",
    "HRDesk": "aura_analytics.hr.desk",
    "Ledger": "aura_analytics.ledger.store",
    "LogMapping": "aura_analytics.importing.mapping",
    "Model": "aura_analytics.routing.router",
    "Outcome": "aura_analytics.decisions.records",
    "OutcomeType": "aura_analytics.decisions.records",
    "PenaltyPolicy": "aura_analytics.scoring.penalties",
    "Policy": "aura_analytics.rules.policy",
    "Router": "aura_analytics.routing.router",
    "ScoreResult": "aura_analytics.scoring.records",
    "Scorer": "aura_analytics.scoring.records",
    "SeverityTable": "aura_analytics.hr.severities",
    "cases_behind": "aura_analytics.metrics.behind",
    "checks": None,
    "compare_versions": "aura_analytics.decisions.learn",
    "dossiers": "aura_analytics.metrics.dossier",
    "errors": None,
    "evaluate_policy": "aura_analytics.routing.evaluation",
    "events": None,
    "fit_check": "aura_analytics.simulation.fitting",
    "fit_scenario": "aura_analytics.simulation.fitting",
    "get_dossier": "aura_analytics.ledger.client",
    "import_log": "aura_analytics.importing.log",
    "import_log_report": "aura_analytics.importing.log",
    "learn_from_outcomes": "aura_analytics.decisions.learn",
    "Scenario": "aura_analytics.simulation.scenario",
    "SimulationRun": "aura_analytics.simulation.run",
    "metrics": None,
    "read_events": "aura_analytics.io",
    "record_event": "aura_analytics.ledger.client",
    "rescore": "aura_analytics.scoring.rescoring",
    "rolling": "aura_analytics.metrics.rolling",
    "sample_log": "aura_analytics.samples",
    "score_frame": "aura_analytics.scoring.frames",
    "score_quality": "aura_analytics.scoring.quality",
    "compare_in_loop": "aura_analytics.simulation.sweeps",
    "compare_policies": "aura_analytics.simulation.sweeps",
    "rule_error_rates": "aura_analytics.simulation.sweeps",
    "simulate": "aura_analytics.simulation.run",
    "standing": "aura_analytics.hr.standing",
    "write_events": "aura_analytics.io",
    "write_report": "aura_analytics.report.page",
}

if TYPE_CHECKING:
    from aura_analytics import checks, errors, events, metrics
    from aura_analytics.accountant import Accountant
    from aura_analytics.calendars import Calendar
    from aura_analytics.decisions.learn import compare_versions, learn_from_outcomes
    from aura_analytics.decisions.log import AccountabilityLogger
    from aura_analytics.decisions.records import DecisionLog, Outcome, OutcomeType
    from aura_analytics.hr.desk import HRDesk
    from aura_analytics.hr.severities import SeverityTable
    from aura_analytics.hr.standing import standing
    from aura_analytics.importing.log import import_log, import_log_report
    from aura_analytics.importing.mapping import LogMapping
    from aura_analytics.io import read_events, write_events
    from aura_analytics.ledger.client import get_dossier, record_event
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.metrics.behind import cases_behind
    from aura_analytics.metrics.dossier import dossiers
    from aura_analytics.metrics.rolling import rolling
    from aura_analytics.metrics.state import DossierState
    from aura_analytics.report.page import write_report
    from aura_analytics.routing.evaluation import evaluate_policy
    from aura_analytics.routing.router import Model, Router
    from aura_analytics.rules.policy import Policy
    from aura_analytics.samples import sample_log
    from aura_analytics.scoring.frames import score_frame
    from aura_analytics.scoring.penalties import PenaltyPolicy
    from aura_analytics.scoring.quality import score_quality
    from aura_analytics.scoring.records import ErrorClassifier, Scorer, ScoreResult
    from aura_analytics.scoring.rescoring import rescore
    from aura_analytics.simulation.fitting import fit_check, fit_scenario
    from aura_analytics.simulation.run import SimulationRun, simulate
    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.simulation.sweeps import compare_in_loop, compare_policies, rule_error_rates

__all__ = [
    "AccountabilityLogger",
    "Accountant",
    "Calendar",
    "DecisionLog",
    "DossierState",
    "ErrorClassifier",
    "HRDesk",
    "Ledger",
    "LogMapping",
    "Model",
    "Outcome",
    "OutcomeType",
    "PenaltyPolicy",
    "Policy",
    "Router",
    "Scenario",
    "ScoreResult",
    "Scorer",
    "SeverityTable",
    "SimulationRun",
    "cases_behind",
    "checks",
    "compare_in_loop",
    "compare_policies",
    "compare_versions",
    "dossiers",
    "errors",
    "evaluate_policy",
    "events",
    "fit_check",
    "fit_scenario",
    "get_dossier",
    "import_log",
    "import_log_report",
    "learn_from_outcomes",
    "metrics",
    "read_events",
    "record_event",
    "rescore",
    "rolling",
    "rule_error_rates",
    "sample_log",
    "score_frame",
    "score_quality",
    "simulate",
    "standing",
    "write_events",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _LAZY[name]
    found = importlib.import_module(f"{__name__}.{name}") if module is None else getattr(importlib.import_module(module), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
