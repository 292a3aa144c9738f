"""The chain of a decision log: whatever somebody does to its lines, or to its index, is named, and never believed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from aura_analytics import AccountabilityLogger
from aura_analytics.errors import FileFormatError, LedgerDamagedError
from tests.conftest import ROOT
from tests.decisions.conftest import decided


def made(path: Path, decisions: int = 6) -> AccountabilityLogger:
    log = AccountabilityLogger(path)
    for i in range(decisions):
        decided(log, "agent:a", ended=["failure", "success"][i % 2])
    return log


def by_hand(path: Path) -> str:
    """The chain, computed as the documentation says, without the library."""
    chain = "0" * 64
    for raw in path.read_bytes().splitlines():
        said = json.loads(raw).get("chain")
        body = raw if said is None else raw[: raw.rindex(b', "chain": "')] + b"}"
        chain = hashlib.sha256(chain.encode() + body).hexdigest()
        assert said in (None, chain)
    return chain


def test_the_chain_is_what_it_is_said_to_be(log: AccountabilityLogger) -> None:
    made(Path(log.log_file))
    log.log_override(decided(log, "agent:a"), "agent:a", by="anne", replacement="agent:b")
    found = log.verify()
    assert found.ok and found.entries == 14 and found.chain == by_hand(Path(log.log_file))
    assert "14 entries verified" in str(found)
    assert all("chain" not in note for note in (*log.override_history(), *log.notes("outcome")))


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def flipped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"failure"', b'"success"'), *lines[2:]]


def last_flipped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1].replace(b'"success"', b'"failure"')]


def forged(lines: list[bytes]) -> list[bytes]:
    line = json.dumps({"approves": "p1", "approval": {"approver": "anne"}, "logged_at": "2026-01-01T00:00:00Z"}).encode()
    return [*lines, line + b"\n"]


ALTERED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "an outcome": (flipped, "line 2: it is not as it was written"),
    "the last line": (last_flipped, "line 12: it is not as it was written"),
    "a line taken out": (lambda lines: lines[:4] + lines[5:], "line 5"),
    "the first line taken out": (lambda lines: lines[1:], "line 1: it, or a line before it"),
    "two lines changed about": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "line 4"),
    "a line twice": (lambda lines: [*lines[:3], lines[2], *lines[3:]], "line 4"),
    "a line put in": (lambda lines: [*lines[:3], forged([])[0], *lines[3:]], "line 4: an entry without a chain"),
    "an approval added": (forged, "line 13: an entry without a chain after entries with one"),
}


@pytest.mark.parametrize("name", ALTERED)
@pytest.mark.parametrize("closed", [False, True])
def test_what_somebody_does_to_a_line_is_named(log: AccountabilityLogger, name: str, closed: bool) -> None:
    log = made(Path(log.log_file))
    path = Path(log.log_file)
    if closed:
        (path,) = log.rotate()
        decided(log, "agent:a")
    do, said = ALTERED[name]
    log.get_decision_statistics()
    path.write_bytes(b"".join(do(lines_of(path))))
    found = AccountabilityLogger(log.log_file).verify()
    assert not found.ok and said in str(found), found


def rechained(path: Path) -> None:
    chain, lines = "0" * 64, []
    for raw in path.read_bytes().splitlines():
        body = raw[: raw.rindex(b', "chain": "')] + b"}"
        chain = hashlib.sha256(chain.encode() + body).hexdigest()
        lines.append(body[:-1] + f', "chain": "{chain}"}}\n'.encode())
    path.write_bytes(b"".join(lines))


def test_heads_show_what_was_computed_anew_or_cut_off(log: AccountabilityLogger, tmp_path: Path) -> None:
    path, heads = Path(log.log_file), tmp_path / "heads.jsonl"
    made(path, 3)
    log.export_heads(heads)
    made(path, 3)
    log.export_heads(heads)
    log.export_heads(heads)  # nothing new: no line
    assert len(lines_of(heads)) == 2 and log.verify(heads).heads == 2
    kept = path.read_bytes()
    path.write_bytes(b"".join(flipped(lines_of(path))))
    rechained(path)
    assert log.verify().ok and not log.verify(heads).ok and "not that of a head" in str(log.verify(heads))
    with pytest.raises(LedgerDamagedError, match="no head was added"):
        log.export_heads(heads)
    path.write_bytes(b"".join(kept.splitlines(keepends=True)[:8]))
    assert log.verify().ok and "cut off: a head that was kept names 12 entries" in str(log.verify(heads))
    path.write_bytes(kept)
    assert log.verify(heads).ok
    heads.write_text('{"entries": "x"}\n')
    with pytest.raises(FileFormatError, match="no head of a decision log"):
        log.verify(heads)


def test_a_log_of_before_the_chain_is_held_by_what_follows(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    old = [{"request_id": f"r{i}", "timestamp": "2026-01-01T00:00:00Z", "decisions": {}} for i in range(2_000)]
    path.write_text("".join(json.dumps(line) + "\n" for line in old))
    log = AccountabilityLogger(path)
    assert log.verify().ok and "2,000 of before there was a chain" in str(log.verify())
    decided(log, "agent:a")
    assert log.verify().ok and log.verify().chain == by_hand(path) and log.verify().entries == 2_001
    path.write_text(path.read_text().replace('"r7"', '"r7x"'))
    assert not log.verify().ok


def test_segments_retention_and_repair_keep_the_chain(log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions import log as module

    now = datetime.now(timezone.utc)
    for days in (40, 20, 0):
        monkeypatch.setattr(module, "now_text", lambda days=days: (now - timedelta(days=days)).isoformat())
        for _ in range(5):
            decided(log, f"agent:{days}", ended="success")
        log.rotate(plain_days=0)
    with Path(log.log_file).open("ab") as file:
        file.write(b'{"request_id": "torn')
    decided(log, "agent:0")
    assert log.verify().ok and log.verify().entries == 31 and "1 lines that are no entries" in str(log.verify())
    log.repair()
    assert log.verify().ok and log.verify().entries == 31
    (gone,) = log.retain(timedelta(days=30))
    assert log.verify().ok and log.verify().entries == 32 and "10 of them deleted since" in str(log.verify())
    assert log.notes("retention")[0]["retention"]["files"] == [gone.name]
    log.rotate()
    decided(log, "agent:0")
    log.retain(timedelta(seconds=0.001))
    found = AccountabilityLogger(log.log_file).verify()
    assert found.ok and found.entries == 34, found
    # what somebody else deletes is missing
    for path in Path(log.log_file).parent.glob("decisions-*"):
        path.unlink()
    log.rotate()
    decided(log, "agent:0")
    for path in Path(log.log_file).parent.glob("decisions-*"):
        path.unlink()
    assert not AccountabilityLogger(log.log_file).verify().ok


WRITER = """
import sys
from aura_analytics import AccountabilityLogger
log = AccountabilityLogger(sys.argv[1], rotate_bytes=4000)
for i in range(40):
    log.log_outcome(log.log_decision("x", {}, {"execution_order": ["agent:a"]}), {"outcome_type": "success"})
