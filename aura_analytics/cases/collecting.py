"""How queries are run: in bounded memory, or at once where there are few rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import polars as pl

__all__ = ["FEW", "collect", "in_memory"]

FEW = 100_000  # rows, up to which starting cost decides

_small: ContextVar[bool] = ContextVar("aura_analytics.cases.small", default=False)


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Run a query in bounded memory; inside `in_memory`, at once."""
    return frame.collect(engine="in-memory" if _small.get() else "streaming")


@contextmanager
def in_memory() -> Iterator[None]:
    """For few rows: starting the streaming engine costs a millisecond a query."""
    token = _small.set(True)
    try:
        yield
    finally:
        _small.reset(token)
