"""Smaller than a threshold."""

from aura_analytics.rules.comparisons.base import Operator

__all__ = ["below"]

below: Operator = Operator("below", "at_least", ["<", 0])
