"""A decision log in a ledger is events: every door that takes the ledger counts its components."""

from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics import Ledger, events, get_dossier
from aura_analytics.cli.app import app
from aura_analytics.widgets.explorer.state import ExplorerState

START = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)


def _logged(ledger: Ledger, n: int = 12, first: int = 0) -> aura.AccountabilityLogger:
    log = aura.AccountabilityLogger(ledger)
    for i in range(first, first + n):
        decision = {"execution_order": ["agent:a", "skill:b"], "total_confidence": 0.8}
        name = log.log_decision("build", {"primary_domain": "web"}, decision, request_id=f"r{i}")
        log.log_outcome(name, {"outcome_type": "success" if i % 3 else "failure", "time_seconds": 2.0})
    return log


def _numbers(board: pl.DataFrame) -> list[tuple[Any, ...]]:
    return board.filter(actor="agent:a").select("success_rate", "success_rate_n", "actor_kind").rows()


def test_every_door_shows_components(ledger: Ledger) -> None:
    ledger.record_events(events.sample(200, seed=3))
    log = _logged(ledger)
    board = aura.dossiers(ledger)
    expected = aura.dossiers(pl.concat([ledger.events().collect(), log.to_events()]))
    assert board.equals(expected)
    assert _numbers(board) == [(8 / 12, 12, "component")]
    assert _numbers(aura.DossierState(ledger).dossiers()) == _numbers(board)
    assert _numbers(ExplorerState(ledger).board) == _numbers(board)
    found = get_dossier("agent:a", ledger=ledger)
    assert (found["success_rate"], found["success_rate_n"]) == (8 / 12, 12)
    assert found["calibration_gap_n"] == 12
    officer = board.filter(actor="officer_anne").row(0, named=True)
    assert get_dossier("officer_anne", ledger=ledger)["override_rate_n"] == officer["override_rate_n"]
    assert get_dossier("officer_anne", ledger=ledger)["as_of"] == officer["as_of"]


def test_what_is_said_later_counts_at_once_and_events_recorded_as_well_count_once(ledger: Ledger) -> None:
    log = _logged(ledger)
    assert get_dossier("agent:a", ledger=ledger)["success_rate_n"] == 12
    log.log_outcome("r0", {"outcome_type": "success"})  # an amendment
    assert get_dossier("agent:a", ledger=ledger)["success_rate"] == 9 / 12
    _logged(ledger, 3, first=12)
    assert get_dossier("agent:a", ledger=ledger)["success_rate_n"] == 15
    before = aura.dossiers(ledger)
    ledger.record_events(log)
    assert aura.dossiers(ledger).drop("counted").equals(before.drop("counted"))


def test_the_command_line_shows_them_at_once(tmp_path: Any) -> None:
    with Ledger(f"sqlite:///{tmp_path}/aura.db") as ledger:
        _logged(ledger)
        url = ledger.url
    said = CliRunner().invoke(app, ["dossiers", url])
    assert said.exit_code == 0, said.output
    assert "agent:a" in said.output and "skill:b" in said.output


def test_the_window_ends_with_the_last_decision(ledger: Ledger) -> None:
    ledger.record_event({"type": "OVERRIDE", "actor": "anne", "ts": (START - timedelta(days=30)).isoformat()})
    _logged(ledger, 1)
    end = aura.dossiers(ledger)["as_of"][0]
    assert end > START - timedelta(days=30)
    assert get_dossier("anne", ledger=ledger).get("as_of") == end
