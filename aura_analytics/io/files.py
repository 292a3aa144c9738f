"""Reading event files, lazily, on the contract: Parquet, JSON Lines and CSV.

Text files are read line by line in bounded memory. A line that cannot be read, or an event that breaks a rule, either stops
the reading with an error that names its line, or, with `quarantine=`, is set aside in a file of its own with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from aura_analytics import events
from aura_analytics.clock import times
from aura_analytics.errors import EventError, FileMissingError, ParameterError, Problem
from aura_analytics.io.many_files import Seen, once, partitions, with_partitions
from aura_analytics.io.quarantine import Quarantine
from aura_analytics.io.readers.base import Reader, Unreadable
from aura_analytics.io.readers.registry import readers

__all__ = ["has_columns", "one_file", "read_events", "resolve"]

_BATCH = 50_000
_AT_ONCE = 1 << 28  # bytes of a text file that are read at once, when it has no fault


def resolve(path: str | Path | Sequence[str | Path], *, events: bool = True) -> list[Path]:
    """The files that a path names.

    Parameters
    ----------
    path
        A file, a folder (every file in it of a kind that is read), a glob, or a list of these.
    events
        Whether only files that may be on the event contract count in a folder.

    Raises
    ------
    FileMissingError
        If nothing is there.
    """
    if not isinstance(path, (str, Path)):
        return [file for one in path for file in resolve(one, events=events)]
    one = Path(path)
    if one.is_dir():
        kinds = ((file, readers().find(file)) for file in sorted(one.rglob("*")) if file.is_file())
        found = [file for file, reader in kinds if reader is not None and (reader.holds_events or not events)]
    elif one.exists():
        found = [one]
    else:
        parts = one.parts
        cut = next((i for i, part in enumerate(parts) if any(mark in part for mark in "*?[")), None)
        found = [] if cut is None else sorted(Path(*parts[:cut]).glob(str(Path(*parts[cut:]))))
    if not found:
        expected = "an existing file, folder or glob of " + ", ".join(readers().suffixes(events=events))
        raise FileMissingError(Problem("no events there" if events else "no log there", got=str(path), expected=expected))
    return found


def has_columns(path: str | Path | Sequence[str | Path]) -> bool:
    """Whether a path names files whose columns have types (Parquet), rather than files of records.

    Parameters
    ----------
    path
        As `read_events`.

    Raises
    ------
    FileMissingError, FileFormatError
        As `read_events`.
    """
    first = resolve(path)[0]
    return type(readers().of(first, events=True)).scan is not Reader.scan


def _batches(
    path: Path, reader: Reader, zone: str, ambiguous: times.Ambiguous, quarantine: Quarantine, given: dict[str, str]
) -> Iterator[pl.DataFrame]:
    seen: Counter[str] = Counter()
    for loose, unreadable in _clean(path, reader, given) or _careful(path, reader, zone, given):
        table = events.conform(loose, zone=zone, ambiguous=ambiguous, keep_raw=True).collect()
        is_bad = table.select(events.row_is_bad(table.columns)).to_series()
        bad_lines = table.filter(is_bad).select("__line", __reasons=events.row_reasons(table.columns))
        quarantine.refuse(path, unreadable, loose.join(bad_lines, on="__line"))
        yield events.assign_ids(table.filter(~is_bad), seen).select(events.SCHEMA.names())


_Loose = tuple[pl.DataFrame, list[Unreadable]]


def _clean(path: Path, reader: Reader, given: dict[str, str]) -> Iterator[_Loose] | None:
    """The rows of a file without a fault, read at once, with `__line`; None where it has to be read carefully."""
    if path.stat().st_size > _AT_ONCE:
        return None
    table = reader.clean(path)
    if table is None or not table.height or not {"type", "ts"} <= set(table.columns) <= set(events.SCHEMA):
        return None
    table = table.with_columns(
        pl.coalesce(*([pl.col(name)] if name in table.columns else []), pl.lit(value)).alias(name) for name, value in given.items()
    )
    if not set(table.columns) <= set(events.SCHEMA):
        return None
    lines = pl.int_range(reader.begins, reader.begins + table.height, dtype=pl.Int64, eager=True)
    return ((piece, []) for piece in table.with_columns(__line=lines).iter_slices(_BATCH * 4))


def _careful(path: Path, reader: Reader, zone: str, given: dict[str, str]) -> Iterator[_Loose]:
    """The rows of a file, some at a time, with `__line`, and the lines that are none."""
    items = reader.items(path)
    while True:
        records: list[dict[str, Any]] = []
        lines: list[int] = []
        unreadable: list[Unreadable] = []
        for item in items:
            if isinstance(item, Unreadable):
                unreadable.append(item)
            else:
                lines.append(item[0])
                records.append(
                    {**given, **{key: value for key, value in item[1].items() if value is not None}} if given else item[1]
                )
            if len(records) + len(unreadable) >= _BATCH:
                break
        if not records and not unreadable:
            return
        if records and lines[0] <= 2 and not any(key in record for record in records for key in ("type", "ts")):
            events.conform(pl.DataFrame({key: [None] for key in records[0]}), zone=zone)  # raises: these are no events
        yield events.frame_of_records(records).with_columns(__line=pl.Series(lines, dtype=pl.Int64)), unreadable


def _scan_records(
    paths: list[Path], reader: Reader, zone: str, ambiguous: times.Ambiguous, quarantine: Path | None, root: Path | None
) -> pl.LazyFrame:
    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        sink, seen = Quarantine(quarantine), Seen(len(paths))
        for path in paths:
            for whole in _batches(path, reader, zone, ambiguous, sink, partitions(path, root)):
                batch = seen.first(whole, path)
                out = batch if left is None else batch.head(left)
                left = None if left is None else left - out.height
                out = out if predicate is None else out.filter(predicate)
                yield out if with_columns is None else out.select(with_columns)
                if left == 0:
                    return
        seen.say()

    return register_io_source(source, schema=events.SCHEMA, validate_schema=True)


def _scan_columns(
    scanned: list[tuple[Path, pl.LazyFrame]], zone: str, ambiguous: times.Ambiguous, root: Path | None
) -> pl.LazyFrame:
    frames = []
    for path, plain in scanned:
        frame = with_partitions(plain, path, root)
        if events.is_on_contract(frame):
            frames.append(frame.select(events.SCHEMA.names()))
            continue
        table = events.conform(frame, zone=zone, ambiguous=ambiguous, keep_raw=True)
        frames.append(table.map_batches(_checked(path), schema=events.SCHEMA))
    return frames[0] if len(frames) == 1 else once(frames)


def _checked(path: Path) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def check(table: pl.DataFrame) -> pl.DataFrame:
        bad = table.with_row_index("__row").filter(events.row_is_bad(table.columns))
        if bad.height:
            reasons = bad.select("__row", __why=events.row_reasons(bad.columns)).explode("__why").iter_rows()
            problems = [Problem(why, where=f"{path}, row {row}") for row, why in reasons]
            raise EventError(f"{path.name} holds rows that are not events; events.filter sets them aside", problems=problems)
        return events.assign_ids(table).select(events.SCHEMA.names())

    return check


def one_file(path: Path, root: Path | None) -> pl.LazyFrame:
    """One file of a log, with the values that the names of its folders below `root` say; errors as of `read_events`."""
    reader = readers().of(path, events=True)
    plain = reader.scan(path)
    if plain is not None:
        return _scan_columns([(path, plain)], "UTC", "reject", root)
    return _scan_records([path], reader, "UTC", "reject", None, root)


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
        Events on the contract. An event that stands in several files counts once, with a warning; values that stand in the names
        of folders (`queue=loans/`) are those of the files within, where these say nothing. A Parquet file already
        on the contract is scanned as it is, without a check of its rows: `events.validate` or `events.filter` do that.

    Raises
    ------
    FileMissingError, FileFormatError, SchemaError
        At once, where the files show it.
    EventError
        When the frame is collected, for lines that are not events and no `quarantine`.
    ParameterError
        For files of different formats in one call, a quarantine file that is the log itself, or a zone or way
        with ambiguous times that does not exist.

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
    root = Path(path) if isinstance(path, (str, Path)) and Path(path).is_dir() else None
    kinds = {(reader := readers().of(one, events=True)).name: reader for one in paths}
    if len(kinds) > 1:
        raise ParameterError(Problem("files of different formats in one call", got=sorted(kinds), expected="one format"))
    (reader,) = kinds.values()
    scanned = [(one, frame) for one in paths if (frame := reader.scan(one)) is not None]
    if scanned:
        return _scan_columns(scanned, zone, ambiguous, root)
    for one in paths:
        if columns := reader.head(one):
            events.conform(pl.LazyFrame({name: pl.Series([], dtype=pl.String) for name in columns}))  # raises: these are no events
    if quarantine is not None and any(Path(quarantine).resolve() == one.resolve() for one in paths):
        raise ParameterError(Problem("the quarantine file is the log itself", got=str(quarantine), next="name another file"))
    return _scan_records(paths, reader, zone, ambiguous, None if quarantine is None else Path(quarantine), root)
