"""How cases leave somebody's hands: by hand, and where somebody hands slow cases on."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError

START = datetime(2026, 1, 5, tzinfo=timezone.utc)


def office(seed: int, cases: int = 600) -> pl.DataFrame:
    """Anne hands on in four of five what is not done in 40 hours; Cleo keeps everything. Both are equally fast."""
    draw = np.random.Generator(np.random.Philox(seed))
    rows: list[dict[str, Any]] = []
    for i in range(cases):
        who = ("anne", "cleo")[i % 2]
        given, spent = START + timedelta(hours=float(i)), float(draw.exponential(48))
        case = {"case_id": f"C{i}", "actor_kind": "officer"}
        rows.append({"type": "ASSIGNED", "actor": who, "ts": given, **case})
        if who == "anne" and spent > 40 and draw.random() < 0.8:
            rows.append({"type": "ASSIGNED", "actor": "bert", "ts": given + timedelta(hours=40), **case})
            who = "bert"
        rows.append({"type": "RESOLVED", "actor": who, "ts": given + timedelta(hours=spent), **case})
    return aura.events.from_records(rows)


def test_who_hands_slow_cases_on() -> None:
    found = aura.holding_ends(office(1), [40.001, 96], window="all")
    rows = {(row["actor"], row["end"], row["hours"]): row for row in found.iter_rows(named=True)}
    slow = float(np.exp(-40 / 48))
    handed = rows["anne", "handed_on", 40.001]
    assert handed["lo"] < 0.8 * slow < handed["hi"] and rows["cleo", "handed_on", 96.0]["share"] == 0
    kept = rows["cleo", "resolved", 96.0]
    assert kept["lo"] < 1 - np.exp(-2) < kept["hi"]
    assert rows["anne", "resolved", 96.0]["share"] < 0.75
    whole = rows["anne", "resolved", 96.0]["share"] + rows["anne", "handed_on", 96.0]["share"]
    assert whole <= 1


def test_what_is_open_counts_as_long_as_it_waited() -> None:
    log = office(2)
    end = START + timedelta(hours=620)
    found = aura.holding_ends(log, [24, 10_000], as_of=end, window="all").filter(actor="cleo", end="resolved")
    given = log.filter((pl.col("type") == "ASSIGNED") & (pl.col("actor") == "cleo") & (pl.col("ts") <= end))
    assert found["n"].to_list() == [given.height] * 2
    assert found["share"][1] is None  # nobody was followed for so long
    share = found.row(0, named=True)
    assert share["lo"] < 1 - np.exp(-0.5) < share["hi"]


def test_what_is_refused_and_what_is_empty() -> None:
    for hours in ([], [0.0], [-1.0]):
        with pytest.raises(ParameterError, match="hours are out of range"):
            aura.holding_ends(office(1, 4), hours)
    assert aura.holding_ends(aura.events.empty()).is_empty()
