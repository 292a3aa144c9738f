"""What an attacker sends: no answer is a 5xx, none breaks the description, and the server lives on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as conformance

from aura_analytics import Ledger
from aura_analytics.service.app import create_app
from aura_analytics.service.options import ServiceOptions
from tests.service.conftest import Server


def sent(server: Server, data: bytes, seconds: float = 3) -> bytes:
    """What a server answers until it closes the connection, or for a while."""
    with socket.create_connection(("127.0.0.1", server.port), seconds) as one:
        got = b""
        try:
            one.sendall(data)
            while part := one.recv(65_536):
                got += part
        except (ConnectionError, TimeoutError):  # it did not read to the end of what it refused, or waits for more
            pass
        return got


@pytest.fixture
def server(serving: Callable[..., Server], tmp_path: Path) -> Server:
    return serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open")


@pytest.mark.slow
def test_requests_that_are_none(server: Server) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1_000) for i in range(200))
    for data in (
        b"\x00\x01\x02",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
        b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        b"POST /event HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /event HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n",
        b"GET /dossier/" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nCookie: aura_session=\xff; ;;==\r\n\r\n",
        b"GET /live?after=" + b"9" * 400 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ):
        answer = sent(server, data)
        status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/") else b"closed"
        assert not status.startswith(b"5"), (data[:60], answer[:200])
        assert answer.count(b"HTTP/1.1 ") <= 2, data[:60]
    assert server.client().get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..", ".", "a/b", "a%2Fb", "a\x00b", "a\nb", "ä" * 500, "'; DROP TABLE aura_events; --", "?x=1", "#", " "],
)
def test_names_that_are_tricks(server: Server, tmp_path: Path, name: str) -> None:
    path = quote(name, safe="").replace(".", "%2E")
    answer = sent(server, f"GET /dossier/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status, body = answer.split(b" ", 2)[1], answer.partition(b"\r\n\r\n")[2]
    assert status in (b"200", b"404", b"422"), answer[:300]
    if status == b"200":
        assert json.loads(body)["actor"] == name
        assert json.loads(body)["pip_recommended"] is False
    with Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        assert ledger.verify().ok


@pytest.mark.slow
def test_a_body_without_end_is_cut(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 20) as one:
        one.sendall(b"POST /event HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        got = b""
        try:
            for _ in range(64):
                one.sendall(chunk)
            got = one.recv(4096)
        except OSError:
            got = got or b"HTTP/1.1 413 closed"
    assert b" 413 " in got[:20]


@pytest.mark.slow
def test_many_open_connections_are_refused_politely(serving: Callable[..., Server], tmp_path: Path) -> None:
    server = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open", CONNECTIONS="100")
    held: list[socket.socket] = []
    try:
        for _ in range(300):
            one = socket.create_connection(("127.0.0.1", server.port), 5)
            one.sendall(b"GET /dossiers HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            held.append(one)
        time.sleep(0.5)
        refused = sent(server, b"GET /dossiers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 503")
    finally:
        for one in held:
            one.close()
    deadline = time.monotonic() + 10
    while server.client().get("/healthz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_stop_loses_nothing_that_was_acknowledged(server: Server, tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def write() -> None:
        client = server.client()
        for number in range(10_000):
            try:
                answer = client.post(
                    "/event", json={"event_id": f"e{number}", "type": "DECISION", "actor": "a", "case_id": f"C{number}"}
                )
            except Exception:  # noqa: BLE001  (the server is gone)
                return
            if answer.status_code == 201:
                acknowledged.append(f"e{number}")

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(1)
    process = server.process
    assert process is not None
    process.terminate()
    assert process.wait(40) == 0
    server.process = None
    writer.join()
    with Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False) as ledger:
        assert set(acknowledged) <= set(ledger.events().collect()["event_id"])
    assert len(acknowledged) > 20


@schemathesis.serializer("application/x-ndjson", "application/x-protobuf")
def plain_bytes(context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.mark.slow
def test_the_description_holds(serving: Callable[..., Server], tmp_path: Path) -> None:
    """Schemathesis makes requests from the description; the server answers each by it."""
    server = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open", RATE="1000000/minute")
    description = create_app(ServiceOptions(ledger=f"sqlite:///{tmp_path}/other.db", access="open")).openapi()
    del description["paths"]["/live"]  # it does not end
    checks = [
        not_a_server_error,
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_schema_conformance,
    ]
    seen = set()
    for operation in schemathesis.openapi.from_dict(description).get_all_operations():
        found: Any = operation.ok()  # type: ignore[union-attr]

        @settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
        @given(case=found.as_strategy())
        def hold(case: Any) -> None:
            case.call_and_validate(base_url=server.url, checks=checks)
            seen.add((case.method, case.path))

        hold()
    assert len(seen) >= 18
