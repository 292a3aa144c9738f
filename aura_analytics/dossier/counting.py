"""How a board was counted, as its column `counted`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.extent import Extent
from aura_analytics.clock import times
from aura_analytics.rules.counted import COUNTED

if TYPE_CHECKING:
    from aura_analytics.cases import Options
    from aura_analytics.clock.calendars import Calendar
    from aura_analytics.clock.sla import Sla
    from aura_analytics.dossier.board import Count

__all__ = ["beyond", "counted_row", "with_counted"]


def with_counted(board: pl.DataFrame, count: Count, reach: Extent, end: datetime | None) -> pl.DataFrame:
    """A board with the column `counted` after `as_of`."""
    row = counted_row(count, reach, end)
    column = pl.Series("counted", [row], dtype=COUNTED).new_from_index(0, board.height)
    at = board.columns.index("as_of") + 1
    return board.select(*board.columns[:at], column, *board.columns[at:])


def counted_row(count: Count, reach: Extent, end: datetime | None) -> dict[str, object]:
    """What `counted` says of a board."""
    options: Options = count.options
    return {
        "window": times.window_text(count.policy.window),
        "sla": _limits(count.sla),
        "calendar": _calendar(options.calendar),
        "attribution": options.attribution,
        "holding": options.holding,
        "confidence": count.confidence,
        "policy": f"{count.policy.name} {count.policy.spec.version}",
        "events": reach.events,
        "data": reach.digest,
        "later": 0 if end is None else reach.after(end),
    }


def _limits(sla: Mapping[str, Sla]) -> str | None:
    """Limits of cases in one text; null without any."""
    return "; ".join(f"{queue}: {limit}" for queue, limit in sorted(sla.items())) or None


def _calendar(calendar: Calendar | None) -> str | None:
    return None if calendar is None else str(calendar)


def beyond(board: pl.DataFrame, *, made_up: bool = False) -> list[str]:
    """What a view of a board must say of its window: events that lie after its end, and an end that is still to come (of a world
    that is `made_up`, that is nothing to wonder at).
    """
    if board.is_empty() or "counted" not in board.columns:
        return []
    said = []
    later, end = board["counted"][0]["later"], board["as_of"][0]
    if later:
        said.append(
            "1 event lies after the end of the window and does not count."
            if later == 1
            else f"{later:,} events lie after the end of the window and do not count."
        )
    if end > datetime.now(timezone.utc) and not made_up:
        said.append(f"The window ends in the future, on {end:%Y-%m-%d}: an event is dated later than today.")
    return said
