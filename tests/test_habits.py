"""Habits that code can keep: the size of files and functions, the formatter, and modules that are found by their names."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import aura_analytics

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aura_analytics"
LINES = 350
# longer files, with as many lines as they may have: each says one thing, and none of them grows
LONGER = {
    "__init__.py": 370,
    "decisions/accountability.py": 370,
    "decisions/file/log_file.py": 500,
    "hr/desk.py": 500,
    "ledger/store.py": 410,
    "simulation/world.py": 545,
    "widgets/explorer/state.py": 520,
    "widgets/tuner/state.py": 620,
}
MODULES = sorted(
    one.name for one in pkgutil.walk_packages([str(PACKAGE)], "aura_analytics.") if "migrations.versions" not in one.name
)


def test_files_stay_small() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert not {name: count for name, count in lines.items() if count > LONGER.get(name, LINES)}
    assert not [name for name in LONGER if lines.get(name, 0) <= LINES], "these are no exceptions any more"


def test_nothing_is_hidden_from_the_formatter() -> None:
    marks = ("fmt: " + "skip", "fmt: " + "off")
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    assert not [path for path in files if any(mark in path.read_text() for mark in marks)]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_found_by_its_name(name: str) -> None:
    importlib.import_module(name)
    found: object = aura_analytics
    for part in name.split(".")[1:]:
        found = getattr(found, part)  # as `import a.b.c as m` does
    assert isinstance(found, types.ModuleType) and found.__name__ == name


def test_subpackages_are_there_after_one_import() -> None:
    names = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists() and path.name not in ("cli", "lab"))
    code = "import aura_analytics as aura\n" + "\n".join(f"aura.{name}.__name__" for name in names)
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
