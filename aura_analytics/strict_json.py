"""JSON from somebody else: each name of an object once, and no numbers that are none."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["strict_json"]


def strict_json(text: str) -> Any:
    """What a text of JSON says.

    Raises
    ------
    ValueError
        If it is none, a name stands twice in one object, or it says NaN or Infinity.

    Examples
    --------
    >>> strict_json('{"type": "OVERRIDE"}')
    {'type': 'OVERRIDE'}
    """
    return _DECODER.decode(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
