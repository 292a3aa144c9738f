"""Facts made of the events of some cases, and laid by actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.cases import Fact, Facts, Options
from aura_analytics.cases.extent import Extent, extent
from aura_analytics.cases.window import Window
from aura_analytics.dossier.in_parts.laying import bucket_of
from aura_analytics.dossier.in_parts.scratch import lay, likeness, read_laid

__all__ = ["AGREED", "ROWS", "Made", "MakeTask", "Needs", "facts_of", "make_bucket"]

AGREED, ROWS = "agreed-*.parquet", "rows-*.parquet"
Needs = tuple[tuple[Fact, frozenset[str]], ...]


class MakeTask(NamedTuple):
    """What the facts of a bucket depend on.

    Attributes
    ----------
    folder, bucket
        Where its events are.
    asked
        The moment that was asked for, if any.
    end, since
        The window.
    needs, options
        Which facts, and how cases are counted.
    drills, words
        The drills of the whole log, and the words of its verdicts where some case asks for them.
    parts
        Into how many parts the actors fall.
    rows
        What is made of the window in place of facts; importable by its name.
    """

    folder: str
    bucket: int
    asked: datetime | None
    end: datetime
    since: datetime | None
    needs: Needs
    options: Options
    drills: list[str]
    words: frozenset[str] | None
    parts: int
    rows: Callable[[Window], pl.DataFrame] | None = None

    def __str__(self) -> str:
        """The task in words."""
        return f"the cases of bucket {self.bucket + 1}"


class Made(NamedTuple):
    """What was made of a bucket.

    Attributes
    ----------
    reach
        How far its events reach.
    queues
        The queues that they name.
    like
        `likeness` of the worker.
    """

    reach: Extent
    queues: list[str]
    like: tuple[str, tuple[int, ...]]


def make_bucket(task: MakeTask) -> Made:
    """Make the facts of a bucket, and lay them by actor."""
    table = bucket_of(task.folder, task.bucket)
    if table is None:
        return Made(Extent(later=None if task.asked is None else 0), [], likeness())
    events = table.lazy()
    needs: Mapping[Fact, set[str]] = {fact: set(columns) for fact, columns in task.needs}
    window = Window(events, task.end, task.since, needs, task.options, drills=pl.Series(task.drills, dtype=pl.String))
    if task.words is not None:
        known = set(task.words)
        window.once("words", lambda: known)
    if task.rows is not None:
        lay(task.rows(window), Path(task.folder), ROWS.replace("*", f"{task.bucket:06}"))
    facts = window.facts() if task.rows is None else Facts(task.end, task.since)
    for number, (fact, _) in enumerate(task.needs):
        found = facts.tables.pop(fact, fact.empty())
        part = pl.col("actor").fill_null("").hash(31) % task.parts
        placed = found.with_columns(__part=part.cast(pl.UInt32)).partition_by("__part", as_dict=True, include_key=False)
        for (at,), own in placed.items():
            lay(own, Path(task.folder), f"facts-{number}-{at}-{task.bucket:06}.parquet")
    said = window.past.filter(pl.col("type") == "DECISION").select(pl.col("actor").unique()).collect()
    lay(said, Path(task.folder), AGREED.replace("*", f"{task.bucket:06}"))
    return Made(extent(events, task.asked), table["queue"].drop_nulls().unique().to_list(), likeness())


def facts_of(folder: str, part: int, needs: Needs) -> dict[Fact, pl.DataFrame]:
    """All facts of the actors of a part."""
    found = {}
    for number, (fact, columns) in enumerate(needs):
        table = read_laid(Path(folder), f"facts-{number}-{part}-*.parquet")
        if table is not None:
            found[fact] = fact.together(table, set(columns))
    return found
