"""The facts there are."""

from aura_analytics.cases.base import Fact
from aura_analytics.cases.cohort import COHORT
from aura_analytics.cases.decisions import DECISIONS
from aura_analytics.cases.drills import DRILLS
from aura_analytics.cases.evaluations import EVALUATIONS
from aura_analytics.cases.forecasts import FORECASTS
from aura_analytics.cases.hand_overs import HAND_OVERS
from aura_analytics.cases.handled import HANDLED
from aura_analytics.cases.open import OPEN
from aura_analytics.cases.outcomes import OUTCOMES
from aura_analytics.cases.ratings import RATINGS
from aura_analytics.cases.receipt import HELD, RECEIVED, WHOLE_CASE

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
]

FACTS: tuple[Fact, ...] = (
    DECISIONS,
    HANDLED,
    OPEN,
    RATINGS,
    EVALUATIONS,
    OUTCOMES,
    COHORT,
    RECEIVED,
    HELD,
    HAND_OVERS,
    FORECASTS,
    DRILLS,
)
