"""The office and its queues: what came in, what is open, what nobody was given, and how long citizens wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import polars as pl

from aura_analytics import cases
from aura_analytics.cases import COHORT, RECEIVED
from aura_analytics.cases.extent import extent
from aura_analytics.cases.receipt import received
from aura_analytics.cases.window import Window
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.dossier.board import count_of
from aura_analytics.dossier.counting import counted_row, queue_names
from aura_analytics.dossier.summary import collected
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.metrics.kinds.statuses import STATUSES
from aura_analytics.metrics.sla import receipt_breach_rate, sla_breach_rate
from aura_analytics.rules.counted import COUNTED

__all__ = ["office"]

_HOUR = 3_600_000_000
_RATES: tuple[Metric, ...] = (receipt_breach_rate, sla_breach_rate)
_SHOWN = ("", "_n", "_lo", "_hi", "_status")


def office(
    events: EventsLike,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    *,
    sla: SlaLike = None,
    calendar: CalendarLike = None,
    holding: cases.Holding = "closer",
    confidence: float = 0.95,
) -> pl.DataFrame:
    """The whole office and each queue: cases received and open, those that nobody was given, and the breach rates of both clocks.

    The citizen's clock runs from receipt (the first OPENED, else the first event of the case) to the last resolution; a case that
    was given or opened again is open again. The holder's runs from assignment. Cases that the log never opens, assigns or resolves
    (jobs of agents, bare ratings) are not followed.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    as_of, window, sla, calendar, holding, confidence
        As in `dossiers`; the window is by default that of the default policy.

    Returns
    -------
    polars.DataFrame
        One row for the office (`queue` null), then one per queue in alphabetical order (`(no queue)` for cases without one).
        `queue`, `as_of`, `counted`; `received` and `resolved` (cases received, and cases resolved for good, in the window),
        `open_cases` (all that are open, whenever they were received), `unassigned` (those of them that nobody was ever given),
        `oldest_open_hours` (on the calendar; null where none is open); `receipt_breach_rate` and `sla_breach_rate` with `_n`,
        `_lo`, `_hi`, `_status`
        (`no_target` without a limit). Fractions; null where undefined.

    Raises
    ------
    InputError, SchemaError
        If that holds no events.
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.from_records([
    ...     {"type": "OPENED", "case_id": "C1", "queue": "foia", "ts": "2026-01-05T00:00:00Z"},
    ...     {"type": "ASSIGNED", "case_id": "C1", "actor": "anne", "ts": "2026-01-07T00:00:00Z"},
    ...     {"type": "RESOLVED", "case_id": "C1", "actor": "anne", "ts": "2026-01-07T12:00:00Z"},
    ...     {"type": "OPENED", "case_id": "C2", "queue": "foia", "ts": "2026-01-05T00:00:00Z"}])
    >>> aura.office(log, sla="48h").select("queue", "open_cases", "unassigned", "receipt_breach_rate", "sla_breach_rate").rows()
    [(None, 1, 1, 1.0, 0.0), ('foia', 1, 1, 1.0, 0.0)]
    """
    count = count_of(None, window, metrics=_RATES, sla=sla, calendar=calendar, holding=holding, confidence=confidence)
    lazy = as_events(events)
    reach = extent(lazy, None if as_of is None else times.parse_as_of(as_of))
    end = reach.end if as_of is None else times.parse_as_of(as_of)
    moment = end or times.parse_as_of("1970-01-01")
    since = None if count.policy.window is None else moment - count.policy.window
    of_window = Window(lazy, moment, since, {RECEIVED: set(), COHORT: set()}, count.options)
    every = received(of_window.past, moment, count.options)
    facts = of_window.facts()
    floor = -1 if since is None else times.epoch_micros(since)
    numbers = _numbers(every.with_columns(_named()), floor)
    context = Context(moment, count.confidence, count.sla, count.options.calendar)
    board = pl.concat([numbers.filter(pl.col("queue").is_null()), numbers.filter(pl.col("queue").is_not_null()).sort("queue")])
    for rate, table in ((receipt_breach_rate, facts.table(RECEIVED)), (sla_breach_rate, facts.table(COHORT))):
        board = board.hstack(_rates(board, rate, table, context))
    row = counted_row(count, reach, end, queue_names(lazy, count.sla))
    counted = pl.Series("counted", [row], dtype=COUNTED).new_from_index(0, board.height)
    as_ofs = pl.lit(moment).cast(pl.Datetime("us", "UTC")).alias("as_of")
    return board.select("queue", as_ofs, counted, pl.exclude("queue"))


def _named() -> pl.Expr:
    return pl.col("queue").fill_null("(no queue)")


def _numbers(every: pl.DataFrame, floor: int) -> pl.DataFrame:
    """Plain numbers of the office (queue null) and of every queue."""
    still = ~pl.col("ended")
    numbers = {
        "received": (pl.col("start") > floor).sum(),
        "resolved": (pl.col("ended") & (pl.col("end") > floor)).sum(),
        "open_cases": still.sum(),
        "unassigned": (still & (pl.col("given") < 0)).sum(),
        "oldest_open_hours": pl.col("elapsed").filter(still).max() / _HOUR,
    }
    whole = every.select(pl.lit(None, dtype=pl.String).alias("queue"), **numbers)
    queues = every.group_by("queue").agg(**numbers)
    return pl.concat([whole, queues.select(whole.columns)]).with_columns(pl.col(list(numbers)[:-1]).cast(pl.Int64))


def _rates(board: pl.DataFrame, rate: Metric, table: pl.DataFrame, context: Context) -> pl.DataFrame:
    """A breach rate of the office and of every queue, in the order of the board."""
    of_queue = replace(rate, subject="group")
    # limits are by the queue's own name; the row is by the group
    groups = [pl.lit("").alias("group"), pl.lit("q:").add(_named()).alias("group")]
    doubled = pl.concat([table.with_columns(one) for one in groups])
    sums = collected(doubled, (of_queue.table, "group"), [of_queue])
    keys = board.select(actor=pl.lit("q:").add(pl.col("queue")).fill_null(""))
    columns = of_queue.finish(keys.join(sums, on="actor", how="left", maintain_order="left"), context)
    shown = pl.DataFrame({name: columns[name] for name in (f"{rate.name}{suffix}" for suffix in _SHOWN)})
    return shown.with_columns(
        pl.col(f"{rate.name}_status").replace_strict(list(range(len(STATUSES))), list(STATUSES), return_dtype=pl.String)
    )
