"""Several files as one log: events that stand in more than one of them, and values that stand in the names of folders."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from aura_analytics.events import SCHEMA

__all__ = ["OverlapWarning", "Seen", "once", "overlapping", "partitions", "with_partitions"]


class OverlapWarning(UserWarning):
    """Files of one log hold the same events."""


def partitions(path: Path, root: Path | None) -> dict[str, str]:
    """The values that folders below a root give to the columns of the contract, such as `queue=loans`."""
    if root is None:
        return {}
    found = {}
    for part in path.relative_to(root).parts[:-1]:
        name, sign, value = part.partition("=")
        if sign and name in SCHEMA.names() and value != "__HIVE_DEFAULT_PARTITION__":
            found[name] = unquote(value)
    return found


def with_partitions(frame: pl.LazyFrame, path: Path, root: Path | None) -> pl.LazyFrame:
    """A file's rows with what the names of its folders say, where the file says nothing."""
    given = partitions(path, root)
    if not given:
        return frame
    there = frame.collect_schema()
    values = {name: pl.lit(value, dtype=there.get(name, pl.String())) for name, value in given.items()}
    return frame.with_columns(
        pl.coalesce(name, value).alias(name) if name in there else value.alias(name) for name, value in values.items()
    )


def _say(count: int) -> None:
    events = "event stands" if count == 1 else "events stand"
    warnings.warn(f"{count:,} {events} in more than one file (the same event_id); each counts once", OverlapWarning, stacklevel=2)


def overlapping(spans: Sequence[tuple[datetime | None, datetime | None]]) -> set[int]:
    """Which of some files overlap another in time, from first and last time of each."""
    known = [(span[0], span[1], at) for at, span in enumerate(spans) if span[0] is not None and span[1] is not None]
    near: set[int] = set()
    latest: tuple[int, datetime] | None = None
    for first, last, at in sorted(known):
        if latest is not None and first <= latest[1]:
            near |= {latest[0], at}
        if latest is None or last >= latest[1]:
            latest = at, last
    return near


def once(frames: list[pl.LazyFrame]) -> pl.LazyFrame:
    """The rows of several files, an event that stands in several of them once.

    Ids are compared only where the times of two files overlap: files that follow each other are not read for it.
    """
    together = pl.concat(frames)
    ends = pl.collect_all([frame.select(first=pl.col("ts").min(), last=pl.col("ts").max()) for frame in frames])
    near = overlapping([end.row(0) for end in ends])
    if not near:
        return together
    ids = pl.concat([frames[at].select(pl.col("event_id").hash(7)) for at in sorted(near)])
    rows, distinct = ids.select(pl.len(), n=pl.col("event_id").n_unique()).collect(engine="streaming").row(0)
    if rows == distinct:
        return together
    _say(rows - distinct)
    return together.unique("event_id", keep="first", maintain_order=True)


class Seen:
    """The events that were read from files before this one."""

    def __init__(self, files: int) -> None:
        self._several = files > 1
        self._hashes: set[int] = set()
        self._repeated = 0
        self._file: Path | None = None
        self._fresh: list[list[int]] = []

    def first(self, batch: pl.DataFrame, path: Path) -> pl.DataFrame:
        """The rows whose event was in no earlier file."""
        if not self._several:
            return batch
        if path != self._file:
            self._hashes.update(itertools.chain.from_iterable(self._fresh))
            self._file, self._fresh = path, []
        hashes = batch["event_id"].hash(7).to_list()
        self._fresh.append(hashes)
        if self._hashes.isdisjoint(hashes):
            return batch
        new = pl.Series([each not in self._hashes for each in hashes])
        self._repeated += batch.height - int(new.sum())
        return batch.filter(new)

    def say(self) -> None:
        """Warn, if anything was there twice."""
        if self._repeated:
            _say(self._repeated)
