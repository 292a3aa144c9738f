"""Small files that unfold without end are refused, in bounded memory and time, with the limit in the error."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.decisions.file.segments import Packed, pack
from aura_analytics.errors import FileFormatError
from aura_analytics.io.log_table import log_table
from aura_analytics.io.readers.xes import xes_records
from aura_analytics.yaml_text import YamlTextError, loaded


def _keys(n: int) -> str:
    return "<log>" + "".join(f'<trace><event><string key="k{i}" value="v"/></event></trace>' for i in range(n)) + "</log>"


def _deep() -> str:
    return "<log>" + "<list>" * 100_000


def _carried() -> str:
    return f'<log><trace><string key="a" value="{"x" * 100_000}"/>' + "<event/>" * 100_000 + "</trace></log>"


def _long_tag() -> str:
    return '<log><trace><event><string key="' + "k" * 40_000_000


XES: list[tuple[Callable[[], str], str]] = [
    (lambda: _keys(20_000), "too many different keys"),
    (_deep, "too deep"),
    (_carried, "attributes of its traces"),
    (_long_tag, "one tag or text"),
]


@pytest.mark.parametrize(("make", "says"), XES, ids=["keys", "deep", "carried", "tag"])
def test_xes(tmp_path: Path, make: Callable[[], str], says: str) -> None:
    path = tmp_path / "log.xes"
    path.write_text(make())
    code = (
        "import sys; from pathlib import Path\n"
        "from aura_analytics.io.log_table import log_table\n"
        "from aura_analytics.errors import FileFormatError\n"
        "try: log_table(sys.argv[1])\n"
        "except FileFormatError as error: print(error)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *said, kibibytes = done.stdout.splitlines()
    assert says in " ".join(said) and str(path) in " ".join(said)
    assert int(kibibytes) < 700_000


def test_a_compressed_log_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aura_analytics.io.readers.xes._UNPACKED", 1 << 26)
    path = tmp_path / "log.xes.gz"
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as out:
        out.write(squeezer.compress(b"<log>"))
        for _ in range(100):
            out.write(squeezer.compress(b" " * (1 << 20)))
        out.write(squeezer.flush())
    assert path.stat().st_size < 200_000
    with pytest.raises(FileFormatError, match="unfolds to too much: unpacked: got 'more than 67,108,864 bytes'"):
        list(xes_records(path))


def test_records_with_keys_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({f"k{i}": 1}) + "\n" for i in range(6_000)))
    with pytest.raises(FileFormatError, match="too many different keys to be a table: got '5,001 in 6,000 records'"):
        log_table(path)


def test_records_that_share_few_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"all": 1, f"k{i % 50}": 1}) + "\n" for i in range(1_000)))
    table, aside = log_table(path)
    assert table.shape == (1_000, 51) and not aside
    monkeypatch.setattr("aura_analytics.io.log_table.EMPTY", 49_000)
    assert log_table(path)[0].shape == (1_000, 51)
    monkeypatch.setattr("aura_analytics.io.log_table.EMPTY", 48_999)
    with pytest.raises(FileFormatError, match="48,999 cells that stay empty"):
        log_table(path)


def test_a_parquet_file_of_one_row_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.LazyFrame({"ts": [1]}).select(pl.repeat("a", 20_000_000).alias("type")).sink_parquet(path)
    with pytest.raises(FileFormatError, match="it claims 20,000,000 rows in"):
        aura.read_events(path)


@pytest.mark.parametrize("foreign", [False, True])
def test_a_segment_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool) -> None:
    path = tmp_path / "log-2026-01-05.jsonl.gz"
    lines = [b"x" * 100] * 20_000
    if foreign:
        path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
        monkeypatch.setattr("aura_analytics.decisions.file.segments._LARGEST_FILE", 101 * 20_000)
        assert b"".join(Packed(path).pieces(0)) == b"\n".join(lines) + b"\n"
        monkeypatch.setattr("aura_analytics.decisions.file.segments._LARGEST_FILE", 101 * 20_000 - 1)
    else:
        pack(lines, path)
        assert b"".join(Packed(path).pieces(0)) == b"\n".join(lines) + b"\n"
        raw = bytearray(path.read_bytes())
        raw[20:24] = (1_000).to_bytes(4, "little")  # the block says that it unpacks to this
        path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="it unpacks to more than it may"):
        b"".join(Packed(path).pieces(0))


def test_a_block_that_says_too_much(tmp_path: Path) -> None:
    path = tmp_path / "log-2026-01-05.jsonl.gz"
    pack([b"x" * 100], path)
    raw = bytearray(path.read_bytes())
    raw[20:24] = (1 << 31).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="a block says a size that none has"):
        Packed(path)


def _doubling(first: str, item: str) -> str:
    return first + "".join(item.format(i, ",".join([f"*a{i - 1}"] * 10)) for i in range(1, 9))


YAML = [
    (_doubling("a0: &a0 [x]\n", "a{0}: &a{0} [{1}]\n"), "its aliases repeat more than 10,000 values"),
    (_doubling("a0: &a0 {k: 1}\n", "a{0}: &a{0} {{<<: [{1}]}}\n"), "its aliases repeat more than 10,000 values"),
    ("a: [" + "1, " * 400_000 + "]", "the text is too long: got '1,200,005 characters', expected at most 1,048,576"),
    ("[" * 5_000, "recursion"),
    ("a: " + "1" * 5_000, "a number has too many digits"),
]


@pytest.mark.parametrize(("text", "says"), YAML, ids=["aliases", "merge", "long", "deep", "digits"])
def test_yaml(text: str, says: str) -> None:
    with pytest.raises(YamlTextError, match=says):
        loaded(text, "p.yaml")
