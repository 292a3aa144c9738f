"""How many audits until a decision, at given error rates.

Everything here is exact: audits are draws from many verdicts, so their number of hits is binomial, and every chance is a sum over
its values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics import intervals
from aura_analytics.statistics.rate_limits import exact_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = ["AuditPlan", "SequentialPlan", "audits_to_decide", "chance_of_decision", "chances_ahead", "sequential_audits"]


@dataclass(frozen=True)
class AuditPlan:
    """A number of audits, read once they are all there.

    Attributes
    ----------
    n
        Audits.
    flag_at
        From how many hits on the limit is exceeded.
    limit, bad, good
        The limit, the share that is to be found, and the share that must not be flagged.
    found, false
        Chance of a flag at the share `bad`, and at the share `good`.
    """

    n: int
    flag_at: int
    limit: float
    bad: float
    good: float
    found: float
    false: float

    def __str__(self) -> str:
        return (
            f"{self.n} audits, flagged from {self.flag_at} on: {self.found:.1%} of those with a share of {self.bad:.0%} are found, "
            f"{self.false:.2%} of those with {self.good:.0%} flagged"
        )


def audits_to_decide(
    limit: float = 0.10,
    bad: float = 0.36,
    good: float = 0.05,
    *,
    missed: float = 0.05,
    false: float = 0.01,
    confidence: float = 0.95,
    min_n: int = 20,
    most: int = 5_000,
) -> AuditPlan:
    """The fewest audits of one officer with which a rule keeps its error rates.

    The rule flags when the one-sided exact lower limit exceeds `limit`, as policies do.

    Parameters
    ----------
    limit
        What the share must exceed, in (0, 1).
    bad, good
        A share that is to be found, over the limit, and one that must not be flagged, at most the limit.
    missed, false
        How often the one may be missed and the other be flagged, in (0, 1).
    confidence, min_n
        Of the rule: one-sided level, and the fewest audits that decide anything.
    most
        Where to stop looking.

    Raises
    ------
    ParameterError
        For shares or error rates out of range, or if `most` audits do not do.

    Examples
    --------
    >>> print(audits_to_decide())
    27 audits, flagged from 6 on: 95.9% of those with a share of 36% are found, 0.19% of those with 5% flagged
    """
    from scipy.special import bdtrc  # scipy.stats would give the same, and takes a second to load

    _check(limit, bad, good, missed, false)
    for n in range(max(1, min_n), most + 1):
        at = _flag_at(n, limit, confidence)
        found, wrong = float(bdtrc(at - 1, n, bad)), float(bdtrc(at - 1, n, good))
        if found >= 1 - missed and wrong <= false:
            return AuditPlan(n, at, limit, bad, good, found, wrong)
    raise ParameterError(
        Problem(
            "no number of audits does that",
            got=f"up to {most:,}",
            next="ask for a share further from the limit, or allow more errors",
        )
    )


def _flag_at(n: int, limit: float, confidence: float) -> int:
    """The fewest hits of n whose one-sided lower limit exceeds a limit; n + 1 where none does."""
    hits = np.arange(n + 1)
    low, _ = exact_limits(hits, np.full(n + 1, n), 2 * confidence - 1)
    over = np.flatnonzero(low > limit)
    return int(over[0]) if len(over) else n + 1


def _check(limit: float, bad: float, good: float, missed: float, false: float) -> None:
    if not 0 < good <= limit < bad < 1:
        text = "0 < good <= limit < bad < 1"
        raise ParameterError(Problem("these shares do not fit", got=f"good {good:g}, limit {limit:g}, bad {bad:g}", expected=text))
    for name, value in (("missed", missed), ("false", false)):
        if not 0 < value < 1:
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected="a chance in (0, 1)"))


def chance_of_decision(hits: int, n: int, more: int, limit: float, *, confidence: float = 0.95, min_n: int = 20) -> Floats:
    """The chance that 0, 1, ... `more` further audits decide on which side of a limit somebody is, given what was found so far.

    A decision is a one-sided exact limit that leaves the limit on one side. The share is unknown; it is taken from its posterior
    (Beta, Jeffreys' prior), so the hits to come are beta-binomial.

    Parameters
    ----------
    hits, n
        So far.
    more
        How far to look ahead.
    limit, confidence, min_n
        As in `audits_to_decide`.

    Returns
    -------
    array
        Shape (more + 1,).

    Examples
    --------
    >>> chance_of_decision(12, 30, 2, 0.10)[:2].tolist()
    [1.0, 1.0]
    """

    def decides(x: Whole, total: Whole) -> NDArray[np.bool_]:
        low, high = exact_limits(x, total, 2 * confidence - 1)
        return np.asarray((total >= min_n) & ((low > limit) | (high < limit)))

    return chances_ahead(hits, n, more, decides)


def chances_ahead(hits: int, n: int, more: int, decides: Callable[[Whole, Whole], NDArray[np.bool_]]) -> Floats:
    """As `chance_of_decision`, where `decides` says of hits and observations whether they decide."""
    from scipy.special import betaln

    extra = np.repeat(np.arange(more + 1), np.arange(1, more + 2))
    x = np.arange(len(extra)) - extra * (extra + 1) // 2
    decided = decides(hits + x, n + extra)
    a, b, of = hits + 0.5, n - hits + 0.5, np.maximum(extra, 1)
    ways = -np.log(of + 1) - betaln(of - x + 1, x + 1)
    drawn = np.where(extra > 0, np.exp(ways + betaln(x + a, of - x + b) - betaln(a, b)), 1.0)
    chances = np.bincount(extra, weights=np.where(decided, drawn, 0.0), minlength=more + 1)
    whole = np.bincount(extra, weights=~decided, minlength=more + 1) == 0
    return np.where(whole, 1.0, chances)


@dataclass(frozen=True)
class SequentialPlan:
    """Audits that are read one after the other, and stop as soon as they decide.

    Attributes
    ----------
    table
        `n`, `flag_from` (hits from which on the limit is exceeded; null: none), `clear_to` (hits up to which the share `bad` is
        excluded; null: none).
    expected_bad, expected_good
        Audits on average until a decision, at the two shares.
    found, false
        Chance of a flag by the last row, at the two shares.
    """

    table: pl.DataFrame
    expected_bad: float
    expected_good: float
    found: float
    false: float

    def __str__(self) -> str:
        return (
            f"{self.expected_bad:.1f} audits on average until one who is to be found is decided on, {self.expected_good:.1f} for "
            f"one who does well; {self.found:.1%} found and {self.false:.2%} wrongly flagged within {self.table.height} audits"
        )


def sequential_audits(
    limit: float = 0.10,
    bad: float = 0.36,
    good: float = 0.05,
    *,
    missed: float = 0.05,
    false: float = 0.01,
    most: int = 200,
) -> SequentialPlan:
    """Audits that stop early: whenever one looks, the chance of a wrong decision so far is at most what was asked.

    Flagged is who exceeds `limit` by an e-value of 1 / `false`, let go who stays below `bad` by one of 1 / `missed`; both are
    mixture e-processes (see `aura_analytics.statistics.intervals.mixture_e_value`), which may be read after every audit.

    Parameters
    ----------
    limit, bad, good, missed, false
        As in `audits_to_decide`; that `good` is flagged is less likely still.
    most
        The most audits of one officer.

    Examples
    --------
    >>> plan = sequential_audits()
    >>> round(plan.expected_bad, 1), round(plan.expected_good, 1), round(plan.found, 3), round(plan.false, 4)
    (23.3, 13.8, 0.971, 0.0002)
    """
    _check(limit, bad, good, missed, false)
    over, under = -math.log(false), -math.log(missed)
    flags: list[int | None] = []
    clears: list[int | None] = []
    for n in range(1, most + 1):
        hits = np.arange(n + 1)
        trials = np.full(n + 1, n)
        exceeds = np.flatnonzero(intervals.mixture_e_value(hits, trials, limit) >= over)
        stays = np.flatnonzero(intervals.mixture_e_value(n - hits, trials, 1 - bad) >= under)
        flags.append(int(exceeds[0]) if len(exceeds) else None)
        clears.append(int(stays[-1]) if len(stays) else None)
    table = pl.DataFrame(
        {"n": range(1, most + 1), "flag_from": flags, "clear_to": clears},
        schema={"n": pl.Int64, "flag_from": pl.Int64, "clear_to": pl.Int64},
    )
    found, expected_bad = _followed(bad, flags, clears)
    wrong, expected_good = _followed(good, flags, clears)
    return SequentialPlan(table, expected_bad, expected_good, found, wrong)


def _followed(share: float, flags: list[int | None], clears: list[int | None]) -> tuple[float, float]:
    """Chance of a flag, and audits on average, at a share: every path of hits with its chance, stopped where it decides."""
    going = np.array([1.0])
    flagged = expected = 0.0
    for flag, clear in zip(flags, clears, strict=True):
        expected += going.sum()
        going = np.append(going * (1 - share), 0.0) + np.append(0.0, going * share)
        if flag is not None:
            flagged += going[flag:].sum()
            going[flag:] = 0.0
        if clear is not None:
            going[: clear + 1] = 0.0
    return float(flagged), float(expected)
