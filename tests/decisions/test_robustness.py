"""Odd input, damage, races and rights: nothing is lost, and what is wrong is named."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import AccountabilityLogger, Ledger, Outcome, OutcomeType
from aura_analytics.decisions.confidences import read_confidences
from aura_analytics.decisions.file.log_file import LogFile
from aura_analytics.errors import AuraError, EventError, FileFormatError, ParameterError
from tests.conftest import ROOT
from tests.decisions.conftest import decided

CLI = [sys.executable, "-m", "aura_analytics.cli.app"]


def test_two_confidences_on_one_line_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text('confidence: {"agent:a": 0.75, "agent:b": 0.9}\n')
    with pytest.raises(FileFormatError, match=r"two confidences stand on one line.*agent:b.*a line of its own"):
        read_confidences(tmp_path / "f.yaml")


def test_a_small_confidence_keeps_its_memory(log: AccountabilityLogger, tmp_path: Path) -> None:
    for i in range(100):
        decided(log, "agent:a", ended="success" if i % 10 else "failure")
        decided(log, "agent:b", ended="failure" if i % 10 else "success")
    (tmp_path / "c.yaml").write_text("agent:a: 0.00005\nagent:b: 0.5\n")
    assert log.propose_adjustments(tmp_path / "c.yaml", out=tmp_path / "p.yaml")
    log.apply_adjustments(tmp_path / "p.yaml", "Anne")
    held = read_confidences(tmp_path / "c.yaml")
    assert held["agent:a"].base == 0.00005 and not held["agent:a"].edited and "e-05" not in (tmp_path / "c.yaml").read_text()


def test_a_rotation_between_two_looks_skips_nothing(log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    first = decided(log, "agent:a")
    assert len(log.query_decisions()) == 1
    second = decided(log, "agent:a")
    looks = LogFile.segments
    state = {"calls": 0}

    def racing(self: LogFile) -> dict[int, Path]:
        found = looks(self)
        state["calls"] += 1
        if state["calls"] == 4:  # in the middle of taking in
            monkeypatch.setattr(LogFile, "segments", looks)
            other = AccountabilityLogger(log.log_file)
            other.rotate()
            decided(other, "agent:b")
            monkeypatch.setattr(LogFile, "segments", racing)
        return found

    monkeypatch.setattr(LogFile, "segments", racing)
    log.query_decisions()
    monkeypatch.setattr(LogFile, "segments", looks)
    assert [entry.request_id for entry in log.query_decisions()][:2] == [first, second]
    assert len(AccountabilityLogger(log.log_file).query_decisions()) == 3


def test_outcomes_found_while_another_process_rotates(tmp_path: Path) -> None:
    path = str(tmp_path / "log.jsonl")
    code = """
import sys, time
from aura_analytics import AccountabilityLogger
log = AccountabilityLogger(sys.argv[1])
for _ in range(60):
    log.rotate(); time.sleep(0.005)
