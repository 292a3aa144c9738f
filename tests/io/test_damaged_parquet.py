"""Damaged Parquet files: our error whatever is wrong, and never the end of the process."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import FileFormatError
from aura_analytics.io.readers.parquet_pages import PagesError, check_pages
from tests.conftest import ROOT

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def written(path: Path, rows: int = 2_000) -> Path:
    events = [
        {"event_id": f"e{i}", "ts": START + timedelta(minutes=i), "type": "OVERRIDE", "actor": f"a{i % 17}", "case_id": f"c{i}"}
        for i in range(rows)
    ]
    return aura.write_events(events, path) or path


def damaged(whole: bytes, seed: int) -> bytes:
    """A file that was cut off, or some of whose bytes were changed: anywhere, in its footer, or a stretch of it."""
    draw = random.Random(seed)
    data, kind = bytearray(whole), draw.randrange(4)
    footer = int.from_bytes(data[-8:-4], "little")
    if kind == 0:
        return bytes(data[: draw.randrange(len(data))])
    for _ in range(draw.choice([1, 1, 3, 50]) if kind < 3 else 1):
        at = draw.randrange(len(data)) if kind != 2 else len(data) - 8 - footer + draw.randrange(footer)
        data[at : at + (1 if kind < 3 else draw.randrange(64))] = draw.randbytes(1 if kind < 3 else draw.randrange(64))
    return bytes(data)


PROGRAM = """
import sys
from pathlib import Path
import aura_analytics as aura
from aura_analytics.errors import AuraError
from tests.io.test_damaged_parquet import damaged
good, bad, doors = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[5])
for seed in range(int(sys.argv[3]), int(sys.argv[4])):
    bad.write_bytes(damaged(good.read_bytes(), seed))
    said = []
    for door in (lambda: aura.read_events(bad).collect(), lambda: aura.dossiers(bad, window="all"))[:doors]:
        try:
            door()
        except AuraError as error:
            said.append(str(error))
        except BaseException as error:
            print(seed, type(error), error, flush=True)
"""


def odd(tmp_path: Path, seeds: range, doors: int) -> str:
    good = written(tmp_path / "good.parquet")
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(good),
        str(tmp_path / "bad.parquet"),
        str(seeds.start),
        str(seeds.stop),
        str(doors),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return done.stdout + (done.stderr[:2_000] if done.returncode else "")


@pytest.mark.slow
def test_damaged_files_are_our_error(tmp_path: Path) -> None:
    assert odd(tmp_path, range(300), 2) == ""


@pytest.mark.slow
def test_twenty_thousand_damaged_files(tmp_path: Path) -> None:
    assert odd(tmp_path, range(20_000), 1) == ""


def test_a_page_that_claims_more_than_its_column_has(tmp_path: Path) -> None:
    """Polars asks for as much memory as a page says it has values, and the process ends: the file is not given to it."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": [None, "a"] * 50}).write_parquet(path, compression="uncompressed", statistics=False)
    whole = path.read_bytes()
    check_pages(path)
    number = bytes([0xC8, 0x01])  # 100, as a variable-length integer in zigzag
    at = whole.index(number)
    huge = whole[:at] + bytes([0xFE, 0xFF]) + whole[at + 2 :]
    path.write_bytes(huge)
    with pytest.raises(PagesError):
        check_pages(path)
    with pytest.raises(FileFormatError, match=r"a\.parquet: the Parquet file is damaged|damaged.*a\.parquet"):
        aura.read_events(path)


@pytest.mark.parametrize("rows", [0, 1, 10, 5_000])
def test_sound_files_pass(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"n": range(rows), "t": [f"{i % 7}" for i in range(rows)], "l": [[i] * (i % 3) for i in range(rows)]},
        schema={"n": pl.Int64, "t": pl.String, "l": pl.List(pl.Int64)},
    ).with_columns(s=pl.struct("n", "t"), c=pl.col("t").cast(pl.Categorical), e=pl.lit(None, dtype=pl.String))
    frame.write_parquet(path, row_group_size=700, data_page_size=512)
    check_pages(path)
    frame.drop("c").write_parquet(path, use_pyarrow=True)
    check_pages(path)
