"""`aura case-mix`: the same numbers as from Python."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app


def test_the_same_as_from_python(tmp_path: Path) -> None:
    log = aura.sample_log(2000, seed=1)
    path = aura.write_events(log, tmp_path / "log.parquet")
    run = CliRunner().invoke(app, ["case-mix", str(path), "--covariates", "queue", "--window", "all", "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.output)
    found = aura.case_mix(log, ["queue"], window="all")
    assert told["actors"] == found.actors.to_dicts()
    assert told["outliers"] == found.outliers(0.99, "additive").to_dicts()
    shown = CliRunner().invoke(app, ["case-mix", str(path), "--window", "all", "--out", str(tmp_path / "mix.csv")])
    assert shown.exit_code == 0 and "O/E" in shown.output and "no finding" in shown.output
    assert pl.read_csv(tmp_path / "mix.csv").height == found.actors.height
