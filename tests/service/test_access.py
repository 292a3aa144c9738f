"""Who may what: a line for every route; a new route without one fails here."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from aura_analytics import Ledger
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.service.access.keys import Keys
from aura_analytics.service.access.readers import SCOPES, scopes_of
from aura_analytics.service.app import create_app
from aura_analytics.service.options import ServiceOptions
from aura_analytics.service.told.supervisors import Supervisors
from tests.service.conftest import Server

WRITE, READ = {"events:write", "events:write:self"}, {"dossiers:read:self", "dossiers:read:team", "dossiers:read:all"}
# route, a request to it, which scopes open it; None: anybody
TABLE: dict[tuple[str, str], tuple[str, dict[str, Any], set[str] | None]] = {
    ("POST", "/event"): ("/event", {"json": {"type": "OVERRIDE", "actor": "key"}}, WRITE),
    ("POST", "/events"): ("/events", {"content": '{"type": "OVERRIDE", "actor": "key"}'}, WRITE),
    ("GET", "/dossier/{actor}"): ("/dossier/key", {}, READ),
    ("GET", "/dossiers"): ("/dossiers", {}, READ),
    ("POST", "/evaluate"): ("/evaluate", {"json": {"model_name": "m", "job_id": 1, "model_output": {}}}, {"events:write"}),
    ("GET", "/jobs/{job_id}"): ("/jobs/1", {}, {"events:write", "audit:read", "dossiers:read:all"}),
    ("GET", "/decisions"): ("/decisions", {}, {"audit:read"}),
    ("GET", "/decisions/{request_id}"): ("/decisions/none", {}, {"audit:read"}),
    ("POST", "/decisions/{request_id}/outcome"): (
        "/decisions/none/outcome",
        {"json": {"outcome_type": "success"}},
        {"events:write"},
    ),
    ("GET", "/live"): ("/live?after=999999", {}, READ),
    ("GET", "/actions"): ("/actions", {}, READ),
    ("POST", "/actions/{name}/{word}"): ("/actions/none/sign", {"json": {"reason": "x"}}, {"verdicts:sign"}),
    ("GET", "/plan/{actor}"): ("/plan/key", {}, READ),
    ("POST", "/plan/{actor}"): ("/plan/key", {}, {"verdicts:sign"}),
    ("POST", "/v1/traces"): ("/v1/traces", {"json": {"resourceSpans": []}}, {"events:write"}),
    ("POST", "/v1/logs"): ("/v1/logs", {"json": {"resourceLogs": []}}, {"events:write"}),
    ("GET", "/metrics"): ("/metrics", {}, {"audit:read"}),
    ("GET", "/healthz"): ("/healthz", {}, None),
    ("GET", "/readyz"): ("/readyz", {}, None),
}
PAGES = {("GET", "/"), ("GET", "/docs"), ("POST", "/login"), ("GET", "/openapi.json"), ("WEBSOCKET", "/live")}


def every_route(app: Any) -> set[tuple[str, str]]:
    found = set()
    todo = list(app.routes)
    while todo:
        route = todo.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None and not hasattr(route, "endpoint"):
            todo += inner.routes
            continue
        path = route.path.replace(":path}", "}")
        methods = getattr(route, "methods", None) or {"WEBSOCKET"}
        found |= {(method, path) for method in methods if method != "HEAD"}
    return found


def raw(server: Server, *lines: str) -> int:
    """The status of an answer to a request whose body does not come."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as one:
        one.sendall("\r\n".join([lines[0], "Host: localhost", *lines[1:], "", ""]).encode())
        return int(one.recv(4096).split()[1])


def test_no_route_is_without_a_line(tmp_path: Path) -> None:
    app = create_app(ServiceOptions(ledger=f"sqlite:///{tmp_path}/a.db", access="open"))
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert described == set(TABLE)
    assert every_route(app) - described - PAGES == set()


