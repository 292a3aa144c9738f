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
from aura_analytics.outputs import same_header, written

if TYPE_CHECKING:
    import polars as pl
    from rich.progress import Progress

__all__ = ["Json", "print_json", "print_json_rows", "progress", "write_table"]

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


def print_json_rows(board: pl.DataFrame) -> None:
    """Print a table as a JSON array of its rows, some at a time: a large one is never held as text."""
    first = True
    typer.echo("[", nl=False)
    for some in board.iter_slices(2_000):
        rows = [json.dumps(row, ensure_ascii=False, default=_plain, allow_nan=False) for row in some.iter_rows(named=True)]
        typer.echo(("" if first else ", ") + ", ".join(rows), nl=False)
        first = False
    typer.echo("]")


def _keys(path: Path) -> list[str]:
    """Keys of the first record of a file of JSON Lines."""
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            first = json.loads(file.readline(1_000_000))
        except ValueError:
            return []
    return list(first) if isinstance(first, dict) else []


def _schema(path: Path) -> object:
    """Columns of a Parquet file; None of any other file."""
    import polars as pl

    try:
        return pl.Schema(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def write_table(board: pl.DataFrame, out: Path, *, overwrite: bool = False) -> None:
    """Write a table as .parquet, .jsonl or .csv.

    Raises
    ------
    ParameterError
        For any other name, or a file that is there and is no earlier table of the same columns.
    """
    import polars as pl

    from aura_analytics.texts import spreadsheet_safe

    if out.suffix == ".parquet":
        with written(out, overwrite=overwrite, ours=lambda path: _schema(path) == board.schema) as part:
            board.write_parquet(part)
    elif out.suffix in (".jsonl", ".ndjson"):
        with written(out, overwrite=overwrite, ours=lambda path: _keys(path) == board.columns) as part:
            board.write_ndjson(part)
    elif out.suffix == ".csv":
        lists = [name for name, dtype in board.schema.items() if isinstance(dtype, pl.List)]
        structs = [name for name, dtype in board.schema.items() if isinstance(dtype, pl.Struct)]
        flat = board.with_columns(pl.col(lists).list.join("; "), *(pl.col(name).struct.json_encode() for name in structs))
        with written(out, overwrite=overwrite, ours=same_header(flat.head(0).write_csv().rstrip("\n"))) as part:
            spreadsheet_safe(flat).write_csv(part)
    else:
        raise ParameterError(Problem("unknown kind of table", got=out.suffix, expected=".parquet, .csv, .jsonl"))
