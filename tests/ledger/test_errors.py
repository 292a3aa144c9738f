"""A ledger that cannot be used says why, and what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from aura_analytics import Ledger, events
from aura_analytics.errors import AuraError, LedgerUnavailableError, ParameterError
from aura_analytics.ledger.engines import ledger_address, shown

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


def test_a_user_who_may_not_write(postgres: str, postgres_url: str, ledger: Ledger) -> None:
    if "postgresql" not in ledger.url:
        return
    with ledger._engines.writer.begin() as connection:
        connection.exec_driver_sql(
            "ALTER DATABASE " + postgres_url.split("/")[3].split("?")[0] + " SET default_transaction_read_only = on"
        )
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

    @event.listens_for(ledger._engines.reader, "begin")
    def _limit(connection: object) -> None:
        connection.connection.driver_connection.execute(f"PRAGMA max_page_count = {int(str(pages)) + 4}")  # type: ignore[attr-defined]

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
            done = subprocess.run(command, capture_output=True, text=True, check=True)
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
