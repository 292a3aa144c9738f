"""What is live: nothing is lost however often a connection breaks, and nobody sees more than they may."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from aura_analytics import Ledger
from tests.service.conftest import Server


def frames(
    client: httpx.Client, after: int | None = None, last: int | None = None, seconds: float = 10
) -> Iterator[dict[str, Any]]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    where = "/live" if after is None else f"/live?after={after}"
    with client.stream("GET", where, headers=headers, timeout=seconds) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line[6:])


def live_socket(server: Server, key: str, after: int) -> Any:
    return connect(f"ws://127.0.0.1:{server.port}/live?after={after}", additional_headers={"Authorization": f"Bearer {key}"})


def test_a_frame_says_what_changed(serving: Callable[..., Server], url: str) -> None:
    client = serving(url, "--access", "open").client()
    client.post("/event", json={"event_id": "a", "type": "DECISION", "actor": "anne", "case_id": "C1"})
    found = frames(client, after=0)
    assert next(found)["event_ids"] == ["a"]
    client.post("/event", json={"event_id": "b", "type": "OVERRIDE", "actor": "anne", "case_id": "C2"})
    frame = next(found)
    assert (frame["seq"], frame["actor"], frame["event_ids"]) == (2, "anne", ["b"])
    assert frame["changed"]["override_rate"] == [0.0, 0.5]
    assert frame["changed"]["override_rate_n"] == [1, 2]
    assert "sat_score_mean" not in frame["changed"]
    client.post(
        "/event", json={"event_id": "c", "type": "SAT_SCORE", "value": 4, "case_id": "C2"}
    )  # names nobody: it is on her case
    frame = next(found)
    assert (frame["actor"], frame["changed"]["sat_score_mean"]) == ("anne", [None, 4.0])
    ahead = client.get("/live?after=99")
    assert ahead.status_code == 410


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_fifty_broken_connections_lose_nothing(serving: Callable[..., Server], url: str) -> None:
    """The union of what was seen is the ledger, whatever broke when; and no frame came twice."""
    server = serving(url, "--access", "open")
    ended = threading.Event()

    def write() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            for number in range(400):
                client.post(
                    "/event",
                    json={"event_id": f"e{number}", "type": "DECISION", "actor": f"p{number % 7}", "case_id": f"C{number}"},
                )
                time.sleep(0.01)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[str] = []
    draw, last, breaks = random.Random(5), 0, 0
    while breaks < 50 or not ended.is_set() or len(set(seen)) < 400:
        client = server.client()
        with contextlib.suppress(httpx.HTTPError):
            for place, frame in enumerate(frames(client, last=last, seconds=1)):
                seen += frame["event_ids"]
                last = frame["resume"]
                if place >= draw.randrange(1, 5) and breaks < 50:
                    break
        client.close()
        breaks += 1
        assert breaks < 120
    writer.join()
    with Ledger(url, mirror=False) as ledger:
        recorded = set(ledger.events().collect()["event_id"])
    assert recorded - set(seen) == set()


def test_only_what_one_may_see_is_told(serving: Callable[..., Server], url: str, keys: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "who.yaml").write_text("supervisors:\n- {name: kim, actors: [anne, bob]}\n")
    server = serving(url, "--access", "keys", "--supervisors", str(tmp_path / "who.yaml"))
    writer = server.client(keys("form", "events:write"))
    readers = {
        "anne": keys("anne", "dossiers:read:self"),
        "kim": keys("kim", "dossiers:read:team"),
        "head": keys("head", "dossiers:read:all"),
    }
    with contextlib.ExitStack() as stack:
        sockets = {who: stack.enter_context(live_socket(server, key, 0)) for who, key in readers.items()}
        for name in ("zoe", "bob", "anne"):
            writer.post("/event", json={"type": "DECISION", "actor": name, "case_id": f"C{name}"})
        expected = {"anne": {"anne"}, "kim": {"anne", "bob"}, "head": {"anne", "bob", "zoe"}}
        for who, socket in sockets.items():
            got = [json.loads(socket.recv(20))["actor"] for _ in expected[who]]
            assert set(got) == expected[who]
    replayed = [frame["actor"] for _, frame in zip(range(2), frames(server.client(readers["kim"]), after=0), strict=False)]
    assert set(replayed) == {"anne", "bob"}
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.port}/live"):
        pass
    # no browser keeps a page of another site from a socket: the server does, whatever key comes with it
    mine, theirs = {"Authorization": f"Bearer {readers['head']}"}, {"Origin": "https://elsewhere.example"}
    with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.port}/live", additional_headers=mine | theirs):
        pass
    with connect(f"ws://127.0.0.1:{server.port}/live", additional_headers=mine | {"Origin": server.url}):
        pass
    with live_socket(server, readers["head"], 999) as ahead, pytest.raises(ConnectionClosed) as closed:
        ahead.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4410


def test_whoever_does_not_read_is_cut_off_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from aura_analytics.service import hub
    from aura_analytics.service.access.readers import Reader, scopes_of
    from aura_analytics.service.frames import Batch, Frame

    async def run() -> None:
        listener = hub.Listener(Reader("head", scopes_of("dossiers:read:all")), asyncio.get_running_loop())
        for number in range(3 * hub._WAITING):
            listener.offer(Batch(number - 1, [Frame(number, "anne", {}, [None, None], [])]))
        assert listener.lost
        assert listener.queue.qsize() <= hub._WAITING
        found = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
        assert found[-1] is None  # the end: they come again, and go on from the last they saw

    asyncio.run(run())
