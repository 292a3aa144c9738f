"""Running the service: uvicorn on the application."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aura_analytics.errors import LedgerUnavailableError, ParameterError, Problem
from aura_analytics.service.options import ServiceOptions

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["serve"]

_GRACE = 20  # seconds that requests have to end when the service is stopped


def serve(options: ServiceOptions) -> None:
    """Serve until a signal comes; what was acknowledged by then is in the ledger.

    Parameters
    ----------
    options
        How.

    Raises
    ------
    ParameterError
        If the extra `service` is not installed.
    AuraError
        If the ledger or a file of the options cannot be read.
    """
    try:
        import uvicorn

        from aura_analytics.service.app import create_app
    except ModuleNotFoundError as error:
        next_ = "pip install 'aura-analytics[service]'"
        raise ParameterError(Problem("the service needs more packages", got=f"no {error.name}", next=next_)) from None
    _log_lines()
    settings: dict[str, Any] = {
        "host": options.host,
        "port": options.port,
        "access_log": False,
        "log_level": "warning",
        "limit_concurrency": options.connections,
        "backlog": 2_048,
        "timeout_keep_alive": 20,
        "timeout_graceful_shutdown": _GRACE,
        "h11_max_incomplete_event_size": 65_536,
        "ws_max_size": 65_536,
        "server_header": False,
        "proxy_headers": False,
    }
    if options.workers > 1:
        os.environ |= {f"AURA_SERVICE_{name.upper()}": str(value) for name, value in vars(options).items() if value is not None}
        uvicorn.run("aura_analytics.service.serving:worker", factory=True, workers=options.workers, **settings)
        return
    app = create_app(options)
    server = _stopping(uvicorn.Server)(uvicorn.Config(app, **settings))
    _say(options, app.state.service.door.token)
    server.run()
    if not server.started:
        raise LedgerUnavailableError(
            Problem("the service could not start", got=f"{options.host}:{options.port}", next="is the port taken?")
        )


def _stopping(server: type[Any]) -> type[Any]:
    """A server that a signal stops in good order, and that is all: what it was asked for is done, so the exit code is 0."""

    class Stopping(server):  # type: ignore[misc]
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    return Stopping


def worker() -> FastAPI:
    """The application in a process of several, with the environment's settings."""
    from aura_analytics.service.app import create_app

    _log_lines()
    return create_app()


def _log_lines() -> None:
    """One line of JSON a request on standard error: no path, no name, no address."""
    ours = logging.getLogger("aura_analytics.service")
    if not ours.handlers:
        lines = logging.StreamHandler(sys.stderr)
        lines.setFormatter(logging.Formatter("%(message)s"))
        ours.addHandler(lines)
    ours.setLevel(logging.INFO)
    ours.propagate = False


def _say(options: ServiceOptions, token: str) -> None:
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"http://{host}:{options.port}{options.root_path}/"
    if options.access == "token":
        sys.stderr.write(
            f"Performance page (the address opens once): {address}?token={token}\nFor programs: Authorization: Bearer {token}\n"
        )
    else:
        sys.stderr.write(f"Serving {address} (access: {options.access})\n")
    sys.stderr.flush()
