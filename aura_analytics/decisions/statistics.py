"""Counts of a decision log, as the accountability layer's document defines them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

__all__ = ["component_counts", "confidence_accuracy", "statistics"]


def statistics(tallies: pl.DataFrame, times: Callable[[], Sequence[float]]) -> dict[str, Any]:
    """The statistics of a log's tallies; see `AccountabilityLogger.get_decision_statistics`.

    Parameters
    ----------
    tallies
        As `tables.tally_table`.
    times
        Seconds of every success as they were logged; asked for only where the tallies, which are rounded to microseconds, leave the
        second decimal of their mean open.
    """
    ended = tallies.filter(pl.col("outcome").is_not_null())
    won = ended.filter(pl.col("outcome") == "success")
    total, known, successes = (int(each["decisions"].sum()) for each in (tallies, ended, won))
    timed = int(won["timed"].sum())
    bins = (
        ended.filter(pl.col("bin").is_not_null())
        .group_by("bin")
        .agg(n=pl.col("decisions").sum(), k=pl.col("decisions").filter(pl.col("outcome") == "success").sum())
    )
    counts = {number: (n, k) for number, n, k in bins.rows()}
    common = component_counts(tallies, "components").sort("chosen", descending=True, maintain_order=True)
    return {
        "total_decisions": total,
        "decisions_with_outcomes": known,
        "success_rate": round(100 * successes / known, 2) if known else 0.0,
        "avg_time_seconds": _mean(int(won["micros"].sum()), timed, times) if timed else 0.0,
        "most_common_components": [{"component": name, "count": n} for name, n in common.select("component", "chosen").rows()],
        "confidence_accuracy": confidence_accuracy([counts.get(number, (0, 0)) for number in range(3)]),
    }


def _mean(micros: int, n: int, times: Callable[[], Sequence[float]]) -> float:
    """The mean in seconds, to two decimals."""
    mean = micros / n / 1e6
    hundredths = abs(mean) * 100
    if abs(hundredths % 1 - 0.5) > 1e-4 + 1e-12 * hundredths:
        return round(mean, 2)
    exact = times()
    return round(math.fsum(exact) / len(exact), 2) if exact else round(mean, 2)


def component_counts(tallies: pl.DataFrame, which: str, *, once: bool = False) -> pl.DataFrame:
    """Per component, in the order of their first decision: how often `chosen`, its `outcomes`, and `successes`.

    Parameters
    ----------
    tallies
        As `tables.tally_table`.
    which
        `components` (as decided) or `served` (after users' overrides).
    once
        Whether a component that a decision names twice was chosen once; the document counts it twice.
    """
    won, known = pl.col("outcome") == "success", pl.col("outcome").is_not_null()
    n = pl.col("decisions")
    listed = pl.col(which).list.unique(maintain_order=True) if once else pl.col(which)
    chosen = tallies.select(listed, n).explode(which, empty_as_null=False).rename({which: "component"})
    told = tallies.with_columns(pl.col(which).list.unique(maintain_order=True)).explode(which, empty_as_null=False)
    counts = told.group_by(pl.col(which).alias("component")).agg(outcomes=n.filter(known).sum(), successes=n.filter(won).sum())
    return (
        chosen.group_by("component", maintain_order=True)
        .agg(chosen=n.sum())
        .join(counts, on="component", maintain_order="left")
        .select("component", "chosen", "outcomes", "successes")
    )


def confidence_accuracy(bins: Sequence[tuple[int, int]]) -> float:
    """The document's measure of whether confidence orders success.

    Parameters
    ----------
    bins
        Outcomes and successes with a total confidence in [0, 0.6), [0.6, 0.8) and [0.8, 1].

    Returns
    -------
    float
        0 with fewer than 5 outcomes. All three bins in order (high > medium > low): the mean of their rates. Three bins of which
        only high > low: a quarter of low plus high. Only low and high, high > low: a third of their sum. Otherwise 0.

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
