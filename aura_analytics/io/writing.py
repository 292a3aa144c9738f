"""Writing events to a file."""

from __future__ import annotations

from pathlib import Path

from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.io.readers.registry import readers
from aura_analytics.outputs import written

__all__ = ["write_events"]


def write_events(events: EventsLike, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write events in the format that the suffix names; `read_events` gives the same table back.

    Parameters
    ----------
    events
        Whatever holds events: see `as_events`.
    path
        The file to write: `.parquet`, `.jsonl`, `.csv`, or another format that is written.
    overwrite
        Whether a file that is there may be replaced; a ledger never is.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileFormatError
        For any other suffix.
    ParameterError
        If there is a file already.
    OutputError
        If it cannot be written; what was there is as it was.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> path = write_events(aura.sample_log(200, seed=1), pathlib.Path(tempfile.mkdtemp()) / "events.parquet")
    >>> aura.as_events(path).collect().height == aura.sample_log(200, seed=1).height
    True
    """
    path = Path(path)
    writer = readers().of(path, events=True)
    with written(path, overwrite=overwrite) as part:
        writer.write(as_events(events).select(SCHEMA.names()), part)
    return path
