"""Bearer tokens of an issuer (OIDC): signed, for us, of now, by a key that the issuer publishes."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from aura_analytics.errors import LedgerUnavailableError, Problem
from aura_analytics.service.access.readers import SCOPES, Reader, scopes_of

__all__ = ["Issuer"]

_SIGNED = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"]  # never none, nor a secret
_KEPT, _SOON = 300.0, 30.0  # seconds: keys are kept, and asked for again at the earliest for one that is unknown
_SKEW = 60  # seconds that clocks may differ
_MOST = 1 << 20


class Issuer:
    """Who issues tokens, and what they say of a reader.

    Parameters
    ----------
    issuer, audience
        What `iss` and `aud` must say.
    keys
        URL or file of the issuer's JWKS.
    name
        The claim that names the reader, as events name people.
    """

    def __init__(self, issuer: str, audience: str, keys: str, name: str = "email") -> None:
        self._issuer, self._audience, self._where, self._name = issuer, audience, keys, name
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._at = -1e9

    def reader(self, token: str) -> Reader | None:
        """Whose token it is; None for one that does not hold.

        Parameters
        ----------
        token
            As it came.
        """
        claims = self._claims(token, fresh=False) or self._claims(token, fresh=True)
        if claims is None:
            return None
        name, said = claims.get(self._name), claims.get("scope") or claims.get("scp") or claims.get("roles") or ""
        if not isinstance(name, str) or not name.strip() or (self._name == "email" and claims.get("email_verified") is False):
            return None
        words = said.split() if isinstance(said, str) else [str(one) for one in said] if isinstance(said, list) else []
        return Reader(name, scopes_of(" ".join(word for word in words if word in SCOPES)), person=True)

    def _claims(self, token: str, *, fresh: bool) -> dict[str, Any] | None:
        known = self._known(fresh=fresh)
        if known is None:
            return None
        try:
            decoded = jwt.decode(token, known, algorithms=_SIGNED)
            rules = jwt.JWTClaimsRegistry(
                leeway=_SKEW,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
            )
            rules.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return dict(decoded.claims)

    def _known(self, *, fresh: bool) -> KeySet | None:
        """The issuer's keys; with `fresh` asked for anew, unless that was a moment ago (then None)."""
        with self._lock:
            age = time.monotonic() - self._at
            if fresh and age < _SOON:
                return None
            if self._keys is None or fresh or age > _KEPT:
                self._keys, self._at = KeySet.import_key_set(self._read()), time.monotonic()
            return self._keys

    def _read(self) -> Any:
        try:
            if self._where.startswith(("https://", "http://")):
                with urllib.request.urlopen(self._where, timeout=5) as answer:  # noqa: S310
                    return json.loads(answer.read(_MOST))
            return json.loads(Path(self._where).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LedgerUnavailableError(Problem("the issuer's keys cannot be read", got=str(error), where=self._where)) from None
