"""Reading event files, lazily, on the contract: Parquet, JSON Lines and CSV.

Text files are read line by line in bounded memory. A line that cannot be read, or an event that breaks a rule, either stops
the reading with an error that names its line, or, with `quarantine=`, is set aside in a file of its own with the reason.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl
from polars.io.plugins import register_io_source

from aura_analytics import events, times
from aura_analytics.errors import EventError, FileFormatError, FileMissingError, ParameterError, Problem

__all__ = ["FORMATS", "MAX_LINE_BYTES", "read_events", "resolve", "write_events"]

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
MAX_LINE_BYTES = 16 * 1024 * 1024
_BATCH = 50_000
_KEPT = 2_000  # characters of an unreadable line that a quarantine file keeps; offset and length say where the rest is


@dataclass(frozen=True)
class Unreadable:
    """A stretch of a text file that is not a record."""

    line: int
    reason: str
    raw: str
    offset: int | None = None
    length: int | None = None


Item = tuple[int, dict[str, Any]] | Unreadable


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


# -- lines to records -----------------------------------------------------------------------------------------------------


def _long_line(handle: IO[bytes], head: bytes, line: int, offset: int) -> Unreadable:
    length = len(head)
    while not head.endswith(b"\n"):
        head = handle.readline(MAX_LINE_BYTES)
        if not head:
            break
        length += len(head)
    reason = f"line_too_long: got {length:,} bytes, expected at most {MAX_LINE_BYTES:,}"
    return Unreadable(line, reason, "", offset, length)


def jsonl_items(handle: IO[bytes]) -> Iterator[Item]:
    """Records of a JSON Lines stream with their line numbers; what is no record comes as `Unreadable`."""
    from pydantic_core import from_json

    offset, line = 0, 0
    while raw := handle.readline(MAX_LINE_BYTES + 1):
        line += 1
        start = offset
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            problem = _long_line(handle, raw, line, start)
            offset += problem.length or 0
            yield problem
            continue
        offset += len(raw)
        if line == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if not raw.strip():
            continue
        try:
            record = from_json(raw)
        except ValueError as error:
            torn = "" if raw.endswith(b"\n") else " (the file ends inside this line: it was cut off)"
            text = raw.decode("utf-8", "replace").rstrip("\n")[:_KEPT]
            yield Unreadable(line, f"json_unreadable: {error}{torn}", text, start, len(raw))
            continue
        if isinstance(record, dict):
            yield line, record
        else:
            reason = f"json_unreadable: got a {type(record).__name__}, expected one object per line"
            yield Unreadable(line, reason, raw.decode("utf-8", "replace").strip()[:_KEPT], start, len(raw))


def csv_items(handle: IO[str], name: str) -> Iterator[Item]:
    """Records of a CSV stream (comma, header line) with their line numbers; empty cells are null."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(handle, strict=True)
    try:
        header = next(reader)
    except StopIteration:
        return
    except csv.Error as error:
        raise FileFormatError(Problem("this is not CSV", got=str(error), where=f"{name}:1")) from None
    doubled = [column for column, count in Counter(header).items() if count > 1]
    if doubled:
        raise FileFormatError(Problem("column names appear twice", got=doubled, where=f"{name}:1", next="rename one of each"))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(line, f"csv_unreadable: {error}", "")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            reason = f"csv_unreadable: got {len(cells)} cells, expected {len(header)}, one per column of the header"
            yield Unreadable(line, reason, ",".join(cells)[:_KEPT])
            continue
        yield line, {key: cell or None for key, cell in zip(header, cells, strict=True)}


def _items(path: Path) -> Iterator[Item]:
    if format_of(path) == "jsonl":
        with path.open("rb") as handle:
            yield from jsonl_items(handle)
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        yield from csv_items(text, str(path))


# -- records to events ----------------------------------------------------------------------------------------------------


@dataclass
class _Quarantine:
    """Where refused lines go: a JSON Lines file when a path is given, otherwise an error."""

    path: Path | None
    rows: int = 0

    def refuse(self, source: Path, unreadable: Iterable[Unreadable], bad: pl.DataFrame) -> None:
        rows: list[dict[str, Any]] = [
            {"file": str(source), "line": item.line, "reasons": [item.reason], "raw": item.raw, "offset": item.offset,
             "length": item.length}
            for item in unreadable
        ]  # fmt: skip
        for row in bad.iter_rows(named=True):
            record = {key: value for key, value in row.items() if not key.startswith("__") and value is not None}
            rows.append({"file": str(source), "line": row["__line"], "reasons": row["__reasons"], "record": record})
        if not rows:
            return
        rows.sort(key=lambda row: int(row["line"]))
        if self.path is None:
            problems = [Problem(why, where=f"{row['file']}:{row['line']}") for row in rows for why in row["reasons"]]
            hint = "mend these lines, or read with quarantine= (command line: --quarantine FILE) to set them aside"
            raise EventError(f"{source.name} holds lines that are not events; {hint}", problems=problems)
        with self.path.open("a" if self.rows else "w", encoding="utf-8") as out:
            for row in rows:
                out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        self.rows += len(rows)


def _batches(path: Path, zone: str, ambiguous: times.Ambiguous, quarantine: _Quarantine) -> Iterator[pl.DataFrame]:
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
        sink = _Quarantine(quarantine)
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
