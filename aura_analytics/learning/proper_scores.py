"""Scores of probabilities: Brier with Murphy's parts, calibration error over bins, and the isotonic curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


__all__ = ["Binning", "Bins", "bin_of", "brier", "calibration_error", "counted_pairs", "edges_of", "isotonic", "murphy", "pairs_of"]

Bins = int | Sequence[float]
Binning = Literal["equal_width", "equal_count", "distinct"]
_MOST = 50_000_000  # decisions that a table may stand for


def pairs_of(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Probabilities and what happened, as two arrays of one length."""
    probability, hit = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    if probability.ndim != 1 or probability.shape != hit.shape:
        problem = Problem(
            "confidences and outcomes differ in shape", got=f"{probability.shape} and {hit.shape}", expected="one of each"
        )
        raise ParameterError(problem)
    if not ((probability >= 0) & (probability <= 1)).all():
        raise ParameterError(Problem("a confidence is out of range", expected="numbers from 0 to 1, none missing"))
    if not np.isin(hit, (0, 1)).all():
        raise ParameterError(Problem("an outcome is neither 0 nor 1", expected="1 for success, 0 otherwise"))
    return probability, hit


def counted_pairs(p: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Probabilities and what happened, a row for each decision; `weights` are how many each row of a table stands for."""
    probability, hit = pairs_of(p, y)
    if weights is None:
        return probability, hit
    times = np.asarray(weights, dtype=float)
    whole = times.shape == hit.shape and np.isfinite(times).all() and (times >= 0).all() and (times == np.round(times)).all()
    if not whole or times.sum() > _MOST:
        expected = f"a whole number from 0 for each row, {_MOST:,} in all at most"
        raise ParameterError(Problem("weights do not fit", got=f"shape {times.shape}", expected=expected))
    counts = times.astype(np.int64)
    return np.repeat(probability, counts), np.repeat(hit, counts)


def brier(p: ArrayLike, y: ArrayLike, *, two_class: bool = False) -> float | None:
    """Brier score: mean squared distance of confidence and outcome; 0 is perfect, 0.25 is what 0.5 everywhere gets.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    two_class
        Brier's own form of 1950, summed over both classes: twice the modern one.

    Returns
    -------
    float or None
        None without observations.

    References
    ----------
    Brier GW (1950) Mon Wea Rev 78:1-3.

    Examples
    --------
    >>> brier([0.9, 0.2], [1, 0])
    0.025
    """
    probability, hit = pairs_of(p, y)
    if not len(hit):
        return None
    score = float(np.mean((probability - hit) ** 2))
    return round(2 * score if two_class else score, 15)


def bin_of(probability: Floats, edges: Floats) -> NDArray[np.int64]:
    """Number of the bin (lower, upper] of each; 0 belongs to the first."""
    return np.asarray(np.clip(np.searchsorted(edges, probability, side="left") - 1, 0, len(edges) - 2))


def edges_of(probability: Floats, bins: Bins, binning: str) -> Floats:
    """The edges of the bins: of one width, of one size, one for each distinct confidence, or as they are given."""
    if not isinstance(bins, int):
        edges = np.asarray(bins, dtype=float)
        if edges.ndim != 1 or len(edges) < 2 or edges[0] != 0 or edges[-1] != 1 or not (np.diff(edges) > 0).all():
            raise ParameterError(Problem("these are no edges of bins", got=list(bins)[:12], expected="rising numbers from 0 to 1"))
        return edges
    if bins < 1 or binning not in ("equal_width", "equal_count", "distinct"):
        expected = "at least 1 bin (or their edges), equal_width, equal_count or distinct"
        raise ParameterError(Problem("unknown binning", got=(bins, binning), expected=expected))
    if binning == "distinct" and len(probability):
        values = np.unique(probability)
        return np.concatenate([[0.0], values[:-1][values[:-1] > 0], [1.0]])
    if binning != "equal_count" or not len(probability):
        return np.linspace(0, 1, bins + 1)
    inner = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return np.concatenate([[0.0], np.unique(inner[(inner > 0) & (inner < 1)]), [1.0]])


def calibration_error(
    p: ArrayLike,
    y: ArrayLike,
    *,
    bins: Bins = 10,
    binning: Binning = "equal_width",
    accuracy: bool = False,
    weights: ArrayLike | None = None,
) -> float | None:
    """Expected calibration error: mean distance of confidence and success over bins, weighted by their size.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins, binning
        Bins (lower, upper] of equal width on [0, 1], of equal counts, one for each distinct confidence (`distinct`), or between the
        edges that are given: rising numbers from 0 to 1.
    accuracy
        Compare with the accuracy of deciding for class 1 above 0.5 instead of the rate of class 1, as some texts do. (For the
        top-label form pass the confidence in the label that was chosen, and whether it was right.)
    weights
        How many decisions each row stands for, whole numbers from 0: a table of counts.

    Returns
    -------
    float or None
        None without observations. It depends on the binning, and is biased upwards: about `sqrt(bins / n) / 3` on perfect
        confidences.

    References
    ----------
    Naeini MP, Cooper G, Hauskrecht M (2015) AAAI 29:2901-2907.

    Examples
    --------
    >>> calibration_error([0.9, 0.8, 0.3], [1, 1, 0], bins=2)
    0.2
    """
    probability, hit = counted_pairs(p, y, weights)
    if not len(hit):
        return None
    said = (probability > 0.5) == (hit == 1) if accuracy else hit == 1
    found = bin_of(probability, edges_of(probability, bins, binning))
    gaps = np.bincount(found, weights=probability - said)
    return round(float(np.abs(gaps).sum() / len(hit)), 15)


def murphy(p: ArrayLike, y: ArrayLike, *, bins: Bins = 10, binning: Binning = "equal_width") -> dict[str, float] | None:
    """The Brier score in parts: `reliability` (0 is best), `resolution` (more is better), `uncertainty`, `within` (what bins hide).

    `brier = reliability - resolution + uncertainty + within`, exactly; `within` is 0 where every bin holds one confidence only.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins, binning
        As of `calibration_error`.

    References
    ----------
    Murphy AH (1973) J Appl Meteor 12:595-600. Stephenson DB, Coelho CAS, Jolliffe IT (2008) Wea Forecasting 23:752-757.

    Examples
    --------
    >>> parts = murphy([0.9, 0.9, 0.1, 0.1], [1, 1, 0, 1]) or {}
    >>> {name: round(value, 3) for name, value in parts.items()}
    {'reliability': 0.085, 'resolution': 0.062, 'uncertainty': 0.188, 'within': 0.0}
    """
    probability, hit = pairs_of(p, y)
    if not len(hit):
        return None
    edges = edges_of(probability, bins, binning)
    found, count = bin_of(probability, edges), len(edges) - 1
    n = np.bincount(found, minlength=count).astype(float)
    keep = n > 0
    said = np.bincount(found, weights=probability, minlength=count)[keep] / n[keep]
    rate = np.bincount(found, weights=hit, minlength=count)[keep] / n[keep]
    weight, base = n[keep] / len(hit), float(hit.mean())
    reliability = float(weight @ (said - rate) ** 2)
    resolution = float(weight @ (rate - base) ** 2)
    uncertainty = base * (1 - base)
    score = float(np.mean((probability - hit) ** 2))
    return {
        "reliability": reliability,
        "resolution": resolution,
        "uncertainty": uncertainty,
        "within": score - reliability + resolution - uncertainty,
    }


def isotonic(y: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """The non-decreasing numbers closest to `y` (pool adjacent violators).

    Parameters
    ----------
    y
        Shape (n,), in the order in which they should not fall.
    weights
        Positive, shape (n,); default equal.

    References
    ----------
    Barlow RE, Bartholomew DJ, Bremner JM, Brunk HD (1972) Statistical Inference under Order Restrictions.

    Examples
    --------
    >>> isotonic([1, 0, 4, 3, 3]).round(3).tolist()
    [0.5, 0.5, 3.333, 3.333, 3.333]
    """
    from scipy.optimize import isotonic_regression

    values = np.asarray(y, dtype=float)
    return np.asarray(isotonic_regression(values, weights=weights).x) if len(values) else values
