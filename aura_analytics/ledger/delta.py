"""A ledger copied into a Delta table, each event exactly once.

Every commit of the table says up to which row of which ledger it goes (an application transaction of the Delta protocol, named
after the ledger), together with the rows themselves. Who goes on reads it there, so a copy that was cut off anywhere goes on where
it stopped; of two that copy at once one commit is refused, and goes on after the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
from sqlalchemy import Connection, select

from aura_analytics.errors import LedgerDamagedError, OutputError, ParameterError, Problem
from aura_analytics.events import SCHEMA, empty
from aura_analytics.io.elsewhere import DELTA_EXTRA
from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import read_head
from aura_analytics.ledger.reading import event_frames

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from aura_analytics.ledger.store import Ledger

__all__ = ["Copied", "copy_to_delta"]

_ROWS = 500_000  # of a commit
_TRIES = 100  # commits that may be refused in a row because others were first
_SEQ, _MONTH = DELTA_EXTRA


class Copied(NamedTuple):
    """What was copied.

    Attributes
    ----------
    events
        Events that this call put into the table.
    seq
        The row of the ledger up to which the table goes now.
    version
        Version of the table.
    """

    events: int
    seq: int
    version: int


def copy_to_delta(
    ledger: Ledger, address: str | Path, *, rows: int = _ROWS, progress: Callable[[int], None] | None = None
) -> Copied:
    """Bring a Delta table up to the end of a ledger, each event exactly once.

    Parameters
    ----------
    ledger
        A `Ledger`.
    address
        Folder or address of the table (`s3://...`; credentials come from the environment); made where there is none. It holds the
        columns of the contract, and `aura_seq` (the row of the ledger) and `aura_month`, by which it is partitioned. Events are as
        they were recorded, each compared with its hash; marks on them, decisions of a log and the chain stay in the ledger. So an
        event that an import dated in the future counts there at once, and not, as in the ledger, when its time has come.
    rows
        About how many events a commit has, at least 1.
    progress
        Called with the row that was reached, after each commit.

    Returns
    -------
    Copied
        How many events, up to which row, and the version of the table.

    Raises
    ------
    ParameterError
        If `deltalake` is not installed, the table holds anything else than this ledger, or `rows` is out of range.
    LedgerDamagedError
        If an event is not what was recorded, or the table goes further than the ledger, says something else, or lost events.
    OutputError
        If the table cannot be opened.
    LedgerUnavailableError
        If the ledger cannot be reached.

    Examples
    --------
    >>> import tempfile
    >>> import aura_analytics as aura
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = aura.Ledger(f"sqlite:///{folder.name}/aura.db")
    >>> _ = ledger.record_events(aura.events.sample(400, seed=1))
    >>> copy_to_delta(ledger, f"{folder.name}/events").events, copy_to_delta(ledger, f"{folder.name}/events").events
    (404, 0)
    >>> aura.dossiers(f"{folder.name}/events").equals(aura.dossiers(ledger))
    True
    >>> ledger.close(); folder.cleanup()
    """
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise ParameterError(Problem("rows is out of range", got=rows, expected="1 or more"))
    where = str(address).removeprefix("delta+")
    try:
        from deltalake.exceptions import CommitFailedError
    except ImportError:
        hint = "pip install 'aura-analytics[cluster]'"
        raise ParameterError(Problem("Delta tables need deltalake", got=where, next=hint)) from None
    copied, refused = 0, 0
    while True:
        with (
            translated(ledger.engines.url),
            snapshot(ledger.engines) as connection,
        ):  # of this moment: another may have gone further
            name, end, *_ = read_head(connection)
            with _opening(where):
                table = _opened(where)
                done = _done(table, name, where)
                _same(connection, table, done, end, where)
            try:
                for part in _frames(connection, done, rows):
                    table = _committed(table, where, name, part)
                    copied += part.height
                    refused, done = 0, int(part[_SEQ][-1])
                    if progress is not None:
                        progress(done)
            except CommitFailedError:
                refused += 1
                if refused >= _TRIES:
                    raise
                continue  # somebody else was first: go on after what is there now
            return Copied(copied, done, int(table.version()))


@contextmanager
def _opening(where: str) -> Iterator[None]:
    """Our error for a table that cannot be opened."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OutputError(Problem("the table cannot be opened or made", got=said, where=where)) from None


