"""Ridge logistic regression on counts: the one regression behind case mix and adjusted multipliers.

Posterior mode with independent normal priors, by Newton's method with steps that are halved where they go too far. Source:
S. le Cessie and J. C. van Houwelingen 1992, "Ridge estimators in logistic regression", Applied Statistics 41:191-201.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["ridge_logistic"]

Floats = NDArray[np.float64]
_STEPS = 100
_CLOSE = 1e-9  # of the largest step


def ridge_logistic(x: Floats | csr_array, trials: Floats, hits: Floats, precision: Floats) -> tuple[Floats, Floats]:
    """Coefficients of a logistic regression of counts, and the penalised information there.

    Parameters
    ----------
    x
        Shape `(m, p)`, dense or sparse: a row per pattern, its first column ones.
    trials, hits
        Shape `(m,)`: cases of each pattern, and in how many it happened.
    precision
        Shape `(p,)`: one over the variance of the prior of each coefficient, above 0 where columns are not told apart by the data.

    Returns
    -------
    tuple of arrays
        Log odds, shape `(p,)`, and the information, shape `(p, p)`; its inverse is their covariance.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> beta, _ = ridge_logistic(x, np.array([100.0, 100.0]), np.array([20.0, 50.0]), np.full(2, 1e-6))
    >>> (1 / (1 + np.exp(-x @ beta))).round(3).tolist()
    [0.2, 0.5]
    """

    def goal(b: Floats) -> float:
        eta = x @ b
        return float(hits @ eta - trials @ np.logaddexp(0, eta) - precision @ b**2 / 2)

    def information(risk: Floats) -> Floats:
        weights = (trials * risk * (1 - risk))[:, None]
        product: Any = x.T @ (x * weights if isinstance(x, np.ndarray) else x.multiply(weights).tocsr())
        return np.asarray(product if isinstance(x, np.ndarray) else product.toarray(), dtype=np.float64) + np.diag(precision)

    beta = np.zeros(x.shape[1])
    overall = (hits.sum() + 0.5) / (trials.sum() + 1)
    beta[0] = np.log(overall / (1 - overall))
    now = goal(beta)
    for _ in range(_STEPS):
        risk = _expit(x @ beta)
        step = np.linalg.solve(information(risk), x.T @ (hits - trials * risk) - precision * beta)
        size = 1.0
        while size > 1e-8 and (later := goal(beta + size * step)) < now - 1e-12 * abs(now):
            size /= 2
        beta = beta + size * step
        if float(np.abs(step).max()) < _CLOSE:
            break
        now = later
    return beta, information(_expit(x @ beta))


def _expit(x: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float64)
