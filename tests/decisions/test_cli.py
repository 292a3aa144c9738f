"""The accountability layer's commands print what its document prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aura_analytics import AccountabilityLogger
from tests.cli.test_cli import run


@pytest.fixture
def log(tmp_path: Path) -> AccountabilityLogger:
    made = AccountabilityLogger(tmp_path / ".claude-loop/orchestrator-decisions.jsonl")
    for i in range(20):
        names = ["skill:brainstorming"] + (["agent:debugger"] if i < 8 else [])
        name = made.log_decision(
            f"task {i}", {}, {"execution_order": names, "total_confidence": 0.9 if i % 2 else 0.3}, request_id=f"r{i}"
        )
        if i < 18:
            good = i >= 6
            made.log_outcome(
                name,
                {
                    "outcome_type": "success" if good else "failure",
                    "time_taken_seconds": 12.5,
                    "issues_found": [] if good else ["broke"],
                },
            )
    return made


def test_stats(log: AccountabilityLogger, tmp_path: Path) -> None:
    lines = run("stats", cwd=tmp_path).stdout.splitlines()
    assert lines[:3] == ["=" * 60, "DECISION STATISTICS", "=" * 60]
    assert lines[4:9] == [
        "Total Decisions: 20",
        "With Outcomes: 18",
        "Success Rate: 66.67%",
        "Avg Time (success): 12.5s",
        "Confidence Accuracy: 0.00",
    ]
    assert lines[10:] == ["Most Common Components:", "  skill:brainstorming: 20", "  agent:debugger: 8"]
    assert json.loads(run("stats", "--json", cwd=tmp_path).stdout) == log.get_decision_statistics()


def test_query(log: AccountabilityLogger, tmp_path: Path) -> None:
    assert run("query", cwd=tmp_path).stdout.count("Request:") == 20
    failures = run("query", "--outcome", "failure", "--last", "48", "--limit", "4", cwd=tmp_path).stdout
    assert failures.count("Outcome: failure in 12.5s") == 4 and "Issues: broke" in failures
    (one,) = json.loads(run("query", "--request-id", "r19", "--json", cwd=tmp_path).stdout)
    assert (one["user_request"], one["outcome"]) == ("task 19", None)
    assert run("query", "--last", "0", cwd=tmp_path).stdout.count("Request:") == 0
    assert "did you mean" in run("query", "--outcome", "failed", cwd=tmp_path, code=2).stderr


def test_learn(log: AccountabilityLogger, tmp_path: Path) -> None:
    out = run("learn", cwd=tmp_path).stdout
    assert "CONFIDENCE ADJUSTMENT RECOMMENDATIONS" in out
    # 2 of 8 and 12 of 18 against 12 of 18
    assert out.splitlines()[4:] == ["agent:debugger: 0.70x (DECREASE)", "skill:brainstorming: 1.00x (OK)"]
    rows = json.loads(run("learn", "--method", "shrunk", "--json", cwd=tmp_path).stdout)
    assert {row["component"] for row in rows} == {"agent:debugger", "skill:brainstorming"}
    assert "unknown method" in run("learn", "--method", "best", cwd=tmp_path, code=2).stderr


def test_a_log_that_is_not_there_and_one_that_is_torn(log: AccountabilityLogger, tmp_path: Path) -> None:
    assert "no decision log" in run("stats", "--log-file", "nothing.jsonl", cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "nothing.jsonl.index").exists()
    with Path(log.log_file).open("a") as file:
        file.write('{"request_id": "torn')
    done = run("stats", cwd=tmp_path)
    assert "cut off at the end of the file" in done.stderr and "Total Decisions: 20" in done.stdout


def test_repair_keeps_the_bytes(log: AccountabilityLogger, tmp_path: Path) -> None:
    assert "every line is an entry" in run("log", "repair", cwd=tmp_path).stdout
    before = log.get_decision_statistics()
    with Path(log.log_file).open("ab") as file:
        file.write(b'\xff\xfe\n{"request_id": "torn')
    found = json.loads(run("log", "repair", "--json", cwd=tmp_path).stdout)
    assert found["set_aside"] == 2 and len(found["faults"]) == 2
    assert (tmp_path / found["file"]).read_bytes() == b'\xff\xfe\n{"request_id": "torn\n'
    assert log.faults() == [] and log.get_decision_statistics() == before
    log.log_decision("after", {}, {})
    assert log.get_decision_statistics()["total_decisions"] == 21


@pytest.mark.slow
def test_export(log: AccountabilityLogger, tmp_path: Path) -> None:
    # 20 decisions and 8 more components, 18 and 8 more outcomes
    assert run("log", "export", "--out", "events.parquet", cwd=tmp_path).stdout == "54 events: events.parquet\n"
    assert "brainstorming" in run("dossiers", "events.parquet", "--window", "all", cwd=tmp_path).stdout
    assert run("log", "export", "--out", "all.jsonl", cwd=tmp_path).stdout == "20 decisions: all.jsonl\n"
    assert "exists already" in run("log", "export", "--out", "all.jsonl", cwd=tmp_path, code=2).stderr
    assert run("stats", "--log-file", "all.jsonl", cwd=tmp_path).stdout == run("stats", cwd=tmp_path).stdout
