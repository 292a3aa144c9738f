"""Whether confidence means anything: calibration, discrimination, and how sure both are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.statistics.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["CalibrationReport", "brier", "calibration", "calibration_error", "isotonic", "murphy"]

_SHUFFLES = 9_999
_EXACT = 5_000
_LEAST = 5


def _pairs(p: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
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
    probability, hit = _pairs(p, y)
    if not len(hit):
        return None
    score = float(np.mean((probability - hit) ** 2))
    return round(2 * score if two_class else score, 15)


def _bins(probability: Floats, edges: Floats) -> NDArray[np.int64]:
    """Number of the bin (lower, upper] of each; 0 belongs to the first."""
    return np.asarray(np.clip(np.searchsorted(edges, probability, side="left") - 1, 0, len(edges) - 2))


def _edges(probability: Floats, bins: int, binning: str) -> Floats:
    if bins < 1 or binning not in ("equal_width", "equal_count"):
        problem = Problem("unknown binning", got=(bins, binning), expected="at least 1 bin, equal_width or equal_count")
        raise ParameterError(problem)
    if binning == "equal_width" or not len(probability):
        return np.linspace(0, 1, bins + 1)
    inner = np.quantile(probability, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    return np.concatenate([[0.0], np.unique(inner[(inner > 0) & (inner < 1)]), [1.0]])


def calibration_error(
    p: ArrayLike,
    y: ArrayLike,
    *,
    bins: int = 10,
    binning: Literal["equal_width", "equal_count"] = "equal_width",
    accuracy: bool = False,
) -> float | None:
    """Expected calibration error: mean distance of confidence and success over bins, weighted by their size.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins, binning
        Bins (lower, upper] of equal width on [0, 1], or of equal counts.
    accuracy
        Compare with the accuracy of deciding for class 1 above 0.5 instead of the rate of class 1, as some texts do. (For the
        top-label form pass the confidence in the label that was chosen, and whether it was right.)

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
    probability, hit = _pairs(p, y)
    if not len(hit):
        return None
    said = (probability > 0.5) == (hit == 1) if accuracy else hit == 1
    found = _bins(probability, _edges(probability, bins, binning))
    gaps = np.bincount(found, weights=probability - said)
    return round(float(np.abs(gaps).sum() / len(hit)), 15)


def murphy(p: ArrayLike, y: ArrayLike, *, bins: int = 10) -> dict[str, float] | None:
    """The Brier score in parts: `reliability` (0 is best), `resolution` (more is better), `uncertainty`, `within` (what bins hide).

    `brier = reliability - resolution + uncertainty + within`, exactly; `within` is 0 where every bin holds one confidence only.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins
        Bins of equal width.

    References
    ----------
    Murphy AH (1973) J Appl Meteor 12:595-600. Stephenson DB, Coelho CAS, Jolliffe IT (2008) Wea Forecasting 23:752-757.

    Examples
    --------
    >>> parts = murphy([0.9, 0.9, 0.1, 0.1], [1, 1, 0, 1]) or {}
    >>> {name: round(value, 3) for name, value in parts.items()}
    {'reliability': 0.085, 'resolution': 0.062, 'uncertainty': 0.188, 'within': 0.0}
    """
    probability, hit = _pairs(p, y)
    if not len(hit):
        return None
    found = _bins(probability, _edges(probability, bins, "equal_width"))
    n = np.bincount(found, minlength=bins).astype(float)
    keep = n > 0
    said = np.bincount(found, weights=probability, minlength=bins)[keep] / n[keep]
    rate = np.bincount(found, weights=hit, minlength=bins)[keep] / n[keep]
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


