"""What a rule is worth to somebody who weighs its two errors: net benefit, beside its error rates (decision curves)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import z_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["net_benefit"]

_ODDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)


def net_benefit(
    found: int, missed: int, false: int, cleared: int, thresholds: ArrayLike = _ODDS, confidence: float = 0.95
) -> pl.DataFrame:
    """Net benefit of a rule, of looking at everybody, and of looking at nobody, at each weight of its errors.

    A threshold of 0.2 says: whoever would look at five officers to find one who needs it weighs a false flag at 0.2 / 0.8 of a
    missed one. Net benefit counts what is found and takes off what is wrongly flagged at that weight, per officer: 0.03 is as good
    as finding three in a hundred and wronging nobody. **Do not conclude** that a rule with a positive net benefit is fair to whom
    it flags: it says what the office gains.

    Parameters
    ----------
    found, missed
        Officers who need it, flagged and not.
    false, cleared
        Officers who do not, flagged and not.
    thresholds
        Chances at which one would just look at somebody, in (0, 1).
    confidence
        Two-sided level of the limits, in (0, 1).

    Returns
    -------
    polars.DataFrame
        A row per threshold: `threshold`, `rule` with `lo`, `hi`, `everybody`, `nobody` (0), `best` (`rule`, `everybody` or
        `nobody`), and `avoided` (false flags that the rule avoids per 100 officers beside looking at everybody).

    Raises
    ------
    ParameterError
        For counts that are negative or all 0, and thresholds out of range.

    References
    ----------
    Vickers AJ, Elkin EB (2006) Med Decis Making 26:565-574. Limits: the variance of a weighted multinomial share.

    Examples
    --------
    >>> net_benefit(8, 2, 9, 81, [0.2]).select(pl.col("rule", "everybody").round(4), "best").row(0)
    (0.0575, -0.125, 'rule')
    """
    counts = (found, missed, false, cleared)
    if any(one < 0 for one in counts) or not sum(counts):
        raise ParameterError(Problem("counts are out of range", got=counts, expected="numbers from 0, not all 0"))
    at = np.atleast_1d(np.asarray(thresholds, dtype=float))
    if not ((at > 0) & (at < 1)).all():
        raise ParameterError(Problem("thresholds are out of range", got=at.tolist(), expected="chances above 0 and below 1"))
    n = sum(counts)
    weight = at / (1 - at)
    rule = found / n - weight * false / n
    everybody = (found + missed) / n - weight * (false + cleared) / n
    se = np.sqrt(np.maximum(found / n + weight**2 * false / n - rule**2, 0) / n)
    half = z_value(confidence) * se
    best = np.where((rule >= everybody) & (rule >= 0), "rule", np.where(everybody > 0, "everybody", "nobody"))
    return pl.DataFrame(
        {
            "threshold": at,
            "rule": rule,
            "lo": rule - half,
            "hi": rule + half,
            "everybody": everybody,
            "nobody": np.zeros(len(at)),
            "best": best.tolist(),
            "avoided": 100 * (rule - everybody) / weight,
        }
    )
