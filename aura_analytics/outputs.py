"""One way to write a file: beside its place, whole and on the disk, and only then under its name; never over what is not ours."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aura_analytics import settings
from aura_analytics.errors import AuraError, OutputError, ParameterError, Problem

__all__ = ["free_to_write", "is_our_page", "is_our_quarantine", "replacing", "same_header", "written", "written_text"]

_ABANDONED = 3_600.0  # seconds, after which a partial file is nobody's any more
_SQLITE = b"SQLite format 3\x00"
_LOOKED_AT = 65_536  # bytes of a file that is there, to tell what it is
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AS_IT_WAS = "what was there is as it was"
Ours = Callable[[Path], bool]


def free_to_write(path: str | Path, *, overwrite: bool | None = None, ours: Ours | None = None) -> Path:
    """A path that may be written.

    Parameters
    ----------
    path
        The file's name.
    overwrite
        Whether a file that is there may be replaced, where the caller leaves the choice to its own caller; default it may not. A
        ledger, a decision log and a folder never are.
    ours
        Whether a file that is there is an earlier output of the same kind, which may be replaced.

    Raises
    ------
    ParameterError
        If there is a file, or no folder for it.
    """
    target = Path(path)
    try:
        about = target.lstat()
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise ParameterError(Problem("the folder does not exist", got=str(target.parent), next="make it first")) from None
        return target
    except (OSError, ValueError) as error:
        raise ParameterError(Problem("no file can be written there", got=str(target), expected=str(error))) from None
    what = _kept(target, about)
    if what is not None:
        raise ParameterError(Problem(f"that is {what}, which is never written over", got=str(target), next="choose another name"))
    if overwrite or (ours is not None and stat.S_ISREG(about.st_mode) and _asked(ours, target)):
        return target
    hint = "say that it may be replaced (--force; in Python overwrite=True)" if overwrite is False else "move that file away"
    raise ParameterError(Problem("the file exists already", got=str(target), next=f"choose another name, or {hint}"))


def _asked(ours: Ours, target: Path) -> bool:
    try:
        return ours(target)
    except OSError:
        return False


def _kept(target: Path, about: os.stat_result) -> str | None:
    """What is never written over, in words."""
    if stat.S_ISDIR(about.st_mode):
        return "a folder"
    if stat.S_ISLNK(about.st_mode):  # the link is replaced, never what it leads to
        return None
    if not stat.S_ISREG(about.st_mode):
        return None if str(target) in ("/dev/null", "/dev/stdout") else "no regular file"
    head = _head(target)
    if head.startswith(_SQLITE) or target.name.endswith(("-wal", "-shm")):
        return "a SQLite database (a ledger, or the index of a decision log)"
    first = head.split(b"\n", 1)[0]
    return "a decision log" if b'"request_id"' in first and b'"selected_agent"' in first else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LOOKED_AT)
    except OSError:
        return b""


@contextmanager
def written(path: str | Path, *, overwrite: bool | None = None, ours: Ours | None = None) -> Iterator[Path]:
    """Write a file: yields the name to write under, a file that nobody else has; at the end it takes its place.

    What is there before stays until then, and after an error; partial files that an earlier run left behind are removed. The file
    is for its owner alone, or as `AURA_FILE_MODE` says; one that is replaced keeps its mode.

    Parameters
    ----------
    path, overwrite, ours
        As `free_to_write`.

    Raises
    ------
    ParameterError
        If it may not be written.
    OutputError
        If it cannot be: the disk is full, the folder is read-only.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with written(path) as part:
    ...     done = part.write_text("all of it")
    >>> path.read_text()
    'all of it'
    """
    target = free_to_write(path, overwrite=overwrite, ours=ours)
    with replacing(target) as part:
        yield part
        free_to_write(target, overwrite=overwrite, ours=ours)  # as it is by now


@contextmanager
def replacing(target: Path, mode: int | None = None) -> Iterator[Path]:
    """As `written`, of a file of our own, whatever is there.

    Parameters
    ----------
    target
        The file's name.
    mode
        Who may read it; default as before, or as new files are.
    """
    _swept(target)
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}-{secrets.token_hex(8)}.part")
    try:
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), 0o600))
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.chmod(_mode(target) if mode is None else mode & 0o777)
            part.replace(target)
            _sync_folder(target.parent)
        except Exception as error:
            problem = _failure(error, target)
            if problem is None:
                raise
            raise OutputError(problem) from None
    finally:
        part.unlink(missing_ok=True)


def written_text(path: str | Path, text: str, *, overwrite: bool | None = None, ours: Ours | None = None) -> Path:
    """Write a text as UTF-8; see `written`.

    Parameters
    ----------
    path, overwrite, ours
        As `free_to_write`.
    text
        The whole of it.
    """
    with written(path, overwrite=overwrite, ours=ours) as part:
        part.write_bytes(text.encode("utf-8"))
    return Path(path)


def _failure(error: Exception, target: Path) -> Problem | None:
    """Why a file could not be written, where that is the disk's or the folder's fault."""
    text = str(error)
    told = re.search(r"os error (\d+)", text)  # as polars says it
    code = error.errno if isinstance(error, OSError) and error.errno else int(told[1]) if told else None
    if code in _FULL or "No space left on device" in text:
        return Problem(
            "the disk is full",
            got=os.strerror(code or errno.ENOSPC),
            where=str(target),
            next=f"{_AS_IT_WAS}; free some space, and write it again",
        )
    if (isinstance(error, OSError) or told) and not isinstance(error, AuraError):
        return Problem("the file cannot be written", got=os.strerror(code) if code else text, where=str(target), next=_AS_IT_WAS)
    return None


def _mode(target: Path) -> int:
    with suppress(OSError):
        about = target.lstat()
        if stat.S_ISREG(about.st_mode):
            return stat.S_IMODE(about.st_mode)
    return settings.file_mode()


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _swept(target: Path) -> None:
    """Remove the partial files of earlier runs that were stopped."""
    prefix = f".{target.name[:200]}."
    with suppress(OSError):
        for name in os.listdir(target.parent):  # noqa: PTH208
            if not (name.startswith(prefix) and name.endswith(".part")):
                continue
            pid, _, rest = name[len(prefix) : -len(".part")].partition("-")
            left = target.parent / name
            if pid.isdigit() and len(rest) == 16 and (not _alive(int(pid)) or time.time() - left.stat().st_mtime > _ABANDONED):
                left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def is_our_page(path: Path) -> bool:
    """Whether a file is a page that this library wrote.

    Parameters
    ----------
    path
        A file that is there.
    """
    return b'<meta name="generator" content="aura-analytics' in _head(path)


def same_header(header: str) -> Ours:
    """Whether a file begins with the very line that is about to be written: an earlier table of the same kind.

    Parameters
    ----------
    header
        The first line, without its end.
    """
    return lambda path: _head(path).split(b"\n", 1)[0].rstrip(b"\r") == header.encode()


def is_our_quarantine(path: Path) -> bool:
    """Whether a file holds lines that were set aside before, or nothing at all.

    Parameters
    ----------
    path
        A file that is there.
    """
    head = _head(path)
    if not head:
        return True
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "line" in first and bool({"reasons", "problem"} & first.keys())
