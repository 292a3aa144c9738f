"""The exported explorer in a real browser: found by typing, opened by keys, every number with its cases, and nothing leaves the
machine.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
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


def names(page: Page) -> list[str]:
    found: list[str] = page.locator(".board tr[data-actor]").evaluate_all("rows => rows.map((row) => row.dataset.actor)")
    return found


def test_found_by_typing_and_opened_by_keys(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    open_page(page, explorer, tmp_path)
    assert page.inner_text(".name") == explorer.state.board["actor"][0]
    page.fill(".search", "CLAIMS")
    found = names(page)
    assert found == explorer.state.found("claims") and len(found) == 2
    page.focus(f'.board tr[data-actor="{found[0]}"]')
    page.keyboard.press("End")
    page.wait_for_selector(f'.aura-explorer[data-actor="{found[1]}"]')
    page.keyboard.press("Home")
    page.wait_for_selector(f'.aura-explorer[data-actor="{found[0]}"]')
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f'.aura-explorer[data-actor="{found[1]}"]')
    assert page.locator('.board tr[aria-selected="true"]').count() == 1
    assert page.evaluate("document.activeElement.dataset.actor") == found[1]
    explorer.state.pick(found[1])
    shown = page.locator(".card b").all_inner_texts()
    assert [text.strip() for text in shown] == [f"{card['value']} {card['unit']}".strip() for card in explorer.state.cards]
    page.fill(".search", "zzz")
    assert "Nobody is like that" in page.inner_text(".more")
    page.fill(".search", "")
    page.select_option(".by-verdict", "clear")
    assert sorted(names(page)) == sorted(explorer.state.found(verdict="clear"))
    assert "not flagged" in page.inner_text(".board tbody") and "clear" not in page.inner_text(".board tbody")


def test_the_table_is_sorted_and_who_has_no_number_is_last(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    open_page(page, explorer, tmp_path)
    board = explorer.state.board
    known = board.filter(pl.col("sat_score_mean_n") > 0)
    unknown = set(board["actor"]) - set(known["actor"])
    assert unknown
    for descending in (True, False):
        page.locator('th[data-sort="sat_score_mean"] button').click()
        order = names(page)
        want = known.sort("sat_score_mean", descending=descending)["actor"].to_list()
        assert order[: len(want)] == want and set(order[len(want) :]) == unknown
        words = "descending" if descending else "ascending"
        assert page.get_attribute('th[data-sort="sat_score_mean"]', "aria-sort") == words
    state = explorer.state
    assert state.as_of is not None and state.policy.window is not None
    inside = state.events.filter(pl.col("ts") > state.as_of - state.policy.window).collect()
    queue = inside["queue"].drop_nulls().unique().sort()[0]
    page.select_option(".by-queue", queue)
    assert set(names(page)) == set(inside.filter(queue=queue)["actor"].drop_nulls()) & set(board["actor"])


def test_a_link_shows_the_same(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    open_page(page, explorer, tmp_path)
    page.fill(".search", "officer")
    page.locator('th[data-sort="override_rate"] button').click()
    page.locator(".board tr[data-actor]").nth(2).click()
    opened, order = page.inner_text(".name"), names(page)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector(f'.aura-explorer[data-actor="{opened}"]')
    assert page.inner_text(".name") == opened and names(page) == order
    assert page.input_value(".search") == "officer" and page.get_attribute('th[data-sort="override_rate"]', "aria-sort")


def test_what_is_seen_can_be_saved(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    open_page(page, explorer, tmp_path)
    page.select_option(".by-verdict", "clear")
    page.locator('th[data-sort="override_rate"] button').click()
    with page.expect_download() as download:
        page.locator(".save-csv").click()
    saved = pl.read_csv(download.value.path())
    assert saved["actor"].to_list() == names(page)
    want = explorer.state.board.filter(verdict="clear").sort("override_rate", descending=True)
    assert saved["override_rate"].to_list() == pytest.approx(want["override_rate"].to_list(), rel=1e-6)


def test_every_card_shows_its_cases_and_its_series(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    explorer.state.pick("officer_anne@sba.gov")
    open_page(page, explorer, tmp_path)
    for card in explorer.state.cards:
        page.focus(f'.card[data-metric="{card["metric"]}"]')
        page.keyboard.press("Enter")
        behind = explorer.state.cases(card["metric"])
        assert f"Behind {card['title']}: {behind.height:,} observation" in page.inner_text(".behind-title")
        rows = page.locator(".cases tbody tr")
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
    page.locator(".board tr", has_text="not flagged").first.click()
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
    assert page.inner_text(".behind-title").startswith("Accepted although wrong, only these: ")
    assert set(page.locator(".cases tbody td:nth-child(3)").all_inner_texts()) == {"yes"}
    page.locator(".rule summary").click()
    said = [text.split(" ", 2)[:2] for text in page.locator(".rule li").all_inner_texts()]
    assert said == [["In", "400"]] * 3 + [["Read", "every"]] * 4  # worlds of three scenarios, and four rules read daily
    assert page.locator(".draw-audits").count() == 0  # nothing to ask without a kernel


def test_names_and_verdicts_sort_as_they_say_and_the_unknown_stay_last(
    page: Page, explorer: DossierExplorer, tmp_path: Path
) -> None:
    open_page(page, explorer, tmp_path)
    for way in ("ascending", "descending"):
        page.locator('th[data-sort="actor"] button').click()
        assert page.get_attribute('th[data-sort="actor"]', "aria-sort") == way
        assert names(page) == sorted(names(page), reverse=way == "descending")
    known = set(explorer.state.board.filter(pl.col("verdict").is_in(["flag", "watch", "clear"]))["actor"])
    for _ in range(2):
        page.locator('th[data-sort="verdict"] button').click()
        assert set(names(page)[: len(known)]) == known


def test_old_and_edited_links(page: Page, explorer: DossierExplorer, tmp_path: Path) -> None:
    url = explorer.export_html(tmp_path / "explorer.html").as_uri()
    page.goto(f"{url}#sort=nonsense")
    page.wait_for_selector(".aura-explorer[data-opened]")
    page.evaluate("location.hash = 'actor=officer_farid%40sba.gov'")
    page.wait_for_selector('.aura-explorer[data-actor="officer_farid@sba.gov"]')
    assert "officer_farid" in page.url


def test_numbers_are_rounded_as_python_rounds(page: Page, tmp_path: Path) -> None:
    start = datetime(2026, 3, 1, tzinfo=timezone.utc)
    rows = [
        {
            "ts": start + timedelta(days=i),
            "type": "OVERRIDE" if i == 0 else "DECISION",
            "actor": "sixteenth",
            "actor_kind": "officer",
            "case_id": f"c{i}",
            "agent": "m",
            "ai_recommendation": "A",
            "human_verdict": "B" if i == 0 else "A",
        }
        for i in range(16)
    ]
    explorer = DossierExplorer(rows, "evidence_gated")
    open_page(page, explorer, tmp_path)
    card = page.inner_text('.card[data-metric="override_rate"] b').strip()
    assert card == "6.2 %" and card in page.inner_text('.board tr[data-actor="sixteenth"]')
    assert "NaN" not in page.locator(".aura-explorer").inner_html().split("</style>")[1]
