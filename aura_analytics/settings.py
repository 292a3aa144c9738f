"""Settings from the environment, in one table.

=====================  =======================  ==============================================================
variable               default                  meaning
=====================  =======================  ==============================================================
`AURA_LEDGER`          `sqlite:///aura.db`      the ledger that `record_event` and `get_dossier` use
`AURA_LEDGER_TIMEOUT`  `30`                     seconds to wait for another writer
`AURA_MIRROR`          beside the SQLite file   folder of the Parquet mirror; `off` does without
=====================  =======================  ==============================================================
"""

from __future__ import annotations

import os

from aura_analytics.errors import ParameterError, Problem

__all__ = ["ledger_timeout", "ledger_url", "mirror_folder"]


def ledger_url() -> str:
    """URL of the default ledger."""
    return os.environ.get("AURA_LEDGER") or "sqlite:///aura.db"


def ledger_timeout() -> float:
    """Seconds to wait for a lock."""
    text = os.environ.get("AURA_LEDGER_TIMEOUT") or "30"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ParameterError(Problem("AURA_LEDGER_TIMEOUT cannot be read", got=text, expected="seconds, such as 30"))
    return seconds


def mirror_folder() -> str | None:
    """Folder of the mirror, `off`, or None for the default place."""
    return os.environ.get("AURA_MIRROR") or None
