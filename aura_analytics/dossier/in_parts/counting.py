"""Boards that are counted in parts: what the metrics collect of the facts of some actors, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from aura_analytics.cases import DECISIONS, RATINGS, Fact
from aura_analytics.dossier.doubts import Seen, bursts
from aura_analytics.dossier.in_parts.making import Needs, facts_of
from aura_analytics.dossier.in_parts.parted import Parted
from aura_analytics.dossier.summary import collected, grouped
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["Counted", "check_parts", "counted"]


class CountTask(NamedTuple):
    """What the count of a part depends on.

    Attributes
    ----------
    folder, part, needs
        Where the facts of its actors are, and which they are.
    metrics
        What is counted.
    """

    folder: str
    part: int
    needs: Needs
    metrics: tuple[Metric, ...]

    def __str__(self) -> str:
        """The task in words."""
        return f"the actors of part {self.part + 1}"


class Counted(NamedTuple):
    """What was counted.

    Attributes
    ----------
    tables
        By table of facts and subject: what the metrics collect, a row an actor.
    seen, ratings
        What there is to doubt.
    """

    tables: dict[tuple[Fact, str], pl.DataFrame]
    seen: Seen
    ratings: dict[str, list[str]]


def check_parts(metrics: Sequence[Metric]) -> None:
    """`ParameterError` for a metric that cannot be counted in parts: whose facts lie in several, and do not add up."""
    for one in metrics:
        if one.subject != "actor" and not one.adds_up:
            problem = Problem(
                "that metric is not counted in parts", got=one.name, expected="a kind with adds_up", next="leave out executor"
            )
            raise ParameterError(problem)


def counted(log: Parted, metrics: tuple[Metric, ...], executor: ExecutorLike) -> Counted:
    """Count the parts of a log, by whoever runs tasks."""
    tasks = [CountTask(str(log.folder), part, log.needs, metrics) for part in range(log.parts)]
    found = list(run_tasks(_counted, tasks, executor=executor, named=str))
    tables = {
        key: pl.concat([part[0][at] for part in found]) if key[1] == "actor" else _together([part[0][at] for part in found])
        for at, key in enumerate(grouped(metrics))
    }
    return Counted(
        tables, Seen.together([part[1] for part in found]), {who: told for part in found for who, told in part[2].items()}
    )


def _counted(task: CountTask) -> tuple[list[pl.DataFrame], Seen, dict[str, list[str]]]:
    facts = facts_of(task.folder, task.part, task.needs)
    tables = [collected(facts.get(key[0], key[0].empty()), key, members) for key, members in grouped(task.metrics).items()]
    decisions, ratings = facts.get(DECISIONS, DECISIONS.empty()), facts.get(RATINGS, RATINGS.empty())
    seen = Seen.of(decisions)._replace(used=Seen.words(decisions))
    return tables, seen, bursts(ratings)


def _together(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """What was collected of somebody in several parts, added up: sums, and lists one after the other."""
    whole = pl.concat(parts)
    listed = [name for name, kind in whole.schema.items() if isinstance(kind, pl.List)]
    summed = [name for name in whole.columns if name not in ("actor", "__kind", *listed)]
    lists = [pl.col(name).explode(empty_as_null=False, keep_nulls=False) for name in listed]
    return whole.group_by("actor").agg(pl.col(summed).sum(), *lists, pl.col("__kind").first()).select(whole.columns)
