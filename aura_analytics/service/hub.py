"""What follows the ledger: one thread looks at what is new, counts anew whom it concerns, and tells everybody who listens.

The number of a frame is the place in the ledger up to which it speaks, so a connection that broke goes on from the last number it
saw, at whichever process; and what a frame says is made of the ledger alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from aura_analytics.dossier.board import dossiers
from aura_analytics.errors import AuraError
from aura_analytics.ledger.store import Ledger
from aura_analytics.operations.client import board_of
from aura_analytics.rules.policy import Policy
from aura_analytics.service.access.readers import Reader
from aura_analytics.service.frames import Batch, Frame, Seen
from aura_analytics.service.measures import Measures

__all__ = ["SHOWN", "Hub", "Listener"]

_LOG = logging.getLogger("aura_analytics.service")
SHOWN = ("override_rate", "avg_processing_hours", "sat_score_mean", "pip_recommended", "override_rate_n", "sat_score_mean_n")
_EVERY = 0.1  # seconds between looks
_IDLE = 5.0  # the same while nobody listens
_AT_ONCE = 2_000  # events of one look: they are one frame an actor
_WHOLE = 60.0  # seconds after which everybody is counted anew: the window moves for those, too, whom no event concerns
_WAITING = 200  # batches of frames that a slow reader may have before it
_CAUGHT_UP = 20_000  # events that are made up for by frames; beyond that a page is to be read anew


@dataclass
class Listener:
    """Somebody who listens: batches of frames that they may see, some at most."""

    reader: Reader
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[Seen | None] = field(default_factory=lambda: asyncio.Queue(_WAITING))
    lost: bool = False

    def offer(self, batch: Batch) -> None:
        """Take what they may see; whoever does not read is cut off, and goes on from where they were."""
        found = batch.seen_by(self.reader)
        if self.lost or not found:
            return
        try:
            self.queue.put_nowait(found)
        except asyncio.QueueFull:
            self.lost = True
            self.queue.get_nowait()
            self.queue.put_nowait(None)

    def end(self) -> None:
        """Send them away."""
        self.lost = True
        if self.queue.full():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Hub:
    """Follows a ledger.

    Parameters
    ----------
    ledger, policy
        What is followed, and what verdicts come from.
    measures
        Where it is counted how far behind it is.
    """

    def __init__(self, ledger: Ledger, policy: Policy, measures: Measures) -> None:
        self._ledger, self._policy, self._measures = ledger, policy, measures
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._listeners: list[Listener] = []
        self._ended, self._nudged = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="aura-hub", daemon=True)
        self._known: dict[str, dict[str, Any]] = {}
        self._board: tuple[tuple[int, ...], str | None, pl.DataFrame] | None = None
        self.seq = 0
        self.verdicts_changed: Callable[[int, list[dict[str, Any]]], None] | None = None

    def start(self) -> None:
        """Begin to follow, from the end of the ledger as it is."""
        self.seq = self._ledger.end()
        board = self.board(None)
        self._known = {row["actor"]: _shown(row) for row in board.iter_rows(named=True)}
        self._tell_verdicts(board)
        self._thread.start()

    def stop(self) -> None:
        """End, and send everybody away."""
        self._ended.set()
        self._nudged.set()
        self._ledger.wake()
        if self._thread.is_alive():
            self._thread.join(10)
        with self._lock:
            for one in self._listeners:
                with contextlib.suppress(RuntimeError):
                    one.loop.call_soon_threadsafe(one.end)

    # -- the board -------------------------------------------------------------------------------------------------------

    def board(self, window: str | None) -> pl.DataFrame:
        """Dossiers of everybody, with verdicts; counted once for each place of the ledger.

        Parameters
        ----------
        window
            Length of the window; default the policy's own.
        """
        with self._counting:
            place = (self._ledger.end(), *self._ledger.decisions_version())
            kept = self._board
            if kept is None or kept[:2] != (place, window):
                kept = (place, window, dossiers(self._ledger, window=window, policy=self._policy))
                self._board = kept
            return kept[2]

    # -- following -------------------------------------------------------------------------------------------------------

    def listen(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> tuple[Listener, int]:
        """A new listener, and the place up to which they have to be caught up: every frame after it comes by itself."""
        listener = Listener(reader, loop)
        with self._lock:
            self._listeners.append(listener)
            self._measures.live.set(len(self._listeners))
            self._nudged.set()
            return listener, self.seq

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)
            self._measures.live.set(len(self._listeners))

    def missed(self, reader: Reader, after: int, until: int) -> list[Seen] | None:
        """Frames of what was recorded between two places, as far as somebody may see them; None where that is too much.

        Parameters
        ----------
        reader
            Who.
        after, until
            Places in the ledger.
        """
        if until - after > _CAUGHT_UP:
            return None
        found: list[Seen] = []
        while after < until:
            events, end = self._ledger.after(after, min(_AT_ONCE, until - after))
            if end == after:
                break
            found.append(Batch(after, self._frames(events, end, {})).seen_by(reader))
            after = end
        return [seen for seen in found if seen]

    def _run(self) -> None:
        last_whole, moved = time.monotonic(), False
        with contextlib.suppress(AuraError, OSError, pl.exceptions.PolarsError):
            board_of(self._ledger).rows(
                [], self._policy
            )  # the sums of a large ledger take a while, and are made before they are needed
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                seen = self._ledger.recorded_here
                events, end = self._ledger.after(self.seq, _AT_ONCE)
                if events.height:
                    moved = True
                    self._told(self._frames(events, end, self._known), end)
                elif moved and began - last_whole > _WHOLE:
                    self._all_anew()
                    last_whole, moved = time.monotonic(), False
                else:
                    self._measures.ledger.set(end)
                    self._ledger.wait(seen, _EVERY, self._ended)
                    continue
                self._measures.behind.set(max(0, self._ledger.end() - self.seq))
                # what comes meanwhile is counted together; with nobody listening that may wait a little
                spent = time.monotonic() - began
                self._nudged.clear()
                self._nudged.wait(max(spent / 4, (_EVERY if self._listeners else _IDLE) - spent))
            except (AuraError, pl.exceptions.PolarsError, OSError) as error:
                _LOG.warning(json.dumps({"hub": type(error).__name__}))
                self._ended.wait(1.0)

    def _told(self, frames: list[Frame], end: int) -> None:
        """Hand frames on; who comes to listen meanwhile finds the new place."""
        with self._lock:
            batch = Batch(self.seq, frames)
            self.seq = end
            for one in self._listeners:
                with contextlib.suppress(RuntimeError):  # its loop is closed
                    one.loop.call_soon_threadsafe(one.offer, batch)

    def _frames(self, events: pl.DataFrame, seq: int, known: dict[str, dict[str, Any]]) -> list[Frame]:
        """What new events changed, a frame for each whom they concern; `known` is what was shown, and is brought up to date."""
        concerned = self._concerned(events)
        actors = [actor for actor in concerned if actor is not None]
        rows = (
            {row["actor"]: row for row in board_of(self._ledger).rows(actors, self._policy).iter_rows(named=True)} if actors else {}
        )
        frames, verdicts, shown = [], [], dict[str, dict[str, Any]]()
        for actor, ids in concerned.items():
            if actor is None:
                frames.append(Frame(seq, None, {}, [None, None], ids))
                continue
            before, row = known.get(actor, {}), rows.get(actor, {"override_rate": 0.0, "pip_recommended": False})
            now = _shown(row)
            changed = {name: [before.get(name), now.get(name)] for name in SHOWN if before.get(name) != now.get(name)}
            frames.append(Frame(seq, actor, changed, [before.get("status"), now["status"]], ids))
            if before.get("status") != now["status"]:
                verdicts.append({"actor": actor, **now, "reasons": row.get("pip_reasons") or []})
            shown[actor] = now
        if known is self._known and verdicts and self.verdicts_changed is not None:
            self.verdicts_changed(seq, verdicts)  # where that fails, all of it is done once more
        known.update(shown)
        return frames

    def _concerned(self, events: pl.DataFrame) -> dict[str | None, list[str]]:
        """Whom events concern: who acted, whose agent it was, and who worked on the case of what names nobody."""
        found: dict[str | None, list[str]] = {}
        bare = events.filter(pl.col("actor").is_null() & pl.col("case_id").is_not_null())["case_id"].unique().to_list()
        of_case: dict[str, set[str]] = {}
        for first in range(0, len(bare), 400):
            rows = self._ledger.events(case_id=bare[first : first + 400]).select("case_id", "actor").drop_nulls().unique().collect()
            for case, actor in rows.iter_rows():
                of_case.setdefault(case, set()).add(actor)
        for row in events.select("event_id", "actor", "agent", "case_id").iter_rows(named=True):
            names: set[str] = {name for name in (row["actor"], row["agent"]) if name}
            if row["actor"] is None and row["case_id"] is not None:
                names |= of_case.get(row["case_id"], set())
            concerned: list[str | None] = [*sorted(names)] or [None]
            for name in concerned:
                found.setdefault(name, []).append(row["event_id"])
        return found

    def _all_anew(self) -> None:
        """Count everybody: the window has moved on, also for those whom no event concerned."""
        board = self.board(None)
        frames = []
        for row in board.iter_rows(named=True):
            before, now = self._known.get(row["actor"], {}), _shown(row)
            changed = {name: [before.get(name), now[name]] for name in SHOWN if before.get(name) != now[name]}
            if changed or before.get("status") != now["status"]:
                frames.append(Frame(self.seq, row["actor"], changed, [before.get("status"), now["status"]], []))
            self._known[row["actor"]] = now
        self._told(frames, self.seq)
        self._tell_verdicts(board)

    def _tell_verdicts(self, board: pl.DataFrame) -> None:
        if self.verdicts_changed is None:
            return
        rows = [
            {"actor": row["actor"], **_shown(row), "reasons": row.get("pip_reasons") or []} for row in board.iter_rows(named=True)
        ]
        self.verdicts_changed(self.seq, rows)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """What frames compare: the tracker's numbers as a dossier gives them, and the verdict."""
    found = {name: row.get(name) for name in SHOWN}
    rate = row.get("override_rate")
    found["override_rate"] = None if rate is None else round(rate, 2)
    return found | {"status": row.get("pip_status") or "insufficient"}
