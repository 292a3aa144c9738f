"""What a ledger proves, and copies of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from aura_analytics import extensions
from aura_analytics.errors import LedgerDamagedError, ParameterError, Problem
from aura_analytics.ledger import chain, reading
from aura_analytics.ledger.beside import beside_head, fault_beside
from aura_analytics.ledger.engines import Engines, snapshot
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.heads import read_head
from aura_analytics.ledger.mirror import Mirror
from aura_analytics.ledger.structure import faults_of_structure

__all__ = ["Evidence"]


class Evidence:
    """The hash chain of a ledger checked, its head exported, its events copied."""

    _engines: Engines
    _mirror: Mirror | None

    def verify(self, heads: str | Path | None = None, progress: Callable[[int], None] | None = None) -> chain.Verification:
        """Check every row against its hash and the chain; what that proves, `aura_analytics.ledger.chain` says.

        Parameters
        ----------
        heads
            File of heads exported earlier, kept where the ledger's writers cannot write.
        progress
            Called with the number of events checked so far.
        """
        kept = [] if heads is None else chain.read_heads(Path(heads))
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

    def _beside(self, heads: Sequence[chain.Head]) -> str | None:
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

    def export_heads(self, path: str | Path) -> chain.Head:
        """Add the present head of the chain to a file, one line of JSON each."""
        target = Path(path)
        with translated(self._engines.url), snapshot(self._engines) as connection:
            ledger_id, seq, _, end = read_head(connection)
            links, beside = beside_head(connection)
            if target.exists() and target.stat().st_size:
                problem = chain.contradicted(connection, chain.read_heads(target), ledger_id)
                if problem is not None:
                    raise LedgerDamagedError(problem)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        head = chain.Head(ledger_id, seq, end.hex(), now, links, beside.hex())
        with target.open("a", encoding="utf-8") as file:
            file.write(head.line() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return head

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
