"""What the commands share: progress on standard error, JSON on standard output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress

__all__ = ["Json", "print_json", "progress", "write_table"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Progress]:
    """A progress bar on standard error, when somebody is there to see it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    with bar:
        yield bar


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def write_table(board: pl.DataFrame, out: Path) -> None:
    """Write a table as .parquet, .jsonl or .csv.

    Raises
    ------
    ParameterError
        For any other name.
    """
    import polars as pl

    from aura_analytics.texts import spreadsheet_safe

    if out.suffix == ".parquet":
        board.write_parquet(out)
    elif out.suffix in (".jsonl", ".ndjson"):
        board.write_ndjson(out)
    elif out.suffix == ".csv":
        lists = [name for name, dtype in board.schema.items() if isinstance(dtype, pl.List)]
        structs = [name for name, dtype in board.schema.items() if isinstance(dtype, pl.Struct)]
        flat = board.with_columns(pl.col(lists).list.join("; "), *(pl.col(name).struct.json_encode() for name in structs))
        spreadsheet_safe(flat).write_csv(out)
    else:
        raise ParameterError(Problem("unknown kind of table", got=out.suffix, expected=".parquet, .csv, .jsonl"))
