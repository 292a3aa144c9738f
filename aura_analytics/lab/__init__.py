"""The notebooks, as files to work in: a copy, so that what came along stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["copied", "notebooks"]


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
    '01_first_look.ipynb'
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
