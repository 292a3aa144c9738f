"""Running the service: uvicorn on the application."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from aura_analytics.errors import LedgerUnavailableError, ParameterError, Problem
from aura_analytics.service.options import ServiceOptions

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
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
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
        uvicorn.run("aura_analytics.service.app:create_app", factory=True, workers=options.workers, **settings)
        return
    app = create_app(options)
    server = uvicorn.Server(uvicorn.Config(app, **settings))
    _say(options, app.state.service.door.token)
    server.run()
    if not server.started:
        raise LedgerUnavailableError(
            Problem("the service could not start", got=f"{options.host}:{options.port}", next="is the port taken?")
        )


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
