"""What stands beside the events (decisions, notes, marks of how events came in) has a chain: what is done to it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from aura_analytics import AccountabilityLogger, Ledger, events, get_dossier
from aura_analytics.cli.app import app
from aura_analytics.errors import LedgerDamagedError
from aura_analytics.ledger import schema
from aura_analytics.ledger.info import upgrade_ledger
from tests.decisions.conftest import decided


@pytest.fixture
def filled(url: str) -> Iterator[Ledger]:
    """Five decisions with outcomes, an override, an approval, and an HR action that came through no desk."""
    with Ledger(url, mirror=False) as ledger:
        fill(ledger)
        yield ledger


def fill(ledger: Ledger) -> None:
    log = AccountabilityLogger(ledger)
    names = [decided(log, "agent:a", "agent:b", ended="success") for _ in range(5)]
    log.log_override(names[0], "agent:a", by="lee", replacement="agent:c")
    log.log_outcome(names[1], {"outcome_type": "failure", "time_taken_seconds": 3})
    ledger.record_event({"type": "HR_ACTION", "actor": "anne", "attributes": {"action": "SUSPEND"}})
    assert ledger.verify().ok


def run(ledger: Ledger, *statements: str) -> None:
    with ledger._engines.writer.begin() as connection:
        for one in statements:
            connection.execute(text(one))


ATTACKS = [
    ("UPDATE aura_decisions SET line = replace(line, '0.9', '0.1') WHERE n = 2", "the decision '.*' was altered"),
    ("UPDATE aura_decisions SET request_id = 'x' WHERE n = 2", "the decision 'x' was altered"),
    ("DELETE FROM aura_decisions WHERE n = 5", "the decision 5 was removed"),
    ("UPDATE aura_decision_notes SET line = replace(line, 'failure', 'success')", "the note on decision '.*' was altered"),
    ("UPDATE aura_decision_notes SET kind = 'approval' WHERE n = 1", "the note on decision '.*' was altered"),
    ("DELETE FROM aura_decision_notes WHERE kind = 'override'", "the note on decision .* was removed"),
    ("DELETE FROM aura_marks", "the mark on the event at seq 1 was removed"),
    ("UPDATE aura_marks SET mark = 'import'", "the mark on the event at seq 1 was altered"),
    ("INSERT INTO aura_marks (seq, mark) VALUES (9, 'import')", "the mark on the event at seq 9 was put in"),
    (
        "INSERT INTO aura_decision_notes (n, kind, request_id, line) VALUES (99, 'approval', 'p', '{}')",
        "the note on decision 'p' was put in",
    ),
    ("UPDATE aura_decisions SET outcome = 'success'", "of the decision '.*' the columns outcome are not what"),
    ("UPDATE aura_decisions SET served = components", "of the decision '.*' the columns served are not what"),
    ("UPDATE aura_decisions SET confidence = 0.5, bin = 0 WHERE n = 3", "the columns confidence, bin are not what"),
    ("UPDATE aura_decisions SET amendment = NULL WHERE n = 2", "the columns amendment are not what"),
    ("DELETE FROM aura_beside WHERE n > 10", "link 11 is missing beside the events"),
    ("DELETE FROM aura_beside WHERE n = 3", "link 3 is missing beside the events"),
    ("UPDATE aura_beside_head SET n = 3", "head of the chain beside the events"),
    ("DELETE FROM aura_beside_head", "the head of the chain beside the events is missing"),
]


@pytest.mark.parametrize(("attack", "says"), ATTACKS, ids=[one[0][:50] for one in ATTACKS])
def test_what_is_done_to_it_is_named(filled: Ledger, attack: str, says: str) -> None:
    run(filled, attack)
    found = filled.verify()
    assert not found.ok and found.kind == "beside", found
    assert found.message.startswith("the events are as recorded; ")
    import re

    assert re.search(says, found.message), found.message


def forged(ledger: Ledger) -> None:
    """A line altered, with the columns, the chain and the head computed anew."""
    from aura_analytics.ledger import tables
    from aura_analytics.ledger.beside import chained

    with ledger._engines.writer.begin() as connection:
        connection.execute(text("DELETE FROM aura_decision_notes WHERE kind = 'override'"))
        connection.execute(text("UPDATE aura_decisions SET served = components"))
        kept: list[Any] = []
        for n, kind, row in connection.execute(text("SELECT n, kind, row FROM aura_beside ORDER BY n")).all():
            columns = {"decision": "request_id, line", "note": "kind, request_id, line", "mark": "mark"}[kind]
            table = {"decision": "aura_decisions", "note": "aura_decision_notes", "mark": "aura_marks"}[kind]
            key = "seq" if kind == "mark" else "n"
            held = connection.execute(text(f"SELECT {columns} FROM {table} WHERE {key} = {row}")).first()
            if held is not None:
                kept.append((kind, row, *held))
            assert n
        connection.execute(text("DELETE FROM aura_beside"))
        chain = tables.GENESIS
        for n, entry in enumerate(kept, 1):
            chain = chained(chain, n, entry)
            connection.execute(tables.beside.insert().values(n=n, kind=entry[0], row=entry[1], chain=chain))
        connection.execute(tables.beside_head.update().values(n=len(kept), chain=chain))


def test_a_chain_that_was_computed_anew_does_not_fit_a_head(filled: Ledger, tmp_path: Path, url: str) -> None:
    heads = tmp_path / "heads.jsonl"
    filled.export_heads(heads)
    assert filled.verify(heads).ok
    forged(filled)
    assert filled.verify().ok  # nobody can see it without a head
    found = filled.verify(heads)
    assert not found.ok and "beside the events" in found.message
    with pytest.raises(LedgerDamagedError, match="beside its events does not fit the head"):
        filled.export_heads(heads)
    answer = CliRunner().invoke(app, ["ledger", "verify", url, "--heads", str(heads)])
    assert answer.exit_code == 1 and "beside the events" in answer.output


def test_heads_of_before_are_read(filled: Ledger, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    filled.export_heads(heads)
    import json

    old = {key: value for key, value in json.loads(heads.read_text()).items() if not key.startswith("beside")}
    heads.write_text(json.dumps(old) + "\n")
    assert filled.verify(heads).ok


def test_a_ledger_of_before_is_chained_by_the_upgrade(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Ledger(url, mirror=False) as ledger:
        fill(ledger)
        before = AccountabilityLogger(ledger).get_decision_statistics()
        run(
            ledger,
            "DROP TABLE aura_beside",
            "DROP TABLE aura_beside_head",
            *(f"DROP TABLE aura_{name}" for name in ("keys", "access", "verdicts", "outbox", "mutes")),
            *(f"ALTER TABLE aura_events DROP COLUMN {name}" for name in events.ADDED),
            f"UPDATE {schema.VERSION_TABLE} SET version_num = '0004'",
        )
    assert upgrade_ledger(url)[:2] == ("0004", schema.REVISION)
    with Ledger(url, mirror=False) as ledger:
        assert ledger.verify().ok
        log = AccountabilityLogger(ledger)
        assert log.get_decision_statistics() == before
        decided(log, "agent:a", ended="success")
        assert ledger.verify().ok
        run(ledger, "UPDATE aura_decisions SET line = replace(line, '0.9', '0.1') WHERE n = 2")
        assert ledger.verify().kind == "beside"


@pytest.mark.parametrize(
    "change", ["value = 1.0", "actor = 'bob'", "ts = ts + 1", "attributes = '{}'", "type = 'DECISION'", "content = chain"]
)
def test_events_that_are_not_what_was_recorded_are_not_read(url: str, tmp_path: Path, change: str) -> None:
    with Ledger(url, mirror=tmp_path / "mirror") as ledger:
        for i in range(3):
            ledger.record_event({"event_id": f"e{i}", "type": "SAT_SCORE", "value": 5, "case_id": f"C{i}", "actor": "anne"})
        assert ledger.events().collect().height == 3
        run(ledger, f"UPDATE aura_events SET {change} WHERE event_id = 'e1'")
        for read in (
            lambda: ledger.events().collect(),
            lambda: ledger.event("e1"),
            lambda: ledger.after(0),
            lambda: ledger.events(case_id="C1").collect(),
            lambda: get_dossier("anne", ledger=ledger),
        ):
            if change.startswith("actor") and read.__code__.co_names[:1] == ("get_dossier",):
                continue  # hers it is no more, and what is another's is not looked at
            with pytest.raises(LedgerDamagedError, match=r"the event 'e1' is not what was recorded.*aura ledger verify"):
                read()
        assert ledger.event("e2") is not None and not ledger.verify().ok
