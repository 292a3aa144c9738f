"""A PostgreSQL ledger that keeps its events by month says and refuses what any other does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import ConflictError, LedgerDamagedError, LedgerUnavailableError, ParameterError
from aura_analytics.ledger.by_month import keep_by_month, months_of

LOG = aura.sample_log(300, seed=4)


def sent(url: str, *statements: str) -> list[Any]:
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        found: list[Any] = []
        for statement in statements:
            cursor = connection.execute(statement)
            found = cursor.fetchall() if cursor.description else []
    return found


@pytest.fixture
def ledger(postgres_url: str, tmp_path: Path) -> Iterator[aura.Ledger]:
    """A ledger by month, that held a part of a log before it was one, and took in the rest after."""
    with aura.Ledger(postgres_url, mirror=False) as found:
        found.record_events(LOG.head(900))
        told = CliRunner().invoke(
            app, ["ledger", "by-month", postgres_url, "--ahead", "0", "--backup", str(tmp_path / "b.parquet"), "--json"]
        )
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout)["backup"] == str(tmp_path / "b.parquet")
        assert pl.read_parquet(tmp_path / "b.parquet").height == 900
        found.record_events(LOG.tail(LOG.height - 900))
        yield found


def test_it_is_the_same_ledger(ledger: aura.Ledger, postgres_url: str, tmp_path: Path) -> None:
    assert ledger.verify().ok
    with aura.Ledger(f"sqlite:///{tmp_path / 'aura.db'}", mirror=False) as other:
        other.record_events(LOG)
        assert ledger.events().collect().equals(other.events().collect())
        assert aura.dossiers(ledger).equals(aura.dossiers(other))
    head = ledger.export_heads(tmp_path / "heads")
    name = LOG["event_id"][1000]
    assert ledger.prove(name, head.seq)["event"][1] == name
    assert ledger.verify(tmp_path / "heads").ok
    months = LOG["ts"].dt.strftime("%Y-%m").n_unique()
    assert keep_by_month(postgres_url, ahead=0) == (months, None)
    assert sent(postgres_url, "SELECT count(*) FROM model_performance")[0][0] >= 0
    (plan,) = zip(*sent(postgres_url, "EXPLAIN SELECT * FROM aura_events WHERE ts < 1735689600000000"), strict=True)
    assert sum("aura_events_2" in line for line in plan) == 0  # months that are not asked for are not read


def test_the_same_event_and_another_of_its_id(ledger: aura.Ledger) -> None:
    row = {name: value for name, value in LOG.row(5, named=True).items() if value is not None}
    again = ledger.record_event(row)
    assert again.get("duplicate")
    with pytest.raises(ConflictError, match="is in the ledger with another ts"):
        ledger.record_event(row | {"ts": "2031-05-06T10:00:00Z"})  # of another month
    assert ledger.record_events(LOG) == 0
    many = LOG.with_columns(ts=pl.col("ts").dt.offset_by("7mo"))
    with pytest.raises(ConflictError):
        ledger.record_events(many)
    twice = {"event_id": "x1", "type": "OVERRIDE", "actor": "anne", "ts": "2033-01-01T00:00:00Z"}
    with pytest.raises(ConflictError):
        ledger.record_events([twice, twice | {"ts": "2033-02-01T00:00:00Z"}])
    assert len(ledger) == LOG.height
    assert ledger.verify().ok


def test_months_are_made_when_their_first_event_comes(ledger: aura.Ledger, postgres_url: str) -> None:
    before = keep_by_month(postgres_url, ahead=0)[0]
    ledger.record_event({"event_id": "new", "type": "OVERRIDE", "actor": "anne", "ts": "2019-12-31T23:59:59.999999Z"})
    assert keep_by_month(postgres_url, ahead=0)[0] == before + 1
    ledger.record_event({"event_id": "next", "type": "OVERRIDE", "actor": "anne", "ts": "2020-01-01T00:00:00Z"})
    assert keep_by_month(postgres_url, ahead=0)[0] == before + 2
    assert sent(postgres_url, "SELECT count(*) FROM aura_events_other") == [(0,)]
    assert sent(postgres_url, "SELECT event_id FROM aura_events_2019_12") == [("new",)]
    assert ledger.verify().ok


def test_a_writer_who_may_make_no_tables(ledger: aura.Ledger, postgres_url: str) -> None:
    """Months that were made ahead need nobody who may make them."""
    made = keep_by_month(postgres_url, ahead=24)[0]
    assert keep_by_month(postgres_url, ahead=24)[0] == made
    sent(
        postgres_url,
        "DROP ROLE IF EXISTS scribe",
        "CREATE ROLE scribe LOGIN",
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO scribe",
    )
    now = datetime.now(timezone.utc)
    with aura.Ledger(postgres_url.replace("//postgres:@", "//scribe:@"), mirror=False) as theirs:
        event = {"type": "OVERRIDE", "actor": "anne", "case_id": "C1"}
        assert theirs.record_event(event | {"ts": now.isoformat()})["ok"]
        assert theirs.record_event(event | {"ts": (now + timedelta(days=600)).isoformat()})["ok"]
        with pytest.raises(LedgerUnavailableError):
            theirs.record_event(event | {"ts": "1999-01-01T00:00:00Z"})
        assert theirs.verify().ok
    sent(postgres_url, "DROP OWNED BY scribe", "DROP ROLE scribe")
    with pytest.raises(ParameterError, match="ahead is out of range"):
        keep_by_month(postgres_url, ahead=200)


def test_who_might_do_what_still_may(postgres_url: str, tmp_path: Path) -> None:
    with aura.Ledger(postgres_url, mirror=False) as found:
        found.record_events(LOG.head(50))
    sent(
        postgres_url,
        *(f"DROP ROLE IF EXISTS {role}" for role in ("reader", "writer")),
        "CREATE ROLE reader LOGIN",
        "CREATE ROLE writer LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writer",
        "CREATE VIEW theirs AS SELECT * FROM aura_events",
    )
    with pytest.raises(ParameterError, match="views of others stand on the ledger's tables: got 'theirs'"):
        keep_by_month(postgres_url, tmp_path / "b.parquet")
    assert not (tmp_path / "b.parquet").exists()
    sent(postgres_url, "DROP VIEW theirs")
    keep_by_month(postgres_url, tmp_path / "b.parquet")
    with aura.Ledger(postgres_url.replace("//postgres:@", "//reader:@"), mirror=False) as theirs:
        assert theirs.events().collect().height == 50
        assert theirs.verify().ok
        with pytest.raises(LedgerUnavailableError):
            theirs.record_event({"type": "OVERRIDE", "actor": "anne"})
    with aura.Ledger(postgres_url.replace("//postgres:@", "//writer:@"), mirror=False) as theirs:
        assert theirs.record_event({"type": "OVERRIDE", "actor": "anne"})["ok"]
    assert sent(postgres_url.replace("//postgres:@", "//reader:@"), "SELECT count(*) FROM model_performance")[0][0] >= 0
    for role in ("reader", "writer"):
        sent(postgres_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_table_in_the_place_of_a_month(ledger: aura.Ledger, postgres_url: str) -> None:
    sent(postgres_url, "CREATE TABLE aura_events_2031_05 (a int)")
    with pytest.raises(aura.AuraError):
        ledger.record_event({"type": "OVERRIDE", "actor": "anne", "ts": "2031-05-06T00:00:00Z"})
    sent(postgres_url, "DROP TABLE aura_events_2031_05")
    assert ledger.record_event({"type": "OVERRIDE", "actor": "anne", "ts": "2031-05-06T00:00:00Z"})["ok"]
    assert sent(postgres_url, "SELECT count(*) FROM aura_events_2031_05") == [(1,)]


def test_several_write_at_once(ledger: aura.Ledger, postgres_url: str) -> None:
    """The same events by four writers, of months that are not there yet: each is stored once."""
    failed: list[BaseException] = []
    fresh = LOG.with_columns(ts=pl.col("ts").dt.offset_by("40mo"), event_id=pl.col("event_id") + "-later")

    def write(part: int) -> None:
        try:
            with aura.Ledger(postgres_url, mirror=False) as mine:
                for at in range(0, fresh.height, 100):
                    mine.record_events(fresh.slice((at + part * 300) % fresh.height, 100))
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(ledger) == 2 * LOG.height
    assert ledger.verify().ok


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE {month} SET actor = 'mallory' WHERE seq = (SELECT max(seq) FROM {month})", "altered"),
        ("DELETE FROM {month} WHERE seq = (SELECT min(seq) FROM {month})", "missing"),
        ("ALTER TABLE aura_events DETACH PARTITION {month}", "missing"),
        ("DROP TABLE aura_event_ids", "schema"),
        ("DELETE FROM aura_event_ids WHERE seq = 5", "schema"),
        ("INSERT INTO aura_event_ids VALUES ('ghost', 999999)", "schema"),
        (
            "ALTER TABLE aura_event_ids DROP CONSTRAINT aura_event_ids_pkey; ALTER TABLE aura_event_ids ADD UNIQUE (event_id, seq)",
            "schema",
        ),
        ("ALTER TABLE aura_event_ids DROP CONSTRAINT aura_event_ids_pkey", "schema"),
        ("CREATE RULE quiet AS ON INSERT TO {month} DO INSTEAD NOTHING", "schema"),
        ("ALTER TABLE {month} ENABLE ROW LEVEL SECURITY", "schema"),
    ],
)
def test_what_was_done_behind_its_back(ledger: aura.Ledger, postgres_url: str, statement: str, kind: str) -> None:
    month = f"aura_events_{LOG['ts'][0]:%Y_%m}"
    sent(postgres_url, statement.format(month=month))
    found = ledger.verify()
    assert (found.ok, found.kind) == (False, kind), found.message


def test_it_is_all_or_nothing(postgres_url: str, tmp_path: Path) -> None:
    with aura.Ledger(postgres_url, mirror=False) as found:
        found.record_events(LOG)
        sent(postgres_url, "CREATE TABLE aura_event_ids (a int)")  # in the way of the last step
        with pytest.raises(Exception, match="aura_event_ids"):
            keep_by_month(postgres_url, tmp_path / "b.parquet")
        sent(postgres_url, "DROP TABLE aura_event_ids")
        assert found.verify().ok
        assert found.record_event({"event_id": "n", "type": "OVERRIDE", "actor": "anne", "ts": "2026-01-01T00:00:00Z"})["ok"]
        with pytest.raises(ParameterError, match="the backup exists already"):
            keep_by_month(postgres_url, tmp_path / "b.parquet")
        assert keep_by_month(postgres_url, tmp_path / "c.parquet")[0] > 1
        assert found.verify().ok
    with pytest.raises(ParameterError, match="only a ledger in PostgreSQL"):
        keep_by_month(tmp_path / "aura.db")
    assert months_of([-1, 0, 10**18]) == {(1970, 1)}
    assert issubclass(LedgerDamagedError, aura.AuraError)
