"""Object-centric logs (OCEL 2.0) in JSON, XML or SQLite, flattened by one type of object: a record for each event of each of them.

Source of the format: Berti et al. (2024), OCEL (Object-Centric Event Log) 2.0 Specification.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree

from aura_analytics.clock.times import moment_of
from aura_analytics.errors import FileFormatError, Problem, close_match
from aura_analytics.io.readers.base import Item, Reader

if TYPE_CHECKING:
    from aura_analytics.io.mapping_parts import FileMap

__all__ = ["Ocel"]

_OWN = ("case", "activity", "time", "event")
_LARGEST = 1 << 30


@dataclass
class _Event:
    number: str
    kind: str
    time: str
    attributes: dict[str, Any]
    objects: list[str]


@dataclass
class _Log:
    """An object-centric log: its events, the type of each object, and what was said of each, when."""

    events: list[_Event] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    said: dict[str, list[tuple[str, str, Any]]] = field(default_factory=dict)


class Ocel(Reader):
    """`.jsonocel`, `.xmlocel`, `.sqlite`, `.xml`, and `.json` where the mapping names an `object_type`.

    A record has `case` (the object), `activity`, `time`, `event` (its id), the attributes of the event, `case:NAME` for those of
    the object as they were then, and `object:TYPE` for other objects of the event, joined by `; `. An event of several such objects
    is a record for each of them; one of none is no record. Both are counted (`notes`).

    Parameters
    ----------
    object_type
        Which objects are the cases.
    """

    name = "ocel"
    suffixes: ClassVar[tuple[str, ...]] = (".jsonocel", ".xmlocel", ".sqlite", ".sqliteocel", ".xml")
    holds_events = False

    def __init__(self, object_type: str | None = None) -> None:
        self.object_type = object_type
        self._notes: list[str] = []

    def told(self, how: FileMap) -> Ocel:
        """With the type of objects of a mapping."""
        return Ocel(how.object_type)

    def notes(self) -> list[str]:
        """How many events were doubled, and how many left out, in what was read last."""
        return self._notes

    def items(self, path: Path) -> Iterator[Item]:
        """Records in the order of the log's events, numbered from 1."""
        if path.stat().st_size > _LARGEST:
            expected = f"at most {_LARGEST:,}"
            raise FileFormatError(
                Problem("the object-centric log is too large", f"{path.stat().st_size:,} bytes", expected, str(path))
            )
        log = _read(path)
        types = sorted(set(log.kinds.values()))
        if self.object_type not in types:
            near = close_match(self.object_type, types) if self.object_type else "say it in the mapping: file: {object_type: ...}"
            what = "which objects are the cases is not said" if self.object_type is None else "no object is of that type"
            raise FileFormatError(Problem(what, self.object_type or "nothing", ", ".join(types) or "objects", str(path), near))
        place = doubled = without = 0
        several: dict[str, int] = {}
        for event in log.events:
            cases = sorted({one for one in event.objects if log.kinds.get(one) == self.object_type})
            doubled += len(cases) > 1
            without += not cases
            for case in cases:
                place += 1
                record = _record(event, case, log)
                for name, ids in record.items():
                    if name.startswith("object:") and "; " in str(ids):
                        several[name] = several.get(name, 0) + 1
                yield place, record
        self._notes = [
            f"{count:,} of {len(log.events):,} events {said}"
            for count, said in (
                (doubled, f"concern several objects of type {self.object_type!r}, and are counted once for each"),
                (without, f"concern no object of type {self.object_type!r}, and are left out"),
            )
            if count
        ]
        said = "hold several objects, joined by '; ': nobody is called so"
        self._notes += [f"{count:,} of {place:,} values of column {name!r} {said}" for name, count in several.items()]


def _record(event: _Event, case: str, log: _Log) -> dict[str, Any]:
    record: dict[str, Any] = {"case": case, "activity": event.kind, "time": event.time, "event": event.number}
    for name, value in event.attributes.items():
        record[f"attribute:{name}" if name in _OWN else name] = value
    for at, name, value in log.said.get(case, []):
        if moment_of(at) <= moment_of(event.time):
            record[f"case:{name}"] = value
    others: dict[str, list[str]] = {}
    for one in dict.fromkeys(event.objects):
        if one != case and one in log.kinds:
            others.setdefault(f"object:{log.kinds[one]}", []).append(one)
    return record | {name: "; ".join(sorted(ids)) for name, ids in others.items()}


