"""Heads of a ledger that are kept elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from aura_analytics.errors import FileFormatError, FileMissingError, Problem
from aura_analytics.ledger import tables
from aura_analytics.ledger.signing import is_signed_by, public_key

__all__ = ["Head", "contradicted", "read_heads"]


@dataclass(frozen=True)
class Head:
    """Where a chain ended at some time."""

    ledger_id: str
    seq: int
    chain: str

    exported_at: str | None = None
    beside: int = 0
    beside_chain: str | None = None  # None in heads of before there was one
    root: str | None = None  # of the tree of hashes over the events (see `merkle`)
    signature: str | None = None  # Ed25519, under everything else (see `signing`)

    def line(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self))


def read_heads(path: Path, key: str | Path | None = None) -> list[Head]:
    """Heads from a file that `export_heads` wrote; with a public key, all of them must be signed by it."""
    if not path.exists():
        raise FileMissingError(Problem("no such file of heads", got=str(path)))
    heads = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            item = json.loads(line)
            if int(item["seq"]) < 0:
                raise ValueError
            links, more = int(item.get("beside") or 0), [item.get(name) for name in ("beside_chain", "root", "signature")]
            heads.append(Head(str(item["ledger_id"]), int(item["seq"]), str(item["chain"]), item.get("exported_at"), links, *more))
        except (ValueError, KeyError, TypeError, AttributeError):
            problem = Problem(
                "this is no exported head",
                got=line[:60],
                where=f"{path}, line {number}",
                expected='{"ledger_id": ..., "seq": ..., "chain": ...}',
            )
            raise FileFormatError(problem) from None
    if not heads:
        raise FileFormatError(Problem("the file holds no head", where=str(path), next="write one with aura ledger export-heads"))
    if key is not None:
        public = public_key(key)
        for number, one in enumerate(heads, 1):
            if not is_signed_by(asdict(one), public):
                what = "a head is not signed" if one.signature is None else "a head is not signed by this key, or was altered"
                raise FileFormatError(Problem(what, where=f"{path}, line {number}", next=f"expected the signature of {key}"))
    return heads


def contradicted(connection: Connection, heads: Sequence[Head], ledger_id: str) -> Problem | None:
    """Whether a head that was kept elsewhere does not fit the ledger any more."""
    for one in heads:
        if one.ledger_id != ledger_id:
            return Problem("the file holds heads of another ledger", got=one.ledger_id, expected=ledger_id)
        chain: object = tables.GENESIS
        if one.seq:
            chain = connection.execute(select(tables.events.c.chain).where(tables.events.c.seq == one.seq)).scalar()
        if not isinstance(chain, bytes) or chain.hex() != one.chain:
            text = f"the ledger does not fit the head exported at seq {one.seq}: it was changed since"
            return Problem(text, next="aura ledger verify --heads names the place; no head was added")
        if one.beside_chain is not None:
            chain = tables.GENESIS
            if one.beside:
                chain = connection.execute(select(tables.beside.c.chain).where(tables.beside.c.n == one.beside)).scalar()
            if not isinstance(chain, bytes) or chain.hex() != one.beside_chain:
                text = f"what the ledger holds beside its events does not fit the head exported after {one.beside} links"
                return Problem(text, next="aura ledger verify --heads names the place; no head was added")
    return None