_ANY = "aura-ledger"  # of two ledgers that begin at once the second commit is refused


def _application(ledger_id: str) -> str:
    return f"{_ANY}-{ledger_id}"


def _opened(where: str) -> DeltaTable:
    """The table, made where there is none."""
    from deltalake import DeltaTable, write_deltalake
    from deltalake.exceptions import DeltaError

    if not DeltaTable.is_deltatable(where):
        nothing = _laid(empty().with_columns(pl.lit(0, dtype=pl.Int64).alias(_SEQ)))
        try:
            write_deltalake(where, nothing, mode="error", partition_by=[_MONTH])
        except DeltaError:
            if not DeltaTable.is_deltatable(where):  # else somebody else has made it meanwhile
                raise
    return DeltaTable(where)


def _done(table: DeltaTable, ledger_id: str, where: str) -> int:
    """The row up to which a table goes."""
    done = table.transaction_version(_application(ledger_id))
    if done is not None:
        return int(done)
    made = {field.name for field in table.schema().fields} == {*SCHEMA, *DELTA_EXTRA}
    ours = made and table.metadata().partition_columns == [_MONTH]
    if table.transaction_version(_ANY) is not None or not ours or table.count():
        problem = Problem("that table holds something else than this ledger", got=where, next="choose another address")
        raise ParameterError(problem)
    return 0


def _same(connection: Connection, table: DeltaTable, done: int, end: int, where: str) -> None:
    """`LedgerDamagedError` where the table has more or fewer events than it says, or its last one is not that of the ledger."""
    if table.count() != done:
        problem = Problem(
            "the table lost events, or others were put in", got=f"{table.count():,}", expected=f"{done:,}", where=where
        )
        raise LedgerDamagedError(problem)
    if not done:
        return
    if done > end:
        raise LedgerDamagedError(
            Problem("the table goes further than the ledger", got=f"row {done:,}", expected=f"{end:,} or less")
        )
    column = tables.events.c
    ours = connection.execute(select(column.event_id, column.ts).where(column.seq == done)).one_or_none()
    last = pl.scan_delta(table).filter(pl.col(_SEQ) == done).select("event_id", pl.col("ts").to_physical()).collect().rows()
    if ours is None or last != [tuple(ours)]:
        problem = Problem(
            "the table says something else than the ledger", got=str(last), expected=str(ours), where=f"{where}, row {done:,}"
        )
        raise LedgerDamagedError(problem)


def _frames(connection: Connection, done: int, rows: int) -> Iterator[pl.DataFrame]:
    """What is new, in the order of the ledger, about so many rows at a time."""
    column = tables.events.c
    query = select(*(column[name] for name in tables.COLUMNS), column.seq.label(_SEQ)).where(column.seq > done).order_by(column.seq)
    held: list[pl.DataFrame] = []
    for frame in event_frames(connection, query, extra=1):
        for part in frame.iter_slices(rows):
            held.append(part)
            if sum(one.height for one in held) >= rows:
                yield pl.concat(held)
                held = []
    if held:
        yield pl.concat(held)


def _laid(part: pl.DataFrame) -> pl.DataFrame:
    """Rows as a table has them."""
    month = pl.col("ts").dt.strftime("%Y-%m").alias(_MONTH)
    return part.with_columns(pl.selectors.enum().cast(pl.String), month)


def _committed(table: DeltaTable, where: str, ledger_id: str, part: pl.DataFrame) -> DeltaTable:
    from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

    reached = int(part[_SEQ][-1])
    said = CommitProperties(app_transactions=[Transaction(name, reached) for name in (_ANY, _application(ledger_id))])
    write_deltalake(table, _laid(part), mode="append", partition_by=[_MONTH], commit_properties=said)
    return DeltaTable(where)
