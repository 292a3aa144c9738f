"""Logs that would give wrong numbers about people if they were read without care: a small one of each kind, with what is right."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import EventError, MappingError
from aura_analytics.io.foreign import ImportNote
from aura_analytics.io.import_report import ImportReport

pytestmark = [pytest.mark.filterwarnings("ignore::aura_analytics.io.foreign.ImportNote"), pytest.mark.usefixtures("way")]
PAY = {"recommendations": [{"activity": "suggest-pay", "says": "PAY"}]}
VERDICTS = [{"activity": "pay", "says": "PAY"}, {"activity": "refuse", "says": "REFUSE"}]


def mapping(**more: Any) -> aura.LogMapping:
    columns = {"case": "case", "activity": "step", "time": "at", "actor": "who"}
    return aura.LogMapping.model_validate({"name": "m", "columns": columns | more.pop("columns", {}), **more})


def adds_up(report: ImportReport) -> None:
    assert report.total == report.used + sum(report.unused.values()) + sum(report.passed_over.values()) + report.aside


def board(table: pl.DataFrame, sla: str = "72h") -> dict[str, dict[str, Any]]:
    found = aura.dossiers(table, window="all", sla=sla)
    return {row["actor"]: row for row in found.iter_rows(named=True)}


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_a_bad_row_is_named_by_its_line(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        'case,step,at,who\nC1,file,2024-05-01 09:00,"anne\nof two lines"\nC1,call,2024-05-01 10:00,bob\n'
        "C1,close,02.05.2024 10:00,bob\nC2,file,2024-05-03 10:00,cleo\nC2,close,2024-05-03 09:00,cleo\n",
    )
    table, report = aura.import_log_report(log, mapping(open=["file"], resolve=["close"]))
    adds_up(report)
    assert (report.total, report.used, report.aside, report.unused) == (5, 2, 2, {"call": 1})
    with pytest.raises(EventError) as caught:
        report.set_aside(log, None)
    assert f"{log}:5: ts_unreadable: got «02.05.2024 10:00»" in str(caught.value) and f"{log}:7: time_travel" in str(caught.value)
    report.set_aside(log, tmp_path / "q.jsonl")
    first, second = map(json.loads, (tmp_path / "q.jsonl").read_text().splitlines())
    assert (first["file"], first["line"], first["raw"]) == (str(log), 5, "C1,close,02.05.2024 10:00,bob")
    assert second["record"] == {"case": "C2", "step": "close", "at": "2024-05-03 09:00", "who": "cleo"}
    assert table["case_id"].to_list() == ["C1", "C2"]


def test_a_confidence_is_read_or_refused_where_it_stands(tmp_path: Path) -> None:
    text = 'case,step,at,who,conf,why\nC1,suggest-pay,2024-05-01 09:00,bot,"0,85",income\nC1,pay,2024-05-01 10:00,anne,,\n'
    log = written(tmp_path / "l.csv", text)
    rules = {**PAY, "verdicts": VERDICTS[:1], "columns": {"confidence": "conf"}}
    table, report = aura.import_log_report(log, mapping(**rules))
    adds_up(report)
    with pytest.raises(EventError, match=r"l.csv:2: confidence_unreadable: got 0,85"):
        report.set_aside(log, None)
    assert table["confidence"].to_list() == [None]
    table = aura.import_log(log, mapping(**rules, decimal=","))
    assert table["confidence"].to_list() == [0.85]
    assert json.loads(table["attributes"][0])["recommendation"] == {"activity": "suggest-pay", "why": "income"}
    percent = written(tmp_path / "p.csv", text.replace('"0,85"', "85%"))
    scaled = {**rules, "columns": {"confidence": {"column": "conf", "scale": [0, 100]}}}
    assert aura.import_log(percent, mapping(**scaled))["confidence"].to_list() == [0.85]


@pytest.mark.parametrize("said", ["1.000,5", "0.85", "1,000,5", "x", "0,5,", "NaN", "inf"])
def test_a_number_that_could_be_two_is_none(tmp_path: Path, said: str) -> None:
    log = written(
        tmp_path / "l.csv", f'case;step;at;who;conf\nC1;suggest-pay;2024-05-01 09:00;bot;"{said}"\nC1;pay;2024-05-01 10:00;anne;\n'
    )
    _, report = aura.import_log_report(log, mapping(**PAY, verdicts=VERDICTS[:1], columns={"confidence": "conf"}, decimal=","))
    assert report.aside == 1 and "confidence_unreadable" in report.refused.counts


DECISIONS = """claim,received,model,ai_says,ai_score,ai_at,officer,officer_says,decided_at,stars,first,truth
K1,2024-05-01 08:00,m-1,PAY,0.91,2024-05-01 08:01,anne,PAY,2024-05-01 12:00,5,PAY,PAY
K2,2024-05-01 08:00,m-1,PAY,0.55,2024-05-01 08:01,anne,REFUSE,2024-05-02 08:00,2,PAY,REFUSE
K3,2024-05-01 08:00,m-2,REFUSE,0.80,2024-05-01 08:01,bob,REFUSE,2024-05-03 08:00,,,
K4,2024-05-01 08:00,m-2,PAY,0.70,2024-05-01 08:01,,,,,,
"""
PAIRS = {
    "name": "decisions",
    "columns": {"case": "claim", "actor": "officer"},
    "milestones": {"OPENED": "received", "RESOLVED": "decided_at"},
    "pairs": {
        "recommendation": "ai_says",
        "verdict": "officer_says",
        "recommended_by": "model",
        "recommended_at": "ai_at",
        "decided_at": "decided_at",
        "confidence": "ai_score",
        "initial": "first",
        "truth": "truth",
        "stars": "stars",
    },
}


def test_one_row_a_decision(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", DECISIONS)
    table, report = aura.import_log_report(log, aura.LogMapping.model_validate(PAIRS))
    adds_up(report)
    assert report.by_type == {"OPENED": 4, "RESOLVED": 3, "DECISION": 2, "OVERRIDE": 1, "SAT_SCORE": 2, "ADJUDICATION": 2}
    people = board(table)
    anne, bob = people["anne"], people["bob"]
    assert (anne["override_rate"], anne["override_rate_n"], anne["avg_processing_hours"], anne["sat_score_mean"]) == (
        0.5,
        2,
        14.0,
        3.5,
    )
    assert (bob["override_rate"], bob["override_rate_n"], bob["avg_processing_hours"]) == (0.0, 1, 48.0)
    assert [(people[name]["overridden_rate"], people[name]["overridden_rate_n"]) for name in ("m-1", "m-2")] == [(0.5, 2), (0.0, 1)]
    assert aura.office(table, window="all")["open_cases"][0] == 1
    override = table.filter(type="OVERRIDE").row(0, named=True)
    assert (override["confidence"], override["initial_verdict"], override["agent"]) == (0.55, "PAY", "m-1")
    assert table.filter(type="ADJUDICATION")["outcome"].to_list() == ["PAY", "REFUSE"]


def test_without_a_start_an_undecided_recommendation_is_an_open_case(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", DECISIONS)
    rules = {**PAIRS, "milestones": {"RESOLVED": "decided_at"}, "columns": {"case": "claim", "actor": "officer", "owner": "model"}}
    table = aura.import_log(log, aura.LogMapping.model_validate(rules))
    waiting = table.filter(pl.col("case_id") == "K4").select("type", "actor", "ai_recommendation", "confidence").rows()
    assert waiting == [("OPENED", "m-2", "PAY", 0.7), ("ASSIGNED", "m-2", "PAY", 0.7)]


def test_a_verdict_word_as_its_own_recommendation_is_refused(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", DECISIONS)
    words = [{"activity": "PAY", "says": "PAY"}, {"activity": "REFUSE", "says": "REFUSE"}]
    columns = {"case": "claim", "activity": "officer_says", "time": "decided_at", "actor": "officer"}
    with pytest.raises(MappingError, match=r"3 rows are both a recommendation and a verdict"):
        aura.import_log(log, mapping(columns=columns, recommendations=words, verdicts=words))


def test_latin_1_is_said_or_read_and_never_guessed(tmp_path: Path) -> None:
    text = "case,step,at,who\nC1,suggest-pay,2024-05-01 09:00,bot\nC1,refuse,2024-05-01 10:00,Müller\n"
    text += "C2,suggest-pay,2024-05-01 09:00,bot\nC2,pay,2024-05-01 10:00,Möller\n"
    log = written(tmp_path / "l.csv", text, "latin-1")
    rules = {**PAY, "verdicts": VERDICTS}
    with pytest.raises(MappingError, match=r"l.csv:3: encoding_wrong.*Windows-1252.*Müller.*encoding: cp1252"):
        aura.import_log(log, mapping(**rules))
    people = board(aura.import_log(log, mapping(**rules, file={"encoding": "cp1252"})))
    assert people["Müller"]["override_rate"] == 1.0 and people["Möller"]["override_rate"] == 0.0
    with pytest.raises(EventError, match="encoding_wrong"):
        aura.read_events(written(tmp_path / "e.csv", "type,ts,actor\nOVERRIDE,2026-01-05,Müller\n", "latin-1")).collect()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "iso-8859-15", "cp850", "utf-16-le"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_same_log_in_any_writing(tmp_path: Path, encoding: str, sign: str) -> None:
    rows = [
        ["case", "step", "at", "who"],
        ["C1", "file", "2024-05-01 09:00", "Jürgen, jun."],
        ["C1", "close", "2024-05-02 09:00", "Æón"],
    ]
    text = "".join(sign.join(f'"{cell}"' if sign in cell else cell for cell in row) + "\r\n" for row in rows)
    log = written(tmp_path / "l.csv", text, encoding)
    told = {} if encoding in ("utf-8", "utf-8-sig", "utf-16") else {"encoding": encoding}
    table = aura.import_log(log, mapping(open=["file"], resolve=["close"], file=told))
    assert table.select("type", "actor").rows() == [("OPENED", "Jürgen, jun."), ("RESOLVED", "Æón")]
    packed = tmp_path / "l.tsv.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert aura.import_log(packed, mapping(open=["file"], resolve=["close"], file=told)).equals(table)


def test_columns_called_like_ours_are_kept(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        "case,concept,at,activity,__typename,__row,row,event_id,type\nC1,file,2024-05-01 09:00,File a claim,Event,7,8,9,x\n",
    )
    table = aura.import_log(log, mapping(columns={"activity": "concept", "actor": None}, open=["file"]))
    held = {
        "__row": "7",
        "__typename": "Event",
        "activity": "File a claim",
        "concept": "file",
        "event_id": "9",
        "row": "8",
        "type": "x",
    }
    assert json.loads(table["attributes"][0]) == held


def test_several_files_are_one_log(tmp_path: Path) -> None:
    written(tmp_path / "may.csv", "case,step,at,who\nC1,suggest-pay,2024-05-31 16:00,bot\n")
    written(tmp_path / "june.csv", "case,step,at,who\nC1,refuse,2024-06-01 09:00,anne\n")
    rules = mapping(**PAY, verdicts=VERDICTS[1:])
    for log in (tmp_path, tmp_path / "*.csv", [tmp_path / "may.csv", tmp_path / "june.csv"]):
        assert aura.import_log(log, rules)["type"].to_list() == ["OVERRIDE"]


LOG = "case,step,at,who\nC1,file,2024-05-01 09:00,portal\nC1,suggest-pay,2024-05-01 09:01,bot\nC1,Refuse,2024-05-01 10:00,anne\n"


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"resolve": ["refuse"]}, "resolve.0..activity: activity never occurs.*got 'refuse'.*did you mean 'Refuse'"),
        ({"open": ["begun by hand"]}, "open.0..*got 'begun by hand'.*say so: optional: true"),
        ({"open": [{"activity": "file", "actor": "Portal"}]}, "open.0..actor: actor never occurs.*did you mean 'portal'"),
        ({"actor_kinds": {"Bot": "agent"}}, "actor_kinds.*got 'Bot'.*did you mean 'bot'"),
        ({"actor_kinds": {"robot-*": "agent"}}, "actor_kinds.*got 'robot-.'"),
        ({"keep": {"who": "annne"}}, "keep.who: value of who never occurs.*did you mean 'anne'"),
        ({"open": [{"where": {"who": "annne"}}]}, "open.0..where.who: value of who never occurs.*did you mean 'anne'"),
        (
            {**PAY, "verdicts": [{"activity": "Refuse", "says": "Pay"}]},
            "a word is written in another way than elsewhere: got 'Pay', expected 'PAY'.*words: {Pay: PAY}",
        ),
    ],
)
def test_one_wrong_name_among_right_ones(tmp_path: Path, rules: dict[str, Any], says: str) -> None:
    log = written(tmp_path / "l.csv", LOG)
    with pytest.raises(MappingError, match=says):
        aura.import_log(log, mapping(**{"assign": ["file"], **rules}))


def test_names_that_need_not_occur(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", LOG)
    for rules in (
        {"open": ["file", {"activity": "begun", "optional": True}]},
        {"open": ["file", "begun"], "optional": True},
        {"open": ["file", "begun"], "optional": ["begun"]},
    ):
        assert aura.import_log(log, mapping(**rules)).height == 1
    with pytest.raises(MappingError, match="matches nothing"):
        aura.import_log(log, mapping(open=["begun"], optional=True))
    alike = mapping(**PAY, verdicts=[{"activity": "Refuse", "says": "Pay"}], words={"Pay": "PAY"})
    assert aura.import_log(log, alike)["type"].to_list() == ["DECISION"]


def test_nested_json(tmp_path: Path) -> None:
    record = {
        "id": 7,
        "ok": True,
        "at": "2024-05-01T09:00:00Z",
        "by": {"id": 5, "mail": "anne@x.org"},
        "meta": {"why": ["ä", None]},
    }
    log = written(tmp_path / "l.jsonl", json.dumps(record) + "\n")
    columns = {"case": "id", "activity": "ok", "actor": "by"}
    with pytest.raises(MappingError, match="columns.actor holds objects.*name what is meant within it: by.id or mail"):
        aura.import_log(log, mapping(columns=columns, resolve=["true"]))
    columns["actor"] = "by.mail"
    table = aura.import_log(log, mapping(columns=columns, resolve=["true"]))
    assert table["actor"].to_list() == ["anne@x.org"]
    assert json.loads(table["attributes"][0]) == {"activity": "true", "by": record["by"], "meta": record["meta"]}
    with pytest.raises(MappingError, match="columns.actor leads to nothing in any row: got 'by.name'"):
        aura.import_log(log, mapping(columns=columns | {"actor": "by.name"}, resolve=["true"]))


def test_each_element_of_a_list_is_a_row(tmp_path: Path) -> None:
    records = [
        {"id": 1, "prediction": {"label": "A"}, "annotations": [{"by": "anne", "label": "A", "at": "2024-05-01T09:00:00Z"}]},
        {
            "id": 2,
            "prediction": {"label": "A"},
            "annotations": [{"by": who, "label": "B", "at": "2024-05-01T09:00:00Z"} for who in "xy"],
        },
        {"id": 3, "prediction": {"label": "A"}, "annotations": []},
    ]
    columns = {"case": "id", "actor": "annotations[*].by", "time": "annotations[*].at"}
    rules = {"name": "m", "columns": columns, "pairs": {"recommendation": "prediction.label", "verdict": "annotations[*].label"}}
    log = written(tmp_path / "l.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    table, report = aura.import_log_report(log, aura.LogMapping.model_validate(rules))
    adds_up(report)
    verdicts = table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).select("type", "case_id", "actor").sort("actor").rows()
    assert verdicts == [("DECISION", "1", "anne"), ("OVERRIDE", "2", "x"), ("OVERRIDE", "2", "y")]
    frame = pl.DataFrame(records)
    frame.write_parquet(tmp_path / "l.parquet")
    again = aura.import_log(tmp_path / "l.parquet", aura.LogMapping.model_validate(rules))
    same = ["event_id", "type", "case_id", "actor", "ai_recommendation", "human_verdict"]
    assert again.select(same).equals(table.select(same))


def test_cases_in_nobodys_number_are_said(tmp_path: Path) -> None:
    rows = "".join(f"C{i},open,2024-01-01,hr\n" for i in range(5)) + "C0,close,2024-01-02,hr\n"
    log = written(tmp_path / "l.csv", "case,step,at,who\n" + rows)
    with pytest.warns(ImportNote) as said:
        table = aura.import_log(log, mapping(open=["open"], resolve=["close"]))
    texts = " ".join(str(one.message) for one in said)
    assert "4 of 5 cases have no end" in texts and "4 cases began and have not ended, and nobody was given them" in texts
    assert aura.office(table, window="all")["open_cases"][0] == 4
    table = aura.import_log(log, mapping(open=["open"], assign=["open"], resolve=["close"]))
    assert board(table)["hr"]["open_cases"] == 4


def test_most_cases_without_a_start_or_a_verdict_are_said(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv", "case,step,at\n" + "".join(f"C{i},close,2024-01-02\n" for i in range(5)) + "C0,open,2024-01-01\n"
    )
    _, report = aura.import_log_report(log, mapping(columns={"actor": None}, open=["open"], resolve=["close"]))
    assert any("4 of 5 cases have no start" in one for one in report.warnings)
    log = written(
        tmp_path / "m.csv",
        "case,step,at,who\n" + "".join(f"C{i},suggest-pay,2024-01-02,b\n" for i in range(5)) + "C0,pay,2024-01-03,a\n",
    )
    _, report = aura.import_log_report(log, mapping(**PAY, verdicts=VERDICTS[:1]))
    assert any("4 of 5 cases have no verdict" in one for one in report.warnings)


@pytest.mark.parametrize("first", ["open", "assign"])
@pytest.mark.parametrize("states", [False, True])
def test_a_state_told_again_restarts_no_clock(tmp_path: Path, first: str, *, states: bool) -> None:
    again = "C1,In Progress,2024-01-01 12:00,anne\n" if states else ""
    log = written(
        tmp_path / "l.csv",
        f"case,step,at,who\nC1,In Progress,2024-01-01 00:00,anne\n{again}C1,Wait,2024-01-02 00:00,anne\n"
        "C1,In Progress,2024-01-05 00:00,anne\nC1,Closed,2024-01-06 00:00,anne\n",
    )
    rules = {
        first: ["In Progress"],
        "pause": ["Wait"],
        "resume": ["In Progress", "Closed"],
        "resolve": ["Closed"],
        "states": states,
    }
    table, report = aura.import_log_report(log, mapping(**rules))
    adds_up(report)
    assert board(table)["anne"]["avg_processing_hours"] == 48.0
    assert report.passed_over == ({"the state of the case is what it was": 1} if states else {})


RATED = """case,step,at,who,stars
C1,suggest-pay,2024-05-01 09:01,bot,
C1,refuse,2024-05-01 10:00,anne,
C1,survey,2024-05-03 10:00,citizen-17,1
C2,suggest-pay,2024-05-01 09:01,bot,
C2,pay,2024-05-01 10:00,anne,
C2,survey,2024-05-03 10:00,mail-gateway,5
"""


def test_a_rating_is_about_who_decided_not_about_its_author(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", RATED)
    rules = {**PAY, "verdicts": VERDICTS, "ratings": [{"activity": "survey", "value": "stars"}]}
    kinds = {"bot": "agent", "mail-*": "system"}
    people = board(aura.import_log(log, mapping(**rules, actor_kinds=kinds)))
    assert (people["anne"]["sat_score_mean"], people["anne"]["sat_score_mean_n"]) == (3.0, 2)
    assert set(people) == {"anne", "bot"}
    table = aura.import_log(log, mapping(**rules, actor_kinds=kinds))
    stars = table.filter(type="SAT_SCORE").select("actor", "actor_kind", "attributes").rows()
    assert [row[:2] for row in stars] == [("citizen-17", "citizen"), (None, None)]
    assert json.loads(stars[1][2])["author"] == "mail-gateway"
    rules["ratings"] = [{"activity": "survey", "value": "stars", "about": "actor"}]
    assert board(aura.import_log(log, mapping(**rules)))["citizen-17"]["sat_score_mean"] == 1.0


def test_an_outcome_is_about_the_case_not_about_who_wrote_it_down(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv", RATED.replace("survey", "appeal").replace("citizen-17", "board").replace("mail-gateway", "board")
    )
    rules = {**PAY, "verdicts": VERDICTS, "outcomes": [{"activity": "appeal", "outcome": "PAY"}]}
    table = aura.import_log(log, mapping(**rules))
    assert table.filter(type="OUTCOME")["actor"].to_list() == [None, None]
    assert "board" not in board(table)


MAY = """case,step,at,who,status
C1,suggest-pay,2024-05-01 09:01,bot,open
C1,refuse,2024-05-01 10:00,anne,open
C2,suggest-pay,2024-05-02 09:01,bot,open
C2,pay,2024-05-02 10:00,anne,open
"""
JUNE = (
    MAY.replace("anne,open\nC2", "anne,closed\nC2")
    + "C3,suggest-pay,2024-06-02 09:01,bot,open\nC3,pay,2024-06-02 10:00,anne,open\n"
)


def test_a_second_export_tells_the_same_events(tmp_path: Path) -> None:
    written(tmp_path / "may.csv", MAY)
    written(tmp_path / "june.csv", JUNE)
    rules = mapping(**PAY, verdicts=VERDICTS, resolve=["pay", "refuse"])
    table, report = aura.import_log_report([tmp_path / "may.csv", tmp_path / "june.csv"], rules)
    adds_up(report)
    assert report.passed_over == {"an earlier file tells the same": 4}
    assert (board(table)["anne"]["override_rate_n"], round(board(table)["anne"]["override_rate"], 4)) == (3, 0.3333)
    may, june = (aura.import_log(tmp_path / name, rules) for name in ("may.csv", "june.csv"))
    assert set(may["event_id"]) < set(june["event_id"]) == set(table["event_id"])
    turned = "".join([JUNE.splitlines(keepends=True)[0], *JUNE.splitlines(keepends=True)[:0:-1]])
    assert set(aura.import_log(written(tmp_path / "turned.csv", turned), rules)["event_id"]) == set(june["event_id"])


def test_a_second_export_in_the_ledger(tmp_path: Path) -> None:
    rules = mapping(**PAY, verdicts=VERDICTS, resolve=["pay", "refuse"])
    may, june = (aura.import_log(written(tmp_path / f"{n}.csv", text), rules) for n, text in enumerate((MAY, JUNE)))
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        ledger.record_events(may)
        done = ledger.record_events_report(june)
        assert (done.stored, done.duplicates, done.retold, done.conflicts) == (2, 2, 2, [])
        table = ledger.events().collect()
    assert (board(table)["anne"]["override_rate_n"], round(board(table)["anne"]["override_rate"], 4)) == (3, 0.3333)
    assert aura.events.validate(pl.concat([may, june])).height == 6
    changed = june.with_columns(human_verdict=pl.lit("PAY"))
    with pytest.raises(aura.errors.ConflictError), aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        ledger.record_events(changed)


def test_ids_from_columns_and_what_is_told_twice(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", "case,step,at,who,no\nC1,open,2024-01-01,anne,1\nC1,open,2024-01-01,anne,2\n")
    first = aura.import_log(log, mapping(open=["open"], id_from=["no"]))
    moved = written(tmp_path / "m.csv", log.read_text().replace("2024-01-01", "2024-01-03"))
    assert aura.import_log(moved, mapping(open=["open"], id_from=["no"]))["event_id"].to_list() == first["event_id"].to_list()
    _, report = aura.import_log_report(log, mapping(open=["open"]))
    assert any("1 events are told twice" in one for one in report.warnings)
    assert report.events == 2
    _, report = aura.import_log_report(log, mapping(open=["open"], columns={"event_id": "no"}))
    assert any("1 events are told twice" in one for one in report.warnings)


def test_a_stray_quote_takes_one_row(tmp_path: Path) -> None:
    rows = [f"C{i},open,2024-05-01 09:00,anne,\n" for i in range(1_000)]
    rows[100] = 'C100,open,2024-05-01 09:00,anne,"said\n'
    log = written(tmp_path / "l.csv", "case,step,at,who,note\n" + "".join(rows))
    table, report = aura.import_log_report(log, mapping(open=["open"]))
    adds_up(report)
    assert (table.height, report.aside, report.unreadable[0].line) == (999, 1, 102)


@pytest.mark.parametrize("words", [("1", "0"), ("true", "false"), ("1", "-1"), ("True", "False"), ("1", "1")])
def test_thumbs_are_no_stars(tmp_path: Path, words: tuple[str, str]) -> None:
    rows = "".join(f"C{i},thumb,2024-05-01 09:00,,{words[i % 6 == 0]}\n" for i in range(12))
    log = written(tmp_path / "l.csv", "case,step,at,who,stars\n" + rows)
    with pytest.raises(MappingError, match=r"ratings.0..value: this is not a scale of 1 to 5.*scale: \["):
        aura.import_log(log, mapping(ratings=[{"activity": "thumb", "value": "stars"}]))
    low = -1 if "-1" in words else 0
    table = aura.import_log(log, mapping(ratings=[{"activity": "thumb", "value": {"column": "stars", "scale": [low, 1]}}]))
    mean = table["value"].mean()
    assert mean == pytest.approx(5.0 if words == ("1", "1") else 1 + 4 * 10 / 12)  # 10 of 12 are up


def test_stars_on_another_scale(tmp_path: Path) -> None:
    rows = "".join(f"C{i},survey,2024-05-01 09:00,,{i}\n" for i in range(1, 11))
    log = written(tmp_path / "l.csv", "case,step,at,who,stars\n" + rows)
    with pytest.raises(MappingError, match=r"scale of 1 to 5.*scale: \[0, 10\]"):
        aura.import_log(log, mapping(ratings=[{"activity": "survey", "value": "stars"}]))
    table = aura.import_log(log, mapping(ratings=[{"activity": "survey", "value": {"column": "stars", "scale": [1, 10]}}]))
    assert (table["value"].min(), table["value"].max()) == (1.0, 5.0)


@pytest.mark.parametrize("who", ["-", "NULL", "none", " ", "?", "Unassigned", "n/a", ""])
def test_nobody_is_no_officer(tmp_path: Path, who: str) -> None:
    log = written(tmp_path / "l.csv", f"case,step,at,who\nC1,open,2024-01-01,{who}\nC1,close,2024-01-02, anne \n")
    table = aura.import_log(log, mapping(open=["open"], resolve=["close"]))
    assert table["actor"].to_list() == [None, "anne"]
    if who.strip():
        assert aura.import_log(log, mapping(open=["open"], resolve=["close"], nobody=[]))["actor"].to_list() == [who, "anne"]


def test_one_name_in_two_writings_is_one_person(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", "case,step,at,who\nC1,close,2024-01-01,Mu\u0308ller\nC2,close,2024-01-02,M\u00fcller\n")
    assert aura.import_log(log, mapping(resolve=["close"]))["actor"].n_unique() == 1


TICKETS = """key,created,closed,agency,type,status
1,2024-04-15T22:00:00.000,2024-04-15T23:00:00.000,NYPD,Noise,Closed
2,2024-04-15T22:00:00.000,2024-04-16T01:00:00.000,NYPD,Noise,Closed
3,2024-04-15T23:30:00.000,,NYPD,Noise,In Progress
4,2024-04-15T22:30:00.000,,DHS,Aid,Closed
"""


def test_one_row_a_case(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", TICKETS)
    rules = {
        "name": "tickets",
        "columns": {"case": "key", "actor": "agency", "queue": "type"},
        "time": {"zone": "America/New_York"},
        "milestones": {
            "OPENED": "created",
            "ASSIGNED": "created",
            "RESOLVED": {"column": "closed", "expected": {"status": "Closed"}},
        },
    }
    table, report = aura.import_log_report(log, aura.LogMapping.model_validate(rules))
    adds_up(report)
    with pytest.raises(EventError, match=r"l.csv:5: time_missing: got no RESOLVED time, expected one since status is Closed"):
        report.set_aside(log, None)
    people = board(table)
    assert (people["NYPD"]["avg_processing_hours"], people["NYPD"]["open_cases"]) == (2.0, 1)
    assert "DHS" not in people  # its only row is set aside whole: it is neither open nor closed
    assert table["ts"][0].isoformat() == "2024-04-16T02:00:00+00:00"


def test_which_rows_by_columns_first_and_last(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        "case,step,at,who,phase\nC1,work,2024-01-01,anne,start\nC1,work,2024-01-02,anne,complete\nC1,work,2024-01-03,bob,start\n"
        "C1,work,2024-01-04,bob,complete\n",
    )
    rules = {
        "assign": [{"activity": "work", "where": {"phase": "start"}}],
        "open": [{"where": {"phase": ["start", "complete"]}, "first": True}],
        "resolve": [{"activity": "work", "where": {"phase": "complete"}, "last": True}],
    }
    table, report = aura.import_log_report(log, mapping(**rules))
    adds_up(report)
    assert table.select("type", pl.col("ts").dt.day()).rows() == [("OPENED", 1), ("ASSIGNED", 1), ("ASSIGNED", 3), ("RESOLVED", 4)]
    assert report.passed_over == {"neither the first nor the last of its case": 1}


def test_events_of_every_type_constants_and_composite_keys(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        "year,no,step,at,who,kind,score,truth,chance\n24,1,eval,2024-01-01,m-1,model,80,,\n24,1,audit,2024-01-02,eve,human,,PAY,0.25\n"
        "24,1,route,2024-01-03,m-1,model,,,\n24,1,warn,2024-01-04,anne,human,,,\n",
    )
    columns = {
        "case": ["year", "no"],
        "actor_kind": "kind",
        "queue": {"constant": "loans"},
    }
    rules = {
        "kinds": {"model": "agent", "human": "officer"},
        "events": [
            {"type": "EVALUATION", "activity": "eval", "value": {"column": "score", "scale": [0, 100]}},
            {"type": "ADJUDICATION", "activity": "audit", "outcome": {"column": "truth"}, "audit_chance": "chance"},
            {"type": "ROUTED", "activity": "route"},
            {"type": "HR_ACTION", "activity": "warn", "outcome": "warning", "severity": "low"},
        ],
    }
    table = aura.import_log(log, mapping(columns=columns, **rules))
    assert table.select("type", "actor_kind", "value", "outcome", "audit_chance", "severity").rows() == [
        ("EVALUATION", "agent", 80.0, None, None, None),
        ("ADJUDICATION", "officer", None, "PAY", 0.25, None),
        ("ROUTED", "agent", None, None, None, None),
        ("HR_ACTION", "officer", None, "warning", None, "low"),
    ]
    assert set(table["case_id"]) == {"24/1"} and set(table["queue"]) == {"loans"}


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_in_the_rows_they_add_up(tmp_path: Path, seed: int) -> None:
    """Random logs with every kind of damage: each row is used, unused or set aside, and of the good ones none is lost."""
    draw = random.Random(seed)
    rows = []
    for _ in range(300):
        case, step = f"C{draw.randrange(60)}", draw.choice(["open", "suggest-pay", "pay", "refuse", "close", "call", "survey"])
        at = f"2024-01-{draw.randrange(1, 29):02} {draw.randrange(24):02}:{draw.randrange(60):02}"
        who, stars = draw.choice(["anne", "bob", "bot", "-", ""]), draw.choice(["1", "5", "3", ""])
        damage = draw.randrange(12)
        if damage == 0:
            at = draw.choice(["yesterday", "", "2024-13-01", "31.01.2024"])
        if damage == 1:
            case = ""
        row = f"{case},{step},{at},{who},{stars}"
        row = {2: row + ",more", 3: row.rsplit(",", 1)[0], 4: '"' + row, 5: row + "\xff"}.get(damage, row)
        rows.append(row)
    log = tmp_path / "l.csv"
    log.write_bytes(("case,step,at,who,stars\n" + "\n".join(rows) + "\n").encode("latin-1"))
    rules = mapping(
        **PAY,
        verdicts=VERDICTS,
        open=["open"],
        assign=["suggest-pay"],
        resolve=["close"],
        ratings=[{"activity": "survey", "value": {"column": "stars", "scale": [1, 5]}}],
        optional=True,
    )
    table, report = aura.import_log_report(log, rules)
    adds_up(report)
    assert 295 <= report.total <= 300 and report.events == table.height
    report.set_aside(log, tmp_path / "q.jsonl")
    aside = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert len(aside) == report.aside and all(one["reasons"] and one["line"] > 1 for one in aside)
    assert len({one["line"] for one in aside}) == len(aside)


def test_a_waiting_recommendation_opens_only_what_nothing_else_opened(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        "case,step,at,who\nC1,file,2024-01-01,p\nC1,suggest-pay,2024-01-02,bot\nC2,suggest-pay,2024-01-02,bot\nC3,suggest-pay,2024-01-02,bot\n"
        "C3,pay,2024-01-03,anne\nC3,suggest-pay,2024-01-04,bot\nC4,suggest-pay,2024-01-01,bot\nC4,suggest-pay,2024-01-02,bot2\n",
    )
    table, report = aura.import_log_report(log, mapping(**PAY, verdicts=VERDICTS[:1], open=["file"]))
    adds_up(report)
    opened = table.filter(type="OPENED").select("case_id", "actor").rows()
    assert sorted(opened) == [("C1", "p"), ("C2", "bot"), ("C4", "bot2")]
    assert report.undecided == 5 and sum(report.passed_over.values()) == 3


def test_events_that_only_differ_in_what_they_say_keep_their_ids_in_any_order(tmp_path: Path) -> None:
    rows = [f"C1,survey,2024-01-01,,{stars}\n" for stars in (5, 1, 3)]
    rules = mapping(ratings=[{"activity": "survey", "value": "stars"}])
    ids = []
    for turned in (rows, rows[::-1], [rows[1], rows[0], rows[2]]):
        log = written(tmp_path / "l.csv", "case,step,at,who,stars\n" + "".join(turned))
        ids.append({row[0]: row[1] for row in aura.import_log(log, rules).select("value", "event_id").rows()})
    assert ids[0] == ids[1] == ids[2] and len(set(ids[0].values())) == 3


def test_json_documents_and_workbooks(tmp_path: Path) -> None:
    import xlsxwriter  # type: ignore[import-untyped]

    rules = {"open": ["file"], "resolve": ["close"]}
    rows = [
        {"case": 7, "step": "file", "at": "2024-05-01T09:00:00", "who": "anne"},
        {"case": 7, "step": "close", "at": "2024-05-02T09:30:00", "who": "bob"},
    ]
    same = aura.import_log(written(tmp_path / "l.jsonl", "".join(json.dumps(row) + "\n" for row in rows)), mapping(**rules))
    for name, text in {
        "list": json.dumps(rows),
        "wrapped": json.dumps({"count": 2, "rows": rows}, indent=1),
        "lines": "".join(json.dumps(row) + "\n" for row in rows),
    }.items():
        assert aura.import_log(written(tmp_path / f"{name}.json", text), mapping(**rules)).equals(same)
    two = written(tmp_path / "two.json", json.dumps({"data": {"a": rows, "b": rows}, "x": rows, "y": rows}))
    with pytest.raises(aura.errors.FileFormatError, match=r"several lists could be the records.*records: x or y"):
        aura.import_log(two, mapping(**rules))
    assert aura.import_log(two, mapping(**rules, file={"records": "data.a"})).equals(same)
    book = xlsxwriter.Workbook(tmp_path / "l.xlsx")
    for name in ("notes", "log"):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["case", "step", "at", "who"] if name == "log" else ["nothing"])
    sheet.write_row(2, 0, [7, "file", "2024-05-01T09:00:00", "anne"])  # row 2 is empty
    from datetime import datetime

    sheet.write_row(3, 0, [7, "close", "", "bob"])
    sheet.write_datetime(3, 2, datetime(2024, 5, 2, 9, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
    book.close()
    with pytest.warns(ImportNote, match="the log holds no rows"):
        assert aura.import_log(tmp_path / "l.xlsx", mapping(**rules)).is_empty()
    assert aura.import_log(tmp_path / "l.xlsx", mapping(**rules, file={"sheet": "log"})).equals(same)
    with pytest.raises(aura.errors.FileFormatError, match=r"no such sheet: got 'logs', expected notes, log; did you mean 'log'"):
        aura.import_log(tmp_path / "l.xlsx", mapping(**rules, file={"sheet": "logs"}))
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(aura.errors.FileFormatError, match="the workbook cannot be read"):
        aura.import_log(tmp_path / "bad.xlsx", mapping(**rules))


RULES = {
    "recommendations": [{"activity": "sug", "says": "PAY"}, {"activity": "sugno", "says": "REFUSE"}],
    "verdicts": [{"activity": "pay", "says": "PAY"}, {"activity": "refuse", "says": "REFUSE"}],
}
HEAD = "case,step,at,who,x\n"


def test_an_empty_word_is_no_verdict_and_no_recommendation(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        f"{HEAD}C1,sug,2026-01-05 09:00,bot,PAY\nC1,sug,2026-01-05 10:00,bot,\nC1,dec,2026-01-05 11:00,anne,PAY\n"
        "C2,sug,2026-01-05 09:00,bot,PAY\nC2,dec,2026-01-05 11:00,anne,\n",
    )
    word = {"column": "x"}
    rules = {"recommendations": [{"activity": "sug", "says": word}], "verdicts": [{"activity": "dec", "says": word}]}
    table, report = aura.import_log_report(log, mapping(**rules))
    adds_up(report)
    assert table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).select("type", "case_id").rows() == [("DECISION", "C1")]
    assert [where.rsplit(":", 1)[1] for where, _ in report.reasons(9)] == ["3", "6"] and report.refused.counts == {
        "word_missing": 2
    }


def test_a_verdict_without_its_time_or_case_is_set_aside(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        f"{HEAD}C1,sug,2026-01-05 09:00,bot,\nC1,refuse,05/01/2026 11:00,anne,\n"
        "C2,sugno,2026-01-05 09:00,bot,\nC2,pay,2026-01-05 10:00,bob,\n"
        ",sug,2026-01-05 09:00,bot,\n,pay,2026-01-05 09:00,bot,\nC3,sug,2026-13-05 09:00,bot,\n",
    )
    _, report = aura.import_log_report(log, mapping(**RULES))
    adds_up(report)
    assert report.refused.counts == {"ts_unreadable": 2, "case_missing": 2} and report.unanswered == 0
    with pytest.raises(EventError, match=r"l.csv:3: ts_unreadable: got «05/01/2026 11:00»"):
        report.set_aside(log, None)


def test_files_that_overlap_lose_nothing_that_differs(tmp_path: Path) -> None:
    written(tmp_path / "1.csv", f"{HEAD}C1,survey,2026-05-30,cit,5\nC1,close,2026-05-30,anne,\n")
    written(tmp_path / "2.csv", f"{HEAD}C1,survey,2026-05-30,cit,1\nC1,survey,2026-05-30,cit,5\nC2,survey,2026-06-01,cit,4\n")
    rules = mapping(ratings=[{"activity": "survey", "value": "x"}], resolve=["close"], optional=True)
    table, report = aura.import_log_report(tmp_path, rules)
    adds_up(report)
    assert sorted(table["value"].drop_nulls().to_list()) == [1.0, 4.0, 5.0] and report.passed_over == {
        "an earlier file tells the same": 1
    }
    one, two = (dict(aura.import_log(tmp_path / f"{n}.csv", rules).select("value", "event_id").rows()) for n in (1, 2))
    assert one[5.0] == two[5.0]
    folder = tmp_path / "fields"
    folder.mkdir()
    written(folder / "a.csv", f"{HEAD}C1,update,2026-05-30 10:00,anne,status\n")
    written(folder / "b.csv", f"{HEAD}C1,update,2026-05-30 10:00,anne,assignee\n")
    of = mapping(
        resolve=[{"activity": "update", "where": {"x": "status"}}], assign=[{"activity": "update", "where": {"x": "assignee"}}]
    )
    table, report = aura.import_log_report(folder, of)
    adds_up(report)
    assert sorted(table["type"].cast(str).to_list()) == ["ASSIGNED", "RESOLVED"]
    own = mapping(open=["in"], columns={"event_id": "x"})
    folder = tmp_path / "ids"
    folder.mkdir()
    for name in "ab":
        written(folder / f"{name}.csv", f"{HEAD}C1,in,2026-05-30,anne,\nC{name},in,2026-05-30,anne,{name}\n")
    table, report = aura.import_log_report(folder, own)
    adds_up(report)
    assert table.height == 3 and report.passed_over == {"an earlier file tells the same": 1}


def test_an_empty_identity_is_none(tmp_path: Path) -> None:
    written(tmp_path / "1.csv", f"{HEAD}C1,in,2026-05-01,anne,\nC1,done,2026-05-02,anne,k2\n")
    written(tmp_path / "2.csv", f"{HEAD}C9,in,2026-06-01,bob,\nC9,done,2026-06-02,bob,k9\n")
    table = aura.import_log(tmp_path, mapping(open=["in"], resolve=["done"], id_from=["x"]))
    assert table.height == table["event_id"].n_unique() == 4


@pytest.mark.parametrize(
    ("form", "said", "utc"),
    [
        ("%d.%m.%Y %k:%M", "05.01.2026 14:30", "2026-01-05T13:30:00+00:00"),
        ("%m/%d/%Y %l:%M %p", "01/05/2026  2:30 PM", "2026-01-05T13:30:00+00:00"),
        ("%m/%d/%Y %I:%M %p", "01/05/2026 02:30 PM", "2026-01-05T13:30:00+00:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-05 10:00:00.123", "2026-01-05T09:00:00.123000+00:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-05 10:00:00.5", "2026-01-05T09:00:00.500000+00:00"),
        ("%d.%m.%Y", "05.01.2026", "2026-01-04T23:00:00+00:00"),
        ("epoch_nanoseconds", "1767607200000000123", "2026-01-05T10:00:00+00:00"),
        ("epoch_microseconds", "1767607200000001", "2026-01-05T10:00:00.000001+00:00"),
    ],
)
def test_ways_to_write_time(tmp_path: Path, form: str, said: str, utc: str) -> None:
    log = written(tmp_path / "l.csv", f"{HEAD}C1,in,{said},anne,\n")
    table = aura.import_log(log, mapping(open=["in"], time={"format": form, "zone": "Europe/Amsterdam"}))
    assert table["ts"][0].isoformat() == utc


@pytest.mark.parametrize("form", ["%m/%d/%Y %r", "%+", "%Y-%m-%d %H:%M %Z", "%c", "%Y-%m-%d %H:%M %#z", "%s", "%Q"])
def test_ways_to_write_time_that_lose_something_are_refused(form: str) -> None:
    with pytest.raises(ValueError, match="cannot be read for sure"):
        mapping(open=["in"], time={"format": form})


def test_kinds_of_names_that_look_like_patterns_and_of_owners(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv", f"{HEAD}C1,in,2026-01-05,bot [v2],\nC1,done,2026-01-06,Jose\u0301,\nC2,sug,2026-01-06,m,auto-queue\n"
    )
    kinds = {"bot [v2]": "agent", "Jose\u0301": "component", "auto-queue": "system"}
    table = aura.import_log(log, mapping(open=["in"], resolve=["done"], columns={"owner": "x"}, actor_kinds=kinds, **_one_sided()))
    assert table.select("type", "actor_kind").sort("type").rows()[:1] == [("OPENED", "agent")]
    assert table.filter(type="RESOLVED")["actor_kind"].to_list() == ["component"]
    assert table.filter(type="ASSIGNED").select("actor", "actor_kind").rows() == [("auto-queue", "system")]


def _one_sided() -> dict[str, Any]:
    verdict = {"activity": "pay", "says": "PAY", "optional": True}
    return {"recommendations": [{"activity": "sug", "says": "PAY"}], "verdicts": [verdict]}


def test_two_spellings_among_recommendations_are_refused(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", "case,at,who,ai,v\n1,2026-01-05,anne,PAY,Pay\n2,2026-01-05,anne,Pay,PAY\n")
    rules = {
        "name": "m",
        "columns": {"case": "case", "time": "at", "actor": "who"},
        "pairs": {"recommendation": "ai", "verdict": "v"},
    }
    with pytest.raises(MappingError, match="written in another way than elsewhere"):
        aura.import_log(log, aura.LogMapping.model_validate(rules))
    table = aura.import_log(log, aura.LogMapping.model_validate(rules | {"words": {"Pay": "PAY"}}))
    assert table["type"].to_list() == ["DECISION", "DECISION"]


def test_states_tell_who_took_a_case_over_and_an_empty_one_tells_nothing(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        f"{HEAD}C1,New,2026-05-01,,\nC1,Active,2026-05-02,anne,\nC1,Active,2026-05-03,bob,\nC1,Closed,2026-05-09,bob,\n"
        "C1,,2026-05-09 10:00,bob,\nC1,Closed,2026-05-10,bob,4\n",
    )
    rules = {"open": ["New"], "assign": ["Active"], "resolve": ["Closed"], "states": True}
    table, report = aura.import_log_report(log, mapping(**rules, ratings=[{"where": {"x": "4"}, "value": "x"}]))
    adds_up(report)
    told = [("OPENED", None), ("ASSIGNED", "anne"), ("ASSIGNED", "bob"), ("RESOLVED", "bob"), ("SAT_SCORE", "bob")]
    assert table.select("type", "actor").rows() == told


def test_the_last_is_the_last_that_can_be_read(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        f"{HEAD}C1,in,2026-05-01,anne,\nC1,done,2026-05-02,anne,\nC1,done,soon,anne,\n,done,2026-05-03,bob,\n,done,2026-05-04,bob,\n",
    )
    table, report = aura.import_log_report(log, mapping(open=["in"], resolve=[{"activity": "done", "last": True}]))
    adds_up(report)
    assert table["type"].to_list() == ["OPENED", "RESOLVED"] and report.aside == 3


def test_of_one_moment_the_order_of_the_log_tells(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        f"{HEAD}C1,sug,2026-01-05,bot,\nC1,pay,2026-01-05,anne,\nC1,sugno,2026-01-05,bot,\nC2,refuse,2026-01-05,bob,\nC2,sug,2026-01-05,bot,\n",
    )
    table = aura.import_log(log, mapping(**RULES))
    assert table.filter(pl.col("actor").is_in(["anne", "bob"])).select("case_id", "type").rows() == [
        ("C1", "DECISION"),
        ("C2", "OVERRIDE"),
    ]


def test_columns_of_several_types(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    naive, aware = datetime(2026, 1, 5, 10), datetime(2026, 1, 5, 10, tzinfo=UTC)
    pl.DataFrame({"case": [1.0], "step": ["in"], "at": [naive], "who": ["anne"], "raw": [b"\xff"]}).write_parquet(
        tmp_path / "a.parquet"
    )
    pl.DataFrame({"case": [2], "step": ["in"], "at": [aware], "who": ["anne"]}).write_parquet(tmp_path / "b.parquet")
    written(tmp_path / "c.csv", "case,step,at,who\n1,in,2026-01-05T11:00:00+01:00,anne\n")
    table, report = aura.import_log_report(tmp_path, mapping(open=["in"]))
    adds_up(report)
    assert sorted(table["case_id"]) == ["1", "2"] and table["ts"].n_unique() == 1  # the first and the third are one event
    alone = aura.import_log(tmp_path / "a.parquet", mapping(open=["in"]))
    assert set(alone["event_id"]) < set(table["event_id"]) and json.loads(alone["attributes"][0])["raw"] == "/w=="


@pytest.mark.parametrize("sign", ["*", "+", "^", ".", "$", "#"])
def test_any_sign_between_cells(tmp_path: Path, sign: str) -> None:
    log = written(
        tmp_path / "l.csv",
        sign.join(["case", "step", "at", "who"]) + "\n" + sign.join(["1", "in", "2026-01-05", '"a ""b"""']) + "\n",
    )
    assert aura.import_log(log, mapping(open=["in"], file={"delimiter": sign}))["actor"].to_list() == ['a "b"']


