"""What users wait for beside dossiers: verdicts in words, readings over time, a decision log as events, a world read off a log,
files of JSON Lines.

Peers: the same verdicts without words; the lines of the log parsed by `json` and nothing else; polars' own writer.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import aura_analytics as aura
from tests.benchmarks.decisions import _made
from tests.benchmarks.timing import cpu

ACTORS, CASES = 100_000, 1_000_000


def _least(call: Any, rounds: int = 3) -> float:
    """The least CPU seconds of some rounds."""
    times = []
    for _ in range(rounds):
        begun = cpu()
        call()
        times.append(cpu() - begun)
    return min(times)


def _log() -> pl.DataFrame:
    """A million verdicts of 100,000 officers, rated and audited in three of ten."""
    draw = np.random.default_rng(1)
    days = draw.integers(0, 60 * 86_400_000_000, CASES)
    start = pl.lit("2026-01-01T00:00:00Z").str.to_datetime(time_zone="UTC", time_unit="us")
    decided = pl.DataFrame(
        {
            "type": np.where(draw.random(CASES) < 0.25, "OVERRIDE", "DECISION"),
            "actor": draw.integers(0, ACTORS, CASES),
            "case_id": np.arange(CASES),
            "days": days,
        }
    ).select(
        "type",
        pl.format("officer{}", "actor").alias("actor"),
        pl.col("case_id").cast(pl.String),
        ts=start + pl.duration(microseconds="days"),
        actor_kind=pl.lit("officer"),
        ai_recommendation=pl.lit("APPROVE"),
        human_verdict=pl.when(pl.col("type") == "OVERRIDE").then(pl.lit("REJECT")).otherwise(pl.lit("APPROVE")),
        event_id=pl.format("d{}", "case_id"),
    )
    some = decided.sample(300_000, seed=2).select("case_id", "ts")
    rated = some.with_columns(
        type=pl.lit("SAT_SCORE"),
        value=pl.Series(draw.integers(1, 6, 300_000)).cast(pl.Float64),
        event_id=pl.format("s{}", "case_id"),
    )
    right = pl.Series(np.where(draw.random(300_000) < 0.8, "APPROVE", "REJECT"))
    judged = some.with_columns(type=pl.lit("ADJUDICATION"), outcome=right, event_id=pl.format("a{}", "case_id"))
    later = pl.concat([rated, judged], how="diagonal").with_columns(pl.col("ts") + pl.duration(days=1))
    return aura.as_events(pl.concat([decided, later], how="diagonal")).collect()


def felt(path: Path, rounds: int) -> dict[str, Any]:
    """CPU seconds, and ratios to the peers."""
    del path, rounds
    found: dict[str, Any] = {}
    board = aura.dossiers(_log(), window="all")
    for name in ("reliance", "evidence_gated"):
        policy = getattr(aura.Policy, name)().over("all")
        plain = _least(lambda policy=policy: policy.evaluate(board, texts="none"))
        found[f"evaluate_{name}_100000_in_words_cpu_s"] = _least(lambda policy=policy: policy.evaluate(board))
        found[f"evaluate_{name}_100000_without_cpu_s"] = plain
    rule = {"id": "r", "when": {"metric": "override_rate", "above": 0.3}}
    over_time = aura.Policy({"name": "p", "window": None, "persistence": {"k": 2, "m": 3, "step": "7d"}, "rules": [rule]})
    some = board.head(10_000)
    readings = pl.concat([some.with_columns(as_of=pl.col("as_of") + timedelta(days=7 * at)) for at in range(100)])
    found["over_time_1000000_readings_cpu_s"] = _least(lambda: over_time.evaluate(readings, texts="none"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        decisions = _made(folder / "decisions.jsonl", 100_000)
        made = aura.AccountabilityLogger(decisions)
        begun = cpu()
        made.get_decision_statistics()
        found["index_of_100000_decisions_cpu_s"] = cpu() - begun
        lines = decisions.read_bytes().splitlines()
        found["decisions_to_events_100000_cpu_s"] = _least(made.to_events)
        found["decisions_parsed_by_json_cpu_s"] = _least(lambda: [json.loads(line) for line in lines])
        made.close()
        sample = aura.sample_log(150_000, seed=3)
        officer = (pl.col("actor_kind") == "officer").fill_null(value=False)
        many = sample.with_columns(
            actor=pl.when(officer).then(pl.format("officer{}", pl.col("case_id").hash(3) % 5_000)).otherwise("actor")
        )
        found["fit_scenario_of_1000000_events_5000_officers_cpu_s"] = _least(lambda: aura.fit_scenario(many), 1)
        ours = _least(lambda: aura.write_events(sample, folder / "ours.jsonl", overwrite=True))
        found["json_lines_times_polars"] = ours / _least(lambda: sample.write_ndjson(folder / "theirs.jsonl"))
    return found
