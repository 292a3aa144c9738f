"""A ledger that cannot be used says why, and what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest

from aura_analytics import Ledger, events
from aura_analytics.errors import AuraError, FileMissingError, LedgerUnavailableError, ParameterError
from aura_analytics.ledger.engines import ledger_address
from aura_analytics.ledger.failures import shown

OVERRIDE = {"type": "OVERRIDE", "actor": "anne"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://me:secret@host/db", "no ledger can live there: got 'mysql'"),
        ("sqlite://", "a ledger needs a file"),
        ("sqlite:///:memory:", "a ledger needs a file"),
        ("postgresql://me:secret@host", "names no database"),
        ("me:secret@host", "URL cannot be read"),
    ],
)
def test_urls_that_cannot_be(url: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)


def test_the_password_is_never_shown(postgres: str) -> None:
    address = ledger_address("postgresql://me:secret@host/db")
    assert "secret" not in shown(address)
    with pytest.raises(LedgerUnavailableError, match="cannot be reached.*is the server running") as caught:
        Ledger("postgresql://me:secret@127.0.0.1:1/db", timeout=1)
    assert "secret" not in str(caught.value) and "secret" not in repr(caught.value.__cause__)


def test_a_wrong_password(postgres: str, postgres_url: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS clerk")
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'right'")
        hba = Path(str(connection.execute("SHOW hba_file").fetchone()[0]))  # type: ignore[index]
        before = hba.read_text()
        hba.write_text("local all clerk scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        try:
            time.sleep(0.2)
            url = postgres_url.replace("//postgres:@", "//clerk:wr0ng@")
            with pytest.raises(LedgerUnavailableError, match="refuses this user or password.*check the user") as caught:
                Ledger(url)
            assert "wr0ng" not in str(caught.value)
        finally:
            hba.write_text(before)
            connection.execute("SELECT pg_reload_conf()")


def test_a_database_that_is_not_there(postgres_url: str) -> None:
    name = postgres_url.split("/")[3].split("?")[0]
    with pytest.raises(LedgerUnavailableError, match="no such database.*createdb"):
        Ledger(postgres_url.replace(f"/{name}?", "/nowhere?"))


def test_a_user_who_may_not_write(postgres_url: str) -> None:
    with Ledger(postgres_url, mirror=False) as ledger:
        with ledger._engines.writer.begin() as connection:
            name = postgres_url.split("/")[3].split("?")[0]
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        ledger.close()
        with pytest.raises(LedgerUnavailableError, match="may not be written"):
            ledger.record_event(OVERRIDE)
        assert ledger.info().events == 0


def test_a_writer_that_does_not_let_go(ledger: Ledger, url: str) -> None:
    with Ledger(url, timeout=0.3, mirror=False) as other, ledger._engines.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE aura_head SET seq = seq")
        started = time.monotonic()
        with pytest.raises(LedgerUnavailableError, match="locked by another writer.*AURA_LEDGER_TIMEOUT"):
            other.record_event(OVERRIDE)
        assert 0.2 < time.monotonic() - started < 5
        assert other.events().collect().is_empty()  # reading goes on
    assert ledger.record_event(OVERRIDE)["ok"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailableError, match="file cannot be opened; does the folder exist"):
        Ledger(tmp_path / "no" / "aura.db")


def test_a_full_disk_stores_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "aura.db", mirror=False)
    ledger.record_event(OVERRIDE)
    with ledger._engines.reader.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    from sqlalchemy import event

    @event.listens_for(ledger._engines.reader, "checkout")
    def _limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {int(str(pages)) + 4}")

    with pytest.raises(LedgerUnavailableError, match="disk is full.*free some space; nothing was stored"):
        ledger.record_events(events.sample(5_000, seed=1))
    assert ledger.info().events == 1 and ledger.verify().ok


READ_ONLY = """
import os, sys
from pathlib import Path
from aura_analytics import Ledger
from aura_analytics.errors import LedgerUnavailableError
with Ledger(Path(sys.argv[2]), mirror=False) as own:  # everything is loaded while all may be read
    own.record_event({"type": "OVERRIDE", "actor": "anne"})
if os.getuid() == 0:
    os.setuid(65534)  # root may write everything
try:
    with Ledger(Path(sys.argv[1]), mirror=False) as ledger:
        ledger.record_event({"type": "OVERRIDE", "actor": "anne"})
except LedgerUnavailableError as error:
    print(error)
