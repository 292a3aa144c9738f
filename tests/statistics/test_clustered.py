"""Observations in batches: against a design that is known, and by drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.clustered import clustered_mean, clustered_rate
from aura_analytics.statistics.intervals import wilson


def drawn(draw: np.random.Generator, count: int, rate: float, correlation: float, size: int = 20) -> np.ndarray:
    """Hits of batches: beta-binomial, whose correlation within a batch is 1 / (a + b + 1)."""
    weight = 1 / correlation - 1
    return np.asarray(draw.binomial(size, draw.beta(rate * weight, (1 - rate) * weight, count)))


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, 60, 200])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_limits_hold_at_a_correlation_of_three_tenths(count: int, rate: float) -> None:
    """At least 0.92 from 30 batches on; as if independent, 0.6."""
    draw, worlds = np.random.Generator(np.random.Philox(1)), 3_000
    covered = plain = 0
    for _ in range(worlds):
        hits = drawn(draw, count, rate, 0.3)
        found = clustered_rate(hits, np.full(count, 20))
        covered += found.lo <= rate <= found.hi
        low, high = wilson([hits.sum()], [20 * count])
        plain += low[0] <= rate <= high[0]
    assert covered / worlds >= 0.92 and plain / worlds < 0.7


def test_the_design_effect_is_one_plus_size_less_one_times_correlation() -> None:
    draw = np.random.Generator(np.random.Philox(2))
    found = clustered_rate(drawn(draw, 20_000, 0.3, 0.2), np.full(20_000, 20))
    assert found.design_effect == pytest.approx(1 + 19 * 0.2, rel=0.03)
    assert found.n_eff == pytest.approx(400_000 / 4.8, rel=0.03)
    alone = clustered_rate(draw.binomial(1, 0.3, 5_000), np.ones(5_000))
    assert alone.design_effect == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_means_hold() -> None:
    draw, worlds, covered = np.random.Generator(np.random.Philox(3)), 2_000, 0
    batch = np.repeat(np.arange(30), 10)
    for _ in range(worlds):
        values = draw.normal(0, 0.3**0.5, 30)[batch] + draw.normal(0, 0.7**0.5, 300)
        found = clustered_mean(values, batch)
        covered += found.lo <= 0 <= found.hi
    assert covered / worlds >= 0.92


def test_the_same_in_every_batch_says_nothing_of_how_alike_they_are() -> None:
    found = clustered_rate([20, 20, 20], [20, 20, 20])
    assert found.value == 1 and found.lo < 0.4 and found.n_eff == 3  # as three observations
    assert np.isnan(clustered_rate([3], [10]).lo) and clustered_rate([], []).n == 0


def test_a_backlog_worked_off_in_days(tmp_path: Any) -> None:
    draw = np.random.Generator(np.random.Philox(4))
    rows = []
    for day in range(1, 29):
        share = 0.9 if draw.random() < 0.4 else 0.1
        for i in range(15):
            kind = "OVERRIDE" if draw.random() < share else "DECISION"
            rows.append(
                {"type": kind, "actor": "anne", "actor_kind": "officer", "queue": "q", "ts": f"2026-01-{day:02d}T10:{i:02d}:00Z"}
            )
    log = aura.events.from_records(rows)
    found = aura.batches(log).row(0, named=True)
    plain = aura.dossiers(log).row(0, named=True)
    assert (found["value"], found["n"], found["batches"]) == (pytest.approx(plain["override_rate"]), plain["override_rate_n"], 28)
    assert found["design_effect"] > 5 and found["hi"] - found["lo"] > 1.8 * (plain["override_rate_hi"] - plain["override_rate_lo"])
    for metric, by, said in (("override_rate", "dya", "did you mean 'day'"), ("processing_hours_p90", "day", "no batches")):
        with pytest.raises(ParameterError, match=said):
            aura.batches(log, metric, by)
    with pytest.raises(ParameterError, match="do not fit"):
        clustered_rate([2], [1])
