"""Whether confidence means anything: calibration, discrimination, and how sure both are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.learning.proper_scores import (
    Binning,
    Bins,
    bin_of,
    brier,
    calibration_error,
    counted_pairs,
    edges_of,
    isotonic,
    murphy,
)
from aura_analytics.statistics.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "CalibrationReport",
    "calibration",
]

_SHUFFLES = 9_999
_EXACT = 5_000
_LEAST = 5
_BINS = {"equal_width": "of equal width", "equal_count": "of equal counts", "distinct": "of one confidence each"}


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
    bins: Bins = 10,
    binning: Binning = "equal_width",
    level: float = 0.05,
    weights: ArrayLike | None = None,
    seed: int = 0,
) -> CalibrationReport:
    """Whether confidence orders outcomes, and whether it says their rate.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    bins, binning
        For reliability, parts and the calibration error: how many bins of equal width or `equal_count`, one for each confidence
        that was stated (`distinct`), or edges from 0 to 1.
    level
        Chance, at most, of calling noise informative (or inverted).
    weights
        How many decisions each row stands for, whole numbers from 0: a table of counts.
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
    probability, hit = counted_pairs(p, y, weights)
    n, k = len(hit), int(hit.sum())
    edges = edges_of(probability, bins, binning)
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
        parts=murphy(probability, hit, bins=bins, binning=binning),
        ece=calibration_error(probability, hit, bins=bins, binning=binning),
        binning=f"{len(edges) - 1} bins {_BINS[binning] if isinstance(bins, int) else 'as given'}",
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
    found = bin_of(probability, edges)
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
