"""The Performance page, the way in, and the description of the interface: nothing in them is loaded from elsewhere."""

from __future__ import annotations

import html
import json
from functools import cache
from importlib import resources
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from aura_analytics.errors import Problem
from aura_analytics.service.access.door import COOKIE
from aura_analytics.service.asking import State
from aura_analytics.service.gate import reader_of
from aura_analytics.service.problems import ProblemError

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_STRICT = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@cache
def _part(name: str) -> str:
    return resources.files("aura_analytics.service").joinpath("pages", name).read_text(encoding="utf-8")


def _page(title: str, body: str, script: str = "", status: int = 200) -> HTMLResponse:
    text = _part("page.html")
    made = {"TITLE": html.escape(title), "STYLE": _part("page.css"), "BODY": body, "SCRIPT": script}
    for name, value in made.items():
        text = text.replace(f"<!--{name}-->", value)
    return HTMLResponse(text, status, headers=_STRICT)


@router.get("/", response_class=HTMLResponse)
def performance(request: Request, state: State, token: str | None = None) -> Response:
    """The Performance page; whoever is not known is asked for a key."""
    if token is not None:
        session = state.door.session(token)
        if session is None:
            return _page("Sign in", _part("login.html").replace("<!--WHY-->", "This token was used, or is none."), status=401)
        return _with_cookie(RedirectResponse("./", 303), request, session)
    reader = reader_of(request.scope)
    if reader is None:
        return _page("Sign in", _part("login.html").replace("<!--WHY-->", ""), status=401)
    if not reader.may("dossiers:read:self", "dossiers:read:team", "dossiers:read:all"):
        return _page("Performance", "<p>This key may not read dossiers.</p>", status=403)
    about = json.dumps({"reader": reader.name, "signs": reader.person and reader.may("verdicts:sign")}).replace("<", "\\u003c")
    script = f"const about = {about};\n" + _part("performance.js")
    return _page("Performance", _part("performance.html"), f"<script>{script}</script>")


@router.post("/login")
async def login(request: Request, state: State) -> Response:
    """A key from the form becomes a session of this browser."""
    from urllib.parse import parse_qs

    body = (await request.body()).decode("utf-8", "replace")
    token = parse_qs(body, max_num_fields=5).get("token", [""])[0].strip()
    session = state.door.session(token)
    if session is None:
        return _page("Sign in", _part("login.html").replace("<!--WHY-->", "This key opens nothing."), status=401)
    return _with_cookie(RedirectResponse("./", 303), request, session)


def _with_cookie(answer: Response, request: Request, session: str) -> Response:
    path = str(request.scope.get("root_path") or "") + "/"
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=request.url.scheme == "https", path=path)
    return answer


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> Response:
    """The interface in a page."""
    if reader_of(request.scope) is None:
        raise ProblemError(401, Problem("it is not known who asks"))
    rows = []
    for path, methods in request.app.openapi()["paths"].items():
        for method, told in methods.items():
            rows.append(_route(path, method, told))
    body = f"<h1>Interface</h1><p>As data: <a href='openapi.json'>openapi.json</a>.</p>{''.join(rows)}"
    return _page("Interface", body)


def _route(path: str, method: str, told: dict[str, Any]) -> str:
    given = "".join(
        f"<li><code>{html.escape(one['name'])}</code> ({one['in']}) {html.escape(one.get('description') or '')}</li>"
        for one in told.get("parameters", [])
    )
    said = html.escape(told.get("description") or told.get("summary") or "")
    return f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{said}</p><ul>{given}</ul></section>"
