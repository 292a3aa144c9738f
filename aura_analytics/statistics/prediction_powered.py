"""A share from few judgements and a cheap guess at every one of them.

A guess (an AI's verdict on each case, say) is never taken for the truth: what it gets wrong is estimated from the cases where both
are known and taken off again, so whatever its bias, the estimate has none. A good guess makes the limits narrower, a bad one
leaves them as they would be without it (prediction-powered inference with a fitted weight of the guess: Angelopoulos, Duchi and
Zrnic 2023, arXiv:2311.01453).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Powered", "prediction_powered"]

_FEWEST = 20


class Powered(NamedTuple):
    """An estimate with its limits; NaN where it cannot be given.

    Attributes
    ----------
    value, lo, hi
        The share, and the interval in which it lies at the level that was asked for.
    trust
        How much the guess was made use of: 0 is not at all, 1 is as if a right guess were a right answer.
    """

    value: float
    lo: float
    hi: float
    trust: float


def prediction_powered(truth: Floats, guess: Floats, weight: Floats, guesses: Floats, confidence: float = 0.95) -> Powered:
    """A share of all from the truth of some and a guess of all.

    Parameters
    ----------
    truth, guess
        Of those that were judged: what is so, and what was guessed; 1 or 0, or for the guess any number.
    weight
        How many each of them stands for: one over the chance with which it was drawn.
    guesses
        The guesses of all, judged or not.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    Powered
        NaN with fewer than 20 judged ones, or where none of them is drawn with a chance.

    Notes
    -----
    The interval is an adjusted Wald at the effective number of judgements, one more of each way counted in which truth and guess
    may differ (as Bonett and Price 2012 do for paired shares): with a good guess they differ seldom. The weight of the guess is the
    one that makes it narrowest, estimated from the same judgements and kept between 0 and 1.

    Examples
    --------
    >>> draw = np.random.Generator(np.random.Philox(1))
    >>> truth = (draw.random(5_000) < 0.2).astype(float)
    >>> guess = np.where(draw.random(5_000) < 0.9, truth, 1 - truth)  # wrong in a tenth
    >>> some = np.arange(100)
    >>> found = prediction_powered(truth[some], guess[some], np.full(100, 50.0), guess)
    >>> bool(found.lo < truth.mean() < found.hi), bool(guess.mean() > truth.mean() + 0.05)
    (True, True)
    """
    n = len(truth)
    if n < _FEWEST or not (weight > 0).all():
        return Powered(*[float("nan")] * 4)
    w = weight / weight.sum()
    n_eff = 1 / float((w**2).sum())
    centre, middle = float((w * truth).sum()), float((w * guess).sum())
    spread = float((w * (guess - middle) ** 2).sum())
    together = float((w * (truth - centre) * (guess - middle)).sum())
    trust = 0.0 if spread <= 0 else min(max(together / spread / (1 + n_eff / len(guesses)), 0.0), 1.0)
    rest = truth - trust * guess
    mean = centre - trust * middle
    # one more of each way in which truth and guess may differ
    more = np.array([1.0, -trust])
    total = n_eff + 2
    middle_of = (n_eff * mean + more.sum()) / total
    left = (n_eff * float((w * (rest - middle_of) ** 2).sum()) + float(((more - middle_of) ** 2).sum())) / total
    se = np.sqrt(left / total + trust**2 * float(guesses.var()) / len(guesses))
    known, half = trust * float(guesses.mean()), intervals.z_value(confidence) * float(se)
    low, high = known + middle_of - half, known + middle_of + half
    value, lo, hi = (float(min(max(one, 0.0), 1.0)) for one in (known + mean, low, high))
    return Powered(value, lo, hi, trust)
