"""What a ledger proves, and copies of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from aura_analytics import extensions
from aura_analytics.errors import LedgerDamagedError, ParameterError, Problem
from aura_analytics.ledger import chain, merkle, reading, tables
from aura_analytics.ledger.beside import beside_head, fault_beside
from aura_analytics.ledger.engines import Engines, snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import damaged, read_head
from aura_analytics.ledger.kept_heads import Head, contradicted, read_heads
from aura_analytics.ledger.mirror import Mirror
from aura_analytics.ledger.signing import private_key, signature
from aura_analytics.ledger.structure import faults_of_structure

__all__ = ["Evidence"]


def _leaves(connection: Connection, upto: int) -> Iterator[bytes]:
    """The leaves of the first events."""
    column = tables.events.c
    query = select(column.seq, column.recorded_at, column.content).where(column.seq <= upto).order_by(column.seq)
    for rows in reading.chunks(connection, query):
        for seq, recorded_at, content in rows:
            yield merkle.leaf(seq, recorded_at, content)


class Evidence:
    """The hash chain of a ledger checked, its head exported, its events copied."""

    _engines: Engines
    _mirror: Mirror | None

    def verify(
        self,
        heads: str | Path | None = None,
        progress: Callable[[int], None] | None = None,
        *,
        key: str | Path | None = None,
    ) -> chain.Verification:
        """Check every row against its hash and the chain; what that proves, `aura_analytics.ledger.chain` says.

        Parameters
        ----------
        heads
            File of heads exported earlier, kept where the ledger's writers cannot write.
        progress
            Called with the number of events checked so far.
        key
            File of a public key by which all heads must be signed.
        """
        kept = [] if heads is None else read_heads(Path(heads), key)
        found = chain.verify(self._engines, kept, progress)
        if found.ok:
            with translated(self._engines.url), self._engines.reader.connect() as connection:
                wrong = faults_of_structure(connection)
            if wrong:
                message = f"the rows are as recorded, the database is not as the library made it: {'; '.join(wrong[:5])}"
                return chain.Verification(ok=False, events=found.events, heads=found.heads, kind="schema", message=message)
            wrong_beside = self._beside(kept)
            if wrong_beside is not None:
                message = f"the events are as recorded; {wrong_beside}"
                return chain.Verification(ok=False, events=found.events, heads=found.heads, kind="beside", message=message)
        fault = None if self._mirror is None else self._mirror.check()
        if fault is None or not found.ok:
            return found
        return chain.Verification(ok=False, events=found.events, heads=found.heads, kind="mirror", message=fault)

    def _beside(self, heads: Sequence[Head]) -> str | None:
        """What is wrong with decisions, notes on them, and marks."""
        kept: dict[int, set[str]] = {}
        for one in heads:
            if one.beside_chain is not None:
                kept.setdefault(one.beside, set()).add(one.beside_chain)
        try:
            with translated(self._engines.url), snapshot(self._engines) as connection:
                wrong = fault_beside(connection, kept)
                links = beside_head(connection)[0]
        except LedgerDamagedError as error:
            return str(error)
        if wrong is None and links:
            told: list[str] = extensions.provided("faults of a decision log in a ledger")(self)
            return told[0] if told else None
        return wrong

    def export_heads(self, path: str | Path, *, key: str | Path | None = None) -> Head:
        """Add the present head of the chain to a file, one line of JSON each, with the root of the tree of hashes.

        Parameters
        ----------
        path
            The file; keep it where the ledger's writers cannot write.
        key
            File of a private key (`aura ledger new-key`) that signs the head.
        """
        target, signer = Path(path), None if key is None else private_key(key)
        with translated(self._engines.url), snapshot(self._engines) as connection:
            ledger_id, seq, _, end = read_head(connection)
            links, beside = beside_head(connection)
            if target.exists() and target.stat().st_size:
                problem = contradicted(connection, read_heads(target), ledger_id)
                if problem is not None:
                    raise LedgerDamagedError(problem)
            root = merkle.root_of(_leaves(connection, seq))
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        head = Head(ledger_id, seq, end.hex(), now, links, beside.hex(), root.hex())
        if signer is not None:
            head = replace(head, signature=signature(asdict(head), signer))
        with target.open("a", encoding="utf-8") as file:
            file.write(head.line() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return head

    def prove(self, event_id: str, head: int | None = None) -> dict[str, Any]:
        """A proof that one event is in the ledger, which shows none of the others: see `check_proof`.

        Parameters
        ----------
        event_id
            The event.
        head
            `seq` of the exported head that the proof is to lead to; default the present end of the ledger.

        Returns
        -------
        dict
            `ledger_id`, `seq` of the event, `recorded_at`, `size` (events in the tree), `event` (the line that its hash is taken
            of), `path` (hashes beside its way to the root, in hexadecimal digits).

        Raises
        ------
        ParameterError
            If there is no such event, or it was recorded after that head.
        LedgerDamagedError
            If it is not what was recorded.
        """
        column = tables.events.c
        query = select(*(column[name] for name in ("seq", "recorded_at", "content", *tables.COLUMNS)))
        with translated(self._engines.url), snapshot(self._engines) as connection:
            ledger_id, end, _, _ = read_head(connection)
            size = end if head is None else head
            found = connection.execute(query.where(column.event_id == event_id)).first()
            if found is None:
                raise ParameterError(Problem("there is no such event", got=event_id))
            seq, recorded_at, content, *row = found
            if not seq <= size <= end:
                expected = f"from {seq:,} (the event) to {end:,} (the end)"
                raise ParameterError(Problem("no tree of that size holds the event", got=size, expected=expected))
            if tables.content_hash(row) != content:
                raise damaged(f"the event {event_id!r} is not what was recorded")
            path = merkle.path_of(list(_leaves(connection, size)), seq - 1)
        return {
            "ledger_id": ledger_id,
            "seq": seq,
            "recorded_at": recorded_at,
            "size": size,
            "event": list(tables.line_of(row)),
            "path": [one.hex() for one in path],
        }

    def snapshot(self, path: str | Path) -> Path:
        """Write a copy for other tools: all events as Parquet, or (of a SQLite ledger) a SQLite file."""
        target = Path(path)
        if target.exists():
            raise ParameterError(Problem("the snapshot exists already", got=str(target), next="choose another name"))
        if target.suffix not in (".parquet", ".db", ".sqlite", ".sqlite3"):
            raise ParameterError(Problem("unknown kind of snapshot", got=target.name, expected=".parquet or .db"))
        with translated(self._engines.url):
            reading.write_copy(self._engines, target)
        return target
