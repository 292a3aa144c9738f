"""Benchmark of the threshold tuner in a browser: from a move of a slider to the paint, in the exported page and in a real
JupyterLab.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aura_analytics as aura
from aura_analytics.widgets import ThresholdTuner
from tests.browser.conftest import launched
from tests.browser.lab import run_first, serving, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

_KEY = "pip.override_rate.threshold"
_MOVES = 120
_CASES = 19  # of every officer: with 10,000 of them a million events
# a move, then the frame that shows it: the second callback comes after that frame was painted; the kernel answers in between, as it
# does in use
_TIMED = """async ([key, moves]) => {
  const input = document.querySelector(`.aura-tuner input[data-key="${key}"]`), spent = [];
  const frame = () => new Promise((done) => requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); }));
  for (let i = 0; i < moves; i++) {
    const begun = performance.now();
    input.value = 0.10 + 0.5 * ((i * 7) % moves) / moves;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
    spent.push(performance.now() - begun);
    await new Promise((done) => setTimeout(done, 20 + (i * 37) % 120));
  }
  return spent;
}"""  # noqa: E501
_CELL = """import polars as pl
from aura_analytics.widgets import ThresholdTuner

tuner = ThresholdTuner(pl.read_parquet("events.parquet"), "evidence_gated")
tuner"""


def world(officers: int) -> aura.Scenario:
    """Many officers with few cases each."""
    return aura.Scenario.read(
        {
            "name": "many",
            "days": 60,
            "queues": [{"name": "claims", "per_day": officers * _CASES / 60}],
            "agents": [{"name": "model", "accuracy": 0.85}],
            "officers": [
                {
                    "name": "officer",
                    "count": officers * 9 // 10,
                    "service": {"minutes": 30},
                    "overrides_wrong": 0.8,
                    "overrides_right": 0.1,
                },
                {
                    "name": "strict",
                    "count": officers // 10,
                    "service": {"minutes": 30},
                    "overrides_wrong": 0.7,
                    "overrides_right": 0.5,
                    "bad": True,
                },
            ],
            "citizens": {"response": 0.5},
        }
    )


def _timed(page: Page) -> dict[str, float]:
    page.evaluate(_TIMED, [_KEY, 10])
    spent = sorted(page.evaluate(_TIMED, [_KEY, _MOVES]))
    return {"median_ms": statistics.median(spent), "p95_ms": spent[int(0.95 * len(spent))]}


def slider(_path: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds from the move to the paint with 10,000 actors and a million events behind them; `rounds` is not used: every
    move is one.
    """
    del rounds
    events = aura.simulate(world(10_000), 1, ordered=False).events
    tuner = ThresholdTuner(events, "evidence_gated")
    with tempfile.TemporaryDirectory() as name, launched() as browser:
        folder = Path(name)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(tuner.export_html(folder / "tuner.html").as_uri())
        page.wait_for_selector(".aura-tuner[data-painted]")
        alone = _timed(page)
        page.close()
        events.write_parquet(folder / "events.parquet")
        write_notebook(folder / "tuner.ipynb", [_CELL])
        with serving(folder) as server:
            page = browser.new_page(viewport={"width": 1300, "height": 1000})
            run_first(page, server, "tuner", ".aura-tuner[data-painted]")
            lab = _timed(page)
            answered = page.evaluate("Number(document.querySelector('.aura-tuner').dataset.answered)") > 0
            page.close()
    assert answered  # the kernel took part
    return {
        "actors": tuner.state.actors.len(),
        "events": events.height,
        "actors_judged": int((~tuner.state.silent).sum()),
        **{f"page_{key}": value for key, value in alone.items()},
        **{f"lab_{key}": value for key, value in lab.items()},
    }