"""
    with subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT) as rotator:
        log = AccountabilityLogger(path)
        while rotator.poll() is None:
            assert log.log_outcome(log.log_decision("x", {}, {}), {"outcome_type": "success"})
    total = log.get_decision_statistics()
    assert total["total_decisions"] == total["decisions_with_outcomes"] > 30


@pytest.mark.parametrize(
    "outcome",
    [
        {"outcome_type": "success", "time_taken_seconds": 1e300},
        {"outcome_type": "success", "time_taken_seconds": 10**400},
        {"outcome_type": "success", "issues_found": "timeout"},
        {"outcome_type": "success", "tests_passed": "no"},
        {"outcome_type": "success", "notes": "half \udcff"},
    ],
)
def test_values_that_no_log_can_hold(any_log: AccountabilityLogger, outcome: dict[str, object]) -> None:
    name = decided(any_log, "agent:a", ended="failure")
    with pytest.raises(EventError):
        any_log.log_outcome(name, outcome)
    assert any_log.get_decision_statistics()["decisions_with_outcomes"] == 1
    with pytest.raises(EventError):
        any_log.log_decision("x", {}, {"execution_order": ["ag\udcff"]})
    loop: dict[str, object] = {}
    loop["self"] = loop
    with pytest.raises(EventError, match="holds itself"):
        any_log.log_decision("x", loop, {})


def test_lines_that_others_wrote_never_disable_a_log(log: AccountabilityLogger) -> None:
    kept = decided(log, "agent:a", ended="success")
    lines = [
        '{"request_id": "nan", "timestamp": "2026-01-01", "decisions": {"total_confidence": NaN}, "outcome": {"outcome_type": "success", "time_taken_seconds": 1e999}}',  # noqa: E501
        '{"request_id": "huge", "timestamp": "2026-01-01", "decisions": {}, "outcome": {"outcome_type": "success", "time_taken_seconds": 1'  # noqa: E501
        + "0" * 400
        + "}}",
        '{"request_id": "\\ud800"}',
        '{"request_id": "text", "outcome": "success"}',
        "[" * 200_000,
    ]
    with Path(log.log_file).open("a") as file:
        file.write("\n".join(lines) + "\n")
    assert [entry.request_id for entry in log.query_decisions()] == [kept, "nan", "huge"]
    assert log.get_decision_statistics()["avg_time_seconds"] == 10.0  # of those that have a time
    assert len(log.faults()) == 3 and log.repair()[0] == 3
    assert len(log.to_events()) == 2  # of the one that names a component


def test_threads_share_a_log(log: AccountabilityLogger) -> None:
    def work(number: int) -> int:
        return sum(log.log_outcome(log.log_decision("x", {}, {}), {"outcome_type": "success"}) for _ in range(40)) + 0 * number

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6))) == 240
    assert log.get_decision_statistics()["decisions_with_outcomes"] == 240
    assert threading.active_count() < 20


@pytest.fixture
def readonly(log: AccountabilityLogger) -> Iterator[AccountabilityLogger]:
    """A log that may be read, in a folder that may not be written."""
    decided(log, "agent:a", ended="success")
    folder = Path(log.log_file).parent
    yield log
    folder.chmod(0o755)


@pytest.mark.parametrize("indexed", [False, True])
def test_a_log_that_may_only_be_read(readonly: AccountabilityLogger, indexed: bool) -> None:
    path = Path(readonly.log_file)
    if indexed:
        readonly.get_decision_statistics()
        readonly.close()
    for file in (path, *path.parent.iterdir()):
        file.chmod(0o444)
    path.parent.chmod(0o555)
    program = (
        "import sys\nfrom aura_analytics import AccountabilityLogger\nlog = AccountabilityLogger(sys.argv[1])\n"
        "print(log.get_decision_statistics()['success_rate'], len(log.query_decisions()))"
    )
    # root may write anywhere: take that right away
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = subprocess.run([*drop, sys.executable, "-c", program, str(path)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.strip() == "100.0 1", done.stderr
    assert {file.name for file in path.parent.iterdir()} >= {path.name}


def test_a_ledger_is_not_taken_apart(tmp_path: Path) -> None:
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_event({"type": "OVERRIDE", "actor": "anne"})
    before = (tmp_path / "aura.db").read_bytes()
    log = AccountabilityLogger(tmp_path / "aura.db")
    for call in (log.repair, log.rotate, log.get_decision_statistics, lambda: log.log_decision("x", {}, {})):
        with pytest.raises(FileFormatError, match=r"no decision log: got 'a SQLite database'.*sqlite:///aura.db"):
            call()
    assert (tmp_path / "aura.db").read_bytes() == before
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    with pytest.raises(FileFormatError, match="no line of the file is an entry"):
        AccountabilityLogger(tmp_path / "notes.txt").repair()
    assert (tmp_path / "notes.txt").read_text() == "one\ntwo\n"


def test_a_last_line_without_its_end_counts(log: AccountabilityLogger) -> None:
    decided(log, "agent:a", ended="success")
    with Path(log.log_file).open("a") as file:
        file.write(
            json.dumps({"request_id": "last", "timestamp": "2026-01-01", "user_request": "x", "diagnosis": {}, "decisions": {}})
        )
    assert len(log.query_decisions()) == 2 and log.faults() == []
    assert log.log_outcome("last", {"outcome_type": "success"})
    assert log.get_decision_statistics()["decisions_with_outcomes"] == 2 and log.faults() == []


def test_segments_are_not_logs_and_damaged_ones_are_named(log: AccountabilityLogger) -> None:
    for _ in range(3):
        decided(log, "agent:a", ended="success")
    (made,) = log.rotate(plain_days=0)
    with pytest.raises(ParameterError, match="a segment is not a log"):
        AccountabilityLogger(made)
    whole = made.read_bytes()
    for damaged in (whole[:40], b""):
        made.write_bytes(damaged)
        fresh = AccountabilityLogger(log.log_file)
        Path(log.log_file + ".index").unlink(missing_ok=True)
        with pytest.raises(FileFormatError, match=rf"{made.name}: a segment of the decision log is damaged"):
            fresh.query_decisions()
        fresh.close()
    made.write_bytes(whole)
    assert len(AccountabilityLogger(log.log_file).query_decisions()) == 3


def test_an_edit_in_place_is_seen(log: AccountabilityLogger) -> None:
    decided(log, "agent:a", ended="success")
    decided(log, "agent:a", ended="success")
    assert log.get_decision_statistics()["success_rate"] == 100.0
    text = Path(log.log_file).read_text()
    Path(log.log_file).write_text(text.replace('"success"', '"failure"', 1))
    assert log.get_decision_statistics()["success_rate"] == 50.0
    assert len(log.query_decisions(outcome_type="failure")) == 1


def test_permissions_stay(log: AccountabilityLogger) -> None:
    decided(log, "agent:a", ended="success")
    Path(log.log_file).chmod(0o600)
    log.close()
    Path(log.log_file + ".index").unlink(missing_ok=True)
    log.get_decision_statistics()
    with Path(log.log_file).open("a") as file:
        file.write("rubbish\n")
    aside = log.repair()[1]
    (made,) = log.rotate()
    assert aside is not None
    for path in (aside, made, Path(log.log_file + ".index")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_link_and_its_target_are_one_log(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = AccountabilityLogger(tmp_path / "real/log.jsonl")
    decided(real, "agent:a")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real/log.jsonl")
    link = AccountabilityLogger(tmp_path / "link.jsonl")
    link.rotate()
    decided(real, "agent:a")
    assert len(link.query_decisions()) == len(real.query_decisions()) == 2 and (tmp_path / "link.jsonl").is_symlink()


def test_duplicates_and_orphans_are_reported(log: AccountabilityLogger) -> None:
    name = decided(log, "agent:a", ended="success")
    with Path(log.log_file).open("a") as file:
        file.write(json.dumps({"request_id": name, "outcome": {"outcome_type": "failure"}}) + "\n")
        file.write(json.dumps({"amends": "nobody", "outcome": {"outcome_type": "failure"}}) + "\n")
    said = [str(fault) for fault in log.faults()]
    assert len(said) == 2 and "line 3: a second entry with this request_id" in said[0] and "not in the log" in said[1]
    assert log.repair() == (0, None) and len(log.query_decisions()) == 1


def test_an_override_taken_back_is_none(any_log: AccountabilityLogger) -> None:
    for i in range(20):
        name = decided(any_log, "agent:a", "agent:b", "agent:a")
        assert any_log.log_override(name, "agent:a", by="anne", replacement="agent:c")
        if i < 15:
            assert any_log.log_override(name, "agent:c", by="anne", replacement="agent:a")
    rows = {row["component"]: row for row in any_log.learn_from_overrides().iter_rows(named=True)}
    assert (rows["agent:a"]["chosen"], rows["agent:a"]["overridden"], rows["agent:a"]["replaced_by"]) == (20, 5, "agent:c")
    assert (rows["agent:c"]["chosen"], rows["agent:c"]["added"]) == (0, 5)
    watched = any_log.anomalies("override").group_by("component").agg(pl.col("n", "k").sum()).sort("component")
    assert watched.rows() == [("agent:a", 20, 5), ("agent:b", 20, 0)]
    for wrong in ({"by": None}, {"by": "anne", "replacement": 5}):
        with pytest.raises(EventError):
            any_log.log_override(name, "agent:b", **wrong)


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "--last", "1e300"],
        ["query", "--limit", "99999999999999999999999"],
        ["log", "retain", "--keep-days", "1e10", "--yes"],
        ["log", "rotate", "--min-age", "1e10"],
        ["log", "rotate", "--min-size", "inf"],
        ["stats", "--log-file", ""],
        ["log", "export", "--out", "x.csv"],
    ],
)
def test_odd_arguments_end_in_one_line(log: AccountabilityLogger, tmp_path: Path, arguments: list[str]) -> None:
    decided(log, "agent:a")
    given = arguments if "--log-file" in arguments else [*arguments, "--log-file", log.log_file]
    done = subprocess.run([*CLI, *given], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "Traceback" not in done.stderr and done.returncode in (0, 2), done.stderr


def test_odd_arguments_in_python(log: AccountabilityLogger) -> None:
    for call in (
        lambda: log.query_decisions(limit="5"),  # type: ignore[arg-type]
        lambda: log.query_decisions(limit=2.5),  # type: ignore[arg-type]
        lambda: log.retain(5),  # type: ignore[arg-type]
        lambda: AccountabilityLogger(log.log_file, rotate_age=5),  # type: ignore[arg-type]
        lambda: AccountabilityLogger(log.log_file, rotate_bytes=0),
        lambda: log.retain(timedelta(days=10**7)),
    ):
        with pytest.raises(ParameterError):
            call()
    log.log_outcome(log.log_decision("x", {}, {}), Outcome(OutcomeType.SUCCESS, 10))
    log.log_outcome(log.log_decision("x", {}, {}), {"outcome_type": "success"})
    assert log.get_decision_statistics()["avg_time_seconds"] == 10.0
    assert aura.compare_versions(log.log_file, log.log_file, pair_by="user_request").paired == 1
    assert issubclass(EventError, AuraError)


def test_text_of_the_log_cannot_forge_lines(log: AccountabilityLogger, tmp_path: Path) -> None:
    log.log_decision("x\nDecision faked", {}, {}, request_id="a\nb")
    done = subprocess.run([*CLI, "query", "--log-file", log.log_file], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "a\\nb" in done.stdout and "x\\nDecision faked" in done.stdout