@pytest.mark.slow
def test_each_route_by_each_scope(serving: Callable[..., Server], url: str, keys: Callable[..., str]) -> None:
    server = serving(url, "--access", "keys")
    of = {scope: keys("key", scope, person=scope == "verdicts:sign") for scope in SCOPES}
    bare, clients = server.client(), {scope: server.client(key) for scope, key in of.items()}
    for (method, path), (where, request, opens) in TABLE.items():
        answer = bare.request(method, where, **request)
        if opens is None:
            assert answer.status_code == 200, path
            continue
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        for scope, client in clients.items():
            answer = client.request(method, where, **request)
            allowed = bool(scopes_of(scope) & opens)
            # a person who may sign without a right to read may not propose a plan for somebody unseen
            refused = not allowed or (path == "/plan/{actor}" and method == "POST" and not scopes_of(scope) & READ)
            assert (answer.status_code == 403) is refused or (scope == "dossiers:read:self" and path.startswith("/actions/")), (
                method,
                path,
                scope,
                answer.status_code,
            )
            assert answer.status_code < 500, answer.text
            assert "ratelimit-limit" in answer.headers
        wrong = clients["admin"].request("PATCH", where)
        assert wrong.status_code in (404, 405), (path, wrong.status_code)
        if method == "POST":
            told = raw(server, f"POST {where} HTTP/1.1", f"Authorization: Bearer {of['admin']}", "Content-Length: 999999999999")
            assert told == 413, path
    for path in ("/docs", "/openapi.json", "/nothing"):
        assert bare.get(path).status_code == 401, path
    assert bare.get("/").status_code == 401
    assert "<form" in bare.get("/").text


def test_keys_are_shown_once_expire_and_are_taken_back(url: str) -> None:
    with Ledger(url, mirror=False) as ledger:
        made = Keys(ledger)
        key, short = made.create("form", "events:write"), made.create("old", "events:write", days=1e-9)
        with ledger.engines.reader.connect() as connection:
            rows = connection.execute(text("SELECT * FROM aura_keys")).all()
        secret = key.split("_", 2)[2]
        assert secret not in str(rows)
        time.sleep(0.01)
        found = made.reader(key)
        assert found is not None
        assert (found.name, found.person, found.may("events:write:self")) == ("form", False, True)
        assert made.reader(short) is None
        for wrong in (key[:-1], key + "x", "aura__", "", "aura_x_y", key.replace("aura", "AURA"), "ä" * 50):
            assert made.reader(wrong) is None
        made.revoke(made.table()["id"][0])
        assert made.reader(key) is None
        with pytest.raises(ParameterError):
            made.revoke("none")
        for scopes, days in (("everything", 1.0), ("verdicts:sign", 1.0), ("", 1.0), ("events:write", -1.0)):
            with pytest.raises(ParameterError):
                made.create("x", scopes, days=days)
    assert "verdicts:sign" not in scopes_of("admin")


