"""Which stretch of a log is looked at, and whose verdicts are oversight: shared by whatever counts beside the board."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics.cases.extent import last_work
from aura_analytics.clock import times
from aura_analytics.rules.policy import PolicyLike, as_policy

__all__ = ["OFFICERS", "stretch"]

OFFICERS: pl.Expr = (pl.col("actor_kind").is_null() | (pl.col("actor_kind") == "officer")) & pl.col("actor").is_not_null()


def stretch(
    events: pl.LazyFrame, as_of: datetime | date | str | None, window: str | timedelta | None, policy: PolicyLike = None
) -> tuple[datetime, datetime | None]:
    """The end of a window, by default the last event about work (1970 of an empty log), and its start; None is the whole log."""
    end = last_work(events) if as_of is None else times.parse_as_of(as_of)
    span = as_policy(policy).over(window).window
    return (times.from_epoch_micros(0), None) if end is None else (end, None if span is None else end - span)
