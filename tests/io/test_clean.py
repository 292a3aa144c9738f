"""Which text files are read at once: those without a fault, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_analytics.io.readers.clean import clean_csv, clean_json_lines


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,b\n1,"2,3"\n4,"x ""y"", z"', [("1", "2,3"), ("4", 'x "y", z')]),
        ('a,b\n"",""""\n', [(None, '"')]),
        ("a,b\r\n1,2\r\n3,4", [("1", "2"), ("3", "4")]),
        ('"a","b"\n"1","2"\n', [("1", "2")]),
        ('a,b\n1,"' + "," * 300 + '"\n', [("1", "," * 300)]),  # more than a byte can count
        ('a,b\n1,2""\n', None),
        ('a,b\n1"2",3\n', None),
        ('a,b\n"1"2,3\n', None),
        ('a,b\n1,"2"x"3"\n', None),
        ('a,b\n"1\n2",3\n', None),
        ('a,b\n"1,2\n', None),
        ("a,b\r\n1,2\n", None),
        ("a,b\n1,2\r3,4\n", None),
        ("a,b\n1\n", None),
        ("a,b\n1,2,3\n", None),
        ("a,b\n" + ",".join("x" * 258) + "\n", None),
        ("a,b\n1,\x00\n", None),
    ],
)
def test_csv(tmp_path: Path, text: str, rows: list[tuple[str | None, ...]] | None) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(text.encode())
    found = clean_csv(path, ["a", "b"], ",")
    assert (None if found is None else found.rows()) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"a": "1", "b": "x \\"y\\": null"}\n{"a": null}', [("1", 'x "y": null'), (None, None)]),
        ('{"a":1,"b":"a:null"}\n', None),
        ('{"a": "1", "a": "2"}\n', None),
        ('{"a" : "1"}\n', None),
        ('{"a": "\\ud83d"}\n', None),
        ('{"a": "\\ud83d\\ude00"}\n', None),
        ('{"a": ["1"]}\n', None),
        ('{"a": "1"}\n\n{"a": "1"}\n', None),
    ],
)
def test_json_lines(tmp_path: Path, text: str, rows: list[tuple[str | None, ...]] | None) -> None:
    path = tmp_path / "l.jsonl"
    path.write_text(text)
    found = clean_json_lines(path, 1 << 20, ["a", "b"])
    assert (None if found is None else found.rows()) == rows
