"""A foreign log as one table, as it stands in its files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.files import resolve
from aura_analytics.io.readers.base import Item, Unreadable
from aura_analytics.io.readers.parquet import whole
from aura_analytics.io.readers.registry import readers

__all__ = ["log_table"]

_BATCH = 100_000
_CELLS = 20_000_000  # of a batch
_KEYS, _EMPTY = 5_000, 50_000_000  # what records may have together: an empty cell takes 16 bytes


def log_table(path: str | Path | Sequence[str | Path]) -> tuple[pl.DataFrame, list[Unreadable]]:
    """The rows of a log.

    Parameters
    ----------
    path
        A file of any kind that is read, a folder, a glob, or a list of these: several files are one log.

    Returns
    -------
    tuple
        `(table, unreadable)`: text columns (a format of typed columns keeps its types), a column that a record lacks being null;
        and the lines that are no records.

    Raises
    ------
    FileMissingError, FileFormatError
        If there is no log or it cannot be read; if its records have more than 5,000 keys together, or so many different ones that
        the table would be 50,000,000 empty cells.
    """
    tables: list[pl.DataFrame] = []
    unreadable: list[Unreadable] = []
    for file in resolve(path, events=False):
        reader = readers().of(file)
        scanned = reader.scan(file)
        if scanned is not None:
            with whole(file):
                tables.append(scanned.collect())
            continue
        aside: list[Unreadable] = []
        tables.append(_text_columns(_records(reader.items(file), aside), file))
        unreadable += [replace(item, file=str(file)) for item in aside]
    return (tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal_relaxed")), unreadable


def _records(items: Iterator[Item], unreadable: list[Unreadable]) -> Iterator[dict[str, object]]:
    for item in items:
        if isinstance(item, Unreadable):
            unreadable.append(item)
        else:
            yield item[1]


def _text_columns(records: Iterator[dict[str, object]], file: Path) -> pl.DataFrame:
    """Text columns of any records, batch by batch; a key that a record lacks is null there."""
    frames = []
    known: dict[str, None] = {}
    filled = rows = 0
    while batch := list(itertools.islice(records, max(1, min(_BATCH, _CELLS // (len(known) or 1))))):
        keys: dict[str, None] = {}
        for record in batch:
            keys |= dict.fromkeys(record)
            filled += len(record)
            if len(keys) > _KEYS:
                break
        known |= keys
        rows += len(batch)
        if len(known) > _KEYS or rows * len(known) - filled > _EMPTY:
            expected = f"at most {_KEYS:,} keys, and {_EMPTY:,} cells that stay empty"
            raise FileFormatError(
                Problem(
                    "the records have too many different keys to be a table",
                    got=f"{len(known):,} in {rows:,} records",
                    expected=expected,
                    where=str(file),
                    next="is a value written where the key should be?",
                )
            )
        columns = {key: pl.Series([_text(record.get(key)) for record in batch], dtype=pl.String) for key in keys}
        frames.append(pl.DataFrame(columns))
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
