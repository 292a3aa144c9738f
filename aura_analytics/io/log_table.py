"""A foreign log as one table, as it stands in its files."""

from __future__ import annotations

import itertools
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import isfinite
from pathlib import Path

import polars as pl

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.files import resolve
from aura_analytics.io.mapping_parts import FileMap
from aura_analytics.io.readers.base import KEPT_CHARACTERS, Item, Unreadable
from aura_analytics.io.readers.parquet import whole
from aura_analytics.io.readers.registry import readers
from aura_analytics.io.rows.sources import text

__all__ = ["EMPTY", "LogRows", "alike", "log_rows", "log_table", "records_of", "tables_of_records", "with_elements"]

_BATCH = 50_000
_CELLS = 20_000_000  # of a batch
_KEYS = 5_000  # that records may have together
EMPTY = 50_000_000  # cells of a table that may hold nothing: each takes 16 bytes


@dataclass
class Part:
    """The rows of one file: the first one's place in the log, and the line of each (None where lines say nothing)."""

    file: Path
    first: int
    lines: Sequence[int] | None
    text: bool = True


@dataclass
class LogRows:
    """A foreign log as one table.

    Attributes
    ----------
    frame
        Text columns (a format of typed columns keeps its types); a column that a record lacks is null.
    unreadable
        Lines that are no records.
    parts
        Which rows stand in which file, and where.
    nested
        Text columns all of whose values are JSON objects or lists.
    notes
        What has to be known of how the files were read.
    """

    frame: pl.DataFrame
    unreadable: list[Unreadable] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    nested: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    @property
    def several(self) -> bool:
        """Whether it is in several files."""
        return len(self.parts) > 1

    def place(self, row: int) -> tuple[str, int]:
        """File and line of a row; of a format without lines its number, from 1."""
        part = self.parts[bisect_right([one.first for one in self.parts], row) - 1]
        within = row - part.first
        return str(part.file), part.lines[within] if part.lines is not None else within + 1

    def files(self) -> pl.Series:
        """The number of the file of each row."""
        ends = [part.first for part in self.parts[1:]] + [self.frame.height]
        counts = [end - part.first for part, end in zip(self.parts, ends, strict=True)]
        return (
            pl.concat([pl.repeat(i, n, dtype=pl.UInt32, eager=True) for i, n in enumerate(counts)])
            if counts
            else pl.Series([], dtype=pl.UInt32)
        )

    def records(self) -> pl.Series:
        """A number for the record of each row: those of its elements have one."""
        ends = [part.first for part in self.parts[1:]] + [self.frame.height]
        places = [
            pl.Series(part.lines, dtype=pl.Int64) if part.lines is not None else pl.int_range(end - part.first, eager=True)
            for part, end in zip(self.parts, ends, strict=True)
        ]
        lines = pl.concat([pl.Series([], dtype=pl.Int64), *places])
        return pl.select(pl.struct(file=self.files(), line=lines).rank("dense")).to_series()

    def is_text(self, row: int) -> bool:
        """Whether the line of a row is one of a plain text."""
        part = self.parts[bisect_right([one.first for one in self.parts], row) - 1]
        return part.text and part.lines is not None

    def record(self, row: int) -> dict[str, object]:
        """What stands in a row."""
        return {key: value for key, value in self.frame.row(row, named=True).items() if value is not None}

    def raw(self, rows: list[int]) -> dict[int, str]:
        """The text of rows as it stands in their files, where these are plain text; a row may go over several lines."""
        found: dict[int, str] = {}
        wanted: dict[str, dict[int, int]] = {}
        for row in rows:
            if self.is_text(row):
                file, number = self.place(row)
                wanted.setdefault(file, {})[number] = row
        for file, lines in wanted.items():
            with Path(file).open(encoding="utf-8", errors="replace", newline="\n") as text:
                for number, line in enumerate(text, 1):
                    if number in lines:
                        found[lines[number]] = line.rstrip("\r\n")[:KEPT_CHARACTERS]
        return found


def log_table(path: str | Path | Sequence[str | Path]) -> tuple[pl.DataFrame, list[Unreadable]]:
    """The table of `log_rows`, and the lines that are no records."""
    log = log_rows(path)
    return log.frame, log.unreadable


def log_rows(path: str | Path | Sequence[str | Path], how: FileMap | None = None, stars: Sequence[str] = ()) -> LogRows:
    """The rows of a log.

    Parameters
    ----------
    path
        A file of any kind that is read, a folder, a glob, or a list of these: several files are one log.
    how
        How the files are written, where they do not tell themselves.
    stars
        Paths into nested data with `[*]`: a record is read as many times as there are elements, with the element under the path's
        name (`annotations[*]`); one without elements is read once.

    Raises
    ------
    FileMissingError, FileFormatError
        If there is no log or it cannot be read; if its records have more than 5,000 keys together, or so many different ones that
        the table would be 50,000,000 empty cells.
    """
    log = LogRows(pl.DataFrame())
    tables: list[pl.DataFrame] = []
    rows = 0
    nested, plain = set[str](), set[str]()
    for file in resolve(path, events=False):
        reader = readers().of(file)
        reader = reader.told(how) if how is not None else reader
        scanned = reader.scan(file)
        lines: Sequence[int] | None = None
        clean = reader.clean(file) if scanned is None and not stars else None
        if clean is not None and reader.sparse and sum(column.null_count() for column in clean) > EMPTY:
            clean = None  # read carefully, it is refused
        if scanned is not None:
            with whole(file):
                table, lines = with_elements(scanned.collect(), stars)
        elif clean is not None:
            table, lines = clean, range(reader.begins, reader.begins + clean.height)
            plain.update(clean.columns)
        else:
            aside: list[Unreadable] = []
            found: list[int] = []
            lines = found
            frames = list(tables_of_records(records_of(reader.items(file), aside, found, stars), file, nested, plain))
            table = pl.concat(frames, how="diagonal") if frames else pl.DataFrame()
            log.unreadable += [replace(item, file=str(file)) for item in aside]
            log.notes += reader.notes()
        log.parts.append(Part(file, rows, lines, reader.lines))
        rows += table.height
        tables.append(table)
    log.nested = frozenset(nested - plain)
    log.frame = tables[0] if len(tables) == 1 else pl.concat(alike(tables), how="diagonal")
    return log


