"""aura-analytics: hold AI agents and human officers to account, on one event log.

    events -> cases -> dossiers -> verdicts -> actions

Importing this package costs little: everything below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aura_analytics import extensions
from aura_analytics.version import __version__

# name -> module that it lives in; None is the module itself
_LAZY: dict[str, str | None] = {
    "AccountabilityLogger": "aura_analytics.decisions.log",
    "Accountant": "aura_analytics.operations.accountant",
    "Calendar": "aura_analytics.clock.calendars",
    "DecisionLog": "aura_analytics.decisions.records",
    "DossierState": "aura_analytics.dossier.state",
    "ErrorClassifier": "aura_analytics.scoring.records",
    "HRDesk": "aura_analytics.hr.desk",
    "Ledger": "aura_analytics.ledger.store",
    "LogMapping": "aura_analytics.io.mapping",
    "Model": "aura_analytics.routing.router",
    "Outcome": "aura_analytics.decisions.records",
    "OutcomeType": "aura_analytics.decisions.records",
    "PenaltyPolicy": "aura_analytics.scoring.penalties",
    "Policy": "aura_analytics.rules.policy",
    "Router": "aura_analytics.routing.router",
    "ScoreResult": "aura_analytics.scoring.records",
    "Scorer": "aura_analytics.scoring.records",
    "SeverityTable": "aura_analytics.hr.severities",
    "observations": "aura_analytics.dossier.tracing",
    "checks": None,
    "compare_versions": "aura_analytics.decisions.learn",
    "dossiers": "aura_analytics.dossier.board",
    "errors": None,
    "evaluate_routing": "aura_analytics.routing.evaluation",
    "events": None,
    "fit_check": "aura_analytics.simulation.fitting",
    "fit_scenario": "aura_analytics.simulation.fitting",
    "get_dossier": "aura_analytics.operations.client",
    "import_log": "aura_analytics.io.foreign",
    "import_log_report": "aura_analytics.io.foreign",
    "learn_from_outcomes": "aura_analytics.decisions.learn",
    "Scenario": "aura_analytics.simulation.scenario",
    "SimulationRun": "aura_analytics.simulation.run",
    "metrics": None,
    "read_events": "aura_analytics.io.files",
    "record_event": "aura_analytics.operations.client",
    "rescore": "aura_analytics.scoring.rescoring",
    "rolling": "aura_analytics.dossier.series",
    "sample_log": "aura_analytics.events.samples",
    "score_frame": "aura_analytics.scoring.frames",
    "score_quality": "aura_analytics.scoring.quality",
    "compare_in_loop": "aura_analytics.simulation.sweeps",
    "compare_policies": "aura_analytics.simulation.sweeps",
    "rule_error_rates": "aura_analytics.simulation.sweeps",
    "simulate": "aura_analytics.simulation.run",
    "standing": "aura_analytics.hr.folds",
    "write_events": "aura_analytics.io.files",
    "write_report": "aura_analytics.report.page",
}

if TYPE_CHECKING:
    from aura_analytics import checks, errors, events, metrics
    from aura_analytics.clock.calendars import Calendar
    from aura_analytics.decisions.learn import compare_versions, learn_from_outcomes
    from aura_analytics.decisions.log import AccountabilityLogger
    from aura_analytics.decisions.records import DecisionLog, Outcome, OutcomeType
    from aura_analytics.dossier.board import dossiers
    from aura_analytics.dossier.series import rolling
    from aura_analytics.dossier.state import DossierState
    from aura_analytics.dossier.tracing import observations
    from aura_analytics.events.samples import sample_log
    from aura_analytics.hr.desk import HRDesk
    from aura_analytics.hr.folds import standing
    from aura_analytics.hr.severities import SeverityTable
    from aura_analytics.io.files import read_events, write_events
    from aura_analytics.io.foreign import import_log, import_log_report
    from aura_analytics.io.mapping import LogMapping
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.operations.accountant import Accountant
    from aura_analytics.operations.client import get_dossier, record_event
    from aura_analytics.report.page import write_report
    from aura_analytics.routing.evaluation import evaluate_routing
    from aura_analytics.routing.router import Model, Router
    from aura_analytics.rules.policy import Policy
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
    "__version__",
    "checks",
    "compare_in_loop",
    "compare_policies",
    "compare_versions",
    "dossiers",
    "errors",
    "evaluate_routing",
    "events",
    "fit_check",
    "fit_scenario",
    "get_dossier",
    "import_log",
    "import_log_report",
    "learn_from_outcomes",
    "metrics",
    "observations",
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


def _events_of_ledger(address: Any) -> Any:
    from aura_analytics.ledger.store import Ledger

    return Ledger(address, create=False).events()


def _dossier_in_ledger(actor: str, **options: Any) -> Any:
    from aura_analytics.operations.client import get_dossier

    return get_dossier(actor, **options)


# what lower floors ask for without knowing who does it
extensions.provide("events of a ledger's address", _events_of_ledger)
extensions.provide("dossier in a ledger", _dossier_in_ledger)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _LAZY[name]
    found = importlib.import_module(f"{__name__}.{name}") if module is None else getattr(importlib.import_module(module), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
