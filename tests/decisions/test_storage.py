"""The log's segments, retention, overrides and both backends: nothing is lost, and every call sees everything."""

from __future__ import annotations

import errno
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import AccountabilityLogger, Ledger
from aura_analytics.decisions.file.segments import Packed, pack
from aura_analytics.errors import EventError, FileMissingError, LedgerUnavailableError, ParameterError
from tests.conftest import ROOT
from tests.decisions.conftest import decided


def everything(log: AccountabilityLogger) -> dict[str, Any]:
    """What every call says of a log."""
    return {
        "statistics": log.get_decision_statistics(),
        "learned": log.learn_from_outcomes(),
        "entries": log.query_decisions(limit=None),
        "failures": log.query_decisions(outcome_type="failure"),
        "adjusted": log.learn_from_outcomes("adjusted").to_dicts(),
        "overrides": log.override_history(),
        "table": log.table().to_dicts(),
    }


def test_rotation_hides_nothing(log: AccountabilityLogger) -> None:
    names = []
    for i in range(60):
        names.append(decided(log, "agent:a", *(["agent:b"] if i % 2 else []), ended=[None, "success", "failure"][i % 3]))
        if i % 20 == 19:
            before = everything(log)
            (made,) = log.rotate(plain_days=0)
            day, again = datetime.now(timezone.utc).date(), f".{i // 20 + 1}" if i > 20 else ""
            assert made.name == f"{Path(log.log_file).stem}-{day}{again}.jsonl.gz" and not Path(log.log_file).exists()
            assert everything(log) == before
    assert log.rotate(plain_days=0) == []
    # what is in a segment is amended like anything else
    assert log.log_outcome(names[0], {"outcome_type": "success"}) and log.log_outcome(names[1], {"outcome_type": "failure"})
    assert log.log_override(names[5], "agent:b", by="anne", replacement="agent:c")
    assert [item["outcome"]["outcome_type"] for item in log.outcome_history(names[1])] == ["success", "failure"]
    assert not log.log_outcome("nobody", {"outcome_type": "success"})
    with pytest.raises(EventError, match="request id is taken"):
        log.log_decision("x", {}, {}, request_id=names[3])
    found = everything(log)
    log.close()
    Path(log.log_file + ".index").unlink()
    assert everything(AccountabilityLogger(log.log_file)) == found  # an index made anew says the same
    assert found["statistics"]["total_decisions"] == 60


