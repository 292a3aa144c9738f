"""When an office is open: opening and closing moments of a calendar's days, and which days are worked."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["DAY", "DAYS", "instant", "micros_of", "open_before", "opening_table", "working_week", "year_of"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY = 86_400  # seconds


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970; a moment without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def year_of(micro: int) -> int:
    """The year of a moment in microseconds since 1970."""
    return (_EPOCH + timedelta(microseconds=micro)).year


def _closed_days(key: tuple[Any, ...], low: int, high: int) -> set[date]:
    """Days without opening hours although their weekday has some."""
    _zone, _hours, country, subdivision, closed, dates = key
    off: set[date] = set(closed)
    if country is not None:
        import holidays

        # a year more on either side: the zone may move a moment into it
        off |= set(holidays.country_holidays(country, subdiv=subdivision, years=range(low - 1, high + 2)))
    return (off - {day for day, spans in dates if spans}) | {day for day, spans in dates if not spans}


def _open_days(key: tuple[Any, ...], low: int, high: int) -> list[tuple[date, tuple[tuple[int, int], ...]]]:
    hours, off, dates = dict(key[1]), _closed_days(key, low, high), dict(key[5])
    day, end = date(low, 1, 1), date(high, 12, 31)
    found = []
    while day <= end:
        spans = dates.get(day, () if day in off else hours.get(DAYS[day.weekday()], ()))
        if spans:
            found.append((day, spans))
        day += timedelta(days=1)
    return found


def instant(zone: str, day: date, seconds: int) -> int:
    """The moment at which the clocks of a zone show a time of a day; one that they skip is when they do, of two the first."""
    # adding to an aware datetime moves its wall clock
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(seconds=seconds)
    first, other = micros_of(local), micros_of(local.replace(fold=1))
    if other >= first:  # ambiguous, or as every other time
        return first
    # skipped: reading it before the change lands after it, and the other way round; the change lies between
    low, high = other, first
    offset = local.replace(fold=0).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        at = (_EPOCH + timedelta(microseconds=middle)).astimezone(ZoneInfo(zone))
        low, high = (middle, high) if at.utcoffset() == offset else (low, middle)
    return high


@lru_cache(maxsize=32)
def opening_table(key: tuple[Any, ...], low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Opening and closing moments, and the opening time before each opening."""
    spans = sorted(
        (instant(key[0], day, begin), instant(key[0], day, end)) for day, said in _open_days(key, low, high) for begin, end in said
    )
    merged: list[list[int]] = []
    for begin, end in spans:
        if merged and begin <= merged[-1][1]:  # a night that reaches into the next opening counts once
            merged[-1][1] = max(merged[-1][1], end)
        elif end > begin:
            merged.append([begin, end])
    opens, closes = np.array(merged, dtype=np.int64).reshape(-1, 2).T
    before = np.concatenate([[0], np.cumsum(closes - opens)[:-1]]).astype(np.int64) if len(opens) else opens
    return opens, closes, before


@lru_cache(maxsize=32)
def working_week(key: tuple[Any, ...], low: int, high: int) -> tuple[np.busdaycalendar, NDArray[np.datetime64]]:
    """The days of a week on which work is done, without those that are closed; and dates on which it is done beside these."""
    hours, off = dict(key[1]), _closed_days(key, low, high)
    week = [bool(hours.get(day)) for day in DAYS]
    more = sorted(day for day, spans in key[5] if spans and not week[day.weekday()])
    return np.busdaycalendar(week, sorted(off)), np.array(more, dtype="datetime64[D]")


def open_before(
    moments: NDArray[np.int64], opens: NDArray[np.int64], closes: NDArray[np.int64], before: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Opening time before each moment."""
    if opens.size == 0:
        return np.zeros_like(moments)
    at = np.searchsorted(opens, moments, side="right") - 1
    inside = np.clip(at, 0, None)
    spent = np.clip(moments - opens[inside], 0, closes[inside] - opens[inside])
    return np.where(at < 0, 0, before[inside] + spent)
