"""The ledger: the durable home of the events, in SQLite or PostgreSQL."""

from __future__ import annotations

from aura_analytics.ledger.chain import Verification
from aura_analytics.ledger.info import LedgerInfo
from aura_analytics.ledger.kept_heads import Head
from aura_analytics.ledger.store import Ledger
from aura_analytics.ledger.subscription import Subscription
from aura_analytics.ledger.writing import Recorded

__all__ = ["Head", "Ledger", "LedgerInfo", "Recorded", "Subscription", "Verification"]
