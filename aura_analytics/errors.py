"""Every error the package raises on purpose.

::

    AuraError                      (Exception)
    ├── InputError                 (ValueError)      something the caller passed or wrote is wrong
    │   ├── SchemaError            columns missing or of a type that cannot be an event
    │   ├── EventError             rows that break the event contract
    │   ├── FileFormatError        a file that cannot be read as what it claims to be
    │   ├── MappingError           an import mapping that is wrong or matches nothing
    │   ├── RuleError              a rule file that is wrong
    │   ├── ParameterError         an argument out of its range
    │   └── ConflictError          events whose id is in the ledger already, with other content
    ├── LedgerError                something about a ledger as a whole
    │   ├── LedgerUnavailableError (ConnectionError) unreachable, locked, read-only, full, or the password is wrong
    │   ├── LedgerSchemaError      not a ledger, or one of another version of the library
    │   └── LedgerDamagedError     the file is damaged
    ├── FileMissingError           (FileNotFoundError)
    ├── OutputError                (OSError)         a file cannot be written: the disk is full, the folder read-only
    ├── RoutingError               (LookupError)     nobody is left who may do a task
    └── ContractError              (AssertionError)  a metric that breaks its contract (`aura_analytics.checks`)

An error carries its `problems`, all of them at once; each says what is wrong, what was got, what was expected, where, and
what to do next.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "AuraError",
    "ConflictError",
    "ContractError",
    "EventError",
    "FileFormatError",
    "FileMissingError",
    "InputError",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerSchemaError",
    "LedgerUnavailableError",
    "MappingError",
    "OutputError",
    "ParameterError",
    "Problem",
    "RoutingError",
    "RuleError",
    "SchemaError",
    "close_match",
]

_SHOWN = 20
_NAMED = 60  # names that an error lists, beyond which it lists five


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    Examples
    --------
    >>> print(Problem("unknown event type", got="OVERIDE", where="row 3", next="did you mean 'OVERRIDE'?"))
    row 3: unknown event type: got 'OVERIDE'; did you mean 'OVERRIDE'?
    """

    what: str
    got: object = None
    expected: str | None = None
    where: str | None = None
    next: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        details = []
        if self.got is not None:
            details.append(f"got {_short(self.got)}")
        if self.expected:
            details.append(f"expected {_few(self.expected)}")
        if details:
            text += ": " + ", ".join(details)
        return _without_password(f"{text}; {self.next}" if self.next else text)


def _few(names: str) -> str:
    """A list of very many names as the first five."""
    parts = names.split(", ")
    return names if len(parts) <= _NAMED else f"{', '.join(parts[:5])} and {len(parts) - 5:,} more"


# `scheme://user:password@host`, also where the scheme is mistyped, and `password=...`
_ADDRESS = re.compile(r"((?:\w[\w+.-]*:/*|\b(?:postgres|sqlite)[\w+.-]*/+)[^\s/:@'\"]*):[^\s'\"]*@")
_ASSIGNED = re.compile(r"(pass\w*\s*=\s*)[^&\s'\"]+", re.IGNORECASE)


def _without_password(text: str) -> str:
    if "@" in text:
        text = _ADDRESS.sub(r"\1:***@", text)
    return _ASSIGNED.sub(r"\1***", text) if "=" in text else text


def _short(value: object, width: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= width else text[: width - 1] + "…"


class AuraError(Exception):
    """Base of all errors of the package.

    Parameters
    ----------
    message
        What is wrong, in one sentence, or as a `Problem`.
    problems
        Every single thing that is wrong.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> try:
    ...     aura.Policy.from_yaml("nothing.yaml")
    ... except aura.AuraError as error:
    ...     print(error.problems[0].got)
    nothing.yaml
    """

    def __init__(self, message: str | Problem, *, problems: Iterable[Problem] = ()) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems) or ((message,) if isinstance(message, Problem) else ())
        text = str(message)
        if problems and len(self.problems) == 1 and "\n" not in text:
            text = f"{text}: {self.problems[0]}"
        elif len(self.problems) > 1:
            lines = [f"  - {problem}" for problem in self.problems[:_SHOWN]]
            if len(self.problems) > _SHOWN:
                lines.append(f"  - … and {len(self.problems) - _SHOWN} more")
            text = "\n".join([f"{text} ({len(self.problems)} problems)", *lines])
        super().__init__(text)


class InputError(AuraError, ValueError):
    """Something the caller passed or wrote is wrong."""


class SchemaError(InputError):
    """Columns are missing, or of a type that cannot be an event."""


class EventError(InputError):
    """Rows break the event contract."""


class FileFormatError(InputError):
    """A file cannot be read as what it claims to be."""


class MappingError(InputError):
    """An import mapping is wrong, or matches nothing in the log."""


class RuleError(InputError):
    """A rule file is wrong."""


class ParameterError(InputError):
    """An argument is out of its range."""


class ConflictError(InputError):
    """Events whose id is in the ledger already, with other content."""


class LedgerError(AuraError):
    """Something about a ledger as a whole."""


class LedgerUnavailableError(LedgerError, ConnectionError):
    """A ledger cannot be reached or written: no such server, locked, read-only, disk full, wrong password."""


class LedgerSchemaError(LedgerError):
    """A database that is no ledger, or a ledger of another version of the library."""


class LedgerDamagedError(LedgerError):
    """A ledger's file is damaged."""


class FileMissingError(AuraError, FileNotFoundError):
    """A file that was named does not exist."""


class OutputError(AuraError, OSError):
    """A file cannot be written: the disk is full, the folder read-only. What was there is as it was."""


class RoutingError(AuraError, LookupError):
    """Nobody is left who may do a task."""


class ContractError(AuraError, AssertionError):
    """A metric breaks the contract that `aura_analytics.checks` tests."""


def close_match(word: str, known: Sequence[str]) -> str | None:
    """`did you mean 'X'?` for the known word nearest to `word`, ignoring case; None when nothing is near.

    Examples
    --------
    >>> close_match("overide", ["OVERRIDE", "DECISION"])
    "did you mean 'OVERRIDE'?"
    >>> close_match("zebra", ["OVERRIDE"]) is None
    True
    """
    by_key = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.strip().lower(), list(by_key), n=1, cutoff=0.6)
    return f"did you mean {by_key[near[0]]!r}?" if near else None
