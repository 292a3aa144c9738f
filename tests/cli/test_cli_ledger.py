"""`aura record` and `aura ledger` as a user runs them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import aura_analytics as aura
from tests.cli.test_cli import ROOT, run

EVENT = '{"event_id": "e1", "type": "OVERRIDE", "actor": "test@agency.gov", "ts": "2026-03-01T12:00:00Z"}'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    run("demo", "--days", "12", cwd=folder)
    return folder / "aura-demo"


@pytest.fixture
def demo(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "aura-demo")
    return tmp_path


@pytest.mark.slow
def test_the_demo_fills_a_ledger_and_may_be_run_again(demo: Path) -> None:
    log = aura.read_events(demo / "aura-demo/events.parquet").collect()
    with aura.Ledger(demo / "aura-demo/aura.db") as ledger:
        assert ledger.events().collect().equals(log)
    assert "Ledger: sqlite:///aura-demo/aura.db" in run("demo", "--days", "12", cwd=demo).stdout
    assert "another demo" in run("demo", "--days", "12", "--seed", "8", cwd=demo, code=2).stderr


@pytest.mark.slow
def test_every_command_takes_a_ledger(demo: Path) -> None:
    file = run("dossiers", "aura-demo/events.parquet", "--json", cwd=demo).stdout
    for address in ("aura-demo/aura.db", "sqlite:///aura-demo/aura.db"):
        assert run("dossiers", address, "--json", cwd=demo).stdout == file
    assert "Report:" in run("report", "aura-demo/aura.db", cwd=demo).stdout
    assert (demo / "report.html").read_text().count("sqlite:///aura-demo/aura.db") >= 1


@pytest.mark.slow
def test_recording(tmp_path: Path) -> None:
    assert run("record", EVENT, cwd=tmp_path).stdout == "1 recorded (id e1) in sqlite:///aura.db\n"
    assert "0 recorded (id e1), 1 known already" in run("record", EVENT, cwd=tmp_path).stdout
    changed = EVENT.replace("OVERRIDE", "DECISION")
    assert "another type" in run("record", changed, cwd=tmp_path, code=2).stderr
    (tmp_path / "some.jsonl").write_text(changed + "\n" + EVENT.replace('"e1"', '"e2"') + "\n")
    assert "nothing was stored" in run("record", "some.jsonl", cwd=tmp_path, code=2).stderr
    done = run("record", "some.jsonl", "--skip-conflicts", cwd=tmp_path, code=1)
    assert "1 recorded" in done.stdout and "not recorded: event 0: event id 'e1'" in done.stderr
    found = json.loads(run("ledger", "info", "--json", cwd=tmp_path).stdout)
    assert (found["events"], found["url"]) == (2, "sqlite:///aura.db")


def test_recording_from_standard_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aura_analytics.cli.app", "record", "-", "--ledger", "mine.db", "--json"]
    lines = EVENT + "\n\n" + '{"type": "SAT_SCORE", "value": 3, "case_id": "C1"}\n'
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT)}
    )
    found = json.loads(done.stdout)
    assert (found["ledger"], found["stored"], found["duplicates"], found["conflicts"]) == ("sqlite:///mine.db", 2, 0, [])
    assert found["ids"][0] == "e1" and len(found["ids"]) == 2
    done = subprocess.run(
        command, input=lines + "{oops\n", capture_output=True, text=True, cwd=tmp_path, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 2 and "line 4: this is no JSON" in done.stderr


@pytest.mark.slow
def test_verification_and_heads(demo: Path) -> None:
    assert (
        "events verified; not compared with an exported head; head" in run("ledger", "verify", "aura-demo/aura.db", cwd=demo).stdout
    )
    run("ledger", "export-heads", "aura-demo/aura.db", "--out", "heads.jsonl", cwd=demo)
    assert "1 exported heads met" in run("ledger", "verify", "aura-demo/aura.db", "--heads", "heads.jsonl", cwd=demo).stdout
    with sqlite3.connect(demo / "aura-demo/aura.db") as connection:
        connection.execute("UPDATE aura_events SET human_verdict = 'APPROVE' WHERE seq = 7")
    connection.close()
    done = run("ledger", "verify", "aura-demo/aura.db", cwd=demo, code=1)
    assert done.stdout.startswith("NOT AS RECORDED: seq 7, event ")
    found = json.loads(run("ledger", "verify", "aura-demo/aura.db", "--json", cwd=demo, code=1).stdout)
    assert (found["ok"], found["kind"], found["seq"]) == (False, "altered", 7)


@pytest.mark.slow
def test_snapshots_and_upgrades(demo: Path) -> None:
    run("ledger", "snapshot", "aura-demo/aura.db", "--out", "copy.db", cwd=demo)
    run("ledger", "snapshot", "aura-demo/aura.db", "--out", "copy.parquet", cwd=demo)
    assert "verified" in run("ledger", "verify", "copy.db", cwd=demo).stdout
    assert run("dossiers", "copy.db", "--json", cwd=demo).stdout == run("dossiers", "copy.parquet", "--json", cwd=demo).stdout
    assert "exists already" in run("ledger", "snapshot", "copy.db", "--out", "copy.parquet", cwd=demo, code=2).stderr
    assert "expected .parquet or .db" in run("ledger", "snapshot", "copy.db", "--out", "copy.txt", cwd=demo, code=2).stderr
    assert "nothing to do" in run("ledger", "upgrade", "copy.db", cwd=demo).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ledger", "info", "no.db"], "no such ledger"),
        (["ledger", "verify"], "no such ledger"),
        (["dossiers", "no.db"], "no such ledger"),
        (["dossiers", "postgresql://me:secret@127.0.0.1:1/db"], "cannot be reached"),
        (["ledger", "info", "mysql://me:secret@host/db"], "no ledger can live there"),
        (["record", '{"type": "OVERIDE"}'], "did you mean 'OVERRIDE'"),
        (["record", "[1]"], "no events there"),
    ],
)
def test_errors_are_one_line_without_secrets(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(*arguments, cwd=tmp_path, code=2)
    assert message in done.stderr.lower() or message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "secret" not in done.stderr and done.stdout == ""
