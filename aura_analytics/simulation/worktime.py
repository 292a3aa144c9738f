"""Working time: a clock that stands still outside of shifts and on holidays."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario_parts import Shift

    Ints = NDArray[np.int64]

__all__ = ["DAY", "HOUR", "WorkClock"]

HOUR = 3_600_000_000
DAY = 24 * HOUR


class WorkClock:
    """Between calendar time and working time, both in microseconds from the Monday 0:00 before the run.

    Parameters
    ----------
    shift
        When work is done; None is day and night.
    horizon
        Days that the run lasts, from that Monday on; what is later has the same shifts and no holidays.
    holidays
        Days without work, by number from that Monday on.

    Examples
    --------
    >>> from aura_analytics.simulation.scenario_parts import Shift
    >>> clock = WorkClock(Shift(start=9, end=17, days=(0, 1)))
    >>> (clock.worked(np.array([10 * HOUR, 20 * HOUR])) // HOUR).tolist()
    [1, 8]
    >>> (clock.begins(np.array([8 * HOUR])) // HOUR).tolist(), (clock.ends(np.array([8 * HOUR])) // HOUR).tolist()
    ([33], [17])
    """

    def __init__(self, shift: Shift | None, horizon: int = 0, holidays: Collection[int] = ()) -> None:
        self.always: bool = shift is None and not holidays
        self._begin = 0 if shift is None else round(shift.start * HOUR)
        self.length: int = DAY - self._begin if shift is None else round(shift.end * HOUR) - self._begin
        weekdays = np.isin(np.arange(7), range(7) if shift is None else shift.days)
        weeks = -(-max(horizon, 1, *(day + 1 for day in holidays)) // 7)
        works = np.tile(weekdays, weeks)
        works[list(holidays)] = False
        self._days = np.flatnonzero(works)  # the days of work, of which the last weeks repeat
        self._before = np.concatenate([[0], np.cumsum(works)])  # shifts before each day
        self._works = works
        self._week = np.flatnonzero(weekdays)
        self._week_before = np.concatenate([[0], np.cumsum(weekdays)])
        self._weekdays = weekdays
        self._total = len(self._days)

    def _shifts(self, day: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """How many shifts lie before a day, and whether it has one."""
        end = len(self._works)
        if day.size and int(day.max()) >= end:
            weeks, rest = np.divmod(np.maximum(day - end, 0), 7)
            later = day >= end
            inside = np.minimum(day, end - 1)
            before = np.where(later, self._total + weeks * len(self._week) + self._week_before[rest], self._before[inside])
            return before, np.where(later, self._weekdays[rest], self._works[inside])
        return self._before[day], self._works[day]

    def _day(self, shift: Ints) -> Ints:
        """The day of a shift."""
        if shift.size and int(shift.max()) >= self._total:
            weeks, rest = np.divmod(np.maximum(shift - self._total, 0), len(self._week))
            later = len(self._works) + weeks * 7 + self._week[rest]
            if not self._total:
                return np.asarray(later)
            return np.where(shift >= self._total, later, self._days[np.minimum(shift, self._total - 1)])
        return np.asarray(self._days[shift])

    def worked(self, moment: Ints) -> Ints:
        """Working time up to a moment."""
        if self.always:
            return moment
        day = moment // DAY
        before, works = self._shifts(day)
        inside = np.clip(moment - day * DAY - self._begin, 0, self.length)
        return np.asarray(before * self.length + np.where(works, inside, 0))

    def begins(self, worked: Ints) -> Ints:
        """The first moment at which work that begins after so much working time can begin."""
        if self.always:
            return worked
        shift = worked // self.length
        return np.asarray(self._day(shift) * DAY + self._begin + worked - shift * self.length)

    def ends(self, worked: Ints) -> Ints:
        """The moment at which so much working time is over."""
        if self.always:
            return worked
        return np.asarray(self.begins(worked - 1) + 1)

    def tired(self, moment: Ints) -> NDArray[np.float64]:
        """Share of the shift that is over, of moments within one."""
        return np.clip((moment % DAY - self._begin) / self.length, 0, 1)
