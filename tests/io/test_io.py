"""Reading and writing event files: round trips, broken lines, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import events
from aura_analytics.errors import EventError, FileFormatError, FileMissingError, ParameterError, SchemaError
from aura_analytics.io.readers import jsonl

GOOD = '{"type": "OVERRIDE", "ts": "2026-01-05T10:00:00Z", "actor": "anne"}\n'


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_round_trip(tmp_path: Path, suffix: str) -> None:
    table = events.sample(300, seed=2).with_columns(attributes=pl.lit('{"a": "é, \\"quoted\\"\\n"}'))
    path = aura.write_events(table, tmp_path / f"log.{suffix}")
    assert aura.read_events(path).collect().equals(table)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=6), st.floats(0, 1), st.lists(st.text(max_size=3), max_size=2)), max_size=5))
def test_json_lines_are_what_json_writes(
    tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, float, list[str]]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "log.jsonl"
    table = events.sample(max(len(told), 1), seed=2).head(len(told))
    texts, numbers, lists = ([one[at] for one in told] for at in range(3))
    table = table.with_columns(
        pl.Series("queue", texts, dtype=pl.String),
        pl.Series("confidence", numbers, dtype=pl.Float64),
        pl.Series("penalties", lists, dtype=pl.List(pl.String)),
    )
    aura.write_events(table, path)
    rows = table.with_columns(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).iter_rows(named=True)
    expected = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]] == expected


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    path = aura.write_events(events.empty(), tmp_path / f"log.{suffix}")
    assert aura.read_events(path).collect().equals(events.empty())
    if suffix != "parquet":
        path.write_text("")
        assert aura.read_events(path).collect().height == 0


def test_scan_is_lazy_and_pushes_down(tmp_path: Path) -> None:
    for suffix in ("parquet", "jsonl", "csv"):
        path = aura.write_events(events.sample(300, seed=2), tmp_path / f"log.{suffix}")
        lazy = aura.read_events(path)
        assert isinstance(lazy, pl.LazyFrame)
        some = lazy.filter(pl.col("type") == "OVERRIDE").select("actor", "type").head(5).collect()
        assert some.shape == (5, 2)


def test_broken_lines_raise_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(GOOD + '{"type": "OVERRIDE", "ts": "x", "actor": "a"}\n' + GOOD + "[1, 2]\n" + '{"type": "OVERR')
    with pytest.raises(EventError, match="holds lines that are not events") as caught:
        aura.read_events(path).collect()
    text = str(caught.value)
    assert "log.jsonl:2: ts_unreadable: got x" in text
    assert "log.jsonl:4: json_unreadable: got a list, expected one object per line" in text
    assert "log.jsonl:5: json_unreadable" in text and "the file ends inside this line" in text


def test_broken_lines_go_to_quarantine_and_nothing_is_lost(tmp_path: Path) -> None:
    path, aside = tmp_path / "log.jsonl", tmp_path / "aside.jsonl"
    path.write_text(GOOD + '{"type": "OVERRIDE", "ts": "x", "actor": "a", "note": 1}\n' + GOOD + '{"type": "OVERR')
    assert aura.read_events(path, quarantine=aside).collect().height == 2
    rows = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [row["line"] for row in rows] == [2, 4]
    assert rows[0]["record"]["actor"] == "a" and "note" in rows[0]["record"]["attributes"]
    assert rows[1]["raw"] == '{"type": "OVERR'


def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1_000)
    path, aside = tmp_path / "log.jsonl", tmp_path / "aside.jsonl"
    path.write_text(GOOD + '{"type": "' + "x" * 50_000 + '"}\n' + GOOD)
    with pytest.raises(EventError, match=r"log.jsonl:2: line_too_long: got 50,013 bytes, expected at most 1,000"):
        aura.read_events(path).collect()
    assert aura.read_events(path, quarantine=aside).collect().height == 2
    row = json.loads(aside.read_text())
    assert (row["offset"], row["length"]) == (len(GOOD), 50_013)
    assert path.read_bytes()[row["offset"] :][: row["length"]].endswith(b'"}\n')


@pytest.mark.slow
def test_a_line_of_one_gigabyte(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "log.jsonl"
    with path.open("wb") as out:
        out.write(GOOD.encode())
        for _ in range(1024):
            out.write(b"x" * (1 << 20))
        out.write(b"\n" + GOOD.encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert aura.read_events(path, quarantine=tmp_path / "aside.jsonl").collect().height == 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_csv_with_ragged_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('type,ts,actor\nOVERRIDE,2026-01-05T10:00:00Z,anne\nOVERRIDE,2026-01-05\n\nOVERRIDE,2026-01-06,"bob"\n')
    with pytest.raises(EventError, match=r"log.csv:3: csv_unreadable: got 2 cells, expected 3"):
        aura.read_events(path).collect()
    assert aura.read_events(path, quarantine=tmp_path / "q.jsonl").collect()["actor"].to_list() == ["anne", "bob"]


def test_csv_that_is_no_log_fails_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("when,what\n1,2\n")
    with pytest.raises(SchemaError, match="column 'ts' is missing"):
        aura.read_events(path)


def test_jsonl_that_is_no_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"when": 1}\n{"when": 2}\n')
    with pytest.raises((SchemaError, EventError), match="column 'ts' is missing|ts_missing"):
        aura.read_events(path).collect()


def test_parquet_off_the_contract_is_cast_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    frame = pl.DataFrame({"type": ["OVERRIDE"], "ts": ["2026-01-05"], "actor": ["anne"], "amount": [3]})
    frame.write_parquet(path)
    table = aura.read_events(path).collect()
    assert events.is_on_contract(table) and table["attributes"][0] == '{"amount": 3}'
    frame.with_columns(type=pl.lit("OVERIDE")).write_parquet(path)
    with pytest.raises(EventError, match="row 0: type_unreadable.*OVERRIDE"):
        aura.read_events(path).collect()


def test_not_parquet(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    path.write_text("hello")
    with pytest.raises(FileFormatError, match="this is not a Parquet file"):
        aura.read_events(path)


def test_missing_unknown_and_mixed(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no events there"):
        aura.read_events(tmp_path / "nix.parquet")
    (tmp_path / "a.xlsx").write_text("x")
    with pytest.raises(FileFormatError, match="unknown kind of event file"):
        aura.read_events(tmp_path / "a.xlsx")
    aura.write_events(events.sample(20), tmp_path / "a.csv")
    aura.write_events(events.sample(20), tmp_path / "a.jsonl")
    with pytest.raises(ParameterError, match="different formats"):
        aura.read_events([tmp_path / "a.csv", tmp_path / "a.jsonl"])


def test_folder_and_glob(tmp_path: Path) -> None:
    table = events.sample(60, seed=1)
    aura.write_events(table.head(30), tmp_path / "1.jsonl")
    aura.write_events(table.slice(30), tmp_path / "2.jsonl")
    assert aura.read_events(tmp_path).collect().equals(table)
    assert aura.read_events(tmp_path / "*.jsonl").collect().equals(table)


@settings(max_examples=60)
@given(data=st.binary(max_size=400))
def test_any_bytes_as_json_lines(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "log.jsonl"
    path.write_bytes(data + b"\n" + GOOD.encode())
    table = aura.read_events(path, quarantine=folder / "aside.jsonl").collect()
    lines = sum(1 for line in (data + b"\n" + GOOD.encode()).split(b"\n") if line.removeprefix(b"\xef\xbb\xbf").strip())
    aside = (folder / "aside.jsonl").read_text().splitlines() if (folder / "aside.jsonl").exists() else []
    assert table.height + len(aside) == lines


@settings(max_examples=60)
@given(body=st.text(max_size=200))
def test_any_text_as_csv(tmp_path_factory: pytest.TempPathFactory, body: str) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "log.csv"
    path.write_text("type,ts,actor\nOVERRIDE,2026-01-05T10:00:00Z,anne\n" + body, encoding="utf-8", errors="surrogatepass")
    table = aura.read_events(path, quarantine=folder / "aside.jsonl").collect()
    assert table.height >= 1
    assert table["actor"][0] == "anne"
