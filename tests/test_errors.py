"""What an error says: never a password, never twenty thousand names."""

from __future__ import annotations

from pathlib import Path

import pytest

import aura_analytics as aura
from aura_analytics.errors import AuraError, Problem

SECRET = "s3cr:et@x"
ADDRESSES = [
    "postgres://me:{}@host/db",
    "postgresql+psycopg://me:{}@host:5432/db",
    "postgresl://me:{}@host/db",
    "postgresql:/me:{}@host/db",
    "postgresql//me:{}@host/db",
    "mysql://me:{}@host/db",
    "postgresql://host/db?user=me&password={}",
    "sqlite://me:{}@host/aura.db",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_mistyped_address_shows_its_password(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    secret = SECRET.replace("@", "%40") if "?" in address else SECRET
    given = address.format(secret)
    for call in (lambda: aura.Ledger(given, timeout=1), lambda: aura.as_events(given), lambda: aura.Policy.from_yaml(given)):
        with pytest.raises(AuraError) as caught:
            call()
        assert "s3cr" not in str(caught.value) and "et@x" not in str(caught.value)


def test_addresses_of_people_are_shown() -> None:
    said = str(Problem("no such actor", got="anne@agency.gov", where="log.csv:7", next="did you mean 'anna@agency.gov'?"))
    assert said == "log.csv:7: no such actor: got 'anne@agency.gov'; did you mean 'anna@agency.gov'?"


def test_a_long_list_is_cut() -> None:
    names = [f"officer{i}" for i in range(20_000)]
    assert str(Problem("no such actor", expected=", ".join(names))).endswith("officer4 and 19,995 more")
    assert str(Problem("unknown", expected="a, b, c")) == "unknown: expected a, b, c"
