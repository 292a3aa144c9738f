"""Where a command's events come from: a ledger, or a file whose rows are checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aura_analytics.cli_ledger import is_ledger, opened
from aura_analytics.errors import EventError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["load_events"]

_LARGE = 5_000_000  # rows above which a Parquet file is checked row by row but not for doubled ids


def load_events(source: str, quarantine: Path | None = None) -> pl.LazyFrame:
    """Events from a ledger, or from a file with every row checked; bad rows raise or go to the quarantine file."""
    import polars as pl

    if is_ledger(source):
        return opened(source).events()
    path = Path(source)

    from aura_analytics import events, io

    before = quarantine.stat().st_mtime_ns if quarantine is not None and quarantine.exists() else None
    frame = io.read_events(path, quarantine=quarantine)
    parquet = io.format_of(io.resolve(path)[0]) == "parquet"
    if parquet:
        rows = int(frame.select(pl.len()).collect().item())
        if rows > _LARGE:
            bad = frame.filter(events.row_is_bad(frame.collect_schema().names())).head(20).collect(engine="streaming")
            if bad.height:
                events.validate(bad)
            return frame
    good, report = events.filter(frame)
    if report:
        if quarantine is None:
            hint = "set them aside with --quarantine FILE"
            raise EventError(f"{path} holds rows that break the contract: {report}; {hint}", problems=report.problems())
        target = quarantine if parquet else quarantine.with_name(quarantine.stem + "-rows" + quarantine.suffix)
        report.write(target)
        typer.echo(f"{report}; set aside in {target}", err=True)
    if quarantine is not None and not parquet and quarantine.exists() and quarantine.stat().st_mtime_ns != before:
        typer.echo(f"unreadable lines set aside in {quarantine}", err=True)
    return good.lazy()
