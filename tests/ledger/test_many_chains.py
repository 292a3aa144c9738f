"""One head over the heads of several ledgers: what it proves, and what it refuses."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import aura_analytics as aura
from aura_analytics.errors import LedgerDamagedError, ParameterError
from aura_analytics.ledger.kept_heads import Head
from aura_analytics.ledger.many_chains import Round, check_in_round, next_round, prove_in_round


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """Five ledgers, an event in the one that the hash of its id names."""
    folder = tmp_path_factory.mktemp("shards")
    found = [aura.Ledger(f"sqlite:///{folder / f'{number}.db'}", mirror=False) for number in range(5)]
    for row in aura.events.sample(120, seed=1).to_dicts():
        record(found, {name: value for name, value in row.items() if value is not None})
    yield found
    for one in found:
        one.close()


def record(shards: list[Any], event: dict[str, Any]) -> None:
    shards[hashlib.sha256(event["event_id"].encode()).digest()[0] % len(shards)].record_event(event)


def heads_of(shards: list[Any], folder: Path) -> list[Head]:
    return [one.export_heads(folder / f"{number}.jsonl") for number, one in enumerate(shards)]


def test_every_event_is_shown_to_be_in_the_round(shards: list[Any], tmp_path: Path) -> None:
    heads = heads_of(shards, tmp_path)
    first = next_round(heads)
    assert first == next_round(heads[::-1])
    shown = 0
    for shard, head in zip(shards, heads, strict=True):
        for name in shard.events().collect()["event_id"][:4]:
            proof = prove_in_round(shard.prove(name, head.seq), heads)
            assert check_in_round(proof, first)["event_id"] == name
            shown += 1
    assert shown == 20


def changes(value: Any) -> Iterator[Any]:
    """The same with one thing in it changed, everywhere."""
    if isinstance(value, dict):
        for key, one in value.items():
            for other in changes(one):
                yield value | {key: other}
    elif isinstance(value, list):
        for at, one in enumerate(value):
            for other in changes(one):
                yield [*value[:at], other, *value[at + 1 :]]
        yield value[:-1]
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, str):
        yield ("1" if value[:1] != "1" else "2") + value[1:]
    elif value is None:
        yield "x"


def test_no_part_of_a_proof_can_be_changed(shards: list[Any], tmp_path: Path) -> None:
    heads = heads_of(shards, tmp_path)
    first = next_round(heads)
    name = shards[2].events().collect()["event_id"][0]
    proof = prove_in_round(shards[2].prove(name, heads[2].seq), heads)
    assert check_in_round(proof, first)["event_id"] == name
    refused = 0
    for other in changes(proof):
        with pytest.raises((ValueError, KeyError, TypeError, IndexError)):
            check_in_round(other, first)
        refused += 1
    assert refused > 30
    for field in ("shards", "root"):
        other_round = first._replace(**{field: next(changes(getattr(first, field)))})
        with pytest.raises(ValueError, match="the round that you kept does not hold this head"):
            check_in_round(proof, other_round)


def test_rounds_follow_each_other(shards: list[Any], tmp_path: Path) -> None:
    heads = heads_of(shards, tmp_path)
    first = next_round(heads)
    record(shards, {"event_id": "later", "type": "OVERRIDE", "actor": "anne", "ts": "2026-02-03T10:00:00Z"})
    after = heads_of(shards, tmp_path)
    second = next_round(after, first, heads)
    assert (second.number, second.shards) == (2, 5) and second.root != first.root
    changed = next(at for at, (one, two) in enumerate(zip(heads, after, strict=True)) if one.seq != two.seq)
    proof = prove_in_round(shards[changed].prove("later", after[changed].seq), after)
    assert check_in_round(proof, second, first)["actor"] == "anne"
    with pytest.raises(ValueError, match="does not follow"):
        check_in_round(proof, second, first._replace(chain="ab" * 32))
    more = [*after, replace(after[0], ledger_id="zz")]
    assert next_round(more, first, heads).shards == 6  # a shard may come


def test_what_makes_no_round(shards: list[Any], tmp_path: Path) -> None:
    heads = heads_of(shards, tmp_path)
    first = next_round(heads)
    for wrong in ([], [heads[0], heads[0]], [replace(heads[0], root=None)]):
        with pytest.raises(ParameterError, match="these heads make no round"):
            next_round(wrong)
    back, other = replace(heads[1], seq=heads[1].seq - 1), replace(heads[1], chain="00" * 32)
    for wrong in (heads[1:], [heads[0], back, *heads[2:]], [heads[0], other, *heads[2:]]):
        with pytest.raises(LedgerDamagedError, match="a shard is missing, went back or was changed"):
            next_round(wrong, first, heads)
    with pytest.raises(LedgerDamagedError, match="these are not the heads of the round before"):
        next_round(heads, first, heads[1:])
    name = shards[0].events().collect()["event_id"][0]
    with pytest.raises(ParameterError, match="no head of the round is where the proof leads"):
        prove_in_round(shards[0].prove(name, heads[0].seq), heads[1:])
    assert isinstance(copy.copy(first), Round)
