"""Cases whose clock started in the window, for limits that open cases may outlast as well."""

from __future__ import annotations

import polars as pl

from aura_analytics.cases.following import Followed
from aura_analytics.events import CLOCK_TYPES

__all__ = ["COHORT", "Cohort"]


class Cohort(Followed):
    """Cases whose clock started in the window: start and end (microseconds since 1970), elapsed on the calendar and without pauses
    (censored where not `ended`), queue.
    """

    with_queue = True
    one_by_one = False

    def shape(self, followed: pl.DataFrame, floor: int, keep: tuple[str, ...] = ()) -> pl.DataFrame:
        """Those among followed cases that began in the window."""
        began = followed.lazy().filter((pl.col("start") > floor) & (pl.col("start") >= 0)).rename({"resolved": "ended"})
        return began.select(*self.schema, *keep).collect()


COHORT = Cohort(
    "cohort",
    {
        "actor": pl.String(),
        "queue": pl.String(),
        "start": pl.Int64(),
        "end": pl.Int64(),
        "elapsed": pl.Int64(),
        "days_off": pl.Int64(),
        "ended": pl.Boolean(),
    },
    CLOCK_TYPES,
    by_case=True,
)
