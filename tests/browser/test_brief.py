"""The brief in a real browser: four answers, dots that open their cases, and a slider that says what was counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import aura_analytics as aura
from aura_analytics.widgets import ExplorerState, TunerState, write_brief

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
LOG = aura.sample_log(1_500, seed=3)
KEY = "pip.override_rate.threshold"


def test_four_answers(page: Page, tmp_path: Path) -> None:
    path = write_brief(LOG, tmp_path / "brief.html", policy="evidence_gated", worlds=3)
    page.goto(path.as_uri())
    page.wait_for_selector(".aura-brief[data-painted]")
    state = ExplorerState(LOG, "evidence_gated")
    state.pick("officer_anne@sba.gov")
    assert state.banner is not None
    who = page.inner_text(".who")
    assert "officer_anne@sba.gov" in who and all(said in who for said in (*state.banner.reasons, *state.banner.would_clear))
    assert page.locator(".who").count() == len(state.found(verdict="flag")) + len(state.found(verdict="watch"))
    # a dot for everybody with a number, of this window and of the one before
    assert state.as_of is not None and state.policy.window is not None
    before = aura.dossiers(LOG, state.as_of - state.policy.window, policy="evidence_gated")
    figure = page.locator("figure").first
    rated = state.board.filter(verdict="not_judged")["actor"]
    want = sum(
        one.filter(~one["actor"].is_in(rated.implode()))["override_rate"].is_not_null().sum() for one in (state.board, before)
    )
    assert figure.locator("circle[data-actor]").count() == want
    dot = figure.locator('circle[data-actor="officer_anne@sba.gov"]').first
    assert f"{100 * state.row['override_rate']:.1f} %" in (dot.get_attribute("aria-label") or "")
    dot.focus()
    page.keyboard.press("Enter")
    assert page.locator(".cases-of tbody tr").count() == min(40, state.cases("override_rate").height)
    assert state.cases("override_rate")["case_id"][0] in page.inner_text(".cases-of")
    # a dot of the window before opens that window's cases
    assert state.as_of is not None and state.policy.window is not None
    older = figure.locator('circle[data-actor="officer_anne@sba.gov"]').nth(1)
    then = before.filter(actor="officer_anne@sba.gov")["override_rate_n"].item()
    assert f"n = {then}" in (older.get_attribute("aria-label") or "")
    older.focus()
    page.keyboard.press("Enter")
    assert f"{then} observations" in page.inner_text(".cases-of p")
    ended = state.as_of - state.policy.window
    assert f"up to {ended:%Y-%m-%d}" in page.inner_text(".cases-of h3")
    # the button shows what the verdict rests on
    page.locator(".who button").first.click()
    assert page.input_value(".cases-of select") == "override_rate"
    # the slider
    text = page.inner_text(".big")
    slider = page.locator("input[type=range]")
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    moved = page.inner_text(".big")
    assert moved != text and "within" in moved
    line = float(page.get_attribute(".aura-brief", "data-line") or "nan")
    tuner = TunerState(LOG, "evidence_gated", scenario="loan_forgiveness", worlds=3)
    tuner.set(KEY, line)
    assert tuner.errors is not None
    false = 100 * tuner.errors["falsely"]
    assert 0 <= false <= 100
    assert f"accuses {false:.0f}" in moved or f"accuses {false:.1f}" in moved
    flagged = re.search(r"Here it would flag (\d+|nobody)", page.inner_text(".aura-brief"))
    assert flagged is not None and flagged[1] == (str(len(tuner.flagged)) if tuner.flagged else "nobody")
    page.screenshot(path=tmp_path / "brief.png", full_page=True)


def test_phones_and_names(page: Page, tmp_path: Path) -> None:
    import polars as pl

    evil = '<img src=x onerror="document.title=1">'
    log = LOG.with_columns(actor=pl.col("actor").replace("officer_anne@sba.gov", evil))
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(write_brief(log, tmp_path / "brief.html", policy="evidence_gated", worlds=1).as_uri())
    page.wait_for_selector(".aura-brief[data-painted]")
    assert page.locator("img").count() == 0 and evil in page.inner_text(".who")
    assert page.evaluate("document.documentElement.scrollWidth <= 390")


def test_rules_over_time_and_rules_that_only_look(page: Page, tmp_path: Path) -> None:
    rules = [{"id": "r", "when": {"metric": "override_rate", "above": 0.3}}]
    lasting = aura.Policy({"name": "lasting", "persistence": {"k": 2, "m": 3, "step": "20d"}, "window": "60d", "rules": rules})
    page.goto(write_brief(LOG, tmp_path / "brief.html", policy=lasting, worlds=1).as_uri())
    page.wait_for_selector(".aura-brief[data-painted]")
    state = json.loads(page.locator("#state").text_content() or "{}")
    tuner = TunerState(LOG, lasting, scenario="loan_forgiveness", worlds=1)
    assert tuner.errors is not None  # with persistence they can be
    stands = state["curve"]["value"].index(state["curve"]["stands"])
    assert state["curve"]["false"][stands] == pytest.approx(100 * tuner.errors["falsely"])
    looking = aura.Policy({"name": "l", "rules": [{**rules[0], "at_most": "watch"}]})
    page.goto(write_brief(LOG, tmp_path / "brief.html", policy=looking, worlds=1).as_uri())
    page.wait_for_selector(".aura-brief[data-painted]")
    assert "It flags nobody" in page.inner_text(".aura-brief")


def test_every_place_of_the_slider_is_that_threshold(tmp_path: Path) -> None:
    path = write_brief(LOG, tmp_path / "brief.html", policy="tracker", worlds=1)
    held = json.loads(path.read_text("utf-8").split('id="state">')[1].split("</script>")[0])["curve"]
    tuner = TunerState(LOG, "tracker")
    for value, flagged in zip(held["value"], held["flagged"], strict=True):
        tuner.set(KEY, value)
        assert tuner.flagged == flagged, value
