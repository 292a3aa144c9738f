"""Greater than a threshold."""

from aura_analytics.rules.comparisons.base import Operator

__all__ = ["above"]

above: Operator = Operator("above", "at_most", [">", 0])