def test_one_sees_exactly_what_the_manager_sees_of_them(
    serving: Callable[..., Server], url: str, keys: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "who.yaml").write_text("supervisors:\n- {name: kim, mail: kim@agency.gov, actors: [anne, bob]}\n")
    server = serving(url, "--access", "keys", "--supervisors", str(tmp_path / "who.yaml"))
    with Ledger(url, mirror=False) as ledger:
        for i in range(30):
            ledger.record_event(
                {"type": "OVERRIDE" if i % 3 else "DECISION", "actor": ["anne", "bob", "zoe"][i % 3], "case_id": f"C{i}"}
            )
    anne = server.client(keys("anne", "dossiers:read:self,events:write:self"))
    kim, head = server.client(keys("kim", "dossiers:read:team")), server.client(keys("head", "dossiers:read:all,audit:read"))
    mine, theirs = anne.get("/dossier/anne"), kim.get("/dossier/anne")
    assert mine.status_code == theirs.status_code == 200
    assert mine.json() == theirs.json()
    assert mine.headers["etag"] == theirs.headers["etag"]
    assert kim.get("/dossier/anne", headers={"If-None-Match": mine.headers["etag"]}).status_code == 304
    assert [anne.get(f"/dossier/{name}").status_code for name in ("bob", "nobody", "..%2Fanne", "anne%00")] == [403] * 4
    assert kim.get("/dossier/zoe").status_code == 403
    rows = {
        who: [row["actor"] for row in client.get("/dossiers?sort=actor").json()["actors"]]
        for who, client in (("anne", anne), ("kim", kim), ("head", head))
    }
    assert rows == {"anne": ["anne"], "kim": ["anne", "bob"], "head": ["anne", "bob", "zoe"]}
    own = [row for row in head.get("/dossiers").json()["actors"] if row["actor"] == "anne"]
    assert anne.get("/dossiers").json()["actors"] == own
    assert anne.post("/event", json={"type": "OVERRIDE", "actor": "bob"}).status_code == 403
    assert anne.post("/event", json={"type": "OVERRIDE", "actor": "anne"}).status_code == 201
    with Ledger(url, mirror=False) as ledger:
        with ledger.engines.reader.connect() as connection:
            read = connection.execute(text("SELECT reader, actor FROM aura_access ORDER BY n")).all()
        assert ("anne", "anne") not in [tuple(row) for row in read]
        assert ("kim", "anne") in [tuple(row) for row in read]
        assert ledger.verify().ok
        with ledger.engines.writer.begin() as connection:
            connection.execute(text("UPDATE aura_access SET reader = 'nobody' WHERE n = 1"))
        assert "record of access" in str(ledger.verify())


@pytest.mark.slow
def test_the_printed_token_opens_a_page_once(serving: Callable[..., Server], tmp_path: Path) -> None:
    server = serving(f"sqlite:///{tmp_path}/aura.db")
    token = next(line for line in server.log.read_text().splitlines() if "Bearer" in line).split()[-1]
    browser = server.client(follow_redirects=True)
    assert browser.get("/dossiers").status_code == 401
    page = browser.get(f"/?token={token}")
    assert page.status_code == 200
    assert "Override %" in page.text
    assert token not in str(page.url)
    assert browser.get("/dossiers").status_code == 200
    assert "HttpOnly" in page.history[0].headers["set-cookie"]
    assert "SameSite=strict" in page.history[0].headers["set-cookie"]
    assert server.client(follow_redirects=True).get(f"/?token={token}").status_code == 401
    assert server.client(token).get("/dossiers").status_code == 200
    crossed = browser.post("/event", json={"type": "OVERRIDE", "actor": "a"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403


@pytest.mark.slow
def test_a_header_is_not_an_identity(serving: Callable[..., Server], tmp_path: Path) -> None:
    secret = "s" * 20
    server = serving(
        f"sqlite:///{tmp_path}/aura.db",
        "--access",
        "proxy",
        PROXY_FROM="127.0.0.0/8",
        PROXY_SECRET=secret,
        PROXY_SCOPES="dossiers:read:self",
    )
    good = {"X-Forwarded-User": "anne", "X-Aura-Proxy-Secret": secret}
    assert server.client().get("/dossier/anne", headers=good).status_code == 200
    for headers in ({"X-Forwarded-User": "anne"}, {"X-Aura-Proxy-Secret": secret}, good | {"X-Aura-Proxy-Secret": "x" * 20}):
        assert server.client().get("/dossier/anne", headers=headers).status_code == 401
    twice = [("X-Forwarded-User", "anne"), ("X-Forwarded-User", "bob"), ("X-Aura-Proxy-Secret", secret)]
    assert httpx.get(f"{server.url}/dossier/anne", headers=twice).status_code == 401
    assert server.client().get("/dossier/bob", headers=good).status_code == 403
    elsewhere = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "proxy", PROXY_FROM="10.0.0.1", PROXY_SECRET=secret)
    assert elsewhere.client().get("/dossier/anne", headers=good).status_code == 401


@pytest.mark.slow
def test_bearer_tokens_of_an_issuer(serving: Callable[..., Server], tmp_path: Path) -> None:
    from joserfc import jwt
    from joserfc.jwk import KeySet, RSAKey

    key, other = RSAKey.generate_key(2048, {"kid": "1"}), RSAKey.generate_key(2048, {"kid": "2"})
    (tmp_path / "jwks.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    told = {"OIDC_ISSUER": "https://idp.example", "OIDC_AUDIENCE": "aura", "OIDC_JWKS": str(tmp_path / "jwks.json")}
    server = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "oidc", **told)
    now = int(time.time())
    claims = {"iss": "https://idp.example", "aud": "aura", "exp": now + 300, "email": "anne", "scope": "openid dossiers:read:self"}

    def status(signed_by: Any = key, kid: str = "1", **changed: Any) -> int:
        token = jwt.encode({"alg": "RS256", "kid": kid}, claims | changed, signed_by)
        return server.client(token).get("/dossier/anne").status_code

    assert status() == 200
    assert status(email="bob") == 403
    assert status(scope="openid") == 403
    for changed in (
        {"exp": now - 300},
        {"aud": "other"},
        {"iss": "https://evil.example"},
        {"email": None},
        {"email_verified": False},
    ):
        assert status(**changed) == 401, changed
    assert status(other) == 401
    import base64

    head, body, _ = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key).split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert server.client(f"{unsigned}.{body}.").get("/dossier/anne").status_code == 401
    assert server.client(f"{head}.{body}.AAAA").get("/dossier/anne").status_code == 401