"""


def test_a_read_only_file(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with Ledger(folder / "aura.db", mirror=False) as ledger:
            ledger.record_event(OVERRIDE)
        for mode_of_folder in (0o555, 0o777):
            (folder / "aura.db").chmod(0o444)
            folder.chmod(mode_of_folder)
            command = [sys.executable, "-c", READ_ONLY, str(folder / "aura.db"), str(tmp_path / f"{mode_of_folder}.db")]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)  # nobody waits for others' locks
            folder.chmod(0o755)
            assert "may not be written" in done.stdout or "cannot be opened" in done.stdout, done
        with Ledger(folder / "aura.db", mirror=False) as ledger:
            assert len(ledger) == 1


def test_errors_are_the_package_s_own(tmp_path: Path) -> None:
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_event(OVERRIDE)
        with sqlite3.connect(tmp_path / "aura.db") as connection:
            connection.execute("DROP TABLE aura_events")
        connection.close()
        with pytest.raises(AuraError, match="refused.*no such table"):
            ledger.record_event(OVERRIDE)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me@127.0.0.1:1/db?password=geheim",
        "postgresql://127.0.0.1:1/db?user=me&sslpassword=geheim",
        "postgresql://me:ge@heim@127.0.0.1:1/db",
        "postgresql://me:a/geheim@127.0.0.1:1/db",
        "postgresql://me:se@geheim:x@host/db",
        "postgresql:me:geheim@host/db",
    ],
)
def test_a_password_is_never_shown_wherever_it_stands(url: str) -> None:
    with pytest.raises(AuraError) as caught:
        Ledger(url, timeout=1)
    assert "heim" not in str(caught.value)


def test_a_foreign_file_and_a_copy_keep_every_byte(tmp_path: Path) -> None:
    foreign = tmp_path / "notes.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(AuraError, match="no ledger"):
        Ledger(foreign)
    assert foreign.read_bytes() == before
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(AuraError, match="no such ledger"):
        Ledger(empty, create=False)
    assert empty.stat().st_size == 0
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_events(events.sample(100, seed=1))
        copy = ledger.snapshot(tmp_path / "copy.db")
    before = copy.read_bytes()
    with Ledger(copy, create=False, mirror=False) as kept:
        assert kept.verify().ok and kept.events().collect().height > 90
    assert copy.read_bytes() == before


READ_COPY = READ_ONLY.replace("ledger.record_event(", "print(ledger.verify().ok, len(ledger)); ledger.record_event(")


def test_a_read_only_copy_can_be_verified(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with Ledger(folder / "own.db", mirror=False) as ledger:
            ledger.record_event(OVERRIDE)
            ledger.snapshot(folder / "copy.db")
        (folder / "copy.db").chmod(0o444)
        for mode in (0o555, 0o777):
            folder.chmod(mode)
            command = [sys.executable, "-c", READ_COPY, str(folder / "copy.db"), str(tmp_path / f"{mode}.db")]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            folder.chmod(0o755)
            assert done.stdout.startswith("True 1\n"), done
            assert "may not be written" in done.stdout


def test_a_file_that_is_gone_is_noticed(tmp_path: Path) -> None:
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_event(OVERRIDE)
        (tmp_path / "aura.db").unlink()
        with pytest.raises(LedgerUnavailableError, match="removed or replaced.*nothing was stored"):
            ledger.record_event(OVERRIDE)


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for given in ("sqlite:///aura.db", "aura.db"):
        with Ledger(given, mirror=False) as ledger:
            monkeypatch.chdir(tmp_path / "b")
            ledger.close()
            ledger.record_event(OVERRIDE)
            monkeypatch.chdir(tmp_path / "a")
    assert len(Ledger("aura.db", mirror=False)) == 2 and not list((tmp_path / "b").iterdir())


def test_arguments_that_cannot_be(ledger: Ledger, tmp_path: Path) -> None:
    for wrong in (-1, "x", float("nan")):
        with pytest.raises(ParameterError, match="timeout is out of range"):
            Ledger(tmp_path / "a.db", timeout=wrong)  # type: ignore[arg-type]
    with pytest.raises(FileMissingError, match="no events there"):
        ledger.record_events("file.parquet")
    for given in (None, OVERRIDE):
        with pytest.raises(AuraError, match="events are a frame or dicts"):
            ledger.record_events(given)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="unknown kind of snapshot"):
        ledger.snapshot(tmp_path / "copy.csv")
    for odd in ({"actor_kind": ["officer"]}, {"queue": "\ud800"}, {"x": "\ud800"}):
        with pytest.raises(AuraError):
            ledger.record_event({**OVERRIDE, **odd})
    assert bool(ledger) and len(ledger) == 0


def test_empty_ids_are_none(ledger: Ledger) -> None:
    first, second = (ledger.record_event({**OVERRIDE, "event_id": "", "ts": "2026-01-01T00:00:00Z"}) for _ in range(2))
    assert first["stored_id"] != second["stored_id"] and len(ledger) == 2


def test_many_threads_wait_their_turn(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "aura.db", mirror=False, timeout=20)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            ledger.record_event(OVERRIDE)
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    with ledger._engines.writer.begin():
        threads = [threading.Thread(target=work) for _ in range(25)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
    for thread in threads:
        thread.join()
    assert faults == [] and len(ledger) == 25
