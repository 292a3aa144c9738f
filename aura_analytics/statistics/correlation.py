"""Rank correlations, within strata, with limits that allow for clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Correlation", "spearman"]

FEW_CLUSTERS = 5  # fewer say nothing about how clusters differ
_EDGE = 1 - 1e-9


class Correlation(NamedTuple):
    """A correlation with its limits.

    Attributes
    ----------
    value
        From -1 to 1; NaN where it is undefined.
    lo, hi
        Its limits; NaN where they cannot be given.
    n
        Pairs of observations.
    """

    value: float
    lo: float
    hi: float
    n: int


def spearman(
    x: ArrayLike, y: ArrayLike, strata: ArrayLike | None = None, clusters: ArrayLike | None = None, confidence: float = 0.95
) -> Correlation:
    """Spearman's rank correlation, pooled over strata.

    Ranks are taken within each stratum (ties share their mean rank), scaled to its size and centred; the correlation is Pearson's
    of what all strata give together, so that differences between strata play no part. Limits on Fisher's scale: with at least 5
    clusters from a jackknife that leaves out one cluster at a time (Student's t), otherwise Bonett and Wright's, with one degree of
    freedom less for every stratum beyond the first, and never narrower than these.

    Parameters
    ----------
    x, y
        Numbers, shape (n,); pairs with a NaN are left out.
    strata
        Labels, shape (n,); default one stratum. Strata of one pair say nothing.
    clusters
        Labels of what depends on each other, shape (n,); default every pair by itself.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    Correlation
        NaN where x or y is the same everywhere in its stratum; limits NaN for fewer than 4 pairs (strata beyond the first aside).

    References
    ----------
    Bonett DG, Wright TA (2000) Psychometrika 65:23-28.

    Examples
    --------
    >>> spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value
    0.8
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = ~(np.isnan(a) | np.isnan(b))
    label = np.zeros(len(a), dtype=np.int64) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1].ravel()
    group = np.arange(len(a)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1].ravel()
    a, b, label, group = a[known], b[known], label[known], group[known]
    u, v = _scores(a, label), _scores(b, label)
    sums = np.stack([u * v, u * u, v * v])
    size = int(group.max()) + 1 if len(group) else 0
    by_cluster = np.zeros((3, size))
    for row, total in zip(sums, by_cluster, strict=True):
        total += np.bincount(group, weights=row, minlength=size)
    value = _ratio(sums.sum(axis=1))
    n = len(a)
    if np.isnan(value):
        return Correlation(value, np.nan, np.nan, n)
    low, high = _limits(
        value, by_cluster, len(np.unique(group)), n - (len(np.unique(label)) - 1), confidence, alone=clusters is None
    )
    return Correlation(value, low, high, n)


def _scores(values: Floats, label: NDArray[np.int64]) -> Floats:
    """Ranks within strata, from -1/2 to 1/2 of each, ties by their mean rank."""
    order = np.lexsort((values, label))
    ordered, own = values[order], label[order]
    n = np.bincount(own, minlength=int(own.max()) + 1 if len(own) else 0)
    start = np.concatenate([[0], np.cumsum(n)[:-1]]) if len(n) else n
    place = np.arange(len(ordered)) - start[own] if len(own) else np.zeros(0)
    first = np.concatenate([[True], (ordered[1:] != ordered[:-1]) | (own[1:] != own[:-1])]) if len(ordered) else np.zeros(0, bool)
    tie = np.cumsum(first) - 1
    mean = np.bincount(tie, weights=place) / np.bincount(tie) if len(tie) else np.zeros(0)
    scores = np.empty(len(values))
    scores[order] = (mean[tie] - (n[own] - 1) / 2) / np.maximum(n[own], 1) if len(own) else 0.0
    return scores


def _ratio(sums: Floats) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = sums[0] / np.sqrt(sums[1] * sums[2])
    return float(np.clip(found, -1, 1)) if np.isfinite(found) else float("nan")


def _limits(value: float, by_cluster: Floats, clusters: int, n: int, confidence: float, *, alone: bool) -> tuple[float, float]:
    from scipy.special import ndtri, stdtrit

    if n < 4:
        return float("nan"), float("nan")
    half = float(ndtri((1 + confidence) / 2)) * np.sqrt((1 + value**2 / 2) / (n - 3))
    if not alone and clusters >= FEW_CLUSTERS:
        without = by_cluster.sum(axis=1, keepdims=True) - by_cluster[:, by_cluster.any(axis=0)]
        each = np.array([_ratio(column) for column in without.T])
        z = np.arctanh(np.clip(each[~np.isnan(each)], -_EDGE, _EDGE))
        if len(z) >= FEW_CLUSTERS:
            spread = np.sqrt((len(z) - 1) / len(z) * ((z - z.mean()) ** 2).sum())
            half = max(half, float(stdtrit(len(z) - 1, (1 + confidence) / 2)) * spread)
    middle = np.arctanh(np.clip(value, -_EDGE, _EDGE))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))
