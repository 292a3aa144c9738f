"""Ranks with intervals: chance is not taken for merit, and who is truly first is found."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError
from aura_analytics.statistics.shrinkage import shrunk_rates


def board(k: np.ndarray, n: np.ndarray) -> pl.DataFrame:
    own = {"actor": [f"o{i:02d}" for i in range(len(k))], "as_of": [datetime(2026, 1, 5, tzinfo=timezone.utc)] * len(k)}
    value = k / n
    more: dict[str, Any] = {
        "override_rate": value,
        "override_rate_n": n,
        "override_rate_lo": value - 0.1,
        "override_rate_hi": value + 0.1,
    }
    return pl.DataFrame(own | more)


def test_thirty_equal_officers_have_ranks_that_say_nothing() -> None:
    draw = np.random.Generator(np.random.Philox(1))
    n = np.full(30, 100)
    found = aura.ranks(board(draw.binomial(n, 0.2), n))
    assert found.select((pl.col("rank_hi") - pl.col("rank_lo")).min()).item() >= 25
    assert found.select(pl.col("shrunk").std() / pl.col("value").std()).item() < 0.2


def test_ranks_are_those_of_the_shrunk_rates() -> None:
    k, n = np.array([30, 12, 40, 5, 22]), np.array([60, 50, 90, 40, 44])
    found, expected = aura.ranks(board(k, n), above=0.4).sort("actor"), shrunk_rates(k, n, limit=0.4)
    for mine, theirs in (("shrunk", expected.rate), ("chance_above", expected.above), ("rank_lo", expected.rank_lo)):
        assert found[mine].to_numpy() == pytest.approx(theirs)


@pytest.mark.slow
def test_intervals_of_ranks_hold() -> None:
    """40 officers whose rates differ: the true rank lies within the 90 % interval in 90 % (empirical Bayes: a little less)."""
    draw, covered = np.random.Generator(np.random.Philox(2)), []
    for _ in range(200):
        rate, n = draw.beta(8, 24, 40), draw.integers(40, 200, 40)
        found = aura.ranks(board(draw.binomial(n, rate), n), confidence=0.9).sort("actor")
        true = (-rate).argsort().argsort() + 1
        covered.append(((found["rank_lo"].to_numpy() <= true) & (true <= found["rank_hi"].to_numpy())).mean())
    assert np.mean(covered) >= 0.88


def test_who_has_too_little_is_not_ranked() -> None:
    log = aura.sample_log(2000, seed=1)
    found = aura.ranks(aura.dossiers(log), "sat_score_mean", min_n=30)
    few = found.filter(status="few")
    assert few.height and few["rank"].is_null().all() and found["status"][0] == "ok"
    assert found.filter(status="ok")["rank"].to_list()[0] == 1
    lowest = found.filter(status="ok").sort("shrunk")["actor"][0]
    assert found["actor"][0] == lowest  # of what is better high the lowest is the first
    nobody = aura.ranks(aura.dossiers(log), "sat_score_mean", min_n=10_000)
    assert nobody["rank"].is_null().all()


def test_a_league_never_shows_a_rank_without_its_interval() -> None:
    dossiers = aura.dossiers(aura.sample_log(2000, seed=1))
    chart = aura.charts.league(dossiers, "override_rate").to_dict()
    rows = next(iter(chart["datasets"].values()))
    placed = {row["actor"]: row["place"] for row in rows}
    ranked = aura.ranks(dossiers)
    for row in ranked.iter_rows(named=True):
        expected = "not ranked" if row["rank"] is None else f"rank {row['rank']}"
        assert placed[row["actor"]].startswith(expected)
        if row["rank"] is not None and row["rank_lo"] != row["rank_hi"]:
            assert placed[row["actor"]].endswith(f"({row['rank_lo']}–{row['rank_hi']})")


def test_what_is_refused() -> None:
    dossiers = aura.dossiers(aura.sample_log(300, seed=1))
    with pytest.raises(ParameterError, match="compute the dossiers with this metric"):
        aura.ranks(dossiers.drop("override_rate"))
    with pytest.raises(ParameterError, match="out of range"):
        aura.ranks(dossiers, min_n=1)
