"""Learning from decisions in whatever form they come: a log, its path, entries, or a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import polars as pl

from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.statistics import component_counts
from aura_analytics.decisions.tables import entries_table
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.learning.adjusted import adjusted
from aura_analytics.learning.comparisons import VersionComparison, compare
from aura_analytics.learning.multipliers import from_counts, shrunk

if TYPE_CHECKING:
    from aura_analytics.decisions.log import AccountabilityLogger

    Decisions: TypeAlias = AccountabilityLogger | str | Path | pl.DataFrame | Iterable[DecisionLog | Mapping[str, Any]]

__all__ = ["METHODS", "compare_versions", "learn_from_outcomes", "multipliers"]

METHODS = ("seed", "shrunk", "adjusted")


def learn_from_outcomes(
    decisions: Decisions, method: Literal["seed", "shrunk", "adjusted"] = "seed", **options: Any
) -> dict[str, float] | pl.DataFrame:
    """What outcomes suggest for the confidence in each component.

    Parameters
    ----------
    decisions
        An `AccountabilityLogger`, the path of its file, entries as a query returns them (or dicts of that form), or a table with
        `components` (list of text), `outcome` and, for `adjusted`, `covariates` (JSON text).
    method, options
        As `AccountabilityLogger.learn_from_outcomes` has them.

    Returns
    -------
    dict or polars.DataFrame
        `seed`: multiplier by component. Otherwise a table with intervals.

    Examples
    --------
    >>> entries = [DecisionLog(f"r{i}", "2026-01-17T10:30:00Z", "x", {}, {"execution_order": ["agent:a"] if i % 2 else ["agent:b"]},
    ...                        {"outcome_type": "success" if i > 3 else "failure"}) for i in range(10)]
    >>> {name: round(value, 3) for name, value in learn_from_outcomes(entries).items()}
    {'agent:b': 1.0, 'agent:a': 1.0}
    """
    decisions = _opened(decisions)
    table = _table(decisions)
    if table is None:
        return decisions.learn_from_outcomes(method, **options)  # type: ignore[union-attr]
    weight = pl.col("n") if "n" in table.columns else pl.lit(1)
    counted = table.with_columns(decisions=weight.cast(pl.Int64), served=pl.col("components"))
    tallies = counted.group_by("components", "served", "outcome", maintain_order=True).agg(pl.col("decisions").sum())
    return multipliers(tallies, lambda: table.filter(pl.col("outcome").is_not_null()), method, **options)


def multipliers(tallies: pl.DataFrame, patterns: Any, method: str, **options: Any) -> dict[str, float] | pl.DataFrame:
    """The multipliers of a log's tallies (`patterns` is called where they are not enough)."""
    if method == "seed":
        if options:
            raise ParameterError(Problem("the document's method has no options", got=", ".join(options)))
        ended = tallies.filter(pl.col("outcome").is_not_null())
        total = int(ended["decisions"].sum())
        won = int(ended.filter(pl.col("outcome") == "success")["decisions"].sum())
        return from_counts(component_counts(tallies, "components"), won / total) if total else {}
    if method == "shrunk":
        return shrunk(component_counts(tallies, "served"), **options)
    if method == "adjusted":
        return adjusted(patterns(), **options)
    hint = close_match(str(method), list(METHODS))
    raise ParameterError(Problem("unknown method", got=method, expected=", ".join(METHODS), next=hint))


def _opened(decisions: Any) -> Any:
    """The log of a path."""
    from aura_analytics.decisions.log import AccountabilityLogger

    return AccountabilityLogger(decisions) if isinstance(decisions, (str, Path)) else decisions


def _table(decisions: Any) -> pl.DataFrame | None:
    """The table of decisions; None of a log, which knows its own."""
    from aura_analytics.decisions.log import AccountabilityLogger

    if isinstance(decisions, AccountabilityLogger):
        return None
    if isinstance(decisions, pl.DataFrame):
        lacking = {"components", "outcome"} - set(decisions.columns)
        if lacking:
            problem = Problem(
                "a table of decisions lacks columns", got=", ".join(decisions.columns), expected=", ".join(sorted(lacking))
            )
            raise ParameterError(problem)
        return decisions
    return entries_table(decisions)


def compare_versions(
    before: Decisions,
    after: Decisions,
    *,
    component: str | None = None,
    pair_by: str | None = None,
    margin: float = 0.05,
    confidence: float = 0.95,
) -> VersionComparison:
    """Whether a later version is worse than an earlier one.

    Parameters
    ----------
    before, after
        Decisions of each, in any of the forms of `learn_from_outcomes`. Those without outcomes are left out; success counts, everything
        else does not.
    component
        Only decisions that this component served.
    pair_by
        Column that says which task a decision was of (`user_request`): only tasks in both are compared, by their last decision with an outcome.
    margin, confidence
        As `learning.comparisons.compare`.

    Returns
    -------
    VersionComparison

    Examples
    --------
    >>> def run(successes, n):
    ...     return pl.DataFrame({"components": [["agent:a"]] * n, "outcome": ["success"] * successes + ["failure"] * (n - successes)})
    >>> print(compare_versions(run(180, 200), run(150, 200)))
    regression: 90.0% before, 75.0% after, difference -15.0% (-22.3% to -7.6%; margin 5.0%; n = 200 and 200)
    """
    sides = [_side(each, component, pair_by) for each in (before, after)]
    if pair_by is None:
        return compare(*(side["won"].to_numpy() for side in sides), margin=margin, confidence=confidence)
    last = [side.group_by("task").agg(pl.col("won").last()).sort("task") for side in sides]
    both = last[0].join(last[1], on="task", suffix="_after").sort("task")
    return compare(both["won"].to_numpy(), both["won_after"].to_numpy(), paired=True, margin=margin, confidence=confidence)


def _side(decisions: Any, component: str | None, pair_by: str | None) -> pl.DataFrame:
    decisions = _opened(decisions)
    table = _table(decisions)
    if table is None:
        table = decisions.table()
        if pair_by == "user_request":
            asked = {entry.request_id: entry.user_request for entry in decisions.query_decisions(limit=None)}
            table = table.with_columns(user_request=pl.col("request_id").replace_strict(asked, return_dtype=pl.String))
    if pair_by is not None and pair_by not in table.columns:
        problem = Problem("there is no such column to pair by", got=pair_by, expected=", ".join(table.columns))
        raise ParameterError(problem)
    found = table.filter(pl.col("outcome").is_not_null())
    if "ts" in found.columns:
        found = found.sort("ts", maintain_order=True)
    if component is not None:
        found = found.filter(pl.col("components").list.contains(component))
    task = pl.lit(None) if pair_by is None else pl.col(pair_by)
    return found.select(won=(pl.col("outcome") == "success").cast(pl.Int8), task=task)
