"""The widgets in a real JupyterLab, driven by keys, without a request to anywhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import aura_analytics as aura
from tests.browser.lab import run_first, run_second, serving, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
NOTEBOOKS = {
    "tuner": [
        """import aura_analytics as aura
from aura_analytics.widgets import ThresholdTuner

world = aura.Scenario.from_yaml(aura.simulation.scenario.shipped()["loan_forgiveness"]).for_days(120)
tuner = ThresholdTuner(aura.sample_log(1_500, seed=3), "evidence_gated", scenario=world, worlds=4)
tuner""",
        "tuner.state.set('window', '30d'); print('kernel:', tuner.state.policy.spec.rules[0].when.all[0].threshold)",
    ],
    "explorer": [
        """import aura_analytics as aura
from aura_analytics.widgets import DossierExplorer

ledger = aura.Ledger("sqlite:///aura.db", mirror=False)
DossierExplorer(ledger, "evidence_gated", follow=0.2)"""
    ],
    "runner": [
        """from aura_analytics.widgets import ScenarioRunner

runner = ScenarioRunner("loan_forgiveness", worlds=500)
runner""",
        "print('kernel:', runner.state.result.worlds, runner.state.result.complete)",
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lab")
    with aura.Ledger(f"sqlite:///{made}/aura.db", mirror=False) as ledger:
        ledger.record_events(aura.sample_log(seed=7))
    for name, cells in NOTEBOOKS.items():
        write_notebook(made / f"{name}.ipynb", cells)
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


def test_the_tuner(page: Page, server: str, tmp_path: Path) -> None:
    run_first(page, server, "tuner", ".aura-tuner[data-painted]")
    before = page.inner_text(".aura-tuner .said >> nth=0")
    for key, move, times in (("pip.override_rate.threshold", "ArrowLeft", 22), ("pip.sat_score_mean.threshold", "ArrowRight", 10)):
        page.focus(f'.aura-tuner input[data-key="{key}"]')
        for _ in range(times):
            page.keyboard.press(move)
    page.wait_for_function("Number(document.querySelector('.aura-tuner').dataset.answered) > 0", timeout=20_000)
    after = page.inner_text(".aura-tuner .said >> nth=0")
    assert before != after and "enter" in after and page.locator(".aura-tuner .error:visible").count() == 0
    page.wait_for_function(
        "document.querySelectorAll('.aura-tuner .changes tbody tr').length > 0 && /limit/.test(document.querySelector('.aura-tuner .changes').textContent)"  # noqa: E501
    )
    # the errors beside the saved policy's, and what the threshold costs
    assert "(saved: " in page.inner_text(".aura-tuner .cards")
    page.wait_for_function(
        "/Satisfaction.*least cost/.test(document.querySelector('.aura-tuner .cost-said').textContent)", timeout=30_000
    )
    said = page.inner_text(".aura-tuner .cost-said")
    page.focus(".aura-tuner .weight")
    page.keyboard.press("End")
    assert page.inner_text(".aura-tuner .cost-said") != said and page.locator(".aura-tuner .costs svg").count() == 1
    # the policy as a file, with who set it; nobody is refused
    page.focus(".aura-tuner .save")
    page.keyboard.press("Enter")
    page.wait_for_selector(".aura-tuner .error:visible")
    page.fill(".aura-tuner .author", "R. Roe")
    page.focus(".aura-tuner .save")
    page.keyboard.press("Enter")
    page.wait_for_selector(".aura-tuner .yaml:visible")
    text = page.inner_text(".aura-tuner .yaml")
    assert "by R. Roe on" in text and "above: 0.08" in text and "false flags per officer-year" in text
    assert page.locator(".aura-tuner .error:visible").count() == 0
    page.locator(".aura-tuner").screenshot(path=tmp_path / "lab.png")
    page.select_option('.aura-tuner select[data-key="pip.override_rate.confidence"]', "0.8")
    # what the sliders say is what the kernel has
    run_second(page)
    page.wait_for_function("document.body.innerText.includes('kernel: 0.08')", timeout=30_000)


def test_the_explorer_follows_a_ledger_and_starts_a_plan(page: Page, server: str, folder: Path, tmp_path: Path) -> None:
    run_first(page, server, "explorer", ".aura-explorer[data-opened]")
    assert page.inner_text(".aura-explorer .name") == "officer_anne@sba.gov"
    page.focus('.aura-explorer .card[data-metric="sat_score_mean"]')
    page.keyboard.press("Enter")
    page.wait_for_selector('.aura-explorer[data-behind="sat_score_mean"]')
    rows = page.locator(".aura-explorer .cases tbody tr").count()
    with aura.Ledger(f"sqlite:///{folder}/aura.db", mirror=False) as ledger:
        # another process records a rating: the card, its cases and the series follow
        at = ledger.info().last
        log = ledger.events().collect()
        rated = log.filter(pl.col("type") == "SAT_SCORE")["case_id"]
        own = (pl.col("actor") == "officer_anne@sba.gov") & (pl.col("type") == "OVERRIDE")
        cases = log.filter(own & ~pl.col("case_id").is_in(rated.implode()))["case_id"].unique(maintain_order=True)
        ledger.record_event({"type": "SAT_SCORE", "case_id": cases[-1], "value": 1, "ts": at})
        page.wait_for_function(f"document.querySelectorAll('.aura-explorer .cases tbody tr').length === {rows + 1}", timeout=20_000)
        assert "n = 65" in page.inner_text('.aura-explorer .card[data-metric="sat_score_mean"]')
        # what is being typed stays as it is, the caret too, while the evidence beside it changes
        page.fill(".aura-explorer .days", "45")
        page.fill(".aura-explorer .author", "R. Ro")
        page.focus(".aura-explorer .author")
        page.keyboard.press("Home")
        ledger.record_event({"type": "SAT_SCORE", "case_id": cases[-2], "value": 2, "ts": at})
        page.wait_for_function("/n = 66/.test(document.querySelector('.aura-explorer .evidence').textContent)", timeout=20_000)
        page.keyboard.type("X")
        assert page.input_value(".aura-explorer .author") == "XR. Ro" and page.input_value(".aura-explorer .days") == "45"
        page.fill(".aura-explorer .author", "")
        # without a name it is refused, and said; with one it is a proposal
        page.focus(".aura-explorer .start")
        page.keyboard.press("Enter")
        page.wait_for_selector(".aura-explorer .error:visible")
        assert "who asks for the plan" in page.inner_text(".aura-explorer .error")
        page.focus(".aura-explorer .author")
        page.keyboard.type("R. Roe")
        page.keyboard.press("Shift+Tab")
        page.wait_for_selector(".aura-explorer .start:focus")
        page.keyboard.press("Enter")
        page.wait_for_selector(".aura-explorer .draft:visible", timeout=20_000)
        waiting = aura.HRDesk(ledger).pending().row(0, named=True)
        plan = json.loads(waiting["attributes"])["plan"]
        assert date.fromisoformat(plan["ends"]) - date.fromisoformat(plan["starts"]) == timedelta(days=45)
        assert waiting["actor"] == "officer_anne@sba.gov" and waiting["event_id"] in page.inner_text(".aura-explorer .recorded")
        page.wait_for_function(
            "/1 proposal/.test(document.querySelector('.aura-explorer .verdict-said').textContent)", timeout=20_000
        )
        assert page.locator(".aura-explorer .start").is_disabled() and "A proposal waits" in page.inner_text(".aura-explorer .way")
    assert "follows the ledger" in page.inner_text(".aura-explorer .said >> nth=0")
    page.locator(".aura-explorer").screenshot(path=tmp_path / "explorer.png")
    page.fill(".aura-explorer .search", "claims")
    page.focus(".aura-explorer .board tr[data-actor]")
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelector('.aura-explorer .name').textContent.startsWith('claims-model')", timeout=20_000)
    assert page.locator(".aura-explorer .banner").is_hidden() and page.locator(".aura-explorer .error:visible").count() == 0


def test_the_runner_runs_and_is_stopped(page: Page, server: str, tmp_path: Path) -> None:
    # in the dark from the start
    page.goto(f"{server}/lab")
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_selector('body[data-jp-theme-light="false"]', state="attached")
    page.wait_for_timeout(1_000)  # until the server has kept it
    run_first(page, server, "runner", ".aura-runner[data-running]")
    page.wait_for_selector(".aura-runner.dark")
    page.select_option('.aura-runner select[data-key="other"]', '"tracker"')
    page.focus('.aura-runner input[data-key="days"]')
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.focus(".aura-runner .start")
    page.keyboard.press("Enter")
    page.wait_for_selector('.aura-runner[data-running="true"]')
    assert page.evaluate("document.activeElement.className") == "stop"  # the keys go on where something can be done
    page.wait_for_function("Number(document.querySelector('.aura-runner').dataset.worlds) > 0", timeout=60_000)
    assert 0 < page.evaluate("document.querySelector('.aura-runner progress').value") < 1
    page.focus(".aura-runner .stop")
    page.keyboard.press("Enter")
    page.wait_for_selector('.aura-runner[data-running="false"]', timeout=30_000)
    assert page.inner_text(".aura-runner .doing") == "stopped"
    text = page.inner_text(".aura-runner .found")
    assert (
        "tracker" in text
        and "difference" in text
        and "of 500 worlds" in text
        and page.locator(".aura-runner figure svg").count() == 1
    )
    assert "over 360 days" in page.inner_text(".aura-runner .said >> nth=0")
    page.locator(".aura-runner").screenshot(path=tmp_path / "runner.png")
    worlds = page.evaluate("document.querySelector('.aura-runner').dataset.worlds")
    run_second(page)
    page.wait_for_function(f"document.body.innerText.includes('kernel: {worlds} False')", timeout=30_000)
