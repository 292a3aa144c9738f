"""Several files as one log."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.io.many_files import OverlapWarning

ROWS = [
    {"event_id": f"e{i}", "type": "OVERRIDE" if i < 4 else "DECISION", "ts": f"2026-03-{1 + i:02d}T10:00:00Z", "actor": "anne"}
    for i in range(10)
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        aura.events.from_records(rows).write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_files_that_overlap_count_an_event_once_and_say_so(tmp_path: Path, suffix: str) -> None:
    written(tmp_path / f"a.{suffix}", ROWS[:7])
    written(tmp_path / f"b.{suffix}", ROWS[2:])
    with pytest.warns(OverlapWarning, match="5 events stand in more than one file"):
        events = aura.read_events(tmp_path).collect()
    assert events.height == 10 and events["event_id"].n_unique() == 10
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OverlapWarning)
        board = aura.dossiers(tmp_path)
    assert board["override_rate_n"][0] == 10


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_files_that_follow_each_other_are_left_alone(tmp_path: Path, suffix: str) -> None:
    written(tmp_path / f"a.{suffix}", ROWS[:5])
    written(tmp_path / f"b.{suffix}", ROWS[5:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert aura.read_events(tmp_path).collect().height == 10


def test_a_long_file_around_a_short_one(tmp_path: Path) -> None:
    """The second file ends before the first: the third may still overlap the first."""
    for name, rows in (("a", [ROWS[0], ROWS[9]]), ("b", ROWS[1:3]), ("c", [ROWS[5], ROWS[9]])):
        written(tmp_path / f"{name}.parquet", rows)
    with pytest.warns(OverlapWarning, match="1 event stands"):
        assert aura.read_events(tmp_path).collect().height == 5


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_values_in_the_names_of_folders_are_read(tmp_path: Path, suffix: str) -> None:
    written(tmp_path / f"queue=loans/actor_kind=officer/a.{suffix}", ROWS[:5])
    written(tmp_path / f"queue=tax%20relief/year=2026/b.{suffix}", ROWS[5:])
    found = aura.read_events(tmp_path).collect().sort("ts")
    assert found["queue"].to_list() == ["loans"] * 5 + ["tax relief"] * 5
    assert found["actor_kind"].to_list() == ["officer"] * 5 + [None] * 5


def test_what_a_row_says_itself_is_kept(tmp_path: Path) -> None:
    written(tmp_path / "queue=loans/a.jsonl", [{**ROWS[0], "queue": "grants"}, ROWS[1]])
    assert aura.read_events(tmp_path).collect().sort("ts")["queue"].to_list() == ["grants", "loans"]
