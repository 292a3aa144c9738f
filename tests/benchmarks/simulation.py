"""Benchmarks of the simulator beside a SimPy model of the same rules, fed with the same random numbers; its events are compared
first.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aura_analytics import Policy, Scenario, rule_error_rates
from aura_analytics.simulation.run import simulate as play
from tests.benchmarks.timing import cpu
from tests.simulation.reference import Model


def scenario(officers: int = 500, days: int = 365, agents: int = 50, per_officer: float = 5.48) -> Scenario:
    """Agents recommend, officers decide, citizens rate, some cases are audited: about 5.4 events a case."""
    officer = {"service": {"minutes": 40}, "shift": {"start": 8, "end": 17}, "overrides_wrong": 0.8, "overrides_right": 0.1}
    bad = max(1, officers // 50)
    return Scenario.read(
        {
            "name": "benchmark",
            "days": days,
            "queues": [{"name": "claims", "per_day": per_officer * officers, "approve_is_right": 0.7}],
            "agents": [{"name": "agent", "count": agents, "accuracy": 0.85}],
            "officers": [
                {"name": "officer", "count": officers - bad, **officer},
                {"name": "strict", "count": bad, **officer, "overrides_right": 0.5, "bad": True},
            ],
            "citizens": {"response": 0.3},
            "audited": 0.05,
        }
    )


def _one_core(rounds: int, name: str) -> dict[str, Any]:
    """A benchmark of this module in a process of its own, with one thread for polars and numpy."""
    code = f"import json; from tests.benchmarks import simulation; print(json.dumps(simulation.{name}({rounds})))"
    one = {**os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=one)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _used(call: Callable[[], Any]) -> tuple[float, Any]:
    before = cpu()
    result = call()
    return cpu() - before, result


def _worlds(rounds: int) -> dict[str, Any]:
    year, weeks = scenario(), scenario(days=14)
    first, second = play(weeks, 1, ordered=False).events, Model(weeks, 1).run()
    assert first.sort("event_id").equals(second.sort("event_id"))
    cases = play(year, 1, ordered=False).truth.cases.height  # to warm up as well
    times: dict[str, list[float]] = {name: [] for name in ("simpy", "by_kind", "in_order", "hr_weekly")}
    weekly = year.changed(hr={"every_days": 7})
    for _ in range(rounds):
        model = Model(weeks, 1)
        used, log = _used(model.run)
        times["simpy"].append(used / log["case_id"].n_unique())
        times["by_kind"].append(_used(lambda: play(year, 1, ordered=False))[0] / cases)
        times["in_order"].append(_used(lambda: play(year, 1))[0] / cases)
        times["hr_weekly"].append(_used(lambda: play(weekly, 1, ordered=False))[0] / cases)
    middle = {name: statistics.median(each) for name, each in times.items()}
    return {
        "cases": cases,
        **{f"{name}_cases_per_cpu_s": round(1 / each) for name, each in middle.items()},
        **{f"{name}_over_simpy": middle["simpy"] / middle[name] for name in ("by_kind", "in_order", "hr_weekly")},
        "best_by_kind_over_best_simpy": min(times["simpy"]) / min(times["by_kind"]),
    }


def worlds(_path: Path, rounds: int) -> dict[str, Any]:
    """A year of 50 agents and 500 officers, a million cases, with the frame of all events: cases per CPU second beside SimPy, on
    one core.
    """
    return _one_core(rounds, "_worlds")


class _Silent(Model):
    """The slow model without its log."""

    def say(self, *_: Any, **__: Any) -> None:
        """Nothing."""


def _sweeps(rounds: int) -> dict[str, Any]:
    small = scenario(officers=10, days=90, agents=3)
    policy = Policy.evidence_gated()
    rule_error_rates(policy, small, 16, 1)  # to warm up
    times: dict[str, list[float]] = {"ours": [], "simpy": [], "simpy_without_log": []}
    for number in range(rounds):
        times["ours"].append(_used(lambda: rule_error_rates(policy, small, 256, 1))[0] / 256)
        for name, kind in (("simpy", Model), ("simpy_without_log", _Silent)):
            used = [_used(kind(small, 100 * number + i).run)[0] for i in range(4)]
            times[name].append(statistics.mean(used))
    middle = {name: statistics.median(each) for name, each in times.items()}
    return {
        "replications": 256,
        **{f"{name}_ms": 1000 * each for name, each in middle.items()},
        "over_simpy": middle["simpy"] / middle["ours"],
        "over_simpy_without_log": middle["simpy_without_log"] / middle["ours"],
    }


def sweeps(_path: Path, rounds: int) -> dict[str, Any]:
    """256 worlds of 10 officers and 90 days, played side by side and read by a rule every week: CPU time of each beside a SimPy
    run.
    """
    return _one_core(rounds, "_sweeps")


def large(_path: Path, _rounds: int) -> dict[str, Any]:
    """5 million cases written to a file: peak memory of the process, and the wall time."""
    with tempfile.TemporaryDirectory() as folder:
        code = (
            "import resource; from tests.benchmarks.simulation import scenario, play\n"
            f"run = play(scenario(officers=2500), 1, out={str(Path(folder) / 'run.parquet')!r})\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, run.truth._parts[0]['queue'].size, run)"
        )
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return {
            "peak_gb": int(done.stdout.split()[0]) / 1e6,
            "wall_s": time.perf_counter() - started,
            "run": done.stdout.split(maxsplit=2)[2].strip(),
        }
