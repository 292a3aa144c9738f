"""The report as people see it: offline, light and dark, on a phone, in print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import aura_analytics as aura

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aura.write_report(aura.sample_log(seed=7), tmp_path_factory.mktemp("report") / "report.html", sla="72h")


def _open(browser: Browser, report: Path, **options: Any) -> tuple[Page, list[str]]:
    page = browser.new_page(**options)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(f"error {error}"))
    page.on("console", lambda message: asked.append(f"console {message.text}") if message.type == "error" else None)
    page.goto(report.as_uri())
    return page, asked


def test_asks_for_nothing_but_itself(browser: Browser, report: Path) -> None:
    page, asked = _open(browser, report)
    assert asked == [report.as_uri()]
    assert page.locator("h1").inner_text() == "Oversight report"
    assert page.locator(".chart svg").count() >= 4
    assert page.locator("section.actor").count() >= 1
    page.close()


def test_light_and_dark(browser: Browser, report: Path) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page, _ = _open(browser, report, color_scheme=scheme)
        script = """() => {
          const style = (e) => getComputedStyle(e);
          const text = document.querySelector('.chart svg text');
          return [style(document.body).backgroundColor, style(document.body).color, style(text).fill];
        }"""
        colours[scheme] = page.evaluate(script)
        page.close()
    assert colours["light"][0] == "rgb(255, 255, 255)"
    assert colours["dark"][0] == "rgb(20, 23, 27)"
    # the ink of text and of charts follows the scheme
    for part in (1, 2):
        assert colours["light"][part] != colours["dark"][part]
    assert colours["dark"][2] in ("rgb(236, 239, 243)", "rgb(162, 171, 182)")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, report: Path, width: int) -> None:
    page, _ = _open(browser, report, viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    names = page.locator("tbody th").first.bounding_box()
    assert names is not None and names["width"] > 60  # names are not squeezed to a letter a line
    page.close()


def test_print_has_a_page_per_flagged_actor(browser: Browser, report: Path) -> None:
    page, _ = _open(browser, report)
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.evaluate("getComputedStyle(document.querySelector('section.actor')).breakBefore") == "page"
    assert page.pdf(format="A4")[:5] == b"%PDF-"
    page.close()


def test_links_lead_to_the_actor(browser: Browser, report: Path) -> None:
    page, _ = _open(browser, report)
    page.locator("nav a", has_text="officer_anne").click()
    assert page.locator(":target h2").inner_text() == "officer_anne@sba.gov"
    page.close()
