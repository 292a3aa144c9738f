"""How a service runs: options, each also a variable of the environment."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from aura_analytics import settings
from aura_analytics.errors import ParameterError, Problem

__all__ = ["ACCESS", "ServiceOptions"]

ACCESS = ("token", "keys", "oidc", "proxy", "open")
_PREFIX = "AURA_SERVICE_"


@dataclass(frozen=True)
class ServiceOptions:
    """How a service runs. Each option is also a variable of the environment: `port` is `AURA_SERVICE_PORT`.

    Attributes
    ----------
    ledger
        URL of the ledger; default `AURA_LEDGER`.
    host, port, root_path
        Where it listens, and the prefix under which a proxy shows it.
    workers
        Processes; more than one only on PostgreSQL.
    policy
        Name or file of the policy that verdicts come from.
    access
        `token`: whoever has the token that is printed at the start; `keys`: API keys of the ledger; `oidc`: bearer tokens of an
        issuer; `proxy`: a header of a trusted proxy; `open`: everybody, on loopback only.
    oidc_issuer, oidc_audience, oidc_jwks, oidc_name
        Of `oidc`: who issues tokens, for whom, where the keys are (a URL or a file), and the claim that names the reader.
    proxy_from, proxy_secret, proxy_header, proxy_scopes
        Of `proxy`: addresses or networks, the secret in `X-Aura-Proxy-Secret`, the header that names the reader, and the scopes
        that they have.
    rate
        Requests of one reader, as `600/minute`.
    body_limit, batch_limit
        Bytes of one request, and of one of `POST /events`.
    connections
        At once, beyond which an answer is 503.
    supervisors
        YAML file of who answers for whom.
    smtp, mail_from
        Server of mail as `smtp://user:password@host:port` (`smtps` for TLS from the start), and the sender.
    webhook, webhook_secret
        Address that is told, too, and the secret of its signature.
    digest
        Seconds over which what one person is told is gathered into one message; 0 sends each at once.
    letter, link
        Template of the text of letters (Jinja), and the address of the page that they name.
    models
        YAML file of the models among which the Accountant gives a task to the next best (`models`: name and capabilities).
    scales
        The lowest and the highest value of the scores that OTLP brings, as `relevance=1:5,*=0:1`; others are not used.
    """

    ledger: str | None = None
    host: str = "127.0.0.1"
    port: int = 8321
    root_path: str = ""
    workers: int = 1
    policy: str | None = None
    access: str = "token"
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks: str | None = None
    oidc_name: str = "email"
    proxy_from: str | None = None
    proxy_secret: str | None = field(default=None, repr=False)
    proxy_header: str = "X-Forwarded-User"
    proxy_scopes: str = "dossiers:read:self"
    rate: str = "1200/minute"
    body_limit: int = 1 << 20
    batch_limit: int = 1 << 26
    connections: int = 1_000
    supervisors: str | None = None
    smtp: str | None = field(default=None, repr=False)
    mail_from: str = "aura@localhost"
    webhook: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    digest: float = 3_600.0
    letter: str | None = None
    link: str | None = None
    models: str | None = None
    scales: str | None = None

    @classmethod
    def from_environment(cls, **given: Any) -> ServiceOptions:
        """The options of the environment, and over them those that are given and not None.

        Raises
        ------
        ParameterError
            If one cannot be read, or they do not fit together; all problems at once.

        Examples
        --------
        >>> ServiceOptions.from_environment(port=9300, access="open").port
        9300
        """
        values: dict[str, Any] = {}
        problems = []
        for one in fields(cls):
            text = os.environ.get(_PREFIX + one.name.upper())
            if text is None or text == "":
                continue
            try:
                kind = type(one.default)
                values[one.name] = kind(text) if kind in (int, float) else text
            except ValueError:
                problems.append(Problem("a setting cannot be read", text, "a number", _PREFIX + one.name.upper()))
        made = cls(**values | {name: value for name, value in given.items() if value is not None})
        problems += made._wrong()
        if problems:
            raise ParameterError("the service cannot start like this", problems=problems)
        return made

    def _wrong(self) -> list[Problem]:
        """Everything that does not fit."""
        return [*self._wrong_place(), *self._wrong_access(), *self._wrong_files()]

    def _wrong_place(self) -> list[Problem]:
        found = []
        if not 0 <= self.port <= 65_535:
            found.append(Problem("port is out of range", self.port, "0 to 65535"))
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            found.append(Problem("root path is no prefix", self.root_path, "such as /aura"))
        if self.workers < 1:
            found.append(Problem("workers is out of range", self.workers, "at least 1"))
        if self.workers > 1 and self.ledger_url.startswith("sqlite"):
            next_ = "use one worker, or a ledger on PostgreSQL"
            found.append(Problem("one process writes a SQLite file", f"workers {self.workers}", "1", next=next_))
        return found

    def _wrong_access(self) -> list[Problem]:
        found = []
        if self.access not in ACCESS:
            found.append(Problem("unknown access", self.access, ", ".join(ACCESS)))
        if self.access in ("token", "open") and not self.loopback:
            next_ = "listen on 127.0.0.1, or choose keys, oidc or proxy"
            found.append(Problem(f"access {self.access} is for this machine alone", self.host, "a loopback address", next=next_))
        if self.access == "token" and self.workers > 1:
            found.append(Problem("each worker would have a token of its own", "access token", "keys, oidc or proxy"))
        if self.access == "oidc":
            missing = [name for name in ("oidc_issuer", "oidc_audience", "oidc_jwks") if not getattr(self, name)]
            found += [Problem(f"access oidc needs {name}", where=_PREFIX + name.upper()) for name in missing]
        if self.access == "proxy":
            if not self.proxy_from or not self.proxy_secret or len(self.proxy_secret) < 16:
                expected = "the proxy's addresses and a secret of at least 16 characters: a header alone is nobody's identity"
                found.append(Problem("access proxy needs proxy_from and proxy_secret", expected=expected))
            try:
                self.networks()
            except ValueError:
                found.append(Problem("proxy_from cannot be read", self.proxy_from, "addresses or networks, by commas"))
        return found

    def _wrong_files(self) -> list[Problem]:
        found = []
        if self.smtp and not self.smtp.startswith(("smtp://", "smtps://")):
            found.append(Problem("smtp is no address", expected="smtp://user:password@host:port"))
        if self.webhook and not self.webhook_secret:
            found.append(Problem("a webhook needs webhook_secret", where=_PREFIX + "WEBHOOK_SECRET"))
        try:
            self.scales_read()
        except ValueError:
            found.append(Problem("scales cannot be read", self.scales, "NAME=LOWEST:HIGHEST by commas, as relevance=1:5"))
        for what, path in (("models", self.models), ("supervisors", self.supervisors), ("letters", self.letter)):
            if path and not Path(path).exists():
                found.append(Problem(f"the file of {what} does not exist", path))
        return found

    @property
    def ledger_url(self) -> str:
        """URL of the ledger."""
        url = self.ledger or settings.ledger_url()
        return url if "://" in url else f"sqlite:///{url}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Where a trusted proxy may be."""
        return [ipaddress.ip_network(part.strip(), strict=False) for part in (self.proxy_from or "").split(",") if part.strip()]

    def scales_read(self) -> dict[str, tuple[float, float]]:
        """Scales by the names of scores."""
        found = {}
        for part in (self.scales or "").split(","):
            if part.strip():
                name, _, ends = part.strip().rpartition("=")
                low, _, high = ends.partition(":")
                found[name] = (float(low), float(high))
                if not name or not found[name][0] < found[name][1]:
                    raise ValueError(part)
        return found
