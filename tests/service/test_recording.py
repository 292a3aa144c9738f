"""Recording over HTTP: what is acknowledged is in the ledger, once, and what is wrong is named, every problem of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aura_analytics import Ledger
from tests.service.conftest import Server

PROBLEM = "application/problem+json"


@pytest.fixture
def server(serving: Callable[..., Server], url: str) -> Server:
    return serving(url, "--access", "open")


def test_new_known_and_taken(server: Server, url: str) -> None:
    client = server.client()
    event = {"event_id": "e1", "type": "OVERRIDE", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"}
    answers = [
        client.post("/event", json=event),
        client.post("/event", json=event),
        client.post("/event", json={**event, "actor": "bob"}),
    ]
    assert [one.status_code for one in answers] == [201, 200, 409]
    assert answers[0].json() == {"ok": True, "stored_id": "e1"}
    assert answers[1].json() == {"ok": True, "stored_id": "e1", "duplicate": True}
    assert answers[2].headers["content-type"] == PROBLEM
    assert "actor" in answers[2].json()["detail"]
    keyed = {key: value for key, value in event.items() if key != "event_id"}
    again = [client.post("/event", json=keyed, headers={"Idempotency-Key": "form-7"}) for _ in range(2)]
    assert [(one.status_code, one.json()["stored_id"]) for one in again] == [(201, "form-7"), (200, "form-7")]
    differ = client.post("/event", json=event, headers={"Idempotency-Key": "other"})
    assert differ.status_code == 422
    with Ledger(url, mirror=False) as ledger:
        assert ledger.events().collect()["event_id"].to_list() == ["e1", "form-7"]


def test_every_problem_at_once(server: Server) -> None:
    answer = server.client().post("/event", json={"type": "OVERIDE", "ts": "yesterday", "confidence": 7})
    assert answer.status_code == 422
    said = answer.json()
    assert said["status"] == 422
    assert len(said["problems"]) == 3
    assert any("did you mean 'OVERRIDE'" in json.dumps(one) for one in said["problems"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[1]", 422),
        (b'{"type": "OVERRIDE", "type": "DECISION", "actor": "a"}', 400),
        (b'{"type": "OVERRIDE", "actor": "\xff"}', 400),
        (b'{"type": "OVERRIDE", "actor": NaN}', 400),
        (b"[" * 200_000, 400),
        (b'\xef\xbb\xbf{"type": "OVERRIDE", "actor": "a"}', 201),
    ],
)
def test_bodies_that_are_no_event(server: Server, body: bytes, status: int) -> None:
    answer = server.client().post("/event", content=body)
    assert answer.status_code == status, answer.text
    assert status == 201 or answer.headers["content-type"] == PROBLEM


def test_a_batch_is_stored_whole_or_not_at_all(server: Server, url: str) -> None:
    client = server.client()
    good = [{"event_id": f"g{i}", "type": "DECISION", "actor": "anne", "case_id": f"C{i}"} for i in range(5)]
    lines = [json.dumps(one) for one in good]
    bad = [*lines[:2], '{"type": "DECISION"}', "", "no json", *lines[2:]]
    refused = client.post("/events", content="\n".join(bad))
    assert refused.status_code == 422
    with Ledger(url, mirror=False) as ledger:
        assert ledger.end() == 0
        kept = client.post("/events?on_bad=quarantine", content="\n".join(bad)).json()
        assert (kept["stored"], kept["last_seq"]) == (5, 5)
        assert [(one["line"], one["raw"]) for one in kept["refused"]] == [(3, '{"type": "DECISION"}'), (5, "no json")]
        again = client.post("/events", content="\n".join(lines) + "\n").json()
        assert (again["stored"], again["duplicates"]) == (0, 5)
        unreadable = client.post("/events", content='{"type": "DECISION", "actor": "a"}\n\n{"type": "DECISIONS"}')
        assert [one["where"] for one in unreadable.json()["problems"]] == ["line 3"]
        assert ledger.end() == 5


def test_an_output_of_any_kind_is_scored(server: Server) -> None:
    """The Accountant's public manager posts whatever its worker returned."""
    client = server.client()
    answers: list[Any] = []
    for number, output in enumerate(
        [{}, None, "a text of a worker that returned no object at all", {"output": "short", "confidence": 0.8}, [1]]
    ):
        answer = client.post("/evaluate", json={"model_name": "gpt", "job_id": number, "task": {}, "model_output": output})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    assert {"score", "penalties", "confidence", "error_severity", "severity", "action"} <= set(answers[0])
    assert answers[0]["penalties"] == ["low_confidence", "empty_output", "too_short"]
    assert answers[0]["error_severity"] == answers[0]["severity"] == "high"
    assert (answers[3]["score"], answers[3]["severity"]) == (70.0, "medium")
    record = client.get("/jobs/3").json()
    assert (record["job_id"], record["model_name"], record["score"]) == ("3", "gpt", 70.0)
    again = client.post(
        "/evaluate", json={"model_name": "gpt", "job_id": 3, "task": {}, "model_output": {"output": "other", "confidence": 1}}
    )
    assert again.status_code == 409
    missing = client.post("/evaluate", json={"model_output": {}})
    assert missing.status_code == 422
    assert len(missing.json()["problems"]) == 2


