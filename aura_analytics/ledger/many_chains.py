"""One head over the heads of several ledgers: a prototype of the proof for a ledger that is kept in shards.

Each shard is a ledger of its own with a chain of its own, so that shards are written side by side. From time to time their heads
are taken together into a round: a tree of hashes over the heads (as in `merkle`), chained to the round before. Who keeps the last
round can be shown that one event is in one shard, that this shard was part of the round, and that no shard went back or vanished
since an earlier round, without seeing any other event. What is planned around it, and what is not built, is in `docs/howto/far.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aura_analytics.errors import LedgerDamagedError, ParameterError, Problem
from aura_analytics.ledger import merkle
from aura_analytics.ledger.check_proof import check
from aura_analytics.ledger.kept_heads import Head

__all__ = ["Round", "check_in_round", "next_round", "prove_in_round"]


class Round(NamedTuple):
    """The heads of all shards at one time, as one hash.

    Attributes
    ----------
    number
        From 1 on.
    shards
        How many heads it is over.
    root
        Of the tree over them, in the order of their ledgers' ids.
    chain
        SHA-256 of the chain of the round before (32 zero bytes before the first), number, shards and root.
    """

    number: int
    shards: int
    root: str
    chain: str


def _leaf(head: Head) -> bytes:
    text = json.dumps(["aura-head-1", head.ledger_id, head.seq, head.chain, head.root], separators=(",", ":"))
    return hashlib.sha256(b"\0" + text.encode()).digest()


def _ordered(heads: Sequence[Head]) -> list[Head]:
    found = sorted(heads, key=lambda head: head.ledger_id)
    if not found or len({head.ledger_id for head in found}) < len(found) or any(head.root is None for head in found):
        expected = "a head of each shard, with the root of its tree (aura ledger export-heads)"
        raise ParameterError(Problem("these heads make no round", got=f"{len(found)} heads", expected=expected))
    return found


def _chained(before: Round | None, number: int, shards: int, root: bytes) -> str:
    last = bytes(32) if before is None else bytes.fromhex(before.chain)
    return hashlib.sha256(last + number.to_bytes(8, "big") + shards.to_bytes(8, "big") + root).hexdigest()


def next_round(heads: Sequence[Head], before: Round | None = None, earlier: Sequence[Head] = ()) -> Round:
    """Take the heads of all shards together.

    Parameters
    ----------
    heads
        One of each shard, in any order.
    before, earlier
        The round before, and its heads.

    Raises
    ------
    ParameterError
        If there are none, two of one shard, or one without a root.
    LedgerDamagedError
        If `earlier` are not the heads of the round before, or a shard of it is missing or went back. (That its chain goes on from
        there is for the shard to show: `aura ledger verify --heads`.)

    Examples
    --------
    >>> heads = [Head(name, 5, "00" * 32, root="11" * 32) for name in ("a", "b")]
    >>> first = next_round(heads)
    >>> first.number, first.shards, next_round(heads, first, heads).number
    (1, 2, 2)
    """
    found = _ordered(heads)
    if before is not None:
        known = {head.ledger_id: head for head in found}
        past = _ordered(earlier)
        if merkle.root_of(map(_leaf, past)).hex() != before.root or len(past) != before.shards:
            raise LedgerDamagedError(Problem("these are not the heads of the round before", got=f"round {before.number}"))
        for head in past:
            now = known.get(head.ledger_id)
            if now is None or now.seq < head.seq or (now.seq == head.seq and _leaf(now) != _leaf(head)):
                got = "no head" if now is None else f"row {now.seq:,}"
                problem = Problem("a shard is missing, went back or was changed", got=got, expected=f"row {head.seq:,} or later")
                raise LedgerDamagedError(problem)
    number, root = 1 if before is None else before.number + 1, merkle.root_of(map(_leaf, found))
    return Round(number, len(found), root.hex(), _chained(before, number, len(found), root))


def prove_in_round(proof: Mapping[str, Any], heads: Sequence[Head]) -> dict[str, Any]:
    """A proof that an event is in a round, from the one that it is in its shard.

    Parameters
    ----------
    proof
        What `Ledger.prove(event_id, head)` gives, where `head` is the `seq` of the shard's head in the round.
    heads
        The heads of the round.

    Raises
    ------
    ParameterError
        If no head of the round is the one that the proof leads to.
    """
    found = _ordered(heads)
    place = next((at for at, head in enumerate(found) if (head.ledger_id, head.seq) == (proof["ledger_id"], proof["size"])), None)
    if place is None:
        problem = Problem("no head of the round is where the proof leads", got=f"{proof['ledger_id']}, row {proof['size']}")
        raise ParameterError(problem)
    head, path = found[place], merkle.path_of([_leaf(one) for one in found], place)
    said = {"ledger_id": head.ledger_id, "seq": head.seq, "chain": head.chain, "root": head.root}
    return {"event": dict(proof), "head": said, "place": place, "shards": len(found), "path": [one.hex() for one in path]}


def check_in_round(proof: Mapping[str, Any], kept: Round, before: Round | None = None) -> dict[str, Any]:
    """The event that a proof shows to be in a round that was kept; with the round before, also that the one follows the other.

    Raises
    ------
    ValueError
        If it is not shown.
    """
    head = Head(**proof["head"])
    way = [bytes.fromhex(one) for one in proof["path"]]
    found = merkle.root_by(_leaf(head), int(proof["place"]), int(proof["shards"]), way)
    if found is None or (found.hex(), proof["shards"]) != (kept.root, kept.shards):
        raise ValueError("the round that you kept does not hold this head")
    follows = before is None or (kept.number, kept.chain) == (
        before.number + 1,
        _chained(before, before.number + 1, kept.shards, found),
    )
    if not follows:
        raise ValueError("the round does not follow the one before")
    return check(dict(proof["event"]), [dict(proof["head"])])
