"""At least a threshold."""

from aura_analytics.rules.comparisons.base import Operator

__all__ = ["at_least"]

at_least: Operator = Operator("at_least", "below", [">=", 0])
