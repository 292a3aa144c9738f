"""The Accountant's commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import aura_analytics as aura
from aura_analytics import Accountant, HRDesk, Ledger

GATE = ("--policy", "evidence_gated")
CLI = [sys.executable, "-m", "aura_analytics.cli.app"]


def run(*arguments: object, cwd: Path, code: int = 0, given: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*CLI, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False, input=given)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


OUTPUTS = [
    {"id": 1, "output": "A long and careful answer that says what was asked for.", "confidence": 0.9},
    {"id": 2, "output": "This value is undefined, and I made the rest of it up.", "confidence": 0.95},
    {"id": 3, "output": "short", "confidence": 0.5, "min_length": 3},
]


def test_score_in_a_pipe(tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, OUTPUTS)) + "\n"
    done = run("score", "-", "--json", cwd=tmp_path, given=text)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["id"], row["score"], row["severity"]) for row in rows] == [
        (1, 90.0, "low"),
        (2, 85.0, "critical"),
        (3, 50.0, "low"),
    ]
    (tmp_path / "o.jsonl").write_text(text)
    shown = run("score", "o.jsonl", cwd=tmp_path).stdout
    assert "critical  hallucination" in shown and "3 outputs, mean score 75.0" in shown
    payloads = json.dumps(
        {"model_name": "gpt", "job_id": 1, "task": {"min_length": 9}, "model_output": {"output": "short", "confidence": 1}}
    )
    assert json.loads(run("score", "-", "--json", cwd=tmp_path, given=payloads).stdout)["penalties"] == ["too_short"]


def test_score_reads_lines_as_json_has_them(tmp_path: Path) -> None:
    rows = [
        json.dumps({"output": "a line\u2028that goes on, and on, and on, as it may", "confidence": 1}, ensure_ascii=False),
        json.dumps(OUTPUTS[0]),
    ]
    done = run("score", "-", "--json", cwd=tmp_path, given="\n".join(rows))
    assert [json.loads(line)["line"] for line in done.stdout.strip().split("\n")] == [1, 2]
    bad = [
        '{"output": "x", "confidence": 1' + "0" * 400 + "}",
        '{"id": "\\ud800", "output": "x", "confidence": 1}',
        '{"model_output": null}',
    ]
    assert "3 lines cannot be scored" in run("score", "-", "--json", cwd=tmp_path, given="\n".join(bad), code=1).stderr


def test_score_keeps_what_it_cannot_score(tmp_path: Path) -> None:
    bad = [
        '{"output": "x", "confidence": 11}',
        '{"output": null}',
        "no json",
        '{"output": "x", "confidence": "high"}',
        "[1]",
        '{"output": "x", "confidence": 0.5, "min_length": "a"}',
    ]
    (tmp_path / "o.jsonl").write_bytes(("\n".join([json.dumps(OUTPUTS[0]), *bad]) + "\n").encode() + b"\xff\n")
    done = run("score", "o.jsonl", "--json", "--quarantine", "q.jsonl", cwd=tmp_path, code=1)
    assert len(done.stdout.splitlines()) == 1 and "7 lines that cannot be scored set aside in q.jsonl" in done.stderr
    kept = [json.loads(line) for line in (tmp_path / "q.jsonl").read_text().splitlines()]
    assert [row["line"] for row in kept] == [2, 3, 4, 5, 6, 7, 8] and kept[2]["text"] == "no json"
    assert [row["problem"].split(" (")[0] for row in kept] == [
        "confidence is out of range",
        "output is no text",
        "not JSON",
        "confidence is no number",
        "not a JSON object",
        "min_length is no number",
        "not UTF-8",
    ]
    assert "exists already" in run("score", "o.jsonl", "--quarantine", "q.jsonl", cwd=tmp_path, code=2).stderr
    assert "no such file" in run("score", "no.jsonl", cwd=tmp_path, code=2).stderr
    (tmp_path / "p.yaml").write_text("name: x\npenalties: [{name: words, contains_any: [careful], points: 1}]\n")
    assert "89.00" in run("score", "-", "--policy", "p.yaml", cwd=tmp_path, given=json.dumps(OUTPUTS[0])).stdout


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    with Ledger(tmp_path / "aura.db", mirror=False) as store:
        accountant = Accountant(store)
        for job, (name, kind) in enumerate([("gpt", "agent"), ("anne", "officer")]):
            payload: dict[str, Any] = {
                "model_name": name,
                "job_id": job,
                "task": {},
                "actor_kind": kind,
                "model_output": {"output": "This value is undefined, and that is all there is.", "confidence": 0.9},
            }
            accountant.evaluate(payload)
    return tmp_path


@pytest.mark.slow
def test_hr(ledger: Path) -> None:
    shown = run("hr", "status", cwd=ledger).stdout
    assert "anne (officer): good, reputation 100, level 0; 2 proposals waiting" in shown
    assert "gpt (agent): suspended since" in shown and "1 open cases" in shown
    waiting = json.loads(run("hr", "actions", "anne", "--pending", "--json", cwd=ledger).stdout)
    name = next(row["event_id"] for row in waiting if row["proposed"] == "suspension")
    assert "would clear it: reinstatement" in run("hr", "actions", cwd=ledger).stdout
    assert "Missing option '--approver'" in run("hr", "approve", name, "--reason", "x", cwd=ledger, code=2).stderr
    assert (
        "nobody signs in their own matter"
        in run("hr", "approve", name, "--approver", "Anne", "--reason", "x", cwd=ledger, code=2).stderr
    )
    signed = run("hr", "approve", name, "--approver", "Lee", "--reason", "confirmed", cwd=ledger).stdout.strip()
    assert "anne (officer): suspended" in run("hr", "status", "anne", cwd=ledger).stdout
    run("hr", "contest", signed, "--by", "anne", "--reason", "it was a quotation", cwd=ledger)
    run("hr", "overturn", signed, "--approver", "Lee", "--reason", "so it was", cwd=ledger)
    assert "anne (officer): good" in run("hr", "status", "anne", cwd=ledger).stdout
    run("hr", "reinstate", "gpt", "--approver", "Lee", "--reason", "so it was", cwd=ledger)
    with Ledger(ledger / "aura.db", mirror=False) as store:
        case = HRDesk(store).actions("gpt").filter(action="case_opened")["event_id"].item()
    run("hr", "close", case, "--approver", "Lee", "--reason", "done", cwd=ledger)
    assert "gpt (agent): good" in run("hr", "status", cwd=ledger).stdout
    run("hr", "close", case, "--reopen", "--approver", "Lee", "--reason", "not done", cwd=ledger)
    (ledger / "l.yaml").write_text("name: x\nreinstate_at: 70\ndemote_below: 90\nleast: 1\n")
    assert "gpt: no move (moved within the last 30d)" in run("hr", "ladder", "l.yaml", cwd=ledger).stdout
    assert "anne: demotion" in run("hr", "ladder", "l.yaml", "--apply", cwd=ledger).stdout
    assert "1 proposals waiting" not in run("hr", "status", "gpt", cwd=ledger).stdout


@pytest.mark.slow
def test_plan(tmp_path: Path) -> None:
    with Ledger(tmp_path / "aura.db", mirror=False) as store:
        store.record_events(aura.sample_log())
    assert "# Improvement plan: officer\\_anne@sba.gov" in run("plan", "officer_anne@sba.gov", *GATE, cwd=tmp_path).stdout
    assert "asks for no plan" in run("plan", "officer_bob@sba.gov", *GATE, cwd=tmp_path, code=2).stderr
    done = run("plan", "officer_anne@sba.gov", *GATE, "aura.db", "--out", "plan.html", "--open", cwd=tmp_path)
    assert "proposed: hr/" in done.stdout and (tmp_path / "plan.html").read_text().startswith("<!doctype html>")
    assert "1 proposals waiting" in run("hr", "status", "officer_anne@sba.gov", cwd=tmp_path).stdout


@pytest.mark.slow
def test_route(ledger: Path) -> None:
    (ledger / "m.yaml").write_text("models:\n  - {name: gpt, capabilities: [code]}\n  - {name: new, capabilities: [code, law]}\n")
    assert run("route", "m.yaml", cwd=ledger).stdout.startswith("new (by seed, with a chance of 100.0%, of 1)")
    assert run("route", "m.yaml", "--bare", cwd=ledger).stdout.startswith("gpt")
    done = json.loads(run("route", "m.yaml", "--task", '{"job_id": 9}', "--strategy", "thompson", "--json", cwd=ledger).stdout)
    assert done["model"] == "new" and done["event_id"].startswith("routed/")
    assert "nobody is left" in run("route", "m.yaml", "--task", '{"capabilities": ["music"]}', cwd=ledger, code=2).stderr
    assert "--task is no JSON" in run("route", "m.yaml", "--task", "{", cwd=ledger, code=2).stderr
    (ledger / "m.yaml").write_text("models: gpt\n")
    assert "this is no list of models" in run("route", "m.yaml", cwd=ledger, code=2).stderr


@pytest.mark.slow
def test_a_task_without_a_name_is_drawn_anew_each_time(ledger: Path) -> None:
    (ledger / "two.yaml").write_text("models: [{name: a}, {name: b}]\n")
    asked = ("route", "two.yaml", "--strategy", "epsilon_greedy", "--exploration", "1")
    drawn = {run(*asked, cwd=ledger).stdout.split()[0] for _ in range(12)}
    assert drawn == {"a", "b"}  # missed once in two thousand runs
    same = {run(*asked, "--seed", "3", cwd=ledger).stdout.split()[0] for _ in range(3)}
    assert len(same) == 1
