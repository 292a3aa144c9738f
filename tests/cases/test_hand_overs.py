"""Cases handed on, against a count by hand over every case's own rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from aura_analytics.cases import Options
from aura_analytics.cases.hand_overs import HAND_OVERS
from aura_analytics.cases.window import Window
from aura_analytics.events import CLOCK_TYPES, SCHEMA

BASE = datetime(2026, 1, 1, tzinfo=UTC)


def drawn(seed: int) -> pl.DataFrame:
    """Rows of forty cases at sixty hours, so that many share an instant and many cases stay open."""
    rng, n = np.random.default_rng(seed), 400
    some = {"actor": rng.integers(0, 4, n), "case_id": rng.integers(0, 40, n)}
    return pl.DataFrame(
        {
            "type": [CLOCK_TYPES[i] for i in rng.integers(0, len(CLOCK_TYPES), n)],
            "ts": [BASE + timedelta(hours=int(hour)) for hour in rng.integers(0, 60, n)],
            **{name: [None if i == 0 else f"{name}{i}" for i in of.tolist()] for name, of in some.items()},
            "actor_kind": ["officer"] * n,
        },
        schema={name: SCHEMA[name] for name in ("type", "ts", "actor", "case_id", "actor_kind")},
    ).sort("ts")


def by_hand(events: pl.DataFrame, since: datetime | None) -> list[tuple[str, datetime]]:
    """A case's moves one after another: given to one, and next to another, is handed on by the first."""
    found = []
    for rows in events.filter(pl.col("case_id").is_not_null()).partition_by("case_id"):
        moves = [row for row in rows.iter_rows(named=True) if row["type"] in ("ASSIGNED", "RESOLVED")]
        moves.sort(key=lambda row: (row["ts"], row["type"] == "RESOLVED", row["actor"] is not None, row["actor"] or ""))
        for one, after in pairwise(moves):
            given = one["type"] == after["type"] == "ASSIGNED" and one["actor"] not in (None, after["actor"])
            if given and (since is None or after["ts"] > since):
                found.append((one["actor"], after["ts"]))
    return sorted(found)


@pytest.mark.parametrize("since", [None, BASE + timedelta(hours=20)])
@pytest.mark.parametrize("seed", range(5))
def test_every_case_by_itself(seed: int, since: datetime | None) -> None:
    """Neighbours in the table are of one case only where they are; cases given once hand nothing on."""
    events = drawn(seed)
    table = HAND_OVERS.build(Window(events.lazy(), BASE + timedelta(hours=60), since, {HAND_OVERS: set()}, Options()), set())
    found = sorted(zip(table["actor"].to_list(), table["ts"].to_list(), strict=True))
    assert found == by_hand(events, since)
    assert found
