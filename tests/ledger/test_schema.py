"""Tables: made once, whoever comes first; old, new and foreign ones are told apart; an upgrade leaves a backup."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from aura_analytics import Ledger, events
from aura_analytics.errors import FileMissingError, LedgerSchemaError, ParameterError
from aura_analytics.ledger import schema, tables
from aura_analytics.ledger.info import upgrade_ledger

NEXT = '''
"""A later version's step."""
import sqlalchemy as sa
from alembic import op
revision = "9002"
down_revision = "0007"
branch_labels = None
depends_on = None

def upgrade():
    with op.batch_alter_table("aura_head") as batch:
        batch.add_column(sa.Column("note", sa.Text))
'''


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library one schema further."""
    folder = tmp_path / "later_versions"
    folder.mkdir()
    (folder / "9002_note.py").write_text(NEXT)
    monkeypatch.setattr(schema, "_SCRIPTS", [*schema._SCRIPTS, str(folder)])
    monkeypatch.setattr(schema, "REVISION", "9002")


def test_the_library_s_revision_is_that_of_its_migrations() -> None:
    assert ScriptDirectory.from_config(schema._config()).get_heads() == [schema.REVISION]


def test_the_migrations_make_the_tables_that_the_library_uses(ledger: Ledger) -> None:
    def ours(_object: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
        return kind != "table" or name != schema.VERSION_TABLE

    with ledger._engines.reader.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": ours, "compare_type": connection.dialect.name != "sqlite"}
        )
        assert compare_metadata(context, tables.METADATA) == []


def test_an_older_schema_is_refused_with_the_command(
    url: str, later: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(schema, "REVISION", "0007")
    with Ledger(url, mirror=False) as ledger:
        ledger.record_events(events.sample(50, seed=1))
    monkeypatch.setattr(schema, "REVISION", "9002")
    with pytest.raises(LedgerSchemaError, match=r"older than this library: got '0007', expected 9002; run: aura ledger upgrade"):
        Ledger(url)
    before, after, backup = upgrade_ledger(url)
    assert (before, after) == ("0007", "9002") and backup is not None and backup.exists()
    with Ledger(url, mirror=False) as ledger:
        assert ledger.verify().ok
        kept = ledger.events().collect()
        ledger.record_event({"type": "OVERRIDE", "actor": "anne"})
        assert ledger.verify().ok
    assert upgrade_ledger(url)[2] is None
    if backup.suffix == ".parquet":
        import polars as pl

        assert pl.read_parquet(backup).drop("seq").equals(kept)
    else:
        monkeypatch.setattr(schema, "REVISION", "0007")
        assert Ledger(backup, mirror=False).events().collect().equals(kept)
    monkeypatch.setattr(schema, "REVISION", "0007")
    monkeypatch.setattr(schema, "_SCRIPTS", schema._SCRIPTS[:1])
    with pytest.raises(LedgerSchemaError, match=r"newer version of the library.*pip install --upgrade"):
        Ledger(url)


def test_a_backup_is_never_written_over(url: str, later: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(schema, "REVISION", "0001")
    Ledger(url, mirror=False).close()
    monkeypatch.setattr(schema, "REVISION", "9002")
    taken = tmp_path / "taken.parquet"
    taken.write_text("mine")
    with pytest.raises(ParameterError, match="exists already"):
        upgrade_ledger(url, taken)
    assert taken.read_text() == "mine"


def test_a_newer_ledger_is_refused(ledger: Ledger, url: str) -> None:
    with ledger._engines.writer.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(LedgerSchemaError, match="newer version of the library"):
        Ledger(url)
    with pytest.raises(LedgerSchemaError, match="newer version of the library"):
        upgrade_ledger(url)


def test_a_foreign_sqlite_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
        connection.execute("INSERT INTO notes VALUES ('mine')")
    connection.close()
    with pytest.raises(LedgerSchemaError, match=r"no ledger: got 'tables notes'"):
        Ledger(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("notes",)]
    connection.close()
    (tmp_path / "text.db").write_text("this is no database at all, but a text of some length" * 20)
    with pytest.raises(LedgerSchemaError, match="no SQLite database"):
        Ledger(tmp_path / "text.db")


def test_tables_of_others_live_beside_ours_in_postgresql(postgres_url: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('theirs')"))
    with Ledger(postgres_url, mirror=False) as ledger:
        ledger.record_event({"type": "OVERRIDE", "actor": "anne"})
    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "theirs"
    engine.dispose()


def test_nothing_is_made_where_nothing_should_be(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(FileMissingError, match="no such ledger"):
        Ledger(tmp_path / "no.db", create=False)
    assert not (tmp_path / "no.db").exists()
    with pytest.raises(FileMissingError, match="no such ledger"):
        Ledger(postgres_url, create=False)
    with pytest.raises(FileMissingError, match="no such ledger"):
        upgrade_ledger(tmp_path / "no.db")
