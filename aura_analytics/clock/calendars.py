"""Business calendars: how much working time lies between two moments.

A calendar has a zone, opening hours per weekday and for single dates, and public holidays (from the `holidays` package, or a list).
Opening and closing are wall-clock times of the zone, so a day on which clocks change has the length it really has: a time that the
clocks skip is the moment at which they do, and one that comes twice is the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_analytics.clock.opening import DAY, DAYS, instant, micros_of, open_before, opening_table, working_week, year_of
from aura_analytics.clock.times import check_zone
from aura_analytics.errors import FileMissingError, ParameterError, Problem, RuleError, close_match

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Calendar", "CalendarLike", "as_calendar"]

Hours = tuple[str, str] | Iterable[tuple[str, str]]

_PARTS = 86_400_000_000  # of a working day
_FIRST = np.datetime64("1969-12-31", "D")
_OFFICE: dict[str, Hours] = dict.fromkeys(DAYS[:5], ("09:00", "17:00"))


@dataclass(frozen=True)
class Calendar:
    """Opening hours in a zone, with holidays.

    Parameters
    ----------
    zone
        IANA name of the zone the office's clocks show.
    hours
        Opening and closing time by weekday (`mon` ... `sun`), as `HH:MM` or `HH:MM:SS`, or several such pairs; `24:00` closes at
        midnight, and a closing time before the opening time is the next day's. A weekday that is not named is closed. Default:
        Monday to Friday, 09:00-17:00.
    country, subdivision
        Whose public holidays are closed days, as the `holidays` package names them: `US`, `NL`, `DE` with `BY`, ...
    closed
        Further closed days: dates, or ISO 8601 texts.
    dates
        Opening hours of single dates, in place of everything else that is said of them; none is a closed day.

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
    hours: Mapping[str, Hours] = field(default_factory=lambda: dict(_OFFICE))
    country: str | None = None
    subdivision: str | None = None
    closed: Iterable[date | str] = ()
    dates: Mapping[date | str, Hours] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_zone(self.zone)
        problems: list[Problem] = []
        problems += [
            Problem("unknown weekday", got=day, expected=", ".join(DAYS), next=close_match(str(day), DAYS))
            for day in self.hours
            if day not in DAYS
        ]
        hours = {day: _spans(given, day, problems) for day, given in self.hours.items() if day in DAYS}
        closed = frozenset(_day(given, "closed", problems) for given in _listed(self.closed, problems))
        dates = {_day(given, "dates", problems): _spans(said, str(given), problems) for given, said in self.dates.items()}
        object.__setattr__(self, "closed", closed - {None})
        object.__setattr__(self, "_open", tuple(sorted(hours.items())))
        object.__setattr__(self, "_dates_open", tuple(sorted((day, said) for day, said in dates.items() if day is not None)))
        if not self.hours:
            problems.append(Problem("a calendar without opening hours", expected="at least one weekday"))
        if self.country is not None:
            import holidays

            known = holidays.list_supported_countries()
            if not isinstance(self.country, str) or self.country not in known:
                expected = "a code of the holidays package, such as 'US'"
                problems.append(Problem("no holidays known for the country", got=self.country, expected=expected))
            elif self.subdivision is not None and str(self.subdivision) not in known[self.country]:
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
            known = list(cls.__dataclass_fields__)
            hints = [Problem("unknown key", got=key, next=close_match(str(key), known)) for key in unknown]
            raise ParameterError("this is not a calendar", problems=hints)
        wrong = [
            Problem(f"{name} cannot be read", got=data[name], expected="keys and values")
            for name in ("hours", "dates")
            if name in data and not isinstance(data[name], Mapping)
        ]
        if wrong:
            raise ParameterError("this is not a calendar", problems=wrong)
        return cls(**data)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Calendar:
        """A calendar from a YAML file.

        Parameters
        ----------
        path
            The file: the parameters of a `Calendar` as keys.

        Raises
        ------
        FileMissingError, RuleError, ParameterError
            If it is not there, is no YAML, or no calendar.
        """
        from aura_analytics.yaml_text import YamlTextError, loaded

        if not Path(path).is_file():
            expected = "a Calendar, a dict such as {'country': 'US'}, or a YAML file of its keys"
            raise FileMissingError(Problem("no calendar file there", got=str(path), expected=expected))
        try:
            data = loaded(Path(path).read_bytes(), str(path))
        except YamlTextError as error:
            raise RuleError(f"{path} cannot be read", problems=error.problems) from None
        if not isinstance(data, Mapping):
            raise RuleError(Problem("a calendar file holds keys and values", got=type(data).__name__, where=f"{path}:1:1"))
        return cls.from_dict(data)

    def __str__(self) -> str:
        """Zone and country, and a digest of everything else, so that two calendars that differ look different."""
        place = "-".join(part for part in (self.country, self.subdivision) if part)
        _, hours, _, _, closed, dates = self._key()
        rest = hashlib.sha256(repr((hours, sorted(closed), dates)).encode()).hexdigest()[:8]
        return " ".join(part for part in (self.zone, place, rest) if part)

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return self.zone, self._open, self.country, self.subdivision, self.closed, self._dates_open  # type: ignore[attr-defined]

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
        return open_before(end, *table) - open_before(start, *table)

    def working_days(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
        """Working days after the day of `start`, up to and with the day of `end` (the day of receipt does not count).

        Parameters
        ----------
        start, end
            Moments in microseconds since 1970 (UTC), shape (n,); where `end` lies before `start` the count is negative.
        """
        if start.size == 0:
            return np.zeros(0, dtype=np.int64)
        years = (year_of(int(edge)) for edge in (min(start.min(), end.min()), max(start.max(), end.max())))
        return self._counted(self._dates(start), self._dates(end), working_week(self._key(), *years))

    def working_time(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """Working days up to each moment, in parts of which 86,400,000,000 are a day: of its own day the share that has passed.

        Only differences mean something. A day is open in proportion to its opening hours: a morning of a day from nine to five is
        half a day, and a night is nothing.

        Parameters
        ----------
        moments
            In microseconds since 1970 (UTC), shape (n,).
        """
        if moments.size == 0:
            return np.zeros(0, dtype=np.int64)
        days, place = np.unique(self._dates(moments), return_inverse=True)
        week = working_week(self._key(), *(year_of(int(edge)) for edge in (moments.min(), moments.max())))
        eve = days - np.timedelta64(1, "D")
        before = self._counted(np.full(len(days), _FIRST), eve, week)
        counts = self._counted(eve, days, week)
        begin = np.array([instant(self.zone, day, 0) for day in days.tolist()], dtype=np.int64)
        end = np.array([instant(self.zone, day, DAY) for day in days.tolist()], dtype=np.int64)
        opening, whole = self.business_micros(begin, end)[place], (end - begin)[place]
        passed = np.where(opening > 0, self.business_micros(begin[place], moments), moments - begin[place])
        share = passed / np.where(opening > 0, opening, whole)
        return before[place] * _PARTS + np.rint(counts[place] * share * _PARTS).astype(np.int64)

    def next_day(self, moments: NDArray[np.int64]) -> NDArray[np.int64]:
        """The beginning of the day after each moment, on the office's clocks; in microseconds since 1970.

        Parameters
        ----------
        moments
            In microseconds since 1970 (UTC), shape (n,).
        """
        days, place = np.unique(self._dates(moments), return_inverse=True)
        begin = np.array([instant(self.zone, day, DAY) for day in days.tolist()], dtype=np.int64)
        return np.asarray(begin[place])

    def _counted(
        self, first: NDArray[np.datetime64], last: NDArray[np.datetime64], week: tuple[np.busdaycalendar, NDArray[np.datetime64]]
    ) -> NDArray[np.int64]:
        """Working days after `first`, up to and with `last`."""
        days, more = week
        # numpy counts from a day up to the day before another; backwards it takes other days, so it is only asked forwards
        low, high = np.minimum(first, last) + 1, np.maximum(first, last) + 1
        count = np.busday_count(low, high, busdaycal=days) + np.searchsorted(more, high) - np.searchsorted(more, low)
        return np.where(last < first, -count, count)

    def elapsed_hours(self, start: datetime, end: datetime) -> float:
        """Opening hours between two moments, to a millionth of an hour.

        Parameters
        ----------
        start, end
            The moments; one without a zone is UTC.
        """
        moments = [np.array([micros_of(moment)], dtype=np.int64) for moment in (start, end)]
        return round(float(self.business_micros(*moments)[0]) / 3.6e9, 6)

    def _table(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        low, high = year_of(first), year_of(last)
        return opening_table(self._key(), low - 1, high + 1)

    def _dates(self, moments: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Local dates."""
        import polars as pl

        local = pl.Series(moments).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(self.zone)
        return local.dt.date().to_numpy().astype("datetime64[D]")


CalendarLike = Calendar | Mapping[str, Any] | str | Path | None


def as_calendar(calendar: CalendarLike) -> Calendar | None:
    """A calendar, from one, from plain keys and values, or from a YAML file of them; None counts every hour.

    Raises
    ------
    ParameterError
        If it is none of these, or the keys and values are no calendar.
    FileMissingError, RuleError
        If the file is not there, or is no YAML.
    """
    if calendar is None or isinstance(calendar, Calendar):
        return calendar
    if isinstance(calendar, Mapping):
        return Calendar.from_dict(calendar)
    if isinstance(calendar, (str, Path)):
        return Calendar.from_yaml(calendar)
    expected = "a Calendar, a dict such as {'country': 'US'}, or a YAML file of its keys"
    raise ParameterError(Problem("calendar cannot be read", got=calendar, expected=expected))


def _spans(given: Any, day: str, problems: list[Problem]) -> tuple[tuple[int, int], ...]:
    """Opening and closing times in seconds of the day; one that closes on the next day ends after its 24 hours."""
    pairs = [given] if isinstance(given, (tuple, list)) and given and isinstance(given[0], str) else given
    found = []
    try:
        for opens, closes in pairs:
            begin, end = _seconds(opens), _seconds(closes)
            if begin == end or begin >= DAY:
                problems.append(Problem(f"hours of {day} do not end after they begin", got=(opens, closes)))
            found.append((begin, end if end > begin else end + DAY))
    except (ValueError, TypeError):
        expected = "('09:00', '17:00'), or several such pairs"
        problems.append(Problem(f"hours of {day} cannot be read", got=given, expected=expected))
    return tuple(sorted(found))


def _day(given: Any, what: str, problems: list[Problem]) -> date | None:
    if isinstance(given, datetime):
        given = given.date()
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (ValueError, TypeError):
        problems.append(Problem(f"a date of {what} cannot be read", got=given, expected="a date, or ISO 8601 such as 2026-12-24"))
        return None


def _listed(given: Any, problems: list[Problem]) -> list[Any]:
    if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
        problems.append(Problem("closed cannot be read", got=given, expected="a list of dates"))
        return []
    return list(given)


def _seconds(text: str) -> int:
    if text == "24:00":
        return DAY
    moment = time.fromisoformat(text)
    return moment.hour * 3600 + moment.minute * 60 + moment.second
