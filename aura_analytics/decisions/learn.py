"""Learning from decisions in whatever form they come: a log, its path, entries, or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import polars as pl

from aura_analytics.decisions.log import LoggedDecisions
from aura_analytics.decisions.records import DecisionLog
from aura_analytics.decisions.statistics import component_counts
from aura_analytics.decisions.tables import entries_table
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.learning.adjusted import adjusted
from aura_analytics.learning.multipliers import from_counts, shrunk
from aura_analytics.learning.versions import VersionComparison, compare

__all__ = ["METHODS", "Decisions", "compare_versions", "learn_from_outcomes"]

Decisions: TypeAlias = LoggedDecisions | str | Path | pl.DataFrame | Iterable[DecisionLog | Mapping[str, Any]]
_OPTIONS: dict[str, tuple[str, ...]] = {
    "seed": (),
    "shrunk": ("prior", "confidence"),
    "adjusted": ("covariates", "confidence", "least", "spread"),
}
METHODS = tuple(_OPTIONS)


@overload
def learn_from_outcomes(decisions: Decisions, method: Literal["seed"] = "seed") -> dict[str, float]: ...
@overload
def learn_from_outcomes(
    decisions: Decisions,
    method: Literal["shrunk"],
    *,
    prior: tuple[float, float] | None = None,
    confidence: float | None = None,
) -> pl.DataFrame: ...
@overload
def learn_from_outcomes(
    decisions: Decisions,
    method: Literal["adjusted"],
    *,
    covariates: list[str] | None = None,
    confidence: float | None = None,
    least: int | None = None,
    spread: float | None = None,
) -> pl.DataFrame: ...
@overload
def learn_from_outcomes(decisions: Decisions, method: str) -> dict[str, float] | pl.DataFrame: ...
def learn_from_outcomes(
    decisions: Decisions,
    method: str = "seed",
    *,
    prior: tuple[float, float] | None = None,
    covariates: list[str] | None = None,
    confidence: float | None = None,
    least: int | None = None,
    spread: float | None = None,
) -> dict[str, float] | pl.DataFrame:
    """What outcomes suggest for the confidence in each component.

    Parameters
    ----------
    decisions
        An `AccountabilityLogger`, the path of its file, entries as a query returns them (or dicts of that form), or a table with
        `components` (list of text), `outcome` and, for `adjusted`, `covariates` (JSON text).
    method, prior, covariates, confidence, least, spread
        As `AccountabilityLogger.learn_from_outcomes` has them.

    Returns
    -------
    dict or polars.DataFrame
        `seed`: multiplier by component. Otherwise a table with intervals.

    Raises
    ------
    ParameterError
        For an unknown method, an option that the method does not take, or a table without these columns.

    Examples
    --------
    >>> entries = [DecisionLog(f"r{i}", "2026-01-17T10:30:00Z", "x", {}, {"execution_order": ["agent:a"] if i % 2 else ["agent:b"]},
    ...                        {"outcome_type": "success" if i > 3 else "failure"}) for i in range(10)]
    >>> {name: round(value, 3) for name, value in learn_from_outcomes(entries).items()}
    {'agent:b': 1.0, 'agent:a': 1.0}
    """
    given = {"prior": prior, "covariates": covariates, "confidence": confidence, "least": least, "spread": spread}
    options = {name: value for name, value in given.items() if value is not None}
    found = _opened(decisions)
    if isinstance(found, LoggedDecisions):
        return _multipliers(found.tallies(), found.patterns, method, options)
    table = _table(found)
    weight = pl.col("n") if "n" in table.columns else pl.lit(1)
    counted = table.with_columns(decisions=weight.cast(pl.Int64), served=pl.col("components"))
    tallies = counted.group_by("components", "served", "outcome", maintain_order=True).agg(pl.col("decisions").sum())
    return _multipliers(tallies, lambda: table.filter(pl.col("outcome").is_not_null()), method, options)


def _multipliers(
    tallies: pl.DataFrame, patterns: Callable[[], pl.DataFrame], method: str, options: dict[str, Any]
) -> dict[str, float] | pl.DataFrame:
    """The multipliers of a log's tallies (`patterns` is called where they are not enough)."""
    if method not in _OPTIONS:
        hint = close_match(str(method), list(METHODS))
        raise ParameterError(Problem("unknown method", got=method, expected=", ".join(METHODS), next=hint))
    if method == "seed" and options:
        raise ParameterError(Problem("the document's method has no options", got=", ".join(options)))
    wrong = [name for name in options if name not in _OPTIONS[method]]
    if wrong:
        expected = ", ".join(_OPTIONS[method])
        raise ParameterError(Problem(f"the method {method!r} does not take that", got=", ".join(wrong), expected=expected))
    if method == "seed":
        ended = tallies.filter(pl.col("outcome").is_not_null())
        total = int(ended["decisions"].sum())
        won = int(ended.filter(pl.col("outcome") == "success")["decisions"].sum())
        return from_counts(component_counts(tallies, "components"), won / total) if total else {}
    if method == "shrunk":
        return shrunk(component_counts(tallies, "served"), **options)
    return adjusted(patterns(), **options)


def _opened(decisions: Decisions) -> LoggedDecisions | pl.DataFrame | list[DecisionLog | Mapping[str, Any]]:
    """The log of a path; anything else as it is."""
    if isinstance(decisions, (str, Path)):
        return LoggedDecisions(decisions)
    if isinstance(decisions, (LoggedDecisions, pl.DataFrame)):
        return decisions
    if not isinstance(decisions, Iterable) or isinstance(decisions, (bytes, Mapping)):
        expected = "an AccountabilityLogger, its path, entries, or a table"
        raise ParameterError(Problem("that holds no decisions", got=type(decisions), expected=expected))
    return list(decisions)


def _table(decisions: pl.DataFrame | list[DecisionLog | Mapping[str, Any]]) -> pl.DataFrame:
    """The table of decisions."""
    if not isinstance(decisions, pl.DataFrame):
        return entries_table(decisions)
    lacking = {"components", "outcome"} - set(decisions.columns)
    if lacking:
        got, expected = ", ".join(decisions.columns), ", ".join(sorted(lacking))
        raise ParameterError(Problem("a table of decisions lacks columns", got=got, expected=expected))
    return decisions


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
        Decisions of each, in any of the forms of `learn_from_outcomes`. Those without outcomes are left out; success counts,
        everything else does not.
    component
        Only decisions that this component served.
    pair_by
        Column that says which task a decision was of (`user_request`): only tasks in both are compared, by their last decision with
        an outcome.
    margin, confidence
        As `learning.comparisons.compare`.

    Returns
    -------
    VersionComparison

    Examples
    --------
    >>> def run(successes, n):
    ...     outcomes = ["success"] * successes + ["failure"] * (n - successes)
    ...     return pl.DataFrame({"components": [["agent:a"]] * n, "outcome": outcomes})
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
    opened = _opened(decisions)
    if isinstance(opened, LoggedDecisions):
        table = opened.table()
        if pair_by == "user_request":
            asked = {entry.request_id: entry.user_request for entry in opened.query_decisions(limit=None)}
            table = table.with_columns(user_request=pl.col("request_id").replace_strict(asked, return_dtype=pl.String))
    else:
        table = _table(opened)
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
