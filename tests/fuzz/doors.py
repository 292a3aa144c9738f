"""The doors through which inputs come in, each with what is well formed and a way to damage it."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.clock import times
from aura_analytics.clock.sla import parse_sla
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.io.readers.csv_files import Csv
from aura_analytics.io.readers.jsonl import JsonLines
from aura_analytics.io.readers.xes import xes_records
from aura_analytics.ledger import check_proof
from aura_analytics.ledger.engines import ledger_address
from aura_analytics.ledger.kept_heads import read_heads
from aura_analytics.people import same_person
from tests.conftest import ROOT
from tests.decisions.conftest import decided

Try = Callable[[random.Random], object]
ODD = [
    *(b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"{", b"}", b"[", b"]", b"\\"),
    *(b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"NaN", b"1e999", b"-0", b"9" * 40, b"null", b"true", b"<", b">", b"&#0;", b"&x;"),
    *(
        b"<!--",
        b"]]>",
        b"<![CDATA[",
        b"!!python/object:os.system",
        b"*a",
        b"&a",
        b"<<: ",
        b": ",
        b"- ",
        b"? ",
        b"|",
        b"\x1b[2J",
        b"\xe2\x80\xae",
    ),
    *(b"2026-02-30T25:61:00Z", b"0000-00-00", b"9999-12-31T23:59:59Z", b"\xc3\xa9", b"x" * 5_000, b" " * 300),
]
TEXTS: list[Any] = [
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "é",
        "NaN",
        "x" * 3_000,
        "'; DROP TABLE aura_events; --",
        "<script>",
        "=1+1",
        "../../etc/passwd",
        "\x1b]0;",
    ),
    *(
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        float("inf"),
        2**63,
        -(2**70),
        10**400,
        [],
        [1],
        {},
        {"a": {"b": [None]}},
        b"bytes",
        object(),
    ),
    *("2026-01-05T10:00:00Z", "2026-01-05", "10:00", 1_767_225_600, "OVERRIDE", "SAT_SCORE", "anne", "C1"),
]


def damaged(whole: bytes, draw: random.Random) -> bytes:
    """Some bytes changed, taken out, doubled, put in from what is odd, or the end cut off."""
    data = bytearray(whole)
    for _ in range(draw.choice([1, 1, 1, 2, 3, 8])):
        at, kind = draw.randrange(len(data) + 1), draw.randrange(6)
        if kind == 0:
            data[at : at + 1] = draw.randbytes(1)
        elif kind == 1:
            del data[at : at + draw.randrange(1, 40)]
        elif kind == 2:
            data[at:at] = draw.choice(ODD)
        elif kind == 3:
            start = draw.randrange(len(data) + 1)
            data[at:at] = data[start : start + draw.randrange(200)]
        elif kind == 4:
            data[at : at + draw.randrange(1, 12)] = draw.choice(ODD)
        elif draw.random() < 0.3:
            del data[at:]
    return bytes(data)


@dataclass(frozen=True)
class Door:
    """A door: how many inputs are tried, and what makes the function that tries one."""

    inputs: int
    made: Callable[[Path], Try]
    refuses: bool = True  # whether it ever raises: some set aside what they cannot use


def _lines(count: int) -> bytes:
    out = io.BytesIO()
    for i in range(count):
        record = {
            "event_id": f"e{i}",
            "type": "OVERRIDE",
            "ts": "2026-01-05T10:00:00Z",
            "actor": "anne",
            "case_id": f"C{i}",
            "x": "é",
        }
        out.write(json.dumps(record, ensure_ascii=i % 2 == 0).encode() + b"\n")
    return out.getvalue()


def _accounted(items: list[Any], whole: bytes) -> None:
    """Every byte is in a record, in a stretch that is set aside, or between lines."""
    aside = [one for one in items if isinstance(one, Unreadable)]
    for one in aside:
        assert one.offset is not None and one.length is not None and 0 <= one.offset <= one.offset + one.length <= len(whole)
    for before, after in itertools.pairwise(aside):
        assert (before.offset or 0) + (before.length or 0) <= (after.offset or 0)


def json_lines(folder: Path) -> Try:
    good, path = _lines(6), folder / "a.jsonl"

    def attempt(draw: random.Random) -> None:
        whole = damaged(good, draw)
        path.write_bytes(whole)
        items = list(JsonLines().items(path))
        _accounted(items, whole)
        lines = [line for line in whole.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
        assert len(items) == len(lines)  # every line is a record or set aside
        if draw.random() < 0.1:
            aura.read_events(path, quarantine=folder / "q.jsonl").collect()

    return attempt


def csv(folder: Path) -> Try:
    rows = "".join(f'e{i},OVERRIDE,2026-01-05T10:00:00Z,"anne, ""a""",C{i}\n' for i in range(6))
    good, path = ("event_id,type,ts,actor,case_id\n" + rows).encode(), folder / "a.csv"

    def attempt(draw: random.Random) -> None:
        whole = damaged(good, draw)
        path.write_bytes(whole)
        _accounted(list(Csv().items(path)), whole)
        if draw.random() < 0.1:
            aura.read_events(path, quarantine=folder / "q.jsonl").collect()

    return attempt


