"""A foreign log imported: at once where it is small, else in pieces that hold all rows of their cases."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from aura_analytics import events
from aura_analytics.errors import MappingError
from aura_analytics.events import EVENT_TYPES, SCHEMA, FailureReport
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.log_pieces import KeptRows, Piece, Pieces, rows_between, weight, write_down
from aura_analytics.io.log_table import LogRows, log_rows
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.io.rows.account import Account, warned
from aura_analytics.io.rows.long import check_scale
from aura_analytics.io.rows.making import check_log, in_order_of, made_of, stars_of
from aura_analytics.io.rows.matching import names_there
from aura_analytics.io.rows.verdicts import check_words

__all__ = ["Imported", "imported"]

ROWS = 80_000  # of a piece, and of a log that is read at once
_MOST = 1_024  # pieces
_ROW, _ID = "\x00row", "\x00id"
HELD = 1_100_000  # rows of a log that is held in memory, as are its events; a larger one is laid on the disk
_PART = 20_000  # events that are sorted together
_GROUP = 1_024  # rows that are read from the disk together


class Imported:
    """Events of a log, in the order of time, and what became of its rows.

    Parameters
    ----------
    report
        The account.
    events
        All events; those of a large log lie on the disk.
    """

    def __init__(self, report: ImportReport, events: pl.LazyFrame) -> None:
        self.report, self.events = report, events

    def table(self) -> pl.DataFrame:
        """All events."""
        return self.events.collect()


@contextmanager
def imported(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
    *,
    rows: int | None = None,
) -> Iterator[Imported]:
    """Import a foreign log; what it takes on the disk is gone with the context.

    Parameters
    ----------
    path, mapping
        As `import_log_report`.
    rows
        About how many rows are in memory at once (80,000).

    Yields
    ------
    Imported
        Events and report.

    Raises
    ------
    MappingError, FileMissingError, FileFormatError
        As `import_log_report`.
    """
    chosen = mapping if isinstance(mapping, LogMapping) else LogMapping.from_yaml(mapping)
    size = weight(path)
    count = min(-(-size // (rows or ROWS)), _MOST)
    with ExitStack() as stack:
        made = None
        if count > 1:
            folder = None
            if size > HELD:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-import-", ignore_cleanup_errors=True)))
            made = _in_pieces(path, chosen, folder, count)
        yield made or _at_once(path, chosen)


def _at_once(path: str | Path | Sequence[str | Path], mapping: LogMapping) -> Imported:
    log = log_rows(path, mapping.file, stars_of(mapping))
    if log.frame.height == 0 and not log.frame.columns:
        return _nothing(log.unreadable, log)
    check_log(log.frame, names_there(log.frame, mapping), log.unreadable, mapping, str(path))
    table, _, told = made_of(log, mapping, str(path))
    _check(told, str(path))
    told.report.unreadable = log.unreadable
    return Imported(warned(told, mapping, log.notes), table.lazy())


def _check(told: Account, where: str) -> None:
    """What is only seen of all rows together: words written in two ways, and ratings that are no stars."""
    for words in told.words:
        check_words(*words, where)
    for scale in told.scales:
        if scale is not None:
            check_scale(scale, where)


def _nothing(unreadable: list[Unreadable], log: LogRows) -> Imported:
    refused = FailureReport(pl.DataFrame(schema={"row": pl.UInt32, "reasons": pl.List(pl.String)}))
    nothing = ["the log holds no rows"]
    return Imported(ImportReport(0, 0, {}, {}, 0, 0, refused, unreadable, warnings=nothing, log=log), events.empty().lazy())


def _in_pieces(path: str | Path | Sequence[str | Path], mapping: LogMapping, folder: Path | None, count: int) -> Imported | None:
    """A log in pieces; None where it has to be seen as a whole: an id is in several cases, or a piece does not fit by itself."""
    where = str(path)
    pieces = Pieces(path, mapping, stars_of(mapping), folder, count)
    if not pieces.rows:
        return None
    check_log(pieces.witnesses, pieces.names, pieces.unreadable, mapping, where)
    accounts, laid = [], _InTime(folder)
    for which in range(count):
        piece = pieces.piece(which)
        if not piece.frame.height:
            continue
        try:
            table, rows, told = made_of(piece, mapping, where)
        except MappingError:
            return None
        laid.lay(table, piece.numbers[rows])
        accounts.append(_renumbered(told, piece))
    if not laid.ids_differ():
        return None
    whole = _sum(accounts)
    _check(whole, where)
    whole.report.unreadable = pieces.unreadable
    pieces.drop()
    return Imported(warned(whole, mapping, pieces.notes), laid.in_order())


class _InTime:
    """Events of pieces, each in the order of time, laid into a folder or held, and taken from there in one order of time."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._laid: list[Path | pl.DataFrame] = []
        self._ids: list[Path | pl.DataFrame] = []
        self._moments: list[pl.Series] = []
        self._events = 0

    def lay(self, table: pl.DataFrame, rows: pl.Series) -> None:
        """Take the events of one piece, and the rows of the log that they come from."""
        if not table.height:
            return
        laid = table.with_columns(rows.alias(_ROW))
        ids = table.select(pl.col("event_id").hash(5).sort().alias(_ID))
        if self._folder is None:
            self._laid.append(laid)
            self._ids.append(ids)
        else:
            target = self._folder / f"events-{len(self._laid):04}.arrow"
            self._laid.append(write_down(laid, target, _GROUP))
            self._ids.append(write_down(ids, target.with_suffix(".ids"), 1 << 17))
        self._events += table.height
        self._moments.append(table["ts"].gather_every(max(1, table.height // 1_000)))

    def ids_differ(self) -> bool:
        """Whether no id is in two pieces."""
        if len(self._ids) < 2:
            return True
        number = self._events // 1_000_000 + 1
        edges = pl.Series([2**64 * at // number for at in range(1, number)], dtype=pl.UInt64)
        return all(part[_ID].n_unique() == part.height for part in _parts(self._ids, _ID, edges))

    def in_order(self) -> pl.LazyFrame:
        """All events in the order of time, each part of them sorted when it is read."""
        if not self._laid:
            return events.empty().lazy()
        moments = pl.concat(self._moments).sort()
        number = max(1, self._events // _PART)
        edges = moments.gather([len(moments) * at // number for at in range(1, number)]).unique(maintain_order=True)

        def parts(columns: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None) -> Iterator[pl.DataFrame]:
            left = self._events if most is None else most
            for part in _parts(self._laid, "ts", edges):
                if left <= 0:
                    return
                sorted_ = in_order_of(part, "ts", _ROW).select(SCHEMA.names()).head(left)
                left -= sorted_.height
                chosen = sorted_ if predicate is None else sorted_.filter(predicate)
                yield chosen if columns is None else chosen.select(columns)

        return register_io_source(parts, schema=SCHEMA)


def _parts(laid: Sequence[Path | pl.DataFrame], by: str, edges: pl.Series) -> Iterator[pl.DataFrame]:
    """The rows of several tables, each sorted by a column, between each two edges of it, an edge being the first of its part."""
    cuts = []
    for table in laid:
        values = (pl.scan_ipc(table) if isinstance(table, Path) else table.lazy()).select(by).collect()[by]
        cuts.append([0, *values.search_sorted(edges, side="left").to_list(), len(values)])
    for at in range(len(edges) + 1):
        yield pl.concat(  # one after the other: together they would be read ahead
            rows_between(table, cut[at], cut[at + 1]) for table, cut in zip(laid, cuts, strict=True)
        )


def _renumbered(told: Account, piece: Piece) -> Account:
    """The account of a piece with the numbers that rows have in the log, of which those that are refused are kept."""
    report = told.report
    rows = report.refused.bad["row"]
    report.log = KeptRows(pl.DataFrame(), known=piece.kept(rows.unique().to_list())) if report.refused else None
    report.refused.bad = report.refused.bad.with_columns(row=piece.numbers[rows]).select("row", "reasons")
    return told


def _sum(accounts: list[Account]) -> Account:
    """One account of all pieces."""
    reports = [one.report for one in accounts]

    def counted(name: str) -> dict[str, int]:
        return dict(sum((Counter(getattr(one, name)) for one in reports), Counter[str]()))

    def total(name: str) -> int:
        return sum(getattr(one, name) for one in reports)

    bad = pl.concat([one.refused.bad.with_columns(pl.col("row").cast(pl.Int64)) for one in reports]).sort("row")
    counts = sum((Counter(one.refused.counts) for one in reports), Counter[str]())
    kept = KeptRows(
        pl.DataFrame(), known={row: told for one in reports if isinstance(one.log, KeptRows) for row, told in one.log.known.items()}
    )
    names = reports[0].cases
    whole = ImportReport(
        rows=total("rows"),
        events=total("events"),
        by_type={kind: n for kind in EVENT_TYPES if (n := counted("by_type").get(kind, 0))},
        unused=dict(sorted(counted("unused").items(), key=lambda item: -item[1])),
        undecided=total("undecided"),
        unanswered=total("unanswered"),
        refused=FailureReport(bad, dict(counts), sum(one.refused.duplicates for one in reports)),
        used=total("used"),
        passed_over=dict(sorted(counted("passed_over").items())),
        cases={name: sum(one.cases[name] for one in reports) for name in names},
        log=kept if kept.known else None,
    )

    def union(each: list[list[tuple[set[str], set[str]]]]) -> list[tuple[set[str], set[str]]]:
        return [
            (set().union(*(one[0] for one in ways)), set().union(*(one[1] for one in ways))) for ways in zip(*each, strict=True)
        ]

    scales = accounts[0].scales
    for one in accounts[1:]:
        for seen, more in zip(scales, one.scales, strict=True):
            if seen is not None and more is not None:
                seen.add(more)
    return Account(
        whole,
        sum(one.waiting for one in accounts),
        sum(one.twice for one in accounts),
        union([one.words for one in accounts]),
        union([one.compared for one in accounts]),
        scales,
    )
