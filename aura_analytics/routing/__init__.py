"""Routing: who gets a task, and what another way of choosing would have achieved."""

from __future__ import annotations

from aura_analytics.routing.arms import ArmComparison, compare_arms
from aura_analytics.routing.evaluation import PolicyValue, evaluate_routing, routed_choices
from aura_analytics.routing.experiment import Experiment
from aura_analytics.routing.models import Choice, Model
from aura_analytics.routing.router import Router

__all__ = [
    "ArmComparison",
    "Choice",
    "Experiment",
    "Model",
    "PolicyValue",
    "Router",
    "compare_arms",
    "evaluate_routing",
    "routed_choices",
]
