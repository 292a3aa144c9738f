"""Parquet: a table whose columns have types."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import Reader

__all__ = ["Parquet"]


class Parquet(Reader):
    """`.parquet` and `.pq`."""

    name = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def scan(self, path: Path) -> pl.LazyFrame:
        """The file, scanned."""
        try:
            frame = pl.scan_parquet(path)
            frame.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            text = str(error).splitlines()[0]
            raise FileFormatError(Problem("this is not a Parquet file", got=text, where=str(path))) from None
        return frame

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """Compressed, with statistics."""
        events.sink_parquet(path, compression="zstd", statistics=True)
