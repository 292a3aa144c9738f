"""The command line as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str | Path, cwd: Path, code: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "aura_analytics.cli.app", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "80", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run("demo", cwd=folder).stdout


@pytest.mark.slow
def test_demo_shows_everything(demo: tuple[Path, str]) -> None:
    folder, out = demo
    assert "stubborn" in out and "flag" in out and "insufficient" in out
    assert "made to do badly: strict_01, strict_02, stubborn" in out and "of the others it flags nobody" in out
    board = aura.dossiers(folder / "aura-demo/events.parquet", sla="24h")
    flagged = board.filter(pl.col("pip_status") == "flag")["actor"].to_list()
    assert f"of these the policy flags {', '.join(flagged) or 'nobody'}" in out  # what is told agrees with the board
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=1)
    assert (yesterday - board["as_of"][0].date()).days in (0, 1)  # midnight may have passed meanwhile
    commands = out.split("Next:\n")[1].splitlines()
    assert len(commands) == 3
    for line in commands:
        words = shlex.split(line)
        assert words[0] == "aura"
        run(*words[1:], cwd=folder)
    assert (folder / "aura-demo/report.html").exists()
    assert pl.read_parquet(folder / "aura-demo/truth.parquet")["right_verdict"].null_count() == 0
    assert str(folder / "aura-demo/report.html") in out
    assert max(len(line) for line in out.splitlines() if not line.startswith("Report")) <= 80


@pytest.mark.slow
def test_dossiers_as_json_and_as_files(demo: tuple[Path, str], tmp_path: Path) -> None:
    path = demo[0] / "aura-demo/events.parquet"
    rows = json.loads(run("dossiers", path, "--json", "--sla", "2h", "--sla", "second_draw=1 working days", cwd=tmp_path).stdout)
    one = next(row for row in rows if row["actor"] == "officer_01")
    board = aura.dossiers(aura.read_events(path), sla={"default": "2h", "second_draw": "1 working days"})
    assert 0 < one["sla_breach_rate"] == board.filter(actor=one["actor"])["sla_breach_rate"][0]
    for suffix in ("parquet", "csv", "jsonl"):
        run("dossiers", path, "--out", f"board.{suffix}", cwd=tmp_path)
        assert (tmp_path / f"board.{suffix}").stat().st_size > 0
    assert pl.read_parquet(tmp_path / "board.parquet").height == len(rows)


@pytest.mark.slow
def test_a_board_is_narrowed_and_put_in_order(demo: tuple[Path, str], tmp_path: Path) -> None:
    path = demo[0] / "aura-demo/events.parquet"

    def asked(*words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(run("dossiers", path, "--json", *words, cwd=tmp_path).stdout)
        return found

    board = aura.dossiers(path)
    officers = board.filter(pl.col("actor_kind") == "officer")
    first = officers.sort("override_rate", descending=True)["actor"].to_list()
    assert [row["actor"] for row in asked("--kind", "officer", "--sort", "override_rate", "--top", "3")] == first[:3]
    assert [row["actor"] for row in asked("--kind", "officer", "--sort", "override_rate", "--ascending")] == first[::-1]
    clear = board.filter(pl.col("pip_status") == "clear")["actor"].to_list()
    for word in ("clear", "not flagged"):
        assert [row["actor"] for row in asked("--verdict", word)] == clear
    some = asked("--columns", "override_rate,sat_score_mean", "--top", "1")
    assert "override_rate_lo" in some[0] and "success_rate" not in some[0] and some[0]["pip_status"] == "flag"
    queue = aura.read_events(path).select(pl.col("queue").drop_nulls().first()).collect().item()
    there = aura.read_events(path).filter(pl.col("queue") == queue, pl.col("ts") > board["as_of"][0] - timedelta(days=90)).collect()
    assert {row["actor"] for row in asked("--queue", queue)} == set(there["actor"].drop_nulls()) & set(board["actor"])
    # who has no number is last, whichever way
    for way in ([], ["--ascending"]):
        rows = asked("--sort", "success_rate", *way)
        known = [row["success_rate"] is not None for row in rows]
        assert known == sorted(known, reverse=True) and not all(known) and any(known)
    table = run("dossiers", path, "--sla", "24h", "--top", "3", "--kind", "officer", cwd=tmp_path).stdout
    assert "Breach %" in table and "3 of " in table and "not flagged" in table
    for words, said in (
        (["--verdict", "wacht"], "did you mean 'watch'"),
        (["--sort", "override_rat"], "did you mean 'override_rate'"),
        (["--queue", "nowhere"], "no such queue"),
        (["--columns", "nothing"], "nothing"),
    ):
        assert said in run("dossiers", path, *words, cwd=tmp_path, code=2).stderr


@pytest.mark.slow
def test_the_office_and_correlations_say_what_python_says(demo: tuple[Path, str], tmp_path: Path) -> None:
    path = demo[0] / "aura-demo/events.parquet"
    events = aura.read_events(path)
    rows = json.loads(run("office", path, "--sla", "24h", "--json", cwd=tmp_path).stdout)
    for row, same in zip(rows, aura.office(events, sla="24h").iter_rows(named=True), strict=True):
        names = ("queue", "received", "open_cases", "unassigned", "receipt_breach_rate", "sla_breach_rate_hi")
        assert {name: row[name] for name in names} == {name: same[name] for name in names}
    shown = run("office", path, "--sla", "24h", "--sla", "firstdraw=2h", cwd=tmp_path).stdout
    assert "the office" in shown and "did you mean 'first_draw'?" in shown
    assert max(len(line) for line in shown.splitlines()[:8]) <= 80
    found = json.loads(run("correlations", path, "--json", cwd=tmp_path).stdout)
    assert [row["correlation"] for row in found] == aura.correlations(events)["correlation"].to_list()
    assert "Rank correlations" in run("correlations", path, "--out", "c.csv", cwd=tmp_path).stdout
    assert pl.read_csv(tmp_path / "c.csv").height == 6


@pytest.mark.slow
def test_import_and_report(fixtures: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "import",
        fixtures / "logs/small_bank.csv",
        "--mapping",
        fixtures / "mappings/small_bank.yaml",
        "--out",
        "events.jsonl",
    ]
    assert "2 DECISION, 1 OVERRIDE" in run(*arguments, cwd=tmp_path).stdout
    assert "exists already" in run(*arguments, cwd=tmp_path, code=2).stderr
    done = json.loads(run(*arguments, "--force", "--json", cwd=tmp_path).stdout)
    assert (done["rows"], done["unused"]) == (18, {"call": 1})
    out = run(
        "report",
        "events.jsonl",
        "--window",
        "all",
        "--policy",
        fixtures / "policies/rate_sound.yaml",
        "--compare",
        fixtures / "policies/rate_naive.yaml",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(out.stdout)["bytes"] > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dossiers", "nix.parquet"], "no events there"),
        (["dossiers", "a.jsonl"], "a.jsonl:1: json_unreadable"),
        (["dossiers", "b.jsonl"], "stars_range: got 9.0"),
        (["dossiers", "good.jsonl", "--window", "soon"], "window is not a span of time: got 'soon'"),
        (["dossiers", "good.jsonl", "--as-of", "soon"], "as_of is not a time"),
        (["dossiers", "good.jsonl", "--actor", "officer_ann"], "did you mean 'officer_anne'?"),
        (["dossiers", "good.jsonl", "--attribution", "x"], "unknown attribution: got 'x'"),
        (["dossiers", "good.jsonl", "--sla", "x"], "an SLA cannot be read"),
        (["dossiers", "good.jsonl", "--policy", "good.jsonl"], "keys and values|can be loaded safely|is not a policy"),
        (["report", "good.jsonl", "--out", "no/such/folder/r.html"], "the folder does not exist"),
        (["import", "good.jsonl", "--mapping", "nix.yaml", "--out", "x.parquet"], "no mapping file there"),
        (["import", "good.jsonl", "--mapping", "nix.yaml", "--out", "x.doc"], "unknown kind of event file"),
        (["rules", "test", "nix.yaml"], "no policy file there"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "a.jsonl").write_text("{\n")
    (tmp_path / "b.jsonl").write_text('{"type": "SAT_SCORE", "ts": "2026-01-05", "value": 9}\n' * 3)
    aura.write_events(aura.events.sample(60, seed=1), tmp_path / "good.jsonl")
    done = run(*arguments, cwd=tmp_path, code=2)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert pl.Series([done.stderr]).str.contains(message).all(), done.stderr


def test_quarantine(tmp_path: Path) -> None:
    rows = aura.write_events(aura.events.sample(60, seed=1), tmp_path / "log.jsonl").read_text()
    (tmp_path / "log.jsonl").write_text(
        rows + '{"type": "OVERIDE"\n{"type": "DECISION", "ts": "2026-01-05", "actor": "x", "confidence": 7}\n'
    )
    done = run("dossiers", "log.jsonl", "--quarantine", "aside.jsonl", cwd=tmp_path)
    assert "officer_anne" in done.stdout
    assert len((tmp_path / "aside.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_rules_check_and_test(fixtures: Path, tmp_path: Path) -> None:
    policy = fixtures / "policies/rate_sound.yaml"
    assert "rate_sound is a policy of 1 rule on override_rate" in run("rules", "check", policy, cwd=tmp_path).stdout
    assert "3 passed, 0 failed" in run("rules", "test", policy, cwd=tmp_path).stdout
    (tmp_path / "p.yaml").write_text(
        policy.read_text().replace("expect: flag", "expect: clear").replace("name: rate_sound", "name: rate_sound\nnmae: x")
    )
    out = run("rules", "check", "p.yaml", cwd=tmp_path, code=2).stdout
    assert "unknown key 'nmae'; did you mean 'name'?" in out
    (tmp_path / "p.yaml").write_text(policy.read_text().replace("expect: flag", "expect: clear"))
    assert "FAILED beyond doubt: expected clear, got flag" in run("rules", "test", "p.yaml", cwd=tmp_path, code=1).stdout


@pytest.mark.slow
def test_every_command_explains_itself(tmp_path: Path) -> None:
    for command in (
        [],
        ["demo"],
        ["import"],
        ["dossiers"],
        ["report"],
        ["metrics"],
        ["record"],
        ["stats"],
        ["query"],
        ["learn"],
        ["explain"],
        ["score"],
        ["plan"],
        ["route"],
        ["simulate"],
        ["lab"],
        ["export"],
        *(
            ["hr", name]
            for name in ("status", "actions", "approve", "reject", "contest", "uphold", "overturn", "reinstate", "close", "ladder")
        ),
        *(["learn", name] for name in ("propose", "apply", "overrides", "calibration", "compare", "anomalies")),
        *(["log", name] for name in ("repair", "export", "rotate", "retain")),
        ["ledger"],
        *(["ledger", name] for name in ("info", "verify", "upgrade", "snapshot", "export-heads")),
        ["rules"],
        ["rules", "check"],
        ["rules", "test"],
    ):
        assert "Usage" in run(*command, "--help", cwd=tmp_path).stdout
    names = {row["name"] for row in json.loads(run("metrics", "--json", cwd=tmp_path).stdout)}
    assert names == set(aura.metrics.METRICS)


def test_quarantine_never_overwrites_the_log(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"type": "OVERR')
    assert "the log itself" in run("dossiers", "log.jsonl", "--quarantine", "log.jsonl", cwd=tmp_path, code=2).stderr
    assert (tmp_path / "log.jsonl").read_text() == '{"type": "OVERR'


def test_actor_names_are_shown_as_they_are(tmp_path: Path) -> None:
    rows = [{"type": "OVERRIDE", "actor": name, "ts": "2026-01-05"} for name in ("[team] anne", "x [/]")]
    aura.write_events(aura.events.from_records(rows), tmp_path / "log.jsonl")
    out = run("dossiers", "log.jsonl", cwd=tmp_path).stdout
    assert "[team] anne" in out and "x [/]" in out


POLICY = "name: p\nwindow: 7d\nrules: [{id: r, when: {metric: override_rate, at_least: 0.5}}]\n"


@pytest.mark.slow
def test_the_policy_brings_its_window_and_its_readings(tmp_path: Path) -> None:
    days = {"OVERRIDE": ["2026-01-01", "2026-01-02"], "DECISION": ["2026-02-20"]}
    rows = [{"type": kind, "actor": "anne", "ts": day} for kind, many in days.items() for day in many]
    aura.write_events(aura.events.from_records(rows), tmp_path / "log.jsonl")
    (tmp_path / "p.yaml").write_text(POLICY)
    (board,) = json.loads(run("dossiers", "log.jsonl", "--policy", "p.yaml", "--json", cwd=tmp_path).stdout)
    assert (board["override_rate_n"], board["pip_status"]) == (1, "clear")
    (board,) = json.loads(run("dossiers", "log.jsonl", "--policy", "p.yaml", "--window", "90d", "--json", cwd=tmp_path).stdout)
    assert (board["override_rate_n"], board["pip_status"]) == (3, "flag")
    (tmp_path / "q.yaml").write_text(POLICY.replace("7d", "90d") + "persistence: {k: 2, m: 2, step: 30d}\n")
    (board,) = json.loads(run("dossiers", "log.jsonl", "--policy", "q.yaml", "--json", cwd=tmp_path).stdout)
    assert board["pip_status"] == "flag"  # flagged on 21 January as well
    (board,) = json.loads(
        run("dossiers", "log.jsonl", "--policy", "q.yaml", "--as-of", "2026-01-03", "--json", cwd=tmp_path).stdout
    )
    assert board["pip_status"] == "watch"


@pytest.mark.slow
def test_rules_check_finds_what_can_never_fire(tmp_path: Path) -> None:
    for threshold, message in (("30", "write 0.30 for 30 %"), (".nan", "outside the range"), ("true", "a threshold is a number")):
        (tmp_path / "p.yaml").write_text(POLICY.replace("0.5", threshold))
        assert message in run("rules", "check", "p.yaml", cwd=tmp_path, code=2).stdout
    for bad in (
        "window: 99999999999d",
        "tests: [{name: t, readings: [], expect: flag}]",
        "tests: [{name: t, dossier: {override_rate: {hits: 9, of: 3}}, expect: flag}]",
        "tests: [{name: t, dossier: {agreed_ever: maybe}, expect: flag}]",
    ):
        (tmp_path / "p.yaml").write_text((POLICY.replace("window: 7d\n", "") if "window" in bad else POLICY) + bad + "\n")
        assert run("rules", "check", "p.yaml", cwd=tmp_path, code=2).stdout


def test_import_sets_broken_lines_aside(tmp_path: Path, fixtures: Path) -> None:
    text = (fixtures / "logs/small_bank.csv").read_text()
    (tmp_path / "log.csv").write_text(text + "A9,file\n")
    arguments = ["import", "log.csv", "--mapping", str(fixtures / "mappings/small_bank.yaml"), "--out", "e.parquet"]
    assert "log.csv:20: csv_unreadable" in run(*arguments, cwd=tmp_path, code=2).stderr
    done = json.loads(run(*arguments, "--quarantine", "q.jsonl", "--json", cwd=tmp_path).stdout)
    assert (done["rows"], done["unreadable"]) == (18, 1)
    assert "A9,file" in (tmp_path / "q.jsonl").read_text()
