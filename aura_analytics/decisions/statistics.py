"""Counts of a decision log, as the accountability layer's document defines them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

__all__ = ["confidence_accuracy", "statistics"]


def statistics(index: sqlite3.Connection) -> dict[str, Any]:
    """The statistics of an index; see `AccountabilityLogger.get_decision_statistics`."""
    total, ended, successes, seconds = index.execute(
        "SELECT count(*), count(outcome), coalesce(sum(outcome = 'success'), 0), avg(CASE WHEN outcome = 'success' THEN seconds END)"
        " FROM entries"
    ).fetchone()
    common = index.execute("SELECT name, chosen FROM components ORDER BY chosen DESC, rowid").fetchall()
    bins = index.execute(
        "SELECT CASE WHEN confidence < 0.6 THEN 0 WHEN confidence < 0.8 THEN 1 ELSE 2 END AS bin, count(*), sum(outcome = 'success')"
        " FROM entries WHERE outcome IS NOT NULL AND confidence BETWEEN 0 AND 1 GROUP BY bin"
    ).fetchall()
    counts = {number: (n, k) for number, n, k in bins}
    return {
        "total_decisions": total,
        "decisions_with_outcomes": ended,
        "success_rate": round(100 * successes / ended, 2) if ended else 0.0,
        "avg_time_seconds": round(seconds, 2) if seconds is not None else 0.0,
        "most_common_components": [{"component": name, "count": count} for name, count in common],
        "confidence_accuracy": confidence_accuracy([counts.get(number, (0, 0)) for number in range(3)]),
    }


def confidence_accuracy(bins: Sequence[tuple[int, int]]) -> float:
    """The document's measure of whether confidence orders success.

    Parameters
    ----------
    bins
        Outcomes and successes with a total confidence in [0, 0.6), [0.6, 0.8) and [0.8, 1].

    Returns
    -------
    float
        0 with fewer than 5 outcomes. All three bins in order (high > medium > low): the mean of their rates. Three bins of which only
        high > low: a quarter of low plus high. Only low and high, high > low: a third of their sum. Otherwise 0.

    Examples
    --------
    >>> round(confidence_accuracy([(10, 4), (10, 6), (10, 9)]), 10)
    0.6333333333
    >>> confidence_accuracy([(10, 9), (10, 6), (10, 4)])
    0.0
    """
    if sum(n for n, _ in bins) < 5:
        return 0.0
    low, medium, high = (k / n if n else None for n, k in bins)
    if low is None or high is None or not high > low:
        return 0.0
    if medium is None:
        return (low + high) / 3
    if high > medium > low:
        return (low + medium + high) / 3
    return (low + high) / 4
