"""Worlds whose truth is known: simulated logs that are the same table as real ones."""

from __future__ import annotations

from aura_analytics.simulation.run import SimulationRun, Truth, simulate
from aura_analytics.simulation.scenario import Scenario

__all__ = ["Scenario", "SimulationRun", "Truth", "simulate"]
