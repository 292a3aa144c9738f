"""Stated confidences whose truth is known, against a slow reading."""

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.simulation.scenario import as_scenario

START = datetime(2026, 1, 5, tzinfo=timezone.utc)
RESULTS = ("success", "failure", "partial", "cancelled")


def random_log(seed: int, n: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        kind = str(rng.choice(["DECISION", "OVERRIDE", "ADJUDICATION", "OUTCOME", "ROUTED"]))
        row: dict[str, Any] = {
            "type": kind,
            "ts": (START + timedelta(hours=int(rng.integers(2000)))).isoformat(),
            "case_id": f"c{rng.integers(60)}",
        }
        if rng.random() < 0.05 and kind in ("DECISION", "OVERRIDE"):
            del row["case_id"]
        if rng.random() < 0.8:
            row["confidence"] = round(float(rng.random()), 2)
        if kind in ("DECISION", "OVERRIDE"):
            row |= {"actor": "anne", "agent": f"bot{rng.integers(3)}", "human_verdict": "NO"}
            if rng.random() < 0.9:
                row["ai_recommendation"] = str(rng.choice(["YES", "NO"]))
        elif kind == "ADJUDICATION":
            row["outcome"] = str(rng.choice(["YES", "NO"]))
        else:
            row |= {"actor": f"bot{rng.integers(3)}", "actor_kind": "component"}
            if kind == "OUTCOME":
                row["outcome"] = str(rng.choice([*RESULTS, "YES"]))
        rows.append(row)
    return aura.events.from_records(rows)


def slowly(events: pl.DataFrame, since: datetime) -> dict[str, list[tuple[float, bool]]]:
    """Per actor the stated confidences and what came of them, one case after another."""
    cases: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for row in events.sort("ts").iter_rows(named=True):
        cases[row["case_id"]].append(row)
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for case, rows in cases.items():
        if case is None:
            for row in rows:
                if row["type"] == "OUTCOME" and row["outcome"] in RESULTS and row["confidence"] is not None and row["ts"] > since:
                    found[row["actor"]].append((row["confidence"], row["outcome"] == "success"))
            continue
        said = [r for r in rows if r["type"] == "ADJUDICATION"] or [
            r for r in rows if r["type"] == "OUTCOME" and r["outcome"] not in RESULTS
        ]
        truth = max(said, key=lambda r: (r["ts"], r["outcome"]))["outcome"] if said else None
        advice: dict[tuple[str, str], tuple[datetime, float]] = {}
        for row in rows:
            whole = row["agent"] and row["confidence"] is not None and row["ai_recommendation"]
            if row["type"] in ("DECISION", "OVERRIDE") and whole:
                key = row["agent"], row["ai_recommendation"]
                advice[key] = max(advice.get(key, (row["ts"], -1)), (row["ts"], row["confidence"]))
        if truth is not None:
            for (agent, word), (ts, confidence) in advice.items():
                if ts > since:
                    found[agent].append((confidence, word == truth))
        told = {agent for agent, _ in advice} if truth is not None else set()
        for actor in {r["actor"] for r in rows if r["type"] == "OUTCOME" and r["outcome"] in RESULTS} - told:
            last = max((r for r in rows if r["type"] == "OUTCOME" and r["actor"] == actor and r["outcome"] in RESULTS), key=_when)
            routes = [r for r in rows if r["type"] == "ROUTED" and r["actor"] == actor and r["confidence"] is not None]
            planned = max(routes, key=lambda r: (r["ts"], r["confidence"]))["confidence"] if routes else None
            stated = planned if last["confidence"] is None else last["confidence"]
            if stated is not None and last["ts"] > since:
                found[actor].append((stated, last["outcome"] == "success"))
    return found


def _when(row: dict[str, Any]) -> tuple[datetime, str]:
    return row["ts"], row["outcome"]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("window", ["all", "20d"])
def test_the_gap_is_that_of_a_slow_reading(seed: int, window: str) -> None:
    events = random_log(seed)
    end = max(events["ts"].to_list())
    since = datetime.min.replace(tzinfo=timezone.utc) if window == "all" else end - timedelta(days=20)
    expected = slowly(events, since)
    board = aura.dossiers(events, window=window, metrics=["calibration_gap"])
    seen = {row["actor"]: row for row in board.iter_rows(named=True) if row["calibration_gap_n"]}
    assert set(seen) == set(expected)
    for actor, row in seen.items():
        pairs = expected[actor]
        assert row["calibration_gap_n"] == len(pairs)
        assert row["calibration_gap"] == pytest.approx(np.mean([c - t for c, t in pairs]), abs=1e-6)
    state = aura.DossierState(events.head(150), metrics=["calibration_gap"])
    state.append(events.tail(events.height - 150))
    assert state.dossiers(window=window).equals(board)


def test_a_calibrated_agent_has_no_gap_and_a_boaster_has_its_bias() -> None:
    world = as_scenario("model_league").changed(routing=None, days=60)
    agents = [a.model_dump() | {"calibration": {"bias": bias}} for a, bias in zip(world.agents, (0, 0, 1, 1, 0), strict=True)]
    board = aura.dossiers(aura.simulate(world.changed(agents=agents), 3), window="all", metrics=["calibration_gap"])
    numbers = {row["actor"]: row for row in board.iter_rows(named=True)}
    for agent, bias in zip(world.agents, (0, 0, 1, 1, 0), strict=True):
        row = numbers[agent.name]
        half = (row["calibration_gap_hi"] - row["calibration_gap_lo"]) / 2
        if bias:
            assert row["calibration_gap_lo"] > 0.02
        else:
            assert abs(row["calibration_gap"]) < 2 * half  # four standard errors
