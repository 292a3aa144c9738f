"""Parquet: a table whose columns have types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import Reader
from aura_analytics.io.readers.parquet_pages import PagesError, check_pages

__all__ = ["Parquet", "whole"]


_READ = 64 << 20  # bytes


@contextmanager
def whole(path: object) -> Iterator[None]:
    """Our error for what polars says of a damaged Parquet file, while it is read."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(path, error) from None


def _damaged(path: object, error: BaseException) -> FileFormatError:
    text = (str(error) or type(error).__name__).splitlines()[0][:200]
    return FileFormatError(Problem("the Parquet file is damaged", got=text, where=str(path), next="put it back from where it came"))


def _look(path: Path) -> None:
    """Refuse what is no Parquet file, or one whose pages are damaged."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PAR1":
                raise FileFormatError(Problem("this is not a Parquet file", where=str(path), next="look at what it is"))
        check_pages(path)
    except PagesError as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise FileFormatError(Problem("the file cannot be read", got=error.strerror or str(error), where=str(path))) from None


class Parquet(Reader):
    """`.parquet` and `.pq`."""

    name = "parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def scan(self, path: Path) -> pl.LazyFrame:
        """The file, scanned; one of at most 64 MB is read, so that damage is found here."""
        _look(path)
        with whole(path):
            if path.stat().st_size <= _READ:
                return pl.read_parquet(path, glob=False).lazy()
            frame = pl.scan_parquet(path, glob=False)
            frame.collect_schema()
        return frame

    def slices(self, path: Path, rows: int) -> Iterator[pl.DataFrame]:
        """The file, some rows at a time: a group of its rows is in memory, not the whole."""
        _look(path)
        with whole(path):
            frame = pl.scan_parquet(path, glob=False)
            total = frame.select(pl.len()).collect().item()
            yield from (frame.slice(first, rows).collect() for first in range(0, total, rows))

    def write(self, events: pl.LazyFrame, path: Path) -> None:
        """Compressed, with statistics."""
        events.sink_parquet(path, compression="zstd", statistics=True)