def test_lists_beside_each_other_are_not_crossed(tmp_path: Path) -> None:
    log = written(tmp_path / "l.json", json.dumps([{"id": 1, "p": [{"v": "A"}], "a": [{"v": "A", "at": "2026-05-01"}]}]))
    rules = {"name": "m", "columns": {"case": "id", "time": "a[*].at"}, "pairs": {"recommendation": "p[*].v", "verdict": "a[*].v"}}
    with pytest.raises(MappingError, match=r"lists that do not lie within each other.*predictions.0.result"):
        aura.import_log(log, aura.LogMapping.model_validate(rules))


def test_an_element_of_a_parquet_file_is_named_by_its_record(tmp_path: Path) -> None:
    records = [
        {"id": 1, "e": [{"at": "2026-05-01"}, {"at": "2026-05-02"}]},
        {"id": 2, "e": [{"at": "2026-05-01"}, {"at": "never"}]},
    ]
    pl.DataFrame(records).write_parquet(tmp_path / "l.parquet")
    rules = {"name": "m", "columns": {"case": "id"}, "milestones": {"OPENED": "e[*].at"}}
    _, report = aura.import_log_report(tmp_path / "l.parquet", aura.LogMapping.model_validate(rules))
    assert report.reasons(1)[0][0] == f"{tmp_path}/l.parquet:2"


