"""What changes, as it changes: server-sent events and a WebSocket, from one source."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from aura_analytics.errors import Problem
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.asking import needs
from aura_analytics.service.frames import Seen
from aura_analytics.service.gate import reader_of
from aura_analytics.service.hub import Listener
from aura_analytics.service.problems import ProblemError
from aura_analytics.service.state import ServiceState

__all__ = ["router"]

router = APIRouter(tags=["live"])
_READ = ("dossiers:read:self", "dossiers:read:team", "dossiers:read:all")
_BEAT = 15.0


async def _batches(state: ServiceState, listener: Listener, after: int | None, upto: int) -> AsyncIterator[Seen | None]:
    """What was missed, then what comes; None where nothing comes for a while. It ends when the reader falls too far behind."""
    place = upto if after is None else after
    if place < upto:
        missed = await run_in_threadpool(state.hub.missed, listener.reader, place, upto)
        if missed is None:
            raise ProblemError(
                410, Problem("that place lies too far back", got=place, next="read the board, and go on from its seq")
            )
        for seen in missed:
            yield seen
        if not missed:
            yield None  # so that the answer begins
    while True:
        try:
            found = await asyncio.wait_for(listener.queue.get(), _BEAT)
        except TimeoutError:
            yield None
            continue
        if found is None:
            return
        if found.end > place:
            yield found


def _checked(state: ServiceState, after: int | None, upto: int) -> None:
    if after is not None and after > max(upto, state.ledger.end()):
        raise ProblemError(410, Problem("the ledger does not reach that far", got=after, expected=f"at most {upto}"))


@router.get("/live", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}, 410: {}})
async def live(
    request: Request,
    reader: Annotated[Reader, Depends(needs(*_READ))],
    after: Annotated[
        int | None, Query(ge=0, le=2**62, description="place in the ledger after which to begin; default its end")
    ] = None,
    last: Annotated[str | None, Header(alias="Last-Event-ID", description="as a browser sends it when it comes again")] = None,
) -> StreamingResponse:
    """Frames as server-sent events: `seq`, `actor`, `changed` (old and new), `status`, `event_ids`; a heartbeat every 15 seconds.

    A connection that broke goes on from the last id, which is the frame's `resume`; 410 says that it cannot.
    """
    state: ServiceState = request.app.state.service
    if last is not None and last.isdecimal() and len(last) < 19:
        after = int(last)
    listener, upto = state.hub.listen(reader, asyncio.get_running_loop())
    try:
        _checked(state, after, upto)
        batches = _batches(state, listener, after, upto)
        first = await anext(batches) if after is not None and after < upto else None  # 410, if it must be, before the answer
    except BaseException:
        state.hub.leave(listener)
        raise

    async def told() -> AsyncIterator[bytes]:
        try:
            yield f"retry: 1000\n: from {upto if after is None else after}\n\n".encode()
            if first is not None:
                yield first.events
            async for batch in batches:
                yield b": still here\n\n" if batch is None else batch.events
        finally:
            state.hub.leave(listener)

    return StreamingResponse(
        told(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


@router.websocket("/live")
async def live_socket(socket: WebSocket, after: int | None = None) -> None:
    """The same frames over a WebSocket; codes 4401, 4403 and 4410 as the statuses of HTTP."""
    state: ServiceState = socket.app.state.service
    reader = reader_of(socket.scope)
    if reader is None or not reader.may(*_READ):
        return await socket.close(4401 if reader is None else 4403)
    await socket.accept()
    listener, upto = state.hub.listen(reader, asyncio.get_running_loop())
    gone = asyncio.create_task(_gone(socket))
    try:
        _checked(state, after, upto)
        async for batch in _batches(state, listener, after, upto):
            if gone.done():
                return None
            if batch is None:
                await socket.send_text(json.dumps({"heartbeat": state.hub.seq}))
            for text in batch.texts if batch is not None else ():
                await socket.send_text(text)
        await socket.close(1013)
    except ProblemError as error:
        await socket.close(4000 + error.status)
    except (WebSocketDisconnect, RuntimeError):
        return None
    finally:
        gone.cancel()
        state.hub.leave(listener)


async def _gone(socket: WebSocket) -> None:
    """Until the other end leaves; what it sends is not read."""
    message: Any = {}
    while message.get("type") != "websocket.disconnect":
        message = await socket.receive()
