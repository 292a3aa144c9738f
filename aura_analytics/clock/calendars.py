"""Business calendars: how much working time lies between two moments.

A calendar has a zone, opening hours per weekday, and public holidays (from the `holidays` package, or a list). Opening and
closing are wall-clock times of the zone, so a day on which clocks change has the length it really has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from aura_analytics.clock.times import check_zone
from aura_analytics.errors import ParameterError, Problem, close_match

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Calendar", "CalendarLike", "as_calendar"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_OFFICE = dict.fromkeys(_DAYS[:5], ("09:00", "17:00"))


@dataclass(frozen=True)
class Calendar:
    """Opening hours in a zone, with holidays.

    Parameters
    ----------
    zone
        IANA name of the zone the office's clocks show.
    hours
        Opening and closing time by weekday (`mon` ... `sun`), as `HH:MM`; `24:00` closes at midnight. A weekday that is not
        named is closed. Default: Monday to Friday, 09:00-17:00.
    country, subdivision
        Whose public holidays are closed days, as the `holidays` package names them: `US`, `NL`, `DE` with `BY`, ...
    closed
        Further closed days.

    Raises
    ------
    ParameterError
        For an unknown zone, weekday or country, or a closing time that is not after opening.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> office = Calendar(zone="America/New_York", country="US")
    >>> friday = datetime(2026, 7, 2, 20, 0, tzinfo=timezone.utc)      # Thursday 16:00; 3 July is the observed holiday
    >>> monday = datetime(2026, 7, 6, 14, 0, tzinfo=timezone.utc)      # Monday 10:00
    >>> office.elapsed_hours(friday, monday)
    2.0
    """

    zone: str = "UTC"
    hours: Mapping[str, tuple[str, str]] = field(default_factory=lambda: dict(_OFFICE))
    country: str | None = None
    subdivision: str | None = None
    closed: Iterable[date] = ()

    def __post_init__(self) -> None:
        check_zone(self.zone)
        object.__setattr__(self, "closed", frozenset(self.closed))
        problems = []
        for day, span in self.hours.items():
            if day not in _DAYS:
                problems.append(Problem("unknown weekday", got=day, expected=", ".join(_DAYS), next=close_match(day, _DAYS)))
                continue
            try:
                opens, closes = (_minutes(text) for text in span)
            except (ValueError, TypeError):
                problems.append(Problem(f"hours of {day} cannot be read", got=span, expected="('09:00', '17:00')"))
                continue
            if not 0 <= opens < closes <= 24 * 60:
                problems.append(Problem(f"hours of {day} do not end after they begin", got=span))
        if not self.hours:
            problems.append(Problem("a calendar without opening hours", expected="at least one weekday"))
        if self.country is not None:
            import holidays

            known = holidays.list_supported_countries()
            if self.country not in known:
                expected = "a code of the holidays package, such as 'US'"
                problems.append(Problem("no holidays known for the country", got=self.country, expected=expected))
            elif self.subdivision is not None and self.subdivision not in known[self.country]:
                got = f"{self.country}-{self.subdivision}"
                problems.append(Problem("no holidays known for the subdivision", got=got, expected=", ".join(known[self.country])))
        if problems:
            raise ParameterError("this is not a calendar", problems=problems)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calendar:
        """A calendar from plain keys and values, as they stand in a YAML file.

        Parameters
        ----------
        data
            The parameters of a `Calendar`; days as dates or as ISO 8601 texts.

        Raises
        ------
        ParameterError
            For a key that a calendar does not have, or values that it cannot have.
        """
        unknown = [key for key in data if key not in cls.__dataclass_fields__]
        if unknown:
            hints = [Problem("unknown key", got=key, next=close_match(key, list(cls.__dataclass_fields__))) for key in unknown]
            raise ParameterError("this is not a calendar", problems=hints)
        values = dict(data)
        if "closed" in values:
            values["closed"] = [day if isinstance(day, date) else date.fromisoformat(str(day)) for day in values["closed"]]
        if "hours" in values:
            values["hours"] = {day: tuple(span) for day, span in values["hours"].items()}
        return cls(**values)

    def __str__(self) -> str:
        """Zone and country, and a digest of everything else, so that two calendars that differ look different."""
        place = "-".join(part for part in (self.country, self.subdivision) if part)
        rest = hashlib.sha256(repr((self._key()[1], sorted(self.closed))).encode()).hexdigest()[:8]
        return " ".join(part for part in (self.zone, place, rest) if part)

    def _key(self) -> tuple[Any, ...]:
        spans = tuple(sorted((day, tuple(span)) for day, span in self.hours.items()))
        return self.zone, spans, self.country, self.subdivision, frozenset(self.closed)

    def business_micros(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        """Microseconds of opening time between moments, given and returned as microseconds since 1970 (UTC).

        Parameters
        ----------
        start, end
            Moments, shape (n,); where `end` lies before `start` the time is negative.

        Returns
        -------
        numpy.ndarray
            Whole microseconds, shape (n,).
        """
        if start.size == 0:
            return np.zeros(0, dtype=np.int64)
        table = self._table(int(min(start.min(), end.min())), int(max(start.max(), end.max())))
        return _open_before(end, *table) - _open_before(start, *table)

    def working_days(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        """Working days after the day of `start`, up to and with the day of `end` (the day of receipt does not count).

        Parameters
        ----------
        start, end
            Moments in microseconds since 1970 (UTC), shape (n,); where `end` lies before `start` the count is negative.
        """
        if start.size == 0:
            return np.zeros(0, dtype=np.int64)
        years = (_year(int(edge)) for edge in (min(start.min(), end.min()), max(start.max(), end.max())))
        days = _working_week(self._key(), *years)
        first, last = self._dates(start), self._dates(end)
        # numpy counts from a day up to the day before another; backwards it takes other days, so it is only asked forwards
        count = np.busday_count(np.minimum(first, last) + 1, np.maximum(first, last) + 1, busdaycal=days)
        return np.where(last < first, -count, count)

    def elapsed_hours(self, start: datetime, end: datetime) -> float:
        """Opening hours between two moments.

        Parameters
        ----------
        start, end
            The moments; one without a zone is UTC.
        """
        moments = [np.array([_micros_of(moment)], dtype=np.int64) for moment in (start, end)]
        return float(self.business_micros(*moments)[0]) / 3.6e9

    def _table(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        low, high = _year(first), _year(last)
        return _opening_table(self._key(), low - 1, high + 1)

    def _dates(self, moments: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Local dates."""
        import polars as pl

        local = pl.Series(moments).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(self.zone)
        return local.dt.date().to_numpy().astype("datetime64[D]")


