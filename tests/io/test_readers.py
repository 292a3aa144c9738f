"""Readers of files: cells longer than the process allows, several files as one log, and a reader of one's own."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import FileFormatError, FileMissingError, ParameterError
from aura_analytics.io.readers.base import Item, Reader, Unreadable
from aura_analytics.io.readers.csv_files import Csv
from aura_analytics.io.readers.registry import Readers, readers


def test_a_long_cell_is_read_and_the_limit_of_the_process_stays(tmp_path: Path) -> None:
    long = 'x"y,\n' * 40_000  # quotes, commas and line ends inside, longer than the standard library's limit of a field
    path = tmp_path / "wide.csv"
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([["a", "b", "c"], ["1", long, "2"], ["3", "", 'last "one"']])
    limit = csv.field_size_limit(1_000)
    try:
        items = list(Csv().items(path))
        assert csv.field_size_limit() == 1_000
    finally:
        csv.field_size_limit(limit)
    first, second = items
    assert first == (2, {"a": "1", "b": long, "c": "2"})
    assert second == (3 + long.count("\n"), {"a": "3", "b": None, "c": 'last "one"'})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('1,"' + "y" * 200_000 + '"z,2', "',' expected after"),
        ('1,"' + "y" * 200_000, "not closed"),
        ('1,a"b,"' + "y" * 200_000, "not closed"),
        ("1," + "y" * 200_000, "got 2 cells, expected 3"),
    ],
)
def test_a_long_row_that_is_no_csv_is_set_aside_by_its_line(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "torn.csv"
    path.write_text(f"a,b,c\n{text}\n")
    (item,) = Csv().items(path)
    assert isinstance(item, Unreadable) and item.line == 2 and reason in item.reason


def test_several_files_are_one_log_and_a_bad_line_names_its_file(tmp_path: Path) -> None:
    head = "claim,step,at,who\n"
    (tmp_path / "2026-01.csv").write_text(head + "C1,suggest-pay,2026-01-05 09:00,bot\n")
    (tmp_path / "2026-02.csv").write_text(head + "C1,refuse,2026-02-05 11:00,anne\nC2,refuse\n")
    mapping = aura.LogMapping.model_validate(
        {
            "name": "claims",
            "columns": {"case": "claim", "activity": "step", "time": "at", "actor": "who"},
            "recommendations": [{"activity": "suggest-pay", "says": "PAY"}],
            "verdicts": [{"activity": "refuse", "says": "REFUSE"}],
        }
    )
    for source in (tmp_path, tmp_path / "2026-*.csv", [tmp_path / "2026-01.csv", tmp_path / "2026-02.csv"]):
        table, report = aura.import_log_report(source, mapping)
        assert table.select("type", "actor", "agent").rows() == [("OVERRIDE", "anne", "bot")]
        assert (report.rows, len(report.unreadable)) == (2, 1)
        report.set_aside(source, tmp_path / "aside.txt")
        aside = json.loads((tmp_path / "aside.txt").read_text())
        assert (Path(aside["file"]).name, aside["line"]) == ("2026-02.csv", 3)
    with pytest.raises(FileMissingError, match="no log there"):
        aura.import_log(tmp_path / "2027-*.csv", mapping)


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".jsonl", ".ndjson", ".csv"])
def test_every_format_of_events_comes_back(tmp_path: Path, suffix: str) -> None:
    table = aura.as_events(
        [{"type": "OVERRIDE", "actor": "anne", "ts": "2026-01-05T10:00:00Z", "penalties": ["late", 'a, "b"']}]
    ).collect()
    path = aura.write_events(table, tmp_path / f"day{suffix}")
    assert aura.read_events(path).collect().equals(table)
    assert aura.as_events(tmp_path / f"*{suffix}").collect().equals(table)


def test_a_format_that_is_only_read_is_not_written(tmp_path: Path) -> None:
    class Pipes(Reader):
        """Cells between pipes."""

        name, suffixes = "pipes", (".psv",)

        def items(self, path: Path) -> Iterator[Item]:
            for line, text in enumerate(path.read_text().splitlines(), 1):
                yield line, dict(zip(("type", "actor", "ts"), text.split("|"), strict=True))

    with pytest.raises(FileFormatError, match="only read"):
        Pipes().write(aura.as_events([]), tmp_path / "a.psv")
    known = Readers([Pipes()])
    assert known.of("x/DAY.PSV").name == "pipes"
    with pytest.raises(ParameterError, match=r"suffix of reader pipes is taken.*psv"):
        known.add(Pipes())


def test_a_reader_that_lacks_a_part_is_refused() -> None:
    class Empty(Reader):
        """Nothing."""

        name = "empty"

    with pytest.raises(ParameterError, match=r"Empty lacks a part.*suffixes, items \(or scan\)"):
        Readers([Empty()])
    with pytest.raises(ParameterError, match="that is no reader"):
        Readers().add("csv")  # type: ignore[arg-type]


def test_an_unknown_suffix_names_what_is_read() -> None:
    with pytest.raises(FileFormatError, match=r"unknown kind of log.*\.xes\.gz"):
        readers().of("a.docx")
    with pytest.raises(FileFormatError, match=r"unknown kind of event file.*import_log"):
        readers().of("a.xes", events=True)


CLEAN = {
    "plain": b"a,b\n1,2\n3,\n",
    "no end": b"a,b\n1,2",
    "windows": b"a,b\r\n1,2\r\n,x\r\n",
    "quoted": b'a,b\n"x, ""y""",2\n"",3\n',
    "words": "a;b\nä;ß\n".encode(),
    "json": b'{"a":1,"b":null}\n{"b":"x","a":1.50}\n',
    "spaced": b'{"a": true, "b": 1e3}\n{"a": 123456789012345678901234567890, "b": 1e-7}\n',
}
FAULTS = {
    "short": b"a,b\n1\n1,2,3\n",
    "blank": b"a,b\n\n1,2\n",
    "stray": b'a,b\n1,"x\n1,2\n',
    "inside": b'a,b\n1,x"y"\n',
    "two lines": b'a,b\n1,"x\ny"\n',
    "lone return": b"a,b\n1,x\ry\n",
    "latin": b"a,b\n1,M\xfcller\n",
    "nothing": b"a,b\n1,\x00\n",
    "doubled": b"a,a\n1,2\n",
    "json": b'{"a":1}\n{"a":\n',
    "nested": b'{"a":{"b":1}}\n',
    "twice": b'{"a":1,"a":2}\n',
    "late": b'{"a":1}\n' * 1_001 + b'{"b":1}\n',
    "half": b'{"a":"\\ud83d"}\n',
    "empty line": b'{"a":1}\n\n{"a":2}\n',
    "list": b'{"a":1}\n[1]\n',
}


