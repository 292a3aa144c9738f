"""Benchmarks of the ledger, beside raw `sqlite3` with the same rows and indexes, and beside the disk itself."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

import aura_analytics as aura
from aura_analytics import Ledger
from aura_analytics.ledger.records import rows_of
from aura_analytics.operations.client import board_of
from tests.benchmarks.timing import cpu
from tests.benchmarks.worlds import make

OVERRIDE = {
    "type": "OVERRIDE",
    "actor": "officer_anne@sba.gov",
    "case_id": "CLAIM_9001",
    "ai_recommendation": "APPROVE",
    "human_verdict": "REJECT",
}
OUTCOME = {"type": "OUTCOME", "actor": "officer_anne@sba.gov", "case_id": "CLAIM_9001", "outcome": "success"}
_INSERT = f"INSERT INTO aura_events VALUES ({', '.join('?' * 20)})"


def _p50(times: list[float]) -> float:
    return 1000 * statistics.median(times)


@contextmanager
def _folder(parent: Path | None = None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)


def _raw(path: Path, like: Path) -> sqlite3.Connection:
    """A plain database with the tables and indexes of a ledger."""
    source = sqlite3.connect(like)
    statements = [
        row[0] for row in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name LIKE 'aura_e%'")
    ]
    source.close()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    for statement in statements:
        raw.execute(statement)
    return raw


def _row(seq: int, event: dict[str, Any]) -> tuple[Any, ...]:
    row = [event.get(name) for name in aura.events.SCHEMA]
    row[0], row[1] = f"{seq:032x}", 1_767_225_600_000_000 + seq
    return (seq, *row, 1_767_225_600_000_000, bytes(32), bytes(32))


def _each(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def append(path: Path, rounds: int) -> dict[str, Any]:
    """One event a call: on a file in memory against raw sqlite3, on disk against the disk's own `fdatasync`."""
    del path
    found: dict[str, Any] = {}
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    times: dict[str, list[float]] = {"append": [], "outcome": [], "raw": []}
    with _folder(memory) as folder, Ledger(folder / "ours.db", mirror=False) as ledger:
        raw = _raw(folder / "raw.db", folder / "ours.db")

        def plain(seq: int) -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute(_INSERT, _row(seq, OVERRIDE))
            raw.execute("COMMIT")

        for i in range(400 * rounds):
            times["append"].append(_each(lambda: ledger.record_event(OVERRIDE)))
            times["outcome"].append(_each(lambda: ledger.record_event(OUTCOME)))
            times["raw"].append(_each(lambda i=i: plain(i + 1)))  # type: ignore[misc]
        raw.close()
    found |= {f"{name}_p50_ms": _p50(values) for name, values in times.items()}
    found |= {
        "ratio_append": found["append_p50_ms"] / found["raw_p50_ms"],
        "ratio_outcome": found["outcome_p50_ms"] / found["raw_p50_ms"],
    }
    ours, sync = [], []
    with _folder(Path.cwd()) as folder, Ledger(folder / "ours.db", mirror=False) as ledger:
        file = os.open(folder / "plain", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

        def write() -> None:
            os.write(file, bytes(4096))
            os.fdatasync(file)

        for _ in range(60 * rounds):
            ours.append(_each(lambda: ledger.record_event(OVERRIDE)))
            sync.append(_each(write))
        os.close(file)
    found |= {"disk_p50_ms": _p50(ours), "fdatasync_p50_ms": _p50(sync)}
    return found | {"disk_over_3_fdatasync_plus_1ms": found["disk_p50_ms"] / (3 * found["fdatasync_p50_ms"] + 1)}


def bulk(path: Path, rounds: int) -> dict[str, Any]:
    """`record_events` of 200,000 events against raw `executemany` of the same rows into the same indexes."""
    table = pl.scan_parquet(path).head(200_000).collect()
    ours, plain = [], []
    for _ in range(max(3, rounds // 2)):
        with _folder() as folder, Ledger(folder / "ours.db", mirror=False) as ledger:
            started = cpu()
            ledger.record_events(table)
            ours.append(cpu() - started)
            raw = _raw(folder / "raw.db", folder / "ours.db")
            rows = [(i, *row, 1_767_225_600_000_000, bytes(32), bytes(32)) for i, row in enumerate(rows_of(table), 1)]
            started = cpu()
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(_INSERT, rows)
            raw.execute("COMMIT")
            plain.append(cpu() - started)
            raw.close()
    mine, theirs = statistics.median(ours), statistics.median(plain)
    return {"events": table.height, "ours_cpu_s": mine, "raw_cpu_s": theirs, "speed_over_raw": theirs / mine}


def ledger(path: Path, rounds: int) -> dict[str, Any]:
    """A ledger of a million events: reading, verifying, indexed queries, `get_dossier`, the mirror."""
    table = pl.scan_parquet(path).head(1_000_000).collect()
    random.seed(5)
    actors = table.filter(pl.col("type") == "OVERRIDE")["actor"].unique().sort().to_list()
    cases = table["case_id"].drop_nulls().unique().sort().to_list()
    found: dict[str, Any] = {"events": table.height}
    with _folder() as folder, Ledger(folder / "ours.db") as store:
        store.record_events(table)
        started = cpu(), time.perf_counter()
        read = store.after(0)[0]
        found |= {"read_events_per_cpu_s": table.height / (cpu() - started[0]), "read_exact": read.equals(table)}
        del read
        times = sorted(_each(lambda: _ok(store.verify())) for _ in range(3))
        found["verify_events_per_s"] = table.height / times[1]
        first, last = table["ts"].min(), table["ts"].max()
        assert isinstance(first, datetime) and isinstance(last, datetime)
        queries: dict[str, Callable[[], Any]] = {
            "actor": lambda: store.events(actor=random.choice(actors)).collect(),
            "actor_window": lambda: store.events(since=last - timedelta(days=90), actor=random.choice(actors)).collect(),
            "hour": lambda: _hour(store, first, last),
            "case": lambda: store.events(case_id=random.choice(cases)).collect(),
        }
        for name, query in queries.items():
            query()
            taken = sorted(_each(query) for _ in range(40 * rounds))
            found |= {f"query_{name}_p50_ms": _p50(taken), f"query_{name}_p99_ms": 1000 * taken[int(0.99 * len(taken))]}
        found["get_dossier_first_ms"] = 1000 * _each(lambda: store.dossier(actors[0]))
        taken = sorted(_each(lambda: store.dossier(random.choice(actors))) for _ in range(10 * rounds))
        found |= {"get_dossier_p50_ms": _p50(taken), "get_dossier_max_ms": 1000 * taken[-1]}
        started = cpu(), time.perf_counter()
        store.events()
        found["mirror_from_database_s"] = time.perf_counter() - started[1]
        started = cpu(), time.perf_counter()
        board_of(store).keep()
        found["sums_first_built_s"] = time.perf_counter() - started[1]
        taken = []
        for _ in range(10 * rounds):
            store.record_event(OVERRIDE)
            taken.append(_each(lambda: store.dossier(random.choice(actors))))
        found |= {"get_dossier_from_sums_p50_ms": _p50(taken), "get_dossier_from_sums_max_ms": 1000 * max(taken)}
    return found


def _ok(found: Any) -> None:
    assert found.ok, found


def _hour(store: Ledger, first: Any, last: Any) -> pl.DataFrame:
    start = first + (last - first) * random.random()
    return store.events(since=start, until=start + (last - first) / 8760).collect()


def mirror(path: Path, rounds: int) -> dict[str, Any]:
    """10 million events of 20,000 actors in the mirror, to dossiers; the mirror itself is made by the package from a ledger's
    rows.
    """
    from aura_analytics.ledger import mirror as module
    from aura_analytics.ledger.mirror import Mirror, _Manifest

    del path
    source = make(Path(tempfile.gettempdir()) / "aura-benchmarks" / "events-10000000-20000.parquet", 10_000_000, actors=20_000)
    with _folder() as folder, Ledger(folder / "ours.db", mirror=folder / "mirror") as store:
        assert store._mirror is not None
        # filling SQLite with ten million rows takes minutes: the mirror is given the rows as its own reading of the ledger would
        (folder / "mirror").mkdir()
        mine: Mirror = store._mirror
        manifest = _Manifest(store.info().ledger_id)
        frame = pl.scan_parquet(source)
        rows = int(frame.select(pl.len()).collect().item())
        for first in range(0, rows, module._PIECE):
            piece = (
                frame.slice(first, module._PIECE)
                .collect()
                .with_columns(seq=pl.int_range(first + 1, first + pl.len() + 1, dtype=pl.Int64))
            )
            mine._write(manifest, piece)
        manifest.seq = rows
        mine._fits = lambda manifest: True  # type: ignore[method-assign]
        mine._save(manifest)
        taken = []
        for _ in range(max(3, rounds // 2)):
            started = time.perf_counter()
            board = aura.dossiers(mine.scan(rows).select(aura.events.SCHEMA.names()))
            taken.append(time.perf_counter() - started)
        assert board.equals(aura.dossiers(frame))
        return {"rows": rows, "actors": board.height, "wall_s": statistics.median(taken)}
