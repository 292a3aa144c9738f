"""Widgets in a real JupyterLab whose kernel is busy, silent or gone: what is no longer true is not shown."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aura_analytics as aura
from tests.browser.lab import click_until, run_first, run_second, serving, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
EXPLORER = """import os
import aura_analytics as aura
from aura_analytics.widgets import DossierExplorer

open("pid", "w").write(str(os.getpid()))
explorer = DossierExplorer(aura.sample_log(1_500, seed=3), "evidence_gated")
explorer"""
TUNER = """import aura_analytics as aura
from aura_analytics.widgets import ThresholdTuner

world = aura.Scenario.from_yaml(aura.simulation.scenario.shipped()["loan_forgiveness"]).for_days(120)
tuner = ThresholdTuner(aura.sample_log(1_500, seed=3), "evidence_gated", scenario=world, worlds=4)
tuner"""
CHARTS = """import aura_analytics as aura
board = aura.dossiers(aura.sample_log(1_500, seed=3))
aura.charts.league(board, "override_rate", threshold=0.3)"""

_END = """async () => {
  const token = document.cookie.match(/_xsrf=([^;]*)/)[1], all = await (await fetch("/api/sessions")).json();
  for (const one of all) await fetch(`/api/sessions/${one.id}`, { method: "DELETE", headers: { "X-XSRFToken": token } });
  return all.length;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("states")
    write_notebook(made / "explorer.ipynb", [EXPLORER])
    write_notebook(made / "tuner.ipynb", [TUNER, "tuner.state.set('pip.override_rate.threshold', 0.45)"])
    write_notebook(made / "charts.ipynb", [CHARTS])
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1300, "height": 1000})
    outside: list[str] = []
    opened.on(
        "request", lambda request: None if request.url.startswith((server, "data:", "blob:")) else outside.append(request.url)
    )
    yield opened
    opened.close()
    assert not outside


def row(page: Page, place: int) -> str:
    one = page.locator(".aura-explorer .board tr[data-actor]").nth(place)
    one.click()
    return str(one.get_attribute("data-actor"))


