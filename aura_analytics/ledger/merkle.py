"""A tree of hashes over the events of a ledger: that one of them is in it can be shown without the others.

The tree is that of RFC 6962 (section 2.1) with SHA-256: a leaf is the hash of a zero byte and what it holds, a node that of a one
byte and the two below it; where a level has an odd number of nodes the last one is taken up as it is. A leaf holds `seq` and
`recorded_at` (8 bytes each, big-endian, signed) and the hash of the event's content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from aura_analytics.ledger.tables import PLACES

__all__ = ["leaf", "path_of", "root_by", "root_of"]


def leaf(seq: int, recorded_at: int, content: bytes) -> bytes:
    """The leaf of an event."""
    return hashlib.sha256(b"\0" + PLACES.pack(seq, recorded_at) + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaves, of which only a few nodes are held at a time.

    Examples
    --------
    >>> root_of([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    held: list[tuple[int, bytes]] = []  # heights fall, and those that are equal are joined
    for one in leaves:
        height, top = 0, one
        while held and held[-1][0] == height:
            top = _node(held.pop()[1], top)
            height += 1
        held.append((height, top))
    if not held:
        return hashlib.sha256().digest()
    root = held.pop()[1]
    while held:
        root = _node(held.pop()[1], root)
    return root


def path_of(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """What is beside the way from a leaf (the first is 0) to the root, from the leaf on."""
    level, path = list(leaves), []
    while len(level) > 1:
        other = place ^ 1
        if other < len(level):
            path.append(level[other])
        joined = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = joined + level[2 * len(joined) :]
        place //= 2
    return path


def root_by(found: bytes, place: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and what is beside its way lead to; None where the way is of another length.

    Examples
    --------
    >>> leaves = [leaf(i, 0, b"") for i in range(5)]
    >>> root_by(leaves[3], 3, 5, path_of(leaves, 3)) == root_of(leaves)
    True
    """
    rest = list(path)
    while size > 1:
        if place ^ 1 < size:
            if not rest:
                return None
            other = rest.pop(0)
            found = _node(other, found) if place % 2 else _node(found, other)
        place, size = place // 2, (size + 1) // 2
    return None if rest else found
