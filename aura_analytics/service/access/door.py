"""The door: whose request it is, by the way in that the service was started with."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from aura_analytics.hr.signing import operating_user
from aura_analytics.service.access.keys import Keys
from aura_analytics.service.access.readers import SCOPES, Reader, scopes_of
from aura_analytics.service.options import ServiceOptions
from aura_analytics.service.told.supervisors import Supervisors

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.service.access.bearer import Issuer

__all__ = ["COOKIE", "Door"]

COOKIE = "aura_session"


class Door:
    """Who asks.

    Parameters
    ----------
    options
        How the service runs.
    ledger
        Where keys are.
    supervisors
        Who answers for whom.

    Attributes
    ----------
    token
        Of access `token`: opens everything; by the page's address once, then a cookie of that browser does.
    """

    def __init__(self, options: ServiceOptions, ledger: Ledger, supervisors: Supervisors) -> None:
        self._options, self._supervisors = options, supervisors
        self.keys = Keys(ledger)
        self.token = secrets.token_urlsafe(24)
        self._lock = threading.Lock()
        self._unused = True
        self._sessions: dict[str, Reader] = {}
        self._issuer: Issuer | None = None
        if options.access == "oidc":
            from aura_analytics.service.access.bearer import Issuer

            self._issuer = Issuer(str(options.oidc_issuer), str(options.oidc_audience), str(options.oidc_jwks), options.oidc_name)
        self._networks = options.networks() if options.access == "proxy" else []
        self._owner = Reader(operating_user() or "owner", frozenset(SCOPES), person=True)

    @property
    def open(self) -> bool:
        """Whether nobody is asked who they are."""
        return self._options.access == "open"

    def at_once(self, headers: Headers) -> bool:
        """Whether it is known without reading from the ledger or from an issuer who asks."""
        if self._options.access in ("token", "open", "proxy"):
            return True
        return self._options.access == "keys" and self.keys.known((headers.get("authorization") or "").partition(" ")[2].strip())

    def reader(self, headers: Headers, cookies: Mapping[str, str], client: str | None) -> Reader | None:
        """Who asks; None where that is not known.

        Parameters
        ----------
        headers, cookies
            Of the request.
        client
            The address that it comes from.
        """
        found = self._found(headers, cookies, client)
        if found is None or "dossiers:read:team" not in found.scopes:
            return found
        team = self._supervisors.team_of(found.name)
        return Reader(found.name, found.scopes, found.person, team) if team else found

    def _found(self, headers: Headers, cookies: Mapping[str, str], client: str | None) -> Reader | None:
        access = self._options.access
        if access == "open":
            return self._owner
        if access == "proxy":
            return self._proxied(headers, client)
        if (session := cookies.get(COOKIE)) is not None and session in self._sessions:
            return self._sessions[session]
        kind, _, token = (headers.get("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            return None
        token = token.strip()
        if access == "token":
            return self._owner if _same(token, self.token) else None
        if self._issuer is not None:
            return self._issuer.reader(token)
        return self.keys.reader(token)

    def _proxied(self, headers: Headers, client: str | None) -> Reader | None:
        """A header is nobody's identity: it counts from the proxy's addresses, with the proxy's secret."""
        try:
            address = ipaddress.ip_address(client or "")
        except ValueError:
            return None
        given = headers.getlist("x-aura-proxy-secret")
        names = headers.getlist(self._options.proxy_header)
        if not any(address in network for network in self._networks) or len(given) != 1 or len(names) != 1:
            return None
        if not _same(given[0], str(self._options.proxy_secret)) or not names[0].strip():
            return None
        return Reader(names[0].strip(), scopes_of(self._options.proxy_scopes), person=True)

    def session(self, token: str) -> str | None:
        """A session for a browser that came with a token: the printed one once, a key as often as it holds.

        Parameters
        ----------
        token
            As the address or the form has it.
        """
        if self._options.access == "keys":
            reader = self.keys.reader(token)
        else:
            with self._lock:
                good = self._options.access == "token" and self._unused and _same(token, self.token)
                self._unused = self._unused and not good
            reader = self._owner if good else None
        if reader is None:
            return None
        session = secrets.token_urlsafe(32)
        self._sessions[session] = reader
        while len(self._sessions) > 10_000:
            self._sessions.pop(next(iter(self._sessions)))
        return session


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
