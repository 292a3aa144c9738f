"""aura-analytics: hold AI agents and human officers to account, on one event log.

    events -> cases -> dossiers -> verdicts -> actions

Importing this package costs little: everything below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from aura_analytics import extensions
from aura_analytics.version import __version__ as __version__

# name -> module that it lives in; None is the module itself
_LAZY: dict[str, str | None] = {
    "AccountabilityLogger": "aura_analytics.decisions.accountability",
    "Accountant": "aura_analytics.operations.accountant",
    "AuraError": "aura_analytics.errors",
    "Calendar": "aura_analytics.clock.calendars",
    "Catalogue": "aura_analytics.metrics.catalogue",
    "DecisionLog": "aura_analytics.decisions.records",
    "DossierState": "aura_analytics.dossier.state",
    "ErrorClassifier": "aura_analytics.scoring.records",
    "EventsLike": "aura_analytics.io.front_door",
    "HRDesk": "aura_analytics.hr.desk",
    "Ledger": "aura_analytics.ledger.store",
    "LogMapping": "aura_analytics.io.mapping",
    "Model": "aura_analytics.routing.models",
    "Outcome": "aura_analytics.decisions.records",
    "OutcomeType": "aura_analytics.decisions.records",
    "PenaltyPolicy": "aura_analytics.scoring.penalties",
    "Policy": "aura_analytics.rules.policy",
    "Router": "aura_analytics.routing.router",
    "Scenario": "aura_analytics.simulation.scenario",
    "ScoreResult": "aura_analytics.scoring.records",
    "Scorer": "aura_analytics.scoring.records",
    "SeverityTable": "aura_analytics.hr.severities",
    "SimulationRun": "aura_analytics.simulation.run",
    "as_events": "aura_analytics.io.front_door",
    "callbacks": None,
    "adjudicated": "aura_analytics.dossier.agreeing",
    "agreement": "aura_analytics.dossier.agreeing",
    "batches": "aura_analytics.dossier.batches",
    "case_mix": "aura_analytics.dossier.case_mix",
    "cases": None,
    "charts": None,
    "checks": None,
    "clock": None,
    "compare_in_loop": "aura_analytics.simulation.sweeps",
    "compare_policies": "aura_analytics.simulation.sweeps",
    "compare_versions": "aura_analytics.decisions.learn",
    "correlations": "aura_analytics.dossier.correlations",
    "decisions": None,
    "dossier": None,
    "dossiers": "aura_analytics.dossier.board",
    "draw_audits": "aura_analytics.dossier.audits",
    "compare": "aura_analytics.dossier.compare",
    "daily_looks": "aura_analytics.simulation.daily_looks",
    "disparity": "aura_analytics.dossier.disparity",
    "error_card": "aura_analytics.simulation.error_cards",
    "errors": None,
    "evaluate_routing": "aura_analytics.routing.evaluation",
    "events": None,
    "fit_check": "aura_analytics.simulation.fit_quality",
    "fit_scenario": "aura_analytics.simulation.fitting",
    "get_dossier": "aura_analytics.operations.client",
    "hr": None,
    "holding_ends": "aura_analytics.dossier.holding_ends",
    "import_from": "aura_analytics.io.systems.importing",
    "import_from_report": "aura_analytics.io.systems.importing",
    "copy_to_delta": "aura_analytics.ledger.delta",
    "convert_log": "aura_analytics.io.foreign",
    "convert_logs": "aura_analytics.io.many_logs",
    "import_log": "aura_analytics.io.foreign",
    "Client": "aura_analytics.operations.remote",
    "import_log_report": "aura_analytics.io.foreign",
    "io": None,
    "learn_from_outcomes": "aura_analytics.decisions.learn",
    "learning": None,
    "ledger": None,
    "measure_rule": "aura_analytics.simulation.error_cards",
    "metrics": None,
    "observations": "aura_analytics.dossier.tracing",
    "office": "aura_analytics.dossier.office",
    "over_cases": "aura_analytics.dossier.over_cases",
    "operations": None,
    "plan_audits": "aura_analytics.dossier.audits",
    "plan_drills": "aura_analytics.dossier.drill_plans",
    "ranks": "aura_analytics.dossier.ranking",
    "rating_sensitivity": "aura_analytics.dossier.silent_citizens",
    "read_events": "aura_analytics.io.files",
    "record_event": "aura_analytics.operations.client",
    "reliance": "aura_analytics.dossier.reliance",
    "report": None,
    "rescore": "aura_analytics.scoring.rescoring",
    "rolling": "aura_analytics.dossier.series",
    "routing": None,
    "rule_error_rates": "aura_analytics.simulation.sweeps",
    "rules": None,
    "sample_log": "aura_analytics.events.samples",
    "score_frame": "aura_analytics.scoring.frames",
    "score_quality": "aura_analytics.scoring.quality",
    "scoring": None,
    "second_judge": "aura_analytics.dossier.second_judge",
    "simulate": "aura_analytics.simulation.run",
    "simulate_many": "aura_analytics.simulation.many_worlds",
    "service": None,
    "simulation": None,
    "standing": "aura_analytics.hr.folds",
    "statistics": None,
    "widgets": None,
    "write_events": "aura_analytics.io.writing",
    "write_report": "aura_analytics.report.page",
}

if TYPE_CHECKING:
    from datetime import date, datetime, timedelta
    from pathlib import Path

    import polars as pl

    from aura_analytics import (
        callbacks,
        cases,
        charts,
        checks,
        clock,
        decisions,
        dossier,
        errors,
        events,
        hr,
        io,
        learning,
        ledger,
        metrics,
        operations,
        report,
        routing,
        rules,
        scoring,
        service,
        simulation,
        statistics,
        widgets,
    )
    from aura_analytics.clock.calendars import Calendar
    from aura_analytics.decisions.accountability import AccountabilityLogger
    from aura_analytics.decisions.learn import compare_versions, learn_from_outcomes
    from aura_analytics.decisions.records import DecisionLog, Outcome, OutcomeType
    from aura_analytics.dossier.agreeing import adjudicated, agreement
    from aura_analytics.dossier.audits import draw_audits, plan_audits
    from aura_analytics.dossier.batches import batches
    from aura_analytics.dossier.board import dossiers
    from aura_analytics.dossier.case_mix import case_mix
    from aura_analytics.dossier.compare import compare
    from aura_analytics.dossier.correlations import correlations
    from aura_analytics.dossier.disparity import disparity
    from aura_analytics.dossier.drill_plans import plan_drills
    from aura_analytics.dossier.holding_ends import holding_ends
    from aura_analytics.dossier.office import office
    from aura_analytics.dossier.over_cases import over_cases
    from aura_analytics.dossier.ranking import ranks
    from aura_analytics.dossier.reliance import reliance
    from aura_analytics.dossier.second_judge import second_judge
    from aura_analytics.dossier.series import rolling
    from aura_analytics.dossier.silent_citizens import rating_sensitivity
    from aura_analytics.dossier.state import DossierState
    from aura_analytics.dossier.tracing import observations
    from aura_analytics.errors import AuraError
    from aura_analytics.events.samples import sample_log
    from aura_analytics.hr.desk import HRDesk
    from aura_analytics.hr.folds import standing
    from aura_analytics.hr.severities import SeverityTable
    from aura_analytics.io.files import read_events
    from aura_analytics.io.foreign import convert_log, import_log, import_log_report
    from aura_analytics.io.front_door import EventsLike, as_events
    from aura_analytics.io.many_logs import convert_logs
    from aura_analytics.io.mapping import LogMapping
    from aura_analytics.io.systems.importing import import_from, import_from_report
    from aura_analytics.io.writing import write_events
    from aura_analytics.ledger.delta import copy_to_delta
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.metrics.catalogue import Catalogue
    from aura_analytics.operations.accountant import Accountant
    from aura_analytics.operations.client import get_dossier, record_event
    from aura_analytics.operations.live_dossiers import Dossier
    from aura_analytics.operations.remote import Client
    from aura_analytics.report.page import write_report
    from aura_analytics.routing.evaluation import evaluate_routing
    from aura_analytics.routing.models import Model
    from aura_analytics.routing.router import Router
    from aura_analytics.rules.policy import Policy
    from aura_analytics.scoring.frames import score_frame
    from aura_analytics.scoring.penalties import PenaltyPolicy
    from aura_analytics.scoring.quality import score_quality
    from aura_analytics.scoring.records import ErrorClassifier, Scorer, ScoreResult
    from aura_analytics.scoring.rescoring import rescore
    from aura_analytics.simulation.daily_looks import daily_looks
    from aura_analytics.simulation.error_cards import error_card, measure_rule
    from aura_analytics.simulation.fit_quality import fit_check
    from aura_analytics.simulation.fitting import fit_scenario
    from aura_analytics.simulation.many_worlds import simulate_many
    from aura_analytics.simulation.run import SimulationRun, simulate
    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.simulation.sweeps import compare_in_loop, compare_policies, rule_error_rates

__all__ = [
    "AccountabilityLogger",
    "Accountant",
    "AuraError",
    "Calendar",
    "Catalogue",
    "Client",
    "DecisionLog",
    "DossierState",
    "ErrorClassifier",
    "EventsLike",
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
    "adjudicated",
    "agreement",
    "as_events",
    "batches",
    "callbacks",
    "case_mix",
    "cases",
    "charts",
    "checks",
    "clock",
    "compare",
    "compare_in_loop",
    "compare_policies",
    "compare_versions",
    "convert_log",
    "convert_logs",
    "copy_to_delta",
    "correlations",
    "daily_looks",
    "decisions",
    "disparity",
    "dossier",
    "dossiers",
    "draw_audits",
    "error_card",
    "errors",
    "evaluate_routing",
    "events",
    "fit_check",
    "fit_scenario",
    "get_dossier",
    "holding_ends",
    "hr",
    "import_from",
    "import_from_report",
    "import_log",
    "import_log_report",
    "io",
    "learn_from_outcomes",
    "learning",
    "ledger",
    "measure_rule",
    "metrics",
    "observations",
    "office",
    "operations",
    "over_cases",
    "plan_audits",
    "plan_drills",
    "ranks",
    "rating_sensitivity",
    "read_events",
    "record_event",
    "reliance",
    "report",
    "rescore",
    "rolling",
    "routing",
    "rule_error_rates",
    "rules",
    "sample_log",
    "score_frame",
    "score_quality",
    "scoring",
    "second_judge",
    "service",
    "simulate",
    "simulate_many",
    "simulation",
    "standing",
    "statistics",
    "widgets",
    "write_events",
    "write_report",
]


def _events_of_ledger(address: str | Path) -> pl.LazyFrame:
    from aura_analytics.ledger.store import Ledger

    with Ledger(address, create=False) as ledger:
        return ledger.__aura_events__()


def _decisions_in_ledger(ledger: Ledger) -> pl.DataFrame:
    from aura_analytics.decisions.accountability import AccountabilityLogger

    return AccountabilityLogger(ledger).to_events()


def _decision_faults_in_ledger(ledger: Ledger) -> list[str]:
    from aura_analytics.decisions.ledger_store import OnLedger

    return OnLedger(ledger).column_faults()


def _dossier_in_ledger(actor: str, as_of: datetime | date | str | None, window: str | timedelta | None, ledger: Ledger) -> Dossier:
    from aura_analytics.operations.client import get_dossier

    return get_dossier(actor, as_of=as_of, window=window, ledger=ledger)


# what lower floors ask for without knowing who does it
extensions.provide("events of a ledger's address", _events_of_ledger)
extensions.provide("events of a decision log in a ledger", _decisions_in_ledger)
extensions.provide("faults of a decision log in a ledger", _decision_faults_in_ledger)
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
