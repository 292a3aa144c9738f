"""The tutorial's exercise, line by line, against a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.service.conftest import free_port


@pytest.fixture
def address() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "aura_analytics.mock_server", "--port", str(port)], stderr=subprocess.PIPE, env=dict(os.environ)
    )
    where = f"localhost:{port}"
    for _ in range(600):
        try:
            httpx.get(f"http://{where}/healthz", timeout=1)
            break
        except httpx.HTTPError:
            time.sleep(0.05)
    yield where
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def curl(*arguments: str) -> str:
    return subprocess.run(["curl", "-sS", *arguments], capture_output=True, text=True, check=True, timeout=30).stdout


def test_the_tutorial_s_two_lines_as_they_stand(address: str) -> None:
    import json

    stored = json.loads(curl("-X", "POST", f"{address}/event", "-d", '{"type":"OVERRIDE","actor":"test@agency.gov"}'))
    assert stored["ok"] is True
    assert stored["stored_id"]
    dossier = json.loads(curl(f"{address}/dossier/test@agency.gov"))
    assert dossier["override_rate"] == 1.0
    assert dossier["sat_score_mean"] is None
    assert dossier["pip_recommended"] is False  # the document's rule: without ratings nobody is recommended
    unknown = json.loads(curl(f"{address}/dossier/nobody@agency.gov"))
    fields = ("override_rate", "avg_processing_hours", "sat_score_mean", "pip_recommended")
    assert [unknown[name] for name in fields] == [0.0, None, None, False]


@pytest.mark.slow
def test_ten_overrides_against_ten_approvals(address: str) -> None:
    """With unhappy citizens the rule recommends a plan at once, and no more when approvals bring the rate down to 30 %."""
    with httpx.Client(base_url=f"http://{address}") as client:

        def post(**event: object) -> None:
            assert client.post("/event", json=event).status_code == 201

        def flips() -> bool:
            return bool(client.get("/dossier/test@agency.gov").json()["pip_recommended"])

        for i in range(10):
            post(type="OVERRIDE", actor="test@agency.gov", case_id=f"C{i}")
        assert not flips()
        post(type="SAT_SCORE", actor="test@agency.gov", value=2, case_id="C0")
        assert flips()
        seen = []
        for i in range(10, 36):
            post(type="DECISION", actor="test@agency.gov", case_id=f"C{i}")
            seen.append(flips())
        # 10 of 20 is above 30 %; 10 of 34 is not, 10 of 33 still is
        assert seen[9]
        assert seen == [True] * 23 + [False] * 3
