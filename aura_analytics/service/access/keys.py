"""Keys: shown once, stored as a hash, with scopes, an end, and a way to take them back."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import polars as pl
from sqlalchemy import select

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.ledger import tables
from aura_analytics.ledger.beside import link
from aura_analytics.ledger.failures import translated
from aura_analytics.service.access.readers import Reader, scopes_of

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Keys", "record_access"]

_KEPT = 2.0  # seconds for which a key that was found good is not looked up again: so long a revoked one may still open
_MARK = "aura"
_LONGEST = 36_525.0  # days


class Keys:
    """The API keys of a ledger.

    A key is `aura_<id>_<secret>`; the ledger holds the SHA-256 of the secret, which is 256 random bits. A service's key never
    signs.

    Parameters
    ----------
    ledger
        The ledger.

    Examples
    --------
    >>> import tempfile, aura_analytics as aura
    >>> ledger = aura.Ledger(f"sqlite:///{tempfile.mkdtemp()}/aura.db", mirror=False)
    >>> keys = Keys(ledger)
    >>> key = keys.create("intake form", "events:write", days=90)
    >>> keys.reader(key)
    Reader(name='intake form', scopes=frozenset({...}), person=False, team=frozenset())
    >>> keys.revoke(keys.table()["id"][0])
    >>> keys.reader(key) is None
    True
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._engines = ledger, ledger.engines
        self._good: dict[str, tuple[float, Reader]] = {}

    def create(self, name: str, scopes: str, *, person: bool = False, days: float | None = 365.0) -> str:
        """Make a key; what is returned is shown this once, and kept nowhere.

        Parameters
        ----------
        name
            Of the service, or of the person as events name them.
        scopes
            What it may do, by spaces or commas.
        person
            Whether it is a person's own: only such a key may sign.
        days
            How long it holds; None for ever.

        Raises
        ------
        ParameterError
            If a scope is none, the name is empty, or a service's key is to sign.
        """
        found = scopes_of(scopes)
        problems = []
        if not name.strip():
            problems.append(Problem("a key needs a name", got=name))
        if not found:
            problems.append(Problem("a key needs a scope", got=scopes))
        if "verdicts:sign" in found and not person:
            problems.append(Problem("a service never signs", got=scopes, next="make it a person's key (--person)"))
        if days is not None and not 0 < days <= _LONGEST:
            problems.append(Problem("days is out of range", got=days, expected="above 0, or no end"))
        if problems:
            raise ParameterError("the key cannot be made", problems=problems)
        key, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        now = _micros()
        row = {
            "id": key,
            "name": name.strip(),
            "scopes": " ".join(scopes.replace(",", " ").split()),
            "hash": _hash(secret),
            "person": int(person),
            "created": now,
            "expires": None if days is None else now + int(days * 86_400_000_000),
        }
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            connection.execute(tables.keys.insert().values(**row))
        return f"{_MARK}_{key}_{secret}"

    def revoke(self, key: str) -> None:
        """Take a key back: it opens nothing from now on.

        Parameters
        ----------
        key
            Its id, as `table` lists it.

        Raises
        ------
        ParameterError
            If there is no such key.
        """
        change = tables.keys.update().where(tables.keys.c.id == key, tables.keys.c.revoked.is_(None)).values(revoked=_micros())
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            changed = connection.execute(change).rowcount
        self._good.clear()
        if not changed:
            raise ParameterError(Problem("there is no such key, or it was revoked", got=key, next="aura keys list"))

    def table(self) -> pl.DataFrame:
        """All keys, the oldest first: `id`, `name`, `scopes`, `person`, `created`, `expires`, `revoked`."""
        c = tables.keys.c
        columns = (c.id, c.name, c.scopes, c.person, c.created, c.expires, c.revoked)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            rows = connection.execute(select(*columns).order_by(c.created, c.id)).all()
        schema = {"id": pl.String, "name": pl.String, "scopes": pl.String, "person": pl.Int64}
        schema |= dict.fromkeys(("created", "expires", "revoked"), pl.Int64)
        frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
        moment = pl.col("created", "expires", "revoked").cast(pl.Datetime("us", "UTC"))
        return frame.with_columns(moment, person=pl.col("person") == 1)

    def known(self, key: str) -> bool:
        """Whether a key was found good a moment ago, or is none by its form."""
        found = self._good.get(key)
        return not key or (found is not None and found[0] > time.monotonic())

    def reader(self, key: str) -> Reader | None:
        """Who has a key; None for one that is none, expired or revoked.

        Parameters
        ----------
        key
            As it was shown when it was made.
        """
        known = self._good.get(key)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        mark, _, rest = key.partition("_")
        name, _, secret = rest.partition("_")
        if mark != _MARK or not name.isascii() or not secret or len(key) > 200:
            return None
        c = tables.keys.c
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            query = select(c.name, c.scopes, c.hash, c.person, c.expires, c.revoked).where(c.id == name)
            row = connection.execute(query).first()
        good = row is not None and hmac.compare_digest(_hash(secret), row.hash)
        if row is None or not good or row.revoked is not None or (row.expires is not None and row.expires <= _micros()):
            return None
        found = Reader(row.name, scopes_of(row.scopes), bool(row.person))
        if len(self._good) > 10_000:
            self._good.clear()
        self._good[key] = (time.monotonic() + _KEPT, found)
        return found


def record_access(ledger: Ledger, reader: str, actor: str, what: Mapping[str, Any]) -> None:
    """Record that somebody read another person's dossier, in the chain beside the events.

    Parameters
    ----------
    ledger
        The ledger.
    reader, actor
        Who read, and whose.
    what
        What was asked for: plain data.
    """
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = json.dumps({"at": at, **what}, ensure_ascii=False, sort_keys=True)
    engines = ledger.engines
    with translated(engines.url), engines.writer.begin() as connection:
        insert = tables.access.insert().values(reader=reader, actor=actor, line=line).returning(tables.access.c.n)
        number = connection.execute(insert).scalar_one()
        driver = connection.connection.driver_connection
        link(driver, [("access", number, reader, actor, line)], on_sqlite=engines.sqlite)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _micros() -> int:
    return time.time_ns() // 1000
