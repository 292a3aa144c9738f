"""What live readers are told: a frame for each actor whom new events concern, in batches of what was recorded together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from aura_analytics.service.access.readers import Reader

__all__ = ["Batch", "Frame", "Seen", "plain"]


@dataclass
class Frame:
    """What changed for one actor, up to a place in the ledger; `actor` is None where events concern nobody."""

    seq: int
    actor: str | None
    changed: Mapping[str, list[Any]]
    status: list[str | None]
    event_ids: list[str]

    def text(self, resume: int) -> str:
        """As JSON, with where a reader goes on from whose connection breaks after it."""
        return f'{self._begin}, "resume": {resume}}}'

    @cached_property
    def _begin(self) -> str:
        """All but that, which is the same for everybody: written once."""
        body = {"seq": self.seq, "actor": self.actor, "changed": self.changed, "status": self.status, "event_ids": self.event_ids}
        return json.dumps(body, ensure_ascii=False, default=plain)[:-1]


def plain(value: Any) -> Any:
    """What JSON has for a value of ours."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


@dataclass
class Batch:
    """Frames of events that were recorded together, after the place `before`, one for each actor whom they concern.

    Of those that somebody may see the last takes them past the batch: whose connection breaks within it gets it whole once more.
    """

    before: int
    frames: list[Frame]
    _seen: dict[tuple[int, ...], Seen] = field(default_factory=dict)

    def seen_by(self, reader: Reader) -> Seen:
        """Those that somebody may see."""
        mine = tuple(place for place, frame in enumerate(self.frames) if reader.may_read(frame.actor))
        if mine not in self._seen:
            self._seen[mine] = Seen([self.frames[place] for place in mine], self.before)
        return self._seen[mine]


class Seen:
    """Frames that somebody may see; for all who may see the same it is one, and written once.

    Parameters
    ----------
    frames
        In the order of the ledger.
    before
        Where who saw them not to the end goes on from.
    """

    def __init__(self, frames: list[Frame], before: int) -> None:
        self.frames, self._before = frames, before

    def __bool__(self) -> bool:
        return bool(self.frames)

    @property
    def end(self) -> int:
        """The place up to which they speak."""
        return self.frames[-1].seq

    @cached_property
    def texts(self) -> list[str]:
        """Each as JSON, with where a reader goes on from whose connection breaks after it."""
        return [frame.text(self._resume(frame)) for frame in self.frames]

    @cached_property
    def events(self) -> bytes:
        """All as server-sent events."""
        lines = zip(self.frames, self.texts, strict=True)
        return "".join(f"id: {self._resume(frame)}\nevent: dossier\ndata: {text}\n\n" for frame, text in lines).encode()

    def _resume(self, frame: Frame) -> int:
        return frame.seq if frame is self.frames[-1] else self._before
