"""Many worlds of one scenario, each written to a file of its own, by whoever runs tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, as_scenario
from aura_analytics.tasks import ExecutorLike, run_tasks
from aura_analytics.version import __version__

__all__ = ["simulate_many"]

_SCHEMA = {"replication": pl.Int64(), "path": pl.String(), "events": pl.Int64(), "bytes": pl.Int64(), "sha256": pl.String()}
_BLOCK = 1 << 20


class WorldTask(NamedTuple):
    """What a world depends on.

    Attributes
    ----------
    scenario, policy
        As JSON; a policy of None is the scenario's own.
    seed, replication
        Which world.
    path
        Where its events are written.
    """

    scenario: str
    policy: str | None
    seed: int
    replication: int
    path: str

    def __str__(self) -> str:
        """The task in words."""
        return f"world {self.replication} of seed {self.seed}"


def simulate_many(
    scenario: ScenarioLike,
    replications: int,
    seed: int = 0,
    *,
    folder: str | Path,
    days: int | None = None,
    policy: PolicyLike = None,
    workers: int = 1,
    executor: ExecutorLike = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Play many worlds of a scenario, the events of each to a Parquet file of its own.

    Parameters
    ----------
    scenario, seed, days, policy
        As `simulate`.
    replications
        How many worlds, at least 1: the replications 0, 1, ... of the seed.
    folder
        Where the files are put. A world that is there already (of this scenario, seed, policy and version) is not played again;
        with an executor on other machines it must mean the same there.
    workers
        Processes on this machine, at least 1.
    executor
        Any `concurrent.futures.Executor`, or the address of a Dask scheduler.
    progress
        Called with how many worlds are there, and of how many.

    Returns
    -------
    polars.DataFrame
        A row a world: `replication`, `path`, `events`, `bytes`, `sha256` of the file.

    Raises
    ------
    RuleError
        If the scenario cannot be read, or is impossible.
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> import tempfile
    >>> made = simulate_many("fraud_unit", 2, seed=1, days=3, folder=tempfile.mkdtemp())
    >>> made["replication"].to_list(), pl.read_parquet(made["path"][1]).height == made["events"][1]
    ([0, 1], True)
    """
    for name, value, least in (("replications", replications, 1), ("workers", workers, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ParameterError(Problem(f"{name} is out of range", got=value, expected=f"{least} or more"))
    chosen = as_scenario(scenario)
    if days is not None:
        chosen = chosen.for_days(days)
    text = chosen.model_dump_json()
    rule = None if policy is None else as_policy(policy).spec.model_dump_json(by_alias=True)
    place = Path(folder).absolute()
    place.mkdir(parents=True, exist_ok=True)
    which = hashlib.sha256(json.dumps([__version__, text, rule, seed]).encode()).hexdigest()[:12]
    paths = [str(place / f"{chosen.name}-{which}-{number:06}.parquet") for number in range(replications)]
    tasks = [WorldTask(text, rule, seed, number, path) for number, path in enumerate(paths)]
    rows = []
    for row in run_tasks(_played, tasks, workers=workers, executor=executor, named=str):
        rows.append(row)
        if progress is not None:
            progress(len(rows), replications)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _played(task: WorldTask) -> tuple[int, str, int, int, str]:
    path = Path(task.path)
    if not _whole(path):
        policy = None if task.policy is None else as_policy(json.loads(task.policy))
        scenario = Scenario.model_validate_json(task.scenario)
        simulate(scenario, task.seed, replication=task.replication, policy=policy, out=path, overwrite=True)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    events = int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    return task.replication, task.path, events, path.stat().st_size, digest.hexdigest()


def _whole(path: Path) -> bool:
    """Whether a world was written there; what was left behind by something else is written anew."""
    try:
        return path.exists() and pl.read_parquet_schema(path) is not None
    except (pl.exceptions.PolarsError, OSError):
        return False