def test_patterns_are_kept_while_they_are_few(log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions.file import taking_in

    def patterns(of: AccountabilityLogger) -> list[tuple[Any, ...]]:
        return sorted(of._store.patterns().rows())

    names = []
    for i in range(60):
        names.append(log.log_decision("x", {"complexity": i % 7}, {"execution_order": ["agent:a"] if i % 2 else ["agent:b"]}))
        log.log_outcome(names[-1], {"outcome_type": "success" if i % 3 else "failure"})
    log.log_outcome(names[3], {"outcome_type": "success"})
    log.log_override(names[5], "agent:a", by="anne", replacement="agent:c")
    kept = patterns(log)
    slow = log.table().group_by("components", "covariates", "outcome").len()
    assert kept == sorted((c, v, o, n) for c, v, o, n in slow.rows()) and sum(row[3] for row in kept) == 60
    monkeypatch.setattr(taking_in, "_PATTERNS", 5)
    log.close()
    Path(log.log_file + ".index").unlink()
    fresh = AccountabilityLogger(log.log_file)
    assert patterns(fresh) == kept  # counted when asked
    fresh.log_outcome(names[0], {"outcome_type": "success"})
    assert sum(row[3] for row in patterns(fresh)) == 60 and patterns(fresh) != kept


def test_other_tools_read_segments(log: AccountabilityLogger) -> None:
    decided(log, "agent:a", ended="success")
    raw = Path(log.log_file).read_bytes()
    (made,) = log.rotate(plain_days=0)
    assert gzip.decompress(made.read_bytes()) == raw
    before = everything(log)
    made.write_bytes(gzip.compress(raw))  # packed by another tool
    assert everything(AccountabilityLogger(log.log_file)) == before


def test_blocks_are_read_alone(tmp_path: Path) -> None:
    lines = [f"{i}:".encode() + b"x" * (i % 997) for i in range(3_000)]
    pack(lines, tmp_path / "s.gz")
    packed = Packed(tmp_path / "s.gz")
    whole = b"".join(line + b"\n" for line in lines)
    assert packed.size == len(whole) and len(packed._places) > 3
    assert b"".join(packed.pieces(0)) == whole and b"".join(packed.pieces(700_001)) == whole[700_001:]
    at = 0
    for line in lines:
        assert packed.read_at(at, len(line)) == line
        at += len(line) + 1


def test_rotation_by_size_and_age(tmp_path: Path) -> None:
    log = AccountabilityLogger(tmp_path / "a.jsonl", rotate_bytes=4_000)
    for _ in range(60):
        decided(log, "agent:a", ended="success")
    assert len(list(tmp_path.glob("a-*.jsonl"))) >= 3 and log.get_decision_statistics()["decisions_with_outcomes"] == 60
    assert log.rotate(min_bytes=10**9) == [] and log.rotate(min_age=timedelta(hours=1)) == []
    old = AccountabilityLogger(tmp_path / "b.jsonl", rotate_age=timedelta(days=1))
    stamp = (datetime.now(timezone.utc) - timedelta(days=2)).isoformat()
    (tmp_path / "b.jsonl").write_text(
        json.dumps({"request_id": "old", "timestamp": stamp, "user_request": "x", "diagnosis": {}, "decisions": {}}) + "\n"
    )
    decided(old, "agent:a")
    decided(old, "agent:a")
    assert len(list(tmp_path.glob("b-*.jsonl"))) == 1
    assert next(entry.request_id for entry in old.query_decisions()) == "old" and len(old.query_decisions()) == 3


def test_days_have_the_documents_names_and_a_week_stays_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions import log as module

    folder, now = tmp_path / ".claude-loop", datetime.now(timezone.utc)
    log = AccountabilityLogger(folder / "orchestrator-decisions.jsonl", rotate_daily=True)
    for days in range(10, -1, -1):
        monkeypatch.setattr(module, "now_text", lambda days=days: (now - timedelta(days=days)).isoformat())
        decided(log, "agent:a", ended="success")
        decided(log, "agent:b")
    closed = {(now - timedelta(days=days)).date(): days for days in range(10, 0, -1)}
    names = {f"orchestrator-decisions-{day}.jsonl" + (".gz" if days > 7 else "") for day, days in closed.items()}
    assert {path.name for path in folder.iterdir() if path.name.startswith("orchestrator-decisions-")} == names
    assert len(log.query_decisions(limit=None)) == 22 and log.get_decision_statistics()["decisions_with_outcomes"] == 11
    assert len(AccountabilityLogger(log.log_file).query_decisions(limit=None)) == 22
    # one more of today, and again: the names differ, and nothing is lost
    first, second = log.rotate(), (decided(log, "agent:c"), log.rotate())[1]
    assert [path.name for path in (*first, *second)] == [
        f"orchestrator-decisions-{now.date()}.jsonl",
        f"orchestrator-decisions-{now.date()}.2.jsonl",
    ]
    assert len(log.query_decisions(limit=None)) == 23 and log.rotate(daily=True) == []
    assert all(path.suffix == ".gz" for path in log.rotate(plain_days=0)) and len(log.query_decisions(limit=None)) == 23
    with pytest.raises(ParameterError, match="plain_days is out of range"):
        log.rotate(plain_days=-1)


def test_a_log_that_was_moved_away_by_hand_is_read_on(tmp_path: Path) -> None:
    log = AccountabilityLogger(tmp_path / "orchestrator-decisions.jsonl")
    name = decided(log, "agent:a", ended="success")
    Path(log.log_file).rename(tmp_path / "orchestrator-decisions-2026-01-17.jsonl")  # as the document says
    decided(log, "agent:b")
    assert next(entry.request_id for entry in log.query_decisions(limit=None)) == name
    assert log.get_decision_statistics()["total_decisions"] == 2
    assert log.log_outcome(name, {"outcome_type": "failure"})
    assert log.query_decisions(name)[0].outcome == {"outcome_type": "failure"} | {
        key: value for key, value in (log.query_decisions(name)[0].outcome or {}).items() if key != "outcome_type"
    }


def test_a_clock_that_was_set_back_mixes_nothing_up(log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions import log as module

    now = datetime.now(timezone.utc)
    names = []
    for days in (0, 5, 3):
        monkeypatch.setattr(module, "now_text", lambda days=days: (now - timedelta(days=days)).isoformat())
        names.append(decided(log, "agent:a", ended="success"))
        log.rotate()
    assert [entry.request_id for entry in log.query_decisions(limit=None)] == names
    assert [entry.request_id for entry in AccountabilityLogger(log.log_file).query_decisions(limit=None)] == names


def test_retention_is_explicit_and_counts_follow(log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions import log as module

    now = datetime.now(timezone.utc)
    for days in (40, 20, 0):
        monkeypatch.setattr(module, "now_text", lambda days=days: (now - timedelta(days=days)).isoformat())
        for _ in range(5):
            decided(log, f"agent:{days}", ended="success")
        log.rotate(plain_days=0)
    last = decided(log, "agent:0")
    assert log.retain(timedelta(days=60)) == []
    with pytest.raises(ParameterError, match="keep is out of range"):
        log.retain(timedelta(0))
    (gone,) = log.retain(timedelta(days=30))
    assert not gone.exists()
    assert log.component_outcomes()["component"].to_list() == ["agent:20", "agent:0"]
    assert log.get_decision_statistics()["total_decisions"] == 11
    log.retain(timedelta(seconds=0.001))
    assert [entry.request_id for entry in log.query_decisions()] == [last]


def test_repair_reaches_into_segments(log: AccountabilityLogger) -> None:
    decided(log, "agent:a", ended="success")
    with Path(log.log_file).open("ab") as file:
        file.write(b"\xff rubbish\n")
    kept = decided(log, "agent:a", ended="failure")
    before = everything(log)
    (made,) = log.rotate(plain_days=0)
    with Path(log.log_file).open("ab") as file:
        file.write(b'{"amends": "x"}\n{"request_id": "torn')
    assert len(log.faults()) == 3 and made.name in str(log.faults()[0]) and "line 3" in str(log.faults()[0])
    count, aside = log.repair()
    assert count == 3 and aside is not None
    assert aside.read_bytes() == b'\xff rubbish\n{"amends": "x"}\n{"request_id": "torn\n'
    assert log.faults() == [] and everything(log) == before
    assert log.query_decisions(kept)[0].outcome is not None


def test_a_crash_between_compressing_and_deleting(log: AccountabilityLogger) -> None:
    for _ in range(3):
        decided(log, "agent:a", ended="success")
    raw = Path(log.log_file).read_bytes()
    before = everything(log)
    (made,) = log.rotate(plain_days=0)
    plain = made.with_suffix("")
    plain.write_bytes(raw)  # as it was when the crash came
    assert everything(AccountabilityLogger(log.log_file)) == before
    made.unlink()  # the crash came earlier: there is only the renamed file
    assert everything(AccountabilityLogger(log.log_file)) == before
    assert log.rotate(plain_days=0) == [made] and not plain.exists()
    assert everything(log) == before


ROTATOR = """
import sys
from aura_analytics import AccountabilityLogger
log = AccountabilityLogger(sys.argv[1])
while True:
    log.rotate(min_bytes=2000, plain_days=0)
    print("x", flush=True)
"""
WRITER = """
import sys
from aura_analytics import AccountabilityLogger
log = AccountabilityLogger(sys.argv[1])
i = 0
while True:
    name = log.log_decision("x", {}, {"execution_order": ["agent:a"]}, request_id=f"{sys.argv[2]}-{i}")
    assert log.log_outcome(name, {"outcome_type": "failure", "time_taken_seconds": 1})
    assert log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": 1})
    print(name, flush=True)
    i += 1
"""


def _kill_many(path: str, rounds: int) -> None:
    said: list[str] = []
    for i in range(rounds):
        writers = [
            subprocess.Popen([sys.executable, "-c", code, path, f"k{i}"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
            for code in (WRITER, ROTATOR)
        ]
        assert writers[0].stdout is not None
        said.append(writers[0].stdout.readline().strip())
        time.sleep(0.05 + 0.01 * (i % 20))
        for writer in writers[:: 1 if i % 2 else -1]:
            writer.send_signal(signal.SIGKILL)
        said += writers[0].communicate()[0].split("\n")[:-1]
        writers[1].communicate()
    log = AccountabilityLogger(path)
    found = {entry.request_id: entry.outcome for entry in log.query_decisions(limit=None)}
    assert len(said) > 2 * rounds
    assert [name for name in said if (found.get(name) or {}).get("outcome_type") != "success"] == []
    # a kill may cut the one line off that was just being written; nothing else is ever damaged
    assert len(log.faults()) <= rounds
    tallied = log.get_decision_statistics()
    log.close()
    Path(path + ".index").unlink()
    assert AccountabilityLogger(path).get_decision_statistics() == tallied
    assert len(log.rotate(plain_days=0)) <= 2 and AccountabilityLogger(path).get_decision_statistics() == tallied


def test_kills_while_writing_and_rotating(tmp_path: Path) -> None:
    _kill_many(str(tmp_path / "log.jsonl"), 3)


@pytest.mark.slow
def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    _kill_many(str(tmp_path / "log.jsonl"), 30)


def test_overrides_are_tracked_and_learned_from(any_log: AccountabilityLogger) -> None:
    log = any_log
    for i in range(40):
        name = decided(log, "agent:a", "agent:b")
        if i < 10:
            assert log.log_override(name, "agent:a", by="anne", replacement="agent:c" if i < 8 else None, reason="slow")
        elif i < 12:
            assert log.log_acceptance(name, by="anne")
        log.log_outcome(name, {"outcome_type": "success" if i % 4 or i < 10 else "failure", "time_taken_seconds": 1})
    assert not log.log_override("nobody", "agent:a", by="anne")
    assert not log.log_acceptance("nobody", by="anne")
    with pytest.raises(EventError, match=r"does not serve this decision: got 'agent:bb'.*did you mean 'agent:b'"):
        log.log_override(name, "agent:bb", by="anne")
    with pytest.raises(EventError, match="2 problems"):
        log.log_override(name, None, by=" ")
    rows = {row["component"]: row for row in log.learn_from_overrides().iter_rows(named=True)}
    a, b, c = rows["agent:a"], rows["agent:b"], rows["agent:c"]
    assert (a["chosen"], a["overridden"], a["rate"], a["replaced_by"]) == (40, 10, 0.25, "agent:c")
    assert (round(a["lo"], 4), round(a["hi"], 4)) == (0.1419, 0.4019)  # Wilson, 10 of 40
    assert (a["kept_n"], a["overridden_n"], a["overridden_success"]) == (30, 10, 1.0)
    assert (
        a["kept_success"] == pytest.approx(23 / 30)
        and a["gain"] == pytest.approx(7 / 30)
        and a["gain_lo"] < a["gain"] < a["gain_hi"]
    )
    assert a["multiplier"] < 1 < b["multiplier"] and b["overridden"] == 0 and b["overridden_success"] is None
    assert (c["chosen"], c["added"], c["rate"]) == (0, 8, None)
    # learning counts what served; the document's own numbers do not change
    counts = {row["component"]: row["n"] for row in log.learn_from_outcomes("adjusted").iter_rows(named=True)}
    assert counts == {"agent:a": 30, "agent:b": 40, "agent:c": 8}
    assert set(log.learn_from_outcomes()) == {"agent:a", "agent:b"}
    board = {row["actor"]: row for row in aura.dossiers(log.to_events(), window="all").iter_rows(named=True)}
    assert (board["agent:a"]["overridden_rate"], board["agent:a"]["overridden_rate_n"]) == (0.25, 40)
    assert (board["agent:a"]["success_rate_n"], board["agent:c"]["success_rate_n"]) == (30, 8)
    said = [json.loads(text) for text in log.to_events().filter(type="OVERRIDE")["attributes"]]
    assert {item["by"] for item in said} == {"anne"} and len(said) == 10


def test_a_log_in_a_ledger_is_shared_with_its_events(url: str, tmp_path: Path) -> None:
    with Ledger(url, mirror=False) as ledger:
        log = AccountabilityLogger(ledger)
        name = decided(log, "agent:a", ended="success")
        assert ledger.record_events(log.to_events()) == 2 == ledger.record_events(log.to_events()) + 2
        assert aura.dossiers(ledger.events(), window="all")["success_rate"].to_list() == [1.0]
        assert ledger.verify().ok
        with pytest.raises(EventError, match="request id is taken"):
            log.log_decision("x", {}, {}, request_id=name)
        with pytest.raises(ParameterError, match="a log in a ledger is not rotated"):
            log.rotate(plain_days=0)
        with pytest.raises(ParameterError, match="a ledger forgets nothing"):
            log.retain(timedelta(days=1))
        assert log.faults() == [] and log.repair() == (0, None)
    with pytest.raises(ParameterError, match="is not rotated"):
        AccountabilityLogger(url, rotate_bytes=5)
    with pytest.raises(ParameterError, match="a log cannot be opened there"):
        AccountabilityLogger(5)  # type: ignore[arg-type]


def test_one_id_taken_by_several_writers(any_log: AccountabilityLogger) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def take(number: int) -> bool:
        own = AccountabilityLogger(any_log.log_file) if "://" not in any_log.log_file else any_log
        try:
            own.log_decision(f"by {number}", {}, {}, request_id="same")
        except EventError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(take, range(8))) == 1
    assert len(any_log.query_decisions()) == 1


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccountabilityLogger(tmp_path / "log.jsonl")
    name = decided(log, "agent:a", ended="success")
    before = (tmp_path / "log.jsonl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 40, hard))  # the kernel stops every write there
        with pytest.raises(LedgerUnavailableError, match="decision log cannot be written"):
            log.log_decision("x" * 500, {}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "log.jsonl").read_bytes() == before and log.faults() == []

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LedgerUnavailableError, match=r"No space left.*free some space; nothing was stored"):
            log.log_outcome(name, {"outcome_type": "failure"})
    assert (tmp_path / "log.jsonl").read_bytes() == before
    assert log.log_outcome(name, {"outcome_type": "failure"})


def test_a_full_disk_while_rotating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.decisions.file import log_file as files

    log = AccountabilityLogger(tmp_path / "log.jsonl")
    for _ in range(5):
        decided(log, "agent:a", ended="success")
    before = everything(log)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files, "pack", full)
        with pytest.raises(LedgerUnavailableError, match="No space left"):
            log.rotate(plain_days=0)
    assert everything(log) == before
    assert len(log.rotate(plain_days=0)) == 1 and everything(log) == before


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    log = AccountabilityLogger(tmp_path / "log.jsonl")
    with pytest.raises((LedgerUnavailableError, aura.errors.AuraError), match=r"log\.jsonl"):
        log.log_decision("x", {}, {})
    with pytest.raises(FileMissingError):
        AccountabilityLogger(Ledger(tmp_path / "no.db", create=False))


def test_learning_takes_any_form(log: AccountabilityLogger, tmp_path: Path) -> None:
    for i in range(30):
        name = log.log_decision(f"task {i}", {"complexity": i % 3}, {"execution_order": ["agent:a"] if i % 2 else ["agent:b"]})
        log.log_outcome(name, {"outcome_type": "success" if i % 5 else "failure"})
    entries = log.query_decisions(limit=None)
    for method in ("seed", "shrunk", "adjusted"):
        want = log.learn_from_outcomes(method)
        for form in (log, log.log_file, entries, log.table(), [vars(entry) for entry in entries]):
            found = aura.learn_from_outcomes(form, method=method)
            if isinstance(want, dict):
                assert found == want
            else:
                assert isinstance(found, pl.DataFrame)
                shown = [frame.sort("component").with_columns(pl.selectors.float().round(9)) for frame in (found, want)]
                assert shown[0].equals(shown[1])
    with pytest.raises(ParameterError, match="did you mean 'shrunk'"):
        aura.learn_from_outcomes(log, method="shrunken")
    with pytest.raises(ParameterError, match="lacks columns"):
        aura.learn_from_outcomes(pl.DataFrame({"x": [1]}))
    assert aura.compare_versions(entries, log, pair_by="user_request").verdict in ("not_worse", "inconclusive")
    assert aura.compare_versions(entries, log, pair_by="user_request").paired == 30
    with pytest.raises(ParameterError, match="no such column"):
        aura.compare_versions(entries, log, pair_by="task")
