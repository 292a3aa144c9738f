"""Benchmarks of the Accountant: scoring beside the bare expressions that scan the same strings, evaluation, HR folds and
routing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from aura_analytics import Accountant, Ledger, Model, Router, Scorer, score_frame, standing
from aura_analytics.events import validate
from tests.benchmarks.timing import cpu, milliseconds

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "finds",
    "an",
    "UNDEFINED",
    "value",
    "that",
    "does",
    "not",
    "exist",
    "not",
    "here",
    "in",
    "our",
    "table",
    "of",
    "records",
]


def _outputs(n: int) -> pl.DataFrame:
    """Outputs of 400 characters, one in fifty with words that look like an invention."""
    rng = np.random.default_rng(1)
    plain = [word for word in WORDS if word not in ("UNDEFINED", "does", "exist")]
    texts = [" ".join(rng.choice(WORDS if i % 50 == 0 else plain, 120))[:400] for i in range(5_000)]
    return pl.DataFrame({"output": [texts[i] for i in rng.integers(0, 5_000, n)], "confidence": rng.random(n)})


def _bare(table: pl.DataFrame) -> pl.DataFrame:
    """The document's conditions as anybody would write them in polars, and nothing else."""
    text, low = pl.col("output"), pl.col("output").str.to_lowercase()
    return table.select(
        pl.col("confidence") < 0.5,
        empty=text.str.strip_chars().str.len_chars() == 0,
        words=low.str.contains("undefined", literal=True) | low.str.contains("does not exist", literal=True),
        short=text.str.len_chars() < 40,
    )


def _spent(call: Callable[[], Any]) -> float:
    started = cpu()
    call()
    return cpu() - started


def _ms(call: Callable[[], Any]) -> float:
    return milliseconds([call])[0]


def scoring(path: Path, rounds: int) -> dict[str, Any]:
    """`score_frame` on a million outputs."""
    table = _outputs(1_000_000)
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(_spent(lambda: _bare(table)))
        ours.append(_spent(lambda: score_frame(table)))
    some = table.head(50_000).to_dicts()
    scorer = Scorer()
    loop = 20 * min(_spent(lambda: [scorer.score(row, {}) for row in some]) for _ in range(3))
    best = min(ours)
    return {"score_frame_s": best, "over_bare_expressions": best / min(bare), "record_loop_over_frame": loop / best}


def evaluate(path: Path, rounds: int) -> dict[str, Any]:
    """`Accountant.evaluate` on the disk, with a router beside it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name, Ledger(Path(name) / "aura.db", mirror=False) as ledger:
        router = Router([Model(f"m{i}") for i in range(20)], ledger)
        accountant = Accountant(ledger, router=router)
        outputs = [
            "A careful answer that says what was asked for, and why it is so.",
            "short",
            "",
            "It is undefined, and so I made it up as best I could.",
        ]

        def one(job: int) -> None:
            payload = {
                "model_name": f"m{job % 20}",
                "job_id": job,
                "task": {},
                "model_output": {"output": outputs[job % 97 % 4], "confidence": 0.9},
            }
            accountant.evaluate(payload)

        for job in range(50):
            one(job)
        times = [_ms(lambda job=job: one(job)) for job in range(50, 2_050)]  # type: ignore[misc]
        return {"evaluate_p50_ms": float(np.median(times)), "evaluate_p99_ms": float(np.quantile(times, 0.99))}


def routing(path: Path, rounds: int) -> dict[str, Any]:
    """A thousand models and a million evaluations in a ledger."""
    place = path.parent / "routing.db"
    if not place.exists():
        rng = np.random.default_rng(3)
        n = 1_000_000
        frame = pl.DataFrame(
            {
                "event_id": [f"e{i}" for i in range(n)],
                "ts": pl.Series(np.arange(n), dtype=pl.Int64) * 1_000_000 + 1_767_225_600_000_000,
                "type": ["EVALUATION"] * n,
                "actor": [f"m{i}" for i in rng.integers(0, 1_000, n)],
                "actor_kind": ["agent"] * n,
                "case_id": [f"j{i}" for i in range(n)],
                "value": rng.uniform(40, 100, n),
            }
        ).with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
        with Ledger(place) as ledger:
            ledger.record_events(frame)
    with Ledger(place) as ledger:
        ledger.events().select(pl.len()).collect()  # the mirror is made, as any reading does
        models = [Model(f"m{i}", ("code",) * (i % 3)) for i in range(1_000)]
        router = Router(models, ledger)
        first = _ms(lambda: router.route({}))
        job = [0]

        def one() -> None:
            job[0] += 1
            name = f"bench-{time.time_ns()}-{job[0]}"
            ledger.record_event(
                {"type": "EVALUATION", "actor": f"m{job[0] % 1_000}", "actor_kind": "agent", "value": 70, "case_id": name}
            )

        times = []
        for _ in range(300):  # every choice after something new
            one()
            times.append(_ms(lambda: router.route({})))
        thompson = Router(models, ledger, strategy="thompson")
        thompson.route({})
        drawn = [_ms(lambda: thompson.route({})) for _ in range(30)]
        return {
            "first_route_ms": first,
            "route_p50_ms": float(np.median(times)),
            "route_p95_ms": float(np.quantile(times, 0.95)),
            "thompson_p50_ms": float(np.median(drawn)),
        }


def hr(path: Path, rounds: int) -> dict[str, Any]:
    """Standing from a million HR actions."""
    rng = np.random.default_rng(4)
    n = 1_000_000
    kinds = np.array(["reputation", "suspension", "reinstatement", "case_opened", "promotion", "demotion"])
    which = rng.integers(0, len(kinds), n)
    texts = [
        json.dumps({"action": str(kinds[k]), "rule": "seed/1", "evidence": [f"evaluation/{i}"], "evidence_n": 1})
        for i, k in enumerate(which)
    ]
    frame = pl.DataFrame(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "ts": [START + timedelta(seconds=int(s)) for s in rng.integers(0, 30_000_000, n)],
            "type": ["HR_ACTION"] * n,
            "actor": [f"a{i}" for i in rng.integers(0, 5_000, n)],
            "actor_kind": ["agent"] * n,
            "case_id": [f"j{i}" for i in range(n)],
            "value": np.where(which == 0, -1.0, np.nan),
            "severity": ["medium"] * n,
            "attributes": texts,
        }
    ).with_columns(pl.col("value").fill_nan(None), pl.col("ts").cast(pl.Datetime("us", "UTC")))
    work = frame.head(5_000).with_columns(
        type=pl.lit("EVALUATION"),
        actor=pl.format("a{}", pl.int_range(5_000)),
        event_id=pl.format("w{}", pl.int_range(5_000)),
        value=50.0,
    )
    log = validate(pl.concat([work, frame]))  # as a ledger or a checked file has it
    times = [_ms(lambda: standing(log)) / 1000 for _ in range(5)]
    return {"hr_fold_s": float(np.median(times)), "actors": standing(log).height}
