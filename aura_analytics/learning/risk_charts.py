"""One officer over time, case by case, with the risk of each case allowed for; and charts of rare events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["RareEvents", "g_chart", "risk_cusum", "risk_cusum_limit", "t_chart", "vlad"]

_TAIL = 0.00135  # beyond three standard deviations of a normal number, on each side


def _cases(hit: ArrayLike, risk: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    happened, chance = np.asarray(hit, dtype=bool), np.asarray(risk, dtype=float)
    if happened.shape != chance.shape or happened.ndim != 1:
        shapes = happened.shape, chance.shape
        raise ParameterError(
            Problem("hit and risk differ in shape", got=shapes, expected="one of each a case, in the order of time")
        )
    if chance.size and not ((chance > 0) & (chance < 1)).all():
        raise ParameterError(Problem("risk is out of range", got=float(chance.min()), expected="chances above 0 and below 1"))
    return happened, chance


def _scores(happened: NDArray[np.bool_], chance: Floats, odds_ratio: float) -> Floats:
    """Log likelihood ratio of each case: the odds multiplied, against as they are."""
    return np.asarray(happened * np.log(odds_ratio) - np.log1p(chance * (odds_ratio - 1)))


def _odds(odds_ratio: float) -> None:
    if not odds_ratio > 0 or odds_ratio == 1:
        raise ParameterError(Problem("odds_ratio is out of range", got=odds_ratio, expected="above 0, and not 1"))


def risk_cusum(hit: ArrayLike, risk: ArrayLike, limit: float, *, odds_ratio: float = 2.0, head_start: float = 0.0) -> pl.DataFrame:
    """Risk-adjusted CUSUM: what speaks for odds that have been multiplied, case by case.

    It asks whether somebody has *become* different from what was expected, and finds a lasting change soon. **Do not conclude**
    from an alarm that the cause is the person: the risk says only what covariates say.

    Parameters
    ----------
    hit
        Whether it happened, in the order of time, shape (n,).
    risk
        The chance that was expected of each case, in (0, 1), shape (n,); such as by a model of the others.
    limit
        At which it alarms, above 0; `risk_cusum_limit` finds one.
    odds_ratio
        The change that is to be found: 2 is twice the odds, 0.5 half. Above 0, not 1.
    head_start
        Share of the limit at which it begins, and begins again after an alarm, in [0, 1): 0.5 finds soon what is wrong from the
        beginning, at the cost of more false alarms.

    Returns
    -------
    polars.DataFrame
        A row per case: `case` (1, 2, ...), `hit`, `risk`, `score`, `value` (at least 0), `signal` (whether it is at the limit; it
        then begins anew).

    Raises
    ------
    ParameterError
        If shapes differ or numbers are out of range.

    References
    ----------
    Steiner SH, Cook RJ, Farewell VT, Treasure T (2000) Biostatistics 1:441-452. Lucas JM, Crosier RB (1982) Technometrics
    24:199-205, for head starts.

    Examples
    --------
    >>> risk_cusum([True, True, False, True], [0.2] * 4, 1.0)["value"].round(2).to_list()
    [0.51, 1.02, 0.0, 0.51]
    """
    happened, chance = _cases(hit, risk)
    _odds(odds_ratio)
    if not limit > 0 or not 0 <= head_start < 1:
        got = (limit, head_start)
        raise ParameterError(Problem("limit or head_start is out of range", got=got, expected="a limit above 0, a share in [0, 1)"))
    score = _scores(happened, chance, odds_ratio)
    value, signal, now = np.zeros(len(score)), np.zeros(len(score), dtype=bool), head_start * limit
    for i, step in enumerate(score.tolist()):
        now = max(0.0, now + step)
        value[i], signal[i] = now, now >= limit
        if signal[i]:
            now = head_start * limit
    return pl.DataFrame(
        {
            "case": np.arange(1, len(score) + 1),
            "hit": happened,
            "risk": chance,
            "score": score,
            "value": value,
            "signal": signal,
        }
    )


def risk_cusum_limit(
    risk: ArrayLike,
    *,
    odds_ratio: float = 2.0,
    false_alarm: float = 0.05,
    cases: int | None = None,
    head_start: float = 0.0,
    draws: int = 2_000,
    may_be: ArrayLike | None = None,
    seed: int = 0,
) -> float:
    """The limit of a risk-adjusted CUSUM at which it alarms falsely at any of so many cases with a stated chance, by simulation.

    Parameters
    ----------
    risk
        Chances of cases like those that will come, in (0, 1).
    odds_ratio, head_start
        As in `risk_cusum`.
    false_alarm
        The chance of any alarm where nothing has changed, in (0, 1).
    cases
        Over how many cases, at least 1; default as many as `risk` has.
    may_be
        Chances that these cases may as well have, where `risk` is only an estimate, shape (m, n): each run takes one row.
    draws, seed
        How many runs are drawn, at least 200; the same seed gives the same limit.

    Raises
    ------
    ParameterError
        If numbers are out of range.

    Examples
    --------
    >>> limit = risk_cusum_limit([0.1, 0.3] * 100, false_alarm=0.05, cases=200)
    >>> 3 < limit < 5
    True
    """
    _, chance = _cases(np.zeros(len(np.asarray(risk)), dtype=bool), risk)
    _odds(odds_ratio)
    length = len(chance) if cases is None else cases
    if not 0 < false_alarm < 1 or length < 1 or draws < 200 or not 0 <= head_start < 1 or not chance.size:
        got, expected = (
            (false_alarm, length, draws, head_start),
            "a chance in (0, 1), cases from 1, draws from 200, a share in [0, 1)",
        )
        raise ParameterError(Problem("a limit cannot be found so", got=got, expected=expected))
    draw = np.random.Generator(np.random.Philox(seed))
    which = draw.integers(0, len(chance), (draws, length))
    drawn = chance[which]
    true = drawn if may_be is None else np.asarray(may_be, float)[np.arange(draws)[:, None] % len(np.asarray(may_be)), which]
    score = _scores(draw.random((draws, length)) < true, drawn, odds_ratio)

    def highest(start: float) -> Floats:
        now, most = np.full(draws, start), np.zeros(draws)
        for i in range(length):
            now = np.maximum(0.0, now + score[:, i])
            most = np.maximum(most, now)
        return most

    limit = float(np.quantile(highest(0.0), 1 - false_alarm, method="higher"))
    for _ in range(30 if head_start else 0):
        after = float(np.quantile(highest(head_start * limit), 1 - false_alarm, method="higher"))
        if abs(after - limit) < 1e-6:
            break
        limit = (limit + after) / 2
    return limit


def vlad(hit: ArrayLike, risk: ArrayLike) -> pl.DataFrame:
    """Variable life-adjusted display: expected less observed, summed over cases. Rising is fewer than expected.

    It says how many, where the CUSUM says whether. It wanders by chance alone: the band says how far.

    Parameters
    ----------
    hit, risk
        As in `risk_cusum`.

    Returns
    -------
    polars.DataFrame
        A row per case: `case`, `value` (expected less observed so far), `lo`, `hi` (within which it lies at that case in 95 % if
        nothing has changed).

    Raises
    ------
    ParameterError
        If shapes differ or risks are out of range.

    References
    ----------
    Lovegrove J, Valencia O, Treasure T, Sherlaw-Johnson C, Gallivan S (1997) Lancet 350:1128-1130.

    Examples
    --------
    >>> vlad([True, False, False], [0.2, 0.3, 0.5])["value"].round(2).to_list()
    [-0.8, -0.5, 0.0]
    """
    happened, chance = _cases(hit, risk)
    half = 1.959964 * np.sqrt(np.cumsum(chance * (1 - chance)))
    value = np.cumsum(chance - happened)
    return pl.DataFrame({"case": np.arange(1, len(value) + 1), "value": value, "lo": -half, "hi": half})


@dataclass(frozen=True, repr=False)
class RareEvents:
    """A chart of what lies between rare events.

    Attributes
    ----------
    points
        `event` (1, 2, ...), `between` (cases or time since the one before), `signal` (`soon`, `late` or null).
    centre, low, high
        The median, and the limits that lie as far out as three standard deviations of a normal number do.
    """

    points: pl.DataFrame
    centre: float
    low: float
    high: float

    def __repr__(self) -> str:
        """Its limits, in a line."""
        return f"RareEvents({self.points.height} events, centre {self.centre:.3g}, limits {self.low:.3g} to {self.high:.3g})"


def g_chart(between: ArrayLike, rate: float | None = None) -> RareEvents:
    """Chart of rare events by the number of cases from one to the next: a g chart.

    Parameters
    ----------
    between
        Cases from one event to the next, the event itself counted: whole numbers from 1, in the order of time.
    rate
        The chance of the event per case when nothing has changed, in (0, 1); default that of these numbers.

    Returns
    -------
    RareEvents
        Limits are exact quantiles of the geometric distribution (at 0.00135 on each side), which is so skewed that three standard
        deviations around its mean would find no improvement and cry wolf. Events that come one after the other cannot be below the
        lower limit where the rate is above 0.00135.

    Raises
    ------
    ParameterError
        If numbers are not whole or below 1, or the rate is out of range.

    References
    ----------
    Benneyan JC (2001) Health Care Manag Sci 4:305-318. Montgomery DC, Introduction to Statistical Quality Control, section 7.3.5.

    Examples
    --------
    >>> g_chart([40, 3, 77, 1], rate=0.001)
    RareEvents(4 events, centre 693, limits 2 to 6.6e+03)
    """
    values = _waits(between, whole=True)
    p = 1 / float(values.mean()) if rate is None else rate
    if not 0 < p < 1:
        raise ParameterError(Problem("rate is out of range", got=p, expected="a chance above 0 and below 1"))

    def quantile(q: float) -> float:
        return float(max(1.0, np.ceil(np.log1p(-q) / np.log1p(-p))))

    return _rare(values, quantile(0.5), quantile(_TAIL), quantile(1 - _TAIL))


def t_chart(between: ArrayLike, mean: float | None = None) -> RareEvents:
    """Chart of rare events by the time from one to the next: a t chart.

    Parameters
    ----------
    between
        Time from one event to the next, in any unit, above 0, in the order of time.
    mean
        Mean time when nothing has changed, above 0, in that unit; default that of these times.

    Returns
    -------
    RareEvents
        Limits are exact quantiles of the exponential distribution.

    Raises
    ------
    ParameterError
        If times or the mean are out of range.

    References
    ----------
    Nelson LS (1994) J Qual Technol 26:239-240. Montgomery DC, Introduction to Statistical Quality Control, section 7.3.5.

    Examples
    --------
    >>> t_chart([10.0, 0.01, 30.0, 80.0], mean=10.0).points["signal"].to_list()
    [None, 'soon', None, 'late']
    """
    values = _waits(between, whole=False)
    scale = float(values.mean()) if mean is None else mean
    if not scale > 0:
        raise ParameterError(Problem("mean is out of range", got=scale, expected="a time above 0"))
    return _rare(values, *(float(-scale * np.log1p(-q)) for q in (0.5, _TAIL, 1 - _TAIL)))


def _waits(between: ArrayLike, *, whole: bool) -> Floats:
    values = np.asarray(between, dtype=float)
    least = 1 if whole else np.nextafter(0, 1)
    good = values.ndim == 1 and values.size and np.isfinite(values).all() and (values >= least).all()
    if not good or (whole and (values != np.round(values)).any()):
        expected = "whole numbers from 1" if whole else "times above 0"
        raise ParameterError(Problem("that does not lie between events", got=f"shape {values.shape}", expected=expected))
    return values


def _rare(values: Floats, centre: float, low: float, high: float) -> RareEvents:
    signal = ["soon" if value < low else "late" if value > high else None for value in values.tolist()]
    points = pl.DataFrame({"event": np.arange(1, len(values) + 1), "between": values, "signal": pl.Series(signal, dtype=pl.String)})
    return RareEvents(points, centre, low, high)
