"""The one row that says where the chain ends."""

from __future__ import annotations

from sqlalchemy import Connection, select

from aura_analytics.errors import LedgerDamagedError, Problem
from aura_analytics.ledger import tables

__all__ = ["damaged", "read_head"]


def read_head(connection: Connection) -> tuple[str, int, int, bytes]:
    """Ledger id, `seq`, `recorded_at` and chain of the end of the ledger.

    Raises
    ------
    LedgerDamagedError
        If there is none, or it is not one.
    """
    column = tables.head.c
    found = connection.execute(select(column.ledger_id, column.seq, column.recorded_at, column.chain)).all()
    if len(found) != 1 or [type(item) for item in found[0]] != [str, int, int, bytes]:
        raise damaged("the head of the chain is missing or was altered")
    return found[0][0], found[0][1], found[0][2], found[0][3]


def damaged(what: str) -> LedgerDamagedError:
    """The error for a ledger that somebody changed behind its back."""
    return LedgerDamagedError(Problem(what, next="run: aura ledger verify; restore a backup or a snapshot"))
