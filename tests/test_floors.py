"""The floors of the house: imports point down, and no two files import each other in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "aura_analytics"
# from the ground up; what stands on one line knows nothing of its neighbours
FLOORS = (
    ("errors", "extensions", "version"),
    ("people", "settings", "strict_json", "tasks", "texts", "yaml_text"),
    ("clock", "outputs", "statistics", "yaml_models"),
    ("events", "learning"),
    ("cases", "io"),
    ("ledger", "metrics"),
    ("callbacks", "rules"),
    ("dossier",),
    ("decisions", "hr", "scoring"),
    ("routing",),
    ("operations", "simulation"),
    ("charts", "checks", "lab"),
    ("report", "widgets"),
    ("service",),
    ("cli", "mock_server"),
    ("__main__",),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, without the package's own."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if name:
            found[name] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a file imports, inside functions too; what only type checkers read is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {id(inner) for node in ast.walk(tree) if _for_types(node) for inner in ast.walk(node)}
    found = set()
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("aura_analytics.")}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "aura_analytics":
            place = node.module.partition(".")[2]
            for alias in node.names:
                inner = f"{place}.{alias.name}".lstrip(".")
                found.add(inner if inner in known else place)
    return found - {""}


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def arrows() -> dict[str, set[str]]:
    """Every module with those that it imports."""
    known = modules()
    return {name: {other for other in imported(path, known) if other in known} for name, path in known.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other."""
    reached = {name: _reach(graph, name) for name in graph}
    groups = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in graph if name in reached[name]}
    return [list(group) for group in sorted(groups)]


def _reach(graph: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


def test_every_package_stands_on_a_floor() -> None:
    assert {name.split(".")[0] for name in modules()} == set(FLOOR)


def test_imports_point_down() -> None:
    wrong = []
    for name, others in arrows().items():
        own = name.split(".")[0]
        for other in sorted(others):
            below = other.split(".")[0]
            if below != own and not FLOOR[below] < FLOOR[own]:
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_no_circles() -> None:
    assert circles(arrows()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f():\n    from aura_analytics.cli.app import main\n", {"cli.app"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from aura_analytics.cli.app import main\n", set()),
        ("from aura_analytics.cli import app\n", {"cli.app"}),
        ("import aura_analytics.rules.engine as e\n", {"rules.engine"}),
    ],
)
def test_every_way_of_importing_is_seen(tmp_path: Path, text: str, expected: set[str]) -> None:
    path = tmp_path / "x.py"
    path.write_text(text)
    assert imported(path, modules()) == expected


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
