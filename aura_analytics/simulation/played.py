"""Worlds played for a sweep, one after the other or by several processes, and what a rule says of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.outputs import replacing
from aura_analytics.rules.policy import Policy
from aura_analytics.simulation.rates import YEAR
from aura_analytics.simulation.readings import Watch, readings
from aura_analytics.simulation.run import SimulationRun, simulate
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.streams import Streams
from aura_analytics.simulation.subjects import subjects_of
from aura_analytics.simulation.worktime import DAY
from aura_analytics.simulation.world import World
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["Task", "collected", "mean_of", "outcome"]

BATCH = 500_000  # cases of the worlds that are played side by side
_PIECES = 64  # tasks into which worlds are cut for an executor, where there are so many


def collected(
    common: tuple[Any, ...],
    replications: int,
    side: int,
    workers: int,
    executor: ExecutorLike,
    folder: str | Path | None,
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Any]]:
    """The results of all worlds; those that are there already are not played again."""
    place = None if folder is None else Path(folder)
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    names = [hashlib.sha256(json.dumps([*common, number]).encode()).hexdigest()[:24] + ".json" for number in range(replications)]
    kept: dict[int, dict[str, Any]] = {}
    if place is not None:
        kept = {i: row for i, name in enumerate(names) if (row := _kept(place / name)) is not None}
    rest = [number for number in range(replications) if number not in kept]
    side = max(1, min(side, -(-len(rest) // (workers if executor is None else _PIECES))))
    tasks = [(common, rest[i : i + side]) for i in range(0, len(rest), side)]
    done = len(kept)
    if progress is not None and done:
        progress(done, replications)
    for rows in run_tasks(_worlds, tasks, workers=workers, executor=executor, named=_words):
        for row in rows:
            number = row["replication"]
            kept[number] = row
            if place is not None:
                with replacing(place / names[number]) as part:
                    part.write_text(json.dumps(row), encoding="utf-8")
            done += 1
            if progress is not None:
                progress(done, replications)
    return [kept[number] for number in range(replications)]


def _kept(file: Path) -> dict[str, Any] | None:
    """What a world that was played before came to; None where there is none that can be read."""
    try:
        row = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return row if isinstance(row, dict) else None


Task = tuple[tuple[Any, ...], list[int]]


def _words(task: Task) -> str:
    """A task, for the error where it fails."""
    common, numbers = task
    return f"worlds {numbers[0]} to {numbers[-1]} of seed {common[3]} ({common[0]})"


def _worlds(task: Task) -> list[dict[str, Any]]:
    """Some worlds, side by side or one after the other."""
    (kind, text, rule, seed, *more), numbers = task
    scenario, policy = Scenario.model_validate_json(text), Policy(json.loads(rule))
    if kind == "loop":
        return [_lived(scenario, policy, seed, number) for number in numbers]
    return _read(scenario, policy, seed, numbers, *more)


def _read(scenario: Scenario, policy: Policy, seed: int, numbers: list[int], every: int) -> list[dict[str, Any]]:
    """Worlds side by side, read by the rule at every reading."""
    world = World(scenario, [Streams(seed, number) for number in numbers])
    watch = Watch(policy, range(every, scenario.days + 1, every), world.zero // DAY)
    seen = readings(world, policy.reads, policy.spec.window, policy.way)
    subjects = subjects_of(scenario, policy)
    shape = len(numbers), subjects.size
    first = np.zeros(shape, dtype=np.int64)
    flips, flagged = np.zeros(len(numbers), dtype=np.int64), np.zeros(shape, dtype=bool)
    played = 0
    per_day = max(scenario.cases_expected * len(numbers) / scenario.days, 1)
    for day in watch.days:
        if day > played:  # cases that arrive later change no reading before; as many days at once as fit
            last = min(max(day, played + int(BATCH // per_day)), scenario.days)
            seen.add(*world.epoch(played, last))
            played = last
        now = watch.read(day, seen.board(world.moment(day)))
        if day % every == 0:
            said = np.zeros(first.size, dtype=bool)
            said[subjects.by_world(np.array(now, dtype=np.int64), len(numbers))] = True
            mine = said.reshape(shape) & subjects.judged
            flips += (mine ^ flagged).sum(axis=1)
            first[mine & (first == 0)] = day
            flagged = mine
    good_ones, bad = subjects.judged & ~subjects.bad, subjects.judged & subjects.bad
    years, good, everybody = scenario.days / YEAR, int(good_ones.sum()), int(subjects.judged.sum())
    rows = []
    for place, number in enumerate(numbers):
        days = first[place][bad & (first[place] > 0)].tolist()
        false = int((good_ones & (first[place] > 0)).sum())
        rows.append(
            {
                "replication": number,
                "false": false,
                "flips": int(flips[place]),
                "good_years": good * years,
                "years": everybody * years,
                "false_flags_per_officer_year": false / (good * years) if good else None,
                "flips_per_officer_year": int(flips[place]) / (everybody * years) if everybody else None,
                "detected": len(days) / int(bad.sum()) if bad.any() else None,
                "delay_days": float(np.mean(days)) if days else None,
                "days": days,
                "bad": int(bad.sum()),
                "good": good,
            }
        )
    return rows


def _lived(scenario: Scenario, policy: Policy, seed: int, number: int) -> dict[str, Any]:
    """One world with the rule in its loop."""
    return {"replication": number, **outcome(simulate(scenario, seed, replication=number, policy=policy, ordered=False))}


def outcome(run: SimulationRun) -> dict[str, Any]:
    """What became of a world: `wrong_verdicts`, `stars`, `hours`, `plans` and `on_good` (plans of officers who are not made to
    underperform), their rates as of `LoopComparison`, and the officer-years (`years`, `good_years`); null where nothing was
    decided, rated or worked on.
    """
    scenario = run.scenario
    horizon = datetime.combine(scenario.start, time(), timezone.utc) + timedelta(days=scenario.days)
    cases = run.truth.cases.filter(pl.col("end") <= horizon)
    officers = run.truth.actors.filter(actor_kind="officer")
    plans = run.actions.filter(pl.col("attributes").str.contains('"action": "plan_opened"', literal=True))
    good = officers.filter(~pl.col("bad"))["actor"]
    years = scenario.days / YEAR
    on_good = plans.filter(pl.col("actor").is_in(good.implode())).height
    rated = cases.filter(pl.col("stars") > 0)["stars"]
    # all that arrived, as they went on after the horizon too: leaving out the late ones flatters
    hours = (run.truth.cases["end"] - run.truth.cases["arrival"]).dt.total_microseconds() / 3.6e9
    return {
        "wrong_verdicts": _number((~cases["human_right"]).mean()),
        "stars": _number(rated.mean()),
        "hours": _number(hours.mean()),
        "plans": plans.height,
        "years": officers.height * years,
        "on_good": on_good,
        "good_years": len(good) * years,
        "plans_per_officer_year": plans.height / (officers.height * years) if officers.height else None,
        "plans_on_good_per_officer_year": on_good / (len(good) * years) if len(good) else None,
    }


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def mean_of(values: pl.Series) -> tuple[float | None, float | None, float | None, int]:
    """Mean with its 95 % limits (Student), and how many values it rests on; null where there are too few."""
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
