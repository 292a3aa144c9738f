"""Benchmarks, run by hand: `python -m tests.benchmarks.run [name ...] [--rows 10000000] [--folder DIR]`.

Each compares with a named peer in one run, in interleaved rounds; what is reported are ratios of CPU time (user and system of this
process), since wall time on a shared machine says little. Results are checked to be equal before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import aura_analytics as aura
from aura_analytics.statistics.multiple import e_benjamini_hochberg
from tests.benchmarks.accountant import evaluate, hr, routing, scoring
from tests.benchmarks.apart import apart
from tests.benchmarks.decisions import decisions
from tests.benchmarks.explorer import explorer
from tests.benchmarks.far import far
from tests.benchmarks.felt import felt
from tests.benchmarks.importing import importing
from tests.benchmarks.ledger import append, bulk, ledger, mirror
from tests.benchmarks.peers import COLUMNS, duckdb_dossiers, duckdb_rolling, pandas_dossiers
from tests.benchmarks.service import service
from tests.benchmarks.simulation import large, sweeps, worlds
from tests.benchmarks.slider import slider
from tests.benchmarks.timing import cpu
from tests.benchmarks.tuner import tuner
from tests.benchmarks.worlds import make

AS_OF = datetime(2025, 12, 20, tzinfo=timezone.utc)
SINCE = AS_OF - timedelta(days=90)
METRICS = [
    "override_rate",
    "avg_processing_hours",
    "processing_hours_median",
    "processing_hours_p90",
    "open_cases",
    "sat_score_mean",
    "score_mean_last10",
    "success_rate",
]


def _timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    used, wall = cpu(), time.perf_counter()
    result = call()
    return cpu() - used, time.perf_counter() - wall, result


def _rounds(rounds: int, **calls: Callable[[], Any]) -> dict[str, tuple[float, float]]:
    """Median CPU and wall time of each call, in interleaved rounds after one to warm up."""
    for call in calls.values():
        call()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            used, wall, _result = _timed(call)
            found[name].append((used, wall))
    return {name: (statistics.median(c for c, _ in times), statistics.median(w for _, w in times)) for name, times in found.items()}


def _ours(path: Path) -> pl.DataFrame:
    return aura.dossiers(pl.scan_parquet(path), AS_OF, metrics=METRICS)


def _comparable(board: pl.DataFrame) -> pl.DataFrame:
    rate, n = pl.col("override_rate"), pl.col("override_rate_n")
    renamed = board.select(
        "actor",
        k=(rate * n).round(),
        n=n,
        lo="override_rate_lo",
        hi="override_rate_hi",
        closed="avg_processing_hours_n",
        mean_h="avg_processing_hours",
        median_h="processing_hours_median",
        p90_h="processing_hours_p90",
        open="open_cases",
        n_stars="sat_score_mean_n",
        stars="sat_score_mean",
        sd_stars="sat_score_mean_sd",
        score="score_mean_last10",
        n_out="success_rate_n",
        success="success_rate",
    )
    return renamed.select("actor", *(pl.col(name).cast(pl.Float64).fill_null(0.0) for name in COLUMNS[1:])).sort("actor")


def _same(ours: pl.DataFrame, theirs: pl.DataFrame, peer: str) -> None:
    from polars.testing import assert_frame_equal

    # an actor whom only we list has nothing but zeros in theirs
    kept = ours.filter(pl.col("actor").is_in(theirs["actor"].implode()))
    assert ours.height == kept.height, peer
    assert_frame_equal(kept, theirs, rel_tol=1e-7, abs_tol=1e-7)


def dossiers(path: Path, rounds: int) -> dict[str, Any]:
    """Dossiers of the whole log from Parquet, against DuckDB and pandas."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
    board = _comparable(_ours(path))
    _same(board, duckdb_dossiers(connection, path, AS_OF, SINCE), "duckdb")
    times = _rounds(rounds, ours=lambda: _ours(path), duckdb=lambda: duckdb_dossiers(connection, path, AS_OF, SINCE))
    cpu, _, table = _timed(lambda: pandas_dossiers(path, AS_OF, SINCE))
    _same(board, table, "pandas")
    return {
        "ours_cpu_s": times["ours"][0],
        "ours_wall_s": times["ours"][1],
        "duckdb_cpu_s": times["duckdb"][0],
        "pandas_cpu_s": cpu,
        "ratio_to_duckdb": times["ours"][0] / times["duckdb"][0],
        "ratio_to_pandas": times["ours"][0] / cpu,
    }


