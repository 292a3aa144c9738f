"""A metric on a known fact."""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics import Rate

night_share = Rate(
    name="night_share",
    title="Verdicts at night",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=("override",),
    kinds=("officer",),
    hit=(pl.col("ts").dt.hour() >= 22) | (pl.col("ts").dt.hour() < 6),
    short="Night %",
    people_board=9,
    hits_are="verdict at night",
    measure="Plan shifts so that nobody decides after ten at night.",
)
