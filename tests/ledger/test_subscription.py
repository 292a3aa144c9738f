"""Subscriptions hand over every event once, in order."""

from __future__ import annotations

import threading
import time

import pytest

from aura_analytics import Ledger, events
from aura_analytics.errors import ParameterError
from aura_analytics.ledger import subscription as module
from tests.ledger.test_processes import finish, start

OVERRIDE = {"type": "OVERRIDE", "actor": "anne"}


def test_only_what_is_new_in_order(ledger: Ledger) -> None:
    table = events.sample(300, seed=8)
    ledger.record_events(table.head(100))
    fresh, all_of_it = ledger.subscribe(), ledger.subscribe(after=0)
    assert fresh.poll().is_empty()
    ledger.record_events(table.slice(100))
    assert fresh.poll().equals(table.slice(100))
    assert fresh.poll().is_empty() and fresh.seq == table.height
    assert all_of_it.poll().equals(table)


def test_large_steps_come_in_pieces(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 40)
    table = events.sample(100, seed=8)
    ledger.record_events(table)
    pieces = ledger.subscribe(after=0)
    heights = [pieces.poll().height for _ in range(4)]
    assert sum(heights) == table.height and heights[:2] == [40, 40]


def test_this_process_is_heard_at_once(ledger: Ledger) -> None:
    found: list[float] = []
    subscription = ledger.subscribe(interval=30)

    def listen() -> None:
        found.extend(time.monotonic() for _ in subscription)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.2)
    sent = []
    for _ in range(2):
        sent.append(time.monotonic())
        ledger.record_event(OVERRIDE)
        time.sleep(0.5)
    subscription.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert len(found) == 2
    assert all(heard - said < 0.5 for heard, said in zip(found, sent, strict=True))


def test_other_processes_are_heard_within_the_interval(ledger: Ledger, url: str) -> None:
    subscription = ledger.subscribe(interval=0.05)
    writers = [start("write", url, f"w{i}", "30", "1") for i in range(2)]
    seen: list[str] = []
    deadline = time.monotonic() + 60
    while sum(name.startswith("w") for name in seen) < 60 and time.monotonic() < deadline:
        frame = subscription.get(timeout=1)
        seen += [] if frame is None else frame["event_id"].to_list()
    finish(writers)
    seen += subscription.poll()["event_id"].to_list()
    assert seen == ledger.events().collect()["event_id"].to_list()


def test_the_ledger_is_not_asked_more_often_than_the_interval(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    plain = Ledger.after

    def counted(self: Ledger, seq: int, most: int | None = None) -> object:
        nonlocal asked
        asked += 1
        return plain(self, seq, most)

    monkeypatch.setattr(Ledger, "after", counted)
    assert ledger.subscribe(interval=0.2).get(timeout=1.0) is None
    assert 3 <= asked <= 7
    with pytest.raises(ParameterError, match="interval must be positive"):
        ledger.subscribe(interval=0)
