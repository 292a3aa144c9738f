"""When officers work and how long a case takes them, read off their cases: shifts, queues of one, service times."""

from __future__ import annotations

import itertools
import math
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics.simulation.scenario_parts import Shift
from aura_analytics.simulation.worktime import DAY, WorkClock

__all__ = ["Worked", "lindley", "service", "shift_of", "work_of"]

_LINE = 0.95  # share of neighbours who leave in the order of their arrival, from which on it is a line
_KOLMOGOROV = 1.36  # 95 % limit of the distance between a sample and its distribution, times the square root of its size
_POINTS = 101  # of the inverse distribution, where it is kept as it is


class Worked(NamedTuple):
    """Cases that ended, in the order of actor, assignment and end.

    Attributes
    ----------
    assigned, ended
        Microseconds since 1970.
    hour, weekday
        Of the end: hours since midnight, and days since Monday.
    whose
        Number of the actor.
    """

    assigned: NDArray[np.int64]
    ended: NDArray[np.int64]
    hour: NDArray[np.float64]
    weekday: NDArray[np.int64]
    whose: NDArray[np.int64]

    @classmethod
    def of(cls, ended: pl.DataFrame) -> Worked:
        """From a table that is sorted by `actor`, `assigned` and `ended`."""
        at = ended["ended"]
        hour = (at.dt.hour().cast(pl.Float64) + at.dt.minute() / 60).to_numpy()
        assigned, over = (ended[name].to_physical().to_numpy() for name in ("assigned", "ended"))
        return cls(assigned, over, hour, at.dt.weekday().to_numpy().astype(np.int64) - 1, ended["actor"].rle_id().to_numpy())

    def part(self, first: int, after: int) -> Worked:
        """Some of them."""
        own = slice(first, after)
        return Worked(self.assigned[own], self.ended[own], self.hour[own], self.weekday[own], self.whose[own])


def work_of(part: Worked, zero: datetime) -> dict[str, Any]:
    """Shift, working times, and whether cases are worked off in a line."""
    shift = shift_of(part)
    monday = int(zero.timestamp() * 1e6) - zero.weekday() * DAY
    clock = WorkClock(shift)
    begin, end = (clock.worked(moments - monday) for moments in (part.assigned, part.ended))
    cuts = [0, *(np.flatnonzero(np.diff(part.whose)) + 1).tolist(), len(begin)]
    line = [(np.diff(end[a:b]) >= 0, lindley(begin[a:b], end[a:b])) for a, b in itertools.pairwise(cuts)]
    steps = np.concatenate([each[0] for each in line])
    one = bool(len(steps)) and float(steps.mean()) >= _LINE
    spent = np.concatenate([each[1] for each in line]) if one else end - begin
    return {
        "service": service(spent / 60e6),
        "shift": None if shift is None else shift.model_dump(),
        "capacity": 1 if one else None,
    }


def lindley(begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Working time of cases that are worked off one by one."""
    before = np.concatenate([[0], np.maximum.accumulate(end)[:-1]])
    return np.asarray(end - np.maximum(begin, before))


def _gap(hours: NDArray[np.int64]) -> tuple[int, int] | None:
    """The longest run of at least 5 hours, within the day, that hold 2 % of what ends at most."""
    best: tuple[int, int] | None = None
    for first in range(24):
        for after in range(first + 5, 25):
            if hours[first:after].sum() <= 0.02 * hours.sum() and (best is None or after - first > best[1] - best[0]):
                best = first, after
    return best


def shift_of(part: Worked, assumed: list[str] | None = None) -> Shift | None:
    """The hours between which 98 % of the cases end, in half hours, and the weekdays with at least 2 % of them; None: always."""
    hour = part.hour
    low, high = np.quantile(hour, [0.01, 0.99])
    start, end = math.floor(2 * low) / 2, min(math.floor(2 * high) / 2 + 0.5, 24.0)
    days = np.bincount(part.weekday, minlength=7) / len(hour)
    hours = np.bincount(hour.astype(int), minlength=24)
    if end - start >= 20 and assumed is not None and (gap := _gap(hours)):
        assumed.append(
            f"Hardly anything ends from {gap[0]}:00 to {gap[1]}:00, but work goes on over midnight: nights are "
            "counted as working time. Fit with "
            "utc_offset, the hours that people's clocks are ahead of UTC."
        )
    works = tuple(int(day) for day in np.flatnonzero(days >= 0.02))
    return None if end - start >= 23 and len(works) == 7 else Shift(start=start, end=end, days=works)


def service(minutes: NDArray[np.float64]) -> dict[str, Any]:
    """The likelier of two distributions, or, where neither fits, the times as they are; what takes no time at all counts as a
    second.
    """
    from scipy.special import ndtr

    held = np.sort(np.maximum(minutes, 1 / 60))
    logs = np.log(held)
    centre, spread, mean = float(logs.mean()), float(logs.std()), float(held.mean())
    if spread < 1e-3:
        return {"minutes": mean, "kind": "constant"}
    found: dict[str, Any]
    # one more parameter costs 1 (Akaike)
    lognormal = float((-logs - np.log(spread) - 0.5 * np.log(2 * np.pi) - (logs - centre) ** 2 / (2 * spread**2)).sum()) - 1
    if len(held) * (-np.log(mean) - 1) > lognormal:
        found, below = {"minutes": mean, "kind": "exponential"}, -np.expm1(-held / mean)
    else:
        found, below = (
            {"minutes": math.exp(centre + spread**2 / 2), "kind": "lognormal", "cv": math.sqrt(math.expm1(min(spread, 3) ** 2))},
            ndtr((logs - centre) / spread),
        )
    steps = np.arange(len(held)) / len(held)
    far = float(np.max(np.maximum(below - steps, steps + 1 / len(held) - below)))
    if far <= 0.02 + _KOLMOGOROV / math.sqrt(len(held)) and found.get("cv", 0) <= 20:
        return found
    points = np.quantile(held, np.linspace(0, 1, _POINTS))
    return {
        "minutes": float(((points[1:] + points[:-1]) / 2).mean()),
        "kind": "quantiles",
        "quantiles": [float(f"{point:.6g}") for point in points],
    }
