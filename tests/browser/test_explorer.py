"""The exported explorer in a real browser: found by typing, opened by keys, every number with its cases, and nothing leaves the
machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.widgets import DossierExplorer

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
EVIL = '</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def explorer() -> DossierExplorer:
    return DossierExplorer(aura.sample_log(1_500, seed=3), "evidence_gated", sla="72h")


def open_page(page: Page, explorer: DossierExplorer, folder: Path) -> None:
    page.goto(explorer.export_html(folder / "explorer.html").as_uri())
    page.wait_for_selector(".aura-explorer[data-opened]")


def test_found_by_typing_and_opened_by_keys(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    open_page(page, explorer, tmp_path)
    assert page.inner_text(".name") == explorer.state.board["actor"][0]
    page.fill("input[type=search]", "CLAIMS")
    names = page.locator(".people li").evaluate_all("items => items.map((item) => item.dataset.actor)")
    assert names == explorer.state.found("claims") and len(names) == 2
    page.focus(".people ul")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f'.aura-explorer[data-actor="{names[0]}"]')
    page.keyboard.press("End")
    page.wait_for_selector(f'.aura-explorer[data-actor="{names[1]}"]')
    assert page.locator('.people li[aria-selected="true"]').count() == 1
    assert page.get_attribute(".people ul", "aria-activedescendant") == page.get_attribute('.people li[aria-selected="true"]', "id")
    explorer.state.pick(names[1])
    shown = page.locator(".card b").all_inner_texts()
    assert [text.strip() for text in shown] == [f"{card['value']} {card['unit']}".strip() for card in explorer.state.cards]
    page.fill("input[type=search]", "zzz")
    assert "Nobody is called that" in page.inner_text(".more")
    page.fill("input[type=search]", "")
    page.select_option("select.verdict", "clear")
    assert page.locator(".people li").count() == len(explorer.state.found(verdict="clear"))


def test_every_card_shows_its_cases_and_its_series(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    explorer.state.pick("officer_anne@sba.gov")
    open_page(page, explorer, tmp_path)
    for card in explorer.state.cards:
        page.focus(f'.card[data-metric="{card["metric"]}"]')
        page.keyboard.press("Enter")
        behind = explorer.state.cases(card["metric"])
        assert f"Behind {card['title']}: {behind.height:,} observations" in page.inner_text(".behind-title")
        rows = page.locator(".scroll tbody tr")
        assert rows.count() == min(40, behind.height)
        if behind.height:
            assert rows.first.locator("td").first.inner_text() == (behind["case_id"][0] or "")
        drawn = page.locator("figure svg").count()
        assert drawn == (card["metric"] in explorer.state.series), card
        if drawn:
            assert card["title"] in (page.get_attribute("figure svg", "aria-label") or "")
        assert page.get_attribute(f'.card[data-metric="{card["metric"]}"]', "aria-pressed") == "true"
        assert page.evaluate("document.activeElement.dataset.metric") == card["metric"]  # the keys stay where they are
    page.screenshot(path=tmp_path / "explorer.png")


def test_the_banner_and_nothing_to_press_without_a_kernel(page: Page, tmp_path: Path) -> None:
    explorer = DossierExplorer(aura.sample_log(seed=7), "evidence_gated")
    open_page(page, explorer, tmp_path)
    banner = explorer.state.banner
    assert banner is not None
    text = page.inner_text(".banner")
    assert all(part in text for part in (*banner.reasons, *banner.would_clear)) and "improvement plan is recommended" in text
    red = page.evaluate("getComputedStyle(document.querySelector('.banner')).borderLeftColor")
    assert red == "rgb(179, 38, 30)"
    assert page.locator(".banner button").count() == 0
    page.locator(".people li", has_text="clear").first.click()
    assert page.locator(".banner").is_hidden()


def test_names_are_text(page: Page, tmp_path: Path) -> None:
    log = aura.sample_log(800, seed=3).with_columns(actor=pl.col("actor").replace("officer_anne@sba.gov", EVIL))
    explorer = DossierExplorer(log, "evidence_gated")
    explorer.state.pick(EVIL)
    open_page(page, explorer, tmp_path)
    assert page.inner_text(".name") == EVIL and page.locator("img").count() == 0 and page.title() == explorer.title


def test_dark_pages_and_phones(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    open_page(page, explorer, tmp_path)
    assert page.locator(".aura-explorer.dark").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
    page.screenshot(path=tmp_path / "phone.png", full_page=True)


def test_the_table_of_reliance_and_the_card_are_on_the_page(page: Page, tmp_path: Path) -> None:
    run = aura.simulate("fraud_unit", seed=3, days=90)
    explorer = DossierExplorer(run)
    page.goto(explorer.export_html(tmp_path / "explorer.html").as_uri())
    box = page.locator(".reliance")
    box.locator("td").first.wait_for()
    row = aura.reliance(run).filter(actor="rubber_stamp").row(0, named=True)
    cells = ["accepted_right", "accepted_wrong", "overridden_right", "overridden_wrong"]
    assert [text.strip() for text in box.locator("td b").all_inner_texts()] == [str(row[name]) for name in cells]
    assert "verdicts were judged" in box.inner_text()
    page.locator(".show-wrong").click()
    assert page.inner_text(".behind-title").startswith("Behind Accepted although wrong")
    page.locator(".rule summary").click()
    assert page.locator(".rule li").count() == 3
    assert page.locator(".draw-audits").count() == 0  # nothing to ask without a kernel
