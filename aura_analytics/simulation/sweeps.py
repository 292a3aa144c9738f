"""How often a rule is wrong: many worlds of a scenario, each read as the rule would have read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.simulation.played import BATCH, collected, mean_of
from aura_analytics.simulation.rates import COUNTED, LOOP_RATES, RATES, LoopComparison, PolicyComparison, RuleErrorRates
from aura_analytics.simulation.readings import is_direct
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, as_scenario
from aura_analytics.tasks import ExecutorLike

__all__ = ["compare_in_loop", "compare_policies", "rule_error_rates"]


def rule_error_rates(
    policy: PolicyLike,
    scenario: ScenarioLike,
    replications: int = 20,
    seed: int = 0,
    *,
    days: int | None = None,
    every_days: int = 7,
    window: str | None = None,
    workers: int = 1,
    executor: ExecutorLike = None,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RuleErrorRates:
    """How often a rule is wrong, and how soon it is right.

    Parameters
    ----------
    policy
        The rule.
    scenario
        The world; HR in its loop is left out, so that what is measured is the rule and not what it brings about.
    replications, seed
        How many worlds, at least 2, and which, from 0; the same numbers whatever `workers` is.
    days
        Horizon in days, at least 1, instead of the scenario's own.
    every_days, window
        Days between two readings of the rule, and over which window; default the policy's own window, `all` is everything up to the
        reading.
    workers, executor
        Processes on this machine, at least 1; or any `concurrent.futures.Executor`, or the address of a Dask scheduler, such as
        `tcp://10.0.0.1:8786`. Who plays the worlds changes no digit.
    folder
        Where the result of every world is kept as it comes: a later call goes on where an earlier one was stopped.
    progress
        Called with how many worlds are done, and of how many.

    Returns
    -------
    RuleErrorRates

    Raises
    ------
    ParameterError
        For numbers out of range.
    RuleError
        If the scenario cannot be read.

    Examples
    --------
    >>> from aura_analytics.simulation.scenario import shipped
    >>> found = rule_error_rates(Policy.tracker(), shipped()["fraud_unit"], replications=2, days=20)
    >>> found.worlds.height
    2
    """
    rule = as_policy(policy)
    world = _checked(scenario, days, replications=replications, every_days=every_days, workers=workers).changed(hr=None)
    alone = bool(rule.roles) or not is_direct(world, rule.reads, rule.way)
    if world.days < every_days:
        problem = Problem(
            "the rule would never be read",
            got=f"{world.days} days, read every {every_days}",
            next="play longer, or read more often",
        )
        raise ParameterError(problem)
    rule = rule.over(window)
    side = 1 if alone else max(1, int(BATCH // max(world.cases_expected, 1)))
    common = ("rates", world.model_dump_json(), rule.spec.model_dump_json(by_alias=True), seed, every_days)
    found = collected(common, replications, side, workers, executor, folder, progress)
    return _summed(found, world, rule, rule.spec.window)


def _checked(scenario: ScenarioLike, days: int | None, **numbers: int) -> Scenario:
    world = as_scenario(scenario)
    least = {"replications": 2, "every_days": 1, "workers": 1}
    for name, value in numbers.items():
        if value < least[name]:
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected=f"at least {least[name]}"))
    return world if days is None else world.for_days(days)


def compare_policies(
    first: PolicyLike,
    second: PolicyLike,
    scenario: ScenarioLike,
    replications: int = 20,
    seed: int = 0,
    *,
    days: int | None = None,
    every_days: int = 7,
    window: str | None = None,
    workers: int = 1,
    executor: ExecutorLike = None,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PolicyComparison:
    """Two rules in the very same worlds, and the difference of each rate, paired.

    Parameters
    ----------
    first, second
        The rules.
    scenario, replications, seed, days, every_days, window, workers, executor, folder, progress
        As `rule_error_rates`.

    Returns
    -------
    PolicyComparison

    Raises
    ------
    ParameterError, RuleError, FileMissingError
        As `rule_error_rates`.

    Examples
    --------
    >>> both = compare_policies("tracker", "evidence_gated", "fraud_unit", replications=2, days=20)
    >>> both.differences.columns
    ['rate', 'value', 'lo', 'hi', 'worlds']
    """
    sides = []
    for number, policy in enumerate((first, second)):
        step = None if progress is None else _shifted(progress, number * replications, 2 * replications)
        sides.append(
            rule_error_rates(
                policy,
                scenario,
                replications,
                seed,
                progress=step,
                days=days,
                every_days=every_days,
                window=window,
                workers=workers,
                executor=executor,
                folder=folder,
            )
        )
    return PolicyComparison(sides[0], sides[1], _paired(sides[0].worlds, sides[1].worlds, RATES))


def compare_in_loop(
    first: PolicyLike,
    second: PolicyLike,
    scenario: ScenarioLike,
    replications: int = 20,
    seed: int = 0,
    *,
    days: int | None = None,
    workers: int = 1,
    executor: ExecutorLike = None,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LoopComparison:
    """What becomes of the very same worlds when HR goes by one rule or the other.

    Parameters
    ----------
    first, second
        The rules; everything else that HR does is as the scenario says (or as `Hr` has it by default).
    scenario, replications, seed, days, workers, executor, folder, progress
        As `rule_error_rates`.

    Returns
    -------
    LoopComparison
        `first`, `second` (rates with limits over the worlds), and `differences` with limits over the pairs of worlds.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> both = aura.compare_in_loop("tracker", "evidence_gated", "fraud_unit", replications=2, days=30)
    >>> both.differences.columns[:2]
    ['rate', 'value']
    """
    world = _checked(scenario, days, replications=replications, workers=workers)
    world = world if world.hr is not None else world.changed(hr={})
    sides, rates = [], []
    for number, policy in enumerate(map(as_policy, (first, second))):
        common = ("loop", world.model_dump_json(), policy.spec.model_dump_json(by_alias=True), seed)
        step = None if progress is None else _shifted(progress, number * replications, 2 * replications)
        found = collected(common, replications, 1, workers, executor, folder, step)
        frame = pl.DataFrame(found, schema={"replication": pl.Int64, **dict.fromkeys(LOOP_RATES, pl.Float64)})
        sides.append(frame)
        rates.append(_rates([(name, *_bounded(name, mean_of(frame[name]), frame[name], found, world.days)) for name in LOOP_RATES]))
    return LoopComparison(rates[0], rates[1], _paired(sides[0], sides[1], LOOP_RATES))


def _shifted(progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int, int], None]:
    return lambda done, _total: progress(before + done, total)


def _paired(first: pl.DataFrame, second: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    both = first.join(second, on="replication", suffix="_second")
    rows = []
    for name in names:
        apart = both[f"{name}_second"] - both[name]
        value, low, high, n = mean_of(apart)
        # that all worlds agree says nothing about how far the next one may be off
        rows.append((name, value, *((low, high) if apart.drop_nulls().n_unique() > 1 else (None, None)), n))
    return _rates(rows)


def _rates(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {"rate": pl.String, "value": pl.Float64, "lo": pl.Float64, "hi": pl.Float64, "worlds": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _summed(found: list[dict[str, Any]], scenario: Scenario, policy: Policy, window: str | None) -> RuleErrorRates:
    from aura_analytics.statistics.intervals import wilson

    schema = {"replication": pl.Int64, **dict.fromkeys(RATES, pl.Float64)}
    worlds = pl.DataFrame([{name: row[name] for name in schema} for row in found], schema=schema)
    all_days = sorted(day for row in found for day in row["days"])
    total = sum(row["bad"] for row in found)
    marks = [0, *sorted(set(all_days))] if total else []  # on day 0 nobody, of so many: that is not certain either
    caught = [sum(day <= mark for day in all_days) for mark in marks]
    low, high = wilson(caught, [total] * len(marks)) if marks else ([], [])
    detection = pl.DataFrame(
        {
            "day": marks,
            "share": [count / total for count in caught],
            "lo": np.asarray(low, dtype=float),
            "hi": np.asarray(high, dtype=float),
        },
        schema={"day": pl.Int64, "share": pl.Float64, "lo": pl.Float64, "hi": pl.Float64},
    )
    rates = [(name, *_bounded(name, mean_of(worlds[name]), worlds[name], found, scenario.days)) for name in RATES]
    good, falsely = (sum(row[name] for row in found) for name in ("good", "false"))
    rightly = len(all_days)
    return RuleErrorRates(_rates(rates), detection, worlds, policy.name, scenario.name, window, good, falsely, total, rightly)


_RARE = 30  # counts below which the spread across worlds says little: their limits are exact
_Limits = tuple[float | None, float | None, float | None, int]


def _bounded(name: str, across: _Limits, values: pl.Series, found: list[dict[str, Any]], days: int) -> _Limits:
    """Limits within what is possible, and not of width 0 only because all worlds said the same."""
    from aura_analytics.statistics.intervals import exact_rate, poisson_rate

    mean, low, high, n = across
    if mean is None or low is None or high is None:
        return across
    top = {"detected": 1.0, "delay_days": float(days), "wrong_verdicts": 1.0, "stars": 5.0}.get(name, float("inf"))
    same = values.drop_nulls().n_unique() == 1
    across_worlds = max(low, 0.0), min(high, top)
    if name == "detected":
        k, of = sum(len(row["days"]) for row in found), sum(row["bad"] for row in found)
        if min(k, of - k) < _RARE:
            return mean, *exact_rate(k, of), n
    elif name in COUNTED:
        count, years = COUNTED[name]
        k, exposure = sum(row[count] for row in found), sum(row[years] for row in found)
        if k < _RARE:
            exact = poisson_rate(k, exposure)
            # a flag that comes and goes is two flips, which are not two of a Poisson count
            wider = name == "flips_per_officer_year" and not same
            return (mean, min(exact[0], across_worlds[0]), max(exact[1], across_worlds[1]), n) if wider else (mean, *exact, n)
    if not same:
        return mean, *across_worlds, n
    return mean, None, None, n
