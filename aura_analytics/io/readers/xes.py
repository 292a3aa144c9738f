"""XES logs (IEEE 1849) as a stream of flat records, one per event; memory stays bounded however long the log is.

What a file may ask for is bounded too, since a small one can be made that unfolds without end: elements lie in at most 1,000
others, a tag has at most 16 MiB, a compressed file unpacks to 1 GiB or to 100 times its size, and the attributes of traces, which
every event of theirs carries, come to 256 MiB or to 10 times the text of the log.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar
from xml.parsers import expat

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import MAX_LINE_BYTES, Item, Reader

__all__ = ["Xes", "xes_records"]

_VALUES = {"string", "date", "int", "float", "boolean", "id"}
_HOLDERS = {"list", "values", "container"}
_CHUNK = 1 << 18
_DEEPEST = 1_000
_UNPACKED, _TIMES_UNPACKED = 1 << 30, 100
_CARRIED, _TIMES_CARRIED = 256 << 20, 10


class _Traces:
    """Collects the attributes of traces and events as they go by; `done` holds the events of finished traces."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0  # bytes of text
        self._carried = 0  # characters of traces' attributes, once for every event
        self._size = 0  # of this trace's attributes
        self.done: list[dict[str, Any]] = []
        self._stack: list[str] = []
        self._keys: list[str | None] = []  # of the elements of the stack that are attributes
        self._trace: dict[str, str] = {}
        self._events: list[dict[str, str]] = []
        self._event: dict[str, str] = {}
        self._times: dict[str, int] = {}  # how often a key was told in what is read now

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rsplit(":", 1)[-1]
        if not self._stack and tag != "log":
            raise FileFormatError(Problem("this is not an XES log", got=f"<{tag}>", expected="<log>", where=str(self.path)))
        parent = self._stack[-1] if self._stack else ""
        self._stack.append(tag)
        self._keys.append(attributes.get("key"))
        if len(self._stack) > _DEEPEST:
            raise _too_much(self.path, "an element lies too deep", f"more than {_DEEPEST:,} around it")
        if tag == "trace":
            self._trace, self._events, self._size, self._times = {}, [], 0, {}
        elif tag == "event":
            self._event, self._times = {}, {}
        elif tag in _VALUES and "key" in attributes:
            owner, key = (parent, attributes["key"]) if parent in ("event", "trace") else self._of()
            value = attributes.get("value", "")
            if owner == "event":
                event = self._event
                event[key if key not in event else self._free(event, key)] = value
            elif owner == "trace":
                key = "case:" + key
                self._trace[key if key not in self._trace else self._free(self._trace, key)] = value
                self._size += len(key) + len(value)

    def _free(self, record: dict[str, str], key: str) -> str:
        """A key that is not taken: of several values under one key the others are numbered."""
        while True:
            self._times[key] = self._times.get(key, 1) + 1
            if f"{key}#{self._times[key]}" not in record:
                return f"{key}#{self._times[key]}"

    def _of(self) -> tuple[str, str]:
        """Whose attribute is begun, and its key; one within another is named after both.

        What lies in globals or extensions describes the log, no event.
        """
        depth = len(self._stack) - 1
        keys = []
        while depth >= 0 and (self._stack[depth] in _VALUES or self._stack[depth] in _HOLDERS):
            keys.append(self._keys[depth])
            depth -= 1
        return (self._stack[depth] if depth >= 0 else ""), ".".join(key for key in reversed(keys) if key)

    def end(self, tag: str) -> None:
        tag = tag.rsplit(":", 1)[-1]
        self._stack.pop()
        self._keys.pop()
        if tag == "event":
            self._events.append(self._event)
            if "trace" not in self._stack:
                self.done.append(self._events.pop())
        elif tag == "trace":
            self._carried += self._size * len(self._events)
            if self._carried > max(_CARRIED, _TIMES_CARRIED * self.read):
                raise _too_much(self.path, "the attributes of its traces, once for every event", f"{self._carried:,} characters")
            self.done += [{**self._trace, **event} for event in self._events]
            self._trace, self._events = {}, []

    def doctype(self, name: str, *_: object) -> None:
        # entities could unfold without end, and logs need none
        raise FileFormatError(
            Problem("XES with a document type is refused", got=name, where=str(self.path), next="remove the DOCTYPE")
        )


class Xes(Reader):
    """`.xes` and `.xes.gz`: logs of process mining, one record an event; they come in through a mapping."""

    name = "xes"
    suffixes: ClassVar[tuple[str, ...]] = (".xes", ".xes.gz")
    holds_events = False

    def items(self, path: Path) -> Iterator[Item]:
        """Records, numbered as events from 1: lines of XML say nothing."""
        yield from enumerate(xes_records(path), 1)


def xes_records(path: Path) -> Iterator[dict[str, Any]]:
    """Records of an `.xes` or `.xes.gz` file: event attributes by key, trace attributes as `case:<key>`.

    Raises
    ------
    FileFormatError
        If the file is not well-formed XML, is cut off, is no XES log, or unfolds to more than this module allows.
    """
    with path.open("rb") as raw:
        yield from _parse(gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw, path)


def _too_much(path: Path, what: str, got: str) -> FileFormatError:
    next_ = "no log of a process needs that; ask who made the file"
    return FileFormatError(Problem(f"the log unfolds to too much: {what}", got=got, where=str(path), next=next_))


def _parse(handle: IO[bytes] | gzip.GzipFile, path: Path) -> Iterator[dict[str, Any]]:
    reader = _Traces(path)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    most = max(_UNPACKED, _TIMES_UNPACKED * path.stat().st_size)
    try:
        while chunk := handle.read(_CHUNK):
            reader.read += len(chunk)
            if reader.read > most:
                raise _too_much(path, "unpacked", f"more than {most:,} bytes")
            parser.Parse(chunk, False)  # noqa: FBT003
            if reader.read - parser.CurrentByteIndex > MAX_LINE_BYTES + _CHUNK:
                raise _too_much(path, "one tag or text", f"more than {MAX_LINE_BYTES:,} bytes")
            yield from reader.done
            reader.done = []
        parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        where = f"{path}:{error.lineno}"
        raise FileFormatError(Problem("this is not well-formed XML", got=str(error), where=where)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFormatError(Problem("the compressed file is broken or cut off", got=str(error), where=str(path))) from None
    yield from reader.done
