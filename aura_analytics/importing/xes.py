"""XES logs (IEEE 1849) as a stream of flat records, one per event; memory stays bounded however long the log is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from aura_analytics.errors import FileFormatError, Problem

__all__ = ["xes_records"]

_ATTRIBUTES = {"string", "date", "int", "float", "boolean", "id", "list", "container"}


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _attributes(node: ElementTree.Element, prefix: str = "") -> dict[str, str]:
    return {
        prefix + child.attrib["key"]: child.attrib["value"]
        for child in node
        if _local(child.tag) in _ATTRIBUTES and "key" in child.attrib and "value" in child.attrib
    }


class _NoEntities(ElementTree.TreeBuilder):
    """A tree builder that refuses document types, and with them entities that unfold without end."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise FileFormatError(Problem("XES with a document type is refused", got=name, next="remove the DOCTYPE line"))


def xes_records(path: Path) -> Iterator[dict[str, Any]]:
    """Records of an `.xes` or `.xes.gz` file: event attributes by key, trace attributes as `case:<key>`.

    Raises
    ------
    FileFormatError
        If the file is not well-formed XML, is cut off, or is no XES log.
    """
    opener = gzip.open if path.suffix == ".gz" else Path.open
    with opener(path, "rb") as handle:  # type: ignore[operator]
        yield from _parse(handle, path)


def _parse(handle: IO[bytes], path: Path) -> Iterator[dict[str, Any]]:
    parser = ElementTree.XMLParser(target=_NoEntities())
    traces: dict[str, str] = {}
    held: list[dict[str, Any]] = []
    depth_trace = False
    root: ElementTree.Element | None = None
    try:
        for action, node in ElementTree.iterparse(handle, ("start", "end"), parser=parser):
            tag = _local(node.tag)
            if root is None:
                root = node
                if tag != "log":
                    raise FileFormatError(Problem("this is not an XES log", got=f"<{tag}>", expected="<log>", where=str(path)))
            if action == "start":
                if tag == "trace":
                    depth_trace, held = True, []
                continue
            if tag == "event":
                held.append(_attributes(node))
                node.clear()
                if not depth_trace:
                    yield held.pop()
            elif tag == "trace":
                traces = _attributes(node, "case:")
                yield from ({**traces, **record} for record in held)
                depth_trace, held = False, []
                node.clear()
                root.clear()
    except ElementTree.ParseError as error:
        where = f"{path}:{error.position[0]}"
        raise FileFormatError(Problem("this is not well-formed XML", got=str(error), where=where)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFormatError(Problem("the compressed file is broken or cut off", got=str(error), where=str(path))) from None
