"""The chain of a decision log: every line says what came before it.

A line that this library writes ends with `"chain"`: the SHA-256, in hexadecimal digits, of the chain of the line before it (64
zeros before the first one) followed by the bytes of the line without this member. Lines without one, written by other programs or
before there was a chain, count as if they had it, so that the next line covers them too; what is no entry (torn lines) counts for
nothing. Somebody who may write the file can compute the chain anew: heads that are kept elsewhere show that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from aura_analytics.decisions.file.parsing import is_entry

__all__ = ["MEMBER", "START", "chained", "folded", "following", "linked", "parted"]

MEMBER = "chain"
START = "0" * 64
_OPENS = b', "chain": "'
_WIDTH = len(_OPENS) + 64 + 2
_DIGITS = frozenset(b"0123456789abcdef")


def linked(before: str, body: bytes) -> str:
    """The chain of a line, from that of the line before it.

    Examples
    --------
    >>> linked(START, b'{"request_id": "a"}')[:16]
    'd35c08d32c8a4476'
    """
    return hashlib.sha256(before.encode() + body).hexdigest()


def parted(raw: bytes) -> tuple[bytes, str | None]:
    """A line without its chain, and the chain that it says.

    Examples
    --------
    >>> parted(chained(START, b'{"request_id": "a"}'))[0]
    b'{"request_id": "a"}'
    """
    if raw[-_WIDTH : -_WIDTH + len(_OPENS)] != _OPENS or raw[-2:] != b'"}':
        return raw, None
    said = raw[-66:-2]
    if not _DIGITS.issuperset(said):
        return raw, None
    return raw[:-_WIDTH] + b"}", said.decode()


def chained(before: str, body: bytes) -> bytes:
    """A line with its chain."""
    return body[:-1] + _OPENS + linked(before, body).encode() + b'"}'


def following(before: str | None, raw: bytes, *, counts: bool) -> str | None:
    """The chain after a line, of which one knows whether it is an entry; None where nothing is known."""
    said = parted(raw)[1]
    return said if said is not None else linked(before, raw) if before is not None and counts else before


def folded(lines: Iterable[bytes], before: str | None) -> str | None:
    """The chain after some lines: of the last one that says it, and what follows; None where nothing is known.

    Parameters
    ----------
    lines
        Lines without their ends.
    before
        The chain before them; None when it is not known.
    """
    chain = before
    for raw in lines:
        said = parted(raw)[1]
        if said is not None:
            chain = said
        elif chain is not None and is_entry(raw):
            chain = linked(chain, raw)
    return chain
