"""Worlds whose truth is known: simulated logs that are the same table as real ones."""

from __future__ import annotations

from aura_analytics.simulation.fit_quality import fit_check
from aura_analytics.simulation.fitting import FittedScenario, fit_scenario
from aura_analytics.simulation.rates import LoopComparison, PolicyComparison, RuleErrorRates
from aura_analytics.simulation.run import SimulationRun, simulate
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.sweeps import (
    compare_in_loop,
    compare_policies,
    rule_error_rates,
)
from aura_analytics.simulation.truth import Truth

__all__ = [
    "FittedScenario",
    "LoopComparison",
    "PolicyComparison",
    "RuleErrorRates",
    "Scenario",
    "SimulationRun",
    "Truth",
    "compare_in_loop",
    "compare_policies",
    "fit_check",
    "fit_scenario",
    "rule_error_rates",
    "simulate",
]
