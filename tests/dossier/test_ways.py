"""A policy may say how boards are counted; every door then counts them so, and what was counted otherwise is refused."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.operations.client import board_of
from aura_analytics.widgets.explorer.state import ExplorerState
from tests.dossier.test_office import lain, log

LATE: dict[str, Any] = {
    "name": "late",
    "window": "90d",
    "sla": {"default": "5h", "loan": "20 working days"},
    "calendar": {"country": "US"},
    "holding": "holder",
    "rules": [{"id": "late", "when": {"metric": "sla_breach_rate", "above": 0.3}}],
}


def test_every_door_counts_as_the_policy_says(tmp_path: Path) -> None:
    events, policy = log(*lain(20, unassigned=60, whole=80)), aura.Policy(LATE)
    board = aura.dossiers(events, policy=policy)
    assert board["pip_status"].to_list() == ["flag"]
    counted = board["counted"][0]
    assert (counted["holding"], counted["sla"]) == ("holder", "default: 5 h; loan: 20 working days")
    assert "US" in counted["calendar"]
    assert policy.evaluate(board)["verdict"].to_list() == ["flag"]
    assert ExplorerState(events, policy).board["verdict"].to_list() == ["flag"]
    asked = aura.dossiers(events, sla=LATE["sla"], calendar=LATE["calendar"], holding="holder", policy=policy)
    assert asked.equals(board)
    report = aura.write_report(events, tmp_path / "r.html", policy=policy).read_text(encoding="utf-8")
    assert "▲" in report and "Late, from receipt" in report
    state = aura.DossierState(events, sla=LATE["sla"], calendar=LATE["calendar"], holding="holder")
    assert state.dossiers(policy=policy).equals(board)


def test_a_ledger_is_counted_as_the_policy_says_too(tmp_path: Path) -> None:
    events, policy = log(*lain(20, unassigned=60, whole=80)), aura.Policy({**LATE, "attribution": "all_deciders"})
    with aura.Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        ledger.record_events(events)
        explorer = ExplorerState(ledger, policy)
        explorer.pick("anne")
        assert explorer.board["verdict"].to_list() == ["flag"]
        assert explorer.cases("sla_breach_rate").height == explorer.board["sla_breach_rate_n"][0] == 20
        assert aura.get_dossier("anne", policy=policy, ledger=ledger)["pip_status"] == "flag"
        board_of(ledger).keep()  # sums of everybody, counted as always
        assert aura.get_dossier("anne", policy=policy, ledger=ledger)["pip_status"] == "flag"


def test_what_was_counted_otherwise_is_refused_in_words() -> None:
    events, policy = log(*lain()), aura.Policy(LATE)
    board = aura.dossiers(events, sla="48h")
    with pytest.raises(ParameterError) as said:
        policy.evaluate(board)
    text = str(said.value)
    for words in ("limits of cases: got 'default: 48 h', expected default: 5 h; loan: 20 working days", "calendar: got 'none'"):
        assert words in text
    assert "holding of cases: got 'closer', expected holder" in text
    with pytest.raises(ParameterError, match="limits of cases"):
        aura.dossiers(events, sla="48h", policy=policy)  # somebody asks for other limits than the policy's
    with pytest.raises(ParameterError, match="limits of cases"):
        aura.DossierState(events, sla="48h", holding="holder").dossiers(policy=policy)
    plain = aura.Policy({**LATE, "sla": None, "calendar": None, "holding": None})
    assert plain.evaluate(board)["verdict"].to_list() == ["clear"]


@pytest.mark.parametrize(("key", "value", "said"), [("sla", "soon", "SLA cannot be read"), ("calendar", {"zone": "Mars"}, "zone")])
def test_ways_that_cannot_be_read(key: str, value: Any, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        aura.Policy({**LATE, key: value})


def test_sweeps_count_as_the_policy_says() -> None:
    loose, strict = (
        aura.rule_error_rates(
            aura.Policy({**LATE, "calendar": None, "sla": sla}), "loan_forgiveness", replications=2, days=28, every_days=14
        )
        for sla in ("1000h", "1h")
    )
    rate = [found.rates.filter(pl.col("rate") == "false_flags_per_officer_year")["value"][0] for found in (loose, strict)]
    assert rate[0] == 0 < rate[1]