def test_a_rule_that_is_added_to_a_mapping_renames_no_event(tmp_path: Path) -> None:
    log = written(tmp_path / "l.csv", RATED)
    bare = aura.import_log(log, mapping(resolve=["pay", "refuse"]))
    more = mapping(
        **PAY,
        verdicts=VERDICTS,
        resolve=["pay", "refuse"],
        ratings=[{"activity": "survey", "value": "stars"}],
        outcomes=[{"activity": "survey", "outcome": "PAY"}],
    )
    assert set(bare["event_id"]) < set(aura.import_log(log, more)["event_id"])


def test_times_at_the_end_of_all_times(tmp_path: Path) -> None:
    log = written(
        tmp_path / "l.csv",
        "case,step,at,who\nC1,file,2024-05-01 09:00,anne\nC1,close,2150-01-01 10:00,anne\nC2,file,2024-05-03 10:00,bob\n"
        "C2,close,2024-05-04 10:00,bob\n",
    )
    said = {
        "name": "l",
        "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who"},
        "assign": ["file"],
        "resolve": ["close"],
    }
    table, report = aura.import_log_report(log, aura.LogMapping.model_validate(said))
    adds_up(report)
    assert report.refused.counts == {"ts_far_off": 1} and table.height == 3
    with pytest.raises(EventError, match=r"l\.csv:3: ts_far_off: got 2150-01-01, expected a year from 1900 to 2100"):
        aura.import_log(log, aura.LogMapping.model_validate(said))
    allowed = aura.LogMapping.model_validate({**said, "time": {"years": [1900, 2199]}})
    assert aura.import_log(log, allowed).height == 4


