"""The tuner in a real JupyterLab, driven by keys, without a request to anywhere else."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nbformat.v4 import new_code_cell, new_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
CODE = """import aura_analytics as aura
from aura_analytics.widgets import ThresholdTuner

tuner = ThresholdTuner(aura.sample_log(1_500, seed=3))
tuner"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    cells = [
        new_code_cell(CODE),  # type: ignore[no-untyped-call]
        new_code_cell(  # type: ignore[no-untyped-call]
            "tuner.state.set('window', '30d'); print('kernel:', tuner.state.policy.spec.rules[0].when.all[0].above)"
        ),
    ]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (folder / "tuner.ipynb").write_text(json.dumps(new_notebook(cells=cells, metadata=python)))  # type: ignore[no-untyped-call]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--ServerApp.port={port}", "--ServerApp.open_browser=False", "--IdentityProvider.token=", "--ServerApp.allow_root=True",
               f"--ServerApp.root_dir={folder}", "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]  # fmt: skip
    home = {
        **os.environ,
        "HOME": str(folder / "home"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "run"),
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=1)
            break
        except OSError:
            time.sleep(0.25)
    yield address
    running.terminate()
    running.wait(20)


def test_the_tuner_in_jupyterlab(browser: Browser, server: str, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    outside: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((server, "data:", "blob:")) else outside.append(request.url))
    page.goto(f"{server}/lab/tree/tuner.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".aura-tuner[data-painted]", timeout=90_000)
    before = page.inner_text(".aura-tuner .said")
    for key, move, times in (("pip.override_rate.threshold", "ArrowLeft", 22), ("pip.sat_score_mean.threshold", "ArrowRight", 10)):
        page.focus(f'.aura-tuner input[data-key="{key}"]')
        for _ in range(times):
            page.keyboard.press(move)
    page.wait_for_function("Number(document.querySelector('.aura-tuner').dataset.answered) > 0", timeout=20_000)
    after = page.inner_text(".aura-tuner .said")
    assert before != after and "enter" in after and page.locator(".aura-tuner .error:visible").count() == 0
    page.wait_for_function(
        "document.querySelectorAll('.aura-tuner .changes li').length > 0 && /limit/.test(document.querySelector('.aura-tuner .changes').textContent)"
    )
    page.screenshot(path=tmp_path / "lab.png")
    page.select_option('.aura-tuner select[data-key="pip.override_rate.confidence"]', "0.8")
    # what the sliders say is what the kernel has
    page.locator(".jp-Notebook .jp-CodeCell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function("document.body.innerText.includes('kernel: 0.08')", timeout=30_000)
    page.close()
    assert not outside
