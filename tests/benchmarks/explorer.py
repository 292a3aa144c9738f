"""Benchmark of the dossier explorer: opened on a ledger of a million events, sorted and filtered with 10,000 actors in a browser,
and written as a page of thousands of dossiers.
"""

from __future__ import annotations

import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aura_analytics as aura
from aura_analytics.widgets import DossierExplorer
from aura_analytics.widgets.explorer.payload import looks_of
from aura_analytics.widgets.shared.view import write_page
from tests.benchmarks.slider import world
from tests.browser.conftest import launched

_TIMED = """async (acts) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => { const channel = new MessageChannel(); channel.port1.onmessage = done; channel.port2.postMessage(0); }));
  const spent = [];
  for (let i = 0; i < acts; i++) {
    const begun = performance.now();
    if (i % 2) { const box = document.querySelector(".search"); box.value = i % 4 === 1 ? "strict" : ""; box.dispatchEvent(new Event("input", { bubbles: true })); }
    else document.querySelectorAll(".board th[data-sort] button")[2 + ((i / 2) % 3)].click();
    await frame();
    spent.push(performance.now() - begun);
  }
  return spent;
}"""  # noqa: E501


def explorer(_path: Path, rounds: int) -> dict[str, Any]:
    """Seconds to open, milliseconds from a press to the paint, and what a page of 5,000 dossiers costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = aura.Ledger(folder / "aura.db")
        ledger.record_events(aura.simulate(world(10_000), 1, ordered=False).events)
        DossierExplorer(ledger, follow=None)  # the mirror is made, and everything is loaded
        opened = []
        for _ in range(rounds):
            begun = time.perf_counter()
            view = DossierExplorer(ledger, follow=None)
            opened.append(time.perf_counter() - begun)
        people = view._people()
        for arrays in people["arrays"].values():
            arrays.update({part: base64.b64encode(packed).decode() for part, packed in arrays.items()})
        empty: dict[str, Any] = {
            part: {} for part in ("detail", "behind", "plan", "audits", "beside", "sparks", "line", "download")
        }
        shown = {"people": people, "looks": looks_of(view.state), "card": [], "said": "", "author": "", "live": False}
        told = {"here": 0, "heard": 0, "answered": 0, "opened": None}
        page = write_page(folder / "board.html", "explorer", "Everybody", "", {**empty, **shown, **told})
        with launched() as browser:
            seen = browser.new_page(viewport={"width": 1300, "height": 900})
            seen.goto(page.as_uri())
            seen.wait_for_selector(".board tr[data-actor]")
            seen.evaluate(_TIMED, 8)
            spent = sorted(seen.evaluate(_TIMED, 120))
        return {
            "actors": view.state.board.height,
            "events": len(ledger),
            "open_s": statistics.median(opened),
            "sort_or_filter_median_ms": statistics.median(spent),
            "sort_or_filter_p95_ms": spent[int(0.95 * len(spent))],
            **_page_of_5000(folder),
        }


def _page_of_5000(folder: Path) -> dict[str, Any]:
    """CPU seconds and the largest memory of `aura export`, a process of its own, from a ledger and from Parquet."""
    events = aura.simulate(world(5_000), 1, ordered=False).events
    events.write_parquet(folder / "many.parquet")
    aura.Ledger(folder / "many.db").record_events(events)
    aura.dossiers(aura.Ledger(folder / "many.db"))  # the mirror is made
    spent: dict[str, Any] = {"page_events": events.height}
    for source in ("many.db", "many.parquet"):
        command = [sys.executable, "-m", "aura_analytics", "export", str(folder / source), "--page", "explorer"]
        page = folder / f"{source}.html"
        child = subprocess.Popen([*command, "--most", "5000", "--out", str(page)], stdout=subprocess.DEVNULL)
        _, code, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(code)
        assert child.returncode == 0
        kind = source.removeprefix("many.")
        spent[f"page_from_{kind}_cpu_s"] = used.ru_utime + used.ru_stime
        spent[f"page_from_{kind}_peak_mb"] = used.ru_maxrss * 1024 / 1e6
        spent[f"page_from_{kind}_mb"] = page.stat().st_size / 1e6
    return spent
