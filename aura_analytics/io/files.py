"""Reading event files, lazily, on the contract: Parquet, JSON Lines and CSV.

Text files are read line by line in bounded memory. A line that cannot be read, or an event that breaks a rule, either stops
the reading with an error that names its line, or, with `quarantine=`, is set aside in a file of its own with the reason.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from aura_analytics import events
from aura_analytics.clock import times
from aura_analytics.errors import EventError, FileFormatError, FileMissingError, ParameterError, Problem
from aura_analytics.io.lines import Item, Unreadable, csv_items, jsonl_items
from aura_analytics.io.quarantine import Quarantine

__all__ = ["FORMATS", "read_events", "resolve", "write_events"]


FORMATS = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


_BATCH = 50_000


def resolve(path: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that a path names: a file, a folder of event files, a glob, or a list of these.

    Raises
    ------
    FileMissingError
        If nothing is there.
    """
    if not isinstance(path, (str, Path)):
        return [file for one in path for file in resolve(one)]
    one = Path(path)
    if one.is_dir():
        found = sorted(file for file in one.rglob("*") if file.suffix.lower() in FORMATS)
    elif one.exists():
        found = [one]
    else:
        parts = one.parts
        cut = next((i for i, part in enumerate(parts) if any(mark in part for mark in "*?[")), None)
        found = [] if cut is None else sorted(Path(*parts[:cut]).glob(str(Path(*parts[cut:]))))
    if not found:
        expected = "an existing file, folder or glob of " + ", ".join(FORMATS)
        raise FileMissingError(Problem("no events there", got=str(path), expected=expected))
    return found


