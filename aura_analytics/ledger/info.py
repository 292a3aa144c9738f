"""What a ledger says of itself, and bringing an old one up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aura_analytics import settings
from aura_analytics.ledger import schema
from aura_analytics.ledger.engines import Engines, ledger_address

__all__ = ["LedgerInfo", "upgrade_ledger"]


@dataclass(frozen=True)
class LedgerInfo:
    """What a ledger holds.

    Attributes
    ----------
    url
        Its address, without the password.
    ledger_id
        Made when the ledger was.
    schema
        Revision of its tables.
    events
        How many events it holds; the last one's `seq`.
    chain
        Hash at the end of the chain.
    first, last
        Times of the earliest and the latest event.
    recorded_at
        When the last of them was recorded.
    """

    url: str
    ledger_id: str
    schema: str
    events: int
    chain: str
    first: datetime | None
    last: datetime | None
    recorded_at: datetime | None


def upgrade_ledger(url: str | Path | None = None, backup: Path | None = None) -> tuple[str, str, Path | None]:
    """Bring an older ledger to the schema of this library, after a backup.

    Parameters
    ----------
    url
        As of `Ledger`.
    backup
        Where to put the backup; default beside the ledger (of PostgreSQL: the events as Parquet, in the working directory).

    Returns
    -------
    tuple
        Schema before and after, and the path of the backup (None when there was nothing to do).
    """
    address = ledger_address(settings.ledger_url() if url is None else url)
    before, kept = schema.upgrade(Engines(address, settings.ledger_timeout(), "FULL"), backup)
    return before, schema.REVISION, kept
