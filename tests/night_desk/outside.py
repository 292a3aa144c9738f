"""An operator of rules with two thresholds, and its opposite."""

from aura_analytics.rules.comparisons import Operator

outside = Operator("outside", "within", ["any", ["<", 0], [">", 1]], settings=("low", "high"))
within = Operator("within", "outside", ["all", [">=", 0], ["<=", 1]], settings=("low", "high"))