"""


def test_several_writers_keep_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    found = AccountabilityLogger(path).verify()
    assert found.ok and found.entries == 320, found


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tallies SET decisions = 2 * decisions WHERE outcome = 'success'",
        "UPDATE entries SET outcome = 'success'",
        "DELETE FROM entries",
        "UPDATE about SET value = 0 WHERE name = 'end'",
        "DROP TABLE tallies",
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_an_index_that_somebody_wrote_to_is_not_believed(log: AccountabilityLogger, change: str, held: bool) -> None:
    made(Path(log.log_file))
    before = log.get_decision_statistics(), log.query_decisions(outcome_type="failure")
    if not held:
        log.close()
    with sqlite3.connect(log.log_file + ".index") as connection:
        connection.execute(change)
    connection.close()
    assert (log.get_decision_statistics(), log.query_decisions(outcome_type="failure")) == before
    assert before[0]["success_rate"] == 50.0 and len(before[1]) == 3 and log.verify().ok


def test_verify_compares_the_index_with_the_log(log: AccountabilityLogger) -> None:
    made(Path(log.log_file))
    log.get_decision_statistics()
    log.close()
    with sqlite3.connect(log.log_file + ".index") as connection:  # by somebody who knows how it is signed
        connection.execute("UPDATE tallies SET decisions = 2 * decisions WHERE outcome = 'success'")
        connection.execute("UPDATE about SET value = value + 1 WHERE name = 'counter'")
    connection.close()
    found = log.verify()
    assert not found.ok and "said otherwise than the log" in str(found)
    assert log.get_decision_statistics()["success_rate"] == 50.0 and log.verify().ok


@pytest.mark.parametrize("what", ["text", "database", "folder"])
def test_a_file_of_that_name_that_is_something_else_is_left_alone(log: AccountabilityLogger, what: str) -> None:
    index = Path(log.log_file + ".index")
    if what == "text":
        index.write_text("the index of my thesis\n")
    elif what == "folder":
        index.mkdir()
    else:
        with sqlite3.connect(index) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
    before = None if what == "folder" else index.read_bytes()
    made(Path(log.log_file))
    assert log.get_decision_statistics()["success_rate"] == 50.0
    assert "is no index of a log" in str(log.verify()) and log.repair() == (0, None)
    assert index.is_dir() if before is None else index.read_bytes() == before


@pytest.mark.parametrize("closed", [False, True])
def test_an_edit_is_seen_whatever_the_files_time_says(log: AccountabilityLogger, closed: bool) -> None:
    log = made(Path(log.log_file))
    path = Path(log.log_file)
    if closed:
        (path,) = log.rotate()
        decided(log, "agent:a")
    assert log.get_decision_statistics()["success_rate"] == 50.0
    about = path.stat()
    path.write_bytes(b"".join(flipped(lines_of(path))))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    fresh = AccountabilityLogger(log.log_file)
    assert fresh.get_decision_statistics()["success_rate"] == 66.67
    assert not fresh.verify().ok


def test_an_edit_before_what_was_added_is_seen(log: AccountabilityLogger) -> None:
    made(Path(log.log_file))
    path = Path(log.log_file)
    assert log.get_decision_statistics()["success_rate"] == 50.0
    log.close()
    path.write_bytes(b"".join(flipped(lines_of(path))))
    decided(AccountabilityLogger(path), "agent:a", ended="success")
    assert AccountabilityLogger(path).get_decision_statistics()["success_rate"] == round(500 / 7, 2)


def test_a_log_that_was_copied_is_the_same_log(log: AccountabilityLogger, tmp_path: Path) -> None:
    made(Path(log.log_file))
    log.rotate(plain_days=0)
    decided(log, "agent:a")
    before = log.get_decision_statistics()
    log.close()
    shutil.copytree(Path(log.log_file).parent, tmp_path / "copy")
    other = AccountabilityLogger(tmp_path / "copy" / Path(log.log_file).name)
    assert other.get_decision_statistics() == before and other.verify().ok


def test_verify_at_the_command_line(log: AccountabilityLogger, tmp_path: Path) -> None:
    path = Path(log.log_file)
    made(path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "aura_analytics.cli.app", "log", *arguments, "--log-file", str(path)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert run("export-heads", "--out", "heads.jsonl").returncode == 0
    done = run("verify", "--heads", "heads.jsonl")
    assert done.returncode == 0 and "12 entries verified, 1 heads met" in done.stdout
    path.write_bytes(b"".join(flipped(lines_of(path))))
    done = run("verify")
    assert done.returncode == 1 and "NOT AS WRITTEN" in done.stdout and "line 2" in done.stdout
    assert json.loads(run("verify", "--json").stdout)["faults"][0][0] == "altered"
