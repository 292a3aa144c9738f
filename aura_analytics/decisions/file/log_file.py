"""The decision log's file: JSON Lines that are only ever added to, by several processes at once.

Five kinds of line: a decision (the form of the accountability layer's document), three that say more of one:
`{"amends": request_id, "outcome": ...}` what became of it, `{"overrides": request_id, ...}` what a user put in the place of a
component, `{"approves": proposal, ...}` who let a proposal of the learning be applied, and `{"retains": chain, ...}` which lines a
retention deleted. Each ends with its `chain` (see `chain`). A line counts when its end is there; a line that a crash cut off is
closed by the next writer, reported by `faults`, and never taken for an entry.

The log is a row of segments. The last, which grows, has the log's own name; the ones before were renamed by a rotation to
`NAME-YYYY-MM-DD.jsonl`, the day (UTC) of their first line (a second one of a day is `NAME-YYYY-MM-DD.2.jsonl`), and compressed once
they are old. A place in the log is a segment's number, made of that day, and an offset, and stays what it is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

from aura_analytics import settings
from aura_analytics.clock import times
from aura_analytics.decisions.file.chain import START, chained, folded, linked, parted
from aura_analytics.decisions.file.lines import Line, Place, blocks, piece, split
from aura_analytics.decisions.file.parsing import is_entry, moment, parsed
from aura_analytics.decisions.file.segments import Packed, pack
from aura_analytics.errors import AuraError, EventError, FileFormatError, LedgerUnavailableError, ParameterError, Problem
from aura_analytics.io.locks import locked
from aura_analytics.outputs import replacing

__all__ = ["WAIT", "LogFile"]

_TAIL = 1 << 13  # bytes of the end that are looked at for the last chain
WAIT = 30.0  # seconds for another writer
_TRIES = 100
_A_DAY = 1_000_000  # segments that a day has numbers for
_NO_DAY = date(1970, 1, 1).toordinal()  # of a first line that says no time
PLAIN_DAYS = 7  # for which the document keeps segments as they are


class LogFile:
    """A file of lines, and the segments before it.

    Parameters
    ----------
    path
        Where it is; its folder is made when the first line is written.
    sync
        Whether a line is on the disk when `append` returns (the loss of power loses nothing), or with the operating system (the
        loss of the process loses nothing).
    rotate_bytes, rotate_age
        Size or age of its first line from which `append` starts a new file; None is never.
    rotate_daily
        Whether `append` starts a new file on a new day (UTC).
    """

    def __init__(
        self,
        path: Path,
        *,
        sync: bool = False,
        rotate_bytes: int | None = None,
        rotate_age: timedelta | None = None,
        rotate_daily: bool = False,
    ) -> None:
        path = Path(os.path.realpath(path))  # a link and its target are one log
        if path.suffix == ".gz":
            raise ParameterError(Problem("a segment is not a log", got=str(path), next="name the log that it was rotated from"))
        if rotate_bytes is not None and (isinstance(rotate_bytes, bool) or not isinstance(rotate_bytes, int) or rotate_bytes < 1):
            raise ParameterError(
                Problem("rotate_bytes is out of range", got=rotate_bytes, expected="a whole number of bytes, at least 1")
            )
        if rotate_age is not None and not isinstance(rotate_age, timedelta):
            raise ParameterError(Problem("rotate_age is no time", got=rotate_age, expected="a timedelta"))
        self.path = path
        self._checked: tuple[int, int] | None = None
        self._of_today: tuple[int, date] | None = None
        self._sync = sync
        self.lock: Path = path.with_name(path.name + ".lock")
        self._rotate_bytes, self._rotate_age, self._rotate_daily = rotate_bytes, rotate_age, rotate_daily
        self._name = re.compile(rf"{re.escape(path.stem)}-(\d{{4}}-\d\d-\d\d)(?:\.(\d{{1,6}}))?{re.escape(path.suffix)}(\.gz)?")
        self._packed: dict[tuple[Any, ...], Packed] = {}
        self._tail: tuple[int, int, str] | None = None  # file, size and chain after our own last line

    # -- writing ---------------------------------------------------------------------------------------------------------

    def append(self, entry: dict[str, Any], unless: Callable[[], bool] | None = None) -> bool:
        """Add a line; with `unless`, only where that is false while nobody else writes. Returns whether it was added.

        Raises
        ------
        LedgerUnavailableError
            If it cannot be written; then nothing was.
        """
        try:
            raw = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError as error:
            problem = Problem(
                "a text holds half of a character", got=error.object[error.start : error.end], expected="text that is Unicode"
            )
            raise EventError(problem) from None
        due = False
        if self._rotate_daily:
            at = moment(entry.get("logged_at") or entry.get("timestamp"))
            today = datetime.now(timezone.utc).date() if at is None else times.from_epoch_micros(at).date()
            if self._is_of_before(today):
                self.rotate(before=today)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.lock, WAIT), open(self.path, "ab", buffering=0, opener=_private) as file:
                self._check_kind()
                if unless is not None and unless():
                    return False
                due = self._due(os.fstat(file.fileno()).st_size)
                self._write(file.fileno(), raw)
        except OSError as error:
            raise self._explained(error) from None
        if due:
            self.rotate(min_bytes=self._rotate_bytes, min_age=self._rotate_age)
        return True

    def _check_kind(self) -> None:
        """`FileFormatError` for a file that is no text: what else has this name is left as it is."""
        try:
            with self.path.open("rb") as file:
                about = os.fstat(file.fileno())
                if self._checked == (about.st_dev, about.st_ino):
                    return
                head = file.read(4096)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileFormatError(
                Problem(
                    "the decision log cannot be read",
                    got=error.strerror,
                    where=str(self.path),
                )
            ) from None
        if b"\0" in head or head.startswith(b"\x1f\x8b"):
            kind = "a SQLite database" if head.startswith(b"SQLite format 3") else "a binary file"
            hint = f"for a ledger say --log-file sqlite:///{self.path.name}" if head.startswith(b"SQLite") else "name another file"
            raise FileFormatError(
                Problem("this is no decision log", got=kind, expected="JSON Lines", where=str(self.path), next=hint)
            )
        self._checked = (about.st_dev, about.st_ino)

    def _write(self, file: int, body: bytes) -> None:
        about = os.fstat(file)
        end, torn = about.st_size, False
        if self._tail is not None and self._tail[:2] == (about.st_ino, end):
            before = self._tail[2]
        else:
            before, torn = self.chain_at_end()
        line = chained(before, body)
        raw = (b"\n" if torn else b"") + line + b"\n"  # a crash cut the last line off
        try:
            written = os.write(file, raw)
            if written < len(raw):
                raise OSError(28, "No space left on device")
        except OSError:
            os.ftruncate(file, end)  # half a line is none
            raise
        self._tail = about.st_ino, end + len(raw), str(parted(line)[1])
        if self._sync:
            os.fdatasync(file)

    # -- the chain -------------------------------------------------------------------------------------------------------

    def chain_at_end(self) -> tuple[str, bool]:
        """The chain after the last entry, and whether the last line of the file that grows has no end."""
        return self._chain_after([*(closed := self.segments()), self._growing(closed)])

    def chain_of(self, number: int, before: str | None, end: int | None = None) -> str | None:
        """The chain after a segment (or what lies before a place in it), from its lines; None when one does not fit.

        Without the chain before it, as after a retention, the first line that says one is believed.
        """
        chain = before
        for line in self.lines((number, 0), number):
            if end is not None and line.offset >= end:
                break
            body, said = parted(line.raw)
            if said is not None:
                if chain is not None and linked(chain, body) != said:
                    return None
                chain = said
            elif is_entry(line.raw):
                chain = linked(chain or START, line.raw)
        return chain or START

    def _chain_after(self, numbers: list[int]) -> tuple[str, bool]:
        """The chain at the end of the last of these segments, which follow each other from the log's first one."""
        torn = False
        if not numbers:
            return START, torn
        try:
            with closing(self._open(numbers[-1])) as file:
                size = file.size if isinstance(file, Packed) else os.fstat(file.fileno()).st_size
                window = _TAIL
                while size:
                    start = max(size - window, 0)
                    tail = file.read_at(start, size - start) if isinstance(file, Packed) else piece(file, start, size - start)
                    torn = not tail.endswith(b"\n")
                    lines = tail.split(b"\n")[bool(start) :]  # the first one is cut, unless the file begins there
                    chain = folded(lines, None)
                    if chain is not None:
                        return chain, torn
                    if not start:
                        return str(folded(lines, self._chain_after(numbers[:-1])[0])), torn
                    window *= 16
        except FileNotFoundError:
            pass  # nothing has grown yet
        return self._chain_after(numbers[:-1])[0], torn

    def _explained(self, error: OSError) -> LedgerUnavailableError:
        if isinstance(error, LedgerUnavailableError):
            return error
        advice = {
            13: "give write permission to the folder",
            28: "free some space; nothing was stored",
            30: "the file system is read-only",
        }
        problem = Problem(
            "the decision log cannot be written",
            got=error.problems[0].got if isinstance(error, AuraError) else error.strerror,
            where=str(self.path),
            next=advice.get(error.errno or 0),
        )
        return LedgerUnavailableError(problem)

    # -- segments --------------------------------------------------------------------------------------------------------

    def segments(self) -> dict[int, Path]:
        """The closed segments by number; of one that is just being compressed the compressed one."""
        found: dict[int, Path] = {}
        try:
            with os.scandir(self.path.parent) as entries:
                names = [(match, entry.name) for entry in entries if (match := self._name.fullmatch(entry.name))]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise FileFormatError(Problem("the decision log cannot be read", got=error.strerror, where=str(self.path))) from None
        for match, name in sorted(names, key=lambda item: item[1]):  # x.jsonl before x.jsonl.gz
            with suppress(ValueError):  # a day that does not exist is no day
                found[date.fromisoformat(match[1]).toordinal() * _A_DAY + int(match[2] or 1)] = self.path.with_name(name)
        return dict(sorted(found.items()))

    def _growing(self, closed: Mapping[int, Path]) -> int:
        """The number of the file that grows: after all closed ones, on the day of its first line."""
        last = max(closed, default=_NO_DAY * _A_DAY)
        begun = self._begun()
        day = _NO_DAY if begun is None else datetime.fromtimestamp(begun / 1e6, timezone.utc).toordinal()
        return max(day * _A_DAY + 1, last + 1)

    def _begun(self) -> int | None:
        """When the first line of the file that grows was written, microseconds since 1970; None where it does not say."""
        try:
            with self.path.open("rb") as file:
                first = parsed(file.readline())
        except FileNotFoundError:
            return None
        return moment(first.get("timestamp") or first.get("logged_at")) if isinstance(first, dict) else None

    def end(self) -> tuple[int, int, int]:
        """Number and bytes of the segment that grows, and when it was last changed (nanoseconds), whatever its time was set to."""
        for _ in range(_TRIES):
            number = self._growing(self.segments())
            try:
                about = self.path.stat()
                size, changed = about.st_size, max(about.st_mtime_ns, about.st_ctime_ns)
            except FileNotFoundError:
                size = changed = 0
            if number == self._growing(self.segments()):
                return number, size, changed
        raise self._restless()

    def stamps(self) -> dict[int, tuple[int, int]]:
        """Bytes and last change of every closed segment."""
        found = {}
        for number, path in self.segments().items():
            with suppress(FileNotFoundError):
                about = path.stat()
                found[number] = about.st_size, max(about.st_mtime_ns, about.st_ctime_ns)
        return found

    def _restless(self) -> LedgerUnavailableError:
        return LedgerUnavailableError(Problem("the decision log is rotated all the time", where=str(self.path), next="try again"))

    def _open(self, number: int) -> BinaryIO | Packed:
        """A segment by number; FileNotFoundError when there is none."""
        for _ in range(_TRIES):
            closed = self.segments()
            active = self._growing(closed)
            path = self.path if number == active else closed.get(number)
            if path is None:
                raise FileNotFoundError(number)
            try:
                if path.suffix == ".gz":
                    return self._unpacked(path)
                file = path.open("rb")
            except FileNotFoundError:
                if number == active == self._growing(self.segments()):
                    raise
                continue  # it has just been rotated or compressed
            # a rotation between the look and the opening would have given another segment
            if number < active or self._growing(self.segments()) == active:
                return file
            file.close()
        raise self._restless()

    def _unpacked(self, path: Path) -> Packed:
        stat = path.stat()
        key = (path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if key not in self._packed:
            self._packed[key] = Packed(path)
        return self._packed[key]

    def _due(self, size: int) -> bool:
        if self._rotate_bytes is not None and size >= self._rotate_bytes:
            return True
        return self._rotate_age is not None and size > 0 and self._age() >= self._rotate_age

    def _age(self) -> timedelta:
        """Time since the first line of the file that grows."""
        since = self._begun()
        born = self.path.stat().st_mtime if since is None else since / 1e6
        return timedelta(seconds=datetime.now(timezone.utc).timestamp() - born)

    def _is_of_before(self, today: date) -> bool:
        """Whether the file that grows was begun on a day before this one."""
        try:
            now = self.path.stat().st_ino, today
        except FileNotFoundError:
            return False
        if now == self._of_today:
            return False
        begun = self._begun()
        past = begun is not None and times.from_epoch_micros(begun).date() < today
        self._of_today = None if past else now
        return past

    def rotate(
        self,
        *,
        min_bytes: int | None = None,
        min_age: timedelta | None = None,
        before: date | None = None,
        plain_days: int = PLAIN_DAYS,
    ) -> list[Path]:
        """Close the file that grows, when it is big or old enough, and compress closed ones that are old.

        Parameters
        ----------
        min_bytes, min_age, before
            From which size or age of its first line on, or when that is of a day before; either suffices; with none, whenever it
            holds a line.
        plain_days
            Days for which closed files stay as they are; 0 compresses all.

        Returns
        -------
        list of Path
            The segments that were closed or compressed now.

        Raises
        ------
        LedgerUnavailableError
            If a segment cannot be written; everything is then still readable.
        """
        self._check_kind()
        closed: list[Path] = []
        try:
            with locked(self.lock, WAIT):
                size = self.path.stat().st_size if self.path.exists() else 0
                due = min_bytes is None and min_age is None and before is None
                due |= min_bytes is not None and size >= min_bytes
                due |= size > 0 and min_age is not None and self._age() >= min_age
                if size and (due or (before is not None and self._is_of_before(before))):
                    day, number = divmod(self._growing(self.segments()), _A_DAY)
                    ending = f".{number}" if number > 1 else ""
                    closed = [self.path.with_name(f"{self.path.stem}-{date.fromordinal(day)}{ending}{self.path.suffix}")]
                    self.path.rename(closed[0])
            if not self.path.parent.exists():
                return []
            # writers go on meanwhile; one process compresses at a time
            border = datetime.now(timezone.utc).date() - timedelta(days=plain_days)
            with locked(self.path.with_name(self.path.name + ".rotating"), WAIT):
                packed = {path: self._compressed(path) for path in self._plain() if plain_days == 0 or self._day(path) < border}
            return [packed.pop(path, path) for path in closed] + list(packed.values())
        except OSError as error:
            raise self._explained(error) from None

    def _plain(self) -> list[Path]:
        left = []
        for path in self.path.parent.iterdir():
            if not (match := self._name.fullmatch(path.name)) or match[3]:
                continue
            if path.with_name(path.name + ".gz").exists():
                path.unlink()  # it was complete when it got this name; a crash came before this line
            else:
                left.append(path)
        return sorted(left)

    def _day(self, path: Path) -> date:
        """The day of a closed segment."""
        match = self._name.fullmatch(path.name)
        assert match is not None
        return date.fromisoformat(match[1])

    def _compressed(self, path: Path) -> Path:
        target = path.with_name(path.name + ".gz")
        with path.open("rb") as file, replacing(target, path.stat().st_mode) as part:
            pack((line.raw for line in split(blocks(file), 0, 0)), part, path.stat().st_mode)
        path.unlink()
        return target

    def retain(self, keep: timedelta, gone_before: int = 0) -> list[Path]:
        """Delete closed segments whose last line is older than this; returns them. The file that grows stays, and says what went.

        Parameters
        ----------
        keep
            How long lines are kept.
        gone_before
            Entries that earlier retentions deleted.
        """
        now, entries = datetime.now(timezone.utc), gone_before
        border, gone = times.epoch_micros(now - keep), dict[int, Path]()
        with locked(self.lock, WAIT):
            for number, path in self.segments().items():
                newest, held = None, 0
                for line in self.lines((number, 0), number):
                    found = parsed(line.raw)
                    held += isinstance(found, dict)
                    at = moment(found.get("logged_at") or found.get("timestamp")) if isinstance(found, dict) else None
                    newest = at if newest is None else max(newest, at or newest)
                if newest is None or newest >= border:
                    break  # later ones still amend what is here
                gone[number] = path
                entries += held
            if gone:  # what is said before it is done can be told from what somebody else deleted
                said = {"lines": entries, "files": [path.name for path in gone.values()], "kept_days": keep / timedelta(days=1)}
                record = {"retains": self._chain_after(list(gone))[0], "retention": said, "logged_at": now.isoformat()}
                with open(self.path, "ab", buffering=0, opener=_private) as file:
                    self._write(file.fileno(), json.dumps(record, ensure_ascii=False).encode())
            for path in gone.values():
                path.unlink()
        return list(gone.values())

    # -- reading ---------------------------------------------------------------------------------------------------------

    def lines(self, start: tuple[int, int] = (0, 0), last: int | None = None) -> Iterator[Line]:
        """The lines from a place on, through all segments (up to `last`); the last one may be without its end."""
        number, offset = start
        self._check_kind()
        closed = self.segments()
        # the one after the last closed one, which grows or has just been closed as well: either way it has this number
        numbers = [n for n in (*closed, self._growing(closed)) if n >= number and (last is None or n <= last)]
        for each in numbers:
            begin = offset if each == number else 0
            try:
                with closing(self._open(each)) as file:
                    if isinstance(file, Packed):
                        yield from split(file.pieces(begin), each, begin)
                    else:
                        file.seek(begin)
                        yield from split(blocks(file), each, begin)
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = Problem("the decision log cannot be read", got=error.strerror, where=str(self.path))
                raise FileFormatError(problem) from None

    def read(self, place: Place) -> bytes:
        """The bytes of a line."""
        return next(self.read_many([place]))

    def read_many(self, places: Iterable[Place]) -> Iterator[bytes]:
        """The bytes of several lines."""
        held: dict[int, BinaryIO | Packed] = {}
        with ExitStack() as stack:
            for number, offset, length in places:
                if number not in held:
                    held[number] = stack.enter_context(closing(self._open(number)))
                file = held[number]
                if isinstance(file, Packed):
                    yield file.read_at(offset, length)
                else:
                    file.seek(offset)
                    yield file.read(length)


def _private(path: str, flags: int) -> int:
    """Open a new log for its owner alone, or as `AURA_FILE_MODE` says."""
    return os.open(path, flags, settings.file_mode())
