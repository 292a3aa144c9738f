"""What the decision log holds: decisions of components, and what became of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from aura_analytics.errors import EventError, Problem, close_match

_LONGEST = 100 * 366 * 86_400

__all__ = ["DecisionLog", "Outcome", "OutcomeType", "components_of", "outcome_dict", "plain"]


class OutcomeType(str, Enum):  # noqa: UP042  (its text is that of an Enum, as callers know it)
    """How the execution of a decision ended.

    Examples
    --------
    >>> OutcomeType("success") is OutcomeType.SUCCESS
    True
    """

    SUCCESS = "success"
    FAILURE = "failure"
    PARTIAL = "partial"
    CANCELLED = "cancelled"


@dataclass
class Outcome:
    """What became of a decision.

    Attributes
    ----------
    outcome_type
        How it ended.
    time_taken_seconds
        Seconds that it took, at least 0.
    issues_found
        Texts, one an issue.
    tests_passed
        Whether the tests passed; None when there were none.
    quality_score
        Quality in [0, 1]; None when nobody judged it.
    notes
        Anything else.

    Examples
    --------
    >>> Outcome(OutcomeType.SUCCESS, 45.3, tests_passed=True).quality_score is None
    True
    """

    outcome_type: OutcomeType
    time_taken_seconds: float
    issues_found: list[str] = field(default_factory=list)
    tests_passed: bool | None = None
    quality_score: float | None = None
    notes: str = ""


@dataclass
class DecisionLog:
    """One decision of the log, with its latest outcome.

    Attributes
    ----------
    request_id
        Unique name of the decision.
    timestamp
        When it was made, ISO 8601 in UTC.
    user_request
        What was asked for.
    diagnosis, decisions
        What the situation was taken for, and which components were chosen, as plain dicts.
    outcome
        What became of it, as a plain dict; None while that is not known.
    logged_at
        When the outcome was logged.

    Examples
    --------
    >>> DecisionLog("r1", "2026-01-17T10:30:00Z", "build a login", {}, {"execution_order": ["agent:a"]}).outcome is None
    True
    """

    request_id: str
    timestamp: str
    user_request: str
    diagnosis: dict[str, Any]
    decisions: dict[str, Any]
    outcome: dict[str, Any] | None = None
    logged_at: str | None = None


def plain(value: Any) -> Any:
    """Any value as JSON has it: dataclasses and objects as dicts, enums by value, tuples and sets as lists, times as ISO 8601.

    Raises
    ------
    EventError
        For a number that JSON does not have (NaN, infinity), and for keys that are no text.

    Examples
    --------
    >>> plain({"type": OutcomeType.SUCCESS, "names": ("a", "b")})
    {'type': 'success', 'names': ['a', 'b']}
    """
    try:
        return _plain(value, "")
    except RecursionError:
        raise EventError(Problem("an object holds itself, or is nested too deeply", got=type(value).__name__)) from None


def _plain(value: Any, where: str) -> Any:  # noqa: PLR0912  (one line a kind of value)
    if isinstance(value, Enum):
        return _plain(value.value, where)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            problem = Problem(
                "a text holds half of a character", got=value[:40], expected="text that is Unicode", where=where or None
            )
            raise EventError(problem) from None
        return str(value)
    if isinstance(value, int):
        if abs(value) >= 2**63:
            raise EventError(
                Problem("a number is too large", got=f"{str(value)[:20]}…", expected="at most 64 bits", where=where or None)
            )
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EventError(Problem("a number is not finite", got=value, expected="a finite number, or None", where=where or None))
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        return {name: _plain(item, f"{where}.{name}" if where else name) for name, item in fields.items()}
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, f"{where}.{key}" if where else str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(items)]
    for method in ("model_dump", "to_dict", "_asdict"):
        made = getattr(value, method, None)
        if callable(made):
            return _plain(made(), where)
    if hasattr(value, "item") and callable(value.item):  # a number of numpy
        return _plain(value.item(), where)
    if hasattr(value, "__dict__"):
        return _plain({name: item for name, item in vars(value).items() if not name.startswith("_")}, where)
    return str(value)


def _key(key: Any) -> str:
    return str(key.value) if isinstance(key, Enum) else str(key)


def outcome_dict(outcome: Any) -> dict[str, Any]:
    """An outcome as the log has it.

    Raises
    ------
    EventError
        If it lacks its type, or holds values out of range; all problems at once.
    """
    found = plain(outcome)
    if isinstance(found, str):
        found = {"outcome_type": found}
    if not isinstance(found, dict):
        raise EventError(Problem("an outcome cannot be read", got=outcome, expected="an Outcome, or a dict with outcome_type"))
    problems = []
    known = [item.value for item in OutcomeType]
    kind = found.get("outcome_type")
    if kind not in known:
        hint = close_match(kind, known) if isinstance(kind, str) else None
        problems.append(Problem("unknown outcome_type", got=kind, expected=", ".join(known), next=hint))
    seconds = found.get("time_taken_seconds")
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _LONGEST):
        problems.append(Problem("time_taken_seconds is no time", got=seconds, expected="seconds, at least 0, at most 100 years"))
    issues, tests = found.get("issues_found", []), found.get("tests_passed")
    if not isinstance(issues, list) or not all(isinstance(issue, str) for issue in issues):
        problems.append(Problem("issues_found cannot be read", got=issues, expected="a list of texts"))
    if tests is not None and not isinstance(tests, bool):
        problems.append(Problem("tests_passed is neither true nor false", got=tests, expected="True, False, or None"))
    quality = found.get("quality_score")
    if quality is not None and (isinstance(quality, bool) or not isinstance(quality, (int, float)) or not 0 <= quality <= 1):
        problems.append(Problem("quality_score is out of range", got=quality, expected="a number from 0 to 1, or None"))
    if problems:
        raise EventError("the outcome cannot be logged", problems=problems)
    rest: dict[str, Any] = {"issues_found": [], "tests_passed": None, "quality_score": None, "notes": ""}
    return {"outcome_type": kind, "time_taken_seconds": seconds} | rest | found


def components_of(decisions: Mapping[str, Any]) -> list[str]:
    """The components of a decision, as `execution_order` names them, or else as `type:name` of each.

    Examples
    --------
    >>> components_of({"decisions": [{"component_type": "agent", "component_name": "debugger"}]})
    ['agent:debugger']
    """
    order = decisions.get("execution_order")
    if isinstance(order, list) and order:
        return [str(item) for item in order]
    listed = decisions.get("decisions")
    found = []
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, Mapping) and item.get("component_name") is not None:
            kind = item.get("component_type")
            found.append(f"{kind}:{item['component_name']}" if kind else str(item["component_name"]))
    return found
