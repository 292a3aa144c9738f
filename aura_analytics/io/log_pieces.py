"""A foreign log in pieces, each with all rows of its cases: a log of any size is read in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from aura_analytics.io.files import resolve
from aura_analytics.io.log_table import EMPTY, LogRows, alike, records_of, tables_of_records, with_elements
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.readers.base import Reader, UncleanError, Unreadable
from aura_analytics.io.readers.registry import readers
from aura_analytics.io.rows.matching import NAMES, names_there
from aura_analytics.io.rows.sources import column, columns_of, text_of

__all__ = ["KeptRows", "Pieces", "rows_between", "weight", "write_down"]

_ROW, _LINE, _FILE, _PIECE = "\x00row", "\x00line", "\x00file", "\x00piece"
_OURS = (_ROW, _LINE, _FILE, _PIECE)
_SLICE = 100_000  # rows of a file of columns that are taken at once
_GROUP = 4_096  # rows that are read from the disk together
BYTES_A_ROW = 60  # at least, of a text
_BEGINS = 65_536  # bytes that are looked at
_LONG = 4  # times as long: no row is taken to be longer
_PACKED = {".gz": 10, ".xes": 1, ".xlsx": 8}


def weight(path: str | Path | Sequence[str | Path]) -> int:
    """About how many rows a log has at most.

    Parameters
    ----------
    path
        As `log_rows`.
    """
    total = 0
    for file in resolve(path, events=False):
        if readers().of(file).name == "parquet":
            try:
                total += int(pl.scan_parquet(file).select(pl.len()).collect().item())
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
                continue  # reading says what is wrong with it
        else:
            total += file.stat().st_size * _PACKED.get(file.suffix, 1) // _bytes_a_row(file)
    return total


def _bytes_a_row(file: Path) -> int:
    """About how long a row of a text is, by how it begins: not below what it may be, in case the others are shorter."""
    if file.suffix not in (".csv", ".tsv", ".jsonl", ".ndjson"):
        return BYTES_A_ROW
    with file.open("rb") as text:
        begins = text.read(_BEGINS)
    return min(max(len(begins) // (begins.count(b"\n") + 1), BYTES_A_ROW), _LONG * BYTES_A_ROW)


@dataclass
class KeptRows(LogRows):
    """Some rows of a log, by their number in it."""

    known: dict[int, tuple[str, int, bool, dict[str, object]]] = field(default_factory=dict)

    def place(self, row: int) -> tuple[str, int]:
        """File and line of a row."""
        return self.known[row][:2]

    def is_text(self, row: int) -> bool:
        """Whether the line of a row is one of a plain text."""
        return self.known[row][2]

    def record(self, row: int) -> dict[str, object]:
        """What stands in a row."""
        return self.known[row][3]


@dataclass
class Piece(LogRows):
    """Some rows of a log, numbered from 0; each with its number in the log, its file and its line there."""

    numbers: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.Int64))
    places: pl.DataFrame = field(default_factory=pl.DataFrame)
    paths: list[tuple[Path, bool]] = field(default_factory=list)

    @property
    def several(self) -> bool:
        """Whether the log is in several files."""
        return len(self.paths) > 1

    def place(self, row: int) -> tuple[str, int]:
        """File and line of a row."""
        return str(self.paths[self.places[_FILE][row]][0]), self.places[_LINE][row]

    def is_text(self, row: int) -> bool:
        """Whether the line of a row is one of a plain text."""
        return bool(self.paths[self.places[_FILE][row]][1])

    def files(self) -> pl.Series:
        """The number of the file of each row."""
        return self.places[_FILE]

    def records(self) -> pl.Series:
        """A number for the record of each row."""
        return self.places.select(pl.struct(_FILE, _LINE).rank("dense")).to_series()

    def kept(self, rows: Iterable[int]) -> dict[int, tuple[str, int, bool, dict[str, object]]]:
        """Rows by their number in the log."""
        return {self.numbers[row]: (*self.place(row), self.is_text(row), self.record(row)) for row in rows}


class Pieces:
    """A log, read once and laid into a folder so that each piece of it can be read alone.

    Parameters
    ----------
    path, mapping, stars
        As `log_rows`; the mapping says what a case is. A row without a case goes with the others of its actor.
    folder
        An empty folder; without one it is kept in memory.
    count
        How many pieces.

    Raises
    ------
    FileMissingError, FileFormatError
        As `log_rows`.
    """

    def __init__(
        self, path: str | Path | Sequence[str | Path], mapping: LogMapping, stars: Sequence[str], folder: Path | None, count: int
    ) -> None:
        self.count, self._mapping, self._stars, self._folder = count, mapping, stars, folder
        self.unreadable: list[Unreadable] = []
        self.notes: list[str] = []
        self.rows = 0
        self.names: dict[str, set[str]] = {}
        self.witnesses = pl.DataFrame()
        self._nested, self._plain = set[str](), set[str]()
        self._kinds: dict[str, set[pl.DataType]] = {}
        self._laid: list[tuple[Path | dict[int, pl.DataFrame], list[int]]] = []
        self._seen = set[tuple[str, str]]()
        self._files: list[tuple[Path, bool]] = []
        for place, file in enumerate(resolve(path, events=False)):
            self._lay(file, place)

    @property
    def nested(self) -> frozenset[str]:
        """Text columns all of whose values are JSON objects or lists."""
        return frozenset(self._nested - self._plain)

    def _lay(self, file: Path, place: int) -> None:
        reader = readers().of(file).told(self._mapping.file)
        before, plain = (self.rows, len(self._laid)), set(self._plain)
        self._files.append((file, reader.lines))
        try:
            for table, lines in self._clean(reader, file):
                self._take(table, lines, place)
        except UncleanError:
            self.drop(before[1])
            self.rows, self._plain = before[0], plain
            for table, lines in self._careful(reader, file):
                self._take(table, lines, place)

    def _clean(self, reader: Reader, file: Path) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
        """The rows of a file with their lines, some at a time."""
        scanned = reader.slices(file, _SLICE)
        if scanned is not None:
            first = 0
            for table in scanned:
                told, of = with_elements(table, self._stars)
                lines = pl.int_range(table.height, eager=True) if of is None else pl.Series(of, dtype=pl.Int64) - 1
                yield told, lines + first + 1
                first += table.height
            return
        pieces = reader.clean_pieces(file) if not self._stars else None
        if pieces is None:
            yield from self._careful(reader, file)
            return
        first, empty = reader.begins, 0
        for table in pieces:
            empty += sum(one.null_count() for one in table) if reader.sparse else 0
            if empty > EMPTY * self.count:
                raise UncleanError(file)  # read carefully, it is refused
            self._plain.update(table.columns)
            yield table, pl.int_range(first, first + table.height, eager=True)
            first += table.height

    def _careful(self, reader: Reader, file: Path) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
        aside: list[Unreadable] = []
        lines: list[int] = []
        records = records_of(reader.items(file), aside, lines, self._stars)
        for table in tables_of_records(records, file, self._nested, self._plain, EMPTY * self.count):
            yield table, pl.Series(lines, dtype=pl.Int64)
            lines.clear()
        self.unreadable += [replace(item, file=str(file)) for item in aside]
        self.notes += reader.notes()

    def _take(self, table: pl.DataFrame, lines: pl.Series, file: int) -> None:
        """Lay some rows down, those of a piece together, and learn what there is in them."""
        for name, dtype in table.schema.items():
            self._kinds.setdefault(name, set()).add(dtype)
        self._learn(table)
        of = self._of_case(table)
        numbered = table.with_columns(
            pl.int_range(self.rows, self.rows + table.height, eager=True).alias(_ROW),
            lines.alias(_LINE),
            pl.repeat(file, table.height, dtype=pl.UInt32, eager=True).alias(_FILE),
            of.alias(_PIECE),
        )
        if self._folder is None:
            parts = numbered.partition_by(_PIECE, maintain_order=True, include_key=False, as_dict=True)
            self._laid.append(({key[0]: part for key, part in parts.items()}, []))
        else:
            numbered = numbered.sort(_PIECE, maintain_order=True)
            ends = numbered[_PIECE].search_sorted(pl.int_range(self.count + 1, eager=True, dtype=pl.UInt32), side="left").to_list()
            target = self._folder / f"{len(self._laid):06}.arrow"
            self._laid.append((write_down(numbered.drop(_PIECE), target, _GROUP), ends))
        self.rows += table.height

    def _of_case(self, table: pl.DataFrame) -> pl.Series:
        """The piece of each row: that of its case, else that of its actor."""
        columns = self._mapping.columns
        of = [
            text_of(table, source)
            for source in (columns.case, columns.actor)
            if all(column(table, name) is not None for name in columns_of(source))
        ]
        said = table.select(x=pl.coalesce(*of, pl.lit("")))["x"]
        return ((said if len(said) == table.height else said.new_from_index(0, table.height)).hash(3) % self.count).cast(pl.UInt32)

    def _learn(self, table: pl.DataFrame) -> None:
        """Which names there are, and of every source a row that has it."""
        for kind, names in names_there(table, self._mapping).items():
            self.names.setdefault(kind, set()).update(names)
        wanted: list[int] = [] if self._laid else [0] * bool(table.height)
        for key, source in self._mapping.sources():
            for name in columns_of(source):
                found = column(table, name)
                asked = {(name, "any"), (name, "{")} if key in NAMES else {(name, "any")}
                if found is None or asked <= self._seen:
                    continue
                values = table.select(x=found[1])["x"]
                for one in asked - self._seen:
                    mask = values.is_not_null() if one[1] == "any" else _objects(values)
                    at = mask.arg_max()
                    if at is not None and mask[at]:
                        self._seen.add(one)
                        wanted.append(at)
        some = table[sorted(set(wanted))] if wanted else table.head(0)
        every = [self.witnesses, some] if self.witnesses.width else [some]
        self.witnesses = every[0] if len(every) == 1 else pl.concat(alike(every), how="diagonal_relaxed")

    def piece(self, which: int) -> Piece:
        """The rows of one piece, in the order of the log; each can be had once.

        Parameters
        ----------
        which
            Its number, from 0.
        """
        parts = []
        for laid, ends in self._laid:
            if isinstance(laid, dict):
                if which in laid:
                    parts.append(laid.pop(which))  # it is asked for once
            elif ends[which + 1] > ends[which]:
                parts.append(rows_between(laid, ends[which], ends[which + 1]))
        mixed = {name for name, found in self._kinds.items() if len(found - {pl.Null()}) > 1}
        whole = pl.concat(alike(parts, mixed), how="diagonal", rechunk=True) if parts else pl.DataFrame(schema={_ROW: pl.Int64})
        missing = [name for name in self._kinds if name not in whole.columns]
        whole = whole.with_columns(pl.lit(None, dtype=self._dtype(name, mixed)).alias(name) for name in missing)
        frame = whole.select(list(self._kinds))
        places = whole.select(_FILE, _LINE) if parts else pl.DataFrame(schema={_FILE: pl.UInt32, _LINE: pl.Int64})
        return Piece(frame, nested=self.nested, numbers=whole[_ROW], places=places, paths=self._files)

    def _dtype(self, name: str, mixed: set[str]) -> pl.DataType:
        known = self._kinds[name] - {pl.Null()}
        return pl.String() if name in mixed or not known else next(iter(known))

    def drop(self, first: int = 0) -> None:
        """Forget the rows, or those that were laid down last."""
        for laid, _ in self._laid[first:]:
            if isinstance(laid, Path):
                laid.unlink(missing_ok=True)
        del self._laid[first:]


def write_down(table: pl.DataFrame, target: Path, group: int) -> Path:
    """Write rows so that some of them can be read alone; `group` of them are read together."""
    table.write_ipc(target, record_batch_size=group)
    return target


def rows_between(laid: Path | pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """Rows of a table in memory, or of one that was written down."""
    rows = (pl.scan_ipc(laid) if isinstance(laid, Path) else laid.lazy()).slice(first, last - first)
    return rows.collect()


def _objects(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.strip_chars_start().str.starts_with("{").fill_null(value=False)
    return values.is_not_null() if isinstance(values.dtype, pl.Struct) else pl.repeat(False, len(values), eager=True)  # noqa: FBT003
