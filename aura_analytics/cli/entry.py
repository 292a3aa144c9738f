"""Where the command `aura` begins and ends: what interrupts it ends it in one line, at any moment.

Little is imported here, so that the loading of everything else can be interrupted too. What a command writes takes its place only
when it is whole (`outputs`), and a ledger takes in a batch or does not: so nothing is half done.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

__all__ = ["main"]

_ENDS = {"SIGINT": "interrupted", "SIGTERM": "ended", "SIGHUP": "the terminal is gone"}
_met: list[int] = []  # signals, once one came
_again: list[int] = []  # those that came where nothing can be raised, and come a second time


class Interrupted(KeyboardInterrupt):
    """A signal came. (Of a `KeyboardInterrupt` itself Python remembers where it passed, and ends as if nobody had seen it.)"""


def _end(number: int, frame: FrameType | None) -> None:
    """The first signal unwinds what was begun; one more does not wait for that."""
    if _met:
        os._exit(128 + number)
    while frame is not None:
        if frame.f_code is _unseen.__code__:  # what is raised there is lost again
            return _later(number)
        frame = frame.f_back
    _met.append(number)
    raise Interrupted


def _later(number: int) -> None:
    """The same signal once more, a moment later, when what could not be interrupted has ended."""
    _again.append(number)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda _, frame: _end(number, frame))
        signal.setitimer(signal.ITIMER_REAL, 0.02)
    else:
        signal.raise_signal(number)


def _unseen(unraisable: Any) -> None:
    """An interrupt that came where Python cannot raise it, as in a destructor, comes again."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt) and _met:
        _later(_met.pop())
    elif not _met:
        sys.__unraisablehook__(unraisable)


def _leave(code: int) -> NoReturn:
    """End, in words where a signal came; nothing that runs at the end of a process is interrupted any more."""
    for name in _ENDS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: os._exit(128 + number))
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    for number in [*_met, *_again][:1]:
        code = 128 + number
        said = _ENDS[signal.Signals(number).name]
        with suppress(OSError, ValueError):
            sys.stderr.write(f"aura: {said}; nothing is half written, and the command can be run again\n")
            sys.stderr.flush()
    sys.exit(code)


def main() -> NoReturn:
    """Entry point of `aura`."""
    for name in _ENDS:
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN:  # `nohup aura ...` goes on
            signal.signal(getattr(signal, name), _end)
    sys.unraisablehook = _unseen
    try:
        from aura_analytics.cli.app import main as run

        run()
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else int(end.code is not None))
    except BaseException:
        if not _met and not _again:  # an error of ours, and not what an interrupt was turned into on its way
            raise
    _leave(0)