def reliance(path: Path, rounds: int) -> dict[str, Any]:
    """Dossiers with the metrics of judged verdicts and of drills, against the same without them."""
    from aura_analytics.metrics import METRICS
    from aura_analytics.metrics import drills as of_drills
    from aura_analytics.metrics import reliance as of_verdicts

    new = {*of_verdicts.__all__, *of_drills.__all__}
    every = list(METRICS.named(None))
    before = [one for one in every if one.name not in new]
    log = pl.scan_parquet(path)
    board = aura.dossiers(log, AS_OF, metrics=every, policy="tracker")
    plain = aura.dossiers(log, AS_OF, metrics=before, policy="tracker")
    shared = [name for name in plain.columns if name not in ("counted", "warnings")]
    assert board.select(shared).equals(plain.select(shared))
    times = _rounds(
        rounds,
        every=lambda: aura.dossiers(log, AS_OF, metrics=every, policy="tracker"),
        before=lambda: aura.dossiers(log, AS_OF, metrics=before, policy="tracker"),
    )
    return {
        "with_cpu_s": times["every"][0],
        "without_cpu_s": times["before"][0],
        "ratio_cpu": times["every"][0] / times["before"][0],
        "ratio_wall": times["every"][1] / times["before"][1],
    }


def case_mix(path: Path, rounds: int) -> dict[str, Any]:
    """Case mix of 20,000 actors over five covariates, against dossiers of the same log."""
    rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    large = make(path.with_name(f"actors-{rows}.parquet"), rows, 20_000)
    names = ["queue", "ai_recommendation", "agent", "hour", "weekday"]
    evidence = np.random.default_rng(1).pareto(1, 100_000)
    times = _rounds(
        min(rounds, 3),
        ours=lambda: aura.case_mix(pl.scan_parquet(large), names, window="all"),
        dossiers=lambda: aura.dossiers(pl.scan_parquet(large), window="all"),
    )
    return {
        "case_mix_cpu_s": times["ours"][0],
        "dossiers_cpu_s": times["dossiers"][0],
        "times_dossiers": times["ours"][0] / times["dossiers"][0],
        "e_benjamini_hochberg_of_100000_ms": 1e3 * _rounds(rounds, ours=lambda: e_benjamini_hochberg(evidence))["ours"][0],
    }


def memory(path: Path, rounds: int) -> dict[str, Any]:
    """Peak memory and wall time of dossiers in a fresh process."""
    del rounds
    code = (
        "import time; t = time.perf_counter();"
        "from pathlib import Path; from tests.benchmarks.run import _ours;"
        f"b = _ours(Path({str(path)!r})); w = time.perf_counter() - t;"
        # not ru_maxrss: a process inherits that from its parent
        "print(b.height, w, next(x.split()[1] for x in open('/proc/self/status') if x.startswith('VmHWM')))"
    )
    actors, wall, peak = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return {"actors": int(actors), "wall_s_with_start": float(wall), "peak_gb": int(peak) / 1e6}


