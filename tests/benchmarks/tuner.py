"""Benchmark of the threshold tuner's state: a step of a slider, and a grid of thresholds, with 10,000 actors."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aura_analytics.rules.engine import VERDICTS
from aura_analytics.widgets.tuner.state import LEVELS, TunerState
from tests.benchmarks.timing import milliseconds
from tests.rules.test_gate import ORDINARY, _readings


def tuner(_path: Path, rounds: int) -> dict[str, Any]:
    """Wall time of a step, beside the batch evaluation of the same policy over the same board; they are compared first."""
    board = _readings(0.3, ORDINARY, 0.3, 1, 10_000)[-1]
    state = TunerState(board, "evidence_gated")
    state.set("pip.override_rate.threshold", 0.25)
    started = time.perf_counter()
    batch = state.policy.evaluate(board, texts="none")["verdict"]
    spent = 1000 * (time.perf_counter() - started)
    assert [VERDICTS[code] for code in state.verdicts] == batch.to_list()

    def steps(key: str, values: list[float]) -> list[Callable[[], Any]]:
        return [lambda value=value: state.set(key, value) for value in values for _ in range(rounds)]  # type: ignore[misc]

    moves = milliseconds(steps("pip.override_rate.threshold", [0.2 + i / 200 for i in range(40)]))
    levels = milliseconds(steps("pip.override_rate.confidence", list(LEVELS)))
    grids = milliseconds([lambda: state.grid("pip.override_rate.threshold", "pip.sat_score_mean.threshold")] * 5 * rounds)
    return {
        "actors": board.height,
        "step_ms": statistics.median(moves),
        "level_ms": statistics.median(levels),
        "grid_50x50x5_ms": statistics.median(grids),
        "batch_ms": spent,
    }
