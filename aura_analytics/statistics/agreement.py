"""Agreement between people who judge the same things, beyond what chance would give; and who errs how, without knowing the truth.

A coefficient of agreement says nothing about who is right: two who make the same mistake agree. Each falls when one answer is much
more frequent than the others although people agree as often as before (the paradox of A. R. Feinstein and D. V. Cicchetti 1990,
Journal of Clinical Epidemiology 43:543-549), so that two values from different material cannot be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import z_value

__all__ = ["Agreement", "cohen_kappa", "fleiss_kappa", "krippendorff_alpha"]

Floats = NDArray[np.float64]
Weights = Literal["none", "linear", "quadratic"]
Level = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True)
class Agreement:
    """Agreement beyond chance: 1 is perfect, 0 what chance gives, below 0 less than that.

    Attributes
    ----------
    value
        The coefficient; `nan` where it is undefined, as when nobody ever gave another answer.
    lo, hi
        Limits.
    se
        Standard error.
    observed
        Share of pairs that agree (weighted, where answers have weights; `nan` for Krippendorff's other levels than nominal).
    n
        Things that were judged by at least two.
    se_null
        Standard error if there is none beyond chance, for a test of that; of Cohen's kappa, `nan` of others.
    """

    value: float
    lo: float
    hi: float
    se: float
    observed: float
    n: int
    se_null: float = float("nan")


def cohen_kappa(table: ArrayLike, weights: Weights = "none", confidence: float = 0.95) -> Agreement:
    """Cohen's kappa of two judges.

    Parameters
    ----------
    table
        Counts, shape `(k, k)`: in row i and column j the things that the first judge called i and the second j.
    weights
        `none`: answers agree or do not; `linear`, `quadratic`: for ordered answers, by how far they are apart.
    confidence
        Two-sided level, in (0, 1). Limits are normal, from the large-sample variance: below about 30 things they are too narrow.

    Returns
    -------
    Agreement
        Source: J. Cohen 1960, Educational and Psychological Measurement 20:37-46, and 1968, Psychological Bulletin 70:213-220; the
        variance is that of J. L. Fleiss, J. Cohen and B. S. Everitt 1969, Psychological Bulletin 72:323-327.

    Raises
    ------
    ParameterError
        If that is no square table of counts, or for unknown weights.

    Examples
    --------
    >>> found = cohen_kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    >>> round(found.value, 3), round(found.se, 3), found.n
    (0.676, 0.088, 100)
    """
    counts = np.asarray(table, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.shape[0] < 2 or (counts < 0).any():
        raise ParameterError(Problem("this is no table of two judges", got=f"shape {counts.shape}", expected="k x k counts from 0"))
    if weights not in get_args(Weights):
        raise ParameterError(Problem("unknown weights", got=weights, expected=", ".join(get_args(Weights))))
    k, n = len(counts), counts.sum()
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))) / (k - 1)
    w = np.eye(k) if weights == "none" else 1 - apart if weights == "linear" else 1 - apart**2
    with np.errstate(invalid="ignore", divide="ignore"):
        p = counts / n
        rows, columns = p.sum(axis=1), p.sum(axis=0)
        observed, chance = np.float64((w * p).sum()), np.float64(rows @ w @ columns)
        value = (observed - chance) / (1 - chance)
        of_rows, of_columns = w @ columns, rows @ w
        inner = (w - (of_rows[:, None] + of_columns[None]) * (1 - value)) ** 2
        variance = ((p * inner).sum() - (value - chance * (1 - value)) ** 2) / (n * (1 - chance) ** 2)
        at_chance = (np.outer(rows, columns) * (w - of_rows[:, None] - of_columns[None]) ** 2).sum() - chance**2
        null = float(np.sqrt(np.maximum(at_chance, 0.0) / n) / (1 - chance))
    return replace(_told(value, float(np.sqrt(np.maximum(variance, 0.0))), float(observed), int(n), confidence), se_null=null)


def fleiss_kappa(counts: ArrayLike, confidence: float = 0.95) -> Agreement:
    """Fleiss' kappa of several judges, who need not be the same for each thing, but as many.

    Parameters
    ----------
    counts
        Shape `(things, answers)`: how many judges gave each answer.
    confidence
        Two-sided level, in (0, 1). Limits are those of a jackknife over things.

    Returns
    -------
    Agreement
        Source: J. L. Fleiss 1971, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76:378-382.

    Raises
    ------
    ParameterError
        If things were judged by different numbers of judges, or by fewer than two.

    Examples
    --------
    >>> found = fleiss_kappa([[5, 0], [4, 1], [0, 5], [1, 4], [5, 0], [0, 5]])
    >>> round(found.value, 3), found.n
    (0.733, 6)
    """
    table = np.asarray(counts, float)
    judges = table.sum(axis=1) if table.ndim == 2 else np.array([])
    if table.ndim != 2 or len(table) < 2 or (judges != judges[0]).any() or judges[0] < 2:
        what = "things have to be judged by the same number of judges"
        raise ParameterError(Problem(what, got=sorted(set(judges.tolist()))[:5], expected="2 or more, and as many of each"))
    m = judges[0]
    agree = ((table**2).sum(axis=1) - m) / (m * (m - 1))

    def kappa(kept: Floats, pairs: Floats) -> tuple[float, float]:
        chance = float(((kept.sum(axis=0) / kept.sum()) ** 2).sum())
        seen = float(pairs.mean())
        return (seen - chance) / (1 - chance) if chance < 1 else float("nan"), seen

    value, observed = kappa(table, agree)
    left = [kappa(np.delete(table, one, axis=0), np.delete(agree, one))[0] for one in range(len(table))]
    return _told(value, _jackknife(left), observed, len(table), confidence)


def krippendorff_alpha(ratings: Sequence[Sequence[Any]], level: Level = "nominal", confidence: float = 0.95) -> Agreement:
    """Krippendorff's alpha of any number of judges who need not have judged everything.

    Parameters
    ----------
    ratings
        A row a judge, a column a thing; None (or nan) where somebody did not judge.
    level
        What answers are: names (`nominal`), ranks (`ordinal`), numbers (`interval`), or numbers from a true zero (`ratio`).
    confidence
        Two-sided level, in (0, 1). Limits are those of a jackknife over things; below about 20 things they are too narrow.

    Returns
    -------
    Agreement
        Source: K. Krippendorff 2011, "Computing Krippendorff's alpha-reliability".

    Raises
    ------
    ParameterError
        For an unknown level, rows of different lengths, or fewer than two things that two have judged.

    Examples
    --------
    >>> found = krippendorff_alpha([[1, 2, 3, 3, None], [1, 2, 3, 2, 4], [1, 2, None, 2, 4]])
    >>> round(found.value, 3), found.n
    (0.803, 5)
    """
    if level not in get_args(Level):
        raise ParameterError(Problem("unknown level", got=level, expected=", ".join(get_args(Level))))
    if len({len(row) for row in ratings}) != 1:
        raise ParameterError(Problem("judges have rows of different lengths", got=[len(row) for row in ratings][:5]))
    told = [[value for value in column if value is not None and value == value] for column in zip(*ratings, strict=True)]
    paired = [column for column in told if len(column) > 1]
    if len(paired) < 2:
        raise ParameterError(Problem("too few things were judged by two", got=len(paired), expected="2 or more"))
    answers = sorted({value for column in paired for value in column})
    place = {value: number for number, value in enumerate(answers)}
    table = np.zeros((len(paired), len(answers)))
    for row, column in enumerate(paired):
        for value in column:
            table[row, place[value]] += 1
    numbers = np.array(answers, float) if level in ("interval", "ratio") else np.arange(len(answers), dtype=float)

    def alpha(kept: Floats) -> tuple[float, float]:
        judges = kept.sum(axis=1)
        every = kept.sum(axis=0)
        apart = _apart(numbers, every, level)
        # of pairs of answers about one thing, and of pairs of any two answers, how far they are apart
        seen = float((np.einsum("ui,ij,uj->u", kept, apart, kept) / (judges - 1)).sum() / judges.sum())
        chance = float(every @ apart @ every / (judges.sum() * (judges.sum() - 1)))
        return 1 - seen / chance if chance > 0 else float("nan"), 1 - seen

    value, observed = alpha(table)
    left = [alpha(np.delete(table, one, axis=0))[0] for one in range(len(table))]
    return _told(value, _jackknife(left), observed if level == "nominal" else float("nan"), len(paired), confidence)


def _apart(numbers: Floats, every: Floats, level: Level) -> Floats:
    """How far answers are apart, squared."""
    if level == "nominal":
        return 1 - np.eye(len(numbers))
    if level == "interval":
        return np.asarray(np.subtract.outer(numbers, numbers) ** 2, dtype=np.float64)
    if level == "ratio":
        total = np.add.outer(numbers, numbers)
        return np.divide(np.subtract.outer(numbers, numbers), total, out=np.zeros_like(total), where=total != 0) ** 2
    # ordinal: the answers between two, and half of these two themselves
    upto = np.cumsum(every) - every / 2
    return np.asarray(np.subtract.outer(upto, upto) ** 2, dtype=np.float64)


def _jackknife(left: Sequence[float]) -> float:
    values = np.array(left)
    n = len(values)
    return float(np.sqrt((n - 1) / n * ((values - values.mean()) ** 2).sum()))


def _told(value: float, se: float, observed: float, n: int, confidence: float) -> Agreement:
    z = z_value(confidence)
    return Agreement(float(value), float(max(-1.0, value - z * se)), float(min(1.0, value + z * se)), se, observed, n)
