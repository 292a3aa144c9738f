"""Object-centric logs, flattened by one type of object: the same from each of the three forms of a file."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from pathlib import Path

import pytest

import aura_analytics as aura
from aura_analytics.errors import AuraError, FileFormatError, MappingError
from tests.io.test_log_kinds import adds_up
from tests.io.test_systems import damage

FORMS = ["ocel.json", "ocel.xml", "ocel.sqlite"]


def mapping(kind: str | None = "claim") -> aura.LogMapping:
    said = {
        "name": "claims",
        "columns": {"case": "case", "activity": "activity", "time": "time", "actor": "object:resource"},
        "actor_kinds": {"bot": "agent"},
        "file": {} if kind is None else {"object_type": kind},
        "open": ["file claim"],
        "resolve": ["pay batch"],
        "recommendations": [{"activity": "suggest", "says": {"column": "says"}}],
        "verdicts": [{"activity": "decide", "says": {"column": "says"}}],
    }
    return aura.LogMapping.model_validate(said)


@pytest.mark.parametrize("file", FORMS)
def test_worked_by_hand(fixtures: Path, file: str) -> None:
    table, report = aura.import_log_report(fixtures / "systems" / file, mapping())
    adds_up(report)
    found = table.select("type", "case_id", "actor", "agent", "human_verdict").rows()
    assert found == [
        ("OPENED", "c1", None, None, None),
        ("OPENED", "c2", None, None, None),
        ("OVERRIDE", "c1", "anne", "bot", "REFUSE"),
        ("DECISION", "c2", "anne", "bot", "PAY"),
        ("RESOLVED", "c1", "anne", None, None),
        ("RESOLVED", "c2", "anne", None, None),  # one event that paid both
    ]
    amounts = [json.loads(text)["case:amount"] for text in table.filter(case_id="c1")["attributes"]]
    assert [float(amount) for amount in amounts] == [100, 100, 90]  # as they were then
    assert report.rows == 8 and report.used == 8
    assert report.warnings[:2] == [
        "1 of 8 events concern several objects of type 'claim', and are counted once for each",
        "1 of 8 events concern no object of type 'claim', and are left out",
    ]


def test_another_type_has_other_cases(fixtures: Path) -> None:
    with pytest.raises(MappingError):  # nothing is filed, suggested or decided in a batch
        aura.import_log(fixtures / "systems" / "ocel.json", mapping("batch"))
    whole = mapping("batch").model_copy(update={"open": [], "recommendations": [], "verdicts": [], "actor_kinds": {}})
    table, report = aura.import_log_report(fixtures / "systems" / "ocel.json", whole)
    assert "6 of 8 events concern no object of type 'batch'" in report.warnings[0]
    assert table.select("type", "case_id", "actor").rows() == [("RESOLVED", "b1", "anne")]


def test_the_type_has_to_be_said(fixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"no object is of that type: got 'claims', expected batch, claim, resource.*'claim'"):
        aura.import_log(fixtures / "systems" / "ocel.json", mapping("claims"))
    with pytest.raises(FileFormatError, match=r"which objects are the cases is not said.*object_type"):
        aura.import_log(fixtures / "systems" / "ocel.sqlite", mapping(None))
    (tmp_path / "a.xml").write_text('<!DOCTYPE log [<!ENTITY a "b">]><log><objects/><events/></log>')
    with pytest.raises(FileFormatError, match=r"a\.xml: this is not an object-centric log.*DOCTYPE"):
        aura.import_log(tmp_path / "a.xml", mapping())
    (tmp_path / "b.sqlite").write_bytes((fixtures / "systems" / "ocel.sqlite").read_bytes()[:9_000])
    with pytest.raises(FileFormatError, match=r"b\.sqlite: this is not an object-centric log"):
        aura.import_log(tmp_path / "b.sqlite", mapping())


@pytest.mark.parametrize("seed", [*range(10), *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, 100))])
def test_a_damaged_log_is_said(fixtures: Path, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    document = json.loads((fixtures / "systems" / "ocel.json").read_text())
    for _ in range(draw.randrange(1, 6)):
        damage(document, draw)
    path = tmp_path / "l.json"
    path.write_text(json.dumps(document))
    try:
        table, report = aura.import_log_report(path, mapping())
    except AuraError:
        return
    adds_up(report)
    aura.events.validate(table)


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(n, marks=pytest.mark.slow) for n in range(5, 30))])
@pytest.mark.parametrize("file", FORMS[1:])
def test_damaged_bytes_are_said(fixtures: Path, tmp_path: Path, seed: int, file: str) -> None:
    draw = random.Random(seed)
    raw = bytearray((fixtures / "systems" / file).read_bytes())
    for _ in range(20):
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    path = tmp_path / file
    path.write_bytes(raw)
    with contextlib.suppress(AuraError):
        adds_up(aura.import_log_report(path, mapping())[1])


def test_views_and_several_people(fixtures: Path, tmp_path: Path) -> None:
    """A view may have no end; and several objects in one place are nobody's name."""
    path = tmp_path / "v.sqlite"
    path.write_bytes((fixtures / "systems" / "ocel.sqlite").read_bytes())
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("DROP TABLE event_Decide")
        endless = (
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT 'e' || n AS ocel_id, '' AS ocel_time FROM r"
        )
        base.execute(f"CREATE VIEW event_Decide AS {endless}")
        base.commit()
    with pytest.raises(FileFormatError, match=r"v\.sqlite.*views, which may have no end"):
        aura.import_log(path, mapping())
    document = json.loads((fixtures / "systems" / "ocel.json").read_text())
    document["events"][4]["relationships"].append({"objectId": "bot", "qualifier": "by"})
    (tmp_path / "l.json").write_text(json.dumps(document))
    _, report = aura.import_log_report(tmp_path / "l.json", mapping())
    assert "1 of 8 values of column 'object:resource' hold several objects" in report.warnings[2]
