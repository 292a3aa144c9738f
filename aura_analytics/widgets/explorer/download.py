"""What is seen in the explorer's table, as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.texts import spreadsheet_safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aura_analytics.metrics.kinds.base import Metric

__all__ = ["FORMATS", "as_file", "seen"]

FORMATS = ("csv", "parquet", "xlsx")


def seen(board: pl.DataFrame, actors: Sequence[str], metrics: Iterable[Metric]) -> pl.DataFrame:
    """The rows of some actors, in this order, with the numbers of some metrics.

    Parameters
    ----------
    board
        What `ExplorerState.board` is.
    actors
        Who is seen.
    metrics
        Which numbers.
    """
    names = [name for one in metrics for name in one.columns if name in board.columns]
    known = ("actor", "actor_kind", "role", "as_of", "verdict", "pip_reasons", "warnings")
    first = [name for name in known if name in board.columns]
    order = pl.DataFrame({"actor": list(actors)}, schema={"actor": pl.String})
    return order.join(board, on="actor", how="inner", maintain_order="left").select(*first, *dict.fromkeys(names))


def as_file(table: pl.DataFrame, kind: str) -> bytes:
    """A table as CSV, Parquet or a workbook.

    Parameters
    ----------
    table
        The table; lists of texts become one text in CSV and workbooks, and no text is a formula there.
    kind
        `csv`, `parquet` or `xlsx`.

    Raises
    ------
    ParameterError
        For another kind.
    """
    if kind not in FORMATS:
        raise ParameterError(Problem("unknown kind of file", got=kind, expected=", ".join(FORMATS)))
    into = io.BytesIO()
    if kind == "parquet":
        table.write_parquet(into)
        return into.getvalue()
    lists = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.List)]
    flat = table.with_columns(pl.col(lists).list.join("; "), pl.col(pl.Enum).cast(pl.String) if _enums(table) else [])
    safe = spreadsheet_safe(flat)
    if kind == "csv":
        safe.write_csv(into)
        return into.getvalue()
    moments = [name for name, dtype in safe.schema.items() if isinstance(dtype, pl.Datetime)]
    safe.with_columns(pl.col(moments).dt.replace_time_zone(None)).write_excel(into, worksheet="dossiers")
    return into.getvalue()


def _enums(table: pl.DataFrame) -> bool:
    return any(isinstance(dtype, pl.Enum) for dtype in table.schema.values())
