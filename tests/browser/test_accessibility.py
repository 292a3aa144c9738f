"""What axe finds on the pages, in the light and in the dark: nothing. And narrow panels, phones and 200 % hold them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aura_analytics as aura
from aura_analytics.hr.plans import draft_plan
from aura_analytics.widgets import DossierExplorer, ScenarioRunner, ThresholdTuner, write_brief

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
NAMES = ("brief", "explorer", "plan", "report", "runner", "tuner")
RUN = "axe.run(document, { resultTypes: ['violations'] })"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, log = tmp_path_factory.mktemp("pages"), aura.sample_log(1_500, seed=3)
    aura.write_report(log, folder / "report.html", policy="evidence_gated", compare="tracker", sla="72h")
    DossierExplorer(log, "evidence_gated", sla="72h").export_html(folder / "explorer.html")
    tuner = ThresholdTuner(log, "evidence_gated", scenario="loan_forgiveness", worlds=2)
    tuner.asked = {"keep": "as saved", "at": 1}
    tuner.export_html(folder / "tuner.html")
    write_brief(log, folder / "brief.html", policy="evidence_gated", worlds=2)
    draft_plan(aura.sample_log(seed=7), "officer_anne@sba.gov", "evidence_gated").write(folder / "plan.html")
    runner = ScenarioRunner("fraud_unit", worlds=2)
    state = {
        name: runner.trait_values()[name]
        for name in ("world", "settings", "progress", "result", "said", "answered", "here", "heard")
    }
    runner._page(folder / "runner.html", "runner", state)
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(browser: Browser, pages: Path, name: str, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto((pages / f"{name}.html").as_uri())
    page.wait_for_timeout(400)
    page.evaluate((resources.files("axe_core_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(RUN)["violations"]
    page.close()
    assert not [(one["id"], one["nodes"][0]["html"][:160]) for one in found]


@pytest.mark.parametrize("width", [390, 550])
@pytest.mark.parametrize("name", NAMES)
def test_narrow_places(browser: Browser, pages: Path, name: str, width: int) -> None:
    """A phone, and a window of 1,100 at 200 %: nothing runs out to the side."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto((pages / f"{name}.html").as_uri())
    page.wait_for_timeout(300)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= width


@pytest.mark.parametrize("name", ["report", "plan", "brief"])
def test_on_paper_there_are_pages(browser: Browser, pages: Path, name: str, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    page.wait_for_timeout(300)
    page.pdf(path=tmp_path / "paper.pdf", format="A4", prefer_css_page_size=True)
    page.close()
    text = (tmp_path / "paper.pdf").read_bytes()
    assert text.startswith(b"%PDF") and text.count(b"/Type /Page\n") >= (3 if name == "report" else 1)


def test_points_of_the_report_open_the_person(browser: Browser, pages: Path) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto((pages / "report.html").as_uri())
    link = page.locator('a[href="#actor-1"] path').first
    assert "officer_anne@sba.gov" in (link.locator("title").text_content() or "")
    link.click(force=True)
    assert page.url.endswith("#actor-1")
    page.close()
