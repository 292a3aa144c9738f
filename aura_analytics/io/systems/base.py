"""What a system's export is: records, and what each part of a record means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from aura_analytics.clock.times import moment_of
from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.readers.base import Item, Reader
from aura_analytics.io.readers.json_files import Json
from aura_analytics.io.readers.registry import readers

__all__ = ["Events", "Found", "Piece", "Place", "System", "Unusable", "either", "moment_of", "nanoseconds", "word_of", "words_of"]


class Unusable(ValueError):
    """A part of a record that should be an event and cannot be one: it is set aside."""


Events: TypeAlias = list[dict[str, Any]]
Piece: TypeAlias = tuple[Any, Events | str | Unusable]
"""A part of a record (an assessment, an annotation), and its events, why it is none, or what is wrong with it."""
Place: TypeAlias = tuple[Path, int]
"""File and line of a record."""
Found: TypeAlias = tuple[Place, Any, Events | str | Unusable]


class System:
    """How the export of one system is read: a subclass per system, in a file of its own.

    Attributes
    ----------
    name
        What `aura import --from` calls it.
    title
        Its own name.
    about
        What means what, in a sentence.
    lists
        In a document of its interface, the names of the lists that hold the records.
    suffixes
        Of files that it alone writes.
    judges
        Whether humans decide there on what machines say; else it tells of cases only.

    Parameters
    ----------
    reviewer
        Who the human was where the export names nobody, as at a console.
    scales
        Of scores by name (`*` for all others): the lowest and the highest value. A number without a scale is no evaluation.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    lists: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]] = ()
    judges: ClassVar[bool] = True

    def __init__(self, reviewer: str | None = None, scales: Mapping[str, tuple[float, float]] | None = None) -> None:
        self.reviewer = reviewer
        self.scales = dict(scales or {})

    def items(self, file: Path) -> Iterator[Item]:
        """The records of a file.

        Parameters
        ----------
        file
            An existing file.
        """
        reader = readers().of(file)
        if type(reader).items is Reader.items:
            said = "exports of other systems are read from records"
            raise FileFormatError(Problem(said, file.name, "JSON or JSON Lines", str(file), "for a table write a mapping"))
        yield from (Json(lists=self.lists) if isinstance(reader, Json) and self.lists else reader).items(file)

    def pieces(self, record: dict[str, Any]) -> Iterator[Piece]:
        """The parts of a record, each with its events, with the reason why it is none, or with what is wrong with it.

        Parameters
        ----------
        record
            One record of the export.
        """
        raise NotImplementedError

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """The parts of all records, in their order; of a record that is not as its system writes it nothing is used.

        Parameters
        ----------
        records
            Each with its place.
        """
        for place, record in records:
            for piece, found in self.safely(record):
                yield place, piece, found

    def safely(self, record: Any) -> list[Piece]:
        """The parts of a record; of one that is not as its system writes it one part, which cannot be used."""
        try:
            return list(self.pieces(record))
        except Unusable as error:
            return [(record, error)]
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            said = f"record_unreadable: {type(error).__name__}: {error}, expected a record of {self.title}"
            return [(record, Unusable(said))]

    def score(self, name: Any, value: Any) -> float | None:
        """A number of its declared scale as a score from 0 to 100; None where no scale is declared, or what is no number."""
        scale = self.scales.get(str(name), self.scales.get("*"))
        if scale is None or isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        low, high = scale
        if not low <= value <= high:
            raise Unusable(f"score_out_of_scale: got {value} of {name}, expected {low} to {high}")
        return 100 * (value - low) / (high - low)


def either(data: dict[str, Any], key: str) -> Any:
    """A field by its name in JSON, or by the one that it has in Python and in definitions of protocols.

    Examples
    --------
    >>> either({"queueId": 7}, "queueId"), either({"queue_id": 7}, "queueId")
    (7, 7)
    """
    return data.get(key, data.get("".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in key)))


def nanoseconds(text: Any) -> str:
    """A time of an export in nanoseconds since 1970, a number or a text, as ISO 8601.

    Raises
    ------
    Unusable
        If it is none.

    Examples
    --------
    >>> nanoseconds("1767607200000000000")
    '2026-01-05T10:00:00+00:00'
    """
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(text) // 1_000)).isoformat()
    except (ValueError, TypeError, OverflowError):
        raise Unusable(f"time_unreadable: got {text!r}, expected nanoseconds since 1970") from None


def word_of(value: Any) -> str | None:
    """A value as the word that is compared: a text as it is, everything else as JSON.

    Examples
    --------
    >>> word_of("PAY"), word_of(True), word_of(None)
    ('PAY', 'true', None)
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


_WHETHER = {"yes": True, "true": True, "no": False, "false": False}


def words_of(said: Any, decided: Any) -> tuple[str, str] | str:
    """What a machine said and what a human decided, as words that can be compared; or why they cannot be.

    Parameters
    ----------
    said, decided
        Values of an export. True and false are the same as 1 and 0, and as yes and no, where the other one is a boolean; numbers
        are compared where both are whole; words are the same in small and capital letters.

    Raises
    ------
    Unusable
        If one of them is missing.

    Examples
    --------
    >>> words_of("Pay", "PAY"), words_of(1, False), words_of(0.7, 0.8), words_of("good", 1)
    (('Pay', 'Pay'), ('true', 'false'), 'numbers with fractions: not compared', 'values of two kinds: not compared')
    """
    if word_of(said) is None or word_of(decided) is None:
        raise Unusable("value_missing: got nothing, expected what was said and what was decided")
    if isinstance(said, bool) != isinstance(decided, bool):
        said, decided = _whether(said), _whether(decided)
    said, decided = (int(one) if isinstance(one, float) and one.is_integer() else one for one in (said, decided))
    if isinstance(said, float) or isinstance(decided, float):
        return "numbers with fractions: not compared"
    if type(said) is not type(decided):
        return "values of two kinds: not compared"
    if isinstance(said, list):
        said, decided = _sorted(said), _sorted(decided)
    first, second = str(word_of(said)), str(word_of(decided))
    return (first, first) if first.casefold() == second.casefold() else (first, second)


def _sorted(values: list[Any]) -> list[Any]:
    """A list in an order of its own, whole numbers as such."""
    plain = [int(one) if isinstance(one, float) and one.is_integer() else one for one in values]
    return sorted(plain, key=lambda one: str(word_of(one)))


def _whether(value: Any) -> Any:
    if isinstance(value, str):
        return _WHETHER.get(value.strip().casefold(), value)
    return bool(value) if isinstance(value, (int, float)) and value in (0, 1) else value
