"""Events laid into buckets by case: each piece of a log is read once, where it is, and checked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.extent import WORK
from aura_analytics.cases.truth import asks_for_words, words_of
from aura_analytics.cases.window import split_off
from aura_analytics.dossier.in_parts.scratch import lay, likeness, read_laid
from aura_analytics.events import SCHEMA
from aura_analytics.io.event_pieces import EventPiece, events_of

__all__ = ["Laid", "LayTask", "RepeatsTask", "WordsTask", "bucket_of", "lay_piece", "repeats_in", "words_in"]


class LayTask(NamedTuple):
    """What laying a piece depends on.

    Attributes
    ----------
    piece, number
        The piece, and which it is.
    folder
        Where it is laid.
    buckets
        How many there are.
    several
        Whether the log has several files, so that an event may stand in more than one.
    """

    piece: EventPiece
    number: int
    folder: str
    buckets: int
    several: bool

    def __str__(self) -> str:
        """The task in words."""
        return str(self.piece)


class Laid(NamedTuple):
    """What was laid.

    Attributes
    ----------
    first, work, last
        Times of the first event, of the last one about work, and of the last one; None where there is none.
    drills
        The cases that it says are drills, and when it says so first.
    asks
        Whether some cases can be judged only by who knows the words of all verdicts.
    like
        `likeness` of the worker.
    """

    first: datetime | None
    work: datetime | None
    last: datetime | None
    drills: list[tuple[str, datetime]]
    asks: bool
    like: tuple[str, tuple[int, ...]]


def lay_piece(task: LayTask) -> Laid:
    """Lay the events of a piece into the buckets of their cases (without a case: of their actors)."""
    table = collect(events_of(task.piece))
    filled = [name for name in table.columns if table[name].null_count() < table.height and name != "event_id"]
    place = pl.coalesce(pl.col("case_id"), pl.col("actor"), pl.lit("")).hash(29) % task.buckets
    placed = table.select(*filled, __bucket=place.cast(pl.UInt32))
    for bucket in range(task.buckets):
        part = placed.filter(pl.col("__bucket") == bucket).drop("__bucket")
        if part.height:
            lay(part, Path(task.folder), f"events-{bucket}-{task.number:06}.parquet")
    if task.several:
        hashes = table.select(h=pl.col("event_id").hash(7)).with_columns(__bucket=(pl.col("h") % task.buckets).cast(pl.UInt32))
        for bucket in range(task.buckets):
            lay(
                hashes.filter(pl.col("__bucket") == bucket).select("h"), Path(task.folder), f"ids-{bucket}-{task.number:06}.parquet"
            )
    first, work, last = table.select(first=pl.col("ts").min(), work=pl.col("ts").filter(WORK).max(), last=pl.col("ts").max()).row(0)
    said = table.filter((pl.col("type") == "DRILL") & pl.col("case_id").is_not_null()).group_by("case_id").agg(pl.col("ts").min())
    return Laid(first, work, last, said.rows(), asks_for_words(table.lazy()), likeness())


def bucket_of(folder: str, bucket: int) -> pl.DataFrame | None:
    """The events of a bucket, in the order of the pieces; None where it has none."""
    table = read_laid(Path(folder), f"events-{bucket}-*.parquet")
    if table is None:
        return None
    lacking = {name: pl.lit(None, dtype=kind) for name, kind in SCHEMA.items() if name not in table.columns}
    return table.with_columns(**lacking).select(SCHEMA.names())


class WordsTask(NamedTuple):
    """What the words of a bucket depend on.

    Attributes
    ----------
    folder, bucket
        Where its events are.
    end
        The last moment that counts.
    drills
        Cases that do not.
    """

    folder: str
    bucket: int
    end: datetime
    drills: list[str]

    def __str__(self) -> str:
        """The task in words."""
        return f"the words of bucket {self.bucket + 1}"


def words_in(task: WordsTask) -> frozenset[str]:
    """The words of the verdicts in a bucket."""
    table = bucket_of(task.folder, task.bucket)
    if table is None:
        return frozenset()
    past, _ = split_off(table.lazy().filter(pl.col("ts") <= task.end), pl.Series(task.drills, dtype=pl.String))
    return frozenset(words_of(past))


class RepeatsTask(NamedTuple):
    """What the number of repeated ids in a bucket of them depends on.

    Attributes
    ----------
    folder, bucket
        Where their hashes are.
    pieces
        The pieces that are compared.
    """

    folder: str
    bucket: int
    pieces: tuple[int, ...]

    def __str__(self) -> str:
        """The task in words."""
        return f"the ids of bucket {self.bucket + 1}"


def repeats_in(task: RepeatsTask) -> int:
    """How many events have an id whose hash another has, too."""
    tables = [read_laid(Path(task.folder), f"ids-{task.bucket}-{number:06}.parquet") for number in task.pieces]
    hashes = pl.concat([table for table in tables if table is not None])["h"]
    return hashes.len() - hashes.n_unique()
