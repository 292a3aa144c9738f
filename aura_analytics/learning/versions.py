"""Two versions of something, compared by everything that happened under each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.learning.comparisons import binomial_test, difference, paired_difference
from aura_analytics.statistics.intervals import z_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


__all__ = ["VersionComparison", "compare"]


@dataclass(frozen=True)
class VersionComparison:
    """A later version beside an earlier one.

    Attributes
    ----------
    verdict
        `regression` (surely worse by more than nothing, and not surely within the margin), `worse_within_margin` (surely worse,
        surely by less than the margin), `not_worse` (surely not worse by the margin), `better` (surely better), `inconclusive`.
    n_before, n_after, rate_before, rate_after
        Outcomes and success rates; rates are null without outcomes.
    difference, lo, hi
        After minus before, with its interval; null without outcomes.
    margin, confidence
        What was asked.
    paired
        How many pairs it rests on; null when unpaired.
    p_value
        Two-sided, of no difference: McNemar's exact test when paired, else Fisher's.
    """

    verdict: str
    n_before: int
    n_after: int
    rate_before: float | None
    rate_after: float | None
    difference: float | None
    lo: float | None
    hi: float | None
    margin: float
    confidence: float
    paired: int | None
    p_value: float | None

    def __str__(self) -> str:
        """One line for people."""
        if self.difference is None or self.lo is None or self.hi is None:
            return f"{self.verdict}: n = {self.n_before:,} before, {self.n_after:,} after"
        n = f"{self.paired:,} pairs" if self.paired is not None else f"n = {self.n_before:,} and {self.n_after:,}"
        return (
            f"{self.verdict}: {self.rate_before:.1%} before, {self.rate_after:.1%} after, difference {self.difference:+.1%}"
            f" ({self.lo:+.1%} to {self.hi:+.1%}; margin {self.margin:.1%}; {n})"
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def compare(
    before: ArrayLike, after: ArrayLike, *, paired: bool = False, margin: float = 0.05, confidence: float = 0.95
) -> VersionComparison:
    """Compare the outcomes of two versions.

    Parameters
    ----------
    before, after
        Outcomes 0 or 1; with `paired`, of the same tasks in the same order.
    paired
        Whether they are of the same tasks: then what is alike cancels out.
    margin
        How much worse is still taken for no worse, as a difference of rates, at least 0. Say it before looking.
    confidence
        Two-sided level of the interval; a verdict errs in one direction with half of what is left.

    Returns
    -------
    VersionComparison

    Raises
    ------
    ParameterError
        For outcomes that are neither 0 nor 1, pairs of different length, and a margin or level out of range.

    References
    ----------
    Piaggio G et al. (2012) JAMA 308:2594-2604 (non-inferiority). Newcombe RG (1998), as `difference` and `paired_difference`.

    Examples
    --------
    >>> compare([1] * 90 + [0] * 10, [1] * 60 + [0] * 40).verdict
    'regression'
    >>> compare([1] * 9 + [0], [1] * 8 + [0] * 2).verdict
    'inconclusive'
    """
    z_value(confidence)
    if not 0 <= margin < 1 or not 0 < confidence < 1:
        problem = Problem(
            "margin or level is out of range", got=(margin, confidence), expected="a margin in [0, 1), a level in (0, 1)"
        )
        raise ParameterError(problem)
    first, second = (np.asarray(each, dtype=float) for each in (before, after))
    if not (np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all()):
        raise ParameterError(Problem("an outcome is neither 0 nor 1", expected="1 for success, 0 otherwise"))
    if paired and first.shape != second.shape:
        raise ParameterError(
            Problem("pairs differ in number", got=f"{len(first)} and {len(second)}", expected="one of each a task")
        )
    n1, n2, k1, k2 = len(first), len(second), int(first.sum()), int(second.sum())
    if not n1 or not n2:
        rates = (k1 / n1 if n1 else None, k2 / n2 if n2 else None)
        return VersionComparison("inconclusive", n1, n2, *rates, None, None, None, margin, confidence, 0 if paired else None, None)
    if paired:
        gained, lost = int(((second == 1) & (first == 0)).sum()), int(((second == 0) & (first == 1)).sum())
        low, high = paired_difference(int(((first == 1) & (second == 1)).sum()), gained, lost, n1 - k1 - gained, confidence)
        chance = binomial_test(gained, gained + lost, 0.5).p_value if gained + lost else 1.0
    else:
        from scipy.stats import fisher_exact

        low, high = (float(limit) for limit in difference(k2, n2, k1, n1, confidence))
        chance = float(fisher_exact([[k1, n1 - k1], [k2, n2 - k2]])[1])
    verdict = (
        "better"
        if low > 0
        else "worse_within_margin"
        if high < 0 and low > -margin
        else "regression"
        if high < 0
        else "not_worse"
        if low > -margin
        else "inconclusive"
    )
    return VersionComparison(
        verdict, n1, n2, k1 / n1, k2 / n2, k2 / n2 - k1 / n1, low, high, margin, confidence, n1 if paired else None, chance
    )
