"""Sends what is due: by SMTP, and as signed requests to a webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import smtplib
import socket
import ssl
import threading
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from aura_analytics.errors import AuraError
from aura_analytics.service.measures import Measures
from aura_analytics.service.told.letters import letter
from aura_analytics.service.told.outbox import Message, Outbox

__all__ = ["Dispatcher"]

_LOG = logging.getLogger("aura_analytics.service")
_EVERY = 1.0  # seconds between looks
_PATIENCE = 20  # seconds for a server of mail


class Dispatcher:
    """Sends messages of an outbox until it is stopped; several may, each message is one's alone.

    Parameters
    ----------
    outbox
        What is to be sent.
    measures
        Where it is counted what waits.
    smtp, sender
        Server of mail, and from whom; without a server letters wait.
    secret
        Of the webhook: its body is signed with it (`X-Aura-Signature: sha256=...`).
    link
        Where the dossiers are.
    template
        File of the text of letters; default the shipped one.
    """

    def __init__(
        self,
        outbox: Outbox,
        measures: Measures,
        *,
        smtp: str | None = None,
        sender: str = "aura@localhost",
        secret: str | None = None,
        link: str | None = None,
        template: str | None = None,
    ) -> None:
        self.outbox = outbox
        self._template = template
        self._measures, self._smtp, self._sender, self._secret, self._link = measures, smtp, sender, secret, link
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aura-dispatcher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being sent."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while not self._ended.is_set():
            sent = 0
            try:
                sent = self.send_due()
                count, age = self.outbox.waiting()
                self._measures.waiting.set(count)
                self._measures.oldest.set(age)
            except AuraError as error:
                _LOG.warning(json.dumps({"dispatcher": type(error).__name__}))
            if not sent:
                self._ended.wait(_EVERY)

    def send_due(self) -> int:
        """Send what is due now; returns how many messages were sent."""
        if self._smtp is None and self._secret is None:
            return 0
        groups: dict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in self.outbox.take(self._holder):
            groups[message.channel, message.recipient].append(message)
        sent = 0
        for (channel, _), messages in groups.items():
            for some in [messages] if channel == "mail" else [[one] for one in messages]:
                try:
                    self._mail(some) if channel == "mail" else self._post(some[0])
                except (OSError, smtplib.SMTPException, ValueError) as error:
                    self.outbox.failed(some, self._holder, f"{type(error).__name__}: {error}")
                else:
                    self.outbox.done(some, self._holder)
                    sent += len(some)
        return sent

    def _mail(self, messages: Sequence[Message]) -> None:
        if self._smtp is None:
            raise ValueError("no server of mail is set")
        address = urlsplit(self._smtp)
        host, tls = address.hostname or "localhost", address.scheme == "smtps"
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if tls:
            server = smtplib.SMTP_SSL(host, address.port or 465, timeout=_PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, address.port or 25, timeout=_PATIENCE)
        with server:
            if not tls and server.ehlo()[0] == 250 and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if address.username:
                server.login(unquote(address.username), unquote(address.password or ""))
            server.send_message(letter(messages, self._sender, self._link, self._template))

    def _post(self, message: Message) -> None:
        body = json.dumps({"id": message.name, **message.body}, ensure_ascii=False, sort_keys=True).encode()
        signature = hmac.new(str(self._secret).encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Aura-Signature": f"sha256={signature}",
            "Idempotency-Key": hashlib.sha256(message.name.encode()).hexdigest(),
        }
        if urlsplit(message.recipient).scheme not in ("http", "https"):
            raise ValueError("a webhook is an address of http or https")
        request = urllib.request.Request(message.recipient, body, headers, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            answer.read(1024)
