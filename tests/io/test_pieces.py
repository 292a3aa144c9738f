"""A large log is imported in pieces, in bounded memory, and comes out as one that is read at once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import aura_analytics as aura
from aura_analytics.errors import MappingError
from aura_analytics.io import imported as importing
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.imported import imported

MAPPING: dict[str, Any] = {
    "name": "pieces",
    "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who", "confidence": "conf"},
    "actor_kinds": {"bot": "agent"},
    "open": ["file"],
    "resolve": ["pay", "refuse"],
    "recommendations": [{"activity": "suggest-pay", "says": "PAY"}],
    "verdicts": [{"activity": "pay", "says": "PAY"}, {"activity": "refuse", "says": "REFUSE"}],
    "ratings": [{"activity": "survey", "value": "stars", "optional": True}],
}


def mapping(**more: Any) -> aura.LogMapping:
    return aura.LogMapping.model_validate(MAPPING | more)


def log(rows: int, seed: int) -> list[dict[str, object]]:
    """A log in no order in which some cases, people, times and numbers are missing or wrong, and some rows stand twice."""
    draw = random.Random(seed)
    made: list[dict[str, object]] = []
    for _ in range(rows):
        step = draw.choice(["file", "suggest-pay", "pay", "refuse", "survey", "call"])
        row: dict[str, object] = {
            "case": f"K{draw.randrange(rows // 4)}" if draw.random() > 0.02 else None,
            "step": step,
            "at": f"2026-01-{draw.randrange(1, 29):02}T{draw.randrange(24):02}:00:00" if draw.random() > 0.02 else "soon",
            "who": "bot" if step == "suggest-pay" else f"p{draw.randrange(9)}",
            "conf": draw.choice([0.5, 0.9, "high"]) if step == "suggest-pay" and draw.random() > 0.3 else None,
            "stars": draw.randrange(1, 6) if step == "survey" else None,
            "note": draw.choice([None, 'said "no"', "ä", {"a": [1]}]),
        }
        made += [row] * (2 if draw.random() < 0.02 else 1)
    return made


def both(path: Any, chosen: aura.LogMapping) -> list[tuple[pl.DataFrame, ImportReport]]:
    found = []
    for rows in (10**9, 5):
        with imported(path, chosen, rows=rows) as one:
            found.append((one.table(), one.report))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "files", "damaged"])
@pytest.mark.parametrize("seed", range(4))
def test_in_pieces_and_at_once_are_the_same(tmp_path: Path, kind: str, seed: int) -> None:
    rows = log(400, seed)
    path: Any = tmp_path / f"log.{'jsonl' if kind == 'files' else 'csv' if kind == 'damaged' else kind}"
    texts = [{key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()} for row in rows]
    frame = pl.DataFrame(texts, infer_schema_length=None, strict=False)
    if kind in ("csv", "damaged"):
        frame.write_csv(path)
        if kind == "damaged":
            lines = path.read_bytes().split(b"\n")
            path.write_bytes(b"\n".join([*lines[:50], b"too,few", *lines[50:200], b"\xff" + lines[200], *lines[201:]]))
    elif kind == "parquet":
        frame.write_parquet(path)
    else:
        parts = [rows] if kind == "jsonl" else [rows[:250], rows[150:]]  # two files that overlap
        path = [tmp_path / f"{number}.jsonl" for number in range(len(parts))]
        for target, part in zip(path, parts, strict=True):
            target.write_text("".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in part))
    (whole, told), (pieces, also) = both(path, mapping())
    assert_frame_equal(pieces, whole)
    assert also.to_dict() == told.to_dict()
    assert also.reasons(50) == told.reasons(50)
    assert told.refused
    for report, name in ((told, "whole"), (also, "pieces")):
        report.set_aside(path, tmp_path / f"{name}.jsonl")
    assert (tmp_path / "pieces.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_what_is_only_seen_of_all_rows(tmp_path: Path) -> None:
    """A word written in two ways, thumbs for stars, an id that two cases have: each piece by itself would look right."""
    path = tmp_path / "log.csv"
    told = "case,step,at,who,conf,stars,id\n"
    told += "".join(f"K{i},file,2026-01-05T09:00,anne,,,a{i}\nK{i},survey,2026-01-05T10:00,anne,,1,b{i}\n" for i in range(3))
    told += "K8,suggest-pay,2026-01-05T09:00,bot,,,c\nK8,pay,2026-01-05T10:00,anne,,,d\nK9,refuse,2026-01-05T11:00,bob,,,e\n"
    path.write_text(told)
    with pytest.raises(MappingError, match="not a scale of 1 to 5"), imported(path, mapping(), rows=1):
        pass
    path.write_text(told.replace(",1,b", ",4,b"))
    chosen = mapping(verdicts=[{"activity": "pay", "says": "PAY"}, {"activity": "refuse", "says": "pay "}])
    with pytest.raises(MappingError, match="do not speak of the same"), imported(path, chosen, rows=1):
        pass
    path.write_text(told.replace(",1,b", ",4,b").replace("b0\n", "b1\n"))
    chosen = mapping(columns=MAPPING["columns"] | {"event_id": "id"})
    (whole, one), (pieces, other) = both(path, chosen)
    assert_frame_equal(pieces, whole)
    assert other.to_dict() == one.to_dict()
    assert one.refused.counts


def test_a_log_without_a_fault_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken of a file before its fault was found is forgotten: each row counts once."""
    from aura_analytics.io.readers import clean

    path = tmp_path / "log.jsonl"
    rows = [{"case": f"K{i}", "step": "file", "at": "2026-01-05T09:00:00", "who": "anne"} for i in range(3_000)]
    late = {**rows[0], "more": "x"}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, late]))
    monkeypatch.setattr(clean, "_BLOCK", 10_000)
    chosen = aura.LogMapping.model_validate(
        {"name": "m", "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who"}, "open": ["file"]}
    )
    (whole, told), (pieces, also) = both(path, chosen)
    assert told.rows == also.rows == 3_001
    assert_frame_equal(pieces, whole)


