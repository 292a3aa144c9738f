"""How often the rules accuse wrongly: the reason why the default policy asks for evidence."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import Context

pytestmark = pytest.mark.slow
ORDINARY = (0.10, 0.15, 0.22, 0.31, 0.22)  # chances of 1 to 5 stars
BAD = (0.38, 0.24, 0.18, 0.12, 0.08)


def _readings(true_rate: float, stars: tuple[float, ...], respond: float, seed: int, officers: int) -> list[pl.DataFrame]:
    """Dossiers of many officers with one true rate, after each of 100 decisions."""
    rng = np.random.default_rng(seed)
    override = rng.random((officers, 100)) < true_rate
    answers = rng.random((officers, 100)) < respond
    ratings = rng.choice(np.arange(1, 6), (officers, 100), p=stars)
    k = override.cumsum(axis=1)
    n_stars = answers.cumsum(axis=1)
    total = (ratings * answers).cumsum(axis=1)
    squares = (ratings**2 * answers).cumsum(axis=1)
    frames = []
    for step in range(100):
        parts = {
            "override_rate:k": k[:, step],
            "override_rate:n": np.full(officers, step + 1),
            "sat_score_mean:n": n_stars[:, step],
            "sat_score_mean:s": total[:, step] * 10**6,
            "sat_score_mean:q": squares[:, step] * 10**12,
        }
        sums = pl.DataFrame(parts)
        board = pl.DataFrame({"actor": [f"o{i}" for i in range(officers)]}).with_columns(
            actor_kind=pl.lit("officer"), as_of=pl.lit(step).cast(pl.Datetime("us", "UTC")), agreed_ever=pl.lit(value=True)
        )
        for name in ("override_rate", "sat_score_mean"):
            board = board.with_columns(**METRICS[name].finish(sums, Context(None)))  # type: ignore[arg-type]
        frames.append(board)
    return frames


def _ever_flagged(policy: aura.Policy, readings: list[pl.DataFrame]) -> np.ndarray:
    first = np.full(readings[0].height, 10_000)
    for step, board in enumerate(readings):
        hit = (policy.evaluate(board, texts="none")["verdict"] == "flag").to_numpy()
        first = np.where(hit, np.minimum(first, step + 1), first)
    return first


def test_ordinary_officers_are_rarely_accused_and_bad_ones_found() -> None:
    """20,000 officers with 100 decisions and a 30 % response, read after every decision, by the very policies."""
    ordinary = _readings(0.20, ORDINARY, 0.30, 11, 20_000)
    tracker = aura.Policy.tracker()
    assert abs((_ever_flagged(tracker, ordinary) <= 100).mean() - 0.194) < 0.015
    assert tracker.evaluate(ordinary[-1], texts="none").filter(verdict="flag").height < 0.001 * 20_000
    gate = aura.Policy.evidence_gated()
    assert (_ever_flagged(gate, ordinary) <= 100).mean() <= 0.005
    bad = _ever_flagged(gate, _readings(0.45, BAD, 0.30, 12, 20_000))
    # 83.2 % by limits that hold for five ratings (60,000 others); 89.7 % by Student's, which err in up to 18.7 %, not in 5
    assert abs((bad <= 100).mean() - 0.832) < 3 * (0.832 * 0.168 / 20_000) ** 0.5
    assert 45 <= np.median(bad[bad <= 100]) <= 55


def test_anytime_option_keeps_its_budget_under_daily_reading() -> None:
    """At the border of the null (a true rate of 30 %), read after every decision, at most 5 % are ever flagged."""
    policy = aura.Policy(
        {
            "name": "anytime",
            "window": None,
            "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.3, "anytime": 0.05}}],
        }
    )
    wilson = aura.Policy(
        {"name": "fixed", "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.3, "limit": "lower"}}]}
    )
    readings = _readings(0.30, ORDINARY, 0.30, 13, 4_000)
    ever = (_ever_flagged(policy, readings) <= 100).mean()
    naive = (_ever_flagged(wilson, readings) <= 100).mean()
    assert ever <= 0.05 + 3 * (0.05 * 0.95 / 4_000) ** 0.5
    assert naive > 0.10  # a fixed-n limit read daily breaks its level: the reason for the option
