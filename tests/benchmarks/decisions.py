"""Benchmarks of the decision log, beside a log that rewrites its file for every outcome, as the accountability layer's document
says.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from aura_analytics import AccountabilityLogger
from tests.benchmarks.timing import milliseconds

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
COMPONENTS = [f"agent:{i}" for i in range(20)]
SUCCESS = {
    "outcome_type": "success",
    "time_taken_seconds": 45.3,
    "issues_found": [],
    "tests_passed": True,
    "quality_score": 0.92,
    "notes": "",
}


def _entry(number: int, names: list[str], complexity: int) -> dict[str, Any]:
    """A decision of the size that the document shows."""
    diagnosis = {
        "complexity": complexity,
        "complexity_confidence": 0.9,
        "primary_domain": ("security", "backend", "ui")[number % 3],
        "secondary_domains": ["backend"],
        "domain_confidence": 0.95,
        "operation_type": "creation",
        "operation_confidence": 0.9,
        "risks": [{"category": "security", "level": "HIGH", "confidence": 0.9, "reasoning": "Authentication requires a review"}],
        "capabilities_needed": ["security-auditor"],
        "keywords_detected": ["authentication", "JWT"],
    }
    chosen = [
        {
            "component_type": "agent",
            "component_name": name[6:],
            "rationale": "HIGH security risk detected",
            "confidence": 0.95,
            "priority": 1,
            "timing": None,
            "rule_applied": f"agents.{name[6:]}.when[0]",
        }
        for name in names
    ]
    decisions = {
        "decisions": chosen,
        "total_confidence": (0.5, 0.7, 0.9)[number % 3],
        "execution_order": names,
        "human_approval_required": False,
        "approval_reason": "",
    }
    return {
        "request_id": f"{number:032x}",
        "timestamp": (START + timedelta(seconds=30 * number)).isoformat(),
        "user_request": "build authentication system with JWT tokens",
        "diagnosis": diagnosis,
        "decisions": decisions,
        "outcome": None,
        "logged_at": None,
    }


def _made(path: Path, n: int) -> Path:
    """A log of n decisions, nine in ten with an outcome."""
    if path.exists():
        return path
    rng = np.random.default_rng(1)
    sizes, complexity = rng.integers(1, 4, n), rng.integers(1, 11, n)
    first, won, ended = rng.integers(0, 20, n), rng.random(n) < 0.85, rng.random(n) < 0.9
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        for i in range(n):
            names = [COMPONENTS[(int(first[i]) + 7 * j) % 20] for j in range(int(sizes[i]))]
            file.write(json.dumps(_entry(i, names, int(complexity[i]))) + "\n")
            if ended[i]:
                outcome = SUCCESS | {"outcome_type": "success" if won[i] else "failure"}
                at = (START + timedelta(seconds=30 * i + 60)).isoformat()
                file.write(json.dumps({"amends": f"{i:032x}", "outcome": outcome, "logged_at": at}) + "\n")
    part.replace(path)
    return path


class _Rewriting:
    """The document's log, plainly: one line a decision, the whole file written anew for an outcome, every question a scan."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _entries(self) -> list[dict[str, Any]]:
        with self._path.open() as file:
            return [json.loads(line) for line in file]

    def log_outcome(self, request_id: str, outcome: dict[str, Any]) -> bool:
        entries = self._entries()
        found = [entry for entry in entries if entry["request_id"] == request_id]
        for entry in found:
            entry |= {"outcome": outcome, "logged_at": datetime.now(timezone.utc).isoformat()}
        with self._path.open("w") as file:
            file.writelines(json.dumps(entry) + "\n" for entry in entries)
        return bool(found)

    def query(self, request_id: str) -> list[dict[str, Any]]:
        return [entry for entry in self._entries() if entry["request_id"] == request_id]

    def statistics(self) -> float:
        ended = [entry for entry in self._entries() if entry["outcome"]]
        return 100.0 * sum(bool(entry["outcome"]["outcome_type"] == "success") for entry in ended) / max(len(ended), 1)


def _p(times: list[float], share: float) -> float:
    return float(np.quantile(times, share))


