"""The Performance page in a real browser, on a real server: live, by keys, on a phone, dark, under a prefix, all by itself."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.service.conftest import Server, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


def events(actor: str, overrides: int, decisions: int, stars: int) -> str:
    rows: list[dict[str, Any]] = []
    for i in range(overrides + decisions):
        base = {"actor": actor, "case_id": f"{actor}/{i}"}
        day = 1 + i % 27
        rows.append({"type": "ASSIGNED", "ts": f"2026-01-{day:02}T09:00:00Z", **base})
        rows.append({"type": "OVERRIDE" if i < overrides else "DECISION", "ts": f"2026-01-{day:02}T15:00:00Z", **base})
        rows.append({"type": "RESOLVED", "ts": f"2026-01-{day:02}T16:00:00Z", **base})
        rows.append({"type": "SAT_SCORE", "value": stars, "ts": f"2026-01-{day:02}T18:00:00Z", **base})
    return "\n".join(map(json.dumps, rows))


@pytest.fixture(params=["", "/aura"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    told = {"AURA_MIRROR": str(tmp_path / "mirror")}
    arguments = ["--access", "open", "--policy", "tracker"]
    one = Server(f"sqlite:///{tmp_path}/aura.db", free_port(), told, arguments, tmp_path / "log")
    one.start()
    with httpx.Client(base_url=one.url) as client:
        for actor, *numbers in (("officer_anne@sba.gov", 21, 29, 2), ("officer_bob@sba.gov", 4, 46, 4)):
            assert client.post("/events", content=events(str(actor), *map(int, numbers))).status_code == 200
    if request.param:
        with _proxied(one, request.param):
            yield one
    else:
        yield one
    one.stop()


class _proxied:
    """A reverse proxy that shows the server under a prefix, which it takes away."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.server, self.prefix = server, prefix

    def __enter__(self) -> None:
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        inner, prefix = self.server.url, self.prefix

        class Proxy(BaseHTTPRequestHandler):
            def _pass(self) -> None:
                if not self.path.startswith(prefix + "/"):
                    self.send_error(404)
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
                with httpx.stream(self.command, inner + self.path[len(prefix) :], headers=asked, content=body, timeout=None) as got:
                    self.send_response(got.status_code)
                    for key, value in got.headers.items():
                        if key.lower() not in ("transfer-encoding", "connection"):
                            self.send_header(key, value)
                    self.send_header("Connection", "close")
                    self.end_headers()
                    with contextlib.suppress(OSError, httpx.HTTPError):
                        for part in got.iter_raw():
                            self.wfile.write(part)
                            self.wfile.flush()

            do_GET = do_POST = _pass

            def log_message(self, *_: object) -> None:
                pass

        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        self.proxy.daemon_threads = True
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()
        self.server.prefixed = f"http://127.0.0.1:{self.proxy.server_port}{prefix}/"  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        self.proxy.shutdown()


def opened(browser: Browser, server: Server, **options: Any) -> tuple[Page, list[str]]:
    """The page, and what goes wrong on it: errors, and requests that leave it."""
    page = browser.new_page(**options)
    wrong: list[str] = []
    address = getattr(server, "prefixed", f"{server.url}/")
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("data:", address)) else wrong.append(request.url))
    page.goto(address)
    page.get_by_text("Live.", exact=False).wait_for()
    return page, wrong


def violations(page: Page) -> list[tuple[str, list[str]]]:
    page.evaluate((resources.files("axe_core_python") / "axe.min.js").read_text("utf-8"))
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in page.evaluate("axe.run()")["violations"]]


def test_the_page_as_the_document_draws_it(browser: Browser, server: Server) -> None:
    page, wrong = opened(browser, server, viewport={"width": 1100, "height": 800})
    assert page.locator("thead th").all_inner_texts() == ["Actor", "Avg Hours", "Override %", "SAT ★", "Status"]
    first = page.locator("#rows tr").first
    assert first.locator("td").nth(0).inner_text() == "officer_anne@sba.gov"
    assert first.locator("td").nth(2).inner_text().split() == ["42", "%", "29", "%", "to", "56", "%,", "n", "=", "50"]
    assert "PIP" in first.inner_text()
    assert "officer_anne@sba.gov" in page.locator("#banner").inner_text()
    if os.environ.get("AURA_PICTURES"):
        page.screenshot(path=f"{os.environ['AURA_PICTURES']}/page.png")
    # live: what is recorded appears
    with httpx.Client(base_url=server.url) as client:
        client.post(
            "/event", json={"type": "OVERRIDE", "actor": "officer_zoe@sba.gov", "case_id": "Z", "ts": "2026-01-28T10:00:00Z"}
        )
    page.get_by_role("button", name="officer_zoe@sba.gov").wait_for(timeout=15_000)
    # by keys: the row opens, the plan is drafted, Escape closes
    page.get_by_role("button", name="officer_anne@sba.gov").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Start Improvement Plan").wait_for()
    assert "n = 50" in page.locator("#body").inner_text()
    page.get_by_role("button", name="Start Improvement Plan").press("Enter")
    page.get_by_role("button", name="Propose this plan").wait_for()
    page.get_by_role("button", name="Propose this plan").press("Enter")
    page.get_by_text("somebody else signs it").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#dossier").is_visible()
    page.get_by_label("Find").fill("bob")
    assert page.locator("#rows tr").count() == 1
    assert wrong == []
    assert wrong == []
    page.close()


@pytest.mark.parametrize("server", [""], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_and_accessible(browser: Browser, server: Server, scheme: str) -> None:
    page, wrong = opened(browser, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    wide = (
        "[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.evaluate(wide)
    assert violations(page) == []
    if os.environ.get("AURA_PICTURES"):
        page.screenshot(path=f"{os.environ['AURA_PICTURES']}/phone-{scheme}.png")
    page.get_by_role("button", name="officer_anne@sba.gov").click()
    page.get_by_role("button", name="Start Improvement Plan").wait_for()
    assert violations(page) == []
    assert wrong == []
    page.close()
