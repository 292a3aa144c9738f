"""Benchmark of importing a foreign log: CPU beside polars' bare read of the same file, and beside pm4py where it is there."""

from __future__ import annotations

import contextlib
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import aura_analytics as aura
from tests.benchmarks.timing import cpu

STEPS = ["file", "suggest-pay", "call", "pay", "survey"]
MAPPING = {
    "name": "benchmark",
    "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who", "queue": "queue", "confidence": "conf"},
    "actor_kinds": {"bot": "agent", "portal": "system"},
    "open": ["file"],
    "resolve": ["pay"],
    "recommendations": [{"activity": "suggest-pay", "says": "PAY"}],
    "verdicts": [{"activity": "pay", "says": "PAY"}],
    "ratings": [{"activity": "survey", "value": "stars"}],
}

XES_COLUMNS = {
    "case": "case:concept:name",
    "activity": "concept:name",
    "time": "time:timestamp",
    "actor": "org:resource",
    "queue": "queue",
    "confidence": "conf",
}


def log_of(rows: int) -> pl.DataFrame:
    """A log of eight columns, shuffled."""
    draw = np.random.default_rng(1)
    cases = rows // 5
    steps = np.tile(np.array(STEPS), cases)
    seconds = draw.integers(0, 300 * 86_400, cases).repeat(5) + np.tile([0, 3_600, 7_200, 90_000, 200_000], cases)
    people = np.char.add("officer", draw.integers(0, 500, 5 * cases).astype(str))
    who = np.where(steps == "suggest-pay", "bot", np.where(steps == "file", "portal", people))
    frame = pl.DataFrame(
        {
            "case": np.char.add("K", np.arange(cases).astype(str)).repeat(5),
            "step": steps,
            "at": pl.from_epoch(pl.Series(seconds + 1_704_067_200)).dt.strftime("%Y-%m-%dT%H:%M:%S"),
            "who": who,
            "queue": draw.choice(["loans", "aid", "visa"], 5 * cases),
            "amount": draw.integers(1, 10**6, 5 * cases),
            "conf": draw.random(5 * cases).round(3),
            "stars": draw.integers(1, 6, 5 * cases),
        }
    )
    of = pl.col("step")
    return frame.with_columns(conf=pl.when(of == "suggest-pay").then("conf"), stars=pl.when(of == "survey").then("stars")).sample(
        fraction=1, shuffle=True, seed=1
    )


def importing(path: Path, rounds: int, rows: int = 1_000_000) -> dict[str, Any]:
    """CPU of an import from CSV, JSON Lines and Parquet, and how many times that of a bare read it is."""
    frame, mapping = log_of(rows), aura.LogMapping.model_validate(MAPPING)
    xes = aura.LogMapping.model_validate(MAPPING | {"columns": XES_COLUMNS})
    folder = path.parent
    frame.write_csv(folder / "l.csv")
    frame.write_ndjson(folder / "l.jsonl")
    frame.write_parquet(folder / "l.parquet")
    reads: dict[str, Callable[[Path], pl.DataFrame]] = {"csv": pl.read_csv, "jsonl": pl.read_ndjson, "parquet": pl.read_parquet}
    calls: dict[str, Callable[[], Any]] = {}
    for kind, read in reads.items():
        calls[f"{kind}_read"] = lambda read=read, kind=kind: read(folder / f"l.{kind}")  # type: ignore[misc]
        calls[kind] = lambda kind=kind: aura.import_log_report(folder / f"l.{kind}", mapping)[0].height  # type: ignore[misc]
    with contextlib.suppress(ImportError):
        calls["pm4py_csv"] = _pm4py(folder / "l.csv")
        calls["pm4py_xes"] = _pm4py_xes(_write_xes(frame.head(rows // 10), folder / "l.xes"))
        calls["xes"] = lambda: aura.import_log_report(folder / "l.xes", xes)[0].height
    spent: dict[str, list[float]] = {name: [] for name in calls}
    heights = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in range(rounds + 1):
            for name, call in calls.items():
                before = cpu()
                found = call()
                if place:
                    spent[name].append(cpu() - before)
                if name in reads:
                    heights.add(found)
    assert len(heights) == 1  # the same events from every format
    cost = {name: statistics.median(times) for name, times in spent.items()}
    out: dict[str, Any] = {"log_rows": frame.height, "events": heights.pop()}
    for kind in reads:
        out |= {f"{kind}_cpu_s": cost[kind], f"{kind}_times_bare_read": cost[kind] / cost[f"{kind}_read"]}
    if "pm4py_csv" in cost:
        out |= {"pm4py_csv_cpu_s": cost["pm4py_csv"], "csv_times_pm4py": cost["csv"] / cost["pm4py_csv"]}
        out |= {"pm4py_xes_cpu_s": cost["pm4py_xes"], "xes_times_pm4py": cost["xes"] / cost["pm4py_xes"]}
    return out


def _write_xes(frame: pl.DataFrame, path: Path) -> Path:
    """A tenth of the log as XES, a trace a case."""
    kinds = {"at": "date", "amount": "int", "conf": "float", "stars": "int"}
    names = {"step": "concept:name", "at": "time:timestamp", "who": "org:resource"}
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<log xes.version="1.0">\n')
        for (case,), events in frame.sort("at").partition_by("case", as_dict=True, maintain_order=True).items():
            file.write(f'<trace><string key="concept:name" value="{case}"/>\n')
            for event in events.drop("case").iter_rows(named=True):
                told = {names.get(name, name): (kinds.get(name, "string"), value) for name, value in event.items()}
                cells = (f'<{kind} key="{name}" value="{value}"/>' for name, (kind, value) in told.items() if value is not None)
                file.write(f"<event>{''.join(cells)}</event>\n")
            file.write("</trace>\n")
        file.write("</log>\n")
    return path


def _pm4py_xes(path: Path) -> Callable[[], Any]:
    import pm4py  # type: ignore[import-not-found]

    return lambda: pm4py.read_xes(str(path))


def _pm4py(path: Path) -> Callable[[], Any]:
    """The same file as pm4py's own log."""
    import pandas as pd
    import pm4py

    def read() -> Any:
        frame = pd.read_csv(path)
        frame["at"] = pd.to_datetime(frame["at"])
        return pm4py.format_dataframe(frame, case_id="case", activity_key="step", timestamp_key="at")

    return read
