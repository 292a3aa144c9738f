"""What routes ask of a request: its JSON, whatever it calls itself, and whether who asks may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from aura_analytics.errors import Problem
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.gate import reader_of
from aura_analytics.service.problems import ProblemError
from aura_analytics.service.state import ServiceState
from aura_analytics.strict_json import strict_json

__all__ = ["Body", "State", "needs", "read_json", "read_object"]


async def _state(request: Request) -> ServiceState:
    found: ServiceState = request.app.state.service
    return found


State = Annotated[ServiceState, Depends(_state)]


def needs(*scopes: str) -> Callable[[Request], Awaitable[Reader]]:
    """A reader who has one of some scopes; anybody else is refused with 403."""

    async def check(request: Request) -> Reader:
        reader = reader_of(request.scope)
        if reader is None:
            raise ProblemError(401, Problem("it is not known who asks"))
        if not reader.may(*scopes):
            raise ProblemError(403, Problem("this needs another scope", expected=" or ".join(scopes)))
        return reader

    check.scopes = scopes  # type: ignore[attr-defined]  # a test reads them
    return check


def read_json(body: bytes, where: str = "the body") -> Any:
    """JSON of UTF-8, each name in an object once.

    Raises
    ------
    ProblemError
        With 400, if it is none.
    """
    try:
        return strict_json(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ProblemError(400, Problem("this is no JSON", got=said, where=where, expected='{"type": "OVERRIDE", ...}')) from None


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a body."""
    found = read_json(await request.body())
    if not isinstance(found, dict):
        raise ProblemError(
            422, Problem("the body is a JSON object", got=type(found).__name__, expected='{"type": "OVERRIDE", ...}')
        )
    return found


Body = Annotated[dict[str, Any], Depends(read_object)]
"""The JSON object of a body; what its Content-Type says does not count: the tutorial's `curl -d` calls it a form."""
