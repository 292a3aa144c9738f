"""Which reader reads a file: those of this package and those that installed packages offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from aura_analytics.errors import FileFormatError, ParameterError, Problem
from aura_analytics.extensions import extensions, refuse
from aura_analytics.io.readers.base import Reader
from aura_analytics.io.readers.csv_files import Csv
from aura_analytics.io.readers.excel import Excel
from aura_analytics.io.readers.json_files import Json
from aura_analytics.io.readers.jsonl import JsonLines
from aura_analytics.io.readers.ocel import Ocel
from aura_analytics.io.readers.parquet import Parquet
from aura_analytics.io.readers.xes import Xes

__all__ = ["Readers", "readers"]


class Readers:
    """Readers by the ends of files' names.

    Examples
    --------
    >>> readers().of("2026/january.pq").name
    'parquet'
    """

    def __init__(self, known: Iterable[Reader] = ()) -> None:
        self._by_suffix: dict[str, Reader] = {}
        for reader in known:
            self.add(reader)

    def add(self, reader: Reader) -> Reader:
        """Take a reader in.

        Parameters
        ----------
        reader
            An instance of a subclass of `Reader`, with `name`, `suffixes`, and `items` or `scan`.

        Returns
        -------
        Reader
            The same.

        Raises
        ------
        ParameterError
            If it lacks a part, or one of its suffixes is taken.
        """
        if not isinstance(reader, Reader):
            raise ParameterError(Problem("that is no reader", got=type(reader), expected="an instance of a subclass of Reader"))
        kind = type(reader)
        lacks = [part for part in ("name", "suffixes") if not getattr(reader, part, None)]
        if kind.items is Reader.items and kind.scan is Reader.scan:
            lacks.append("items (or scan)")
        if lacks:
            raise ParameterError(Problem(f"reader {kind.__name__} lacks a part", got="nothing", expected=", ".join(lacks)))
        for suffix in reader.suffixes:
            if not suffix.startswith(".") or suffix != suffix.lower():
                raise ParameterError(Problem(f"a suffix of reader {reader.name}", got=suffix, expected="small letters after a dot"))
            if suffix in self._by_suffix:
                taken = self._by_suffix[suffix].name
                raise ParameterError(
                    Problem(f"a suffix of reader {reader.name} is taken", got=suffix, expected=f"not one of {taken}'s")
                )
        self._by_suffix |= dict.fromkeys(reader.suffixes, reader)
        return reader

    def __iter__(self) -> Iterator[Reader]:
        return iter(dict.fromkeys(self._by_suffix.values()))

    def suffixes(self, *, events: bool = False) -> list[str]:
        """Ends of names that are read, in the order they came in.

        Parameters
        ----------
        events
            Only of files that may be on the event contract.
        """
        return [suffix for suffix, reader in self._by_suffix.items() if reader.holds_events or not events]

    def find(self, path: str | Path) -> Reader | None:
        """The reader of a file, by the longest suffix that fits; None when there is none."""
        name = Path(path).name.lower()
        fitting = [suffix for suffix in self._by_suffix if name.endswith(suffix)]
        return self._by_suffix[max(fitting, key=len)] if fitting else None

    def of(self, path: str | Path, *, events: bool = False) -> Reader:
        """The reader of a file.

        Parameters
        ----------
        path
            The file; only its name is looked at.
        events
            Whether it must be one whose files may be on the event contract.

        Raises
        ------
        FileFormatError
            If there is none.
        """
        reader = self.find(path)
        if reader is not None and (reader.holds_events or not events):
            return reader
        path = Path(path)
        what = "unknown kind of event file" if events else "unknown kind of log"
        hint = "foreign logs come in through import_log with a mapping" if events else None
        expected = ", ".join(self.suffixes(events=events))
        raise FileFormatError(Problem(what, got=path.suffix or path.name, expected=expected, where=str(path), next=hint))


@cache
def readers() -> Readers:
    """The readers there are: Parquet, JSON Lines, CSV, JSON, workbooks, XES, and those of entry points `aura_analytics.readers`."""
    known = Readers([Parquet(), JsonLines(), Csv(), Json(), Excel(), Xes(), Ocel()])
    for name, offered in extensions("readers"):
        try:
            known.add(offered() if isinstance(offered, type) else offered)
        except Exception as error:  # noqa: BLE001  (whatever a foreign package offers, the rest goes on)
            refuse("readers", name, str(error))
    return known
