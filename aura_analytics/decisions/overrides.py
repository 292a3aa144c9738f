"""What users put in the place of components, and whether they were right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.learning.comparisons import difference
from aura_analytics.learning.multipliers import shrunk
from aura_analytics.statistics.intervals import wilson

__all__ = ["override_record"]

_SCHEMA = {
    "component": pl.String,
    "chosen": pl.Int64,
    "overridden": pl.Int64,
    "rate": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "replaced_by": pl.String,
    "added": pl.Int64,
    "kept_n": pl.Int64,
    "kept_success": pl.Float64,
    "overridden_n": pl.Int64,
    "overridden_success": pl.Float64,
    "gain": pl.Float64,
    "gain_lo": pl.Float64,
    "gain_hi": pl.Float64,
    "multiplier": pl.Float64,
    "multiplier_lo": pl.Float64,
    "multiplier_hi": pl.Float64,
    "status": pl.String,
}


def override_record(
    chosen: pl.DataFrame, lines: Iterable[Mapping[str, Any]], decisions: pl.DataFrame, confidence: float = 0.95
) -> pl.DataFrame:
    """Per component how often users overrode it, and what that did.

    Parameters
    ----------
    chosen
        `component`, `chosen` (each decision once), `outcomes`, `successes`: over all decisions, as they were decided.
    lines
        Overrides of the log.
    decisions
        `request_id`, `decided`, `components` (that served in the end), `outcome` of the decisions that were overridden. An override
        that another one took back is none.
    confidence
        Two-sided level of all intervals.

    Returns
    -------
    polars.DataFrame
        Per component: `chosen` decisions, `overridden` of them, `rate` with `lo` and `hi` (Wilson), `replaced_by` (the most common
        replacement), `added` (decisions that users put it into); success of the decisions in which it was kept and overridden
        (`kept_n`, `kept_success`, `overridden_n`, `overridden_success`) and the `gain` of overriding with its limits (Newcombe):
        users override what looks bad, so it says nothing of causes; and, learned from overrides alone, the `multiplier` of how
        often it is kept over how often all are, with limits and `status`, as `learning.multipliers.shrunk`. Null where there is
        nothing to divide by.
    """
    over: Counter[str] = Counter()
    told: dict[str, list[str]] = defaultdict(list)
    added: Counter[str] = Counter()
    removed: dict[str, set[str]] = {}
    for name, decided, served, outcome in decisions.select("request_id", "decided", "components", "outcome").iter_rows():
        removed[name] = set(decided) - set(served)
        for component in removed[name]:
            over[component] += 1
            if outcome is not None:
                told[component].append(outcome)
        added.update(set(served) - set(decided))
    instead: dict[tuple[str, str], str] = {}  # the last word on each counts
    for line in lines:
        said = line["override"]
        if said.get("component") in removed.get(str(line["overrides"]), ()):
            instead[str(line["overrides"]), said["component"]] = said.get("replacement") or "nothing"
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, component), replacement in instead.items():
        by[component][replacement] += 1
    names = [*chosen["component"], *(name for name in added if name not in set(chosen["component"]))]
    base = pl.DataFrame({"component": names}, schema={"component": pl.String}).join(
        chosen, on="component", how="left", maintain_order="left"
    )
    counts = base.select(pl.col("chosen", "outcomes", "successes").fill_null(0))
    n = counts["chosen"].to_numpy()
    overridden = np.array([over[name] for name in names], dtype=np.int64)
    over_n = np.array([len(told[name]) for name in names], dtype=np.int64)
    over_k = np.array([told[name].count("success") for name in names], dtype=np.int64)
    kept_n, kept_k = counts["outcomes"].to_numpy() - over_n, counts["successes"].to_numpy() - over_k
    low, high = wilson(overridden, n, confidence)
    gain_low, gain_high = difference(over_k, over_n, kept_k, kept_n, confidence)
    learned = shrunk(pl.DataFrame({"component": names, "outcomes": n, "successes": n - overridden}), confidence=confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "component": names,
            "chosen": n,
            "overridden": overridden,
            "rate": overridden / n,
            "lo": low,
            "hi": high,
            "replaced_by": [by[name].most_common(1)[0][0] if by[name] else None for name in names],
            "added": [added[name] for name in names],
            "kept_n": kept_n,
            "kept_success": kept_k / kept_n,
            "overridden_n": over_n,
            "overridden_success": over_k / over_n,
            "gain": over_k / over_n - kept_k / kept_n,
            "gain_lo": gain_low,
            "gain_hi": gain_high,
            "multiplier": learned["multiplier"],
            "multiplier_lo": learned["lo"],
            "multiplier_hi": learned["hi"],
            "status": learned["status"],
        }
    return pl.DataFrame(columns, schema=_SCHEMA).with_columns(pl.selectors.float().fill_nan(None))