XES = b"""<?xml version="1.0"?><log><trace><string key="concept:name" value="C1"/><int key="amount" value="5"/>
<event><string key="concept:name" value="suggest"/><string key="org:resource" value="bot"/>
<date key="time:timestamp" value="2026-01-05T10:00:00+01:00"/></event>
<event><string key="concept:name" value="refuse"/><list key="x"><string key="y" value="z"/></list></event></trace></log>"""


def xes(folder: Path) -> Try:
    path, packed = folder / "a.xes", folder / "a.xes.gz"

    def attempt(draw: random.Random) -> None:
        if draw.random() < 0.2:
            packed.write_bytes(damaged(gzip.compress(XES), draw))
            list(xes_records(packed))
        else:
            path.write_bytes(damaged(XES, draw))
            list(xes_records(path))

    return attempt


def foreign(folder: Path) -> Try:
    mapping = aura.LogMapping.from_yaml(ROOT / "fixtures/mappings/small_bank.yaml")
    good = b"".join((ROOT / "fixtures/logs/small_bank.csv").read_bytes().splitlines(keepends=True)[:40])
    path = folder / "log.csv"

    def attempt(draw: random.Random) -> None:
        path.write_bytes(damaged(good, draw))
        table, report = aura.import_log_report(path, mapping)
        assert report.rows + len(report.unreadable) <= len(path.read_bytes().splitlines())
        assert table.height == report.events

    return attempt


def yaml(folder: Path) -> Try:
    kinds: list[tuple[Callable[[Path], object], bytes]] = [
        *((aura.Policy.from_yaml, path.read_bytes()) for path in sorted((ROOT / "fixtures/policies").glob("*.yaml"))),
        *((aura.LogMapping.from_yaml, path.read_bytes()) for path in sorted((ROOT / "fixtures/mappings").glob("*.yaml"))),
        (aura.Scenario.from_yaml, (ROOT / "simulations/understaffed.yaml").read_bytes()),
        (aura.Calendar.from_yaml, b"zone: Europe/Vienna\nhours: {mon: 09:00-17:00}\ncountry: AT\nclosed: [2026-01-05]\n"),
        (aura.PenaltyPolicy.from_yaml, b"penalties: {UNSUPPORTED: 10}\n"),
    ]
    path = folder / "a.yaml"

    def attempt(draw: random.Random) -> None:
        read, good = draw.choice(kinds)
        path.write_bytes(damaged(good, draw))
        read(path)

    return attempt


def decision_log(folder: Path) -> Try:
    source = folder / "good.jsonl"
    log = aura.AccountabilityLogger(source)
    for i in range(4):
        decided(log, "agent:a", ended="success" if i % 2 else "failure")
    log.close()
    good = source.read_bytes()
    place = folder / "log"
    place.mkdir()

    def attempt(draw: random.Random) -> None:
        for old in place.iterdir():
            old.unlink()
        path, packed = place / "d.jsonl", place / "d-2026-01-05.jsonl.gz"
        path.write_bytes(damaged(good, draw))
        if draw.random() < 0.3:
            packed.write_bytes(damaged(gzip.compress(good), draw))
        found = aura.AccountabilityLogger(path)
        try:
            found.get_decision_statistics()
            found.verify()
            decided(found, "agent:b", ended="success")
            if draw.random() < 0.3:
                found.repair()
                assert found.get_decision_statistics()["total_decisions"] >= 1
        finally:
            found.close()

    return attempt


def record(folder: Path) -> Try:
    ledger = aura.Ledger(folder / "aura.db", mirror=False)
    names = [*events.SCHEMA.names(), "unknown", "", "\ud800"]

    def attempt(draw: random.Random) -> None:
        given: Any = {name: draw.choice(TEXTS) for name in draw.sample(names, draw.randrange(len(names)))}
        if draw.random() < 0.7:
            given |= {"type": "SAT_SCORE", "value": 3}
        before = ledger.end()
        try:
            if draw.random() < 0.5:
                ledger.record_event(given)
            else:
                ledger.record_events([given, {"type": "OVERRIDE", "actor": "anne"}])
        except Exception:
            assert ledger.end() == before  # nothing of what was refused is stored
            raise
        if draw.random() < 0.02:
            ledger.events().collect()
            assert ledger.verify().ok

    return attempt