def _read(path: Path) -> _Log:
    with path.open("rb") as opened:
        begins = opened.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        log = _of_sqlite(path) if begins.startswith(b"SQLite format 3") else _of_xml(path) if begins[:1] == b"<" else _of_json(path)
    except FileFormatError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ElementTree.ParseError, sqlite3.Error) as error:
        got = f"{type(error).__name__}: {error}"
        raise FileFormatError(Problem("this is not an object-centric log", got, "OCEL 2.0", str(path))) from None
    for said in log.said.values():
        said.sort(key=lambda one: moment_of(one[0]))
    return log


def _of_json(path: Path) -> _Log:
    from pydantic_core import from_json

    document = from_json(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    log = _Log()
    for one in document["objects"]:
        told = [(str(each["time"]), str(each["name"]), each["value"]) for each in one.get("attributes") or []]
        _object(log, one["id"], one["type"], told)
    for one in document["events"]:
        attributes = {str(each["name"]): each["value"] for each in one.get("attributes") or []}
        objects = [str(each["objectId"]) for each in one.get("relationships") or []]
        log.events.append(_Event(str(one["id"]), str(one["type"]), str(one["time"]), attributes, objects))
    return log


class _NoDoctype(ElementTree.TreeBuilder):
    """Entities could unfold without end, and logs need none."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse it."""
        raise ValueError(f"document type {name!r}, which is refused: remove the DOCTYPE")


def _of_xml(path: Path) -> _Log:
    root = ElementTree.parse(path, ElementTree.XMLParser(target=_NoDoctype())).getroot()  # noqa: S314  (no entities)
    log = _Log()
    if root.tag != "log" or root.find("objects") is None or root.find("events") is None:
        raise ValueError(f"<{root.tag}> without objects and events")
    for one in root.iterfind("objects/object"):
        told = [(each.get("time", ""), each.get("name", ""), each.text) for each in one.iterfind("attributes/attribute")]
        _object(log, one.attrib["id"], one.attrib["type"], told)
    for one in root.iterfind("events/event"):
        attributes = {each.attrib["name"]: each.text for each in one.iterfind("attributes/attribute")}
        objects = [each.attrib["object-id"] for each in one.iterfind("objects/relationship")]
        log.events.append(_Event(one.attrib["id"], one.attrib["type"], one.attrib["time"], attributes, objects))
    return log


def _of_sqlite(path: Path) -> _Log:
    log = _Log()
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        base.row_factory = sqlite3.Row
        if base.execute("SELECT count(*) FROM sqlite_master WHERE type = 'view'").fetchone()[0]:
            raise ValueError("views, which may have no end, in place of tables")
        tables = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        kinds = {str(row["ocel_id"]): str(row["ocel_type"]) for row in base.execute("SELECT ocel_id, ocel_type FROM object")}
        told: dict[str, list[tuple[str, str, Any]]] = {}
        for kind in set(kinds.values()):
            for row in _rows(base, tables, "object", kind):
                values = {name: row[name] for name in row if not name.startswith("ocel_") and row[name] is not None}
                for name, value in values.items():
                    if row.get("ocel_changed_field") in (None, "", name):
                        told.setdefault(str(row["ocel_id"]), []).append((str(row.get("ocel_time") or ""), name, value))
        for number, kind in kinds.items():
            _object(log, number, kind, told.get(number, []))
        objects: dict[str, list[str]] = {}
        for row in base.execute("SELECT ocel_event_id, ocel_object_id FROM event_object"):
            objects.setdefault(str(row[0]), []).append(str(row[1]))
        for kind in [str(row[0]) for row in base.execute("SELECT DISTINCT ocel_type FROM event")]:
            for row in _rows(base, tables, "event", kind):
                number = str(row["ocel_id"])
                attributes = {name: row[name] for name in row if not name.startswith("ocel_") and row[name] is not None}
                log.events.append(_Event(number, kind, str(row["ocel_time"]), attributes, objects.get(number, [])))
    log.events.sort(key=lambda one: moment_of(one.time))
    return log


def _rows(base: sqlite3.Connection, tables: set[str], what: str, kind: str) -> Iterator[Mapping[str, Any]]:
    """The rows of one type of events or objects, which stand in a table of their own."""
    found = base.execute(f"SELECT ocel_type_map FROM {what}_map_type WHERE ocel_type = ?", (kind,)).fetchone()  # noqa: S608
    table = f"{what}_{found[0] if found else kind}"
    if table not in tables:
        raise ValueError(f"no table {table!r}")
    quoted = table.replace('"', '""')
    yield from (dict(row) for row in base.execute(f'SELECT * FROM "{quoted}"'))  # noqa: S608


def _object(log: _Log, number: Any, kind: Any, told: list[tuple[str, str, Any]]) -> None:
    log.kinds[str(number)] = str(kind)
    if told:
        log.said[str(number)] = told
