"""Attempts to move somebody past the desk: each is kept as it came, moves nobody, and is named with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import HRDesk, Ledger
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.hr import Registry, faults
from aura_analytics.hr.vocabulary import action_event
from aura_analytics.people import no_signature, same_person
from aura_analytics.routing.record import Record

START = datetime(2026, 1, 5, tzinfo=timezone.utc)
WORK = [
    {"type": "DECISION", "actor": "anne", "actor_kind": "officer", "agent": "gpt", "ts": START, "event_id": "w1"},
    {"type": "EVALUATION", "actor": "bot", "actor_kind": "agent", "value": 50.0, "ts": START, "event_id": "w2"},
    {"type": "EVALUATION", "actor": "atlas", "actor_kind": "component", "value": 50.0, "ts": START, "event_id": "w4"},
]
ASKED = {"action": "proposal", "proposed": "suspension", "by": "B. Kim"}
SIGNED = {"action": "suspension", "approver": "A. Roe", "reason": "audit", "refers_to": "p"}


def said(name: str, hours: float, actor: str = "anne", kind: str | None = "officer", **attributes: Any) -> dict[str, Any]:
    return {
        "type": "HR_ACTION",
        "event_id": name,
        "ts": START + timedelta(hours=hours),
        "actor": actor,
        "actor_kind": kind,
        "attributes": json.dumps(attributes),
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "aura.db", mirror=False) as made:
        made.record_events(WORK)
        yield made


def stands(events: Any, actor: str = "anne") -> str:
    board = aura.standing(events).filter(actor=actor)
    return str(board["standing"].item()) if board.height else "good"


UNSIGNED = [
    *[({"action": "suspension"}, kind, "done to an officer, and answers no proposal") for kind in (None, "agent", "component")],
    *[
        ({**SIGNED, "approver": name}, "agent", fault)
        for name, fault in (
            ("", "nobody is named"),
            (" \t", "nobody is named"),
            (False, "False is no name"),
            (True, "True is no name"),
            (["A. Roe"], "is no name"),
            (None, "nobody is named"),
            ("system", "no person's name"),
            ("7", "no person's name"),
            ("anne", "in their own matter"),
            ("Anne@agency.gov", "in their own matter"),
            ("\u0410nne", "mixes letters"),
            ("b.kim", "who proposed it"),
            ("Atlas", "a machine"),
            ("GPT", "a machine"),
        )
    ],
    ({**SIGNED, "reason": "  "}, "officer", "no reason is given"),
    ({**SIGNED, "refers_to": "q"}, "officer", "no proposal before it"),
    ({**SIGNED, "refers_to": "w1"}, "officer", "no proposal before it"),
    ({**SIGNED, "action": "demotion"}, "officer", "one of suspension"),
]


@pytest.mark.parametrize(("attributes", "kind", "fault"), UNSIGNED, ids=str)
def test_nobody_is_suspended_without_a_signature(attributes: dict[str, Any], kind: str | None, fault: str) -> None:
    proposal = said("p", 1, **ASKED)
    good = aura.events.from_records([*WORK, proposal, said("s", 2, **SIGNED)])
    assert stands(good) == "suspended" and faults(good).is_empty()
    log = aura.events.from_records([*WORK, proposal, said("s", 2, kind=kind, **attributes)])
    assert stands(log) == "good"
    assert fault in faults(log)["fault"].item()
    record = Record(log)
    assert record.suspended() == set()


def test_a_signature_fits_its_proposal() -> None:
    days: dict[str, Any] = {**ASKED, "proposed_days": 7}
    asked = said("p", 1, **days)
    long = said("s", 2, **SIGNED, until="2027-01-01T00:00:00Z")
    week = said("s", 2, **SIGNED, until=(START + timedelta(days=7, hours=2)).isoformat())
    assert stands(aura.events.from_records([*WORK, asked, long])) == "good"
    assert aura.standing(aura.events.from_records([*WORK, asked, week]), START + timedelta(days=1))["suspended"].item()
    other = [said("p", 1, actor="carl", **ASKED), said("s", 2, **SIGNED)]
    assert "the proposal is about 'carl'" in faults(aura.events.from_records([*WORK, *other]))["fault"].item()
    early = [said("p", 3, **ASKED), said("s", 2, **SIGNED)]
    assert "no proposal before it" in faults(aura.events.from_records([*WORK, *early]))["fault"].item()
    twice = [said("p", 1, **ASKED), said("r", 2, **SIGNED | {"action": "rejection"}), said("s", 3, **SIGNED)]
    log = aura.events.from_records([*WORK, *twice])
    assert stands(log) == "good" and "answered before, by 'r'" in faults(log)["fault"].item()
    nobody = {key: value for key, value in ASKED.items() if key != "by"}
    log = aura.events.from_records([*WORK, said("p", 1, **nobody), said("s", 2, **SIGNED)])
    assert stands(log) == "good" and "nobody is named who proposed it" in faults(log)["fault"].item()
    points = [said("p", 1, action="proposal", proposed="reputation", proposed_points=-1, by="B. Kim")]
    answer = said("s", 2, **SIGNED | {"action": "reputation"}) | {"value": -50.0}
    log = aura.events.from_records([*WORK, *points, answer])
    assert aura.standing(log)["reputation"].item() == 100.0 and "-1 points" in faults(log)["fault"].item()


def test_nothing_is_undone_without_a_contest() -> None:
    suspended = [*WORK, said("p", 1, **ASKED), said("s", 2, **SIGNED)]
    undo = {"action": "overturned", "approver": "C. Novak", "reason": "x", "refers_to": "s"}
    log = aura.events.from_records([*suspended, said("o", 3, **undo)])
    assert stands(log) == "suspended" and faults(log)["fault"].item() == "it decides a contest that there is not"
    contest = said("c", 2.5, action="contest", by="anne", reason="not so", refers_to="s")
    assert stands(aura.events.from_records([*suspended, contest, said("o", 3, **undo)])) == "good"
    own = aura.events.from_records([*suspended, contest, said("o", 3, **undo | {"approver": "anne"})])
    assert stands(own) == "suspended" and "in their own matter" in faults(own)["fault"].item()
    friend = said("c", 2.5, action="contest", by="D. Ng", reason="not so", refers_to="s")
    log = aura.events.from_records([*suspended, friend, said("o", 3, **undo | {"approver": "d.ng@agency.gov"})])
    assert stands(log) == "suspended" and "who contested it" in faults(log)["fault"].item()
    back = {"action": "reinstatement", "approver": "C. Novak", "reason": "x"}
    assert stands(aura.events.from_records([*suspended, said("b", 3, **back)])) == "good"
    for kind, wrong in ((None, {"approver": None}), ("agent", {"approver": ""}), ("officer", {"approver": "anne"})):
        log = aura.events.from_records([*suspended, said("b", 3, kind=kind, **back | wrong)])
        assert stands(log) == "suspended" and faults(log).height == 1


def test_who_is_suspended_signs_nothing() -> None:
    away = [*WORK, said("p", 1, actor="A. Roe", **ASKED), said("s", 2, actor="A. Roe", **SIGNED | {"approver": "C. Novak"})]
    log = aura.events.from_records([*away, said("p2", 3, **ASKED), said("s2", 4, **SIGNED | {"refers_to": "p2"})])
    assert stands(log) == "good" and "who is suspended" in faults(log)["fault"].item()
    over = said("s", 2, actor="A. Roe", **SIGNED | {"approver": "C. Novak", "until": (START + timedelta(hours=3)).isoformat()})
    rest = [said("p2", 4, **ASKED), said("s2", 5, **SIGNED | {"refers_to": "p2"})]
    assert stands(aura.events.from_records([*away[:-1], over, *rest])) == "suspended"


def test_the_kind_is_what_the_work_says() -> None:
    both = [*WORK, {"type": "EVALUATION", "actor": "anne", "actor_kind": "agent", "value": 5, "ts": START, "event_id": "w3"}]
    log = aura.events.from_records([*both, said("s", 1, kind="agent", action="suspension")])
    assert stands(log) == "good"
    assert (
        stands(aura.events.from_records([*WORK, said("s", 1, actor="gpt", kind="officer", action="suspension")]), "gpt")
        == "suspended"
    )
    stranger = aura.events.from_records([*WORK, said("s", 1, actor="eve", kind="agent", action="suspension")])
    assert stands(stranger, "eve") == "good" and "whose work is not known" in faults(stranger)["fault"].item()


@pytest.mark.parametrize("actor", ["anne", "bot"])
def test_what_anybody_records_moves_nobody(ledger: Ledger, actor: str) -> None:
    """Not even with everything that a signed action has: it came through no desk."""
    ledger.record_event(said("p", 1, actor=actor, **ASKED))
    ledger.record_events([said("s", 2, actor=actor, **SIGNED), said("t", 3, actor=actor, kind="agent", action="suspension")])
    ledger.record_events(aura.events.from_records([said("u", 4, actor=actor, kind="agent", action="demotion")]))
    assert stands(ledger, actor) == "good" and aura.get_dossier(actor, ledger=ledger)["actor"] == actor
    desk = HRDesk(ledger)
    found = desk.faults()
    assert found["event_id"].to_list() == ["p", "s", "t", "u"]
    assert found["fault"].unique().to_list() == ["recorded as an event, and not through the desk"]
    assert Record(ledger).refresh().suspended() == set()
    address = str(ledger.url)  # the same by its address
    assert stands(address, actor) == "good" and faults(address).equals(found) and Record(address).suspended() == set()
    assert ledger.events(type="HR_ACTION").collect().height == 4  # nothing is lost
    with Ledger(str(ledger.url).replace("aura.db", "other.db"), mirror=False) as other:
        other.record_events([*WORK, said("p", 1, **ASKED), said("s", 2, **SIGNED)], door="import")
        assert stands(other) == "suspended" and HRDesk(other).faults().is_empty()
    with pytest.raises(ParameterError, match="unknown door"):
        ledger.record_event(said("v", 1), door="back")  # type: ignore[arg-type]


def test_an_answer_cannot_be_taken_from_the_desk(ledger: Ledger) -> None:
    desk = HRDesk(ledger)
    name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="B. Kim")
    ledger.record_event({"type": "SAT_SCORE", "case_id": "C", "value": 1, "event_id": f"{name}/answer"})
    ledger.record_event(said(f"{name}/answer/2", 1, action="rejection", refers_to=name, approver="E. Ott", reason="x"))
    done = desk.approve(name, "A. Roe", "the audit is right")
    assert stands(ledger) == "suspended" and done == f"{name}/answer/3"
    with pytest.raises(ParameterError, match="answered already"):
        desk.reject(name, "A. Roe", "x")
    ledger.record_event(said(f"{done}/contest/1", 1, action="contest", refers_to=done, by="x", reason="x"))
    desk.contest(done, "anne", "not so")
    ledger.record_event(said(f"{done}/decision/1", 1, action="upheld", refers_to=done, approver="x", reason="x"))
    desk.overturn(done, "C. Novak", "she is right")
    assert stands(ledger) == "good"


def test_a_date_to_come_works_when_it_comes(ledger: Ledger) -> None:
    desk = HRDesk(ledger)
    desk.record([said("far", 0, actor="bot", kind="agent", action="suspension") | {"ts": "2199-01-01T00:00:00Z"}])
    assert stands(ledger, "bot") == "good" and "has not come yet" in desk.faults()["fault"].item()
    assert aura.standing(ledger, "2199-06-01")["suspended"].item() and not Record(ledger).refresh().suspended()
    log = ledger.events().collect()
    assert stands(log, "bot") == "good" and faults(log).height == 1


def test_what_is_no_action_is_named(ledger: Ledger) -> None:
    ledger.record_events([said("x", 1, action="fired"), said("y", 2)])
    assert HRDesk(ledger).faults()["fault"].str.contains("no action").all()


SPELLINGS = """Anne Lee|anne.lee+hr@agency.gov|a.lee@agency.gov|A. Lee|alee|anne|anne.l|ANNE.LEE@AGENCY.GOV|anne_lee|anne-lee
Lee, Anne|\u0410nne Lee|anne.lee@other.gov|anne.lee@agency.gov.|mailto:anne.lee@agency.gov|Anne Lee (HR)
Dr. Anne Lee|<anne.lee@agency.gov>|AGENCY\\anne.lee|annelee|\uff41\uff4e\uff4e\uff45.lee|Anne L\u00e9e
Anne Le\u0301e|anne.1ee|ann3.lee|anne.lee2|annel|leea|A.L.|AL|Lee|anne.le|Anne  M. Lee
Anne Lee <anne.lee@agency.gov>|anne\u200b.lee|\u0430nne.l\u0435\u0435@agency.gov|LEE A|x500:anne.lee|An. Lee
anne\u00b7lee|Lee A."""


@pytest.mark.parametrize("spelling", [name for line in SPELLINGS.split("\n") for name in line.split("|")])
def test_no_spelling_of_oneself_signs(ledger: Ledger, spelling: str) -> None:
    ledger.record_event({"type": "DECISION", "actor": "anne.lee@agency.gov", "actor_kind": "officer"})
    desk = HRDesk(ledger)
    name = desk.act("suspension", "anne.lee@agency.gov", "officer", rule="x", reason="x", by="B. Kim")
    with pytest.raises(ParameterError, match="own matter|no signature"):
        desk.approve(name, spelling, "x")
    mine = desk.act("suspension", "carl", "officer", rule="x", reason="x", by="anne.lee@agency.gov")
    with pytest.raises(ParameterError, match="who proposed it|no signature"):
        desk.approve(mine, spelling, "x")


@pytest.mark.parametrize("other", ["bob.lee@agency.gov", "B. Lee", "boss@agency.gov", "Anna Smith", "maria", "Lea Anders", "chief"])
def test_strangers_are_not_oneself(other: str) -> None:
    assert not same_person("anne.lee@agency.gov", other) and no_signature(other) is None


def test_numbered_names_are_not_one() -> None:
    for one, other in (("officer-1", "officer-2"), ("officer-1", "officer-12"), ("o1", "o10"), ("u1", "u7")):
        assert not same_person(one, other)


@pytest.mark.parametrize("nobody", ["", "  ", "system", "SYSTEM ", "none", "false", "42", "-", "rule seed/1", "bot"])
def test_nobody_signs(ledger: Ledger, nobody: str) -> None:
    desk = HRDesk(ledger)
    name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="B. Kim")
    with pytest.raises(ParameterError):
        desk.approve(name, nobody, "x")
    assert stands(ledger) == "good"


def test_a_proposal_has_a_proposer(ledger: Ledger) -> None:
    desk = HRDesk(ledger)
    name = desk.act("suspension", "anne", "officer", rule="by hand", reason="audit")
    with pytest.raises(ParameterError, match="nobody is named who proposed it"):
        desk.approve(name, "A. Roe", "x")
    desk.reject(name, "A. Roe", "propose it anew")
    with pytest.raises(ParameterError, match="a rule asks for nothing by hand"):
        desk.act("suspension", "anne", "officer", rule="x", reason="x", by="rule seed/1")
    said = json.loads(desk.actions()["attributes"][-1])
    assert said["user"] and not desk.proven


def test_a_registry_says_who_signs(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(
        "people:\n- {name: A. Roe, also: [ann.roe@agency.gov]}\n- {name: B. Kim}\n- {name: Eve, signs: false}\n"
        "- {name: C. Novak, users: [cnovak]}\n- {name: Anne, also: [anne, the night shift], signs: true}\n"
    )
    monkeypatch.setenv("AURA_REGISTRY", str(file))
    desk = HRDesk(ledger)
    assert desk.proven
    name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="B. Kim")
    for approver, why in (
        ("D. Ng", "nobody of that name may sign"),
        ("Eve", "they may not sign"),
        ("C. Novak", "another account"),
        ("the night shift", "own matter"),
        ("B. Kim", "who proposed it"),
    ):
        with pytest.raises(ParameterError, match=why):
            desk.approve(name, approver, "x")
    done = desk.approve(name, "ANN.ROE@agency.gov", "x")
    assert json.loads(desk.actions().filter(event_id=done)["attributes"].item())["approver"] == "A. Roe"
    claims: list[dict[str, Any]] = [
        {"sub": "1", "name": "A. Roe", "groups": ["hr"]},
        {"sub": "2", "name": "B. Kim", "groups": "ops"},
    ]
    groups = Registry.from_claims(claims, "hr")
    assert groups.signer("1").name == "A. Roe"
    with pytest.raises(ParameterError, match="they may not sign"):
        groups.signer("B. Kim")
    with pytest.raises(RuleError, match="a name stands with two people"):
        Registry.of([{"name": "A"}, {"name": "B", "also": ["a"]}])


def test_a_later_event_about_work_does_not_free_an_action(ledger: Ledger) -> None:
    """Who was taken for a machine, and turns out to work as an officer, is a person from the beginning."""
    desk = HRDesk(ledger)
    desk.record([action_event("suspension", "bot", "agent", event_id="s1", ts=START)])
    assert stands(ledger, "bot") == "suspended"
    ledger.record_event({"type": "DECISION", "actor": "bot", "actor_kind": "officer"})
    assert stands(ledger, "bot") == "good" and desk.faults()["event_id"].to_list() == ["s1"]
    assert desk.actions().select("in_force", pl.col("fault").is_null().alias("sound")).row(0) == (False, False)


def test_the_desk_takes_no_signature_that_the_log_would_not_count(ledger: Ledger) -> None:
    """A registry may know two people whose names are alike: the log, which has no registry, could not tell them apart."""
    desk = HRDesk(ledger, Registry.of([{"name": "Anne Roe", "also": ["signer7"]}, {"name": "anne"}]))
    name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="B. Kim")
    with pytest.raises(ParameterError, match="own matter"):
        desk.approve(name, "signer7", "x")
    assert desk.faults().is_empty() and desk.pending().height == 1