def ledger_file(folder: Path) -> Try:
    source = folder / "good.db"
    with aura.Ledger(source, mirror=False) as ledger:
        ledger.record_events(events.sample(30, seed=1))
        decided(aura.AccountabilityLogger(ledger), "agent:a", ended="success")
    with sqlite3.connect(source) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    good, path = source.read_bytes(), folder / "bad.db"

    def attempt(draw: random.Random) -> None:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        path.write_bytes(damaged(good, draw))
        with aura.Ledger(path, mirror=False, create=False) as ledger:
            assert ledger.verify() is not None
            ledger.events().collect()

    return attempt


def heads(folder: Path) -> Try:
    keep, path = folder / "heads.jsonl", folder / "bad.jsonl"
    with aura.Ledger(folder / "h.db", mirror=False) as ledger:
        ledger.record_events(events.sample(30, seed=1))
        name = ledger.events().collect()["event_id"][3]
        ledger.export_heads(keep)
        proof = json.dumps(ledger.prove(name)).encode()
    good = keep.read_bytes()
    kept = [json.loads(line) for line in keep.read_text().splitlines()]

    def attempt(draw: random.Random) -> None:
        path.write_bytes(damaged(good, draw))
        if draw.random() < 0.5:
            read_heads(path)
            return
        with contextlib.suppress(ValueError, KeyError, TypeError):  # what the script says of a proof that is none
            told = json.loads(damaged(proof, draw))
            assert check_proof.check(told, kept)["event_id"] == name  # what is proved is what was recorded

    return attempt


def words(_: Path) -> Try:
    starts = ["90d", "2026-01-05", "72h", "20 working days", "sqlite:///a.db", "postgresql://u:secret@h/d", "anne@sba.gov", "all"]
    doors: list[Callable[[str], object]] = [
        *(times.parse_span, times.parse_as_of, times.parse_window, times.check_zone, parse_sla, ledger_address),
        lambda text: parse_sla({text: "48h", "default": text}),
        lambda text: same_person(text, "Anne"),
        lambda text: aura.events.from_records([{"type": text, "ts": text}]),
    ]

    def attempt(draw: random.Random) -> None:
        text = damaged(draw.choice(starts).encode(), draw).decode("utf-8", draw.choice(["replace", "surrogateescape", "ignore"]))
        door = draw.choice(doors)
        try:
            door(text[:2_000])
        except aura.AuraError as error:
            assert door is not ledger_address or "secret" not in str(error)
            raise

    return attempt


def frames(_: Path) -> Try:
    good = events.sample(30, seed=2)
    dtypes: list[Any] = [
        pl.String,
        pl.Int64,
        pl.Float64,
        pl.Boolean,
        pl.Date,
        pl.Datetime,
        pl.Binary,
        pl.List(pl.String),
        pl.Null,
        pl.Categorical,
    ]

    def attempt(draw: random.Random) -> None:
        table = good
        for name in draw.sample(table.columns, draw.randrange(1, 4)):
            kind = draw.randrange(4)
            if kind == 0:
                table = table.drop(name)
            elif kind == 1:
                table = table.with_columns(pl.lit(None, dtype=draw.choice(dtypes)).alias(name))
            elif kind == 2:
                values = [
                    draw.choice([one for one in TEXTS if isinstance(one, str) and one != "\ud800"]) for _ in range(table.height)
                ]
                table = table.with_columns(pl.Series(name, values))
            else:
                table = table.with_columns(
                    pl.Series(name, [draw.choice([0.0, -1.0, 1e300, float("nan"), 5.0]) for _ in range(table.height)])
                )
        found, report = events.filter(table)
        assert found.height + report.bad.height + report.duplicates == table.height
        if found.height:
            aura.dossiers(found, window="all", metrics=["override_rate", "sat_score_mean"])

    return attempt


def outputs(folder: Path) -> Try:
    from typer.testing import CliRunner

    from aura_analytics.cli.app import app

    good = b"".join(json.dumps({"output": f"text {i}", "confidence": 0.4, "min_length": 3}).encode() + b"\n" for i in range(4))
    path = folder / "outputs.jsonl"

    def attempt(draw: random.Random) -> None:
        path.write_bytes(damaged(good, draw))
        answer = CliRunner().invoke(app, ["score", str(path), "--json"])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception

    return attempt


DOORS = {
    "json lines": Door(16_000, json_lines, refuses=False),
    "csv": Door(16_000, csv),
    "xes": Door(16_000, xes),
    "yaml": Door(5_000, yaml),
    "words": Door(20_000, words),
    "heads and proofs": Door(8_000, heads),
    "dicts recorded": Door(6_000, record),
    "decision log": Door(2_500, decision_log),
    "ledger file": Door(2_500, ledger_file),
    "foreign log": Door(1_500, foreign),
    "frames": Door(1_500, frames),
    "outputs scored": Door(500, outputs, refuses=False),
}  # and damaged Parquet, whose 20,000 files are tried in processes of their own (tests/io/test_damaged_parquet.py)
