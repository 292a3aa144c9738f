"""How often a rule is wrong: many worlds of a scenario, each read as the rule would have read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules.policy import Policy
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import Scenario

__all__ = ["PolicyComparison", "RuleErrorRates", "compare_policies", "rule_error_rates"]

_YEAR = 365.25
_RATES = ("false_flags_per_officer_year", "flips_per_officer_year", "detected", "delay_days")


@dataclass(frozen=True)
class RuleErrorRates:
    """How a rule does in worlds whose truth is known.

    Attributes
    ----------
    rates
        `rate`, `value`, `lo`, `hi` (Student's t across worlds; where all worlds say the same, exact limits of what was counted in all of them
        together, which for 0 of many is not 0), `worlds` that have it: `false_flags_per_officer_year` (officers who are not made to
        underperform and are ever flagged, per year of them), `flips_per_officer_year` (changes into and out of the flag, of everybody),
        `detected` (share of those made to underperform who are ever flagged), `delay_days` (mean days until then, of those detected). Null
        where no world has it.
    detection
        `day`, `share`, `lo`, `hi`: share of those made to underperform who were flagged by then (Wilson 95 %, over officers of all worlds).
    worlds
        One row a replication: `replication` and the rates.
    policy, scenario
        Names.
    """

    rates: pl.DataFrame
    detection: pl.DataFrame
    worlds: pl.DataFrame
    policy: str
    scenario: str

    def __str__(self) -> str:
        """A few lines for people."""
        lines = [f"{self.policy} in {self.worlds.height} worlds of {self.scenario}"]
        for row in self.rates.iter_rows(named=True):
            limits = "" if row["lo"] is None else f" ({row['lo']:.3f} to {row['hi']:.3f})"
            said = "undefined" if row["value"] is None else f"{row['value']:.3f}{limits}"
            lines.append(f"  {row['rate'].replace('_', ' ')}: {said}")
        return "\n".join(lines)


@dataclass(frozen=True)
class PolicyComparison:
    """Two rules in the same worlds: `differences` has `rate`, `value` (second minus first), `lo`, `hi` (t of the paired differences), `worlds`."""

    first: RuleErrorRates
    second: RuleErrorRates
    differences: pl.DataFrame


def rule_error_rates(
    policy: Policy,
    scenario: Scenario | str | Path,
    replications: int = 20,
    seed: int = 0,
    *,
    days: int | None = None,
    every_days: int = 7,
    window: str = "90d",
    workers: int = 1,
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
        How many worlds, and which; the same numbers whatever `workers` is.
    days
        Horizon, instead of the scenario's own.
    every_days, window
        How often the rule is read, and over which window.
    workers
        Processes.
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
    world = scenario if isinstance(scenario, Scenario) else Scenario.from_yaml(scenario)
    if days is not None:
        world = world.model_copy(update={"days": days})
    for name, value, least in (("replications", replications, 2), ("every_days", every_days, 1), ("workers", workers, 1)):
        if value < least:
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected=f"at least {least}"))
    world = world.model_copy(update={"hr": None})
    tasks = [
        (world.model_dump_json(), policy.spec.model_dump_json(by_alias=True), seed, number, every_days, window)
        for number in range(replications)
    ]
    found = []
    for done, row in enumerate(_played(tasks, workers, folder), 1):
        found.append(row)
        if progress is not None:
            progress(done, replications)
    return _summed(found, world, policy)


def compare_policies(
    first: Policy, second: Policy, scenario: Scenario | str | Path, replications: int = 20, seed: int = 0, **options: Any
) -> PolicyComparison:
    """Two rules in the very same worlds, and the difference of each rate, paired.

    Parameters
    ----------
    first, second
        The rules.
    scenario, replications, seed, options
        As `rule_error_rates`.
    """
    sides = [rule_error_rates(policy, scenario, replications, seed, **options) for policy in (first, second)]
    both = sides[0].worlds.join(sides[1].worlds, on="replication", suffix="_second")
    rows = [(name, *_mean(both[f"{name}_second"] - both[name])) for name in _RATES]
    return PolicyComparison(sides[0], sides[1], _rates(rows))


def _played(tasks: list[tuple[Any, ...]], workers: int, folder: str | Path | None) -> Iterator[dict[str, Any]]:
    """The results in the order of the tasks; those that are there already are not played again."""
    place = None if folder is None else Path(folder)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    names = [hashlib.sha256(json.dumps(task).encode()).hexdigest()[:24] + ".json" for task in tasks]
    known = {i: place / name for i, name in enumerate(names) if place is not None and (place / name).exists()}
    rest = [i for i in range(len(tasks)) if i not in known]

    def keep(i: int, row: dict[str, Any]) -> dict[str, Any]:
        if place is not None:
            part = place / f".{names[i]}.part"
            part.write_text(json.dumps(row), encoding="utf-8")
            part.replace(place / names[i])
        return row

    if workers == 1:
        fresh: Iterable[dict[str, Any]] = (_world(tasks[i]) for i in rest)
        yield from _merged(len(tasks), known, rest, fresh, keep)
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield from _merged(len(tasks), known, rest, pool.map(_world, [tasks[i] for i in rest]), keep)


def _merged(
    total: int,
    known: dict[int, Path],
    rest: list[int],
    fresh: Iterable[dict[str, Any]],
    keep: Callable[[int, dict[str, Any]], dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    coming = zip(rest, fresh, strict=True)
    for i in range(total):
        if i in known:
            yield json.loads(known[i].read_text(encoding="utf-8"))
        else:
            number, row = next(coming)
            yield keep(number, row)


def _world(task: tuple[Any, ...]) -> dict[str, Any]:
    """One world, read by the rule at every reading."""
    from aura_analytics.metrics.state import DossierState

    text, rule, seed, number, every, window = task
    scenario, policy = Scenario.model_validate_json(text), Policy(json.loads(rule))
    run = simulate(scenario, seed, replication=number)
    officers = run.truth.actors.filter(pl.col("actor_kind") == "officer")
    bad = set(officers.filter("bad")["actor"])
    state: DossierState | None = None
    begin = datetime.combine(scenario.start, datetime.min.time(), timezone.utc)
    first: dict[str, int] = {}
    flagged: set[str] = set()
    flips = 0
    last = begin - timedelta(days=1)
    for day in range(every, scenario.days + 1, every):
        moment = begin + timedelta(days=day)
        fresh = run.events.filter((pl.col("ts") > last) & (pl.col("ts") <= moment))
        last = moment
        if state is None:
            state = DossierState(fresh, metrics=policy.metrics)
        else:
            state.append(fresh)
        board = state.dossiers(moment, window)
        now = set(policy.evaluate(board, texts="none").filter(pl.col("verdict") == "flag")["actor"]) & set(officers["actor"])
        flips += len(now ^ flagged)
        flagged = now
        for name in now:
            first.setdefault(name, day)
    years = scenario.days / _YEAR
    good = officers.height - len(bad)
    days = [first[name] for name in sorted(bad) if name in first]
    return {
        "replication": number,
        "false": sum(name not in bad for name in first),
        "flips": flips,
        "good_years": good * years,
        "years": officers.height * years,
        "false_flags_per_officer_year": sum(name not in bad for name in first) / (good * years) if good else None,
        "flips_per_officer_year": flips / (officers.height * years),
        "detected": len(days) / len(bad) if bad else None,
        "delay_days": float(np.mean(days)) if days else None,
        "days": days,
        "bad": len(bad),
    }


def _mean(values: pl.Series) -> tuple[float | None, float | None, float | None, int]:
    from scipy.special import stdtrit

    known = values.drop_nulls().to_numpy()
    n = len(known)
    if n == 0:
        return None, None, None, 0
    mean = float(known.mean())
    if n == 1:
        return mean, None, None, 1
    half = float(stdtrit(n - 1, 0.975)) * float(known.std(ddof=1)) / np.sqrt(n)
    return mean, mean - half, mean + half, n


def _rates(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {"rate": pl.String, "value": pl.Float64, "lo": pl.Float64, "hi": pl.Float64, "worlds": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _summed(found: list[dict[str, Any]], scenario: Scenario, policy: Policy) -> RuleErrorRates:
    from aura_analytics.intervals import wilson

    schema = {"replication": pl.Int64, **dict.fromkeys(_RATES, pl.Float64)}
    worlds = pl.DataFrame([{name: row[name] for name in schema} for row in found], schema=schema)
    all_days = sorted(day for row in found for day in row["days"])
    total = sum(row["bad"] for row in found)
    marks = sorted(set(all_days))
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
    rates = [(name, *_bounded(name, _mean(worlds[name]), worlds[name], found, scenario.days)) for name in _RATES]
    return RuleErrorRates(_rates(rates), detection, worlds, policy.name, scenario.name)


_Limits = tuple[float | None, float | None, float | None, int]


def _bounded(name: str, across: _Limits, values: pl.Series, found: list[dict[str, Any]], days: int) -> _Limits:
    """Limits within what is possible, and not of width 0 only because all worlds said the same."""
    from scipy.special import gammaincinv

    from aura_analytics.intervals import wilson

    mean, low, high, n = across
    if mean is None or low is None or high is None:
        return across
    top = {"detected": 1.0, "delay_days": float(days)}.get(name, float("inf"))
    if values.drop_nulls().n_unique() > 1:
        return mean, max(low, 0.0), min(high, top), n
    if name == "detected":
        lower, upper = wilson([sum(len(row["days"]) for row in found)], [sum(row["bad"] for row in found)])
        return mean, float(lower[0]), float(upper[0]), n
    if name in ("false_flags_per_officer_year", "flips_per_officer_year"):
        count, years = ("false", "good_years") if name.startswith("false") else ("flips", "years")
        k, exposure = sum(row[count] for row in found), sum(row[years] for row in found)
        # exact limits of a Poisson count (Garwood 1936)
        lower_limit = float(gammaincinv(k, 0.025)) / exposure if k else 0.0
        return mean, lower_limit, float(gammaincinv(k + 1, 0.975)) / exposure, n
    return mean, None, None, n