def format_of(path: Path) -> str:
    """`parquet`, `jsonl` or `csv`, by the file's suffix."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        problem = Problem("unknown kind of event file", got=path.suffix or path.name, expected=", ".join(FORMATS), where=str(path),
                          next="foreign logs come in through import_log with a mapping")  # fmt: skip
        raise FileFormatError(problem)
    return kind


def _items(path: Path) -> Iterator[Item]:
    if format_of(path) == "jsonl":
        with path.open("rb") as handle:
            yield from jsonl_items(handle)
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        yield from csv_items(text, str(path))


def _batches(path: Path, zone: str, ambiguous: times.Ambiguous, quarantine: Quarantine) -> Iterator[pl.DataFrame]:
    seen: Counter[str] = Counter()
    items = _items(path)
    while True:
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        unreadable: list[Unreadable] = []
        for item in items:
            if isinstance(item, Unreadable):
                unreadable.append(item)
            else:
                lines.append(item[0])
                records.append(item[1])
            if len(records) + len(unreadable) >= _BATCH:
                break
        if not records and not unreadable:
            return
        if records and lines[0] <= 2 and not any(key in record for record in records for key in ("type", "ts")):
            events.conform(pl.DataFrame({key: [None] for key in records[0]}), zone=zone)  # raises: these are no events
        loose = events.frame_of_records(records).with_columns(__line=pl.Series(lines, dtype=pl.Int64))
        table = events.conform(loose, zone=zone, ambiguous=ambiguous, keep_raw=True).collect()
        is_bad = table.select(events.row_is_bad(table.columns)).to_series()
        bad_lines = table.filter(is_bad).select("__line", __reasons=events.row_reasons(table.columns))
        quarantine.refuse(path, unreadable, loose.join(bad_lines, on="__line"))
        yield events.assign_ids(table.filter(~is_bad), seen).select(events.SCHEMA.names())


def _scan_text(paths: list[Path], zone: str, ambiguous: times.Ambiguous, quarantine: Path | None) -> pl.LazyFrame:
    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        sink = Quarantine(quarantine)
        for path in paths:
            for batch in _batches(path, zone, ambiguous, sink):
                out = batch if left is None else batch.head(left)
                left = None if left is None else left - out.height
                out = out if predicate is None else out.filter(predicate)
                yield out if with_columns is None else out.select(with_columns)
                if left == 0:
                    return

    return register_io_source(source, schema=events.SCHEMA, validate_schema=True)


def _scan_parquet(paths: list[Path], zone: str, ambiguous: times.Ambiguous) -> pl.LazyFrame:
    frames = []
    for path in paths:
        try:
            frame = pl.scan_parquet(path)
            on_contract = events.is_on_contract(frame)
        except (pl.exceptions.PolarsError, OSError) as error:
            text = str(error).splitlines()[0]
            raise FileFormatError(Problem("this is not a Parquet file", got=text, where=str(path))) from None
        if on_contract:
            frames.append(frame.select(events.SCHEMA.names()))
            continue
        table = events.conform(frame, zone=zone, ambiguous=ambiguous, keep_raw=True)
        frames.append(table.map_batches(_checked(path), schema=events.SCHEMA))
    return frames[0] if len(frames) == 1 else pl.concat(frames)


def _checked(path: Path) -> Any:
    def check(table: pl.DataFrame) -> pl.DataFrame:
        bad = table.with_row_index("__row").filter(events.row_is_bad(table.columns))
        if bad.height:
            reasons = bad.select("__row", __why=events.row_reasons(bad.columns)).explode("__why").iter_rows()
            problems = [Problem(why, where=f"{path}, row {row}") for row, why in reasons]
            raise EventError(f"{path.name} holds rows that are not events; events.filter sets them aside", problems=problems)
        return events.assign_ids(table).select(events.SCHEMA.names())

    return check


def read_events(
    path: str | Path | Sequence[str | Path],
    *,
    zone: str = "UTC",
    ambiguous: times.Ambiguous = "reject",
    quarantine: str | Path | None = None,
) -> pl.LazyFrame:
    r"""Read event files lazily.

    Parameters
    ----------
    path
        A `.parquet`, `.jsonl`/`.ndjson` or `.csv` file, a folder of such files, a glob, or a list of these (one format).
    zone
        Time zone of times that carry none.
    ambiguous
        What a naive time that happened twice means: `reject`, `earliest`, `latest`.
    quarantine
        For JSON Lines and CSV: the file that takes the lines that cannot be used, one JSON object per line with `file`,
        `line`, `reasons` and the record or raw text. It is written when the frame is collected. Without it such lines raise.

    Returns
    -------
    polars.LazyFrame
        Events on the contract. A Parquet file already on the contract is scanned as it is, without a check of its rows:
        `events.validate` or `events.filter` do that.

    Raises
    ------
    FileMissingError, FileFormatError, SchemaError
        At once, where the files show it.
    EventError
        When the frame is collected, for lines that are not events and no `quarantine`.

    Examples
    --------
    >>> import polars as pl, tempfile, pathlib
    >>> import aura_analytics as aura
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "day.jsonl"
    >>> _ = path.write_text('{"type": "OVERRIDE", "ts": "2026-01-05T10:00:00Z", "actor": "anne"}\n{"type": "OVERR')
    >>> aura.read_events(path, quarantine=path.with_suffix(".bad")).collect().height
    1
    >>> "cut off" in path.with_suffix(".bad").read_text()
    True
    """
    times.check_zone(zone)
    times.check_ambiguous(ambiguous)
    paths = resolve(path)
    kinds = {format_of(one) for one in paths}
    if len(kinds) > 1:
        raise ParameterError(Problem("files of different formats in one call", got=sorted(kinds), expected="one format"))
    if kinds == {"parquet"}:
        return _scan_parquet(paths, zone, ambiguous)
    for one in paths:
        _check_head(one)
    if quarantine is not None and any(Path(quarantine).resolve() == one.resolve() for one in paths):
        raise ParameterError(Problem("the quarantine file is the log itself", got=str(quarantine), next="name another file"))
    return _scan_text(paths, zone, ambiguous, None if quarantine is None else Path(quarantine))


def _check_head(path: Path) -> None:
    """Raise at once for a CSV whose header has no events in it; an empty file is an empty log."""
    if format_of(path) != "csv" or path.stat().st_size == 0:
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        first = next(csv.reader([handle.readline(1_000_000)]), [])
    if first:
        events.conform(pl.LazyFrame({name: pl.Series([], dtype=pl.String) for name in dict.fromkeys(first)}))


def write_events(table: pl.DataFrame | pl.LazyFrame, path: str | Path) -> Path:
    """Write events as Parquet, JSON Lines or CSV, by the suffix; `read_events` gives the same table back.

    Raises
    ------
    FileFormatError
        For any other suffix.
    """
    path = Path(path)
    kind = format_of(path)
    frame = table.lazy().select(events.SCHEMA.names())
    if kind == "parquet":
        frame.sink_parquet(path, compression="zstd", statistics=True)
        return path
    text = frame.collect().with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    if kind == "csv":
        lists = pl.col("penalties").map_elements(lambda items: json.dumps(items.to_list()), return_dtype=pl.String)
        text.with_columns(lists).write_csv(path)
        return path
    with path.open("w", encoding="utf-8") as out:
        for row in text.iter_rows(named=True):
            out.write(json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False) + "\n")
    return path
