"""The notebooks, as files to work in: a copy, so that what came along stays as it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.ledger import Ledger

__all__ = ["copied", "notebooks", "own_ledger", "own_log"]

_PLACES = ("aura.db", "aura-demo/aura.db")


def notebooks() -> Path:
    """Where the notebooks and the small files that they read stand: in the package, or in a clone at its top."""
    packed = Path(__file__).parent
    return packed if (packed / "notebooks").is_dir() else Path(__file__).parents[2]


def copied(folder: Path) -> Path:
    """Copy the notebooks to a folder; what is there already is left alone. Returns the folder with the notebooks.

    Examples
    --------
    >>> import tempfile
    >>> sorted(path.name for path in copied(Path(tempfile.mkdtemp())).iterdir())[0]
    '00_index.ipynb'
    """
    source = notebooks()
    files = [
        *sorted((source / "notebooks").glob("*.ipynb")),
        source / "fixtures/logs/small_bank.csv",
        source / "fixtures/mappings/small_bank.yaml",
    ]
    for path in files:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copyfile(path, target)
    return folder / "notebooks"


def own_ledger(folder: Path) -> str | None:
    """The address of the ledger that is yours: what `AURA_LEDGER` names, or else one that stands in a folder (`aura.db`, or the
    demo's); None where there is none.
    """
    named = os.environ.get("AURA_LEDGER")
    found = next((folder / place for place in _PLACES if (folder / place).is_file()), None)
    return named or (None if found is None else str(found.resolve()))


def own_log(folder: Path | None = None) -> tuple[Ledger | pl.DataFrame, str]:
    """Your ledger where there is one, else a made-up log; and which of the two it is, in words.

    Parameters
    ----------
    folder
        Where a ledger is looked for; default the working directory.

    Examples
    --------
    >>> import tempfile
    >>> log, said = own_log(Path(tempfile.mkdtemp()))
    >>> said
    'A made-up log: there is no ledger here. `aura demo` makes one; AURA_LEDGER names yours.'
    """
    import aura_analytics as aura

    address = own_ledger(Path.cwd() if folder is None else folder)
    if address is None:
        return aura.sample_log(
            2_000, seed=7
        ), "A made-up log: there is no ledger here. `aura demo` makes one; AURA_LEDGER names yours."
    ledger = aura.Ledger(address, create=False)
    return ledger, f"Your ledger, {ledger.info().url}: {len(ledger):,} events."
