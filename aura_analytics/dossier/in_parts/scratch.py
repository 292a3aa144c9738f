"""The folder that workers share: tables by name, each written whole or not at all."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from aura_analytics.errors import FileMissingError, OutputError, Problem

__all__ = ["laid", "lay", "likeness", "read_laid", "scratch_folder"]

_TRIES = 50
_SHARED = "give a folder that every worker sees under the same name: scratch= (command line: --scratch)"


@contextmanager
def scratch_folder(given: str | Path | None) -> Iterator[Path]:
    """A folder of one's own, gone at the end; below the one that is given, or where temporary files are.

    Raises
    ------
    OutputError
        If there can be none.
    """
    try:
        holder = tempfile.TemporaryDirectory(
            prefix="aura-apart-", dir=None if given is None else str(given), ignore_cleanup_errors=True
        )
    except OSError as error:
        raise OutputError(Problem("there is no folder to work in", got=str(given), expected=str(error))) from None
    name = Path(holder.name)
    try:
        yield name.absolute()
    finally:
        holder.cleanup()
        for _ in range(_TRIES):
            if not name.exists():
                break
            time.sleep(0.1)  # a worker was in the middle of something
            shutil.rmtree(name, ignore_errors=True)


def likeness() -> tuple[str, tuple[int, ...]]:
    """What workers must have in common: the version of polars, and the hashes by which it lays things apart.

    Other machines may have other hashes; a case would then lie in two buckets.
    """
    return pl.__version__, tuple(pl.Series(["", "a", "a name that is longer than any register"]).hash(29).to_list())


def read_laid(folder: Path, pattern: str) -> pl.DataFrame | None:
    """The rows of the tables of a pattern of names, in the order of these; None where there are none."""
    parts = [pl.read_parquet(part, glob=False, hive_partitioning=False) for part in laid(folder, pattern)]
    return pl.concat(parts, how="diagonal") if parts else None


def lay(table: pl.DataFrame, folder: Path, name: str) -> None:
    """Write a table; whoever writes it last has written the same.

    Raises
    ------
    FileMissingError
        If the worker does not see the folder.
    OutputError
        If it cannot be written.
    """
    if not folder.is_dir():
        raise FileMissingError(Problem("a worker does not see the folder where parts are laid", got=str(folder), next=_SHARED))
    part = folder / f".{name}.{secrets.token_hex(8)}"
    try:
        table.write_parquet(part, compression="lz4", statistics=False)
        part.replace(folder / name)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(Problem("a part cannot be written", got=str(error), where=str(folder))) from None


def laid(folder: Path, pattern: str) -> list[Path]:
    """The tables of a pattern of names, in the order of their names.

    Raises
    ------
    FileMissingError
        If the worker does not see the folder.
    """
    if not folder.is_dir():
        raise FileMissingError(Problem("a worker does not see the folder where parts are laid", got=str(folder), next=_SHARED))
    return sorted(folder.glob(pattern))
