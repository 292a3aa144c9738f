"""A lock on a file that its holder's death releases.

The `filelock` package does this as well, and more; but a decision log takes its lock for every entry, and there it costs more than
ten times as much.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aura_analytics.errors import LedgerUnavailableError, Problem

__all__ = ["locked"]

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _take(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock that a file of its own stands for.

    Parameters
    ----------
    path
        The file; it holds nothing.
    timeout
        Seconds to wait for another process, at least 0.

    Raises
    ------
    LedgerUnavailableError
        If another keeps it for longer.
    """
    deadline = time.monotonic() + timeout
    with path.open("ab") as file:
        while True:
            try:
                _take(file)
                break
            except OSError:
                if time.monotonic() > deadline:
                    problem = Problem("another process keeps a file locked", where=str(path), next="try again when it is done")
                    raise LedgerUnavailableError(problem) from None
                time.sleep(0.02)
        yield  # closing the file lets the lock go
