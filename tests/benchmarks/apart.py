"""Boards counted in parts: one worker against two, each with one thread, over many files; and one process with all threads.

Workers are processes of a Dask cluster on this machine. Their memory is what the system says was the most that each ever held.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

import aura_analytics as aura
from tests.benchmarks.worlds import START_US, make

_FILE = 500_000  # events of a file


def files_of(folder: Path, events: int) -> Path:
    """A log of so many events in files that follow each other, made once."""
    place = folder / f"files-{events}"
    number = events // _FILE
    if not (place / f"{number - 1:04}.parquet").exists():
        place.mkdir(parents=True, exist_ok=True)
        one = pl.read_parquet(make(folder / f"one-{_FILE}.parquet", _FILE))
        for at in range(number):
            since = (pl.col("ts").to_physical() - START_US) // number + START_US + at * 365 * 86_400_000_000 // number
            part = one.with_columns(
                ts=since.cast(pl.Datetime("us", "UTC")),
                case_id=pl.col("case_id") + f"-{at}",
                event_id=pl.col("event_id") + f"-{at}",
            )
            part.sort("ts").write_parquet(place / f"{at:04}.parquet")
    return place


def on_workers(source: Path, workers: int, scratch: Path) -> dict[str, Any]:
    """Wall time of a board by so many workers of one thread, started for it, and the memory of the largest."""
    code = (
        "import sys, time, aura_analytics as aura\n"
        "from distributed import Client, LocalCluster\n"
        "def peak():\n"
        "    return int(next(x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')))\n"
        "if __name__ == '__main__':\n"
        "    source, workers, scratch = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
        "    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster:\n"
        "        with Client(cluster) as client:\n"
        "            begun = time.perf_counter()\n"
        "            board = aura.dossiers(source, executor=cluster.scheduler_address, scratch=scratch)\n"
        "            took = time.perf_counter() - begun\n"
        "            most = max(client.run(peak).values())\n"
        "    print(took, most, board.hash_rows().sum())\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=scratch) as file:
        file.write(code)
        file.flush()
        env = os.environ | {"POLARS_MAX_THREADS": "1"}
        said = subprocess.run(
            [sys.executable, file.name, str(source), str(workers), str(scratch)],
            check=True,
            capture_output=True,
            text=True,
            env=env,
        )
    took, most, digest = said.stdout.split()[-3:]
    return {"wall_s": float(took), "worker_gb": int(most) / 1e6, "digest": int(digest)}


def apart(path: Path, rounds: int) -> dict[str, Any]:
    """Boards of as many events as the log's name says, in files: by one and by two workers of one thread, and by one process."""
    del rounds
    rows = int(path.stem.split("-")[-1])
    source = files_of(path.parent, rows)
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        one, two = (on_workers(source, number, Path(name)) for number in (1, 2))
    begun = time.perf_counter()
    board = aura.dossiers(source)
    alone = time.perf_counter() - begun
    assert one["digest"] == two["digest"]
    assert board.hash_rows().sum() == one["digest"]
    return {
        "events": rows,
        "files": rows // _FILE,
        "one_worker_wall_s": one["wall_s"],
        "two_workers_wall_s": two["wall_s"],
        "ratio_of_two_to_one": two["wall_s"] / one["wall_s"],
        "gb_of_a_worker": max(one["worker_gb"], two["worker_gb"]),
        "one_process_wall_s": alone,
    }
