"""A board from what was counted in parts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.dossier.counting import with_counted
from aura_analytics.dossier.in_parts.counting import check_parts, counted
from aura_analytics.dossier.in_parts.parted import parted, window_up_to
from aura_analytics.dossier.pip import with_pip
from aura_analytics.dossier.summary import collected, grouped, needs_of, of_tables
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.rules.roles import with_roles
from aura_analytics.tasks import ExecutorLike

if TYPE_CHECKING:
    from aura_analytics.dossier.board import Count

__all__ = ["board_of_parts"]


def board_of_parts(
    count: Count, events: EventsLike, as_of: datetime | None, executor: ExecutorLike, scratch: str | Path | None
) -> pl.DataFrame | None:
    """The board of a moment, counted by whoever runs tasks; None of an empty log.

    Raises
    ------
    ParameterError
        If the policy or a metric cannot be counted in parts.
    """
    if count.policy.spec.over_time:
        problem = Problem("readings over time are not counted in parts", got=count.policy.name, next="leave out executor")
        raise ParameterError(problem)
    chosen = tuple(one for one in count.metrics if count.sla or not one.needs_sla)
    check_parts(chosen)
    window = window_up_to(as_of, count.policy.window)
    with parted(events, window, needs_of(chosen), count.options, executor, scratch, asked=as_of) as log:
        if log.end is None:
            return None
        found = counted(log, chosen, executor)
        empty = {key: collected(key[0].empty(), key, members) for key, members in grouped(count.metrics).items()}
        board = of_tables(empty | found.tables, count.metrics, count.context(log.end))
        board = with_counted(with_roles(board, count.roles), count, log.reach, log.end, log.queues)
        return with_pip(board, log.since, found.seen, found.ratings, log.agreed, count.policy)[0]