def test_what_is_said_of_a_record_is_told_once(tmp_path: Path) -> None:
    told = (("anne", "PAY", 10), ("bob", "NO", 11))
    notes = [{"who": who, "says": says, "at": f"2026-01-05T{hour}:00:00Z"} for who, says, hour in told]
    records = [
        {"id": f"C{i}", "made": "2026-01-05T08:00:00Z", "rated": "2026-01-09T08:00:00Z", "stars": 2 + i, "notes": notes}
        for i in range(2)
    ]
    log = written(tmp_path / "l.json", json.dumps(records))
    said = {
        "name": "l",
        "columns": {"case": "id", "actor": "notes[*].who"},
        "milestones": {"OPENED": {"column": "made"}},
        "pairs": {
            "recommendation": {"constant": "PAY"},
            "verdict": "notes[*].says",
            "decided_at": "notes[*].at",
            "recommended_by": {"constant": "bot"},
            "stars": "stars",
            "stars_at": "rated",
        },
    }
    table, report = aura.import_log_report(log, aura.LogMapping.model_validate(said))
    adds_up(report)
    assert report.by_type == {"OPENED": 2, "DECISION": 2, "OVERRIDE": 2, "SAT_SCORE": 2}
    assert table.filter(type="SAT_SCORE").sort("case_id")["value"].to_list() == [2.0, 3.0]
    assert not any("told twice" in warning for warning in report.warnings)
