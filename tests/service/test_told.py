"""Being told: whoever answers for somebody hears of a changed verdict once, whatever crashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from aura_analytics import Ledger
from aura_analytics.errors import ParameterError
from aura_analytics.service.told.outbox import Outbox
from aura_analytics.service.told.supervisors import Supervisors
from tests.service.conftest import Server, free_port

WHO = "supervisors:\n- {name: kim, mail: kim@agency.gov, actors: ['*']}\n"


class Box:
    """What a real server of mail took."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusing = 0

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.refusing:
            self.refusing -= 1
            return "451 try again later"
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[Box, str]]:
    box, port = Box(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, f"smtp://127.0.0.1:{port}"
    server.stop()


def overrides(client: httpx.Client, actor: str, count: int, first: int = 0) -> None:
    """Verdicts against advice that was right: with the tracker's rule and an unhappy citizen a plan is recommended."""
    lines: list[dict[str, Any]] = [
        {"event_id": f"{actor}-{i}", "type": "OVERRIDE", "actor": actor, "case_id": f"{actor}-C{i}"}
        for i in range(first, first + count)
    ]
    lines += [{"event_id": f"{actor}-s{first}", "type": "SAT_SCORE", "actor": actor, "value": 1, "case_id": f"{actor}-C{first}"}]
    assert client.post("/events", content="\n".join(map(json.dumps, lines))).status_code == 200


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_letter_when_a_verdict_changes(serving: Callable[..., Server], url: str, tmp_path: Path, mail: tuple[Box, str]) -> None:
    box, smtp = mail
    (tmp_path / "who.yaml").write_text(WHO)
    server = serving(
        url, "--access", "open", "--policy", "tracker", "--supervisors", str(tmp_path / "who.yaml"), SMTP=smtp, DIGEST="0"
    )
    client = server.client()
    client.post("/event", json={"type": "DECISION", "actor": "bob", "case_id": "B1"})
    until(lambda: client.get("/dossiers").json()["total"] == 1)
    time.sleep(1)
    box.refusing = 1  # it is sent again later
    overrides(client, "anne", 12)
    until(lambda: bool(client.get("/dossiers?verdict=flag").json()["actors"]))
    until(lambda: len(box.mails) == 1, 40)
    letter = box.mails[0]
    text = letter.get_payload()
    assert letter["To"] == "kim@agency.gov"
    assert "anne" not in letter["Subject"]
    assert "anne: flagged" in text
    assert "12 verdicts on advice" in text
    overrides(client, "anne", 5, first=12)  # no change of the verdict: nobody is told again
    time.sleep(3)
    assert len(box.mails) == 1


def test_a_digest_and_a_mute(ledger: Ledger) -> None:
    who = Supervisors.read({"supervisors": [{"name": "kim", "mail": "kim@agency.gov", "actors": ["*"]}]})
    outbox = Outbox(ledger, who)
    assert outbox.note("p", 1, [{"actor": "zoe", "status": "clear"}]) == 0
    flags = [
        {"actor": name, "status": "flag", "override_rate": 0.5, "override_rate_n": 9, "reasons": ["r"]} for name in ("anne", "bob")
    ]
    assert outbox.note("p", 2, flags) == 2
    assert outbox.note("p", 3, flags) == 0  # told already
    assert outbox.note("p", 1, [{"actor": "anne", "status": "clear"}]) == 0  # of an earlier place: it is older than what is known
    outbox.mute("kim@agency.gov", 1, "C. Roe", "on leave")
    assert outbox.take("me") == []
    with ledger.engines.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE aura_mutes SET ends = begins")
    messages = outbox.take("me")
    assert [one.actor for one in messages] == ["anne", "bob"]
    assert outbox.take("another") == []  # each is one's alone
    from aura_analytics.service.told.letters import letter

    first, second = letter(messages, "aura@x"), letter(messages, "aura@x")
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_content().count("flagged") == 2
    outbox.failed(messages[:1], "me", "no route")
    outbox.done(messages[1:], "me")
    assert outbox.waiting()[0] == 0
    for hours, reason in ((0, "x"), (721, "x"), (1, " ")):
        with pytest.raises(ParameterError):
            outbox.mute("kim@agency.gov", hours, "C. Roe", reason)


@pytest.mark.slow
def test_a_webhook_is_signed(serving: Callable[..., Server], tmp_path: Path) -> None:
    got: list[tuple[str, str, bytes]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["X-Aura-Signature"], self.headers["Idempotency-Key"], body))
            self.send_response(500 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    where = f"http://127.0.0.1:{hook.server_port}/x"
    server = serving(
        f"sqlite:///{tmp_path}/a.db", "--access", "open", "--policy", "tracker", WEBHOOK=where, WEBHOOK_SECRET="s3cret", DIGEST="0"
    )
    client = server.client()
    client.post("/event", json={"type": "DECISION", "actor": "bob", "case_id": "B1"})
    time.sleep(1)
    overrides(client, "anne", 12)
    until(lambda: len(got) >= 2, 40)
    hook.shutdown()
    signature, name, body = got[1]
    assert signature == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert name == got[0][1]  # tried again under the same name
    assert json.loads(body)["status"] == "flag"


@pytest.mark.slow
def test_thirty_kills(serving: Callable[..., Server], url: str, tmp_path: Path, mail: tuple[Box, str]) -> None:
    """Killed thirty times while four clients write and mail is due, with two servers: acknowledged events are there once, and each
    change of a verdict was told once.
    """
    box, smtp = mail
    (tmp_path / "who.yaml").write_text(WHO)
    arguments = ("--access", "open", "--policy", "tracker", "--supervisors", str(tmp_path / "who.yaml"))
    told = {"SMTP": smtp, "DIGEST": "0", "RATE": "1000000/minute"}
    servers = [serving(url, *arguments, **told)]
    servers.append(serving(url, *arguments, **told))
    seed = servers[0].client()
    seed.post("/event", json={"event_id": "seed", "type": "DECISION", "actor": "bob", "case_id": "B"})
    time.sleep(1.5)
    acknowledged: list[str] = []
    ended = threading.Event()

    def write(client_number: int) -> None:
        number = 0
        while not ended.is_set():
            server = servers[number % 2]
            number += 1
            actor = f"c{client_number}-{number // 12}"
            event: dict[str, Any] = {
                "event_id": f"{client_number}/{number}",
                "type": "OVERRIDE",
                "actor": actor,
                "case_id": f"{actor}/{number}",
            }
            batch: list[dict[str, Any]] = [
                event,
                {
                    "event_id": f"{client_number}/{number}s",
                    "type": "SAT_SCORE",
                    "actor": actor,
                    "value": 1,
                    "case_id": event["case_id"],
                },
            ]
            try:
                answer = httpx.post(f"{server.url}/events", content="\n".join(map(json.dumps, batch)), timeout=10)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                acknowledged.extend(str(one["event_id"]) for one in batch)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for one in writers:
        one.start()
    for kill in range(30):
        time.sleep(0.4)
        servers[kill % 2].stop(signal.SIGKILL)
        servers[kill % 2].start()
    ended.set()
    for one in writers:
        one.join()
    with Ledger(url, mirror=False) as ledger:
        recorded = Counter(ledger.events().collect()["event_id"])
        assert set(acknowledged) <= set(recorded)
        assert max(recorded.values()) == 1
        assert ledger.verify().ok
        time.sleep(5)

        def unsent() -> int:
            with ledger.engines.reader.connect() as connection:
                return int(connection.exec_driver_sql("SELECT count(*) FROM aura_outbox WHERE sent IS NULL").scalar_one())

        until(lambda: unsent() == 0, 120)
        with ledger.engines.reader.connect() as connection:
            names = connection.exec_driver_sql("SELECT name, actor FROM aura_outbox").all()
            flagged = connection.exec_driver_sql("SELECT count(*) FROM aura_verdicts WHERE verdict = 'flag'").scalar()
    assert len({row.actor for row in names}) == flagged
    letters = Counter(str(one["Message-ID"]) for one in box.mails)
    told_of = Counter(
        line.split(":")[0]
        for mail_ in {str(one["Message-ID"]): one for one in box.mails}.values()
        for line in str(mail_.get_payload()).splitlines()
        if ": flagged" in line
    )
    assert set(told_of) == {row.actor for row in names}
    assert max(told_of.values()) == 1
    assert sum(letters.values()) - len(letters) <= 1  # sent again under the same Message-ID only where a kill fell between the two


def test_a_template_of_one_s_own(tmp_path: Path) -> None:
    from aura_analytics.service.told.letters import letter, template_of
    from aura_analytics.service.told.outbox import Message

    body = {"actor": "anne", "status": "watch", "before": None, "policy": "p 1", "seq": 7, "reasons": ["r1"]}
    message = Message(1, "n", "mail", "kim@agency.gov", "anne", body, 1)
    shipped = letter([message], "aura@x", "https://aura.agency.gov/").get_content()
    assert shipped.splitlines()[:3] == ["anne: a reason to look, not a flag (before: not seen)", "  Rule: p 1", "  r1"]
    assert "https://aura.agency.gov/" in shipped
    (tmp_path / "mine.j2").write_text("{% for one in messages %}{{ one.actor }} is {{ one.status }}{% endfor %}\n")
    assert letter([message], "aura@x", template=str(tmp_path / "mine.j2")).get_content() == "anne is watch\n"
    for number, text in enumerate(("{{ messages[0].nothing }}", "{% for %}", "{{ ''.__class__.__mro__[1].__subclasses__() }}")):
        wrong = tmp_path / f"wrong{number}.j2"
        wrong.write_text(text)
        with pytest.raises(ParameterError):
            template_of(str(wrong))
