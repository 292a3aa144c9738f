"""Before any route: how large, how many, who. A route that is written later is behind it, too."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aura_analytics.errors import AuraError, ParameterError, Problem
from aura_analytics.service.access.door import COOKIE
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.problems import ProblemError, problem, problem_of
from aura_analytics.service.state import ServiceState

__all__ = ["Gate"]

_LOG = logging.getLogger("aura_analytics.service")
OPEN = frozenset({"/healthz", "/readyz", "/login"})  # what anybody may ask
_BATCHES = frozenset({"/events", "/v1/logs", "/v1/traces"})
_SLOW = 30.0  # seconds that may pass between two parts of a body


class Gate:
    """Limits, and who asks (`scope["state"]["reader"]`), for HTTP and WebSocket alike.

    Parameters
    ----------
    app
        What is behind it.
    state
        The service.
    """

    def __init__(self, app: ASGIApp, state: ServiceState) -> None:
        self._app, self._state = app, state
        try:
            self._rate: RateLimitItem = parse(state.options.rate)
        except ValueError:
            raise ParameterError(Problem("the rate cannot be read", state.options.rate, "such as 600/minute")) from None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began, told = time.perf_counter(), {"status": 0}
        scope.setdefault("state", {})
        extra: dict[str, str] = {"x-content-type-options": "nosniff"}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in extra.items():
                    headers.setdefault(name, value)
                self._measure(scope, told["status"], began)
            elif message["type"] in ("websocket.accept", "websocket.http.response.start"):
                told["status"] = message.get("status", 101)
            await send(message)

        try:
            await self._enter(scope, receive, counted, extra)
        except ProblemError as error:
            if told["status"]:
                raise
            text = "; ".join(str(one) for one in error.problems[:3])
            await self._refuse(scope, receive, counted, problem(error.status, text, error.problems, error.headers))
        except AuraError as error:
            if told["status"]:
                raise
            await self._refuse(scope, receive, counted, problem_of(error))

    async def _enter(self, scope: Scope, receive: Receive, send: Send, extra: dict[str, str]) -> None:
        headers = Headers(scope=scope)
        path = _path(scope)
        client = scope["client"][0] if scope.get("client") else None
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") and scope.get("method", "GET") != "GET":
            raise ProblemError(403, Problem("a page of another site asks", got=headers.get("sec-fetch-site")))
        origin = headers.get("origin")
        if scope["type"] == "websocket" and origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise ProblemError(403, Problem("a page of another site asks", got=origin))  # no browser keeps it from reading a socket
        door, cookies = self._state.door, _cookies(headers)
        # what is known is looked at here; what may have to be read elsewhere, by a thread
        known = door.at_once(headers)
        reader = door.reader(headers, cookies, client) if known else await run_in_threadpool(door.reader, headers, cookies, client)
        who = f"reader {reader.name}" if reader is not None else f"address {client}"
        allowed = self._limiter.hit(self._rate, who)
        window = self._limiter.get_window_stats(self._rate, who)
        wait = max(1, int(window.reset_time - time.time()) + 1)
        extra |= {
            "ratelimit-limit": str(self._rate.amount),
            "ratelimit-remaining": str(max(0, window.remaining)),
            "ratelimit-reset": str(wait),
        }
        if not allowed:
            raise ProblemError(
                429, Problem("too many requests", got=f"more than {self._rate}"), headers={**extra, "Retry-After": str(wait)}
            )
        if reader is None and path not in OPEN and not (path == "/" and scope["type"] == "http"):
            raise ProblemError(
                401,
                Problem(
                    "it is not known who asks", expected="Authorization: Bearer KEY", next="aura keys create NAME --scopes ..."
                ),
                headers={"WWW-Authenticate": 'Bearer realm="aura"'},
            )
        scope["state"]["reader"] = reader
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        limit = self._state.options.batch_limit if path in _BATCHES else self._state.options.body_limit
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise _too_large(limit)
        await self._app(scope, _bounded(receive, limit), send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, answer: Any) -> None:
        if scope["type"] == "websocket":
            code = {401: 4401, 403: 4403, 410: 4410, 429: 4429}.get(answer.status_code, 1011)
            await receive()
            await send({"type": "websocket.close", "code": code, "reason": json.loads(answer.body)["detail"][:100]})
            return
        await answer(scope, receive, send)

    def _measure(self, scope: Scope, status: int, began: float) -> None:
        """Count, and write a line; the line has the form of the path, not the path, which may name somebody."""
        route = getattr(scope.get("route"), "path", None) or ("/" if _path(scope) == "/" else "(none)")
        method = scope["method"] if scope["method"] in _METHODS else "(other)"
        spent = time.perf_counter() - began
        self._state.measures.requests.labels(method, route, str(status)).inc()
        self._state.measures.seconds.labels(route).observe(spent)
        if _LOG.isEnabledFor(logging.INFO):
            line = {
                "request": uuid.uuid4().hex[:12],
                "method": method,
                "route": route,
                "status": status,
                "ms": round(1e3 * spent, 1),
            }
            _LOG.info(json.dumps(line))


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def _path(scope: Scope) -> str:
    """The path without the prefix under which a proxy shows the service."""
    path, root = str(scope["path"]), str(scope.get("root_path") or "")
    return path[len(root) :] or "/" if root and path.startswith(root + "/") else path


def _cookies(headers: Headers) -> dict[str, str]:
    text = headers.get("cookie", "")
    if COOKIE not in text:
        return {}
    try:
        return {name: one.value for name, one in SimpleCookie(text).items()}
    except CookieError:
        return {}


def _too_large(limit: int) -> ProblemError:
    return ProblemError(413, Problem("the body is too large", expected=f"at most {limit:,} bytes"))


def _bounded(receive: Receive, limit: int) -> Receive:
    """A body that is neither longer than it may be, nor for ever on its way."""
    got, whole = 0, False

    async def part() -> Message:
        nonlocal got, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(_SLOW):
                message = await receive()
        except TimeoutError:
            raise ProblemError(408, Problem("the body does not come", got=f"nothing for {_SLOW:.0f} seconds")) from None
        if message["type"] == "http.request":
            got += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if got > limit:
                raise _too_large(limit)
        return message

    return part


def reader_of(scope: Scope) -> Reader | None:
    """Who asks, as the gate found it."""
    found = scope.get("state", {}).get("reader")
    return found if isinstance(found, Reader) else None
