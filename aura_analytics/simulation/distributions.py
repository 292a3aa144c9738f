"""From uniform numbers to what they stand for: counts, durations, chances and confidences."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario_parts import Agents, Officers

__all__ = ["confidences", "durations", "normal", "poisson", "right_chances"]

_MINUTE = 60_000_000


def normal(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of the standard normal distribution."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)))


def poisson(uniform: NDArray[np.float64], rate: NDArray[np.float64]) -> NDArray[np.int64]:
    """Quantiles of Poisson distributions."""
    from scipy.special import pdtr, pdtrik

    safe = np.maximum(rate, 1e-12)
    first = np.exp(-safe)
    count = np.ceil(pdtrik(np.maximum(uniform, first), safe))
    count = np.where((uniform <= first) | ~np.isfinite(count), 0, count)
    # what rounding may have moved by one
    count = np.where((count > 0) & (pdtr(count - 1, safe) >= uniform), count - 1, count)
    count = np.where(pdtr(count, safe) < uniform, count + 1, count)
    return np.where(rate > 0, count, 0).astype(np.int64)


def right_chances(accuracy: NDArray[np.float64], uniform: NDArray[np.float64], agents: Agents) -> NDArray[np.float64]:
    """Chance to be right of every case: normal on the scale of log odds, with the accuracy as its mean."""
    from scipy.special import expit

    assert agents.calibration is not None
    levels, which = np.unique(accuracy, return_inverse=True)
    centre = np.array([_centre(float(level), agents.calibration.spread) for level in levels])[which]
    return np.asarray(expit(centre + agents.calibration.spread * normal(uniform)))


@lru_cache(maxsize=4096)
def _centre(accuracy: float, spread: float) -> float:
    """The middle of a normal distribution whose logistic has a given mean."""
    from scipy.optimize import brentq
    from scipy.special import expit

    if accuracy in (0.0, 1.0):
        return -40.0 if accuracy == 0 else 40.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    return float(brentq(lambda centre: float((expit(centre + spread * nodes) * weights).sum()) - accuracy, -60, 60, xtol=1e-10))


def confidences(chance: NDArray[np.float64], agents: Agents) -> NDArray[np.float64]:
    """What agents say of their chance to be right."""
    from scipy.special import expit, logit

    assert agents.calibration is not None
    inside = np.clip(chance, 1e-12, 1 - 1e-12)
    return np.asarray(expit(agents.calibration.slope * logit(inside) + agents.calibration.bias))


def durations(officers: Officers, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Service times in microseconds."""
    service = officers.service
    if service.kind == "constant" or (service.kind == "lognormal" and service.cv == 0):
        minutes = np.full(len(uniform), service.minutes)
    elif service.kind == "exponential":
        minutes = -np.log1p(-uniform) * service.minutes
    elif service.quantiles is not None:
        points = np.array(service.quantiles)
        points = points * (service.minutes / ((points[1:] + points[:-1]) / 2).mean())
        minutes = np.interp(uniform * (len(points) - 1), np.arange(len(points)), points)
    else:
        sigma = np.sqrt(np.log1p(service.cv**2))
        minutes = service.minutes * np.exp(sigma * normal(uniform) - sigma**2 / 2)
    return np.asarray(np.maximum(np.rint(minutes * _MINUTE).astype(np.int64), 1))
