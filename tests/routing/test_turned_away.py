"""A log that learned as it went: where it turned away from what is asked about, the answer says so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from aura_analytics.routing.evaluation import evaluate_routing

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def learned_log(seed: int, jobs: int = 400) -> pl.DataFrame:
    """Two models that succeed in half of the jobs, chosen by Thompson sampling with known chances."""
    draw = np.random.Generator(np.random.Philox(seed))
    wins, tries, rows = np.ones(2), np.full(2, 2.0), []
    for job in range(jobs):
        believed = draw.beta(wins, tries - wins, (400, 2))
        chance = float(np.clip((believed[:, 1] > believed[:, 0]).mean(), 0.05, 0.95))
        chances = [1 - chance, chance]
        chosen = int(draw.random() < chance)
        reward = float(draw.random() < 0.5)
        wins[chosen] += reward
        tries[chosen] += 1
        rows.append(
            {
                "case_id": f"J{job}",
                "ts": START + timedelta(minutes=job),
                "actor": "ab"[chosen],
                "queue": "q",
                "propensity": chances[chosen],
                "candidates": ["a", "b"],
                "propensities": chances,
                "reward": reward,
            }
        )
    return pl.DataFrame(rows)


@pytest.mark.slow
def test_it_says_so_and_is_right_to() -> None:
    warned: list[tuple[float, bool]] = []
    quiet: list[tuple[float, bool]] = []
    for seed in range(200):
        table = learned_log(seed)
        for name in "ab":
            found = evaluate_routing(table, name, least=10)
            value, low, high = found.snips
            (warned if name in found.turned_away else quiet).append((value, low <= 0.5 <= high))
            assert ("turned away from " + name in str(found)) == (name in found.turned_away)
    assert len(warned) >= 15 and len(quiet) >= 300
    held = [np.mean([hit for _, hit in part]) for part in (warned, quiet)]
    assert held[0] < 0.9 and held[1] >= 0.93  # where it warns the limits hold less often
    assert np.mean([value for value, _ in warned]) < 0.45  # and what is estimated is too low


def test_a_log_that_does_not_learn_is_not_warned_of() -> None:
    table = learned_log(1)
    even = table.with_columns(propensity=0.5, propensities=pl.lit([0.5, 0.5]), actor=pl.Series(["a", "b"] * 200))
    assert evaluate_routing(even, "a").turned_away == ()
    assert evaluate_routing(even, "uniform").turned_away == ()
