"""Several processes and threads at once, forks, and processes that are killed while they write."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aura_analytics import Ledger, events
from aura_analytics.errors import LedgerUnavailableError
from tests.conftest import ROOT


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.ledger.workers", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, **options)


def finish(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        _, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors.decode()


@pytest.mark.slow
@pytest.mark.parametrize("batch", ["1", "25"])
def test_four_writers_lose_nothing(url: str, batch: str) -> None:
    count = 100
    finish([start("write", url, f"w{i}", str(count), batch) for i in range(4)])
    with Ledger(url, mirror=False) as ledger:
        table = ledger.events().collect()
        for i in range(4):
            assert table.filter(actor=f"w{i}").height == count
        shared = events.sample(200, seed=3)
        from_shared = table.join(shared.select("event_id"), on="event_id", how="semi")
        assert from_shared.height > 100
        assert from_shared.sort("event_id").equals(shared.join(from_shared, on="event_id", how="semi").sort("event_id"))
        assert ledger.verify().ok


def open_together(url: str, go: Path) -> None:
    workers = [start("first", url, str(go)) for _ in range(6)]
    time.sleep(0.2)
    go.touch()
    finish(workers)
    with Ledger(url, mirror=False) as ledger:
        assert len(ledger) == 6
        assert ledger.verify().ok


@pytest.mark.slow
def test_six_processes_open_a_new_ledger_at_once(url: str, tmp_path: Path) -> None:
    open_together(url, tmp_path / "go")


@pytest.mark.slow
def test_six_processes_open_a_new_ledger_at_once_twenty_times(tmp_path: Path) -> None:
    for i in range(20):
        open_together(f"sqlite:///{tmp_path}/{i}.db", tmp_path / f"go-{i}")


def kill_while_writing(url: str, name: str, after: float) -> list[str]:
    worker = start("acknowledge", url, name, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    first = worker.stdout.readline()
    time.sleep(after)
    worker.send_signal(signal.SIGKILL)
    rest = worker.stdout.read()
    worker.communicate()
    # a line that was cut off is no acknowledgement
    return [line for line in (first + rest).decode().split("\n")[:-1] if line]


def check_killed(url: str, acknowledged: list[str]) -> None:
    with Ledger(url, mirror=False) as ledger:
        found = set(ledger.events().collect()["event_id"])
        lost = [name for name in acknowledged if name not in found]
        assert lost == []
        assert len(found) <= len(acknowledged) + 40  # what was stored but not yet acknowledged
        assert ledger.verify().ok


def test_a_killed_writer_loses_nothing_that_was_acknowledged(url: str) -> None:
    acknowledged = [name for i in range(2) for name in kill_while_writing(url, f"k{i}", 0.15)]
    assert len(acknowledged) > 20
    check_killed(url, acknowledged)


@pytest.mark.slow
def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/aura.db"
    acknowledged = [name for i in range(30) for name in kill_while_writing(url, f"k{i}", 0.05 + 0.013 * i)]
    check_killed(url, acknowledged)
    with sqlite3.connect(tmp_path / "aura.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.slow
def test_eight_writers_lose_nothing(url: str) -> None:
    finish([start("write", url, f"w{i}", "400", "1" if i % 2 else "25") for i in range(8)])
    with Ledger(url, mirror=False) as ledger:
        table = ledger.events().collect()
        assert [table.filter(actor=f"w{i}").height for i in range(8)] == [400] * 8
        assert ledger.verify().ok


@pytest.mark.parametrize("threads", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_threads_share_a_ledger(ledger: Ledger, threads: int) -> None:
    faults: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for i in range(30):
                ledger.record_event({"event_id": f"{name}-{i}", "type": "OVERRIDE", "actor": name})
                if i % 10 == 0:
                    ledger.events(actor=name).collect()
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    together(work, threads)
    assert faults == []
    assert len(ledger) == 30 * threads and ledger.verify().ok


def together(work: Callable[[str], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_connections_have_a_limit_and_wait(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_CONNECTIONS", "3")
    with Ledger(url, mirror=False, timeout=0.5) as ledger:
        ledger.record_event({"event_id": "e", "type": "OVERRIDE", "actor": "anne"})
        # three held for a moment: who comes fourth waits for one
        held = [ledger._engines.reader.connect() for _ in range(3)]
        timer = threading.Timer(0.1, held.pop().close)
        timer.start()
        assert len(ledger) == 1
        timer.join()
        held.append(ledger._engines.reader.connect())
        with pytest.raises(LedgerUnavailableError, match="all connections of this process to the ledger are in use.*AURA_CONN"):
            len(ledger)
        with pytest.raises(LedgerUnavailableError, match="all connections of this process"):
            ledger.record_event({"event_id": "f", "type": "OVERRIDE", "actor": "anne"})
        for one in held:
            one.close()
        assert len(ledger) == 1

    # many threads never open more than that, and lose nothing
    with Ledger(url, mirror=False) as ledger:
        most: list[int] = []

        def work(name: str) -> None:
            for i in range(5):
                ledger.record_event({"event_id": f"{name}-{i}", "type": "OVERRIDE", "actor": name})
                ledger.events(actor=name).collect()
                most.append(ledger._engines.reader.pool.checkedout())  # type: ignore[attr-defined]

        together(work, 12)
        assert len(ledger) == 61 and max(most) <= 3 and len(most) == 60


def in_a_fork(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_connections_of_its_own(ledger: Ledger) -> None:
    ledger.record_event({"event_id": "before", "type": "OVERRIDE", "actor": "parent"})

    def child() -> None:
        # the plain road alone: polars itself must not be used after a fork
        ledger.record_event({"event_id": "child", "type": "OVERRIDE", "actor": "child"})

    assert in_a_fork(child) == 0
    ledger.record_event({"event_id": "after", "type": "OVERRIDE", "actor": "parent"})
    assert ledger.events().collect()["event_id"].to_list() == ["before", "child", "after"]
    assert ledger.verify().ok


FORKED = """
import multiprocessing, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from aura_analytics import Ledger
path = Path(sys.argv[1])
event = {"type": "OVERRIDE", "actor": "anne"}
ledger = Ledger(path, mirror=False)
ledger.record_event(event)  # leaves an idle connection for the children to inherit
context = multiprocessing.get_context("fork")
said = context.Queue()

