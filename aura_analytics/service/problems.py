"""Errors as RFC 9457 has them (`application/problem+json`), made of our own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from aura_analytics.errors import (
    AuraError,
    ConflictError,
    FileMissingError,
    InputError,
    LedgerUnavailableError,
    Problem,
    RoutingError,
)

__all__ = ["OneProblem", "ProblemError", "ProblemReport", "problem", "problem_of"]

TYPE = "application/problem+json"


class OneProblem(BaseModel):
    """One thing that is wrong."""

    what: str
    got: str | None = None
    expected: str | None = None
    where: str | None = None
    next: str | None = None


class ProblemReport(BaseModel):
    """What went wrong, as RFC 9457 has it; `problems` names every single thing."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["unknown event type: got 'OVERIDE'; did you mean 'OVERRIDE'?"])
    problems: list[OneProblem] = []


class ProblemError(Exception):
    """A request that is refused.

    Parameters
    ----------
    status
        Of HTTP.
    problems
        What is wrong, one or more.
    headers
        That go with the answer.
    """

    def __init__(self, status: int, *problems: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.status, self.problems, self.headers = status, problems, dict(headers or {})


def problem(status: int, detail: str, problems: Iterable[Problem] = (), headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that says what went wrong.

    Parameters
    ----------
    status
        Of HTTP.
    detail
        In one sentence.
    problems
        Every single thing.
    headers
        That go with it.
    """
    report = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "problems": [_told(one) for one in problems],
    }
    return JSONResponse(report, status, dict(headers or {}), TYPE)


def _told(one: Problem) -> dict[str, Any]:
    said = {
        "what": one.what,
        "got": None if one.got is None else str(one.got)[:200],
        "expected": one.expected,
        "where": one.where,
        "next": one.next,
    }
    return {name: _text(value) for name, value in said.items() if value is not None}


def _text(value: str) -> str:
    """A text that JSON can hold."""
    return value.encode("utf-8", "replace").decode()


def status_of(error: AuraError) -> int:
    """409 for what is taken, 404 for what is not there, 422 for what is wrong, 503 for a ledger that is out of reach."""
    if isinstance(error, ConflictError):
        return 409
    if isinstance(error, (FileMissingError, RoutingError)):
        return 404
    if isinstance(error, InputError):
        return 422
    return 503 if isinstance(error, LedgerUnavailableError) else 500


def problem_of(error: AuraError) -> JSONResponse:
    """An error of ours as an answer; of what goes wrong within, no more than that it does."""
    status = status_of(error)
    if status == 500:
        return problem(500, "the ledger cannot be used as it is; its keeper finds the reason in the server's log")
    first = str(error).split("\n", 1)[0]
    headers = {"Retry-After": "5"} if status == 503 else {}
    if status == 503:
        return problem(503, "the ledger cannot be reached or written at the moment; nothing was stored", headers=headers)
    return problem(status, _text(first), error.problems, headers)
