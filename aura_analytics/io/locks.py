"""A lock on a file that its holder's death releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aura_analytics.errors import LedgerUnavailableError, Problem

__all__ = ["locked"]


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold the lock that a file of its own stands for.

    Parameters
    ----------
    path
        The file; it holds nothing.
    timeout
        Seconds to wait for another process or thread, at least 0.

    Raises
    ------
    LedgerUnavailableError
        If another keeps it for longer.
    """
    lock = FileLock(path, timeout, thread_local=False)
    try:
        lock.acquire(poll_interval=0.02)
    except Timeout:
        problem = Problem("another process keeps a file locked", where=str(path), next="try again when it is done")
        raise LedgerUnavailableError(problem) from None
    try:
        yield
    finally:
        lock.release()
