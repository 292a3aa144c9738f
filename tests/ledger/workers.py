"""What other processes do to a ledger in the tests: `python -m tests.ledger.workers WHAT URL ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from aura_analytics import Ledger, events


def write(url: str, name: str, count: str, batch: str) -> None:
    """Record events of our own, one at a time or some at a time, and some that all writers record."""
    ledger = Ledger(url, mirror=False)
    size = int(batch)
    shared = events.sample(200, seed=3)
    for first in range(0, int(count), size):
        made = [{"event_id": f"{name}-{i}", "type": "OVERRIDE", "actor": name} for i in range(first, first + size)]
        if size == 1:
            ledger.record_event(made[0])
        else:
            ledger.record_events(made)
        # all writers record the same events, each in an order of its own
        ledger.record_events(shared.sample(20, shuffle=True, seed=hash((name, first)) % 2**32))


def acknowledge(url: str, name: str) -> None:
    """Record events for ever, and say of each that it was recorded."""
    ledger = Ledger(url, mirror=False)
    for i in range(10**9):
        stored = ledger.record_event({"event_id": f"{name}-{i}", "type": "OVERRIDE", "actor": name})["stored_id"]
        os.write(1, f"{stored}\n".encode())


def first(url: str, go: str) -> None:
    """Open a new ledger at the very moment that the others do, and record something."""
    while not Path(go).exists():
        pass
    ledger = Ledger(url, mirror=False)
    ledger.record_event({"type": "OVERRIDE", "actor": str(os.getpid())})


if __name__ == "__main__":
    work: dict[str, Callable[..., None]] = {"write": write, "acknowledge": acknowledge, "first": first}
    work[sys.argv[1]](*sys.argv[2:])
