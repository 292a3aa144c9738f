"""Recalibration: what a stated confidence is worth, as a proposal that has been tried on outcomes it was not made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.learning.proper_scores import counted_pairs, isotonic
from aura_analytics.outputs import written_text
from aura_analytics.statistics.intervals import z_value
from aura_analytics.yaml_text import dumped

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Recalibration", "recalibrate"]

Method = Literal["platt", "isotonic"]
_FOLDS, _LEAST = 10, 50
_EDGE = 1e-6
_SHOWN = np.round(np.linspace(0, 1, 21), 2)


@dataclass(frozen=True, repr=False)
class Recalibration:
    """A proposed reading of confidences.

    Attributes
    ----------
    method
        `platt` (a line on the log odds) or `isotonic` (steps that never fall).
    knots
        `confidence`, `becomes`: between them it is read linearly (Platt's curve at 21 places, for review; `apply` uses the curve).
    n
        Outcomes that it rests on.
    before, after
        Brier scores of the stated confidences, and of the recalibrated ones on outcomes that were held out.
    gain, gain_lo, gain_hi
        By how much the latter is lower, with limits.
    verdict
        `improves` (the limits exclude no gain), `worsens`, `not_settled`, or `insufficient` (under 50 outcomes, or all alike).
    slope, intercept
        Of Platt's line; None of `isotonic`.
    """

    method: Method
    knots: pl.DataFrame
    n: int
    before: float | None
    after: float | None
    gain: float | None
    gain_lo: float | None
    gain_hi: float | None
    verdict: str
    slope: float | None = None
    intercept: float | None = None

    def __bool__(self) -> bool:
        """Whether it is worth proposing."""
        return self.verdict == "improves"

    def __repr__(self) -> str:
        """What it found, in a line."""
        gain = "" if self.gain is None else f", Brier {self.before:.4f} -> {self.after:.4f} on outcomes held out"
        return f"Recalibration({self.method}: {self.verdict}, n = {self.n:,}{gain})"

    def apply(self, p: ArrayLike) -> Floats:
        """What confidences become.

        Parameters
        ----------
        p
            Confidences in [0, 1].
        """
        given = np.asarray(p, dtype=float)
        if not ((given >= 0) & (given <= 1)).all():
            raise ParameterError(Problem("a confidence is out of range", expected="numbers from 0 to 1, none missing"))
        if self.slope is not None and self.intercept is not None:
            return _curve(given, self.slope, self.intercept)
        return np.asarray(np.interp(given, self.knots["confidence"].to_numpy(), self.knots["becomes"].to_numpy()))

    def to_yaml(self) -> str:
        """The proposal as a file for review: nothing applies it by itself."""
        told = {name: getattr(self, name) for name in ("method", "verdict", "n", "before", "after", "gain", "gain_lo", "gain_hi")}
        curve = {"slope": self.slope, "intercept": self.intercept} if self.slope is not None else {}
        knots = [{"confidence": row["confidence"], "becomes": round(row["becomes"], 4)} for row in self.knots.iter_rows(named=True)]
        return "# A proposal for review: what a stated confidence is worth\n" + dumped({**told, **curve, "knots": knots})

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the proposal.

        Parameters
        ----------
        path
            The file.
        overwrite
            Whether one that is there may be replaced.
        """
        return written_text(path, self.to_yaml(), overwrite=overwrite)


def recalibrate(
    p: ArrayLike,
    y: ArrayLike,
    method: Method = "platt",
    *,
    weights: ArrayLike | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Recalibration:
    """Propose how confidences are to be read, tried on outcomes that were held out.

    **Do not conclude** from a gain on past outcomes that it lasts: an agent that was changed needs a new one. Platt's line has two
    numbers and needs few outcomes; isotonic steps take any form and need hundreds.

    Parameters
    ----------
    p, y
        Confidences in [0, 1] and outcomes 0 or 1, shape (n,).
    method
        `platt` or `isotonic`.
    weights
        How many decisions each row stands for, whole numbers: a table of counts.
    confidence
        Two-sided level of the gain's limits, in (0, 1).
    seed
        Which outcomes are held out together, in 10 parts; the same seed gives the same proposal.

    Raises
    ------
    ParameterError
        For confidences, outcomes or weights that do not fit, and arguments out of range.

    References
    ----------
    Platt JC (1999) Advances in Large Margin Classifiers, 61-74, with his smoothed targets. Zadrozny B, Elkan C (2002) KDD, 694-699.

    Examples
    --------
    >>> found = recalibrate([0.95] * 200 + [0.55] * 200, [1] * 150 + [0] * 50 + [1] * 60 + [0] * 140)
    >>> found.verdict, found.apply([0.95, 0.55]).round(2).tolist()
    ('improves', [0.75, 0.3])
    """
    if method not in get_args(Method):
        raise ParameterError(Problem("unknown method", got=method, expected=", ".join(get_args(Method))))
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    probability, hit = counted_pairs(p, y, weights)
    n = len(hit)
    same = pl.DataFrame({"confidence": [0.0, 1.0], "becomes": [0.0, 1.0]})
    if n < _LEAST or hit.min() == hit.max():
        return Recalibration(method, same, n, None, None, None, None, None, "insufficient")
    part = np.random.Generator(np.random.Philox(seed)).permutation(np.arange(n) % _FOLDS)
    held = np.empty(n)
    for fold in range(_FOLDS):
        out = part == fold
        held[out] = _fitted(method, probability[~out], hit[~out])[0](probability[out])
    before, after = (probability - hit) ** 2, (held - hit) ** 2
    gains = before - after
    gain, half = float(gains.mean()), z_value(confidence) * float(gains.std(ddof=1)) / n**0.5
    verdict = "improves" if gain - half > 0 else "worsens" if gain + half < 0 else "not_settled"
    read, line, knots = _fitted(method, probability, hit)
    if knots is None:
        knots = pl.DataFrame({"confidence": _SHOWN, "becomes": read(_SHOWN)})
    slope, intercept = (None, None) if line is None else line
    numbers = (float(before.mean()), float(after.mean()), gain, gain - half, gain + half)
    return Recalibration(method, knots, n, *numbers, verdict, slope, intercept)


def _curve(p: Floats, slope: float, intercept: float) -> Floats:
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(1 / (1 + np.exp(-(intercept + slope * np.log(clipped / (1 - clipped))))))


def _fitted(method: Method, p: Floats, hit: Floats):  # type: ignore[no-untyped-def]
    """How confidences are read, and what that is: a line, or knots."""
    if method == "platt":
        line = _platt(p, hit)
        return (lambda given: _curve(given, *line)), line, None
    values, place, n = np.unique(p, return_inverse=True, return_counts=True)
    rate = isotonic(np.bincount(place, weights=hit, minlength=len(values)) / n, n.astype(float))
    knots = pl.DataFrame({"confidence": values, "becomes": rate})
    return (lambda given: np.interp(given, values, rate)), None, knots


def _platt(p: Floats, hit: Floats) -> tuple[float, float]:
    """Slope and intercept on the log odds, by Newton's method, with targets that are not quite 0 and 1."""
    clipped = np.clip(p, _EDGE, 1 - _EDGE)
    x = np.column_stack([np.log(clipped / (1 - clipped)), np.ones(len(p))])
    k = hit.sum()
    target = np.where(hit == 1, (k + 1) / (k + 2), 1 / (len(hit) - k + 2))
    beta = np.array([1.0, 0.0])

    def loss(b: Floats) -> float:
        eta = x @ b
        return float((np.logaddexp(0, eta) - target * eta).sum())

    now = loss(beta)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-(x @ beta)))
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (target - chance))
        size = 1.0
        while size > 1e-8 and loss(beta + size * step) > now:
            size /= 2
        beta = beta + size * step
        now = loss(beta)
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[0]), float(beta[1])
