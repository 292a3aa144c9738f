"""What a line of a decision log may be."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from aura_analytics.clock import times

__all__ = ["MARKS", "OF_NO_DECISION", "is_entry", "moment", "parsed", "read_json"]

MARKS = {"amends": "outcome", "overrides": "override", "approves": "approval", "retains": "retention"}
OF_NO_DECISION = ("approval", "retention")


def moment(text: object) -> int | None:
    """Microseconds since 1970 of an ISO 8601 time; naive is UTC; None when it is none."""
    if not isinstance(text, str):
        return None
    try:
        return times.epoch_micros(datetime.fromisoformat(text))
    except ValueError:
        return None


def read_json(raw: bytes) -> Any:
    """What JSON says, as `json.loads` reads it: what the quicker reader refuses is left to that one, and its errors."""
    try:
        return from_json(raw)
    except ValueError:
        return json.loads(raw)


def parsed(raw: bytes) -> dict[str, Any] | str:
    """The object of a line, or why it is none."""
    try:
        found = read_json(raw)
        if b"\xed" in raw or b"\\ud" in raw.lower():  # as bytes, or written out
            json.dumps(found, ensure_ascii=False).encode()  # half of a character, which no file can hold
    except UnicodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"not JSON ({error})"
    except RecursionError:
        return "nested too deeply"
    if not isinstance(found, dict):
        return "not a JSON object"
    for mark, holds in MARKS.items():
        if mark in found:
            return found if isinstance(found.get(holds), dict) else f"one that {mark} but has no {holds}"
    if not isinstance(found.get("request_id"), str):
        return "an entry without request_id"
    if not isinstance(found.get("outcome"), (dict, type(None))):
        return "an entry whose outcome is no object"
    return found


def is_entry(raw: bytes) -> bool:
    """Whether a line counts."""
    return bool(raw.strip()) and isinstance(parsed(raw), dict)
