"""The ledger's tables, and the one line of a row that its hash is taken of.

Content and chain
-----------------
The content of an event is the JSON array `["aura-event-1", event_id, ts, type, ..., attributes]`: the columns of the contract in
their order up to `attributes`, or `["aura-event-2", ..., attributes, audit_chance, initial_verdict, own_work]` where one of the
last three says something (`own_work` as 0 or 1). `ts` is in microseconds since 1970, numbers as Python's `repr` writes them, no
spaces, characters outside ASCII as they are, UTF-8. `content` is its SHA-256. `chain` of a row is the SHA-256 of the chain before
it, `seq` and `recorded_at` (8 bytes each, big-endian, signed) and `content`; before the first row it is 32 zero bytes.
"""

from __future__ import annotations

import hashlib
import json
import json.encoder
import struct
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

from aura_analytics.events import ADDED, SCHEMA

__all__ = [
    "COLUMNS",
    "GENESIS",
    "METADATA",
    "PLACES",
    "access",
    "beside",
    "beside_head",
    "chain_hash",
    "content_hash",
    "decision_notes",
    "decisions",
    "events",
    "head",
    "keys",
    "line_of",
    "marks",
    "mirror_parts",
    "mutes",
    "outbox",
    "verdicts",
]

GENESIS = bytes(32)
METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
COLUMNS = tuple(SCHEMA)
_NUMBERS = {"ts": BigInteger, "value": Double, "confidence": Double, "audit_chance": Double, "own_work": Integer}
_NEEDED = ("event_id", "ts", "type")

events: Table = Table(
    "aura_events",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    *(Column(name, _NUMBERS.get(name, Text), nullable=name not in _NEEDED) for name in COLUMNS),
    Column("recorded_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    UniqueConstraint("event_id"),
    Index(None, "actor", "ts"),
    Index(None, "case_id"),
    Index(None, "ts"),
)

# one row: where the chain ends; writers take turns by locking it
head: Table = Table(
    "aura_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("ledger_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)

_AUTO = BigInteger().with_variant(Integer, "sqlite")

# the decision log: every entry with what counts of it by now, and everything that was added to it
decisions: Table = Table(
    "aura_decisions",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=True),
    Column("request_id", Text, nullable=False),
    *(Column(name, BigInteger) for name in ("ts", "bin", "micros", "ended", "amendment")),
    Column("confidence", Double),
    *(Column(name, Text, nullable=False) for name in ("components", "served", "covariates", "line")),
    Column("outcome", Text),
    UniqueConstraint("request_id"),
    Index(None, "ts"),
    Index(None, "outcome"),
)
decision_notes: Table = Table(
    "aura_decision_notes",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=True),
    *(Column(name, Text, nullable=False) for name in ("kind", "request_id", "line")),
    Index(None, "request_id", "kind"),
)

# how events are taken: HR actions that were `told` by whoever could record an event, and move nobody; those of an `import` that was
# marked as one, and its events that are dated in the future
marks: Table = Table(
    "aura_marks",
    METADATA,
    Column("seq", _AUTO, primary_key=True, autoincrement=False),
    Column("mark", Text, primary_key=True),
)

# the chain of decisions, notes and marks, and where it ends
beside: Table = Table(
    "aura_beside",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)
beside_head: Table = Table(
    "aura_beside_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    Column("chain", LargeBinary, nullable=False),
)

# what the mirror's files held when they were written
mirror_parts: Table = Table(
    "aura_mirror_parts",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

# what a service keeps: who may ask (of a key only a hash), who read whose dossier (in the chain beside the events), verdicts that
# people were told of, what is to be sent to whom, and who asked for silence
keys: Table = Table(
    "aura_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("name", "scopes", "hash")),
    Column("person", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)
access: Table = Table(
    "aura_access",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=True),
    *(Column(name, Text, nullable=False) for name in ("reader", "actor", "line")),
    Index(None, "actor"),
)
verdicts: Table = Table(
    "aura_verdicts",
    METADATA,
    Column("policy", Text, primary_key=True),
    Column("actor", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
outbox: Table = Table(
    "aura_outbox",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=True),
    *(Column(name, Text, nullable=False) for name in ("name", "channel", "recipient", "actor", "line")),
    Column("due", BigInteger, nullable=False),
    Column("holder", Text),
    Column("held_until", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("sent", BigInteger),
    Column("failed", Text),
    UniqueConstraint("name"),
    Index(None, "sent", "due"),
)
mutes: Table = Table(
    "aura_mutes",
    METADATA,
    Column("n", _AUTO, primary_key=True, autoincrement=True),
    *(Column(name, Text, nullable=False) for name in ("recipient", "by", "reason")),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
)

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _fast_encode() -> Callable[[Sequence[Any]], str]:
    """`_ENCODER.encode` without what it does anew for every call, where this Python has the parts."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    trial = ('\u00e9"\\\n\u2028\u007f', None, 1e-07, 2**53, True, 0.1)
    try:
        flags = (False, False, False)  # sorted keys, skipped keys, NaN
        parts = make(None, _ENCODER.default, json.encoder.encode_basestring, None, ":", ",", *flags)
        if "".join(parts(trial, 0)) == _ENCODER.encode(trial):
            return lambda row: "".join(parts(row, 0))
    except (TypeError, ValueError):
        pass
    return _ENCODER.encode


_encode = _fast_encode()
_PLAIN = len(COLUMNS) - len(ADDED)
PLACES: struct.Struct = struct.Struct(">qq")


def line_of(row: Sequence[Any]) -> tuple[Any, ...]:
    """What an event's hash is taken of, from its columns in the contract's order."""
    return ("aura-event-1", *row[:_PLAIN]) if all(one is None for one in row[_PLAIN:]) else ("aura-event-2", *row)


def content_hash(row: Sequence[Any]) -> bytes:
    """Hash of an event's columns in the contract's order, `ts` in microseconds since 1970.

    Examples
    --------
    >>> row = ["e1", 1_767_225_600_000_000, "SAT_SCORE", None, None, "C1", None, 3.0] + [None] * 8
    >>> content_hash(row).hex()[:16]
    '40929c9c915acf92'
    """
    text = _encode(line_of(row))
    try:
        return hashlib.sha256(text.encode()).digest()
    except UnicodeEncodeError:  # bytes that are no text: only ever in a damaged file
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def chain_hash(before: bytes, seq: int, recorded_at: int, content: bytes) -> bytes:
    """The chain after one more row."""
    return hashlib.sha256(before + PLACES.pack(seq, recorded_at) + content).digest()
