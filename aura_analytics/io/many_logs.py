"""Many foreign logs, each turned into a file of events by itself, by whoever runs tasks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.files import resolve
from aura_analytics.io.foreign import convert_log
from aura_analytics.io.mapping import LogMapping
from aura_analytics.outputs import free_to_write
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["convert_logs"]

_SCHEMA = {
    "source": pl.String(),
    "path": pl.String(),
    "rows": pl.Int64(),
    "events": pl.Int64(),
    "aside": pl.Int64(),
    "sha256": pl.String(),
}


class ConvertTask(NamedTuple):
    """What the events of a log depend on.

    Attributes
    ----------
    source, mapping
        The log, and the mapping as JSON.
    path, quarantine
        Where events go, and rows that cannot be used.
    """

    source: str
    mapping: str
    path: str
    quarantine: str | None

    def __str__(self) -> str:
        """The task in words."""
        return self.source


def convert_logs(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
    folder: str | Path,
    *,
    quarantine: str | Path | None = None,
    overwrite: bool = False,
    workers: int = 1,
    executor: ExecutorLike = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    r"""Turn many foreign logs into events, each by itself into a Parquet file of the same name.

    For files that hold whole cases, such as one a month or one an office: a case whose rows stand in two of them is two parts of a
    case (`convert_log` takes several files as one log). Boards read the folder as one log.

    Parameters
    ----------
    path
        Files, a folder or a glob; as `convert_log`.
    mapping
        A `LogMapping` or the path of its YAML file.
    folder
        Where the files of events are put.
    quarantine
        A folder for rows and lines that cannot be used; without it they raise.
    overwrite
        Whether files that are there may be replaced.
    workers
        Processes on this machine, at least 1.
    executor
        Any `concurrent.futures.Executor`, or the address of a Dask scheduler; paths must mean the same there.
    progress
        Called with how many logs are done, and of how many.

    Returns
    -------
    polars.DataFrame
        A row a log: `source`, `path`, `rows` of the log, `events` made of them, rows set `aside`, `sha256` of the file.

    Raises
    ------
    EventError, MappingError, FileMissingError, FileFormatError, ParameterError, OutputError
        As `convert_log`; also for two logs of one name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> logs = pathlib.Path(tempfile.mkdtemp())
    >>> for month in ("may", "june"):
    ...     rows = [f"{month}-1,{step},2026-01-05 09:00" for step in ("filed", "closed")]
    ...     _ = (logs / f"{month}.csv").write_text(f"claim,step,at\n{rows[0]}\n{rows[1]}\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at"},
    ...     "open": ["filed"], "resolve": ["closed"]})
    >>> aura.convert_logs(logs, mapping, logs / "events").select("rows", "events").rows()
    [(2, 2), (2, 2)]
    """
    chosen = mapping if isinstance(mapping, LogMapping) else LogMapping.from_yaml(mapping)
    sources = [one.absolute() for one in resolve(path, events=False)]
    place, aside = Path(folder).absolute(), None if quarantine is None else Path(quarantine).absolute()
    by_name: dict[str, list[Path]] = {}
    for source in sources:
        by_name.setdefault(source.stem, []).append(source)
    twice = [paths for paths in by_name.values() if len(paths) > 1]
    if twice:
        problem = Problem("two logs would be one file", got=", ".join(map(str, twice[0])), next="give them names of their own")
        raise ParameterError(problem)
    for one in (place, *([] if aside is None else [aside])):
        one.mkdir(parents=True, exist_ok=True)
    tasks = []
    for source in sources:
        target = free_to_write(place / f"{source.stem}.parquet", overwrite=overwrite)
        rows = None if aside is None else str(aside / f"{source.stem}.jsonl")
        tasks.append(ConvertTask(str(source), chosen.model_dump_json(by_alias=True), str(target), rows))
    made = []
    for row in run_tasks(_converted, tasks, workers=workers, executor=executor, named=str):
        made.append(row)
        if progress is not None:
            progress(len(made), len(tasks))
    return pl.DataFrame(made, schema=_SCHEMA, orient="row")


def _converted(task: ConvertTask) -> tuple[str, str, int, int, int, str]:
    mapping = LogMapping.model_validate_json(task.mapping)
    # whether it may be replaced was asked before: a task that is run again finds what it wrote itself
    report = convert_log(task.source, mapping, task.path, quarantine=task.quarantine, overwrite=True)
    digest = hashlib.sha256(Path(task.path).read_bytes()).hexdigest()
    return task.source, task.path, report.rows, report.events, report.aside, digest