def _disk(folder: Path) -> float:
    """Median milliseconds of appending 1 kB and `fdatasync`."""
    with (folder / "disk").open("ab", buffering=0) as file:

        def one() -> None:
            os.write(file.fileno(), b"x" * 1_000)
            os.fdatasync(file.fileno())

        return statistics.median(milliseconds([one] * 200))


def decisions(path: Path, rounds: int) -> dict[str, Any]:
    """The log at 1,000 and at 1,000,000 decisions."""
    big = _made(path.parent / "decisions-1000000.jsonl", 1_000_000)
    rng = np.random.default_rng(2)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder = Path(name)
        small = _made(folder / "small.jsonl", 1_000)
        entry = _entry(0, COMPONENTS[:2], 7)
        for label, sync in (("buffered", False), ("synced", True)):
            log = AccountabilityLogger(folder / f"{label}.jsonl", sync=sync)
            times = milliseconds([lambda log=log: log.log_decision("build", entry["diagnosis"], entry["decisions"])] * 2_000)  # type: ignore[misc]
            found[f"log_decision_{label}_p95_ms"] = _p(times, 0.95)
            if sync:
                found |= {"log_decision_synced_p50_ms": _p(times, 0.5), "fdatasync_p50_ms": _disk(folder)}
        rewriting = _Rewriting(folder / "rewritten.jsonl")
        for n in (1_000, 10_000):
            _made(folder / "amended.jsonl", n)
            AccountabilityLogger(folder / "amended.jsonl").export_jsonl(folder / "rewritten.jsonl")
            found[f"rewriting_log_outcome_{n}_ms"] = _p(
                milliseconds([lambda: rewriting.log_outcome(f"{5:032x}", SUCCESS)] * 5), 0.5
            )
            found[f"rewriting_query_{n}_ms"] = _p(milliseconds([lambda: rewriting.query(f"{5:032x}")] * 5), 0.5)
            found[f"rewriting_statistics_{n}_ms"] = _p(milliseconds([rewriting.statistics] * 5), 0.5)
            for left in ("amended.jsonl", "amended.jsonl.index", "rewritten.jsonl"):
                (folder / left).unlink()
        logs = {"1000": AccountabilityLogger(small), "1000000": AccountabilityLogger(big)}
        started = time.perf_counter()
        logs["1000000"].get_decision_statistics()
        found["open_s"] = time.perf_counter() - started  # the index is made when it is not there
        outcomes: dict[str, list[float]] = {label: [] for label in logs}
        for _ in range(10):  # in turns: both see the same noise
            for label, log in logs.items():
                ids = [f"{int(i):032x}" for i in rng.integers(0, int(label), 50)]
                outcomes[label] += milliseconds([lambda log=log, i=i: log.log_outcome(i, SUCCESS) for i in ids])  # type: ignore[misc]
        for label, times in outcomes.items():
            found[f"log_outcome_{label}_p50_ms"] = _p(times, 0.5)
        found["log_outcome_ratio"] = _p(outcomes["1000000"], 0.5) / _p(outcomes["1000"], 0.5)
        log = logs["1000000"]
        ids = [f"{int(i):032x}" for i in rng.integers(0, 1_000_000, 300)]
        found["query_by_id_p95_ms"] = _p(milliseconds([lambda i=i: log.query_decisions(i) for i in ids]), 0.95)  # type: ignore[misc]
        begins = [START + timedelta(seconds=30 * int(i)) for i in rng.integers(0, 999_000, 100)]
        hour = timedelta(hours=1)
        windows = milliseconds([lambda b=b: log.query_decisions(start_time=b, end_time=b + hour, limit=None) for b in begins])  # type: ignore[misc]
        found["query_hour_p95_ms"] = _p(windows, 0.95)
        for label, call in (
            ("statistics", log.get_decision_statistics),
            ("learn_seed", log.learn_from_outcomes),
            ("learn_shrunk", lambda: log.learn_from_outcomes("shrunk")),
            ("learn_adjusted", lambda: log.learn_from_outcomes("adjusted")),
            ("table", log.table),
            ("calibration", log.calibration_report),
        ):
            found[f"{label}_s"] = _p(milliseconds([call] * 3), 0.5) / 1000
        log.close()
    return found
