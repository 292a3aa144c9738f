"""How satisfaction, speed and overrides go together, in worlds whose truth is known."""

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

import aura_analytics as aura
from aura_analytics import charts

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def world(seed: int, *, within: float, between: float, officers: int = 12, each: int = 60) -> pl.DataFrame:
    """Overrides please the citizen of the case (`within`); officers who override much are rated better (`between`), or worse."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for officer in range(officers):
        level = officer / (officers - 1)
        for i in range(each):
            case, at = f"{officer}/{i}", START + timedelta(hours=int(rng.integers(1000)))
            override = rng.random() < 0.1 + 0.6 * level
            stars = float(
                np.clip(round(3 + within * (override - 0.1 - 0.6 * level) + between * (level - 0.5) + rng.normal(0, 0.8)), 1, 5)
            )
            hours = float(rng.exponential(5) + 1)
            who = {"actor": f"o{officer:02d}", "actor_kind": "officer", "case_id": case, "queue": "ab"[i % 2]}
            rows += [
                {**who, "type": "ASSIGNED", "ts": at},
                {**who, "type": "OVERRIDE" if override else "DECISION", "ts": at + timedelta(hours=hours), "agent": "m"},
                {**who, "type": "RESOLVED", "ts": at + timedelta(hours=hours)},
                {"type": "SAT_SCORE", "case_id": case, "value": stars, "ts": at + timedelta(hours=hours + 1)},
            ]
    return aura.events.from_records([row | {"ts": row["ts"].isoformat()} for row in rows])


def _pair(found: pl.DataFrame, first: str, second: str) -> dict[str, dict[str, Any]]:
    return {row["level"]: row for row in found.filter(first=first, second=second).iter_rows(named=True)}


def test_numbers_are_those_of_scipy_on_the_cases() -> None:
    events = world(1, within=1, between=0)
    found = _pair(aura.correlations(events, window="all"), "stars", "hours")
    board = aura.dossiers(events, window="all").filter(actor_kind="officer")
    assert found["officers"]["n"] == board.height == 12
    again = spearmanr(board["sat_score_mean"].to_numpy(), board["avg_processing_hours"].to_numpy()).statistic
    assert found["officers"]["correlation"] == pytest.approx(again)
    assert found["cases"]["n"] == 12 * 60


def test_cases_and_officers_may_say_opposite_things_and_that_is_said() -> None:
    found = aura.correlations(world(2, within=1.5, between=-4), window="all")
    pair = _pair(found, "override", "stars")
    assert pair["cases"]["hi"] < 0.5
    assert pair["officers"]["hi"] < 0
    mixed = aura.correlations(world(2, within=2.0, between=-1.0, each=200), window="all")
    pair = _pair(mixed, "override", "stars")
    assert pair["cases"]["lo"] > 0 > pair["officers"]["hi"]
    assert (
        pair["cases"]["warning"]
        == pair["officers"]["warning"]
        == (
            "over cases satisfaction goes with more overrides, over officers with less: "
            "who gets which cases may be behind one of the two"
        )
    )
    agreeing = aura.correlations(world(2, within=1, between=1), window="all")
    assert agreeing["warning"].null_count() == agreeing.height


def test_a_queue_makes_no_correlation() -> None:
    """In one queue cases take long and citizens are unhappy; within each nothing goes with anything."""
    rng = np.random.default_rng(4)
    rows: list[dict[str, Any]] = []
    for i in range(600):
        slow = i % 2
        at, hours = START + timedelta(hours=i), float(rng.exponential(5) + 50 * slow)
        who = {"actor": f"o{i % 8}", "actor_kind": "officer", "case_id": f"c{i}", "queue": "slow" if slow else "quick"}
        rows += [
            {**who, "type": "ASSIGNED", "ts": at},
            {**who, "type": "DECISION", "ts": at + timedelta(hours=hours), "agent": "m"},
            {**who, "type": "RESOLVED", "ts": at + timedelta(hours=hours)},
            {
                "type": "SAT_SCORE",
                "case_id": f"c{i}",
                "value": float(rng.integers(1, 3) + 3 * (1 - slow)),
                "ts": at + timedelta(hours=99),
            },
        ]
    events = aura.events.from_records([row | {"ts": row["ts"].isoformat()} for row in rows])
    row = _pair(aura.correlations(events, window="all"), "stars", "hours")["cases"]
    assert row["lo"] < 0 < row["hi"] and abs(row["correlation"]) < 0.15
    mixed = events.with_columns(queue=pl.lit("all"))
    assert _pair(aura.correlations(mixed, window="all"), "stars", "hours")["cases"]["correlation"] < -0.5
    assert _pair(aura.correlations(events, window="all"), "override", "hours")["cases"]["status"] == "constant"


def test_nothing_to_say_is_said() -> None:
    for table in (aura.events.empty(), aura.events.sample(20, seed=1)):
        found = aura.correlations(table)
        assert found.height == 6
        assert found.filter(pl.col("status") != "ok")["correlation"].null_count() == found.filter(pl.col("status") != "ok").height
    assert charts.svg(charts.correlation(aura.correlations(world(3, within=1, between=1), window="all"))).startswith("<svg")
