"""The accountability layer: the document's calls and numbers, on a file that is only added to."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from aura_analytics import AccountabilityLogger, DecisionLog, Outcome, OutcomeType
from aura_analytics.decisions.statistics import confidence_accuracy
from aura_analytics.errors import EventError, LedgerUnavailableError, ParameterError
from aura_analytics.learning import multipliers
from tests.conftest import ROOT
from tests.decisions.conftest import decided


class Risk(str, Enum):  # noqa: UP042
    HIGH = "HIGH"


@dataclass
class Diagnosis:
    complexity: int = 7
    risks: list[Risk] = field(default_factory=lambda: [Risk.HIGH])


@dataclass
class Decision:
    component_type: str
    component_name: str
    confidence: float = 0.95


@dataclass
class Decisions:
    decisions: list[Decision]
    total_confidence: float = 0.95
    execution_order: list[str] = field(default_factory=list)


CHOSEN = Decisions(
    [Decision("skill", "brainstorming"), Decision("agent", "security-auditor")],
    execution_order=["skill:brainstorming", "agent:security-auditor"],
)
SUCCESS = Outcome(OutcomeType.SUCCESS, 45.3, [], tests_passed=True, quality_score=0.92, notes="done")


def test_the_document_s_flow(log: AccountabilityLogger) -> None:
    name = log.log_decision("build authentication", Diagnosis(), CHOSEN)
    entry = json.loads(Path(log.log_file).read_text())
    assert list(entry) == ["request_id", "timestamp", "user_request", "diagnosis", "decisions", "outcome", "logged_at", "chain"]
    assert entry["diagnosis"] == {"complexity": 7, "risks": ["HIGH"]}
    assert entry["decisions"]["decisions"][1] == {
        "component_type": "agent",
        "component_name": "security-auditor",
        "confidence": 0.95,
    }
    assert entry["outcome"] is None and entry["request_id"] == name
    assert log.log_outcome(name, SUCCESS) is True
    (found,) = log.query_decisions(request_id=name)
    assert isinstance(found, DecisionLog)
    assert found.outcome == {
        "outcome_type": "success",
        "time_taken_seconds": 45.3,
        "issues_found": [],
        "tests_passed": True,
        "quality_score": 0.92,
        "notes": "done",
    }
    assert found.logged_at is not None and found.user_request == "build authentication"
    assert log.log_outcome("nobody", SUCCESS) is False


def test_the_default_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    AccountabilityLogger().log_decision("x", {}, {})
    assert (tmp_path / ".claude-loop/orchestrator-decisions.jsonl").exists()


def test_an_outcome_is_added_and_the_last_one_counts(log: AccountabilityLogger) -> None:
    name = decided(log, "agent:a", ended="failure")
    before = Path(log.log_file).read_bytes()
    assert log.log_outcome(name, SUCCESS)
    assert Path(log.log_file).read_bytes().startswith(before)
    assert [item["outcome"]["outcome_type"] for item in log.outcome_history(name)] == ["failure", "success"]
    assert log.query_decisions(name)[0].outcome == log.outcome_history(name)[1]["outcome"]
    statistics = log.get_decision_statistics()
    assert (statistics["decisions_with_outcomes"], statistics["success_rate"]) == (1, 100.0)
    assert log.component_outcomes().row(0) == ("agent:a", 1, 1, 1)


def test_queries(any_log: AccountabilityLogger, monkeypatch: pytest.MonkeyPatch) -> None:
    log = any_log
    from aura_analytics.decisions import log as module

    start = datetime(2026, 3, 1, tzinfo=timezone.utc)
    names = []
    for i in range(10):
        moment = start + timedelta(hours=i)
        monkeypatch.setattr(module, "now_text", lambda moment=moment: moment.isoformat())
        names.append(decided(log, "agent:a", ended=["success", "failure", None][i % 3]))

    def ids(**conditions: Any) -> list[str]:
        return [entry.request_id for entry in log.query_decisions(**conditions)]

    assert ids() == names
    assert ids(limit=3) == names[:3] and ids(limit=3, newest_first=True) == names[:-4:-1]
    assert ids(start_time=start + timedelta(hours=2), end_time=start + timedelta(hours=4)) == names[2:5]
    assert ids(start_time=datetime(2026, 3, 1, 2), end_time=datetime(2026, 3, 1, 4)) == names[2:5]  # naive is UTC
    assert ids(outcome_type=OutcomeType.FAILURE) == names[1::3] == ids(outcome_type="failure")
    assert ids(has_outcome=False) == names[2::3]
    assert ids(has_outcome=True, limit=None) == [name for i, name in enumerate(names) if i % 3 != 2]
    assert ids(outcome_type="failure", start_time=start + timedelta(hours=3), limit=1) == [names[4]]
    assert ids(request_id="nobody") == []
    with pytest.raises(ParameterError, match="did you mean 'failure'"):
        ids(outcome_type="failed")
    with pytest.raises(ParameterError, match="a time cannot be read"):
        ids(start_time="yesterday")


def test_statistics_of_the_document(any_log: AccountabilityLogger) -> None:
    """SEED-SUCCESS-RATE: 124 of the 142 decisions with outcomes, of 150."""
    log = any_log
    for i in range(150):
        decided(
            log,
            "skill:brainstorming",
            *(["agent:auditor"] if i % 3 else []),
            ended=None if i >= 142 else "success" if i < 124 else "failure",
        )
    found = log.get_decision_statistics()
    assert (found["total_decisions"], found["decisions_with_outcomes"], found["success_rate"]) == (150, 142, 87.32)
    assert found["avg_time_seconds"] == 10.0
    assert found["most_common_components"] == [
        {"component": "skill:brainstorming", "count": 150},
        {"component": "agent:auditor", "count": 100},
    ]


def test_an_empty_log(any_log: AccountabilityLogger) -> None:
    log = any_log
    assert log.get_decision_statistics() == {
        "total_decisions": 0,
        "decisions_with_outcomes": 0,
        "success_rate": 0.0,
        "avg_time_seconds": 0.0,
        "most_common_components": [],
        "confidence_accuracy": 0.0,
    }
    assert log.query_decisions() == [] and log.learn_from_outcomes() == {}
    assert log.learn_from_outcomes(method="shrunk").is_empty()


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([0.4, 0.6, 0.9], 0.6333333333),
        ([0.3, 0.7, 0.92], 0.64),
        ([0.9, 0.6, 0.4], 0.0),
        ([0.4, 0.3, 0.8], 0.3),
        ([0.4, None, 0.8], 0.4),
        ([None, 0.5, 0.9], 0.0),
    ],
)
def test_confidence_accuracy(log: AccountabilityLogger, rates: list[float | None], expected: float) -> None:
    """SEED-CONF-ACC, and the cases that SEMANTICS decides."""
    bins = [(0, 0) if rate is None else (100, round(100 * rate)) for rate in rates]
    assert confidence_accuracy(bins) == pytest.approx(expected, abs=1e-9)
    for (n, k), confidence in zip(bins, (0.5999, 0.6, 0.8), strict=True):
        for i in range(n // 10):
            decided(log, "agent:a", confidence=confidence, ended="success" if i < round(k / 10) else "failure")
    tenths = [(n // 10, round(k / 10)) for n, k in bins]
    assert log.get_decision_statistics()["confidence_accuracy"] == confidence_accuracy(tenths)


def test_seed_multipliers(any_log: AccountabilityLogger) -> None:
    """SEED-MULT through the logger: the overall rate is that of all decisions with outcomes."""
    log = any_log
    counts = {"security-auditor": (30, 27), "debugger": (20, 12), "always": (3, 3), "never": (9, 0), "two": (2, 2)}
    for name, (n, k) in counts.items():
        for i in range(n):
            decided(log, name, ended="success" if i < k else ["failure", "partial", "cancelled"][i % 3])
    for i in range(100):  # nobody's decisions bring the overall rate to 80 %
        if i < 66:
            log.log_outcome(log.log_decision("x", {}, {}), {"outcome_type": "success" if i < 60 else "failure"})
    total = log.get_decision_statistics()
    assert total["success_rate"] == 80.0
    found = log.learn_from_outcomes()
    assert found == pytest.approx({"security-auditor": 1.125, "debugger": 0.75, "always": 1.25, "never": 0.7}, abs=1e-9)


def test_shrunk_multipliers_of_the_published_case() -> None:
    """N5-MULTIPLIER-SHRUNK."""
    counts = pl.DataFrame(
        {
            "component": ["security-auditor", "debugger", "always3", "never3"],
            "outcomes": [30, 20, 3, 3],
            "successes": [27, 12, 3, 0],
        }
    )
    found = multipliers.shrunk(counts, prior=(16, 4))
    assert found["multiplier"].to_list() == pytest.approx([1.075, 0.875, 1.0326086957, 0.8695652174], abs=1e-9)
    assert found["status"].to_list() == ["insufficient"] * 4
    assert ((found["lo"] < found["multiplier"]) & (found["multiplier"] < found["hi"])).all()


def test_three_outcomes_prove_nothing() -> None:
    three = pl.DataFrame({"component": ["a", "b", "c", "d"], "outcomes": [3] * 4, "successes": [0, 1, 2, 3]})
    assert set(multipliers.shrunk(three)["status"]) == {"insufficient"}


@pytest.mark.slow
def test_shrunk_intervals_cover() -> None:
    rng = np.random.default_rng(11)
    covered = total = 0
    for _ in range(120):
        truth = rng.beta(16, 4, 40)
        n = rng.integers(3, 60, 40)
        counts = pl.DataFrame({"component": [f"c{i}" for i in range(40)], "outcomes": n, "successes": rng.binomial(n, truth)})
        found = multipliers.shrunk(counts)
        ratio = truth / (truth @ n / n.sum())  # over the rate of all outcomes together
        covered += int(((found["lo"].to_numpy() <= ratio) & (ratio <= found["hi"].to_numpy())).sum())
        total += 40
    # 4,800 intervals: three standard errors are 0.95 points
    assert abs(covered / total - 0.95) < 0.01, covered / total


def test_bad_input_is_named_and_nothing_is_written(log: AccountabilityLogger) -> None:
    with pytest.raises(EventError, match=r"not finite.*decisions|total_confidence.*not finite"):
        log.log_decision("x", {}, {"total_confidence": float("nan")})
    with pytest.raises(EventError, match="diagnosis cannot be read"):
        log.log_decision("x", "text", {})
    assert not Path(log.log_file).exists()
    name = log.log_decision("x", {}, {}, request_id="mine")
    assert name == "mine"
    with pytest.raises(EventError, match="request id is taken: got 'mine'"):
        log.log_decision("y", {}, {}, request_id="mine")
    with pytest.raises(EventError, match=r"3 problems") as caught:
        log.log_outcome("mine", {"outcome_type": "sucess", "time_taken_seconds": -1, "quality_score": 9})
    assert "did you mean 'success'" in str(caught.value)
    assert Path(log.log_file).read_text().count("\n") == 1
    first = AccountabilityLogger(log.log_file, on_duplicate="first")
    assert first.log_decision("z", {}, {}, request_id="mine") == "mine"
    assert log.query_decisions("mine")[0].user_request == "x"


def test_a_torn_line_loses_nothing_else(log: AccountabilityLogger) -> None:
    first = decided(log, "agent:a", ended="success")
    with Path(log.log_file).open("ab") as file:
        file.write(b'{"request_id": "torn", "timest')
    (fault,) = log.faults()
    assert "line 3" in str(fault) and "cut off" in str(fault)
    assert [entry.request_id for entry in log.query_decisions()] == [first]
    second = decided(log, "agent:a")
    with Path(log.log_file).open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n")
    assert [entry.request_id for entry in log.query_decisions()] == [first, second]
    assert ["line 3" in str(fault) or "line 5" in str(fault) or "line 6" in str(fault) for fault in log.faults()] == [True] * 3


def test_the_index_follows_whatever_happens_to_the_file(log: AccountabilityLogger) -> None:
    names = [decided(log, "agent:a", ended="success") for _ in range(5)]
    other = AccountabilityLogger(log.log_file)
    assert len(other.query_decisions()) == 5
    more = decided(log, "agent:b")
    assert other.query_decisions(more)
    index = Path(log.log_file + ".index")
    log.close()
    other.close()
    index.write_bytes(b"no database")
    assert len(log.query_decisions()) == 6
    # the file is put back to an earlier one, and goes on differently
    lines = Path(log.log_file).read_text().splitlines(keepends=True)
    Path(log.log_file).write_text("".join(lines[:4]))
    assert [entry.request_id for entry in log.query_decisions()] == names[:2]
    Path(log.log_file).write_text("".join(lines[4:]))
    assert [entry.request_id for entry in log.query_decisions()] == [*names[2:], more]


WRITER = """
import sys
from aura_analytics import AccountabilityLogger
log = AccountabilityLogger(sys.argv[1])
for i in range(int(sys.argv[3])):
    name = log.log_decision("x", {}, {"execution_order": ["agent:a"]}, request_id=f"{sys.argv[2]}-{i}")
    log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": 1})
    print(name, flush=True)
