"""What queueing theory says of simple worlds: the measure that the simulator is held against."""

from __future__ import annotations

from dataclasses import dataclass

from aura_analytics.errors import ParameterError, Problem

__all__ = ["Queueing", "erlang_b", "littles_law", "mg1", "mmc"]


@dataclass(frozen=True)
class Queueing:
    """A queue in its steady state: mean number waiting (`lq`) and present (`l`), mean wait (`wq`) and stay (`w`), load, chance of
    an idle system (`p0`).
    """

    lq: float
    l: float  # noqa: E741  (the field's symbol)
    wq: float
    w: float
    load: float
    p0: float


def erlang_b(servers: int, offered: float) -> float:
    """Chance that an arrival finds all servers taken, where nobody waits.

    Parameters
    ----------
    servers
        How many.
    offered
        Arrivals times mean service time, positive.

    References
    ----------
    Erlang AK (1917). Computed by the usual recursion.

    Examples
    --------
    >>> round(erlang_b(10, 10), 4)
    0.2146
    """
    found = 1.0
    for count in range(1, servers + 1):
        found = offered * found / (count + offered * found)
    return found


def mmc(arrivals: float, service: float, servers: int = 1) -> Queueing:
    """Poisson arrivals, exponential service, several servers.

    Parameters
    ----------
    arrivals, service
        Rates: per unit of time, of the stream and of one server; positive.
    servers
        How many.

    Raises
    ------
    ParameterError
        If the load is not below 1: then there is no steady state.

    References
    ----------
    Erlang AK (1917), the C formula. Gross D, Harris CM (1998) Fundamentals of Queueing Theory, section 2.3.

    Examples
    --------
    >>> round(mmc(6, 3, 3).lq, 4)
    0.8889
    """
    offered = arrivals / service
    load = offered / servers
    if not 0 < load < 1:
        raise ParameterError(Problem("there is no steady state", got=f"load {load:g}", expected="above 0 and below 1"))
    blocked = erlang_b(servers, offered)
    waits = blocked / (1 - load * (1 - blocked))
    lq = waits * load / (1 - load)
    term = total = 1.0
    for count in range(1, servers):
        term *= offered / count
        total += term
    p0 = 1 / (total + term * offered / servers / (1 - load))
    return Queueing(lq, lq + offered, lq / arrivals, lq / arrivals + 1 / service, load, p0)


def mg1(arrivals: float, mean: float, sd: float) -> Queueing:
    """Poisson arrivals, any service times, one server.

    Parameters
    ----------
    arrivals
        Rate.
    mean, sd
        Of the service time.

    References
    ----------
    Pollaczek F (1930), Khinchine A (1932). Banks J et al., Discrete-Event System Simulation, section 6.4.

    Examples
    --------
    >>> round(mg1(1 / 30, 24, 20).lq, 3)
    2.711
    """
    load = arrivals * mean
    if not 0 < load < 1:
        raise ParameterError(Problem("there is no steady state", got=f"load {load:g}", expected="above 0 and below 1"))
    lq = load**2 * (1 + (sd / mean) ** 2) / (2 * (1 - load))
    return Queueing(lq, lq + load, lq / arrivals, lq / arrivals + mean, load, 1 - load)


def littles_law(arrivals: list[float], departures: list[float]) -> tuple[float, float, float]:
    """Arrival rate, mean stay and mean number present on a path from empty to empty; the last is the product of the first two.

    References
    ----------
    Little JDC (1961) Oper Res 9:383-387.

    Examples
    --------
    >>> littles_law([0, 1, 2], [3, 4, 6])
    (0.5, 3.3333333333333335, 1.6666666666666667)
    """
    if len(arrivals) != len(departures) or not arrivals or any(d < a for a, d in zip(arrivals, departures, strict=False)):
        raise ParameterError(Problem("arrivals and departures do not fit", expected="one departure after each arrival"))
    span = max(departures) - min(arrivals)
    # the number present, integrated over time by its steps
    steps = sorted([(moment, 1) for moment in arrivals] + [(moment, -1) for moment in departures])
    area = present = 0.0
    last = steps[0][0]
    for moment, change in steps:
        area += present * (moment - last)
        present, last = present + change, moment
    stay = sum(d - a for a, d in zip(arrivals, departures, strict=True)) / len(arrivals)
    return len(arrivals) / span, stay, area / span
