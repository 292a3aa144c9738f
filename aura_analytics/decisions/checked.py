"""What is given to a decision log, checked: records as plain data, moments, kinds of outcome."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from aura_analytics.decisions.file.parsing import moment
from aura_analytics.decisions.records import OutcomeType, plain
from aura_analytics.errors import EventError, ParameterError, Problem, close_match

if TYPE_CHECKING:
    pass


__all__ = ["moment_of", "now_text", "outcome_kind", "plain_record"]


def now_text() -> str:
    """The present moment as the log writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain_record(value: Any, name: str) -> dict[str, Any]:
    """A record as plain data, from a mapping, a dataclass or an object that has `to_dict`."""
    found = plain(value)
    if not isinstance(found, dict):
        raise EventError(Problem(f"{name} cannot be read", got=value, expected="a dataclass, an object or a dict"))
    return found


def moment_of(given: datetime | str) -> int:
    """A moment in microseconds since 1970; naive is UTC."""
    found = moment(given.isoformat() if isinstance(given, datetime) else given)
    if found is None:
        raise ParameterError(Problem("a time cannot be read", got=given, expected="a datetime, or ISO 8601"))
    return found


def outcome_kind(given: OutcomeType | str) -> str:
    """The name of a kind of outcome, from its name or the enum."""
    known = [item.value for item in OutcomeType]
    text = str(given.value) if isinstance(given, OutcomeType) else str(given)
    if text not in known:
        raise ParameterError(Problem("unknown outcome_type", got=given, expected=", ".join(known), next=close_match(text, known)))
    return text
