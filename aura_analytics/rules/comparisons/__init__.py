"""The operators of rules, one a file, and what thresholds may be taken from."""

from aura_analytics.rules.comparisons.above import above
from aura_analytics.rules.comparisons.at_least import at_least
from aura_analytics.rules.comparisons.at_most import at_most
from aura_analytics.rules.comparisons.base import Formula, Operator, Operators
from aura_analytics.rules.comparisons.below import below

__all__ = ["OPERATORS", "Formula", "Operator", "Operators"]

OPERATORS = Operators((above, at_least, below, at_most))
