"""A real server: a process of its own, on a real ledger, asked over loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from aura_analytics import Ledger
from aura_analytics.service.access.keys import Keys


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Server:
    """A process that serves a ledger."""

    ledger: str
    port: int
    environment: dict[str, str]
    arguments: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Server:
        command = [sys.executable, "-m", "aura_analytics", "serve", self.ledger, "--port", str(self.port), *self.arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=os.environ | self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return self
            except httpx.HTTPError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self, number: int = signal.SIGTERM) -> int:
        for one in self.clients:
            one.close()
        self.clients.clear()
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(40)
        self.process = None
        return code

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)
        self.clients.append(made)
        return made


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers: `serving(ledger_url, "--access", "open", RATE="...")`; they end with the test."""
    made: list[Server] = []

    def start(ledger: str, *arguments: str, begin: bool = True, **environment: str) -> Server:
        told = {f"AURA_SERVICE_{name}": value for name, value in environment.items()} | {"AURA_MIRROR": str(tmp_path / "mirror")}
        server = Server(ledger, free_port(), told, list(arguments), tmp_path / f"server{len(made)}.log")
        made.append(server)
        return server.start() if begin else server

    yield start
    for server in made:
        if server.process is not None:
            server.stop(signal.SIGTERM if "--workers" in server.arguments else signal.SIGKILL)  # workers end with who began them


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aura.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def keys(url: str, tmp_path: Path) -> Callable[..., str]:
    """Make keys in the ledger at `url`."""
    with Ledger(url, mirror=False):
        pass

    def make(name: str, scopes: str, **options: Any) -> str:
        with Ledger(url, mirror=False) as ledger:
            return Keys(ledger).create(name, scopes, **options)

    return make
