"""How a board was counted, as its column `counted`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.extent import Extent
from aura_analytics.clock import times
from aura_analytics.clock.sla import limits_text
from aura_analytics.errors import close_match
from aura_analytics.rules.control import sentence
from aura_analytics.rules.counted import COUNTED

if TYPE_CHECKING:
    from aura_analytics.cases import Options
    from aura_analytics.clock.calendars import Calendar
    from aura_analytics.clock.sla import Sla
    from aura_analytics.dossier.board import Count

__all__ = ["beyond", "counted_row", "named_queues", "queue_names", "with_counted"]


def with_counted(
    board: pl.DataFrame, count: Count, reach: Extent, end: datetime | None, queues: Collection[str] = ()
) -> pl.DataFrame:
    """A board with the column `counted` after `as_of`; `queues` are those of the log, where limits name some."""
    row = counted_row(count, reach, end, queues)
    column = pl.Series("counted", [row], dtype=COUNTED).new_from_index(0, board.height)
    at = board.columns.index("as_of") + 1
    return board.select(*board.columns[:at], column, *board.columns[at:])


def counted_row(count: Count, reach: Extent, end: datetime | None, queues: Collection[str] = ()) -> dict[str, object]:
    """What `counted` says of a board."""
    options: Options = count.options
    return {
        "window": times.window_text(count.policy.window),
        "sla": limits_text(count.sla),
        "calendar": _calendar(options.calendar),
        "attribution": options.attribution,
        "holding": options.holding,
        "ratings": options.ratings,
        "confidence": count.confidence,
        "policy": f"{count.policy.name} {count.policy.spec.version}",
        "events": reach.events,
        "data": reach.digest,
        "later": 0 if end is None else reach.after(end),
        "notes": _notes(count.sla, options.calendar, queues),
    }


def named_queues(sla: Mapping[str, Sla]) -> set[str]:
    """The queues that limits of cases name."""
    return set(sla) - {"default"}


def queue_names(events: pl.LazyFrame, sla: Mapping[str, Sla]) -> list[str]:
    """The queues of a log, where limits of cases name some; none where nobody needs them."""
    if not named_queues(sla):
        return []
    return collect(events.select(pl.col("queue").drop_nulls().unique()))["queue"].to_list()


def _notes(sla: Mapping[str, Sla], calendar: Calendar | None, queues: Collection[str]) -> list[str]:
    """What must be said of limits of cases."""
    said = []
    for queue in sorted(named_queues(sla) - set(queues)):
        hint = close_match(queue, sorted(queues))
        said.append(f"There is a limit for queue {queue!r}, which no event of the log names{f': {hint}' if hint else '.'}")
    if calendar is None and any(limit.working_days is not None for limit in sla.values()):
        said.append("No calendar is given: working days are Monday to Friday in UTC, and no day is a holiday.")
    return said


def _calendar(calendar: Calendar | None) -> str | None:
    return None if calendar is None else str(calendar)


def beyond(board: pl.DataFrame, *, made_up: bool = False) -> list[str]:
    """What a view of a board must say of how it was counted: limits that meet no queue, days without a calendar, events that lie
    after the end of the window, an end that is still to come (of a world that is `made_up`, that is nothing to wonder at), and how
    many flags chance would make.
    """
    if board.is_empty() or "counted" not in board.columns:
        return []
    said = list(board["counted"][0].get("notes") or ())
    if (by_chance := sentence(board)) is not None:
        said.append(by_chance)
    later, end = board["counted"][0]["later"], board["as_of"][0]
    if later:
        said.append(
            "1 event lies after the end of the window and does not count."
            if later == 1
            else f"{later:,} events lie after the end of the window and do not count."
        )
    if end > datetime.now(timezone.utc) and not made_up:
        said.append(f"The window ends in the future, on {end:%Y-%m-%d}: so it was asked, or an event is dated later than today.")
    return said
