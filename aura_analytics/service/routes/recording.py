"""Events come in: one, or many as lines of JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.routing import APIRoute

from aura_analytics.errors import EventError, InputError, Problem
from aura_analytics.ledger.records import rows_of_records
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.asking import Body, State, needs, read_json, read_object
from aura_analytics.service.models import Recorded, RecordedBatch, Refused
from aura_analytics.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(tags=["record"])
Writer = Annotated[Reader, Depends(needs("events:write", "events:write:self"))]
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "additionalProperties": True,
    "properties": {
        "type": {"type": "string", "description": "kind of event, such as OVERRIDE, DECISION, SAT_SCORE"},
        "actor": {"type": ["string", "null"]},
        "case_id": {"type": ["string", "null"]},
        "ts": {"type": ["string", "null"], "description": "ISO 8601 with an offset; default now"},
        "event_id": {"type": ["string", "null"], "description": "default a new one"},
        "value": {"type": ["number", "null"]},
        "ai_recommendation": {"type": ["string", "null"]},
        "human_verdict": {"type": ["string", "null"]},
    },
    "examples": [{"type": "OVERRIDE", "actor": "test@agency.gov"}],
}
_ONE = {"requestBody": {"required": True, "content": {"application/json": {"schema": EVENT}}}}
_LINES = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "examples": ['{"type": "OVERRIDE", "actor": "anne"}\n']}}
        },
    }
}
_KEPT = 2_000


def _own(reader: Reader, event: dict[str, Any], where: str | None = None) -> None:
    """With `events:write:self` somebody records what they did themselves."""
    if not reader.may("events:write") and event.get("actor") != reader.name:
        raise ProblemError(
            403, Problem("only events of oneself may be recorded with this key", expected=f"actor {reader.name}", where=where)
        )


_KEY = 500  # characters of an Idempotency-Key


async def record_event(
    state: State,
    reader: Writer,
    event: Body,
    key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=_KEY, description="becomes the event's id")] = None,
) -> Response:
    """Record one event: 201 when it is new, 200 when the very same was there, 409 when its id is taken by another."""
    if key is not None:
        if event.get("event_id") not in (None, key):
            raise ProblemError(422, Problem("Idempotency-Key and event_id differ", got=f"{key} and {event['event_id']}"))
        event = {**event, "event_id": key}
    _own(reader, event)
    done = await asyncio.get_running_loop().run_in_executor(state.writer, state.ledger.record_event, event)
    return Response(json.dumps(done, separators=(",", ":")), 200 if done.get("duplicate") else 201, media_type="application/json")


class _Direct(APIRoute):
    """`record_event` with its arguments at hand: to have them found by its signature takes longer than to record an event."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers."""
        check = needs("events:write", "events:write:self")

        async def answer(request: Request) -> Response:
            reader = await check(request)
            key = request.headers.get("idempotency-key")
            if key is not None and len(key) > _KEY:
                raise ProblemError(422, Problem("Idempotency-Key is too long", got=len(key), expected=f"at most {_KEY} characters"))
            return await record_event(request.app.state.service, reader, await read_object(request), key)

        return answer


router.add_api_route(
    "/event",
    record_event,
    methods=["POST"],
    response_model=Recorded,
    response_model_exclude_none=True,
    status_code=201,
    responses={200: {"model": Recorded, "description": "the very same event was there"}},
    openapi_extra=_ONE,
    route_class_override=_Direct,
)


async def _lines(request: Request) -> list[bytes]:
    return (await request.body()).split(b"\n")


@router.post("/events", response_model=RecordedBatch, openapi_extra=_LINES)
def record_events(
    state: State,
    reader: Writer,
    lines: Annotated[list[bytes], Depends(_lines)],
    on_bad: Annotated[
        Literal["refuse", "quarantine"],
        Query(description="refuse: all or nothing; quarantine: the good ones, and what was refused"),
    ] = "refuse",
) -> Any:
    """Record events, one JSON object a line (NDJSON): all or none, or with `?on_bad=quarantine` the good ones."""
    records: list[dict[str, Any]] = []
    places: list[int] = []
    refused: list[Refused] = []
    problems: list[Problem] = []
    everybody = reader.may("events:write")
    for number, raw in enumerate(lines, 1):
        if not raw.strip(b"\xef\xbb\xbf \r\t"):
            continue
        try:
            found = read_json(raw, f"line {number}")
            if not isinstance(found, dict):
                raise ProblemError(422, Problem("an event is a JSON object", got=type(found).__name__, where=f"line {number}"))
        except ProblemError as error:
            problems += error.problems
            refused.append(_refused(number, raw, [str(one) for one in error.problems]))
            continue
        if not everybody:
            _own(reader, found, f"line {number}")
        records.append(found)
        places.append(number)
    if problems and on_bad == "refuse":
        raise ProblemError(422, *problems)
    if on_bad == "refuse":
        try:
            done = state.ledger.record_events_report(records)
        except InputError as error:
            raise _by_line(error, places) from None
        return RecordedBatch(stored=done.stored, duplicates=done.duplicates, retold=done.retold, last_seq=done.last_seq)
    good = []
    for number, record in zip(places, records, strict=True):
        why = _wrong(record)
        if why is None:
            good.append(record)
        else:
            refused.append(_refused(number, lines[number - 1], why))
    done = state.ledger.record_events_report(good, on_conflict="skip")
    refused.sort(key=lambda one: one.line)
    conflicts = [str(one) for one in done.conflicts]
    return RecordedBatch(
        stored=done.stored,
        duplicates=done.duplicates,
        retold=done.retold,
        conflicts=conflicts,
        refused=refused,
        last_seq=done.last_seq,
    )


def _wrong(record: dict[str, Any]) -> list[str] | None:
    try:
        rows_of_records([record], 0)
    except InputError as error:
        return [str(one) for one in error.problems]
    return None


def _refused(number: int, raw: bytes, reasons: list[str]) -> Refused:
    return Refused(line=number, reasons=reasons, raw=raw.decode("utf-8", "replace").rstrip("\r")[:_KEPT])


def _by_line(error: InputError, places: list[int]) -> InputError:
    """Problems of events by the lines where these stand."""
    found = []
    for one in error.problems:
        kind, _, number = (one.where or "").partition(" ")
        line = places[int(number)] if kind == "event" and number.isdecimal() and int(number) < len(places) else None
        found.append(one if line is None else Problem(one.what, one.got, one.expected, f"line {line}", one.next))
    return type(error)("events break the contract; nothing was stored", problems=found) if isinstance(error, EventError) else error
