"""`aura export` and `aura lab`: pages that work from a file, and notebooks to work in."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from tests.cli.test_cli import run

ANNE = "officer_anne@sba.gov"


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    aura.sample_log(seed=7).write_parquet(path)
    return path


@pytest.mark.slow
def test_pages_of_events(events: Path, tmp_path: Path) -> None:
    said = run("export", events, cwd=tmp_path).stdout
    assert "1 of 10 flagged" in said and "aura-tuner" in (tmp_path / "tuner.html").read_text("utf-8")
    told = json.loads(run("export", events, "--page", "explorer", "--sla", "48h", "--most", "3", "--json", cwd=tmp_path).stdout)
    page = tmp_path / "explorer.html"
    text = page.read_text("utf-8")
    assert told["flagged"] == [ANNE] and "aura-explorer" in text and "SLA breach rate" in text
    assert told["bytes"] == page.stat().st_size
    run("export", events, cwd=tmp_path)  # a page of ours is written anew, as by `aura report`
    (tmp_path / "tuner.html").write_text("<html>of somebody else</html>")
    refused = run("export", events, cwd=tmp_path, code=2).stderr
    assert "exists already" in refused and "--force" not in refused


@pytest.mark.slow
def test_pages_of_ledgers_and_worlds(events: Path, tmp_path: Path) -> None:
    with aura.Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        ledger.record_events(aura.read_events(events))
    said = run("export", f"sqlite:///{tmp_path}/aura.db", "--page", "explorer", "--out", "a.html", cwd=tmp_path).stdout
    assert ANNE in said
    run("export", "--scenario", "fraud_unit", "--page", "explorer", "--out", "b.html", cwd=tmp_path)
    assert "rubber_stamp" in (tmp_path / "b.html").read_text("utf-8")


def test_what_does_not_fit_is_said(events: Path, tmp_path: Path) -> None:
    assert "needs events or a scenario" in run("export", cwd=tmp_path, code=2).stderr
    assert "belongs to the explorer" in run("export", events, "--window", "30d", cwd=tmp_path, code=2).stderr
    both = ("--page", "explorer", "--scenario", "fraud_unit")
    assert "belongs to the tuner" in run("export", events, *both, cwd=tmp_path, code=2).stderr
    assert not list(tmp_path.glob("*.html"))


def test_notebooks_to_work_in(tmp_path: Path) -> None:
    told = json.loads(run("lab", "mine", "--no-start", "--json", cwd=tmp_path).stdout)
    names = sorted(path.name for path in (tmp_path / told["notebooks"]).iterdir())
    assert [name[:2] for name in names] == [f"{number:02d}" for number in range(12)]
    mine = tmp_path / told["notebooks"] / names[0]
    mine.write_text("mine")
    run("lab", "mine", "--no-start", cwd=tmp_path)
    assert mine.read_text() == "mine"  # what is there stays


def test_one_s_own_ledger_is_found(events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.lab import own_ledger, own_log

    monkeypatch.delenv("AURA_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    log, said = own_log()
    assert "made-up" in said and own_ledger(tmp_path) is None and isinstance(log, pl.DataFrame)
    with aura.Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_events(aura.read_events(events))
    log, said = own_log()
    assert isinstance(log, aura.Ledger) and f"{len(log):,} events" in said and own_ledger(tmp_path) == str(tmp_path / "aura.db")
    log.close()
    monkeypatch.setenv("AURA_LEDGER", "sqlite:///elsewhere.db")
    assert own_ledger(tmp_path) == "sqlite:///elsewhere.db"
