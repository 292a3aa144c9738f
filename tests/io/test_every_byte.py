"""Every row of a CSV file is read or set aside, with its text and its place: stray quotes swallow nothing."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from aura_analytics.io.readers.base import Unreadable
from aura_analytics.io.readers.csv_files import Csv

HEADER = "case,step,at,who,note\n"


def read(path: Path, text: str | bytes) -> tuple[list[dict[str, str | None]], list[Unreadable]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    items = list(Csv().items(path))
    return [item[1] for item in items if isinstance(item, tuple)], [item for item in items if isinstance(item, Unreadable)]


def row(n: int, note: str = "") -> str:
    return f"C{n},open,2024-05-01 09:00,anne,{note}\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("column", [0, 3, 4])
def test_a_stray_quote_loses_its_own_row_alone(tmp_path: Path, end: str, column: int) -> None:
    rows = [row(n) for n in range(1_000)]
    cells = rows[100].rstrip("\n").split(",")
    cells[column] = f'"{cells[column]} 12 inch'
    rows[100] = ",".join(cells) + "\n"
    whole = (HEADER + "".join(rows)).replace("\n", end).encode()
    found, bad = read(tmp_path / "a.csv", whole)
    assert [each["case"] for each in found] == [f"C{n}" for n in range(1_000) if n != 100]
    (one,) = bad
    assert one.line == 102 and one.offset is not None and one.length is not None
    assert one.raw == rows[100].rstrip("\n") and whole[one.offset : one.offset + one.length].decode().strip() == one.raw


@pytest.mark.parametrize("second", ['12 inch"', '"8 inch', '"'])
def test_two_stray_quotes_do_not_put_rows_into_a_cell(tmp_path: Path, second: str) -> None:
    rows = [row(n) for n in range(1_000)]
    rows[100], rows[590] = row(100, '"12 inch'), row(590, second)
    found, bad = read(tmp_path / "a.csv", HEADER + "".join(rows))
    assert len(found) + len(bad) == 1_000 and len(bad) <= 2 and bad[0].line == 102
    assert max(len(str(each["note"])) for each in found) < 20


def test_texts_of_several_lines_stay_one_cell(tmp_path: Path) -> None:
    notes = ["two\nlines", "Dear Anne,\nthanks, all well,\n\nBob", 'he said "no",\nand left', "a\r\nb", "\n\n\n", "x," * 40 + "\ny"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["case", "note", "at"], *([f"C{n}", note, "t"] for n, note in enumerate(notes))])
    found, bad = read(tmp_path / "a.csv", out.getvalue())
    assert not bad and [each["note"] for each in found] == notes
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["case", "note"], *([f"C{n}", note] for n, note in enumerate([*notes, "Dear Anne,\nThanks, Bob"]))])
    found, bad = read(tmp_path / "b.csv", out.getvalue())
    assert not bad and [each["note"] for each in found] == [*notes, "Dear Anne,\nThanks, Bob"]


def test_long_cells_and_rows_after_them(tmp_path: Path) -> None:
    long = "x" * 200_000
    found, bad = read(tmp_path / "a.csv", HEADER + row(1, f'"{long}\n{long}"') + row(2, f'"{long}') + row(3) + row(4))
    assert [each["case"] for each in found] == ["C1", "C3", "C4"] and found[0]["note"] == f"{long}\n{long}"
    assert bad[0].line == 4 and len(bad[0].raw) == 2_000 and bad[0].length == len(row(2, f'"{long}'))


def test_places_are_bytes(tmp_path: Path) -> None:
    whole = b"\xef\xbb\xbfcase,note\nC1,Gr\xc3\xb6\xc3\x9fe\nC2,\xff\xfe,x\nC3,\xffy\n"
    found, bad = read(tmp_path / "a.csv", whole)
    assert [each["note"] for each in found] == ["Größe"] and [each.line for each in bad] == [
        3,
        4,
    ]  # bytes that are no text are not guessed
    assert "expected UTF-8; read as Windows-1252 it is 'C3,ÿy'" in bad[1].reason
    assert whole[bad[0].offset : (bad[0].offset or 0) + (bad[0].length or 0)] == b"C2,\xff\xfe,x\n"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_done_to_a_file_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    """Bytes of a sound file are changed at random; the lines of what is read and what is set aside are those of the file."""
    draw = random.Random(seed)
    data = bytearray((HEADER + "".join(row(n, draw.choice(["", "ok", '"two\nlines"', '"a ""b"""'])) for n in range(300))).encode())
    for _ in range(draw.randrange(1, 12)):
        at = draw.randrange(len(HEADER), len(data))
        data[at : at + draw.randrange(3)] = draw.choice([b'"', b'""', b",", b"\n", b"\r\n", b"\xff", b"", b',"', b'",'])
    (tmp_path / "a.csv").write_bytes(data)
    covered, last = 0, 0
    bad = []
    for item in Csv().items(tmp_path / "a.csv"):
        line = item.line if isinstance(item, Unreadable) else item[0]
        assert line > last
        last = line
        if isinstance(item, Unreadable):
            bad.append(item)
        covered += 1
    text = data.decode(errors="replace")
    names = [f"C{n}," for n in range(300)]
    found = [each for each, _ in ((item, 0) for item in Csv().items(tmp_path / "a.csv")) if isinstance(each, tuple)]
    said = "\n".join([*(",".join(str(cell) for cell in each[1].values()) for each in found), *(each.raw for each in bad)])
    assert [name for name in names if name in text and name not in said] == []
    assert covered >= 280  # no more than the rows beside the damage are taken together
    for one in bad:
        assert one.offset is not None and one.length is not None
        assert data[one.offset : one.offset + one.length].decode(errors="replace").rstrip("\r\n") == one.raw


ODD = ["=1+1", "+1", "-1", "@x", "\t=1", "'=1", "''=1", "'", "''", "'a", "=", "a=1", "-", "{}", "\r=1", "\n=1"]


def test_events_written_as_csv_hold_no_formulas_and_come_back(tmp_path: Path) -> None:
    import aura_analytics as aura

    log = aura.events.from_records(
        [{"type": "OVERRIDE", "actor": f"a{i}", "case_id": f"C{i}", "queue": one} for i, one in enumerate(ODD)]
    )
    path = tmp_path / "e.csv"
    aura.write_events(log, path)
    assert aura.read_events(path).collect().equals(log)
    cells = [cell for line in csv.reader(io.StringIO(path.read_text())) for cell in line]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    # a file of another's columns is read as it stands
    (tmp_path / "f.csv").write_text("type,ts,actor\nOVERRIDE,2026-01-05T10:00:00Z,'=1\n")
    assert aura.read_events(tmp_path / "f.csv").collect()["actor"].to_list() == ["'=1"]
