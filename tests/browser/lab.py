"""A real JupyterLab for tests: a server of its own, notebooks, and the first cell run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat.v4 import new_code_cell, new_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page


def write_notebook(path: Path, cells: list[str]) -> None:
    """A notebook with these cells, for the Python that runs here."""
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    found = new_notebook(cells=[new_code_cell(text) for text in cells], metadata=python)  # type: ignore[no-untyped-call]
    path.write_text(json.dumps(found))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A JupyterLab server over a folder; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.open_browser=False",
        "--IdentityProvider.token=",
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    home = {
        **os.environ,
        "HOME": str(folder / "home"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "run"),
        "PYTHONHASHSEED": "5",  # of the parts of one update the tuner's result comes before its settings
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options], env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    _FOLDERS[address] = folder
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=1)
            break
        except OSError:
            time.sleep(0.25)
    try:
        yield address
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:  # it waits for its kernels
            running.kill()
            running.wait(20)


_RUNS = """(before) => {
  const prompt = document.querySelector(".jp-Notebook .jp-Cell .jp-InputPrompt").innerText;
  return prompt === "[*]:" || prompt !== before;
}"""


_FOLDERS: dict[str, Path] = {}  # of the servers that run


def _without_outputs(path: Path) -> None:
    """The notebook as it was before anything ran.

    JupyterLab saves by itself every two minutes, and what it saved comes back when the notebook is opened: a widget of an earlier
    test, which a kernel that still runs answers for.
    """
    book = json.loads(path.read_text())
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    path.write_text(json.dumps(book))


def run_first(page: Page, server: str, name: str, ready: str) -> None:
    """Open a notebook and run its first cell, until something is there."""
    _without_outputs(_FOLDERS[server] / f"{name}.ipynb")
    page.goto(f"{server}/lab/tree/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    cell = page.locator(".jp-Notebook .jp-Cell").first
    cell.locator(".cm-content").click()  # its text: what it shows below takes keys itself
    before = cell.locator(".jp-InputPrompt").inner_text()
    page.keyboard.press("Shift+Enter")
    # what a kernel that still runs had shown before comes back by itself, and is gone once the cell runs again
    page.wait_for_function(_RUNS, arg=before, timeout=60_000)
    page.wait_for_selector(ready, timeout=90_000)
    # a click in the moment in which JupyterLab lays a new output out does not reach the page at all: no mousedown, on no element
    page.wait_for_timeout(1_000)


def click_until(page: Page, selector: str, shown: str) -> None:
    """Click until something is there: the browser may drop a click while the page is laid out anew."""
    from playwright.sync_api import TimeoutError as TimedOutError

    for _ in range(5):
        page.locator(selector).click()
        try:
            page.wait_for_selector(shown, timeout=6_000)
        except TimedOutError:
            continue
        return
    page.wait_for_selector(shown)


def run_second(page: Page) -> None:
    """Run the second cell of the notebook that is open."""
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    cell = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").nth(1)
    before = cell.locator(".jp-InputPrompt").inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(
        """(before) => [...document.querySelectorAll(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell")][1]
             .querySelector(".jp-InputPrompt").innerText !== before""",
        arg=before,
    )
