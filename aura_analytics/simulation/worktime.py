"""Working time: a clock that stands still outside of shifts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario import Shift

    Ints = NDArray[np.int64]

__all__ = ["DAY", "WorkClock"]

HOUR = 3_600_000_000
DAY = 24 * HOUR


class WorkClock:
    """Between calendar time and working time, both in microseconds from the Monday 0:00 before the run.

    Parameters
    ----------
    shift
        When work is done; None is day and night.

    Examples
    --------
    >>> from aura_analytics.simulation.scenario import Shift
    >>> clock = WorkClock(Shift(start=9, end=17, days=(0, 1)))
    >>> (clock.worked(np.array([10 * HOUR, 20 * HOUR])) // HOUR).tolist()
    [1, 8]
    >>> (clock.begins(np.array([8 * HOUR])) // HOUR).tolist(), (clock.ends(np.array([8 * HOUR])) // HOUR).tolist()
    ([33], [17])
    """

    def __init__(self, shift: Shift | None) -> None:
        days = sorted(shift.days) if shift is not None else range(7)
        begin = 0 if shift is None else round(shift.start * HOUR)
        end = DAY if shift is None else round(shift.end * HOUR)
        self.length = end - begin
        self._from = np.array([day * DAY + begin for day in days], dtype=np.int64)
        self._done = np.arange(len(self._from) + 1, dtype=np.int64) * self.length  # worked before each shift of the week
        self._week = int(self._done[-1])

    def worked(self, moment: Ints) -> Ints:
        """Working time up to a moment."""
        weeks, rest = np.divmod(moment, 7 * DAY)
        place = np.searchsorted(self._from, rest, side="right")
        inside = np.minimum(rest - self._from[np.maximum(place - 1, 0)], self.length)
        return np.asarray(weeks * self._week + np.where(place > 0, self._done[np.maximum(place - 1, 0)] + inside, 0))

    def begins(self, worked: Ints) -> Ints:
        """The first moment at which work that begins after so much working time can begin."""
        weeks, rest = np.divmod(worked, self._week)
        place = np.searchsorted(self._done[1:], rest, side="right")
        return np.asarray(weeks * 7 * DAY + self._from[place] + rest - self._done[place])

    def ends(self, worked: Ints) -> Ints:
        """The moment at which so much working time is over."""
        weeks, rest = np.divmod(worked - 1, self._week)
        place = np.searchsorted(self._done[1:], rest, side="right")
        return np.asarray(weeks * 7 * DAY + self._from[place] + rest + 1 - self._done[place])

    def tired(self, moment: Ints) -> NDArray[np.float64]:
        """Share of the shift that is over, of moments within one."""
        rest = moment % (7 * DAY)
        place = np.maximum(np.searchsorted(self._from, rest, side="right") - 1, 0)
        return np.clip((rest - self._from[place]) / self.length, 0, 1)
