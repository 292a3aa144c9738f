"""The tracker's two functions, and the dossier of one actor from a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import Ledger, events, get_dossier, record_event
from aura_analytics.errors import ParameterError
from aura_analytics.ledger import queries
from aura_analytics.operations import live_dossiers as board
from aura_analytics.operations.client import board_of

NUMBERS = (
    "avg_processing_hours",
    "avg_processing_hours_n",
    "sat_score_mean",
    "sat_score_mean_n",
    "override_rate_n",
    "override_rate_lo",
    "override_rate_hi",
    "pip_recommended",
    "pip_status",
    "pip_reasons",
)


@pytest.fixture
def default(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AURA_LEDGER", url)
    monkeypatch.setenv("AURA_MIRROR", str(tmp_path / "mirror"))


def test_the_tutorial_as_it_stands(default: None) -> None:
    first = record_event({"type": "SAT_SCORE", "value": 3, "case_id": "CLAIM_9001"})
    second = record_event(
        {
            "type": "OVERRIDE",
            "actor": "officer_anne@sba.gov",
            "case_id": "CLAIM_9001",
            "ai_recommendation": "APPROVE",
            "human_verdict": "REJECT",
        }
    )
    assert first["ok"] is True and len({first["stored_id"], second["stored_id"]}) == 2
    dossier = get_dossier("officer_anne@sba.gov")
    assert dossier["override_rate"] == 1.0 and dossier["pip_recommended"] is False
    assert dossier["sat_score_mean"] is None and dossier["avg_processing_hours"] is None
    record_event({"type": "SAT_SCORE", "value": 2, "case_id": "CLAIM_9001"})
    assert get_dossier("officer_anne@sba.gov")["sat_score_mean"] == 2.0
    assert get_dossier("officer_anne@sba.gov")["pip_recommended"] is True


def test_somebody_unknown(default: None) -> None:
    unknown = {
        "actor": "nobody",
        "override_rate": 0.0,
        "avg_processing_hours": None,
        "sat_score_mean": None,
        "pip_recommended": False,
    }
    assert get_dossier("nobody") == unknown
    record_event({"type": "OVERRIDE", "actor": "test@agency.gov"})
    assert get_dossier("nobody") == unknown
    with pytest.raises(ParameterError, match="an actor is a name"):
        get_dossier("")


@pytest.mark.slow
def test_ten_overrides_and_ten_approvals(default: None) -> None:
    """The tutorial's exercise: the rate is rounded at the door as Python rounds, the rule is not."""
    record_event({"type": "SAT_SCORE", "value": 2, "actor": "anne", "actor_kind": "officer"})
    for i in range(1, 11):
        record_event({"type": "OVERRIDE", "actor": "anne"})
        record_event({"type": "DECISION", "actor": "anne"})
        found = get_dossier("anne")
        assert (found["override_rate"], found["override_rate_n"], found["pip_recommended"]) == (0.5, 2 * i, True)
    for i in range(11, 26):
        record_event({"type": "DECISION", "actor": "anne"})
        rate = 10 / (10 + i)
        assert get_dossier("anne")["override_rate"] == round(rate, 2)
        assert get_dossier("anne")["pip_recommended"] is (rate > 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("looked_up", [20_000, 0], ids=["by case", "from sums"])
def test_the_dossier_of_one_is_that_of_all(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, looked_up: int) -> None:
    monkeypatch.setattr(queries, "_LOOKED_UP", looked_up)
    log = events.sample(1_500, seed=3).sort("ts")
    compared = 0
    for cut in (1_000, 1_250, 1_500):
        ledger.record_events(log.slice(ledger.info().events, cut - ledger.info().events))
        for window in ("90d", "10d", None):
            expected = aura.dossiers(log.head(cut), window=window)
            for row in expected.filter(pl.col("actor_kind") == "officer").iter_rows(named=True):
                found = ledger.dossier(row["actor"], window=window)
                assert {name: found[name] for name in NUMBERS} == {name: row[name] for name in NUMBERS}
                assert found["override_rate"] == round(row["override_rate"], 2)
                compared += 1
    assert compared >= 24
    kept = board_of(ledger)
    assert any(sums.state is not None for sums in (kept._people, *kept._others.values())) is (looked_up == 0)


def test_the_dossier_as_it_stood(ledger: Ledger) -> None:
    log = events.sample(800, seed=3).sort("ts")
    ledger.record_events(log)
    moment = log["ts"][500]
    for keep in (False, True):
        if keep:
            assert board_of(ledger) is not None
            board_of(ledger).keep()
        expected: dict[str, Any] = aura.dossiers(log, moment).filter(actor="officer_bob").row(0, named=True)
        found = ledger.dossier("officer_bob", moment)
        assert {name: found[name] for name in NUMBERS} == {name: expected[name] for name in NUMBERS}


def test_sums_are_kept_through_threads(ledger: Ledger) -> None:
    import threading

    ledger.record_events(events.sample(500, seed=3))
    made = board.Board(ledger)
    made.keep()
    faults: list[BaseException] = []

    def work(i: int) -> None:
        try:
            ledger.record_event({"type": "OVERRIDE", "actor": f"new{i}"})
            assert made.dossier(f"new{i}")["override_rate"] == 1.0
        except BaseException as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.parametrize("looked_up", [20_000, 0], ids=["by case", "from sums"])
def test_kinds_are_those_of_the_board(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, looked_up: int) -> None:
    monkeypatch.setattr(queries, "_LOOKED_UP", looked_up)
    rows: list[dict[str, Any]] = []
    for bot, told in (
        ("claims-bot", {"type": "EVALUATION", "actor_kind": "agent", "value": 50.0}),
        ("named-bot", None),
        ("anne", None),
    ):
        for i in range(80):
            ts = f"2026-03-01T12:{i % 60:02d}:00Z"
            rows.append(
                {"type": "OVERRIDE" if i % 4 else "DECISION", "actor": bot, "case_id": f"{bot}{i}", "ts": ts, "agent": "named-bot"}
            )
            rows.append({"type": "SAT_SCORE", "value": 1.0, "case_id": f"{bot}{i}", "ts": "2026-03-02T12:00:00Z"})
        if told is not None:
            rows.append({**told, "actor": bot, "ts": "2026-03-02T12:00:00Z"})
    ledger.record_events(rows)
    expected = aura.dossiers(ledger.events())
    assert expected.filter(actor="anne")["pip_status"].to_list() == ["watch"]
    for row in expected.iter_rows(named=True):
        found = ledger.dossier(row["actor"])
        assert (found["pip_status"], found["pip_reasons"]) == (row["pip_status"], row["pip_reasons"]), row["actor"]


def test_somebody_without_events_in_the_window_is_not_unknown(ledger: Ledger) -> None:
    ledger.record_event({"type": "OVERRIDE", "actor": "anne", "ts": "2026-01-01T00:00:00Z"})
    ledger.record_event({"type": "OVERRIDE", "actor": "bob", "ts": "2026-10-01T00:00:00Z"})
    found = ledger.dossier("anne")
    assert (found["override_rate"], found["override_rate_n"], found["pip_recommended"]) == (0.0, 0, False)
    assert found["pip_reasons"] == ["no events in the 90 days up to 2026-10-01 00:00 UTC; the last one is of 2026-01-01 00:00 UTC"]
    assert "pip_reasons" not in ledger.dossier("nobody")


def test_a_ledger_goes_wherever_events_go(ledger: Ledger) -> None:
    log = events.sample(300, seed=3)
    ledger.record_events(log)
    assert aura.dossiers(ledger).equals(aura.dossiers(log))
    assert aura.DossierState(ledger).dossiers().equals(aura.dossiers(log))


def _bots() -> list[dict[str, Any]]:
    """An agent that the log knows only through the column `agent`, and a component with outcomes of its own."""
    rows: list[dict[str, Any]] = []
    for i in range(60):
        case, wrong = f"C{i}", i % 2 == 0
        ts = f"2026-03-{1 + i // 3:02d}T12:{i % 60:02d}:00Z"
        said = {"ai_recommendation": "APPROVE", "human_verdict": "REJECT" if wrong else "APPROVE", "confidence": 0.9}
        kind = "OVERRIDE" if wrong else "DECISION"
        rows.append({"type": kind, "actor": f"o{i % 3}", "actor_kind": "officer", "agent": "bot", "case_id": case, "ts": ts} | said)
        rows.append({"type": "ADJUDICATION", "case_id": case, "outcome": "REJECT" if wrong else "APPROVE", "ts": ts})
        part = {"actor": "part", "actor_kind": "component", "case_id": f"J{i}", "ts": ts}
        rows += [
            part | {"type": "ROUTED", "confidence": 0.8},
            part | {"type": "OUTCOME", "outcome": "success" if i % 4 else "failure"},
        ]
    rows.append({"type": "HR_ACTION", "actor": "bot", "actor_kind": "agent", "value": -5.0, "ts": "2026-03-15T12:00:00Z"})
    return rows


@pytest.mark.parametrize("looked_up", [20_000, 0], ids=["by case", "from sums"])
def test_agents_and_components_have_full_dossiers(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, looked_up: int) -> None:
    monkeypatch.setattr(queries, "_LOOKED_UP", looked_up)
    ledger.record_events(_bots(), door="import")
    bot, part, officer = (ledger.dossier(name) for name in ("bot", "part", "o1"))
    assert (bot["actor_kind"], bot["overridden_rate"], bot["overridden_rate_n"]) == ("agent", 0.5, 60)
    assert (bot["overridden_right_rate"], bot["overridden_right_rate_n"]) == (1.0, 30)
    assert bot["calibration_gap"] == pytest.approx(0.9 - 0.5)
    assert (bot["reputation"], bot["standing"]) == (95.0, "good")
    assert (part["actor_kind"], part["success_rate"], part["success_rate_n"]) == ("component", 0.75, 60)
    assert part["calibration_gap"] == pytest.approx(0.8 - 0.75)
    assert part["overridden_rate_status"] == "no_data"
    assert "overridden_rate" not in officer
    metrics = ["override_rate", "overridden_rate", "overridden_right_rate", "success_rate", "score_mean_last10", "calibration_gap"]
    for row in aura.dossiers(ledger, metrics=metrics, policy="agents").iter_rows(named=True):
        found = get_dossier(row["actor"], policy="agents", ledger=ledger)
        assert (found["pip_status"], found["pip_reasons"]) == (row["pip_status"], row["pip_reasons"])
        if row["actor"] in ("bot", "part"):
            assert {name: value for name, value in found.items() if name in metrics[1:]} == {
                name: row[name] for name in metrics[1:]
            }
    assert get_dossier("bot", policy="agents", ledger=ledger)["pip_status"] == "flag"
    assert get_dossier("bot", policy="agents", as_of="2026-03-03", ledger=ledger)["overridden_rate_n"] == 6


def test_a_busy_ledger_is_read_to_its_end_at_that_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody records between any two looks: the dossier, and the explorer, answer all the same."""
    from aura_analytics.widgets import DossierExplorer

    with Ledger(tmp_path / "busy.db", mirror=False) as ledger:
        ledger.record_events(events.sample(2_000, seed=4))
        monkeypatch.setattr(queries, "_LOOKED_UP", 0)  # a busy actor: from the sums of everybody
        live = board.Board(ledger)
        live.dossier("officer_anne")
        explorer = DossierExplorer(ledger, follow=None)
        looks = 0
        after = Ledger.after

        def meanwhile(self: Ledger, *place: Any) -> tuple[pl.DataFrame, int]:
            nonlocal looks
            looks += 1
            assert looks < 20, "it runs after the end"
            found = after(self, *place)
            self.record_event({"type": "DECISION", "actor": "officer_anne", "actor_kind": "officer", "case_id": f"late{looks}"})
            return found

        monkeypatch.setattr(Ledger, "after", meanwhile)
        ledger.record_event({"type": "DECISION", "actor": "officer_anne", "actor_kind": "officer", "case_id": "late"})
        assert live.dossier("officer_anne")["actor"] == "officer_anne"
        assert explorer.refresh() >= 1
        assert looks <= 3
