"""Large event files for the benchmarks: made once, the same for every run.

A log of `n_events` events over a year: each case is opened, assigned, scored, decided, mostly resolved, sometimes rated and
sometimes adjudged, in the order of time, as a ledger would write it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from aura_analytics.events import SCHEMA

YEAR_US = 365 * 86_400_000_000
START_US = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z


def make(path: Path, n_events: int, actors: int = 5_000, seed: int = 7) -> Path:
    """Write the log to `path` as Parquet, unless it is there already."""
    if path.exists():
        return path
    rng = np.random.default_rng(seed)
    cases = int(n_events / 5.35)
    opened = START_US + np.sort(rng.integers(0, YEAR_US, cases))
    officer = rng.integers(0, actors, cases)
    agent = rng.integers(0, 50, cases)
    wait = rng.exponential(3_600e6 * 4, cases).astype(np.int64)
    service = rng.lognormal(np.log(3_600e6 * 40), 0.9, cases).astype(np.int64)
    tendency = rng.beta(4, 16, actors)
    override = rng.random(cases) < tendency[officer]
    case_id = pl.Series("case_id", np.arange(cases)).cast(pl.String).str.zfill(9)
    case_id = pl.select(pl.concat_str(pl.lit("CASE_"), case_id)).to_series().alias("case_id")
    officers = pl.Series([f"officer_{i:05d}@agency.gov" for i in range(actors)])
    agents = pl.Series([f"agent-{i:02d}" for i in range(50)])
    who, model = officers.gather(officer), agents.gather(agent)
    queues = pl.Series(["loan", "grant", "appeal"]).gather(rng.integers(0, 3, cases))
    end = START_US + YEAR_US

    def part(kind: str, at: np.ndarray, keep: np.ndarray, **columns: pl.Series) -> pl.DataFrame:
        table = pl.DataFrame({"case_id": case_id, "ts": at, "queue": queues, **columns}).filter(pl.Series(keep & (at <= end)))
        return table.with_columns(type=pl.lit(kind).cast(SCHEMA["type"]))

    every = np.ones(cases, dtype=bool)
    says = pl.Series(np.where(rng.random(cases) < 0.7, "APPROVE", "REJECT"))
    verdict = (
        pl.DataFrame({"s": says, "o": override})
        .select(
            pl.when(pl.col("o"))
            .then(pl.when(pl.col("s") == "APPROVE").then(pl.lit("REJECT")).otherwise(pl.lit("APPROVE")))
            .otherwise(pl.col("s"))
        )
        .to_series()
    )
    decided = opened + wait + (service * 0.9).astype(np.int64)
    closed = opened + wait + service
    rated = closed + rng.exponential(86_400e6, cases).astype(np.int64)
    stars = pl.Series(np.clip(np.rint(3.6 - 2.0 * tendency[officer] + rng.normal(0, 1.1, cases)), 1, 5))
    score = pl.Series(np.round(np.clip(rng.normal(75, 15, cases), 0, 100), 2))
    is_o, is_a = pl.Series(["officer"] * cases), pl.Series(["agent"] * cases)
    verdict_type = pl.Series(np.where(override, "OVERRIDE", "DECISION")).cast(SCHEMA["type"])
    decisions = part(
        "DECISION",
        decided,
        every,
        actor=who,
        actor_kind=is_o,
        agent=model,
        ai_recommendation=says,
        human_verdict=verdict,
        confidence=score / 100,
        type_=verdict_type,
    )
    frames = [
        part("OPENED", opened, rng.random(cases) < 0.35),
        part("ASSIGNED", opened + wait, every, actor=who, actor_kind=is_o),
        part("EVALUATION", opened + 1_000_000, every, actor=model, actor_kind=is_a, value=score),
        decisions.with_columns(type=pl.col("type_")).drop("type_"),
        part("RESOLVED", closed, rng.random(cases) < 0.97, actor=who, actor_kind=is_o),
        part("SAT_SCORE", rated, rng.random(cases) < 0.3, value=stars),
        part(
            "OUTCOME",
            rated,
            rng.random(cases) < 0.75,
            actor=model,
            actor_kind=is_a,
            outcome=pl.Series(np.where(rng.random(cases) < 0.8, "success", "failure")),
        ),
    ]
    table = pl.concat(frames, how="diagonal").sort("ts")
    table = table.with_columns(
        event_id=pl.concat_str(pl.lit("e-"), pl.int_range(pl.len()).cast(pl.String).str.zfill(12)),
        ts=pl.col("ts").cast(SCHEMA["ts"]),
    )
    table = table.select((pl.col(n) if n in table.columns else pl.lit(None, dtype=t).alias(n)).cast(t) for n, t in SCHEMA.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path, row_group_size=250_000)
    return path