def test_too_many_requests(serving: Callable[..., Server], tmp_path: Path) -> None:
    client = serving(f"sqlite:///{tmp_path}/aura.db", "--access", "open", RATE="5/minute").client()
    answers = [client.get("/dossiers") for _ in range(7)]
    codes = [one.status_code for one in answers]
    assert codes.count(429) >= 2
    assert codes[0] == 200
    last = answers[-1]
    assert last.headers["content-type"] == "application/problem+json"
    assert int(last.headers["retry-after"]) >= 1
    assert last.headers["ratelimit-remaining"] == "0"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"host": "0.0.0.0"}, "loopback"),
        ({"host": "0.0.0.0", "access": "open"}, "loopback"),
        ({"access": "proxy"}, "proxy_secret"),
        ({"access": "proxy", "proxy_from": "10.0.0.1", "proxy_secret": "short"}, "16 characters"),
        ({"access": "oidc"}, "oidc_jwks"),
        ({"access": "wide"}, "unknown access"),
        ({"workers": 2}, "one process writes a SQLite file"),
        ({"root_path": "aura/"}, "prefix"),
        ({"webhook": "http://x"}, "webhook_secret"),
        ({"supervisors": "nowhere.yaml"}, "does not exist"),
    ],
)
def test_it_does_not_start_like_this(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        ServiceOptions.from_environment(ledger="sqlite:///x.db", **options)


def test_a_map_of_supervisors_is_strict(tmp_path: Path) -> None:
    for text_, says in (
        ("supervisors:\n- {name: kim, actors: [anne]}\n- {name: roe, actors: [anne]}\n", "two supervisors"),
        ("supervisors:\n- {name: kim, actors: [kim]}\n", "themselves"),
        ("supervisors:\n- {nam: kim, actors: [anne]}\n", "name"),
        ("supervisors:\n- {name: kim, actors: [anne], mail: 'a b@c'}\n", "mail"),
    ):
        (tmp_path / "who.yaml").write_text(text_)
        with pytest.raises(RuleError, match=says):
            Supervisors.from_yaml(tmp_path / "who.yaml")