CalendarLike = Calendar | Mapping[str, Any] | None


def as_calendar(calendar: CalendarLike) -> Calendar | None:
    """A calendar, from one or from plain keys and values; None counts every hour.

    Raises
    ------
    ParameterError
        If it is neither, or the keys and values are no calendar.
    """
    if calendar is None or isinstance(calendar, Calendar):
        return calendar
    if isinstance(calendar, Mapping):
        return Calendar.from_dict(calendar)
    raise ParameterError(
        Problem("calendar cannot be read", got=calendar, expected="a Calendar, or a dict such as {'country': 'US'}")
    )


def _minutes(text: str) -> int:
    if text == "24:00":
        return 24 * 60
    moment = time.fromisoformat(text)
    return moment.hour * 60 + moment.minute


def _micros_of(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def _year(micro: int) -> int:
    return (_EPOCH + timedelta(microseconds=micro)).year


def _closed_days(key: tuple[Any, ...], low: int, high: int) -> set[date]:
    """Days without opening hours although their weekday has some."""
    _zone, _spans, country, subdivision, closed = key
    if country is None:
        return set(closed)
    import holidays

    # a year more on either side: the zone may move a moment into it
    off: set[date] = closed | set(holidays.country_holidays(country, subdiv=subdivision, years=range(low - 1, high + 2)))
    return off


def _open_days(key: tuple[Any, ...], low: int, high: int) -> list[tuple[date, tuple[str, str]]]:
    hours, off = dict(key[1]), _closed_days(key, low, high)
    day, end = date(low, 1, 1), date(high, 12, 31)
    found = []
    while day <= end:
        name = _DAYS[day.weekday()]
        if name in hours and day not in off:
            found.append((day, hours[name]))
        day += timedelta(days=1)
    return found


@lru_cache(maxsize=32)
def _opening_table(key: tuple[Any, ...], low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Opening and closing moments, and the opening time before each opening."""
    zone = ZoneInfo(key[0])

    def moment(day: date, text: str) -> int:
        minutes = _minutes(text)
        # adding to an aware datetime moves its wall clock, so a day with a clock change keeps its opening hours
        naive = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minutes)
        return _micros_of(naive)

    days = _open_days(key, low, high)
    opens = np.array([moment(day, span[0]) for day, span in days], dtype=np.int64)
    closes = np.array([moment(day, span[1]) for day, span in days], dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(closes - opens)[:-1]]).astype(np.int64) if len(days) else opens
    return opens, closes, before


@lru_cache(maxsize=32)
def _working_week(key: tuple[Any, ...], low: int, high: int) -> np.busdaycalendar:
    hours = dict(key[1])
    return np.busdaycalendar([day in hours for day in _DAYS], sorted(_closed_days(key, low, high)))


def _open_before(
    moments: NDArray[np.int64], opens: NDArray[np.int64], closes: NDArray[np.int64], before: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Opening time before each moment."""
    if opens.size == 0:
        return np.zeros_like(moments)
    at = np.searchsorted(opens, moments, side="right") - 1
    inside = np.clip(at, 0, None)
    spent = np.clip(moments - opens[inside], 0, closes[inside] - opens[inside])
    return np.where(at < 0, 0, before[inside] + spent)
