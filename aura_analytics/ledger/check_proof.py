"""Check that one event is in a ledger, with nothing but Python: `python check_proof.py PROOF HEADS [PUBLIC_KEY]`.

PROOF is what `aura ledger prove` wrote, HEADS the file of heads that you kept, PUBLIC_KEY that of who signed them (needs the
package cryptography). Says what the event is, and exits with 0, only when one of the heads holds it. This file imports nothing of
the library, so that who checks need not trust it: it is short enough to be read.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

COLUMNS = (
    *("event_id", "ts", "type", "actor", "actor_kind", "case_id", "queue", "value", "agent", "ai_recommendation", "human_verdict"),
    *("confidence", "outcome", "severity", "penalties", "attributes", "audit_chance", "initial_verdict", "own_work"),
)
KNOWN = {"aura-event-1": COLUMNS[:-3], "aura-event-2": COLUMNS}  # what the values of an event are called: a proof does not choose


def sha256(data: bytes) -> bytes:
    """The hash that everything here is made of."""
    return hashlib.sha256(data).digest()


def root(leaf: bytes, place: int, size: int, path: list[bytes]) -> bytes:
    """The root of a tree of `size` leaves (RFC 6962), from the leaf at `place` and what is beside its way up."""
    while size > 1:
        if place ^ 1 < size:
            other = path.pop(0)
            leaf = sha256(b"\1" + other + leaf) if place % 2 else sha256(b"\1" + leaf + other)
        place, size = place // 2, (size + 1) // 2
    if path:
        raise ValueError("the proof is longer than its tree is high")
    return leaf


def signed(head: dict[str, Any], key: Any) -> bool:
    """Whether a head has the signature of a key."""
    text = json.dumps({k: v for k, v in head.items() if k != "signature"}, sort_keys=True, separators=(",", ":"))
    try:
        key.verify(bytes.fromhex(head["signature"] or ""), text.encode())
    except Exception:  # noqa: BLE001  (whatever is wrong with it, it is no signature)
        return False
    return True


def check(proof: dict[str, Any], heads: list[dict[str, Any]], key: Any = None) -> dict[str, Any]:
    """The event as a dict, when a head holds it; `ValueError` otherwise."""
    event, seq, size = proof["event"], int(proof["seq"]), int(proof["size"])
    if not 1 <= seq <= size or len(event) != len(KNOWN.get(event[0], ())) + 1:
        raise ValueError("the proof contradicts itself")
    content = sha256(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())
    try:
        leaf = sha256(b"\0" + struct.pack(">qq", seq, int(proof["recorded_at"])) + content)
        found = root(leaf, seq - 1, size, [bytes.fromhex(one) for one in proof["path"]]).hex()
    except (IndexError, struct.error):
        raise ValueError("the proof is shorter than its tree is high, or a number in it is none") from None
    fits = [one for one in heads if (one["ledger_id"], one["seq"], one.get("root")) == (proof["ledger_id"], size, found)]
    if not fits:
        raise ValueError("no head that you kept holds this event")
    if key is not None and not any(signed(one, key) for one in fits):
        raise ValueError("the head that holds this event is not signed by this key")
    return dict(zip(KNOWN[event[0]], event[1:], strict=True))


def main() -> int:
    """Check what the command line names."""
    proof_file, heads_file, *key_file = sys.argv[1:]
    key = None
    if key_file:
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        key = load_pem_public_key(Path(key_file[0]).read_bytes())
    try:
        heads = [json.loads(line) for line in Path(heads_file).read_text(encoding="utf-8").splitlines() if line.strip()]
        event = check(json.loads(Path(proof_file).read_text(encoding="utf-8")), heads, key)
    except (ValueError, KeyError, TypeError, OSError) as error:
        sys.stdout.write(ascii(f"NOT PROVED: {error}")[1:-1] + "\n")
        return 1
    sys.stdout.write(f"in the ledger: {json.dumps(event)}\n")  # ASCII alone: what an event holds moves no terminal
    return 0


if __name__ == "__main__":
    sys.exit(main())
