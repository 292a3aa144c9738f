"""How well playing a fitted scenario brings the log back: numbers and shapes beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.simulation.fit_log import busy, ended_cases, prepared, verdicts_of
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import ScenarioLike, as_scenario
from aura_analytics.simulation.worktime import HOUR

if TYPE_CHECKING:
    pass


__all__ = ["fit_check"]


def fit_check(
    scenario: ScenarioLike, events: EventsLike, *, replications: int = 20, seed: int = 0, utc_offset: float = 0
) -> pl.DataFrame:
    """Play a scenario and compare the simulated logs with the real one, marginal by marginal.

    Parameters
    ----------
    scenario
        As `fit_scenario` reads it.
    events
        The log that it was read off.
    replications, seed
        How many worlds, and which.
    utc_offset
        As in `fit_scenario`.

    Returns
    -------
    polars.DataFrame
        Per marginal: `marginal`, `unit`, `real`, `simulated` (mean over the worlds), `lo`, `hi` (least and most of the worlds),
        `inside` (whether the real one lies between), and `distance`, mean over the worlds: the relative difference of a number
        (null where the real one is 0), the total variation distance of a distribution (hours of the day, weekdays, shares of the
        officers, stars; `real` is then 0), the Kolmogorov-Smirnov distance of the processing times.

    Raises
    ------
    InputError, ParameterError
        As `fit_scenario`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.simulate("fraud_unit", seed=1, days=20).events
    >>> fit_check(aura.fit_scenario(log).scenario, log, replications=2).columns[:4]
    ['marginal', 'unit', 'real', 'simulated']
    """
    world = as_scenario(scenario)
    if replications < 2:
        raise ParameterError(Problem("replications is out of range", got=replications, expected="at least 2"))
    log = prepared(events, utc_offset)
    log = busy(log, ended_cases(log, []), [])
    real, shapes = _numbers(log), _shapes(log)
    worlds = [simulate(world, seed, replication=number, ordered=False).events for number in range(replications)]
    simulated, drawn = [_numbers(world) for world in worlds], [_shapes(world) for world in worlds]
    rows: list[tuple[Any, ...]] = []
    for (name, unit), value in real.items():
        theirs = np.array([np.nan if world[name, unit] is None else world[name, unit] for world in simulated], dtype=float)
        if value is None or np.isnan(theirs).all():
            continue
        mean, low, high = (float(f(theirs)) for f in (np.nanmean, np.nanmin, np.nanmax))
        rows.append((name, unit, value, mean, low, high, low <= value <= high, abs(mean - value) / abs(value) if value else None))
    for name, shape in shapes.items():
        if shape is None:
            continue
        far = np.array([_distance(name, shape, world[name]) for world in drawn])
        rows.append((name, "distance", 0.0, float(far.mean()), float(far.min()), float(far.max()), None, float(far.mean())))
    schema = {
        "marginal": pl.String,
        "unit": pl.String,
        "real": pl.Float64,
        "simulated": pl.Float64,
        "lo": pl.Float64,
        "hi": pl.Float64,
        "inside": pl.Boolean,
        "distance": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _numbers(log: pl.DataFrame) -> dict[tuple[str, str], float | None]:
    """Numbers of a log."""
    ended, verdicts = ended_cases(log, []), verdicts_of(log, [])
    days = (times.parse_as_of(log["ts"].max()).date() - times.parse_as_of(log["ts"].min()).date()).days + 1  # type: ignore[arg-type]
    hours = (ended["ended"] - ended["assigned"]).dt.total_microseconds() / HOUR
    stars = log.filter(pl.col("type") == "SAT_SCORE")["value"]
    came = log.filter(pl.col("case_id").is_not_null())["case_id"].n_unique()
    officers = ended.filter(pl.col("actor_kind") == "officer")
    length = (officers["ended"] - officers["assigned"]).dt.total_microseconds() / HOUR
    return {
        ("cases a day", "cases"): came / days,
        ("still open at the end", "share"): 1 - ended.height / came if came else None,
        ("processing time, mean", "hours"): _float(hours.mean()),
        ("processing time, median", "hours"): _float(hours.median()),
        ("processing time, 90th percentile", "hours"): _float(hours.quantile(0.9)),
        ("processing time of people, median", "hours"): _float(length.median()),
        ("decided on a recommendation", "share"): verdicts.height / ended.height if ended.height else None,
        ("override rate", "share"): _float(verdicts["override"].mean()),
        ("approved", "share"): _float(verdicts["approved"].mean()),
        ("confidence, mean", "share"): _float(verdicts["confidence"].mean()),
        ("rated", "share"): stars.len() / ended.height if stars.len() else None,
        ("stars, mean", "stars"): _float(stars.mean()),
        ("agents right, of the audited", "share"): _float(verdicts["right"].mean()),
    }


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _shapes(log: pl.DataFrame) -> dict[str, Any]:
    """Distributions of a log."""
    ended, verdicts = ended_cases(log, []), verdicts_of(log, [])
    came = log.filter(pl.col("case_id").is_not_null()).group_by("case_id").agg(pl.col("ts").min())["ts"]
    stars = log.filter(pl.col("type") == "SAT_SCORE")["value"]
    rates = verdicts.group_by("actor").agg(k=pl.col("override").sum(), n=pl.len())
    return {
        "arrivals by hour": _shares(came.dt.hour()),
        "arrivals by weekday": _shares(came.dt.weekday()),
        "ends by hour": _shares(ended["ended"].dt.hour()),
        "cases by officer": _shares(ended["actor"]),
        "recommendations by agent": _shares(verdicts["agent"]) if verdicts["agent"].drop_nulls().len() else None,
        "overrides by officer": _shares(rates["actor"].gather(_repeated(rates["k"]))) if rates["k"].sum() else None,
        "stars": _shares(stars) if stars.len() else None,
        "processing time": np.sort((ended["ended"] - ended["assigned"]).dt.total_microseconds().to_numpy()),
    }


def _repeated(counts: pl.Series) -> pl.Series:
    return pl.Series(np.repeat(np.arange(counts.len()), counts.to_numpy()).astype(np.uint32))


def _shares(values: pl.Series) -> dict[Any, float]:
    counts = values.drop_nulls().value_counts()
    return dict(zip(counts[counts.columns[0]].to_list(), (counts["count"] / counts["count"].sum()).to_list(), strict=True))


def _distance(name: str, real: Any, other: Any) -> float:
    if other is None:
        return 1.0
    if name == "processing time":
        both = np.sort(np.concatenate([real, other]))
        below = [np.searchsorted(each, both, side="right") / max(len(each), 1) for each in (real, other)]
        return float(np.abs(below[0] - below[1]).max())
    return float(sum(abs(real.get(key, 0.0) - other.get(key, 0.0)) for key in {*real, *other})) / 2
