"""Events where such users keep them: Delta tables and partitioned datasets, through every door the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import FileFormatError, InputError
from aura_analytics.io import elsewhere
from aura_analytics.io.elsewhere import is_elsewhere


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return aura.sample_log(800, seed=3)


@pytest.fixture(scope="module")
def delta(log: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("deltalake")
    folder = tmp_path_factory.mktemp("tables") / "events"
    plain = log.with_columns(pl.selectors.enum().cast(pl.String))
    plain.head(1500).write_delta(folder)
    plain.slice(1500).write_delta(folder, mode="append")
    return folder


def test_a_delta_table_is_a_log(log: pl.DataFrame, delta: Path) -> None:
    assert aura.dossiers(delta).equals(aura.dossiers(log))
    assert aura.dossiers(f"delta+{delta}").equals(aura.dossiers(log))
    found = CliRunner().invoke(app, ["dossiers", str(delta), "--json"])
    assert found.exit_code == 0, found.output
    assert {row["actor"] for row in json.loads(found.stdout)} == set(aura.dossiers(log)["actor"])


def test_a_partitioned_dataset_is_a_log(log: pl.DataFrame, tmp_path: Path) -> None:
    for (month,), part in log.with_columns(month=pl.col("ts").dt.strftime("%Y-%m")).partition_by("month", as_dict=True).items():
        (tmp_path / f"month={month}").mkdir()
        part.drop("month").write_parquet(tmp_path / f"month={month}" / "part.parquet")
    assert aura.dossiers(tmp_path).equals(aura.dossiers(log))


def test_what_a_path_says_is_said_of_its_rows(log: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storage is read by polars; a local address stands in for it here."""
    known = log.filter(pl.col("queue").is_not_null())
    for (queue,), part in known.partition_by("queue", as_dict=True).items():
        (tmp_path / f"queue={queue}" / "month=1").mkdir(parents=True)
        part.drop("queue").write_parquet(tmp_path / f"queue={queue}" / "month=1" / "part.parquet")
    monkeypatch.setattr(elsewhere, "_STORES", ("file",))
    found = aura.as_events(f"file://{tmp_path}").collect().sort("event_id")
    assert found.equals(known.sort("event_id"))


def test_what_is_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    pytest.importorskip("deltalake")
    pl.DataFrame({"actor": ["a"], "points": [3]}).write_delta(tmp_path / "other")
    with pytest.raises(InputError):
        aura.dossiers(tmp_path / "other")
    (tmp_path / "torn" / "_delta_log").mkdir(parents=True)
    with pytest.raises((FileFormatError, OSError), match="events that are kept elsewhere cannot be read"):
        aura.dossiers(tmp_path / "torn")


def test_addresses() -> None:
    assert is_elsewhere("az://box/log/*.parquet") and is_elsewhere("delta+abfs://box/log") and is_elsewhere("hf://datasets/x/y")
    assert not is_elsewhere("sqlite:///aura.db") and not is_elsewhere("events.parquet") and not is_elsewhere(3)


def test_nothing_is_loaded_without_the_extra() -> None:
    code = (
        "import aura_analytics as a, sys; a.dossiers(a.sample_log(200)); a.rule_error_rates('tracker', 'fraud_unit', 2, days=7)\n"
    )
    code += "print([name for name in ('dask', 'distributed', 'deltalake') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