def work():
    for _ in range(40):
        said.put(ledger.record_event(event)["stored_id"])
        time.sleep(0.005)

children = [context.Process(target=work) for _ in range(2)]
for child in children:
    child.start()
time.sleep(0.08)
ledger.close()  # the parent closes, and others open and close, while the children write
for _ in range(5):
    with Ledger(path, mirror=False) as other:
        len(other)
    time.sleep(0.02)
acknowledged = [said.get() for _ in range(80)]
for child in children:
    child.join()
print("\\n".join(acknowledged))
"""


def test_forked_writers_lose_nothing_when_the_parent_closes(tmp_path: Path) -> None:
    path = tmp_path / "aura.db"
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    acknowledged = done.stdout.split()
    assert len(acknowledged) == 80
    with Ledger(path, mirror=False) as ledger:
        found = set(ledger.events().collect()["event_id"])
        assert [name for name in acknowledged if name not in found] == []
        assert len(found) == 81 and ledger.verify().ok


def test_threads_make_ledgers_of_their_own_at_once(tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def work(i: int) -> None:
        try:
            with Ledger(tmp_path / f"{i}.db", mirror=False) as own:
                own.record_event({"type": "OVERRIDE", "actor": f"a{i}"})
                assert own.events().collect()["actor"].to_list() == [f"a{i}"]
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_verifying_beside_a_writer_raises_no_alarm(ledger: Ledger) -> None:
    ledger.record_events(events.sample(3_000, seed=1))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ledger.record_event({"type": "OVERRIDE", "actor": "anne"})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        found = [ledger.verify() for _ in range(15)]
    finally:
        stop.set()
        thread.join()
    assert [str(one) for one in found if not one.ok] == []
