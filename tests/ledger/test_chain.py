"""The chain finds what somebody changed behind the ledger's back, and says which row it was."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from aura_analytics import Ledger, events
from aura_analytics.errors import FileFormatError, FileMissingError, LedgerDamagedError, LedgerError
from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import Engines, ledger_address
from aura_analytics.ledger.records import rows_of

N = 40


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    table = events.sample(N, seed=9).head(N)
    for part in (table.head(1), table.slice(1, 9), table.slice(10)):
        ledger.record_events(part)
    return ledger


@pytest.fixture
def change(filled: Ledger, url: str) -> Callable[..., None]:
    """Run SQL on the database as somebody would who may write it."""

    def run(*statements: str, **values: Any) -> None:
        with closing(Engines(ledger_address(url), 5, "FULL")) as engines, engines.writer.begin() as connection:
            for statement in statements:
                names = {name: value for name, value in values.items() if f":{name}" in statement}
                connection.execute(text(statement), names)

    return run


NUMBERS_OF = ("ts", "value", "confidence", "audit_chance", "own_work")


def test_the_form_of_the_hash_is_pinned() -> None:
    """Another serialiser, or another Python, must come to the same bytes."""
    row = [
        "e1",
        1_767_225_600_000_000,
        "EVALUATION",
        'naïve "a\\b"\n\u2028😀',
        None,
        "C1",
        "",
        1e-07,
        None,
        None,
        None,
        0.1,
        None,
        "high",
        '["a"]',
        '{"b": 2}',
    ]
    line = (
        '["aura-event-1","e1",1767225600000000,"EVALUATION","naïve \\"a\\\\b\\"\\n\u2028😀",null,"C1","",1e-07,null,null,null,0.1,null,'  # noqa: E501
        '"high","[\\"a\\"]","{\\"b\\": 2}"]'
    )
    assert tables.content_hash(row) == hashlib.sha256(line.encode()).digest()
    assert tables.content_hash(row).hex() == "b9fca90db44815fd5b446b7fffc0b806cb9327424f9bbb79f4fab46fbe860b8c"
    assert json.loads(line)[1:] == row
    assert tables.content_hash([*row, None, None, None]) == tables.content_hash(row)  # what was recorded before the columns came
    longer = [*row, 0.25, "DENY", 1]
    assert (
        tables.content_hash(longer)
        == hashlib.sha256((line[:15].replace("1", "2") + line[15:-1] + ',0.25,"DENY",1]').encode()).digest()
    )
    after = tables.chain_hash(tables.GENESIS, 1, 2, bytes(32))
    assert after == hashlib.sha256(bytes(32) + (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + bytes(32)).digest()


def test_an_independent_reading_of_the_chain_agrees(filled: Ledger) -> None:
    table = filled.events().collect()
    with filled._engines.reader.connect() as connection:
        stored = connection.execute(text("SELECT recorded_at, content, chain FROM aura_events ORDER BY seq")).all()
    before = bytes(32)
    for seq, (row, (recorded_at, content, chain)) in enumerate(zip(rows_of(table), stored, strict=True), 1):
        assert row[-3:] == [None, None, None]
        line = json.dumps(["aura-event-1", *row[:-3]], ensure_ascii=False, separators=(",", ":"))
        assert hashlib.sha256(line.encode()).digest() == bytes(content)
        before = hashlib.sha256(before + seq.to_bytes(8, "big") + recorded_at.to_bytes(8, "big") + bytes(content)).digest()
        assert before == bytes(chain)
    found = filled.verify()
    assert found.ok and found.events == N and before.hex() in found.message
    assert filled.info().chain == before.hex()


@pytest.mark.parametrize("column", [name for name in tables.COLUMNS if name not in NUMBERS_OF])
def test_an_altered_row_is_named(filled: Ledger, change: Callable[..., None], column: str) -> None:
    change(f"UPDATE aura_events SET {column} = 'x' WHERE seq = 17")
    found = filled.verify()
    assert (found.ok, found.kind, found.seq, found.events) == (False, "altered", 17, 16)


@pytest.mark.parametrize("column", [*NUMBERS_OF, "recorded_at"])
def test_an_altered_number_is_named(filled: Ledger, change: Callable[..., None], column: str) -> None:
    change(f"UPDATE aura_events SET {column} = 7 WHERE seq = 1")
    found = filled.verify()
    assert (found.ok, found.seq) == (False, 1)


def test_a_row_altered_together_with_its_hash_is_named(filled: Ledger, change: Callable[..., None]) -> None:
    row = rows_of(filled.events().collect())[19]
    row[tables.COLUMNS.index("actor")] = "somebody else"
    change("UPDATE aura_events SET actor = 'somebody else', content = :h WHERE seq = 20", h=tables.content_hash(row))
    found = filled.verify()
    assert (found.ok, found.seq) == (False, 20)
    assert "does not continue the chain" in found.message


def test_a_missing_row_is_named(filled: Ledger, change: Callable[..., None]) -> None:
    change("DELETE FROM aura_events WHERE seq = 12")
    found = filled.verify()
    assert (found.kind, found.seq) == ("missing", 12)
    assert "after seq 11 comes seq 13" in found.message


def test_a_missing_end_is_named(filled: Ledger, change: Callable[..., None]) -> None:
    change(f"DELETE FROM aura_events WHERE seq = {N}")
    assert (filled.verify().kind, filled.verify().seq) == ("missing", N)


def test_a_removed_row_whose_gap_was_closed_is_found(filled: Ledger, change: Callable[..., None]) -> None:
    change(
        "DELETE FROM aura_events WHERE seq = 12",
        *[f"UPDATE aura_events SET seq = {i - 1} WHERE seq = {i}" for i in range(13, N + 1)],
        f"UPDATE aura_head SET seq = {N - 1}",
    )
    found = filled.verify()
    assert (found.kind, found.seq) == ("missing", 12)


def test_swapped_rows_are_named(filled: Ledger, change: Callable[..., None]) -> None:
    change(*[f"UPDATE aura_events SET seq = {new} WHERE seq = {old}" for old, new in ((8, 999), (23, 8), (999, 23))])
    found = filled.verify()
    assert (found.ok, found.seq) == (False, 8)
    # with their chain values put back in order, the rows still do not fit
    change("UPDATE aura_events SET chain = (SELECT chain FROM aura_events AS o WHERE o.seq = 23) WHERE seq = 999")
    assert not filled.verify().ok


def test_reordered_contents_are_named(filled: Ledger, change: Callable[..., None]) -> None:
    names = [*tables.COLUMNS[1:], "recorded_at", "content"]
    ids = filled.events().collect()["event_id"]
    change("CREATE TABLE kept AS SELECT * FROM aura_events WHERE seq = 8", "UPDATE aura_events SET event_id = 'gone' WHERE seq = 8")
    change("UPDATE aura_events SET event_id = 'other' WHERE seq = 23")
    change(
        "UPDATE aura_events SET "
        + ", ".join(f"{n} = (SELECT {n} FROM aura_events AS o WHERE o.seq = 23)" for n in names)
        + " WHERE seq = 8"
    )
    change("UPDATE aura_events SET " + ", ".join(f"{n} = (SELECT {n} FROM kept)" for n in names) + " WHERE seq = 23")
    change(
        f"UPDATE aura_events SET event_id = '{ids[22]}' WHERE seq = 8",
        f"UPDATE aura_events SET event_id = '{ids[7]}' WHERE seq = 23",
    )
    found = filled.verify()
    assert (found.kind, found.seq, found.event_id) == ("reordered", 8, ids[22])
    assert f"{ids[7]!r}, now at seq 23" in found.message


def test_inserted_rows_are_named(filled: Ledger, change: Callable[..., None]) -> None:
    names = ", ".join(name for name in [*tables.COLUMNS[1:], "recorded_at", "content", "chain"])
    change(f"INSERT INTO aura_events (seq, event_id, {names}) SELECT {N + 1}, 'new', {names} FROM aura_events WHERE seq = 5")
    found = filled.verify()
    assert (found.ok, found.seq) == (False, N + 1)
    change(f"DELETE FROM aura_events WHERE seq = {N + 1}")
    assert filled.verify().ok
    shift = [f"UPDATE aura_events SET seq = {i + 1} WHERE seq = {i}" for i in range(N, 9, -1)]
    row = rows_of(filled.events().collect())[4]
    row[0] = "new"
    put = f"INSERT INTO aura_events (seq, event_id, {names}) SELECT 10, 'new', {names} FROM aura_events WHERE seq = 5"
    change(*shift, put, "UPDATE aura_events SET content = :h WHERE seq = 10", h=tables.content_hash(row))
    found = filled.verify()
    assert (found.ok, found.seq, found.event_id) == (False, 10, "new")


def test_a_head_kept_elsewhere_finds_a_chain_computed_anew(filled: Ledger, change: Callable[..., None], tmp_path: Path) -> None:
    kept = tmp_path / "heads.jsonl"
    filled.export_heads(kept)
    filled.record_event({"type": "OVERRIDE", "actor": "anne"})
    filled.export_heads(kept)
    assert filled.verify(kept).heads == 2
    # somebody who may write everything alters a row and computes all hashes anew
    rows = rows_of(filled.events().collect())
    rows[6][tables.COLUMNS.index("actor")] = "nobody"
    chain = tables.GENESIS
    with filled._engines.reader.connect() as connection:
        moments = [row[0] for row in connection.execute(text("SELECT recorded_at FROM aura_events ORDER BY seq"))]
    change("UPDATE aura_events SET actor = 'nobody' WHERE seq = 7")
    for seq, (row, moment) in enumerate(zip(rows, moments, strict=True), 1):
        content = tables.content_hash(row)
        chain = tables.chain_hash(chain, seq, moment, content)
        change(f"UPDATE aura_events SET content = :c, chain = :h WHERE seq = {seq}", c=content, h=chain)
    change("UPDATE aura_head SET chain = :h", h=chain)
    assert filled.verify().ok  # the ledger alone cannot tell
    found = filled.verify(kept)
    assert (found.kind, found.seq) == ("head", N)
    assert "computed anew" in found.message


def test_a_head_kept_elsewhere_finds_an_end_that_was_cut_off(filled: Ledger, change: Callable[..., None], tmp_path: Path) -> None:
    kept = tmp_path / "heads.jsonl"
    filled.export_heads(kept)
    with filled._engines.reader.connect() as connection:
        chain = connection.execute(text("SELECT chain FROM aura_events WHERE seq = 30")).scalar_one()
    change("DELETE FROM aura_events WHERE seq > 30", "UPDATE aura_head SET seq = 30, chain = :h", h=bytes(chain))
    assert filled.verify().ok
    assert (filled.verify(kept).kind, filled.verify(kept).seq) == ("missing", 31)


def test_files_of_heads_are_checked(filled: Ledger, tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no such file of heads"):
        filled.verify(tmp_path / "nothing")
    wrong = tmp_path / "notes.txt"
    wrong.write_text("hello\n")
    with pytest.raises(FileFormatError, match="line 1.*no exported head"):
        filled.export_heads(wrong)
    assert wrong.read_text() == "hello\n"
    other = tmp_path / "other.jsonl"
    with Ledger(tmp_path / "other.db") as second:
        second.export_heads(other)
    assert filled.verify(other).kind == "head"


@pytest.mark.parametrize("needle", [b"officer_bob", b"CASE_3", b"APPROVE"])
def test_a_flipped_byte_in_the_file_is_found(tmp_path: Path, needle: bytes) -> None:
    path = tmp_path / "aura.db"
    with Ledger(path, mirror=False) as ledger:
        ledger.record_events(events.sample(300, seed=1))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = path.read_bytes()
    places = [i for i in range(len(whole)) if whole.startswith(needle, i)]
    assert len(places) > 10
    for place in places[:: max(1, len(places) // 12)]:
        for bit in (1, 128):  # a letter, and a byte that is no UTF-8
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with Ledger(path, mirror=False) as ledger:
                found = ledger.verify()
                assert not found.ok, (place, bit)
                assert found.kind in ("altered", "damaged", "missing")
                if found.kind == "altered":
                    assert found.event_id is not None and found.seq is not None
    path.write_bytes(whole)
    assert Ledger(path, mirror=False).verify().ok


def test_a_truncated_file_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "aura.db"
    with Ledger(path, mirror=False) as ledger:
        ledger.record_events(events.sample(2_000, seed=1))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LedgerDamagedError, match="damaged.*restore a backup"):
        Ledger(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LedgerError, match=r"no ledger|no SQLite database|damaged"):
        Ledger(path)


def test_a_sound_ledger_stays_sound(filled: Ledger) -> None:
    assert isinstance(filled.events().collect(), pl.DataFrame)
    assert str(filled.verify()).startswith(f"{N} events verified")


ODD = [
    ("actor", "X'00ff'"),
    ("ts", "'hello'"),
    ("event_id", "X'01'"),
    ("value", "9e999"),
    ("chain", "'abc'"),
    ("chain", "7"),
    ("content", "'abc'"),
    ("recorded_at", "'abc'"),
    ("type", "'NOPE'"),
    ("penalties", "'{'"),
    ("chain", "NULL"),
]


@pytest.mark.parametrize(("column", "value"), ODD)
def test_what_no_event_can_hold_is_named(tmp_path: Path, column: str, value: str) -> None:
    path = tmp_path / "aura.db"
    table = events.sample(60, seed=2)
    with Ledger(path, mirror=False) as ledger:
        ledger.record_events(table)
    with sqlite3.connect(path) as connection:
        if value == "NULL":
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, 'chain BLOB NOT NULL', 'chain BLOB') WHERE name = 'aura_events'"
            )
    connection.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE aura_events SET {column} = {value} WHERE seq = 17")
    connection.close()
    with Ledger(path, mirror=False) as ledger:
        found = ledger.verify()
        assert (found.ok, found.kind, found.seq) == (False, "altered", 17)
        for read in (lambda: ledger.events().collect(), ledger.info, lambda: ledger.dossier("officer_anne")):
            try:
                read()
            except LedgerError as error:
                assert "verify" in str(error)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM aura_head",
        "UPDATE aura_head SET seq = 'x'",
        "UPDATE aura_head SET chain = 'abc'",
        "INSERT INTO aura_head SELECT 2, ledger_id, seq, recorded_at, chain FROM aura_head",
        "UPDATE aura_head SET recorded_at = 9",
    ],
)
def test_an_altered_head_is_named(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "aura.db"
    with Ledger(path, mirror=False) as ledger:
        ledger.record_events(events.sample(60, seed=2))
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with Ledger(path, mirror=False) as ledger:
        assert ledger.verify().kind == "head"
        if "recorded_at" not in statement:
            for call in (
                lambda: ledger.record_event({"type": "OVERRIDE", "actor": "a"}),
                ledger.events,
                ledger.info,
            ):
                with pytest.raises(LedgerDamagedError, match="head of the chain"):
                    call()


@pytest.mark.parametrize("count", [1, 50, 150])
def test_a_head_behind_the_rows_is_an_error_and_no_loop(filled: Ledger, change: Callable[..., None], count: int) -> None:
    change("UPDATE aura_head SET seq = seq - 1")
    with pytest.raises(LedgerError, match=r"does not fit the rows|UNIQUE|unique"):
        filled.record_events([{"type": "OVERRIDE", "actor": "anne"}] * count)


def test_two_heads_of_one_place_must_agree(filled: Ledger, tmp_path: Path) -> None:
    kept = tmp_path / "heads.jsonl"
    head = filled.export_heads(kept)
    wrong = json.dumps({"ledger_id": head.ledger_id, "seq": head.seq, "chain": "00" * 32})
    kept.write_text(wrong + "\n" + kept.read_text())
    assert filled.verify(kept).kind == "head"
    with pytest.raises(LedgerDamagedError, match="does not fit the head exported"):
        filled.export_heads(kept)
    for content, message in (("", "holds no head"), (wrong.replace(f'"seq": {N}', '"seq": -3'), "no exported head")):
        kept.write_text(content)
        with pytest.raises(FileFormatError, match=message):
            filled.verify(kept)
    kept.write_text(json.dumps({"ledger_id": head.ledger_id, "seq": 0, "chain": "11" * 32}))
    assert filled.verify(kept).kind == "head"


STRUCTURES = {
    "sqlite": [
        (
            "CREATE TRIGGER quiet AFTER INSERT ON aura_events BEGIN DELETE FROM aura_events WHERE actor = 'anne'; END",
            "trigger 'quiet'",
        ),
        ("CREATE UNIQUE INDEX one_each ON aura_events (actor, ts)", "index 'one_each'"),
        ("CREATE INDEX a_few ON aura_events (case_id) WHERE actor = 'bob'", "index 'a_few'"),
        ("DROP INDEX ix_aura_events_actor_ts", "'ix_aura_events_actor_ts' is missing"),
        ("DROP VIEW model_performance", "'model_performance' is missing"),
        ("DROP TABLE aura_marks; CREATE VIEW aura_marks AS SELECT 1 AS seq, 'told' AS mark", "view 'aura_marks'"),
    ],
    "postgresql": [
        ("CREATE RULE quiet AS ON INSERT TO aura_events WHERE NEW.actor = 'anne' DO INSTEAD NOTHING", "rule 'quiet'"),
        ("CREATE INDEX a_few ON aura_events (case_id) WHERE actor = 'bob'", "index 'a_few'"),
        ("ALTER TABLE aura_events ENABLE ROW LEVEL SECURITY", "row-level security"),
        ("DROP TABLE aura_marks; CREATE VIEW aura_marks AS SELECT 1 AS seq, 'told' AS mark", "'aura_marks' is no table"),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
            "CREATE TRIGGER quiet BEFORE INSERT ON aura_events FOR EACH ROW EXECUTE FUNCTION f()",
            "trigger 'quiet'",
        ),
    ],
}
ALL_STRUCTURES = [(kind, *case) for kind, cases in STRUCTURES.items() for case in cases]


@pytest.mark.parametrize(("kind", "statement", "said"), ALL_STRUCTURES)
def test_what_was_put_into_the_schema_is_named(
    kind: str, statement: str, said: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/aura.db" if kind == "sqlite" else str(request.getfixturevalue("postgres_url"))
    with Ledger(url, mirror=False) as ledger:
        ledger.record_events(events.sample(N, seed=9))
        assert ledger.verify().ok
        with ledger.engines.writer.begin() as connection:
            for one in statement.split("; ") if kind == "sqlite" and "TRIGGER" not in statement else [statement]:
                connection.exec_driver_sql(one)
        found = ledger.verify()
        assert not found.ok and found.kind == "schema" and said in found.message


def test_an_emptied_or_missing_database_is_named_by_its_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.ledger import store

    monkeypatch.setattr(store, "_MIRROR_FROM", 10)
    path = tmp_path / "aura.db"
    with Ledger(path) as ledger:
        ledger.record_events(events.sample(N, seed=9))
        ledger.events().collect()
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    with pytest.raises(FileMissingError, match="a mirror of it lies there still"):
        Ledger(path, create=False)
    with Ledger(path) as ledger:  # made anew, in its place
        found = ledger.verify()
        assert not found.ok and "of another ledger: was the database emptied or replaced" in found.message


TEXTS = ["", "a", 'say "x"\\', "\n\r\t\b\f\x01\x1f\x7f", "\u2028😀é", "[1]", '{"a":1}', "1", "null", "\ud7ff\ue000\uffff", "a/b"]
NUMBERS = [0.0, 1.0, 0.1, 1e-07, 1e22, 1e300, 123456789.123, 2.5e-300, 5e-324, 1 / 3, 4.35]


def test_lines_that_sqlite_writes_are_ours_or_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.ledger import chain

    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        for i, one in enumerate(TEXTS):
            ledger.record_event(
                {"event_id": f"t{i}", "type": "OVERRIDE", "actor": one or "x", "queue": one, "attributes": {"a": one}}
            )
        for i, number in enumerate(NUMBERS):
            scored = {"event_id": f"n{i}", "type": "EVALUATION", "actor": "bot", "actor_kind": "agent", "value": 50 + number % 1}
            ledger.record_event(scored | {"confidence": number % 1})
        found = ledger.verify()
        assert found.ok and found.events == len(TEXTS) + len(NUMBERS)
        monkeypatch.setattr(chain, "_writes_json", lambda _: False)
        assert ledger.verify() == found


@pytest.mark.parametrize(
    "change",
    [
        "actor = actor || char(0) || 'x'",
        "actor = char(0)",
        "actor = CAST(actor AS BLOB)",
        "actor = actor || X'ff'",
        "actor = CAST(X'616e6e65ff' AS TEXT)",
        "value = 3.0000000000000004",
        "ts = ts + 0.5",
        "queue = 'null'",
        "queue = json('null')",
        "attributes = json('{}')",
        "actor = json_array('anne')",
        "value = 9e999",
    ],
)
def test_what_sqlite_could_hide_is_named(tmp_path: Path, change: str) -> None:
    from aura_analytics.ledger import chain

    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        for i in range(3):
            ledger.record_event({"event_id": f"e{i}", "type": "SAT_SCORE", "value": 3, "case_id": "C", "actor": "anne"})
    with closing(sqlite3.connect(tmp_path / "aura.db")) as connection, connection:
        assert connection.execute("SELECT json_array(1)").fetchone()
        connection.execute(f"UPDATE aura_events SET {change} WHERE event_id = 'e1'")
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        with ledger._engines.reader.connect() as reader:
            assert chain._writes_json(reader)
        found = ledger.verify()
    assert not found.ok and (found.kind, found.seq) == ("altered", 2), found
