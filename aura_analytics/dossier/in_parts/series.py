"""Rolling series that are counted in parts: the readings of some actors at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from aura_analytics.cases import Facts
from aura_analytics.dossier.in_parts.making import Needs, facts_of
from aura_analytics.dossier.in_parts.parted import Parted
from aura_analytics.dossier.series_facts import Readings, rolling_facts
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["check_own", "series_of_parts"]


class SeriesTask(NamedTuple):
    """What the series of a part depends on.

    Attributes
    ----------
    folder, part, needs
        Where the facts of its actors are, and which they are.
    metrics, readings, confidence
        What is counted, when, and the level of the limits.
    """

    folder: str
    part: int
    needs: Needs
    metrics: tuple[Metric, ...]
    readings: Readings
    confidence: float

    def __str__(self) -> str:
        """The task in words."""
        return f"the actors of part {self.part + 1}"


def check_own(metrics: Sequence[Metric]) -> None:
    """`ParameterError` for metrics about others than who acted: their facts lie in several parts."""
    others = [one.name for one in metrics if one.subject != "actor"]
    if others:
        problem = Problem("no series in parts of these metrics", got=others, expected="of who acted", next="leave out executor")
        raise ParameterError(problem)


def series_of_parts(
    log: Parted, metrics: tuple[Metric, ...], readings: Readings, confidence: float, executor: ExecutorLike
) -> pl.DataFrame:
    """The series of everybody, sorted by actor and time."""
    tasks = [SeriesTask(str(log.folder), part, log.needs, metrics, readings, confidence) for part in range(log.parts)]
    return pl.concat(run_tasks(_series, tasks, executor=executor, named=str)).sort("actor", "as_of")


def _series(task: SeriesTask) -> pl.DataFrame:
    facts = Facts(task.readings.last, task.readings.since, facts_of(task.folder, task.part, task.needs))
    return rolling_facts(facts, task.metrics, task.readings, task.confidence)
