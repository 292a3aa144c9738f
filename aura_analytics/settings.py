"""Settings from the environment, in one table.

=====================  =======================  ==============================================================
variable               default                  meaning
=====================  =======================  ==============================================================
`AURA_LEDGER`          `sqlite:///aura.db`      the ledger that `record_event` and `get_dossier` use
`AURA_KEY`             none                     the key for a service that `AURA_LEDGER` names by its address
`AURA_LEDGER_TIMEOUT`  `30`                     seconds to wait for another writer
`AURA_CONNECTIONS`     `20`                     connections of a process to a ledger at once
`AURA_MIRROR`          beside the SQLite file   folder of the Parquet mirror; `off` does without
`AURA_FILE_MODE`       `600`                    who may read the files that are written, as octal digits
`AURA_REGISTRY`        none                     file of the people who may sign HR actions
=====================  =======================  ==============================================================
"""

from __future__ import annotations

import os
import re

from aura_analytics.errors import ParameterError, Problem

__all__ = ["connections", "file_mode", "ledger_timeout", "ledger_url", "mirror_folder", "registry_file"]


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


def connections() -> int:
    """Most connections of a process to a ledger at once."""
    text = os.environ.get("AURA_CONNECTIONS") or "20"
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 2 <= int(text) <= 1_000:
        raise ParameterError(Problem("AURA_CONNECTIONS cannot be read", got=text, expected="a whole number from 2 to 1000"))
    return int(text)


def mirror_folder() -> str | None:
    """Folder of the mirror, `off`, or None for the default place."""
    return os.environ.get("AURA_MIRROR") or None


def registry_file() -> str | None:
    """File of the people who may sign; None without one."""
    return os.environ.get("AURA_REGISTRY") or None


def file_mode() -> int:
    """Mode of new files: their owner's alone unless `AURA_FILE_MODE` says more."""
    text = os.environ.get("AURA_FILE_MODE") or "600"
    if not re.fullmatch(r"0?[0-7]{3}", text) or int(text, 8) & 0o600 != 0o600:
        raise ParameterError(Problem("AURA_FILE_MODE cannot be read", got=text, expected="octal digits such as 640, 600 at least"))
    return int(text, 8)
