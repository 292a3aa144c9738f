"""A ledger copied into a Delta table: each event once, whoever dies or copies at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import LedgerDamagedError, OutputError, ParameterError
from aura_analytics.ledger import delta

deltalake = pytest.importorskip("deltalake")


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    with aura.Ledger(f"sqlite:///{tmp_path / 'aura.db'}", mirror=False) as found:
        found.record_events(aura.sample_log(600, seed=2))
        yield found


def held(table: Path) -> pl.DataFrame:
    return pl.scan_delta(str(table)).sort("aura_seq").collect()


def whole(ledger: Any, table: Path) -> None:
    """Every event of the ledger is there once, as it was recorded."""
    rows = held(table)
    assert rows["aura_seq"].to_list() == list(range(1, len(ledger) + 1))
    events = ledger.events().collect().with_columns(pl.selectors.enum().cast(pl.String))
    assert rows.select(events.columns).sort("event_id").equals(events.sort("event_id"))


def test_what_is_new_is_added(ledger: Any, tmp_path: Path) -> None:
    table = tmp_path / "events"
    seen: list[int] = []
    first = aura.copy_to_delta(ledger, table, rows=500, progress=seen.append)
    assert first.events == first.seq == len(ledger)
    assert first.version == len(seen) >= 3
    whole(ledger, table)
    assert aura.dossiers(table).equals(aura.dossiers(ledger))
    assert aura.copy_to_delta(ledger, table) == (0, first.seq, first.version)
    ledger.record_event({"event_id": "late", "type": "OVERRIDE", "actor": "anne", "ts": "2024-02-03T10:00:00Z"})
    found = CliRunner().invoke(app, ["ledger", "delta", str(table), ledger.url, "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout) == {"events": 1, "seq": first.seq + 1, "version": first.version + 1}
    assert (table / "aura_month=2024-02").is_dir()
    whole(ledger, table)


def test_a_table_that_was_put_together_meanwhile(ledger: Any, tmp_path: Path) -> None:
    table = tmp_path / "events"
    aura.copy_to_delta(ledger, table, rows=300)
    deltalake.DeltaTable(table).optimize.compact()
    deltalake.DeltaTable(table).create_checkpoint()
    ledger.record_event({"event_id": "late", "type": "OVERRIDE", "actor": "anne", "ts": "2024-02-03T10:00:00Z"})
    assert aura.copy_to_delta(ledger, table).events == 1
    whole(ledger, table)


def test_several_copy_at_once(ledger: Any, tmp_path: Path) -> None:
    table = tmp_path / "events"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: aura.copy_to_delta(ledger, table, rows=150), range(4)))
    assert sum(one.events for one in done) == len(ledger)
    whole(ledger, table)


def test_killed_again_and_again(ledger: Any, tmp_path: Path) -> None:
    """Killed with -9 after each few commits, wherever it is: in the end each event is there once."""
    table = tmp_path / "events"
    code = f"import aura_analytics as aura; aura.copy_to_delta(aura.Ledger({ledger.url!r}, mirror=False), {str(table)!r}, rows=40)"
    killed = 0
    for _ in range(4):
        running = subprocess.Popen([sys.executable, "-c", code])
        before = sum(1 for _ in (table / "_delta_log").glob("*.json")) if table.exists() else 0

        def more(least: int = before + 4) -> bool:
            return sum(1 for _ in (table / "_delta_log").glob("*.json")) >= least

        until = time.monotonic() + 60
        while not more() and running.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
            killed += 1
        running.wait()
    assert killed >= 3
    assert held(table).height < len(ledger)
    aura.copy_to_delta(ledger, table, rows=40)
    whole(ledger, table)


def test_events_that_come_meanwhile(ledger: Any, tmp_path: Path) -> None:
    table, stop = tmp_path / "events", threading.Event()

    def write() -> None:
        at = 0
        while not stop.is_set():
            ledger.record_event({"event_id": f"n{at}", "type": "DECISION", "actor": "bob", "ts": "2026-02-03T10:00:00Z"})
            at += 1

    thread = threading.Thread(target=write)
    thread.start()
    for _ in range(5):
        aura.copy_to_delta(ledger, table)
    stop.set()
    thread.join()
    aura.copy_to_delta(ledger, table)
    whole(ledger, table)


def test_tables_that_hold_something_else(ledger: Any, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pl.DataFrame({"a": [1]}).write_delta(other)
    with pytest.raises(ParameterError, match="that table holds something else than this ledger"):
        aura.copy_to_delta(ledger, other)
    table = tmp_path / "events"
    aura.copy_to_delta(ledger, table)
    with aura.Ledger(f"sqlite:///{tmp_path / 'second.db'}", mirror=False) as second:
        second.record_event({"type": "OVERRIDE", "actor": "anne", "ts": "2024-02-03T10:00:00Z"})
        with pytest.raises(ParameterError, match="something else than this ledger"):
            aura.copy_to_delta(second, table)
    with pytest.raises(ParameterError, match="rows is out of range"):
        aura.copy_to_delta(ledger, table, rows=0)


def test_a_ledger_that_was_cut_off(ledger: Any, tmp_path: Path) -> None:
    """The ledger was put back from a backup of before: the table knows events that it no longer has."""
    ledger.snapshot(tmp_path / "before.db")
    ledger.record_event({"event_id": "late", "type": "OVERRIDE", "actor": "anne", "ts": "2024-02-03T10:00:00Z"})
    table = tmp_path / "events"
    aura.copy_to_delta(ledger, table)
    with aura.Ledger(f"sqlite:///{tmp_path / 'before.db'}", mirror=False) as before:
        with pytest.raises(LedgerDamagedError, match="the table goes further than the ledger"):
            aura.copy_to_delta(before, table)
        before.record_event({"event_id": "other", "type": "OVERRIDE", "actor": "anne", "ts": "2024-02-03T10:00:00Z"})
        with pytest.raises(LedgerDamagedError, match="the table says something else than the ledger"):
            aura.copy_to_delta(before, table)


def test_another_goes_further_meanwhile(ledger: Any, tmp_path: Path) -> None:
    """One copies while the ledger grows and another copies all of it: the first goes on after the other."""
    table = tmp_path / "events"
    grown: list[int] = []

    def grow(_seq: int) -> None:
        if not grown:
            grown.append(1)
            ledger.record_events(aura.sample_log(100, seed=9).with_columns(pl.col("event_id") + "-more"))
            aura.copy_to_delta(ledger, table)

    aura.copy_to_delta(ledger, table, rows=500, progress=grow)
    whole(ledger, table)


def test_two_ledgers_that_begin_at_once(ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table, done = tmp_path / "events", delta._done
    with aura.Ledger(f"sqlite:///{tmp_path / 'second.db'}", mirror=False) as second:
        second.record_events(aura.sample_log(100, seed=9))

        def after(found: Any, name: str, where: str) -> int:
            reached = done(found, name, where)
            monkeypatch.setattr(delta, "_done", done)
            aura.copy_to_delta(second, table)
            return reached

        monkeypatch.setattr(delta, "_done", after)
        with pytest.raises(ParameterError, match="something else than this ledger"):
            aura.copy_to_delta(ledger, table)
        whole(second, table)


def test_rows_that_were_lost_or_put_in(ledger: Any, tmp_path: Path) -> None:
    table = tmp_path / "events"
    aura.copy_to_delta(ledger, table)
    deltalake.DeltaTable(table).delete("aura_seq < 100")
    with pytest.raises(LedgerDamagedError, match="the table lost events, or others were put in"):
        aura.copy_to_delta(ledger, table)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="the table cannot be opened or made"):
        aura.copy_to_delta(ledger, tmp_path / "file")
    other = tmp_path / "other"
    held(table).head(0).write_delta(other)  # the same columns, and no months
    with pytest.raises(ParameterError, match="something else than this ledger"):
        aura.copy_to_delta(ledger, other)
