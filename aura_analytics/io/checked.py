"""Event files whose every row is checked."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import polars as pl

from aura_analytics import events
from aura_analytics.errors import EventError
from aura_analytics.io.files import has_columns, one_file, read_events
from aura_analytics.io.readers.parquet import whole

__all__ = ["LARGE", "QuarantineWarning", "checked_events", "checked_file"]

LARGE = 5_000_000  # rows above which a Parquet file is checked row by row but not for doubled ids


class QuarantineWarning(UserWarning):
    """Lines or rows of a file were set aside."""


def checked_events(path: str | Path | Sequence[str | Path], quarantine: str | Path | None = None) -> pl.LazyFrame:
    """Events of files, every row checked.

    Parameters
    ----------
    path
        As `read_events`.
    quarantine
        File for lines and rows that break the contract. What is put there is said by a `QuarantineWarning`.

    Raises
    ------
    EventError
        If rows break the contract and there is no `quarantine`.
    FileMissingError, FileFormatError, SchemaError, ParameterError
        As `read_events`.
    """
    aside = None if quarantine is None else Path(quarantine)
    before = aside.stat().st_mtime_ns if aside is not None and aside.exists() else None
    frame = read_events(path, quarantine=aside)
    columns = has_columns(path)
    with whole(path) if columns else nullcontext():
        good, report = _looked_through(frame, columns=columns, alone=_is_parquet(path))
    if report:
        if aside is None:
            raise _refused(path, report)
        target = aside if columns else aside.with_name(aside.stem + "-rows" + aside.suffix)
        report.write(target)
        warnings.warn(f"{report}; set aside in {target}", QuarantineWarning, stacklevel=2)
    if aside is not None and not columns and aside.exists() and aside.stat().st_mtime_ns != before:
        warnings.warn(f"unreadable lines set aside in {aside}", QuarantineWarning, stacklevel=2)
    return good


def checked_file(path: Path, root: Path | None = None, rows: tuple[int, int] | None = None) -> pl.LazyFrame:
    """Events of one file of a log, or of some rows of a Parquet file, every row checked.

    Parameters
    ----------
    path
        The file.
    root
        The folder whose folders' names say values.
    rows
        The first row, and how many; default all of them.

    Raises
    ------
    EventError
        If rows break the contract.
    FileMissingError, FileFormatError, SchemaError
        As `read_events`.
    """
    columns = has_columns(path)
    with whole(path) if columns else nullcontext():
        frame = one_file(path, root)
        if columns:  # a piece of a log is held by who asks for it
            frame = (frame if rows is None else frame.slice(*rows)).collect(engine="streaming").lazy()
        if rows is not None:
            events.validate(_bad(frame))
            return frame
        good, report = _looked_through(frame, columns=columns, alone=columns)
    if report:
        raise _refused(path, report)
    return good


def _refused(path: object, report: events.FailureReport) -> EventError:
    hint = "set them aside with quarantine= (command line: --quarantine FILE)"
    return EventError(f"{path} holds rows that break the contract: {report}; {hint}", problems=report.problems())


def _bad(frame: pl.LazyFrame) -> pl.DataFrame:
    """Some of the rows that break the contract."""
    return frame.filter(events.row_is_bad(frame.collect_schema().names())).head(20).collect(engine="streaming")


def _looked_through(frame: pl.LazyFrame, *, columns: bool, alone: bool) -> tuple[pl.LazyFrame, events.FailureReport | None]:
    """The rows that keep the contract, and a report of the others; a file that is `alone` is not held where all of it is good."""
    if columns:
        rows = int(frame.select(pl.len()).collect().item())
        bad = _bad(frame)
        if rows > LARGE:
            events.validate(bad)
            return frame, None
        if bad.is_empty() and alone and _ids_differ(frame, rows):
            return frame, None  # nothing to set aside: the file is read as it is asked for, never held
    good, report = events.filter(frame)
    return good.lazy(), report


def _is_parquet(path: str | Path | Sequence[str | Path]) -> bool:
    return isinstance(path, (str, Path)) and Path(path).suffix in (".parquet", ".pq") and Path(path).is_file()


def _ids_differ(frame: pl.LazyFrame, rows: int) -> bool:
    """Whether all ids do. (Two of one hash are looked at one by one by whoever asks then.)"""
    return int(frame.select(pl.col("event_id").hash().n_unique()).collect(engine="streaming").item()) == rows
