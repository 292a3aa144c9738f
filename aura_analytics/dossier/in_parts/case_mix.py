"""Case mix that is counted in parts: the kinds of cases of everybody, added up."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, Options
from aura_analytics.cases.window import Window
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike
from aura_analytics.dossier.case_mix_rows import Outcome, cells_and_aside, needed, rows_in, rows_of_verdicts
from aura_analytics.dossier.in_parts.making import ROWS, Needs, facts_of
from aura_analytics.dossier.in_parts.parted import parted, window_up_to
from aura_analytics.dossier.in_parts.scratch import read_laid
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.rules.policy import as_policy
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["cells_of_parts"]


class CellsTask(NamedTuple):
    """What the kinds of cases of a part depend on.

    Attributes
    ----------
    folder, part, needs
        Where the facts of its actors are, and which they are.
    outcome, names
        What is counted, and what tells cases apart.
    """

    folder: str
    part: int
    needs: Needs
    outcome: Outcome
    names: tuple[str, ...]

    def __str__(self) -> str:
        """The task in words."""
        return f"the actors of part {self.part + 1}"


def cells_of_parts(
    events: EventsLike,
    outcome: Outcome,
    names: tuple[str, ...],
    as_of: datetime | date | str | None,
    window: str | timedelta | None,
    attribution: cases.Attribution,
    *,
    sla: SlaLike,
    calendar: CalendarLike,
    executor: ExecutorLike,
    scratch: str | Path | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`cells_and_aside` of a log, counted by whoever runs tasks; parameters as of `case_mix`.

    Raises
    ------
    ParameterError
        With the covariate `confidence`.
    """
    if "confidence" in names:
        problem = Problem("fifths of all cases are not found in parts", got="confidence", next="leave it out, or executor")
        raise ParameterError("case mix cannot be counted so", problems=[problem])
    asked = None if as_of is None else times.parse_as_of(as_of)
    reach = window_up_to(asked, as_policy(None).over(window).window)
    options = Options(attribution, "closer", as_calendar(calendar), "once")
    judged = outcome == "wrong_verdict"  # what a judged verdict stands for is a matter of all verdicts of its actor
    rows = None if judged else partial(_cells_in, outcome=outcome, names=names, sla=sla)
    with parted(events, reach, needed(outcome), options, executor, scratch, rows=rows) as log:
        if judged:
            tasks = [CellsTask(str(log.folder), part, log.needs, outcome, names) for part in range(log.parts)]
            found = list(run_tasks(_cells_of, tasks, executor=executor, named=str))
            cells, aside = (pl.concat(tables).sort("actor") for tables in zip(*found, strict=True))
            return cells, aside
        table = read_laid(log.folder, ROWS)
    nothing = cells_and_aside(rows_of_verdicts(DECISIONS.empty(), "override", names), names)
    if table is None:
        return nothing
    keys = ["actor", *names]
    return table.group_by(keys).agg(pl.col("n", "hits", "cases").sum()).select(nothing[0].columns), nothing[1]


def _cells_in(window: Window, *, outcome: Outcome, names: tuple[str, ...], sla: SlaLike) -> pl.DataFrame:
    return cells_and_aside(rows_in(window, outcome, names, sla=sla), names)[0]


def _cells_of(task: CellsTask) -> tuple[pl.DataFrame, pl.DataFrame]:
    decided = facts_of(task.folder, task.part, task.needs).get(DECISIONS, DECISIONS.empty())
    return cells_and_aside(rows_of_verdicts(decided, task.outcome, task.names), task.names)
