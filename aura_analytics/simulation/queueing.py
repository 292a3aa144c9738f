"""First come, first served: when work starts and ends, for one server each or for a pool."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]

__all__ = ["fifo", "pool"]


def fifo(server: ArrayLike, arrival: ArrayLike, service: ArrayLike, free_from: ArrayLike | None = None) -> tuple[Ints, Ints]:
    """Start and end of every case, each server working off its own line in the order of arrival (ties: in the order given).

    Parameters
    ----------
    server
        Number of the server of each case, shape (n,).
    arrival, service
        Moments and durations in whole microseconds, durations at least 0; shape (n,).
    free_from
        Moment from which each server is free, shape (servers,); default from the beginning.

    Returns
    -------
    tuple of arrays
        Start and end, shape (n,), in the order given.

    Notes
    -----
    The recursion of Lindley as a running maximum: exact in whole numbers, whatever the order of additions.

    References
    ----------
    Lindley DV (1952) Proc Camb Phil Soc 48:277-289.

    Examples
    --------
    >>> start, end = fifo([0, 0, 1], [0, 5, 0], [10, 10, 3])
    >>> start.tolist(), end.tolist()
    ([0, 10, 0], [10, 20, 3])
    """
    who, came, takes = (np.asarray(each, dtype=np.int64) for each in (server, arrival, service))
    if not len(who):
        return came.copy(), came.copy()
    order = np.lexsort((np.arange(len(who)), came, who))
    w, a, s = who[order], came[order], takes[order]
    if free_from is not None:
        a = np.maximum(a, np.asarray(free_from, dtype=np.int64)[w])
    before = np.cumsum(s) - s  # work of all cases before, of whatever server: it cancels within one
    slack = a - before
    # running maximum within a server: lift every server above all before it
    span = int(slack.max()) - int(slack.min()) + 1
    rank = np.cumsum(np.concatenate([[0], (w[1:] != w[:-1]).astype(np.int64)]))
    if span * (int(rank[-1]) + 1) >= 2**62:
        raise ParameterError(
            Problem("the horizon is too long for so many servers", got=f"{int(rank[-1]) + 1} servers", next="shorten it")
        )
    lifted = slack - int(slack.min()) + rank * span
    latest = np.maximum.accumulate(lifted) - rank * span + int(slack.min())
    start = latest + before
    begin, end = np.empty_like(start), np.empty_like(start)
    begin[order], end[order] = start, start + s
    return begin, end


def pool(servers: int, arrival: ArrayLike, service: ArrayLike, free_from: ArrayLike | None = None) -> tuple[Ints, Ints, Ints]:
    """Start, end and server of every case of one line before several servers: the one that is free first takes the next.

    Parameters
    ----------
    servers
        How many, at least 1.
    arrival, service
        As in `fifo`; the order of arrival is the order of service.
    free_from
        As in `fifo`.

    Examples
    --------
    >>> start, end, server = pool(2, [0, 0, 1], [10, 4, 5])
    >>> start.tolist(), server.tolist()
    ([0, 0, 4], [0, 1, 1])
    """
    if servers < 1:
        raise ParameterError(Problem("a pool needs a server", got=servers))
    came, takes = (np.asarray(each, dtype=np.int64) for each in (arrival, service))
    free = [0] * servers if free_from is None else np.asarray(free_from, dtype=np.int64).tolist()
    if free_from is None:
        free = [int(came.min()) if len(came) else 0] * servers
    heap = [(moment, number) for number, moment in enumerate(free)]
    heapq.heapify(heap)
    order = np.argsort(came, kind="stable")
    start, who = np.empty(len(came), dtype=np.int64), np.empty(len(came), dtype=np.int64)
    for place, moment, length in zip(order.tolist(), came[order].tolist(), takes[order].tolist(), strict=True):
        ready, number = heap[0]
        begin = max(moment, ready)
        start[place], who[place] = begin, number
        heapq.heapreplace(heap, (begin + length, number))
    return start, start + takes, who
