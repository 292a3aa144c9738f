"""At most a threshold."""

from aura_analytics.rules.comparisons.base import Operator

__all__ = ["at_most"]

at_most: Operator = Operator("at_most", "above", ["<=", 0])
