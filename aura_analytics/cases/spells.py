"""Cases followed with care: reassigned, reopened, resolved twice, paused, never assigned, or held by several.

A case's clock starts when it is assigned (the last assignment before it was resolved), or when it was opened if nobody was ever
assigned. It ends at the last `RESOLVED`. A case that is assigned (or, unassigned, opened) again after that is open again. Time
between `PAUSED` and `RESUMED` does not count.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.options import Options
from aura_analytics.clock import times
from aura_analytics.events import CLOCK_TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Log", "clock", "days_off", "follow", "log_of", "micro", "paused"]

_START, _ASSIGNED, _PAUSED, _RESUMED, _RESOLVED = CLOCK_TYPES


def follow(past: pl.LazyFrame, as_of: datetime, options: Options, only: pl.Series | None, *, queue: bool) -> pl.DataFrame:
    """Spells of cases: who held them from when to when.

    Parameters
    ----------
    past
        Events up to `as_of`.
    as_of
        Until when cases are followed.
    options
        Whose time a case is.
    only
        Hashes of the cases to follow; None follows all.
    queue
        Whether the queue is wanted.

    Returns
    -------
    polars.DataFrame
        actor, actor_kind, start (-1 unknown), end, elapsed (null without a start; on the calendar, without pauses), closed_at,
        closed, open, resolved (by this very spell), idle (paused at its end), days_off (working days of its pauses,
        86,400,000,000 to the day), h (hash of the case), and `case` where a case may have several holders. Times are microseconds
        since 1970.
    """
    log = log_of(past, only, queue=queue)
    found = _by_holder(log, as_of) if options.holding == "holder" else _by_closer(log, as_of)
    start, end = found["start"].to_numpy(), found["end"].to_numpy()
    known = start >= 0
    stopped, off, idle = paused(log, found, options)
    elapsed = np.where(known, clock(np.where(known, start, end), end, options), 0) - stopped
    row = found["row"].to_numpy()
    extra = []
    if queue:  # the queue that the work began in; that of the resolution where the beginning names none
        began = found["start_row"].to_numpy()
        first = log.gather("queue", np.where(began >= 0, began, row))
        extra = [first.zip_with(first.is_not_null(), log.gather("queue", row))]
    table = found.with_columns(
        log.gather("actor_kind", row),
        log.gather("h", row),
        *extra,
        idle=pl.Series(idle),
        days_off=pl.Series(off),
        elapsed=pl.when(pl.Series(known)).then(pl.Series(elapsed, dtype=pl.Int64)),
    )
    return table if options.holding == "holder" else table.drop("case")


def log_of(past: pl.LazyFrame, only: pl.Series | None = None, *, queue: bool = True) -> Log:
    """The rows of some events that follow cases; of `only` these hashes of cases."""
    hashed = [pl.col("case_id").hash(11).alias("h"), pl.col("case_id").hash(97).alias("g")]
    columns = ["type", "ts", "actor", "actor_kind", *(["queue"] if queue else [])]
    rows = past.filter(pl.col("type").is_in(list(CLOCK_TYPES)) & pl.col("case_id").is_not_null()).select(*columns, *hashed)
    if only is not None:
        rows = rows.join(pl.LazyFrame({"h": only}), on="h", how="semi")
    return Log(collect(rows))


class Log:
    """The rows of one partition that follow cases, as arrays."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table
        self.ts: NDArray[np.int64] = table["ts"].to_physical().to_numpy()
        self.g = table["g"].to_numpy()
        self.thin = table.select("type", "h").with_row_index("row")

    def rows(self, *types: str) -> pl.DataFrame:
        """`row` and `h` of the rows of some types that have a case."""
        return self.thin.filter(pl.col("type").is_in(list(types)) & pl.col("h").is_not_null()).select("row", "h")

    def pairs(self, left: pl.DataFrame, right: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions in `left` and `right` of all pairs of rows of the same case."""
        indexed = left.select("h").with_row_index("i").join(right.select("h").with_row_index("j"), on="h")
        i, j = indexed["i"].to_numpy().astype(np.int64), indexed["j"].to_numpy().astype(np.int64)
        same = self.g[left["row"].to_numpy()[i]] == self.g[right["row"].to_numpy()[j]]
        return (i, j) if same.all() else (i[same], j[same])

    def times(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        """Times of some rows."""
        return np.asarray(self.ts[rows["row"].to_numpy()])

    def gather(self, column: str, rows: NDArray[np.int64]) -> pl.Series:
        """A column of some rows."""
        return self.table[column].gather(rows)


def micro(moment: datetime | None) -> int:
    """A moment in microseconds since 1970; -1, before any event, for None."""
    return -1 if moment is None else times.epoch_micros(moment)


def clock(start: NDArray[np.int64], end: NDArray[np.int64], options: Options) -> NDArray[np.int64]:
    """Time between moments, on the calendar if there is one."""
    return end - start if options.calendar is None else options.calendar.business_micros(start, end)


def days_off(low: NDArray[np.int64], high: NDArray[np.int64], start: NDArray[np.int64], options: Options) -> NDArray[np.int64]:
    """Working days of pauses, in parts of which 86,400,000,000 are a day: a day is open in proportion, and of the day on which
    the clock started nothing counts (see `Calendar.working_time`).
    """
    from aura_analytics.clock.calendars import Calendar

    calendar = options.calendar or Calendar()
    counted = calendar.next_day(start)
    return calendar.working_time(np.maximum(high, counted)) - calendar.working_time(np.maximum(low, counted))


def _last_resolution(log: Log) -> pl.DataFrame:
    """`row`, `h` of every case's last RESOLVED; of two at one instant the actor later in the alphabet."""
    resolved = log.rows(_RESOLVED)
    if resolved["h"].n_unique() == resolved.height:
        return resolved
    rows = resolved["row"].to_numpy()
    detailed = resolved.with_columns(ts=pl.Series(log.times(resolved)), g=pl.Series(log.g[rows]), actor=log.gather("actor", rows))
    return detailed.sort("ts", "actor", "row").unique(["h", "g"], keep="last").select("row", "h")


def _by_closer(log: Log, as_of: datetime) -> pl.DataFrame:
    """One spell per case: closed cases under who closed them, open ones under who holds them.

    Columns: actor, case (row of the log that stands for it), start (-1 unknown), end, closed, closed_at, open, resolved, row.
    """
    given, resolved = log.rows(_ASSIGNED), _last_resolution(log)
    start, holder, again, left_open = _starts(log, resolved, given)
    start_row = holder.copy()
    unknown = np.flatnonzero((start < 0) & ~again)
    if len(unknown):
        opened = _openings(log)
        late_start, opening, late_again, _ = _starts(log, resolved[unknown], opened)
        start[unknown], again[unknown] = late_start, late_again
        start_row[unknown] = opening
    rows = resolved["row"].to_numpy().astype(np.int64)
    done = ~again
    actor = log.gather("actor", rows)
    if actor.null_count():
        fallback = log.gather("actor", np.where(holder >= 0, holder, 0)).zip_with(
            pl.Series(holder >= 0), pl.Series([None] * len(rows), dtype=pl.String)
        )
        actor = actor.zip_with(actor.is_not_null(), fallback)
    ends = log.ts[rows]
    closed = pl.DataFrame(
        {"actor": actor, "row": rows, "start": start, "end": ends, "closed_at": ends, "start_row": start_row}
    ).filter(pl.Series(done))
    closed = closed.with_columns(closed=pl.lit(value=True), open=pl.lit(value=False), resolved=pl.lit(value=True))
    waiting = _open_spells(log, as_of, given, left_open)
    return pl.concat([closed, waiting.select(closed.columns)]).with_columns(case="row")


def _starts(
    log: Log, resolved: pl.DataFrame, begun: pl.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """When the work on each resolved case began.

    Returns, per resolution: the time of the last beginning not after it (-1: none), that row, and whether the case began again
    later; and, per beginning, whether it was left open (never resolved, or after the last resolution).
    """
    i, j = log.pairs(begun, resolved)
    began_rows = begun["row"].to_numpy().astype(np.int64)
    began, ended = log.ts[began_rows], log.times(resolved)
    after = began[i] > ended[j]
    again = np.zeros(resolved.height, dtype=bool)
    again[j[after]] = True
    left_open = np.ones(begun.height, dtype=bool)
    left_open[i[~after]] = False
    i, j = i[~after], j[~after]
    start = np.full(resolved.height, -1, dtype=np.int64)
    row = np.full(resolved.height, -1, dtype=np.int64)
    order = np.argsort(began[i], kind="stable") if np.bincount(j, minlength=1).max(initial=0) > 1 else slice(None)
    start[j[order]] = began[i][order]
    row[j[order]] = began_rows[i][order]
    return start, row, again, left_open


def _openings(log: Log) -> pl.DataFrame:
    """`row`, `h` of OPENED; one that repeats an earlier one without a resolution between them restarts nothing."""
    opened = log.rows(_START)
    if opened["h"].n_unique() == opened.height:
        return opened
    rows = log.rows(_START, _RESOLVED)
    where = rows["row"].to_numpy()
    ordered = rows.with_columns(
        ts=pl.Series(log.ts[where]), g=pl.Series(log.g[where]), over=log.table["type"].gather(where) == _RESOLVED
    ).sort("h", "g", "ts", "over", "row")
    first = ~pl.col("over") & pl.col("over").shift(1).over("h", "g").fill_null(value=True)
    return ordered.filter(first).select("row", "h").sort("row")


def _open_spells(log: Log, as_of: datetime, given: pl.DataFrame, left_open: NDArray[np.bool_]) -> pl.DataFrame:
    held = given.filter(pl.Series(left_open))
    rows = held["row"].to_numpy().astype(np.int64)
    spells = pl.DataFrame(
        {"actor": log.gather("actor", rows), "row": rows, "start": log.ts[rows], "h": held["h"], "g": log.g[rows]}
    )
    spells = spells.sort("start", "actor", "row").unique(["h", "g"], keep="last", maintain_order=True)
    return spells.with_columns(
        end=pl.lit(micro(as_of), dtype=pl.Int64),
        closed_at=pl.lit(-1, dtype=pl.Int64),
        closed=pl.lit(value=False),
        open=pl.lit(value=True),
        resolved=pl.lit(value=False),
        start_row=pl.col("row"),
    )


def _by_holder(log: Log, as_of: datetime) -> pl.DataFrame:
    """One spell per assignment, from it to the next one, the resolution, or `as_of`; columns as `_by_closer`."""
    given, resolved = log.rows(_ASSIGNED), _last_resolution(log)
    rows = given["row"].to_numpy().astype(np.int64)
    ends = pl.DataFrame({"h": resolved["h"], "g": log.g[resolved["row"].to_numpy()], "over": log.times(resolved)})
    spells = pl.DataFrame(
        {"actor": log.gather("actor", rows), "row": rows, "start": log.ts[rows], "h": given["h"], "g": log.g[rows]}
    )
    spells = spells.sort("h", "g", "start", "actor", "row").join(ends, on=["h", "g"], how="left", maintain_order="left")
    case = ["h", "g"]
    spells = spells.with_columns(
        following=pl.col("start").shift(-1).over(case),
        last=pl.col("start").max().over(case),
        case=pl.col("row").first().over(case),
    )
    now = pl.lit(micro(as_of), dtype=pl.Int64)
    every = log.rows(_RESOLVED)
    done = pl.DataFrame({"h": every["h"], "g": log.g[every["row"].to_numpy()], "done": log.times(every)}).sort("done")
    # a spell ends at the first resolution after it began, also when the case is opened again later
    spells = spells.sort("start").join_asof(
        done, left_on="start", right_on="done", by=["h", "g"], strategy="forward", check_sortedness=False
    )
    spells = spells.sort("h", "g", "start", "actor", "row")
    live_over = pl.col("done")
    spells = spells.with_columns(
        end=pl.min_horizontal(pl.col("following"), live_over, now),
        closed=(pl.col("over") >= pl.col("last")).fill_null(value=False),
        resolved=(live_over.is_not_null() & (pl.col("following").is_null() | (pl.col("following") > pl.col("done")))),
    )
    spells = spells.with_columns(
        open=pl.col("following").is_null() & ~pl.col("closed"),
        closed_at=pl.when(pl.col("closed")).then(pl.col("over")).otherwise(-1),
    )
    columns = ["actor", "row", "start", "end", "closed_at", "closed", "open", "resolved", "case", "start_row"]
    spells = spells.with_columns(start_row=pl.col("row"))
    never = _by_closer(log, as_of)
    started = set(spells.select("h").to_series().to_list())
    hashes = pl.Series(log.table["h"].gather(never["row"].to_numpy()))
    unassigned = never.filter(~hashes.is_in(list(started)))
    return pl.concat([spells.select(columns), unassigned.select(columns)])


def paused(log: Log, spells: pl.DataFrame, options: Options) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Time and working days inside each spell during which its case was paused, and whether it is paused at its end."""
    total, days = np.zeros(spells.height, dtype=np.int64), np.zeros(spells.height, dtype=np.int64)
    idle = np.zeros(spells.height, dtype=bool)
    marks = log.rows(_PAUSED, _RESUMED)
    if marks.is_empty():
        return total, days, idle
    rows = marks["row"].to_numpy()
    marks = marks.with_columns(
        ts=pl.Series(log.ts[rows]), g=pl.Series(log.g[rows]), stop=log.table["type"].gather(rows) == _PAUSED
    ).sort("h", "g", "ts", "stop")
    case = ["h", "g"]
    # a second PAUSED while paused, and a RESUMED while running, change nothing
    marks = marks.filter(pl.col("stop") != pl.col("stop").shift(1).over(case).fill_null(value=False))
    marks = marks.with_columns(until=pl.col("ts").shift(-1).over(case).fill_null(2**62)).filter(pl.col("stop"))
    subjects = pl.DataFrame({"row": spells["row"], "h": log.table["h"].gather(spells["row"].to_numpy())})
    i, j = log.pairs(subjects, marks.select("row", "h"))
    start, end = spells["start"].to_numpy()[i], spells["end"].to_numpy()[i]
    low = np.maximum(start, marks["ts"].to_numpy()[j])
    high = np.minimum(end, marks["until"].to_numpy()[j])
    real = (high > low) & (start >= 0)
    np.add.at(total, i[real], clock(low[real], high[real], options))
    np.add.at(days, i[real], days_off(low[real], high[real], start[real], options))
    idle[i[(marks["ts"].to_numpy()[j] <= end) & (marks["until"].to_numpy()[j] > end)]] = True
    return total, days, idle