def records_of(
    items: Iterator[Item], unreadable: list[Unreadable], lines: list[int], stars: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Records, as often as each has elements; their lines go into `lines`, what is no record into `unreadable`."""
    for item in items:
        if isinstance(item, Unreadable):
            unreadable.append(item)
            continue
        line, record = item
        for one in _elements(record, stars) if stars else (record,):
            lines.append(line)
            yield one


def _elements(record: dict[str, object], stars: Sequence[str]) -> Iterator[dict[str, object]]:
    """A record once for each element of its lists at `stars`, which follow each other from the outside in."""
    made = [record]
    for star in stars:
        head = star.removesuffix("[*]")
        made = [{**one, star: element} for one in made for element in (_at(one, head) or [None])]
    for one in made:
        yield {key: value for key, value in one.items() if value is not None}


def _at(record: dict[str, object], path: str) -> list[object]:
    """The list that a path leads to in a record; nothing where there is none."""
    named = max((key for key in record if path == key or path.startswith(key + ".")), key=len, default=None)
    if named is None:
        return []
    value: object = record[named]
    for key in path[len(named) + 1 :].split(".") if path != named else ():
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return value if isinstance(value, list) else []


def alike(tables: list[pl.DataFrame], mixed: set[str] | None = None) -> list[pl.DataFrame]:
    """Tables whose columns of one name are of one type: where they differ (in those of `mixed`, if given), all are texts."""
    if mixed is None:
        kinds: dict[str, set[pl.DataType]] = {}
        for table in tables:
            for name, dtype in table.schema.items():
                kinds.setdefault(name, set()).add(dtype)
        mixed = {name for name, found in kinds.items() if len(found - {pl.Null()}) > 1}
    return [table.with_columns(_as_text(table, name).alias(name) for name in table.columns if name in mixed) for table in tables]


def _as_text(table: pl.DataFrame, name: str) -> pl.Expr:
    dtype = table.schema[name]
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6f%:z" if dtype.time_zone else "%Y-%m-%dT%H:%M:%S%.6f")
    return text(table, name)


def with_elements(table: pl.DataFrame, stars: Sequence[str]) -> tuple[pl.DataFrame, list[int] | None]:
    """The table with a row for each element; and the number of the row that each came from."""
    place = "\x00place"
    found = table.with_columns(pl.int_range(1, pl.len() + 1).alias(place))
    for star in stars:
        head = star.removesuffix("[*]")
        if head in found.columns and isinstance(found.schema[head], pl.List):
            found = found.with_columns(pl.col(head).alias(star)).explode(star)
    return found.drop(place), found[place].to_list() if found.width > table.width + 1 else None


def tables_of_records(
    records: Iterator[dict[str, object]], file: Path, nested: set[str], plain: set[str], most: int | None = None
) -> Iterator[pl.DataFrame]:
    """Text columns of any records, batch by batch; a key that a record lacks is null there. Keys of objects and lists are put into
    `nested`, those of other values into `plain`.

    Raises
    ------
    FileFormatError
        If they have more than 5,000 keys together, or a table of all of them more than `most` (50,000,000) empty cells.
    """
    most = EMPTY if most is None else most
    known: dict[str, None] = {}
    filled = rows = 0
    while batch := list(itertools.islice(records, max(1, min(_BATCH, _CELLS // (len(known) or 1))))):
        keys: dict[str, None] = {}
        for record in batch:
            keys |= dict.fromkeys(record)
            for key, value in record.items():
                if isinstance(value, (dict, list)):
                    nested.add(key)
                elif value is not None and key not in plain:
                    plain.add(key)
            filled += len(record)
            if len(keys) > _KEYS:
                break
        known |= keys
        rows += len(batch)
        if len(known) > _KEYS or rows * len(known) - filled > most:
            expected = f"at most {_KEYS:,} keys, and {most:,} cells that stay empty"
            raise FileFormatError(
                Problem(
                    "the records have too many different keys to be a table",
                    got=f"{len(known):,} in {rows:,} records",
                    expected=expected,
                    where=str(file),
                    next="is a value written where the key should be?",
                )
            )
        yield pl.DataFrame({key: pl.Series([_text(record.get(key)) for record in batch], dtype=pl.String) for key in keys})


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return format(Decimal(repr(value)), "f").removesuffix(".0") if isinstance(value, float) and isfinite(value) else str(value)
