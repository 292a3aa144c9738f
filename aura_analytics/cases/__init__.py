"""From events to cases: who decided, who closed what and how long it took, whom a rating is about. One fact a file."""

from aura_analytics.cases.base import Fact, Facts, Joins
from aura_analytics.cases.facts import (
    COHORT,
    DECISIONS,
    DRILLS,
    EVALUATIONS,
    FACTS,
    FORECASTS,
    HAND_OVERS,
    HANDLED,
    HELD,
    OPEN,
    OUTCOMES,
    RATINGS,
    RECEIVED,
    WHOLE_CASE,
)
from aura_analytics.cases.options import Attribution, Counting, Holding, Options
from aura_analytics.cases.window import Window, build

__all__ = [
    "COHORT",
    "DECISIONS",
    "DRILLS",
    "EVALUATIONS",
    "FACTS",
    "FORECASTS",
    "HANDLED",
    "HAND_OVERS",
    "HELD",
    "OPEN",
    "OUTCOMES",
    "RATINGS",
    "RECEIVED",
    "WHOLE_CASE",
    "Attribution",
    "Counting",
    "Fact",
    "Facts",
    "Holding",
    "Joins",
    "Options",
    "Window",
    "build",
]
