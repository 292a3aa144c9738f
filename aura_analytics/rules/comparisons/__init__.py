"""The operators of rules, one a file, and what thresholds may be taken from."""

from aura_analytics.rules.comparisons import above, at_least, at_most, below
from aura_analytics.rules.comparisons.base import Formula, Operator, Operators

__all__ = ["OPERATORS", "Formula", "Operator", "Operators"]

OPERATORS = Operators((above.above, at_least.at_least, below.below, at_most.at_most))
