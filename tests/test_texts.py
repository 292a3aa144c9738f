"""Names from outside: shown, never sent, and never a formula."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import charts
from aura_analytics.charts.render import spec_of
from aura_analytics.cli.terminal import shown_only
from aura_analytics.texts import escaped, escaped_within
from aura_analytics.widgets import DossierExplorer

ODD = ["Anne\x0bLee", "a\x01b", "a\x1b[2Jb", "a\ufffeb", "a\x9bb"]


def logged(*names: str) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for name in names:
        for i, kind in enumerate(("OVERRIDE", "DECISION", "OVERRIDE")):
            rows.append(
                {"type": kind, "ts": f"2026-03-0{1 + i}T10:00:00Z", "actor": name, "actor_kind": "officer", "case_id": f"{i}"}
            )
    return aura.events.from_records(rows)


def test_escaped() -> None:
    assert [escaped(name) for name in ODD] == ["Anne\\x0bLee", "a\\x01b", "a\\x1b[2Jb", "a\\xfffeb", "a\\x9bb"]
    assert escaped("Zoë\tMüller\n張") == "Zoë\tMüller\n張"
    assert escaped_within({"\x01": ["\x02", 3, {"a": "\x03"}]}) == {"\\x01": ["\\x02", 3, {"a": "\\x03"}]}


@pytest.mark.parametrize("name", ODD)
def test_pictures_and_pages_of_such_names(name: str, tmp_path: Path) -> None:
    log = logged(name)
    page = aura.write_report(log, tmp_path / "r.html", policy="tracker")
    assert page.stat().st_size > 1000
    series = aura.rolling(log, ["override_rate"], window="30d")
    assert charts.svg(charts.series(series, "override_rate")).startswith("<svg")
    assert DossierExplorer(log)._repr_mimebundle_()


def test_the_terminal_gets_no_escape(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    rows = logged("\x1b[2J\x1b]0;owned\x07bob", "=1+1").to_dicts()
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    command = [sys.executable, "-m", "aura_analytics", "dossiers", str(path), "--out", str(tmp_path / "o.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout + done.stderr and "\\x1b[2J" in done.stdout.replace("\n", "").replace(" ", "")
    with (tmp_path / "o.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+")) or "\x1b" in cell] and "'=1+1" in cells


def test_colours_of_our_own_stay_on_a_terminal() -> None:
    class Terminal:
        def __init__(self) -> None:
            self.text = ""

        def write(self, text: str) -> int:
            self.text += text
            return len(text)

        def isatty(self) -> bool:
            return True

    terminal: Any = Terminal()
    shown_only(terminal).write("\x1b[31mred\x1b[0m \x1b[2J \x1b]0;x\x07")
    assert terminal.text == "\x1b[31mred\x1b[0m \\x1b[2J \\x1b]0;x\\x07"


def test_names_that_look_alike_are_named() -> None:
    names = ["Zo\u00eb", "Zoe\u0308", "zoë", "Zoë ", "bob"]
    board = aura.dossiers(logged(*names))
    said = dict(board.select("actor", "warnings").iter_rows())
    assert all("4 names differ only in case, spaces or normal form" in said[name][0] for name in names[:4]) and said["bob"] == []


def test_charts_are_in_utc() -> None:
    spec = json.loads(spec_of(charts.series(aura.rolling(logged("anne"), ["override_rate"], window="30d"), "override_rate")))
    assert spec["layer"][0]["encoding"]["x"]["scale"] == {"type": "utc"}
