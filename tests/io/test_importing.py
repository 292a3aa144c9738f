"""Foreign logs: a small log worked out by hand, slips in mappings, and XES as a stream."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics.errors import EventError, FileFormatError, FileMissingError, MappingError
from aura_analytics.io.readers.xes import xes_records

pytestmark = [pytest.mark.filterwarnings("ignore::aura_analytics.io.foreign.ImportNote"), pytest.mark.usefixtures("way")]


def test_small_bank_log_worked_by_hand(fixtures: Path) -> None:
    """The log and its numbers are explained in fixtures/README.md."""
    table, report = aura.import_log_report(fixtures / "logs/small_bank.csv", fixtures / "mappings/small_bank.yaml")
    assert report.by_type == {"OPENED": 6, "RESOLVED": 5, "DECISION": 2, "OVERRIDE": 1, "SAT_SCORE": 1}
    assert (report.rows, report.undecided, report.unanswered) == (18, 2, 1)  # A4 and the first of A5; A3
    assert report.unused == {"call": 1}
    verdicts = table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).sort("case_id")
    assert verdicts.select("case_id", "type", "actor", "agent", "ai_recommendation", "human_verdict").rows() == [
        ("A1", "DECISION", "anne", "engine", "APPROVE", "APPROVE"),
        ("A2", "OVERRIDE", "anne", "engine", "APPROVE", "REJECT"),
        ("A5", "DECISION", "bob", "engine", "REJECT", "REJECT"),
    ]
    # A5 was recommended twice; the last one before the verdict counts
    board = aura.dossiers(table, window="all")
    anne = board.filter(actor="anne").row(0, named=True)
    assert (anne["override_rate"], anne["override_rate_n"]) == (0.5, 2)
    assert anne["avg_processing_hours"] == 30.0  # A1 12 h, A2 48 h, both from OPENED
    assert anne["sat_score_mean"] == 2.0
    assert table.filter(case_id="A1", type="OPENED")["attributes"][0] == '{"activity": "file", "amount": "100"}'


def test_verdict_before_the_recommendation_only_resolves(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,step,at,who\nC1,refuse,2026-01-05,anne\nC1,suggest,2026-01-06,bot\n")
    table = aura.import_log(log, _mapping(resolve=["refuse"]))
    assert table["type"].to_list() == ["RESOLVED"]


def _mapping(**more: Any) -> aura.LogMapping:
    base = {
        "name": "t",
        "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who"},
        "recommendations": [{"activity": "suggest", "says": "PAY"}],
        "verdicts": [{"activity": "refuse", "says": "REFUSE"}],
        "optional": True,
    }
    return aura.LogMapping.model_validate({**base, **more})


def test_mapping_slips_are_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "name: x\ncolums: {case: a}\nresolv: [a]\ntime: {zone: Mars}\nverdicts: [{activity: a, actor: b, not_actor: c, says: Y}]\n"
    )
    with pytest.raises(MappingError, match="is not a mapping") as caught:
        aura.LogMapping.from_yaml(path)
    text = str(caught.value)
    for part in (
        "unknown key 'colums'; did you mean 'columns'?",
        "key 'columns' is missing",
        "did you mean 'resolve'?",
        "unknown time zone",
        "actor or not_actor, not both",
    ):
        assert part in text


def test_mapping_of_columns_that_are_not_there(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,step,when,who\nC1,refuse,2026-01-05,anne\n")
    with pytest.raises(
        MappingError, match="columns.time names a column that the log does not have: got 'at'.*expected case, step, when, who"
    ):
        aura.import_log(log, _mapping())


def test_mapping_that_matches_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,step,at,who\nC1,Refused,2026-01-05,anne\n")
    with pytest.raises(MappingError, match="matches nothing in the log.*activities there: Refused") as caught:
        aura.import_log(log, _mapping())
    assert "did you mean 'Refused'?" in str(caught.value)


def test_unsafe_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("name: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(MappingError, match="cannot be loaded safely|can be loaded safely"):
        aura.LogMapping.from_yaml(path)


def test_broken_times_are_refused_or_set_aside(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,step,at,who\nC1,suggest,2026-01-05,bot\nC1,refuse,05/01/2026,anne\n")
    with pytest.raises(EventError, match="ts_unreadable"):
        aura.import_log(log, _mapping(resolve=["refuse"]))
    table = aura.import_log(log, _mapping(resolve=["refuse"]), quarantine=tmp_path / "aside.jsonl")
    assert table.is_empty()
    assert "05/01/2026" in (tmp_path / "aside.jsonl").read_text()


@pytest.mark.parametrize(
    ("form", "text"),
    [("epoch_seconds", "1767607200"), ("epoch_milliseconds", "1767607200000"), ("%d.%m.%Y %H:%M", "05.01.2026 11:00")],
)
def test_time_formats(tmp_path: Path, form: str, text: str) -> None:
    log = tmp_path / "log.csv"
    log.write_text(f"case,step,at,who\nC1,refuse,{text},anne\n")
    table = aura.import_log(log, _mapping(resolve=["refuse"], time={"format": form, "zone": "Europe/Amsterdam"}))
    assert table["ts"][0].isoformat() == "2026-01-05T10:00:00+00:00"


def test_daylight_saving_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("case,step,at,who\nC1,refuse,2026-10-25T02:30:00,anne\nC2,refuse,2026-10-25T02:30:00+01:00,anne\n")
    with pytest.raises(EventError, match="1 bad row"):
        aura.import_log(log, _mapping(resolve=["refuse"], time={"zone": "Europe/Amsterdam"}))
    late = aura.import_log(log, _mapping(resolve=["refuse"], time={"zone": "Europe/Amsterdam", "ambiguous": "latest"}))
    assert late["ts"].n_unique() == 1


def test_import_twice_gives_the_same_ids(fixtures: Path) -> None:
    first, again = (aura.import_log(fixtures / "logs/small_bank.csv", fixtures / "mappings/small_bank.yaml") for _ in range(2))
    assert first.equals(again)


XES = """<?xml version="1.0"?>
<log xmlns="http://www.xes-standard.org/"><string key="concept:name" value="a log"/>
<trace><string key="concept:name" value="C1"/><int key="amount" value="5"/>
<event><string key="concept:name" value="suggest"/><string key="org:resource" value="bot"/><date key="time:timestamp" value="2026-01-05T10:00:00+01:00"/></event>
<event><string key="concept:name" value="refuse"/><string key="org:resource" value="anne"/><date key="time:timestamp" value="2026-01-05T12:00:00+01:00"/></event>
</trace></log>"""  # noqa: E501
XES_MAPPING = {
    "columns": {"case": "case:concept:name", "activity": "concept:name", "time": "time:timestamp", "actor": "org:resource"}
}


@pytest.mark.parametrize("suffix", ["xes", "xes.gz"])
def test_xes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.{suffix}"
    path.write_bytes(gzip.compress(XES.encode()) if suffix.endswith("gz") else XES.encode())
    table = aura.import_log(path, _mapping(**XES_MAPPING))
    assert table.select("type", "case_id", "actor", "agent").row(0) == ("OVERRIDE", "C1", "anne", "bot")
    assert '"case:amount": "5"' in table["attributes"][0]


def test_broken_xes(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(XES[:400])
    with pytest.raises(FileFormatError, match="not well-formed XML"):
        list(xes_records(path))
    path.write_text("<html/>")
    with pytest.raises(FileFormatError, match="not an XES log: got '<html>'"):
        list(xes_records(path))
    path.write_text('<!DOCTYPE log [<!ENTITY a "aaaa">]><log/>')
    with pytest.raises(FileFormatError, match="document type is refused"):
        list(xes_records(path))
    packed = tmp_path / "log.xes.gz"
    packed.write_bytes(gzip.compress(XES.encode())[:-20])
    with pytest.raises(FileFormatError, match="broken or cut off"):
        list(xes_records(packed))


@pytest.mark.slow
def test_xes_streams(tmp_path: Path) -> None:
    """A log of 200,000 events is read in a few megabytes."""
    import tracemalloc

    trace = XES[XES.index("<trace>") : XES.index("</log>")]
    path = tmp_path / "log.xes"
    with path.open("w") as out:
        out.write("<log>")
        for _ in range(100_000):
            out.write(trace)
        out.write("</log>")
    tracemalloc.start()
    count = sum(1 for _ in xes_records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 20_000_000


def test_missing_log(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no log there"):
        aura.import_log(tmp_path / "nix.csv", _mapping())
    (tmp_path / "a.pdf").write_text("x")
    with pytest.raises(FileFormatError, match="unknown kind of log"):
        aura.import_log(tmp_path / "a.pdf", _mapping())


@settings(max_examples=60)
@given(data=st.binary(max_size=300))
def test_any_bytes_as_xes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "log.xes"
    path.write_bytes(b"<log>" + data + b"</log>")
    try:
        list(xes_records(path))
    except FileFormatError as error:
        assert str(path) in str(error) or "document type" in str(error)


def test_xes_keeps_what_is_nested_and_what_is_told_twice(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text(
        '<log><global scope="event"><string key="concept:name" value="none"/></global>'
        '<trace><string key="concept:name" value="C1"/><event>'
        '<string key="concept:name" value="refuse"><string key="why" value="late"><int key="by" value="3"/></string></string>'
        '<string key="tag" value="a"/><string key="tag" value="b"/><string key="tag" value="c"/>'
        '<list key="docs"><values><string key="one" value="x"/></values></list>'
        '<date key="time:timestamp" value="2026-01-05T12:00:00+01:00"/></event></trace></log>'
    )
    (record,) = xes_records(path)
    assert record == {
        "case:concept:name": "C1",
        "concept:name": "refuse",
        "concept:name.why": "late",
        "concept:name.why.by": "3",
        "tag": "a",
        "tag#2": "b",
        "tag#3": "c",
        "docs.one": "x",
        "time:timestamp": "2026-01-05T12:00:00+01:00",
    }
