"""Which counts of judged verdicts a policy's own rules decide on, so that plans of audits and drills promise what the rule does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.rules import engine
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.grammar import comparisons

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from aura_analytics.rules.policy import Policy

    Counts = NDArray[np.int64]

__all__ = ["decides_by"]


def decides_by(policy: Policy, metric: str) -> Callable[[Counts, Counts], NDArray[np.bool_]] | None:
    """Whether so many hits of so many observations decide, one way or the other, by the rules that read one share and nothing else.

    Parameters
    ----------
    policy
        The policy.
    metric
        Name of the share.

    Returns
    -------
    callable or None
        Of hits and observations; None where no rule that flags reads just this metric.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> decides = decides_by(aura.Policy.reliance(), "accepted_wrong_rate")
    >>> assert decides is not None
    >>> decides(np.array([6, 7, 0]), np.array([30, 30, 60])).tolist()
    [False, True, True]
    """
    conditions = []
    for rule in policy.spec.rules:
        leaves = comparisons(rule.when)
        alone = {leaf.metric for leaf in leaves} == {metric} and not any(isinstance(leaf.threshold, PeerRate) for leaf in leaves)
        if alone and rule.at_most == "flag":
            conditions.append(rule.when)
    if not conditions:
        return None

    def decides(hits: Counts, n: Counts) -> NDArray[np.bool_]:
        share = np.where(n > 0, hits / np.maximum(n, 1), np.nan)
        board = pl.DataFrame(
            {
                metric: pl.Series(share, nan_to_null=True),
                f"{metric}_n": pl.Series(n, dtype=pl.Int64),
                f"{metric}_n_eff": pl.Series(n.astype(np.float64)),
                f"{metric}_status": pl.Series(np.where(n > 0, "ok", "no_data")),
            }
        )
        codes = np.stack([engine.answer(condition, board)[0] for condition in conditions])
        return np.asarray((codes == engine.YES).any(axis=0) | (codes == engine.NO).all(axis=0))

    return decides
