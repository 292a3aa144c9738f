"""How far boards in parts go: what each task takes, and by a simulation of the schedule what that comes to on many workers.

The simulation hands the tasks of a stage to whoever is free, in their order; a stage begins when the one before has ended; what is
done between stages by the one who asks is added. Its inputs are the measured times of tasks, drawn again for longer logs. What it
leaves out is what many workers take from each other: disks and the network.
"""

from __future__ import annotations

import heapq
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.apart import files_of, on_workers

Stages = list[tuple[str, list[float]]]
_CODE = """
import json, sys, time
from concurrent.futures import Executor, Future
import aura_analytics as aura


class Timed(Executor):
    _max_workers = 1
    stages = []

    def submit(self, work, task):
        begun = time.perf_counter()
        found = Future()
        found.set_result(work(task))
        if not self.stages or self.stages[-1][0] != work.__name__:
            self.stages.append((work.__name__, []))
        self.stages[-1][1].append(time.perf_counter() - begun)
        return found


begun = time.perf_counter()
aura.dossiers(sys.argv[1], executor=Timed(), scratch=sys.argv[2])
took = time.perf_counter() - begun
print(json.dumps({"stages": Timed.stages, "between": took - sum(sum(times) for _, times in Timed.stages)}))
"""


def measured(source: Path, scratch: Path) -> tuple[Stages, float]:
    """What each task takes with one thread, by stage, and what lies between."""
    env = os.environ | {"POLARS_MAX_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", _CODE, str(source), str(scratch)], check=True, capture_output=True, text=True, env=env
    )
    found = json.loads(said.stdout)
    return found["stages"], found["between"]


def schedule(stages: Sequence[tuple[str, Sequence[float]]], between: float, workers: int, each: float = 0.0) -> float:
    """The end of a schedule; `each` is what handing out a task takes whoever asks.

    Examples
    --------
    >>> schedule([("a", [1.0, 1.0, 2.0]), ("b", [1.0])], 0.5, 2)
    4.5
    """
    now = 0.0
    for _, times in stages:
        free = [now] * workers
        for number, time in enumerate(times):
            begins = max(heapq.heappop(free), now + number * each)
            heapq.heappush(free, begins + time)
        now = max(free)
    return now + between


def longer(stages: Stages, times: int, seed: int = 0) -> Stages:
    """The stages of a log so many times as long: as many times the files and buckets, their times drawn again."""
    draw = np.random.default_rng(seed)
    return [(name, draw.choice(one, len(one) * times).tolist()) for name, one in stages]


def far(path: Path, rounds: int) -> dict[str, Any]:
    """Measured and simulated wall times by workers of one thread, and seconds of one worker for a million events."""
    del rounds
    rows = int(path.stem.split("-")[-1])
    source = files_of(path.parent, rows)
    found: dict[str, Any] = {"events": rows}
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        scratch = Path(name)
        stages, between = measured(source, scratch)
        total = between + sum(sum(times) for _, times in stages)
        found["worker_s_per_million"] = 1e6 * total / rows
        found["between_s"] = between
        for stage, times in stages:
            found[f"{stage}_tasks"], found[f"{stage}_mean_s"], found[f"{stage}_most_s"] = (
                len(times),
                sum(times) / len(times),
                max(times),
            )
        for workers in (1, 2, 4):
            on = on_workers(source, workers, scratch)
            found[f"measured_{workers}_s"], found[f"measured_{workers}_gb"] = on["wall_s"], on["worker_gb"]
            found[f"simulated_{workers}_s"] = schedule(stages, between, workers)
    for long in (1, 20, 200):
        for workers in (8, 32, 128):
            # what lies between grows with the number of tasks
            end = schedule(longer(stages, long), between * long, workers, each=0.001)
            found[f"simulated_{rows * long // 1_000_000}_million_by_{workers}_s"] = end
    return found
