"""Events that are kept elsewhere: Delta tables, and Parquet files in object storage, by the readers of polars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aura_analytics.errors import FileFormatError, FileMissingError, ParameterError, Problem
from aura_analytics.events import SCHEMA

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DELTA_EXTRA", "is_elsewhere", "kept_elsewhere"]

_STORES = ("s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl", "hf")
_DELTA = "delta+"
DELTA_EXTRA = ("aura_seq", "aura_month")  # what the copy of a ledger holds beside its events


def is_elsewhere(given: object) -> bool:
    """Whether a text or path names a Delta table, or something in object storage.

    Examples
    --------
    >>> is_elsewhere("s3://bucket/events/*.parquet"), is_elsewhere("delta+s3://bucket/events"), is_elsewhere("events.parquet")
    (True, True, False)
    """
    if not isinstance(given, (str, Path)):
        return False
    text = str(given)
    scheme, marked, _ = text.partition("://")
    if marked:
        return scheme.removeprefix(_DELTA) in _STORES or text.startswith(_DELTA)
    return text.startswith(_DELTA) or (Path(text) / "_delta_log").is_dir()


def kept_elsewhere(address: str | Path) -> pl.LazyFrame:
    """The table, as it is stored.

    Parameters
    ----------
    address
        The folder of a Delta table, `delta+` and the address of one, or a Parquet file, folder or glob in object storage
        (`s3://`, `gs://`, `az://`, `abfs://`, `hf://`); credentials come from the environment, as polars has them.

    Raises
    ------
    ParameterError
        If a Delta table is asked for and `deltalake` is not installed.
    FileMissingError, FileFormatError
        If there is none, or it cannot be read.
    """
    import polars as pl

    text = str(address)
    failures: tuple[type[Exception], ...] = (pl.exceptions.PolarsError, OSError, ValueError)
    delta = text.startswith(_DELTA) or "://" not in text
    if delta:
        try:
            from deltalake.exceptions import DeltaError
        except ImportError:
            hint = "pip install 'aura-analytics[cluster]'"
            raise ParameterError(Problem("Delta tables need deltalake", got=text, next=hint)) from None
        failures += (DeltaError,)
    try:
        if delta:
            table = pl.scan_delta(text.removeprefix(_DELTA))
            table = table.select(name for name in table.collect_schema().names() if name not in DELTA_EXTRA)
        else:
            files = text if text.endswith(".parquet") or "*" in text else f"{text.rstrip('/')}/**/*.parquet"
            own = pl.scan_parquet(files, hive_partitioning=False).collect_schema().names()
            table = pl.scan_parquet(files, hive_partitioning=True)  # what the path says of all rows in a file is said of them
            table = table.select(name for name in table.collect_schema().names() if name in own or name in SCHEMA)
        table.collect_schema()
    except failures as error:
        missing = isinstance(error, FileNotFoundError) or "not found" in str(error).lower()
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        problem = Problem("events that are kept elsewhere cannot be read", got=said, where=text, next="see address and credentials")
        raise (FileMissingError if missing else FileFormatError)(problem) from error
    return table
