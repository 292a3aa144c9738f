"""What reaches the terminal: colours of our own tables, and nothing that a name may hold."""

from __future__ import annotations

import re
from typing import Any, TextIO, cast

from aura_analytics.texts import escaped

__all__ = ["shown_only"]

_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")
_MOVES = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z])")


class _Shown:
    """A stream that shows control characters instead of sending them."""

    def __init__(self, stream: TextIO, ours: re.Pattern[str] | None) -> None:
        self._stream, self._ours = stream, ours

    def write(self, text: str) -> int:
        if self._ours is None:
            return self._stream.write(escaped(text))
        parts = self._ours.split(text)
        return self._stream.write("".join(part if i % 2 else escaped(part) for i, part in enumerate(parts)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def shown_only(stream: TextIO, *, moves: bool = False) -> TextIO:
    """A stream for people: into a file or pipe no control character is written; on a terminal only colours, and with `moves` what a
    progress bar needs.
    """
    ours = None if not stream.isatty() else _MOVES if moves else _COLOURS
    return cast("TextIO", _Shown(stream, ours))
