"""JSON: one document that holds a list of records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import Item, Reader, Unreadable
from aura_analytics.io.readers.jsonl import JsonLines
from aura_analytics.io.readers.ocel import Ocel

if TYPE_CHECKING:
    from aura_analytics.io.mapping_parts import FileMap

__all__ = ["Json"]

_LARGEST = 1 << 30


class Json(Reader):
    """`.json`: a list of objects, or an object in which one list holds them; JSON Lines under this name are read as such.

    Parameters
    ----------
    records
        Path of the list of records, such as `data.traces`; without it the document itself, or the only list of objects in it.
    lists
        Names of lists of the document, where several of them may hold records.
    """

    name = "json"
    suffixes: ClassVar[tuple[str, ...]] = (".json",)
    holds_events = False

    def __init__(self, records: str | None = None, lists: Sequence[str] = ()) -> None:
        self.records = records
        self.lists = lists

    def told(self, how: FileMap) -> Reader:
        """With the path of a mapping; of an object-centric log its reader."""
        if how.object_type is not None:
            return Ocel(how.object_type)
        return Json(how.records) if how.records else self

    def items(self, path: Path) -> Iterator[Item]:
        """Records, numbered from 1."""
        document = self.document(path)
        if document is None:
            yield from JsonLines().items(path)
            return
        for place, record in enumerate(self._list(document, path), 1):
            if isinstance(record, dict):
                yield place, record
            else:
                reason = f"json_unreadable: got a {type(record).__name__}, expected an object"
                yield Unreadable(place, reason, str(record)[:2_000])

    def document(self, path: Path) -> Any:
        """What the file holds; None where it holds JSON Lines.

        Raises
        ------
        FileFormatError
            If it is neither, or larger than 1 GiB.
        """
        from pydantic_core import from_json

        if path.stat().st_size > _LARGEST:
            raise FileFormatError(
                Problem(
                    "the JSON document is too large",
                    f"{path.stat().st_size:,} bytes",
                    f"at most {_LARGEST:,}",
                    str(path),
                    "write JSON Lines",
                )
            )
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        try:
            return from_json(raw)
        except ValueError as error:
            first = raw.lstrip().partition(b"\n")[0]
            try:
                lines = isinstance(from_json(first), dict)
            except ValueError:
                lines = False
            if not lines:
                raise FileFormatError(Problem("this is not JSON", got=str(error), where=str(path))) from None
            return None

    def _list(self, document: Any, path: Path) -> list[Any]:
        if self.records is not None:
            for key in self.records.split("."):
                document = document.get(key) if isinstance(document, dict) else None
            if not isinstance(document, list):
                raise FileFormatError(Problem("file.records leads to no list", self.records, "the path of the records", str(path)))
            return document
        if isinstance(document, list):
            return document
        if isinstance(document, dict) and any(isinstance(document.get(name), list) for name in self.lists):
            return [one for name in self.lists if isinstance(document.get(name), list) for one in document[name]]
        if isinstance(document, dict):
            lists = {
                key: value for key, value in document.items() if isinstance(value, list) and value and isinstance(value[0], dict)
            }
            if len(lists) == 1:
                return next(iter(lists.values()))
            if not lists:
                return [document]
            next_ = "say which in the mapping: file: {records: " + " or ".join(lists) + "}"
            raise FileFormatError(Problem("several lists could be the records", list(lists), "one list", str(path), next_))
        raise FileFormatError(Problem("the document holds no records", type(document).__name__, "a list of objects", str(path)))