def test_while_the_kernel_is_busy_nobody_has_somebody_elses_numbers(page: Page, server: str, folder: Path) -> None:
    run_first(page, server, "explorer", ".aura-explorer[data-opened]")
    pid = int((folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        picked = row(page, 3)
        page.wait_for_selector('.aura-explorer[data-kernel="pending"]')
        assert page.inner_text(".aura-explorer .name") == picked
        assert page.locator(".aura-explorer .card").count() == 0 and page.locator(".aura-explorer figure svg").count() == 0
        assert page.inner_text(".aura-explorer .cases") == "" and page.locator(".aura-explorer .banner:visible").count() == 0
        page.wait_for_selector(".aura-explorer .waits:visible")
        other = row(page, 5)  # another one, before the first was answered
        assert page.inner_text(".aura-explorer .name") == other
    finally:
        os.kill(pid, signal.SIGCONT)
    page.wait_for_selector(f'.aura-explorer[data-actor="{other}"]', timeout=30_000)
    assert page.inner_text(".aura-explorer .name") == other and page.locator(".aura-explorer .card").count() > 3
    page.wait_for_selector('.aura-explorer[data-kernel=""]')
    assert page.locator(".aura-explorer .waits:visible").count() == 0


def test_a_kernel_that_does_not_answer_is_said_and_what_it_said_is_gone(page: Page, server: str, folder: Path) -> None:
    run_first(page, server, "explorer", ".aura-explorer[data-opened]")
    pid = int((folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        picked = row(page, 2)
        page.wait_for_selector('.aura-explorer[data-kernel="lost"]', timeout=30_000)
        assert "has not answered" in page.inner_text(".aura-explorer .waits")
        assert page.inner_text(".aura-explorer .name") == picked
        assert page.locator(".aura-explorer .card").count() == 0
        assert "does not answer" in page.inner_text(".aura-explorer .verdict-said")
    finally:
        os.kill(pid, signal.SIGCONT)
    page.wait_for_selector(f'.aura-explorer[data-actor="{picked}"]', timeout=30_000)
    assert page.locator(".aura-explorer .card").count() > 3


def test_what_is_asked_of_a_busy_kernel_is_answered_though_more_was_asked_after_it(page: Page, server: str, folder: Path) -> None:
    run_first(page, server, "explorer", ".aura-explorer[data-opened]")
    added = page.get_attribute(".aura-explorer .add-column option:nth-child(2)", "value")
    columns = page.locator(".aura-explorer .board thead th")
    before = columns.count()
    pid = int((folder / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        picked = row(page, 4)  # is sent; of what follows only the last is held for a busy kernel
        page.select_option(".aura-explorer .add-column", added)
        page.click(".aura-explorer .save-xlsx")
    finally:
        with page.expect_download():
            os.kill(pid, signal.SIGCONT)
    page.wait_for_function(
        "(before) => document.querySelectorAll('.aura-explorer .board thead th').length === before + 1", arg=before
    )
    page.wait_for_selector(f'.aura-explorer[data-actor="{picked}"][data-kernel=""]')


def test_two_periods_and_two_people_side_by_side(page: Page, server: str) -> None:
    run_first(page, server, "explorer", ".aura-explorer[data-opened]")
    click_until(page, ".aura-explorer .before", ".aura-explorer .beside:visible")
    assert "before, up to" in page.inner_text(".aura-explorer .beside")
    page.fill(".aura-explorer .other", "officer_bob@sba.gov")
    page.locator(".aura-explorer .set-beside").click()
    page.wait_for_function("document.querySelector('.aura-explorer .beside h4').textContent === 'Beside officer_bob@sba.gov'")
    # another window: the verdicts are those of that window, and the title of the rule follows
    page.select_option(".aura-explorer .window", "30d")
    page.wait_for_function("/30 days up to/.test(document.querySelector('.aura-explorer .said').textContent)", timeout=20_000)
    with page.expect_download() as download:
        page.locator(".aura-explorer .save-parquet").click()
    import polars as pl

    saved = pl.read_parquet(download.value.path())
    assert saved.height > 5 and "override_rate_lo" in saved.columns
    with page.expect_download() as download:
        page.locator(".aura-explorer .save-xlsx").click()
    assert Path(download.value.path()).read_bytes().startswith(b"PK")


def test_saving_keys_reach_the_notebook_and_a_reopened_one_shows_a_picture(page: Page, server: str, folder: Path) -> None:
    run_first(page, server, "tuner", ".aura-tuner[data-painted]")
    page.wait_for_function("/least cost/.test(document.querySelector('.aura-tuner .cost-said').textContent)", timeout=30_000)
    # what a cell sets moves the curve's mark too
    mark = page.get_attribute(".aura-tuner .costs svg line.now", "x1")
    run_second(page)
    page.wait_for_function(
        f"document.querySelector('.aura-tuner .costs svg line.now').getAttribute('x1') !== '{mark}'", timeout=60_000
    )
    assert page.locator(".jp-OutputArea img:visible").count() == 0  # the widget is there: no second picture
    page.focus('.aura-tuner input[data-key="pip.override_rate.threshold"]')
    page.keyboard.press("Control+s")
    page.wait_for_function("!document.querySelector('.jp-mod-dirty')", timeout=20_000)
    saved = json.loads((folder / "tuner.ipynb").read_text())
    kinds = [set(output.get("data", {})) for output in saved["cells"][0]["outputs"]]
    assert any("image/png" in kind for kind in kinds) and any("text/html" in kind for kind in kinds)
    ended = page.evaluate(_END)
    assert ended >= 1
    page.goto("about:blank")
    page.goto(f"{server}/lab/tree/tuner.ipynb?reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.wait_for_selector(".jp-OutputArea img:visible", timeout=30_000)
    page.wait_for_timeout(1_000)
    text = page.inner_text(".jp-Notebook")
    assert "flagged by evidence_gated" in text and "model not found" not in text


def test_charts_follow_the_theme(page: Page, server: str, tmp_path: Path) -> None:
    run_first(page, server, "charts", ".jp-OutputArea svg.aura-chart")
    ink = "getComputedStyle(document.querySelector('svg.aura-chart text')).fill"
    light = page.evaluate(ink)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.evaluate("document.body.style.setProperty('--jp-ui-font-color1', 'rgb(240, 240, 240)')")
    assert page.evaluate(ink) != light
    label = page.get_attribute("svg.aura-chart", "aria-label") or ""
    assert "officer_anne@sba.gov" in label and "30.0 %" in label
    page.locator("svg.aura-chart").screenshot(path=tmp_path / "chart.png")


def test_a_chart_in_a_notebook_that_is_not_trusted_is_a_picture_with_its_sentence(page: Page, server: str, folder: Path) -> None:
    board = aura.dossiers(aura.sample_log(1_500, seed=3))
    data = aura.charts.league(board, "override_rate", threshold=0.3)._repr_mimebundle_()
    book = json.loads((folder / "charts.ipynb").read_text())
    book["cells"][0]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    book["cells"][0]["execution_count"] = None
    (folder / "foreign.ipynb").write_text(json.dumps(book))
    page.goto(f"{server}/lab/tree/foreign.ipynb?reset")
    page.wait_for_selector(".jp-OutputArea img", timeout=60_000)
    text = page.inner_text(".jp-OutputArea")
    assert "officer_anne@sba.gov" in text and "100%" not in text  # the sentence, and no labels without their picture
    assert page.get_attribute(".jp-OutputArea img", "alt")
