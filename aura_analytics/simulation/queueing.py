"""First come, first served: when work starts and ends, for a line each or for one line before many."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]

__all__ = ["fifo", "lines", "shared_line"]


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
    order = by_line(who, came)
    w, a, s = who[order], came[order], takes[order]
    if free_from is not None:
        a = np.maximum(a, np.asarray(free_from, dtype=np.int64)[w])
    before = np.cumsum(s) - s  # work of all cases before, of whatever server: it cancels within one
    slack = a - before
    # running maximum within a server: lift every server above all before it
    low = int(slack.min())
    span = int(slack.max()) - low + 1
    rank = np.zeros(len(w), dtype=np.int64)
    np.cumsum(w[1:] != w[:-1], out=rank[1:])
    if span * (int(rank[-1]) + 1) >= 2**62:
        raise ParameterError(
            Problem("the horizon is too long for so many servers", got=f"{int(rank[-1]) + 1} servers", next="shorten it")
        )
    lift = rank * span - low
    start = np.maximum.accumulate(slack + lift) - lift + before
    begin, end = np.empty_like(start), np.empty_like(start)
    begin[order], end[order] = start, start + s
    return begin, end


def by_line(server: Ints, arrival: Ints) -> Ints:
    """The order of cases by server, and of one server by arrival (ties: as given)."""
    narrow = server.astype(np.int16) if int(server.max(initial=0)) < 2**15 else server  # 16 bits are sorted in one pass
    if (arrival[1:] >= arrival[:-1]).all():
        return np.argsort(narrow, kind="stable")
    first = np.argsort(arrival, kind="stable")
    return np.asarray(first[np.argsort(narrow[first], kind="stable")])


def lines(server: Ints, arrival: Ints, service: Ints, free: Sequence[list[int]]) -> tuple[Ints, Ints]:
    """As `fifo`, of servers who work on several cases at once.

    Parameters
    ----------
    server, arrival, service
        As in `fifo`.
    free
        Per server a heap with the moment from which each of their places is free; it is changed to what holds afterwards.

    Examples
    --------
    >>> places = [[0, 0]]
    >>> start, end = lines(np.zeros(3, dtype=int), np.array([0, 0, 1]), np.array([10, 4, 5]), places)
    >>> start.tolist(), places
    ([0, 0, 4], [[9, 10]])
    """
    start = np.empty(len(server), dtype=np.int64)
    order = by_line(server, arrival)
    for place, who, came, takes in zip(
        order.tolist(), server[order].tolist(), arrival[order].tolist(), service[order].tolist(), strict=True
    ):
        begin = max(came, free[who][0])
        heapq.heapreplace(free[who], begin + takes)
        start[place] = begin
    return start, start + service


def shared_line(
    queue: Ints,
    may: Sequence[Sequence[int]],
    arrival: Sequence[Ints],
    service: Sequence[Ints],
    free: Sequence[list[tuple[int, int]]],
    moment: Sequence[Callable[[int], int]] | None = None,
) -> tuple[Ints, Ints, Ints]:
    """One line before groups of servers with different skills: who is free takes the first case that they may work on.

    Parameters
    ----------
    queue
        Kind of each case, shape (n,).
    may
        Per kind the groups that may work on it, at least one.
    arrival, service
        Per group the arrivals and durations of the cases on the group's clock, shape (n,); the first group's arrivals give the
        order.
    free
        Per group a heap of (moment from which free, server); it is changed to what holds afterwards.
    moment
        Per group from its clock to one that all share; default one clock for all.

    Returns
    -------
    tuple of arrays
        Start (on the clock of the group), group and server of each case.

    Notes
    -----
    In the order of arrival every case takes the earliest server that may work on it (of several, who has been free for longest):
    nobody who came later can be in its way.
    """
    n = len(queue)
    start, chosen, who = (np.empty(n, dtype=np.int64) for _ in range(3))
    came, takes = [each.tolist() for each in arrival], [each.tolist() for each in service]
    for place in np.argsort(arrival[0], kind="stable").tolist() if n else ():
        groups = may[queue[place]]
        best = groups[0]
        begin = max(came[best][place], free[best][0][0])
        if len(groups) > 1:
            seen = None
            for group in groups:
                ready = free[group][0][0]
                other = max(came[group][place], ready)
                # of those who could begin at once, who has been free for longest
                shown = (other, ready) if moment is None else (moment[group](other), moment[group](ready))
                if seen is None or shown < seen:
                    best, begin, seen = group, other, shown
        number = free[best][0][1]
        heapq.heapreplace(free[best], (begin + takes[best][place], number))
        start[place], chosen[place], who[place] = begin, best, number
    return start, chosen, who