def state(path: Path, rounds: int) -> dict[str, Any]:
    """Append 10,000 events (a tenth of them late) and read, again and again, against full recomputations between."""
    log = pl.scan_parquet(path)
    n = int(log.select(pl.len()).collect().item())
    recent = list(range(n - 9_000 * rounds, n))
    late = [(i * 7_919) % (n - 9_000 * rounds) for i in range(1_000 * rounds)]
    places = pl.Series(recent + late)
    numbered = log.with_row_index("__row")
    fresh = numbered.filter(pl.col("__row").is_in(places.implode())).collect()
    old = numbered.filter(~pl.col("__row").is_in(places.implode())).drop("__row").collect()
    kept = aura.DossierState(old, metrics=METRICS)
    del old
    kept.dossiers()
    apart = fresh.join(pl.DataFrame({"__row": recent}, schema={"__row": fresh.schema["__row"]}), on="__row", how="semi").drop(
        "__row"
    )
    tardy = fresh.join(pl.DataFrame({"__row": recent}, schema={"__row": fresh.schema["__row"]}), on="__row", how="anti").drop(
        "__row"
    )
    appends, reads, fulls = [], [], []
    for i in range(rounds):
        part = pl.concat([apart.slice(9_000 * i, 9_000), tardy.slice(1_000 * i, 1_000)])
        appends.append(_timed(lambda part=part: kept.append(part))[0])  # type: ignore[misc]
        cpu, _, board = _timed(kept.dossiers)
        reads.append(cpu)
        fulls.append(_timed(lambda: aura.dossiers(log, metrics=METRICS))[0])
    assert board.equals(aura.dossiers(log, metrics=METRICS))
    both = statistics.median(a + r for a, r in zip(appends, reads, strict=True))
    full = statistics.median(fulls)
    return {
        "append_cpu_s": statistics.median(appends),
        "read_cpu_s": statistics.median(reads),
        "full_cpu_s": full,
        "ratio": both / full,
    }


def rolling(path: Path, rounds: int) -> dict[str, Any]:
    """Rolling 90-day override rates of all actors, daily over the year, against group_by_dynamic and SQL windows."""
    import duckdb

    log = pl.scan_parquet(path)
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
    start = datetime(2025, 4, 1, tzinfo=timezone.utc)

    def ours() -> pl.DataFrame:
        return aura.rolling(log, ["override_rate"], window="90d", step="1d", start=start, end=AS_OF)

    def dynamic() -> pl.DataFrame:
        verdicts = log.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).select("actor", "ts", k=pl.col("type") == "OVERRIDE")
        windows = verdicts.sort("ts").group_by_dynamic(
            "ts", every="1d", period="90d", closed="right", label="right", group_by="actor"
        )
        return windows.agg(k=pl.col("k").sum(), n=pl.len()).collect()

    theirs = dynamic()
    both = ours().join(
        theirs.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))), left_on=["actor", "as_of"], right_on=["actor", "ts"]
    )
    assert both.height > 100_000
    assert (both["override_rate_n"] == both["n"]).all()
    assert ((both["override_rate"] * both["override_rate_n"]).round() == both["k"]).all()
    times = _rounds(rounds, ours=ours, dynamic=dynamic, duckdb=lambda: duckdb_rolling(connection, path))
    return {
        "ours_cpu_s": times["ours"][0],
        "group_by_dynamic_cpu_s": times["dynamic"][0],
        "duckdb_cpu_s": times["duckdb"][0],
        "ratio_to_group_by_dynamic": times["ours"][0] / times["dynamic"][0],
    }


def imports(path: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds that `import aura_analytics` costs on top of `import polars`."""
    del path

    def once(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - started

    plain, both = [], []
    for _ in range(max(5, rounds)):
        plain.append(once("import polars"))
        both.append(once("import polars, aura_analytics"))
    return {"polars_ms": 1000 * min(plain), "more_ms": 1000 * (min(both) - min(plain))}


BENCHMARKS = {
    one.__name__: one
    for one in (
        dossiers,
        case_mix,
        felt,
        memory,
        reliance,
        state,
        rolling,
        imports,
        append,
        bulk,
        ledger,
        mirror,
        decisions,
        scoring,
        evaluate,
        routing,
        hr,
        worlds,
        sweeps,
        large,
        tuner,
        slider,
        explorer,
        apart,
        far,
        importing,
        service,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), help=f"of {', '.join(BENCHMARKS)}; default all")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "aura-benchmarks")
    given = parser.parse_args()
    path = given.folder / f"events-{given.rows}.parquet"
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.names:
        if name not in ("apart", "far"):  # make files of their own, so that the log may be larger than memory
            make(path, given.rows)
        found = BENCHMARKS[name](path, given.rounds)
        rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}
        print(json.dumps({"benchmark": name, "rows": given.rows, **rounded}), flush=True)


if __name__ == "__main__":
    main()