def test_a_critical_error_is_acted_upon(serving: Callable[..., Server], url: str, tmp_path: Path) -> None:
    """The document's sequence: scored, a case opened, the worker suspended, the task with another; and the job's record says so."""
    (tmp_path / "models.yaml").write_text("models:\n- {name: gpt, capabilities: [code]}\n- {name: claude, capabilities: [code]}\n")
    client = serving(url, "--access", "open", MODELS=str(tmp_path / "models.yaml")).client()
    output = {"output": "this function is undefined and does not exist anywhere in it", "confidence": 0.9}
    payload = {"model_name": "gpt", "job_id": 7, "task": {"capabilities": ["code"]}, "model_output": output}
    answer = client.post("/evaluate", json=payload).json()
    assert answer["error_severity"] == "critical"
    assert answer["action"] == "case_opened, suspension, reroute"
    assert client.post("/evaluate", json=payload).json() == answer
    record = client.get("/jobs/7").json()
    assert (record["model_name"], record["rerouted"]) == ("claude", ["gpt"])
    assert {row["action"] for row in client.get("/actions?actor=gpt").json()} == {"case_opened", "suspension"}


def test_an_explorer_follows_what_comes_over_http(serving: Callable[..., Server], tmp_path: Path) -> None:
    from aura_analytics.widgets import DossierExplorer

    url = f"sqlite:///{tmp_path}/aura.db"
    server = serving(url, "--access", "open")
    post = server.client().post
    assert post("/event", json={"type": "OVERRIDE", "actor": "anne", "case_id": "C1"}).status_code == 201
    explorer = DossierExplorer(url, follow=None)
    assert post("/event", json={"type": "DECISION", "actor": "anne", "case_id": "C2"}).status_code == 201
    assert explorer.refresh() == 1
    assert explorer.state.row["override_rate_n"] == 2
    explorer.close()


@pytest.mark.slow
def test_two_workers_on_postgresql(serving: Callable[..., Server], postgres_url: str) -> None:
    server = serving(postgres_url, "--access", "open", "--workers", "2")
    events = [{"event_id": f"e{i}", "type": "DECISION", "actor": f"p{i % 3}", "case_id": f"C{i}"} for i in range(120)]

    def post(event: dict[str, Any]) -> int:
        return server.client().post("/event", json=event).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(post, events)) == {201}
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith('{"request"')]
    assert sum(line["route"] == "/event" and line["status"] == 201 for line in lines) == 120  # every worker writes them
    with Ledger(postgres_url, mirror=False) as ledger:
        assert ledger.end() == 120
        assert ledger.verify().ok
