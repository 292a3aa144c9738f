"""Heads that are signed, and proofs that one event is in a ledger, checked by a script that needs nothing of the library."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from aura_analytics import Ledger, events
from aura_analytics.cli.app import app
from aura_analytics.errors import FileFormatError, FileMissingError, LedgerDamagedError, ParameterError
from aura_analytics.ledger import check_proof, merkle, tables
from aura_analytics.ledger.signing import new_key

SCRIPT = Path(check_proof.__file__)


def slow_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + slow_root(leaves[:k]) + slow_root(leaves[k:])).digest()


@pytest.mark.parametrize("size", [*range(1, 34), 100, 257])
def test_the_tree_is_that_of_its_definition(size: int) -> None:
    leaves = [merkle.leaf(i, 7, b"x") for i in range(size)]
    root = slow_root(leaves)
    assert merkle.root_of(leaves) == root
    for place in range(size):
        path = merkle.path_of(leaves, place)
        assert merkle.root_by(leaves[place], place, size, path) == root
        assert check_proof.root(leaves[place], place, size, list(path)) == root
        if size > 1:
            assert merkle.root_by(leaves[place], place, size, path[:-1]) is None
            assert merkle.root_by(leaves[place], place, size, [*path, root]) is None
            assert merkle.root_by(leaves[place], (place + 1) % size, size, path) != root


def test_known_roots() -> None:
    """The trees over the eight inputs that implementations of RFC 6962 are tested with."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(one)).digest() for one in inputs]
    roots = [merkle.root_of(leaves[: n + 1]).hex() for n in range(8)]
    assert roots[0] == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert roots[1] == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert roots[7] == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def run(proof: Path, heads: Path, *key: Path, where: Path) -> tuple[int, str]:
    """The script alone, in a folder from which the library is not found."""
    copy = where / "check_proof.py"
    copy.write_text(SCRIPT.read_text())
    command = [sys.executable, "-I", str(copy), str(proof), str(heads), *map(str, key)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=where)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def filled(url: str) -> Ledger:
    ledger = Ledger(url, mirror=False)
    ledger.record_events(events.sample(300, seed=1))
    ledger.record_event({"event_id": "é", "type": "SAT_SCORE", "value": 3, "case_id": "C\n1", "attributes": {"a": [1, 0.1]}})
    return ledger


def test_one_event_is_proved_without_the_others(filled: Ledger, tmp_path: Path) -> None:
    heads, proof = tmp_path / "heads.jsonl", tmp_path / "proof.json"
    head = filled.export_heads(heads)
    ids = filled.events().collect()["event_id"].to_list()
    for event_id in ["é", *random.Random(1).sample(ids, 5)]:
        made = filled.prove(event_id)
        proof.write_text(json.dumps(made))
        code, said = run(proof, heads, where=tmp_path)
        assert code == 0 and said.startswith("in the ledger: "), said
        assert json.loads(said.removeprefix("in the ledger: "))["event_id"] == event_id
        others = [one for one in ids if one != event_id]
        assert not any(f'"{one}"' in proof.read_text() for one in others)
    # an earlier head holds it too, and one of before it does not
    filled.record_event({"event_id": "later", "type": "OVERRIDE", "actor": "anne"})
    proof.write_text(json.dumps(filled.prove("é", head.seq)))
    assert run(proof, heads, where=tmp_path)[0] == 0
    with pytest.raises(ParameterError, match=r"no tree of that size holds the event: got 303, expected from 304"):
        filled.prove("later", head.seq)
    proof.write_text(json.dumps(filled.prove("later")))
    assert run(proof, heads, where=tmp_path) == (1, "NOT PROVED: no head that you kept holds this event\n")
    with pytest.raises(ParameterError, match="there is no such event"):
        filled.prove("nobody")


def _changed(**more: Any) -> Callable[[dict[str, Any]], None]:
    return lambda proof: proof.update(more)


FORGERIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "value": lambda proof: proof["event"].__setitem__(8, 1.0),
    "id": lambda proof: proof["event"].__setitem__(1, "x"),
    "seq": _changed(seq=7),
    "size": _changed(size=300),
    "larger": _changed(size=1000),
    "time": _changed(recorded_at=1),
    "ledger": _changed(ledger_id="x"),
    "short": lambda proof: proof["path"].pop(),
    "long": lambda proof: proof["path"].append("00" * 32),
    "path": lambda proof: proof["path"].__setitem__(0, "00" * 32),
    "no hash": lambda proof: proof["path"].__setitem__(0, "zz"),
    "empty": lambda proof: proof.clear(),
    "word": lambda proof: proof["event"].__setitem__(0, "other"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_proof_proves_nothing(tmp_path: Path, name: str) -> None:
    with Ledger(tmp_path / "aura.db", mirror=False) as ledger:
        ledger.record_events(events.sample(300, seed=1))
        ledger.record_event({"event_id": "e", "type": "SAT_SCORE", "value": 3, "case_id": "C1"})
        heads, proof = tmp_path / "heads.jsonl", tmp_path / "proof.json"
        ledger.export_heads(heads)
        made = ledger.prove("e")
    FORGERIES[name](made)
    proof.write_text(json.dumps(made))
    code, said = run(proof, heads, where=tmp_path)
    assert code == 1 and said.startswith("NOT PROVED: "), said


def test_a_proof_does_not_choose_what_values_are_called() -> None:
    assert check_proof.COLUMNS == tables.COLUMNS


def test_an_event_that_was_altered_is_not_proved(filled: Ledger) -> None:
    with filled._engines.writer.begin() as connection:
        connection.execute(text("UPDATE aura_events SET value = 1 WHERE event_id = 'é'"))
    with pytest.raises(LedgerDamagedError, match="is not what was recorded"):
        filled.prove("é")


def test_heads_are_signed(filled: Ledger, tmp_path: Path) -> None:
    key, heads, proof = tmp_path / "key.pem", tmp_path / "heads.jsonl", tmp_path / "proof.json"
    public = new_key(key)
    assert key.stat().st_mode & 0o777 == 0o600 and b"PRIVATE" not in public.read_bytes()
    filled.export_heads(heads, key=key)
    assert filled.verify(heads, key=public).ok and filled.verify(heads).ok
    proof.write_text(json.dumps(filled.prove("é")))
    assert run(proof, heads, public, where=tmp_path)[0] == 0
    # another key, an altered head, one without a signature
    other = new_key(tmp_path / "other.pem")
    with pytest.raises(FileFormatError, match="not signed by this key, or was altered"):
        filled.verify(heads, key=other)
    assert "not signed by this key" in run(proof, heads, other, where=tmp_path)[1]
    said = heads.read_text()
    heads.write_text(said.replace('"exported_at": "2', '"exported_at": "3'))
    with pytest.raises(FileFormatError, match=r"heads.jsonl, line 1: a head is not signed by this key, or was altered"):
        filled.verify(heads, key=public)
    heads.write_text(said)
    filled.export_heads(heads)
    with pytest.raises(FileFormatError, match=r"line 2: a head is not signed"):
        filled.verify(heads, key=public)


def test_keys_that_are_none(filled: Ledger, tmp_path: Path) -> None:
    heads = tmp_path / "heads.jsonl"
    with pytest.raises(FileMissingError, match="no such key.*aura ledger new-key"):
        filled.export_heads(heads, key=tmp_path / "nothing.pem")
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(FileFormatError, match="this is no private key.*Ed25519 in PEM"):
        filled.export_heads(heads, key=tmp_path / "text.pem")
    public = new_key(tmp_path / "key.pem")
    with pytest.raises(FileFormatError, match="this is no private key"):
        filled.export_heads(heads, key=public)
    assert not heads.exists()
    with pytest.raises(ParameterError, match="exists already"):
        new_key(tmp_path / "key.pem")


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    ledger, heads, proof, key = (str(tmp_path / name) for name in ("aura.db", "heads.jsonl", "proof.json", "key.pem"))
    with Ledger(ledger, mirror=False) as store:
        store.record_event({"event_id": "e", "type": "OVERRIDE", "actor": "anne"})
    for words, says in (
        (["new-key", "--out", key], "the public key"),
        (["export-heads", ledger, "--out", heads, "--key", key], "signed"),
        (["verify", ledger, "--heads", heads, "--key", key + ".pub"], "1 exported heads met"),
        (["prove", "e", ledger, "--out", proof], "event 'e' at seq 1 of 1, 0 hashes"),
    ):
        answer = CliRunner().invoke(app, ["ledger", *words])
        assert answer.exit_code == 0 and says in answer.output, answer.output
    command = [sys.executable, "-m", "aura_analytics.ledger.check_proof", proof, heads, key + ".pub"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and '"event_id": "e"' in done.stdout


def test_the_script_is_short_and_stands_alone() -> None:
    source = SCRIPT.read_text()
    assert len(source.splitlines()) <= 100
    imported = {
        (node.module or "").partition(".")[0] if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported <= {"__future__", "hashlib", "json", "struct", "sys", "pathlib", "typing", "cryptography"}