@dataclass(frozen=True)
class CalibrationReport:
    """What confidence is worth.

    Attributes
    ----------
    n, successes
        Outcomes that had a confidence, and how many were successes.
    brier, skill
        Brier score, and its share better than always saying the overall rate (below 0: worse); null where undefined.
    parts
        The Brier score's `reliability`, `resolution`, `uncertainty`, `within` over the bins.
    ece, binning
        Expected calibration error, and over which bins.
    auc
        Chance that a success had the higher confidence of a success and a failure (ties half); null with one class.
    p_noise
        How often confidence without any meaning would order outcomes this well or better, in either direction; null with one class.
    p_calibrated
        How often perfect confidences would miss by as much: twice the smaller of two p-values, of the mean (too high or too low on
        the whole) and of Spiegelhalter's test; null without outcomes.
    verdict
        `informative`, `inverted` (failures had the higher confidence), `not distinguishable from noise`, or `insufficient`.
    level
        `calibrated` (not contradicted), `overconfident`, `underconfident`, `miscalibrated`, or `insufficient`.
    bins
        `from`, `to`, `n`, `confidence` (mean), `rate`, `lo`, `hi` (Wilson 95 %); empty bins are left out.
    curve
        `confidence`, `rate`: isotonic regression, one row a distinct confidence.
    """

    n: int
    successes: int
    brier: float | None
    skill: float | None
    parts: dict[str, float] | None
    ece: float | None
    binning: str
    auc: float | None
    p_noise: float | None
    p_calibrated: float | None
    verdict: str
    level: str
    bins: pl.DataFrame
    curve: pl.DataFrame

    def __str__(self) -> str:
        """A few lines for people."""
        if not self.n:
            return "Calibration: no outcomes with a confidence"
        lines = [f"Calibration: {self.verdict}; {self.level} (n = {self.n:,}, success {self.successes / self.n:.1%})"]
        said = [
            ("Brier", self.brier),
            ("skill", self.skill),
            (f"ECE ({self.binning})", self.ece),
            ("AUC", self.auc),
            ("p if noise", self.p_noise),
            ("p if calibrated", self.p_calibrated),
        ]
        lines.append("  " + ", ".join(f"{name} {value:.3f}" for name, value in said if value is not None))
        for low, high, n, mean, rate, lo, hi in self.bins.rows():
            lines.append(f"  {low:.1f}-{high:.1f}: said {mean:.2f}, was {rate:.2f} ({lo:.2f}-{hi:.2f}), n = {n:,}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return found | {"bins": self.bins.to_dicts(), "curve": self.curve.to_dicts()}


def calibration(
    p: ArrayLike,
    y: ArrayLike,
    *,
    bins: int = 10,
    binning: Literal["equal_width", "equal_count"] = "equal_width",
    level: float = 0.05,
    seed: int = 0,
) -> CalibrationReport:
    """Whether confidence orders outcomes, and whether it says their rate.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins, binning
        For reliability, parts and the calibration error.
    level
        Chance, at most, of calling noise informative (or inverted).
    seed
        Of the shuffles.

    Returns
    -------
    CalibrationReport
        Whatever is undefined is None, never NaN: with one class only there is no order to speak of, and the verdict is
        `insufficient`.

    Notes
    -----
    Order: the rank-sum statistic, two-sided, against 9,999 shuffles of the outcomes (up to 5,000 outcomes; beyond, its normal limit
    with ties): exact at any sample size, also where every success is above every failure. Calibration: the mean, and Spiegelhalter
    (1986) Stat Med 5:421-433.

    Examples
    --------
    >>> report = calibration([0.9] * 50 + [0.6] * 50, [1] * 45 + [0] * 5 + [1] * 30 + [0] * 20)
    >>> report.verdict, report.level, report.brier, report.auc
    ('informative', 'calibrated', 0.165, 0.7)
    """
    probability, hit = _pairs(p, y)
    n, k = len(hit), int(hit.sum())
    edges = _edges(probability, bins, binning)
    score = brier(probability, hit)
    base = k / n * (1 - k / n) if n else 0.0
    auc, chance = _order(probability, hit, seed)
    fits = _fit(probability, hit)
    verdict = (
        "insufficient"
        if auc is None or chance is None or n < _LEAST
        else "not distinguishable from noise"
        if chance >= level
        else "informative"
        if auc > 0.5
        else "inverted"
    )
    return CalibrationReport(
        n=n,
        successes=k,
        brier=score,
        skill=1 - score / base if score is not None and base > 0 else None,
        parts=murphy(probability, hit, bins=bins),
        ece=calibration_error(probability, hit, bins=bins, binning=binning),
        binning=f"{len(edges) - 1} bins of {'equal width' if binning == 'equal_width' else 'equal counts'}",
        auc=auc,
        p_noise=chance,
        p_calibrated=fits,
        verdict=verdict,
        level=_level(probability, hit, fits, level),
        bins=_reliability(probability, hit, edges),
        curve=_curve(probability, hit),
    )


def _order(probability: Floats, hit: Floats, seed: int) -> tuple[float | None, float | None]:
    """AUC, and how often noise would be as far from a half."""
    from scipy.stats import rankdata

    n, k = len(hit), int(hit.sum())
    if k in (0, n):
        return None, None
    ranks = rankdata(probability)
    found = float(ranks @ hit)
    middle = k * (n + 1) / 2
    auc = (found - k * (k + 1) / 2) / (k * (n - k))
    if n > _EXACT:
        from scipy.special import ndtr

        _, ties = np.unique(probability, return_counts=True)
        tied = float((ties.astype(float) ** 3 - ties).sum()) / (n * (n - 1))
        spread = np.sqrt(k * (n - k) / 12 * ((n + 1) - tied))
        return auc, float(2 * ndtr(-abs(found - middle) / spread)) if spread > 0 else 1.0
    rng = np.random.default_rng(seed)
    few = min(k, n - k)
    extreme = 0
    for size in (1_000,) * (_SHUFFLES // 1_000) + (_SHUFFLES % 1_000,):
        chosen = rng.permuted(np.broadcast_to(ranks, (size, n)), axis=1)[:, :few].sum(axis=1)
        # the smaller class is drawn; its sum is as far from its own middle as the other's
        extreme += int((np.abs(chosen - few * (n + 1) / 2) >= abs(found - middle) - 1e-9).sum())
    return auc, (extreme + 1) / (_SHUFFLES + 1)


def _fit(probability: Floats, hit: Floats) -> float | None:
    """How often perfect confidences would miss by as much, on the whole or in Spiegelhalter's sense."""
    from scipy.special import ndtr

    if not len(hit):
        return None
    variance = probability * (1 - probability)
    if (np.abs(hit - probability)[variance == 0] > 0).any():
        return 0.0  # what was said to be certain did not happen
    chances = [1.0]
    if variance.sum() > 0:
        gap = max(abs(float(np.sum(hit - probability))) - 0.5, 0.0)  # half a count for continuity
        chances.append(float(2 * ndtr(-gap / np.sqrt(variance.sum()))))
    spread = float(np.sqrt(np.sum((1 - 2 * probability) ** 2 * variance)))
    if spread > 1e-9:
        z = float(np.sum((hit - probability) * (1 - 2 * probability))) / spread
        chances.append(float(2 * ndtr(-abs(z))))
    return min(1.0, 2 * min(chances))


def _level(probability: Floats, hit: Floats, fits: float | None, level: float) -> str:
    if len(hit) < _LEAST or fits is None:
        return "insufficient"
    if fits >= level:
        return "calibrated"
    gap = float(np.mean(probability - hit))
    spread = float(np.sqrt(np.sum(probability * (1 - probability)))) / len(hit)
    if abs(gap) < 1.96 * spread:
        return "miscalibrated"
    return "overconfident" if gap > 0 else "underconfident"


def _reliability(probability: Floats, hit: Floats, edges: Floats) -> pl.DataFrame:
    found = _bins(probability, edges)
    n = np.bincount(found, minlength=len(edges) - 1)
    keep = n > 0
    k = np.bincount(found, weights=hit, minlength=len(n))[keep]
    said = np.bincount(found, weights=probability, minlength=len(n))[keep]
    low, high = wilson(k, n[keep])
    return pl.DataFrame(
        {
            "from": edges[:-1][keep],
            "to": edges[1:][keep],
            "n": n[keep],
            "confidence": said / n[keep],
            "rate": k / n[keep],
            "lo": low,
            "hi": high,
        }
    )


def _curve(probability: Floats, hit: Floats) -> pl.DataFrame:
    values, place, n = np.unique(probability, return_inverse=True, return_counts=True)
    rate = np.bincount(place, weights=hit, minlength=len(values)) / np.maximum(n, 1)
    return pl.DataFrame({"confidence": values, "rate": isotonic(rate, n.astype(float))})
