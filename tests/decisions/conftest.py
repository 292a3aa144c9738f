"""Decision logs to test with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_analytics import AccountabilityLogger


@pytest.fixture
def log(tmp_path: Path) -> AccountabilityLogger:
    return AccountabilityLogger(str(tmp_path / "decisions.jsonl"))


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def any_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AccountabilityLogger]:
    """A log in a file, and in a ledger of each kind."""
    place = {"file": str(tmp_path / "decisions.jsonl"), "sqlite": f"sqlite:///{tmp_path}/aura.db"}
    made = AccountabilityLogger(place.get(request.param) or request.getfixturevalue("postgres_url"))
    yield made
    made.close()


def decided(log: AccountabilityLogger, *components: str, confidence: float = 0.9, ended: str | None = None) -> str:
    name = log.log_decision("x", {}, {"execution_order": list(components), "total_confidence": confidence})
    if ended is not None:
        assert log.log_outcome(name, {"outcome_type": ended, "time_taken_seconds": 10})
    return name