def careful(path: Path) -> tuple[pl.DataFrame, list[int]]:
    from aura_analytics.io import log_table as table

    aside: list[Unreadable] = []
    lines: list[int] = []
    reader = readers().of(path)
    frames = list(table.tables_of_records(table.records_of(reader.items(path), aside, lines, ()), path, set(), set()))
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame(), lines


@pytest.mark.parametrize("name", CLEAN)
def test_a_file_without_a_fault_is_read_at_once_and_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("l.jsonl" if CLEAN[name][:1] == b"{" else "l.csv")
    path.write_bytes(CLEAN[name])
    found = readers().of(path).clean(path)
    slow, lines = careful(path)
    assert found is not None and found.equals(slow.select(found.columns))
    assert lines == list(range(readers().of(path).begins, readers().of(path).begins + found.height))


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_with_a_fault_is_read_with_care(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("l.jsonl" if FAULTS[name][:1] == b"{" else "l.csv")
    path.write_bytes(FAULTS[name])
    assert readers().of(path).clean(path) is None


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_read_at_once_is_what_care_reads(tmp_path: Path, kind: str, seed: int) -> None:
    """Random files, some with a changed byte: where the fast way says anything, it says the same."""
    draw = random.Random(seed)
    words = ["", "x", "a b", "ü", "1.0", "-3", "null", "true", 'q"q', "a,b", " s "]
    rows = [{name: draw.choice(words) for name in "abc"} for _ in range(30)]
    if kind == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, ["a", "b", "c"], lineterminator=draw.choice(["\n", "\r\n"]))
        writer.writeheader()
        writer.writerows(rows)
        data = bytearray(out.getvalue().encode())
    else:
        numbers: list[dict[str, object]] = [{**row, "d": draw.choice([None, 1, 2.5, 1.0, 1e21, True])} for row in rows]
        data = bytearray("".join(json.dumps(row, ensure_ascii=draw.random() < 0.5) + "\n" for row in numbers).encode())
    path = tmp_path / f"l.{kind}"
    for _ in range(40):
        changed = bytearray(data)
        if draw.random() < 0.7:
            changed[draw.randrange(6, len(data))] = draw.choice(b'",\n\r{}:x\\ \xff')
        path.write_bytes(changed)
        try:
            found = readers().of(path).clean(path)
        except FileFormatError:
            continue
        if found is not None:
            slow, _ = careful(path)
            assert found.equals(slow.select(found.columns)), bytes(changed)
