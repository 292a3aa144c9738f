"""What the tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from aura_analytics import events

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
