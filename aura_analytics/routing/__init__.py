"""Routing: who gets a task, and what another way of choosing would have achieved."""

from __future__ import annotations

from aura_analytics.routing.evaluation import PolicyValue, evaluate_routing, routed_choices
from aura_analytics.routing.models import Choice, Model
from aura_analytics.routing.router import Router

__all__ = ["Choice", "Model", "PolicyValue", "Router", "evaluate_routing", "routed_choices"]