"""


def start(path: str, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, path, name, str(count)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_several_writers(log: AccountabilityLogger) -> None:
    writers = [start(log.log_file, f"w{i}", 60) for i in range(3)]
    for writer in writers:
        assert len(writer.communicate(timeout=120)[0].split()) == 60
    assert log.faults() == []
    assert len(log.query_decisions(has_outcome=True, limit=None)) == 180
    assert log.component_outcomes().row(0) == ("agent:a", 180, 180, 180)


def test_a_killed_writer_loses_nothing_that_was_acknowledged(log: AccountabilityLogger) -> None:
    said: list[str] = []
    for i in range(4):
        writer = start(log.log_file, f"k{i}", 100_000)
        assert writer.stdout is not None
        said.append(writer.stdout.readline().strip())
        time.sleep(0.1 + 0.05 * i)
        writer.send_signal(signal.SIGKILL)
        said += writer.communicate()[0].split("\n")[:-1]
    found = {entry.request_id for entry in log.query_decisions(has_outcome=True, limit=None)}
    assert len(said) > 50
    assert [name for name in said if name not in found] == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = AccountabilityLogger(tmp_path / "file" / "log.jsonl")
    with pytest.raises(LedgerUnavailableError, match="decision log cannot be written"):
        log.log_decision("x", {}, {})


def test_a_decision_log_is_events(any_log: AccountabilityLogger) -> None:
    log = any_log
    import aura_analytics as aura

    for i in range(30):
        decided(log, "skill:b", *(["agent:a"] if i % 2 else []), ended=None if i >= 28 else "success" if i % 3 else "failure")
    table = log.to_events()
    assert aura.events.validate(table).equals(table) and log.to_events().equals(table)
    assert table.group_by("type").len().sort("type").rows() == [("OUTCOME", 42), ("ROUTED", 45)]
    board = aura.dossiers(table, window="all")
    rates = {row["component"]: (row["outcomes"], row["successes"]) for row in log.component_outcomes().iter_rows(named=True)}
    for row in board.iter_rows(named=True):
        n, k = rates[row["actor"]]
        assert (row["success_rate_n"], row["success_rate"]) == (n, k / n)
        assert row["actor_kind"] == "component" and row["pip_status"] == "insufficient"


def test_the_report_and_rules_work_for_components(log: AccountabilityLogger, tmp_path: Path) -> None:
    import aura_analytics as aura

    for i in range(240):
        decided(log, f"agent:{i % 4}", ended="success" if i % 4 < 3 or i % 5 == 0 else "failure")
    page = aura.write_report(log.to_events(), tmp_path / "r.html", window="all").read_text()
    assert "Funnel: success of agents and components" in page and "agent:3" in page
    rule = {"id": "fails", "when": {"metric": "success_rate", "below": 0.7, "limit": "upper"}}
    policy = aura.Policy({"name": "components", "kinds": ["component"], "rules": [rule], "window": "all"})
    verdicts = policy.evaluate(aura.dossiers(log.to_events(), window="all"))
    assert verdicts.filter(verdict="flag")["actor"].to_list() == ["agent:3"]


def test_the_document_s_one_line_form(any_log: AccountabilityLogger, tmp_path: Path) -> None:
    log = any_log
    names = [decided(log, "agent:a", ended="failure" if i else None) for i in range(3)]
    log.log_outcome(names[1], SUCCESS)
    assert log.export_jsonl(tmp_path / "out.jsonl") == 3
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["request_id"] for line in lines] == names
    assert [line["outcome"] and line["outcome"]["outcome_type"] for line in lines] == [None, "success", "failure"]
    again = AccountabilityLogger(tmp_path / "out.jsonl")  # the original's file is read as it is
    assert again.get_decision_statistics() == log.get_decision_statistics()
    assert again.learn_from_outcomes() == log.learn_from_outcomes()
    with pytest.raises(ParameterError, match="exists already"):
        log.export_jsonl(tmp_path / "out.jsonl")
    assert log.export_jsonl(tmp_path / "out.jsonl", overwrite=True) == 3


def test_among_equals_the_one_seen_first_comes_first(any_log: AccountabilityLogger) -> None:
    first = any_log.log_decision("x", {}, {"execution_order": ["agent:a", "agent:z"]})
    any_log.get_decision_statistics()
    any_log.log_decision("x", {}, {"execution_order": ["agent:b"]})
    any_log.log_decision("x", {}, {"execution_order": ["agent:b", "agent:c"]})
    any_log.get_decision_statistics()
    any_log.log_outcome(first, {"outcome_type": "success"})
    said = any_log.get_decision_statistics()["most_common_components"]
    assert [(item["component"], item["count"]) for item in said] == [("agent:b", 2), ("agent:a", 1), ("agent:z", 1), ("agent:c", 1)]


@pytest.mark.parametrize(
    "times",
    [
        [0.0049999998],  # 0.005 in microseconds, and 0.00 to two decimals
        [1.0049999998, 1.0050000001],
        [2.675, 2.675, 2.675],
        [0.1, 0.2, 0.3],
        [45.3, 12.345, 0.005, 7.1150000004],
    ],
)
def test_the_mean_of_times_is_that_of_the_floats(any_log: AccountabilityLogger, times: list[float]) -> None:
    for seconds in times:
        name = any_log.log_decision("x", {}, {"execution_order": ["agent:a"]})
        any_log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": seconds})
    assert any_log.get_decision_statistics()["avg_time_seconds"] == round(math.fsum(times) / len(times), 2)


def test_alternatives_that_were_considered_are_shown(log: AccountabilityLogger) -> None:
    decisions = {
        "decisions": [
            {
                "component_type": "agent",
                "component_name": "security-auditor",
                "rationale": "HIGH risk",
                "confidence": 0.9,
                "alternatives_considered": [
                    {
                        "component_type": "agent",
                        "component_name": "code-reviewer",
                        "confidence": 0.6,
                        "reason": "no rules",
                    },
                    "agent:debugger",
                ],
            }
        ],
        "execution_order": ["agent:security-auditor"],
        "alternatives": {"workflow:two-stage-review": 0.4},
    }
    name = log.log_decision("build", {}, decisions)
    lines = log.explain(name, "detailed").splitlines()
    assert "     instead of: agent:code-reviewer (confidence 0.6): no rules" in lines
    assert "     instead of: agent:debugger" in lines
    assert lines[lines.index("Also considered:") + 1] == "  - workflow:two-stage-review (confidence 0.4)"
