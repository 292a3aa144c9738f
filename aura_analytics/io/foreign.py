"""Import of a foreign log through a mapping."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.files import resolve
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.imported import imported
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.readers.registry import readers
from aura_analytics.io.writing import write_events
from aura_analytics.outputs import free_to_write

__all__ = ["ImportNote", "convert_log", "import_log", "import_log_report"]


class ImportNote(UserWarning):
    """Something that has to be known before the numbers of an imported log are read."""


def import_log(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
    *,
    quarantine: str | Path | None = None,
) -> pl.DataFrame:
    r"""Read a foreign log as events: `import_log_report` without the report.

    Parameters
    ----------
    path, mapping
        As in `import_log_report`.
    quarantine
        File that takes the rows that break the contract, with reasons. Without it such rows raise.

    Returns
    -------
    polars.DataFrame
        Events on the contract, sorted by time.

    Raises
    ------
    EventError
        If rows break the contract and there is no `quarantine`.
    MappingError, FileMissingError, FileFormatError
        As `import_log_report`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = log.write_text("claim,step,at,who\nC1,suggest-pay,2026-01-05 09:00,bot\nC1,refuse,2026-01-05 11:00,anne\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at", "actor": "who"},
    ...     "recommendations": [{"activity": "suggest-pay", "says": "PAY"}],
    ...     "verdicts": [{"activity": "refuse", "says": "REFUSE"}]})
    >>> aura.import_log(log, mapping).select("type", "actor", "agent", "ai_recommendation", "human_verdict").row(0)
    ('OVERRIDE', 'anne', 'bot', 'PAY', 'REFUSE')
    """
    table, report = import_log_report(path, mapping)
    report.set_aside(path, quarantine)
    for warning in report.warnings:
        warnings.warn(warning, ImportNote, stacklevel=2)
    return table


def import_log_report(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
) -> tuple[pl.DataFrame, ImportReport]:
    r"""Read a foreign log as events, with an account of every row.

    Parameters
    ----------
    path
        The log: a file (Parquet, CSV, JSON Lines, XES or gzipped XES), a folder or a glob of such files, or a list of these;
        several files are one log.
    mapping
        A `LogMapping` or the path of its YAML file.

    Returns
    -------
    tuple
        `(events, report)`: events on the contract, sorted by time, and the `ImportReport` that accounts for every row. A verdict
        is compared with the last recommendation on its case at or before its time: DECISION when the words agree, OVERRIDE when
        they differ. A verdict without a recommendation only resolves the case. Columns that the mapping does not name go to
        `attributes`.

    Raises
    ------
    MappingError
        If the mapping is wrong, names columns that the log lacks, or matches none of its activities.
    FileMissingError, FileFormatError
        If the log is not there or cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = log.write_text("claim,step,at\nC1,filed,2026-01-05 09:00\nC1,phone call,2026-01-05 10:00\nC1,closed,2026-01-06 09:00\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at"},
    ...     "open": ["filed"], "resolve": ["closed"]})
    >>> events, report = import_log_report(log, mapping)
    >>> report.rows, report.events, report.unused
    (3, 2, {'phone call': 1})
    """
    with imported(path, mapping) as found:
        return found.table(), found.report


def convert_log(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
    out: str | Path,
    *,
    quarantine: str | Path | None = None,
    overwrite: bool = False,
) -> ImportReport:
    r"""Write the events of a foreign log to a file. A log of any size is read and written in bounded memory.

    Parameters
    ----------
    path, mapping, quarantine
        As `import_log`.
    out
        The file to write, as `write_events`.
    overwrite
        Whether a file that is there may be replaced.

    Returns
    -------
    ImportReport
        What became of every row.

    Raises
    ------
    EventError, MappingError, FileMissingError, FileFormatError
        As `import_log`.
    ParameterError, OutputError
        As `write_events`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "claims.csv").write_text("claim,step,at\nC1,filed,2026-01-05 09:00\nC1,closed,2026-01-06 09:00\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at"},
    ...     "open": ["filed"], "resolve": ["closed"]})
    >>> aura.convert_log(folder / "claims.csv", mapping, folder / "events.parquet").events
    2
    """
    readers().of(Path(out), events=True)
    if any(Path(out).resolve() == source.resolve() for source in resolve(path, events=False)):
        raise ParameterError(Problem("the events would take the place of the log", got=str(out), next="choose another name"))
    free_to_write(Path(out), overwrite=overwrite)
    with imported(path, mapping) as found:
        found.report.set_aside(path, quarantine)
        write_events(found.events, out, overwrite=overwrite)
        return found.report
