"""The events and the window that a caller asks for, for everything that is counted once and not kept."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import polars as pl

from aura_analytics.cases.extent import last_work
from aura_analytics.clock import times
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.rules.policy import as_policy

__all__ = ["AskedWindow", "asked_window"]


class AskedWindow(NamedTuple):
    """Events, and the window `(since, end]` of them; `since` None is the whole log up to the end."""

    events: pl.LazyFrame
    end: datetime
    since: datetime | None


def asked_window(events: EventsLike, as_of: datetime | date | str | None, window: str | timedelta | None) -> AskedWindow | None:
    """The window that is asked for: by default that of the default policy, up to the last event about work; None without any."""
    lazy = as_events(events)
    end = last_work(lazy) if as_of is None else times.parse_as_of(as_of)
    if end is None:
        return None
    span = as_policy(None).over(window).window
    return AskedWindow(lazy, end, None if span is None else end - span)
