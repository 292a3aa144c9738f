"""What a system's export is: records, and what each part of a record means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeAlias

__all__ = ["Events", "Piece", "System", "Unusable", "moment_of", "word_of"]

Events: TypeAlias = list[dict[str, Any]]
Piece: TypeAlias = tuple[Any, Events | str]
"""A part of a record (an assessment, an annotation), and its events, or why it is none."""


class Unusable(ValueError):
    """A part of a record that should be an event and cannot be one: it is set aside."""


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
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]

    def pieces(self, record: dict[str, Any]) -> Iterator[Piece | tuple[Any, Unusable]]:
        """The parts of a record, each with its events, with the reason why it is none, or with what is wrong with it.

        Parameters
        ----------
        record
            One record of the export.
        """
        raise NotImplementedError


def moment_of(text: Any) -> datetime:
    """A time of an export, for comparing; one that cannot be read is before all others.

    Examples
    --------
    >>> moment_of("2026-01-05T10:00:00Z") < moment_of("2026-01-05T10:00:00.5Z")
    True
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


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
