"""What a reader copies runs as pasted, links lead somewhere, and pages say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import aura_analytics as aura
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_CODE = [path for path in PAGES if BLOCK.search(path.read_text("utf-8"))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which somebody has run the demo, and has a log of their own."""
    folder = tmp_path_factory.mktemp("reader")
    command = [sys.executable, "-m", "aura_analytics", "demo", "--days", "120"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    aura.write_events(aura.sample_log(600, seed=3), folder / "events.parquet")
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: path.stem)
def test_every_block_runs_as_pasted(path: Path, made: Path, tmp_path: Path) -> None:
    code = "\n".join(BLOCK.findall(path.read_text("utf-8")))
    script = tmp_path / "pasted.py"
    script.write_text(code, "utf-8")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, script], cwd=made, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    notebooks = {file.name for file in (ROOT / "notebooks").glob("*.ipynb")}
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        target = path.parent / link
        assert target.exists() or (target.parent.name == "gallery" and target.name in notebooks), link


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 110


def test_every_page_is_reached_from_the_index() -> None:
    docs = ROOT / "docs"
    reached, new = set[Path](), {docs / "index.md"}
    while new:
        page = new.pop()
        reached.add(page)
        trees = re.findall(r"^```{toctree}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        names = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
        new |= {page.parent / f"{name}.md" for name in names if (page.parent / f"{name}.md").exists()} - reached
    assert set(docs.rglob("*.md")) == reached


def test_the_case_study_says_what_the_data_say() -> None:
    text = (ROOT / "docs/case-study.md").read_text("utf-8")
    scope: dict[str, object] = {}
    blocks = BLOCK.findall(text.replace("fixtures/published", str(ROOT / "fixtures/published")))
    exec("\n".join(blocks), scope)
    whole, people = scope["whole"], scope["people"]
    assert isinstance(whole, dict)
    accepted = whole["accepted_right"] + whole["accepted_wrong"]
    said = f"Of {accepted:,} accepted recommendations {whole['accepted_wrong']:,} were wrong; of {whole['overridden']:,} overridden"
    assert said in text and f"ones {whole['overridden_right']:,} were right" in text
    for name in ("advice_right_rate", "initial_right_rate", "verdict_right_rate", "rair"):
        assert f"{whole[name]:.0%}".replace("%", " %") in text, name
    assert f"{1 - whole['rsr']:.0%}".replace("%", " %") in text
    import polars as pl

    assert isinstance(people, pl.DataFrame)
    better, worse = people.filter(pl.col("team_gain_lo") > 0).height, people.filter(pl.col("team_gain_hi") < 0).height
    assert f"of {people.height}, {better} did better" in text and f"{worse} worse" in text