def test_nothing_stays_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    (tmp_path / "log.csv").write_text("case,step,at,who\n" + "".join(f"K{i},file,2026-01-05T09:00,anne\n" for i in range(50)))
    chosen = aura.LogMapping.model_validate(
        {"name": "m", "columns": {"case": "case", "activity": "step", "time": "at", "actor": "who"}, "open": ["file"]}
    )
    monkeypatch.setattr(importing, "ROWS", 5)
    report = aura.convert_log(tmp_path / "log.csv", chosen, tmp_path / "out.parquet")
    assert report.events == pl.read_parquet(tmp_path / "out.parquet").height == 50
    with pytest.raises(MappingError), imported(tmp_path / "log.csv", mapping()):
        pass
    assert list((tmp_path / "temp").iterdir()) == []


_IMPORT = """
import re, sys
from pathlib import Path
import aura_analytics as aura
report = aura.convert_log(sys.argv[1], sys.argv[2], sys.argv[3], overwrite=True)
most = re.search("VmHWM: *([0-9]+)", Path("/proc/self/status").read_text().replace(chr(9), " "))
print(report.events, int(most[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_memory_is_bounded(tmp_path: Path, kind: str) -> None:
    from tests.benchmarks.importing import MAPPING as BENCHMARK
    from tests.benchmarks.importing import log_of

    one, paths = log_of(1_000_000), []
    for part in range(3):
        paths.append(tmp_path / f"{part}.{kind}")
        frame = one.with_columns(case=pl.col("case") + f"-{part}")
        write: dict[str, Callable[[Path], Any]] = {
            "csv": frame.write_csv,
            "jsonl": frame.write_ndjson,
            "parquet": frame.write_parquet,
        }
        write[kind](paths[-1])
    (tmp_path / "m.yaml").write_text(json.dumps(BENCHMARK))
    glob, out = str(tmp_path / f"[0-2].{kind}"), str(tmp_path / f"out.{kind}")
    command = [sys.executable, "-c", _IMPORT, glob, str(tmp_path / "m.yaml"), out]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    events, peak = map(int, made.stdout.split())
    assert events == 2_400_000
    assert peak < 600, peak
