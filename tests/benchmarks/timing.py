"""Stopwatches of the benchmarks."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["cpu", "milliseconds"]


def cpu() -> float:
    """CPU seconds that this process has used, in all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def milliseconds(calls: Iterable[Callable[[], Any]]) -> list[float]:
    """Wall time of each call."""
    times = []
    for call in calls:
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return times
