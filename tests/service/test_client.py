"""The client, and `record_event` and `get_dossier` against a server by `AURA_LEDGER`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

import aura_analytics as aura
from aura_analytics.errors import ConflictError, EventError, LedgerUnavailableError, ParameterError
from tests.service.conftest import Server, free_port


def test_the_two_functions_against_a_server(
    serving: Callable[..., Server], url: str, keys: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serving(url, "--access", "keys")
    key = keys("form", "events:write,dossiers:read:all")
    monkeypatch.setenv("AURA_LEDGER", server.url)
    monkeypatch.setenv("AURA_KEY", key)
    assert aura.record_event({"event_id": "a", "type": "OVERRIDE", "actor": "anne", "case_id": "C1"}) == {
        "ok": True,
        "stored_id": "a",
    }
    assert aura.record_event({"event_id": "a", "type": "OVERRIDE", "actor": "anne", "case_id": "C1"})["duplicate"] is True
    with aura.Ledger(url, mirror=False) as ledger:
        assert aura.get_dossier("anne") == aura.get_dossier("anne", ledger=ledger)
        assert aura.get_dossier("anne/../bob ä") == aura.get_dossier("anne/../bob ä", ledger=ledger)
    with pytest.raises(EventError) as wrong:
        aura.record_event({"type": "OVERIDE"})
    assert "did you mean 'OVERRIDE'" in str(wrong.value)
    with pytest.raises(ConflictError):
        aura.record_event({"event_id": "a", "type": "OVERRIDE", "actor": "bob"})
    monkeypatch.setenv("AURA_KEY", "aura_none_none")
    with pytest.raises(ParameterError, match="not known who asks"):
        aura.get_dossier("anne")


@pytest.mark.slow
def test_a_server_that_comes_back(serving: Callable[..., Server], tmp_path: object) -> None:
    """What was sent while it was away is there once; what is live goes on."""
    server = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open")
    client = aura.Client(server.url)
    seen: list[str] = []

    def follow() -> None:
        for name in client.events(0):
            seen.append(name)
            if len(set(seen)) == 6:
                return

    follower = threading.Thread(target=follow)
    follower.start()
    for number in range(3):
        client.record_event({"event_id": f"e{number}", "type": "DECISION", "actor": "anne", "case_id": f"C{number}"})
    server.stop()
    again = threading.Timer(0.8, server.start)
    again.start()
    assert client.record_event({"event_id": "e3", "type": "DECISION", "actor": "anne", "case_id": "C3"})["ok"]
    again.join()
    assert (
        client.record_events([{"event_id": f"e{i}", "type": "DECISION", "actor": "bob", "case_id": f"C{i}"} for i in (3, 4)][1:])
        == 1
    )
    time.sleep(0.5)
    client.record_event({"event_id": "e5", "type": "DECISION", "actor": "bob", "case_id": "C5"})
    follower.join(30)
    assert set(seen) == {f"e{number}" for number in range(6)}


@pytest.mark.slow
def test_addresses_that_are_none() -> None:
    for url in ("ftp://x", "sqlite:///a.db", "https://"):
        with pytest.raises(ParameterError):
            aura.Client(url)
    with pytest.raises(ParameterError, match="unencrypted"):
        aura.Client("http://aura.agency.gov", "key")
    with pytest.raises(LedgerUnavailableError, match="does not answer"):
        aura.Client(f"http://127.0.0.1:{free_port()}").get_dossier("anne")
    assert "AURA_KEY" not in os.environ
