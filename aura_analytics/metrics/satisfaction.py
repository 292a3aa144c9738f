"""What citizens say: stars from 1 to 5, the share of bad ratings, and how many answer at all.

A rating carries a case, not an officer; `Options.attribution` says whom it is about. `sat_response_rate` is the share of the
actor's verdicts (those that name a case) whose case was rated in the window; the silent majority may think otherwise.

Of several ratings by one rater of one case the first counts, unless `ratings="every"` says otherwise. `sat_case_share` is the
share of the ratings that are the first of their case: where it is low, many ratings speak of few cases, or of none that is known. A
rule may ask for some: `{metric: sat_case_share, at_least: 0.8}`.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "DECISION", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "DECISION", "actor": "anne", "case_id": "C2", "ts": "2026-01-05T11:00:00Z"},
...     {"type": "SAT_SCORE", "value": 2, "case_id": "C1", "ts": "2026-01-06T10:00:00Z"}])
>>> aura.dossiers(log).select("sat_score_mean", "sat_score_mean_n", "sat_low_share", "sat_response_rate").row(0)
(2.0, 1, 1.0, 0.5)
"""

import polars as pl

from aura_analytics.cases import DECISIONS, RATINGS
from aura_analytics.metrics.kinds.mean import Mean
from aura_analytics.metrics.kinds.rate import Rate

__all__ = ["LOW_STARS", "sat_case_share", "sat_low_share", "sat_response_rate", "sat_score_mean"]

LOW_STARS = 2  # a rating of so many or fewer is a low one

sat_score_mean: Mean = Mean(
    name="sat_score_mean",
    title="Satisfaction",
    unit="stars",
    low=1,
    high=5,
    direction="higher",
    fact=RATINGS,
    needs=("value",),
    value=pl.col("value"),
    short="Stars",
    people_board=2,
    measure="Read the ratings of two stars and fewer with their cases; agree on two things to do otherwise.",
)

sat_low_share: Rate = Rate(
    name="sat_low_share",
    title="Ratings of 2 stars or fewer",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=RATINGS,
    needs=("value",),
    hit=pl.col("value") <= LOW_STARS,
    hits_are="2 stars or fewer",
)

sat_response_rate: Rate = Rate(
    name="sat_response_rate",
    title="Verdicts that citizens rated",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=("answered",),
    kinds=("officer",),
    hit=pl.col("answered"),
    hits_are="rated",
)

sat_case_share: Rate = Rate(
    name="sat_case_share",
    title="Ratings that are the first of their case",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=RATINGS,
    needs=("first_of_case",),
    hit=pl.col("first_of_case"),
    hits_are="first of its case",
    by_default=False,
)
