"""`aura mapping` and `aura start`, as a stranger uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import aura_analytics as aura
from tests.cli.test_cli import run
from tests.io.test_log_kinds import DECISIONS, JUNE, MAY


@pytest.mark.slow
def test_suggest_check_import(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(DECISIONS)
    told = run("mapping", "suggest", "claims.csv", "--out", "m.yaml", cwd=tmp_path)
    assert "aura mapping check claims.csv --mapping m.yaml" in told.stdout and "look at: the times say no zone" in told.stderr
    assert "pairs:" in run("mapping", "suggest", "claims.csv", cwd=tmp_path).stdout
    checked = run("mapping", "check", "claims.csv", "--mapping", "m.yaml", cwd=tmp_path, code=1).stdout
    assert "OVERRIDE" in checked and "4 rows: 4 used, 0 unused, 0 set aside" in checked and "nobody was given them" in checked
    found = json.loads(
        run("mapping", "check", "claims.csv", "--mapping", "m.yaml", "--json", "--rows", "3", cwd=tmp_path, code=1).stdout
    )
    assert found["total"] == found["used"] + sum(found["unused"].values()) + sum(found["passed_over"].values()) + found["set_aside"]
    assert len(found["first"]) == 3
    (tmp_path / "claims.csv").write_text(DECISIONS.replace("2024-05-02 08:00,2", "soon,2"))
    wrong = run("mapping", "check", "claims.csv", "--mapping", "m.yaml", cwd=tmp_path, code=1).stdout
    assert "wrong: claims.csv:3: ts_unreadable: got «soon»" in wrong
    assert not (tmp_path / "aura.db").exists()


def test_explain_and_schema(tmp_path: Path) -> None:
    assert "| `zone` | text | `UTC` |" in run("mapping", "explain", "time", cwd=tmp_path).stdout
    assert "did you mean 'pairs'" in run("mapping", "explain", "pair", cwd=tmp_path, code=2).stderr
    assert json.loads(run("mapping", "schema", cwd=tmp_path).stdout)["title"] == "aura mapping"


@pytest.mark.slow
def test_start_is_one_command_from_a_file_to_a_report(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text(DECISIONS)
    refused = run("start", "claims.csv", cwd=tmp_path, code=1, stdin="n\n").stdout
    assert "Nothing was recorded. Mend aura-start/mapping.yaml" in refused and not (tmp_path / "aura-start/aura.db").exists()
    done = run("start", "claims.csv", "--sla", "24h", cwd=tmp_path, stdin="y\n").stdout
    assert "mapping.yaml, which is there already" in done and "events recorded in aura-start/aura.db" in done and "anne" in done
    assert "<html" in (tmp_path / "aura-start/report.html").read_text()
    again = run("start", "claims.csv", "--yes", cwd=tmp_path).stdout
    assert "0 events recorded" in again and "known already" in again
    assert "anne" in run("dossiers", "aura-start/aura.db", "--window", "all", cwd=tmp_path).stdout


@pytest.mark.slow
def test_start_with_events_and_with_a_later_export(tmp_path: Path) -> None:
    log = aura.sample_log(200, seed=1)
    aura.write_events(log, tmp_path / "events.csv")
    assert f"{log.height:,} events recorded" in run("start", "events.csv", "--yes", "--out", "e", cwd=tmp_path).stdout
    (tmp_path / "l.csv").write_text(MAY)
    run("start", "l.csv", "--yes", cwd=tmp_path)
    (tmp_path / "l.csv").write_text(JUNE)
    assert "2 events recorded in aura-start/aura.db, 4 known already" in run("start", "l.csv", "--yes", cwd=tmp_path).stdout


def test_import_from_a_system(tmp_path: Path, fixtures: Path) -> None:
    export = str(fixtures / "systems/label_studio.json")
    done = run("import", export, "--from", "label-studio", "--out", "e.parquet", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["by_type"]["OVERRIDE"] == 2
    assert "--mapping FILE, or --from" in run("import", export, "--out", "f.parquet", cwd=tmp_path, code=2).stderr
    assert "did you mean 'mlflow'" in run("import", export, "--from", "mlflo", "--out", "f.parquet", cwd=tmp_path, code=2).stderr
