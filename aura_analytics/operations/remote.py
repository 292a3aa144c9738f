"""A client of the service: the same two functions, and what is live, over HTTP."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from aura_analytics.errors import AuraError, ConflictError, EventError, InputError, LedgerUnavailableError, ParameterError, Problem
from aura_analytics.ledger.writing import Stored
from aura_analytics.operations.live_dossiers import Dossier

__all__ = ["Client"]

_KINDS: dict[int, type[AuraError]] = {409: ConflictError, 422: EventError, 400: EventError}
_PAUSES = (0.2, 1.0, 3.0)  # seconds before something is tried again


class Client:
    """A service that serves a ledger.

    Parameters
    ----------
    url
        Its address, such as `https://aura.agency.gov`; with a prefix, if it has one.
    key
        An API key or a bearer token; default `AURA_KEY`.
    timeout
        Seconds to wait for an answer.

    Raises
    ------
    ParameterError
        If it is no address of HTTP, or a key would go over a network unencrypted.

    Examples
    --------
    >>> client = Client("http://127.0.0.1:8321", "aura_0123_secret")
    >>> client
    Client('http://127.0.0.1:8321')
    >>> client.record_event({"type": "OVERRIDE", "actor": "anne"})  # doctest: +SKIP
    {'ok': True, 'stored_id': '5f0c9a'}
    """

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ParameterError(
                Problem("this is no address of a service", got=url, expected="https://host/ or http://127.0.0.1:8321")
            )
        self._url, self._key, self._timeout = url.rstrip("/"), key or os.environ.get("AURA_KEY"), timeout
        if self._key and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ParameterError(Problem("a key would cross the network unencrypted", got=url, next="use https"))

    def __repr__(self) -> str:
        return f"Client({self._url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is kept open; here so that a ledger and a client are used alike."""

    def record_event(self, event: Mapping[str, Any]) -> Stored:
        """Record one event, as `aura.record_event`. It is sent under an id: it is there once, however often it had to be sent.

        Parameters
        ----------
        event
            A dict on the contract.

        Raises
        ------
        EventError, ConflictError
            If it breaks the contract, or its id is taken by other content.
        LedgerUnavailableError
            If there is no answer after four tries.
        """
        import uuid

        named = dict(event) if event.get("event_id") else {**event, "event_id": uuid.uuid4().hex}
        return cast("Stored", self._asked("event", json.dumps(named, default=_text).encode(), again=True))

    def record_events(self, events: Iterable[Mapping[str, Any]]) -> int:
        """Record events, all or none; returns how many are new. Raises as `record_event`.

        Parameters
        ----------
        events
            Dicts on the contract.
        """
        import uuid

        lines = [json.dumps({"event_id": uuid.uuid4().hex, **event}, default=_text) for event in events]
        return int(self._asked("events", "\n".join(lines).encode(), again=True)["stored"])

    def get_dossier(
        self, actor: str, *, as_of: datetime | date | str | None = None, window: str | timedelta | None = None
    ) -> Dossier:
        """The dossier of one actor, as `aura.get_dossier`.

        Parameters
        ----------
        actor
            Whose.
        as_of, window
            As there.

        Raises
        ------
        ParameterError
            If it may not be read with this key.
        LedgerUnavailableError
            If there is no answer.
        """
        given = {"as_of": as_of if as_of is None or isinstance(as_of, str) else as_of.isoformat(), "window": _span(window)}
        asked = urlencode({name: value for name, value in given.items() if value is not None})
        found = self._asked(f"dossier/{quote(actor, safe='')}" + (f"?{asked}" if asked else ""), again=True)
        if found.get("as_of") is not None:
            found["as_of"] = datetime.fromisoformat(found["as_of"])
        return cast("Dossier", found)

    def live(self, after: int | None = None) -> Iterator[dict[str, Any]]:
        """Frames as they come: `seq`, `actor`, `changed`, `status`, `event_ids`. A connection that breaks is made anew, and goes on
        from where it was.

        Parameters
        ----------
        after
            Place in the ledger after which to begin; default its end.

        Raises
        ------
        ParameterError
            If that place cannot be gone on from, or the key does not open it.
        LedgerUnavailableError
            If there is no answer after four tries.
        """
        place, tries = after, 0
        while True:
            try:
                with self._open(f"live?after={place}" if place is not None else "live", timeout=60.0) as answer:
                    tries = 0
                    for raw in answer:
                        if raw.startswith(b"data: "):
                            frame: dict[str, Any] = json.loads(raw[6:])
                            place = frame["resume"]
                            yield frame
            except (OSError, ValueError) as error:
                if isinstance(error, AuraError) and not isinstance(error, LedgerUnavailableError):
                    raise
                tries += 1
                if tries > len(_PAUSES):
                    raise LedgerUnavailableError(Problem("the service does not answer", got=str(error), where=self._url)) from None
            time.sleep(_PAUSES[min(tries, len(_PAUSES)) - 1] if tries else 0.0)

    def events(self, after: int | None = None) -> Iterator[str]:
        """Ids of events as they are recorded; see `live`.

        Parameters
        ----------
        after
            As `live`.
        """
        for frame in self.live(after):
            yield from frame["event_ids"]

    def _open(self, path: str, body: bytes | None = None, timeout: float | None = None) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(f"{self._url}/{path}", body, headers, method="GET" if body is None else "POST")  # noqa: S310
        try:
            return urllib.request.urlopen(request, timeout=timeout or self._timeout)  # noqa: S310
        except urllib.error.HTTPError as error:
            raise _error(error) from None

    def _asked(self, path: str, body: bytes | None = None, *, again: bool = False) -> Any:
        for pause in (*_PAUSES, None):
            try:
                with self._open(path, body) as answer:
                    return json.loads(answer.read())
            except (OSError, ValueError) as error:
                out = isinstance(error, LedgerUnavailableError)
                if isinstance(error, AuraError) and not out:
                    raise
                if pause is None or not again:
                    raise LedgerUnavailableError(Problem("the service does not answer", got=str(error), where=self._url)) from None
                time.sleep(pause)
        raise AssertionError  # not reached


def _error(error: urllib.error.HTTPError) -> AuraError:
    """The error of ours that a service answered with."""
    try:
        said = json.loads(error.read())
        detail, problems = str(said["detail"]), said.get("problems") or []
    except (ValueError, KeyError, TypeError, OSError):
        detail, problems = f"the service answered {error.code}", []
    found = [
        Problem(one.get("what", ""), one.get("got"), one.get("expected"), one.get("where"), one.get("next")) for one in problems
    ]
    if error.code in (429, 503, 502, 504):
        return LedgerUnavailableError(detail)
    kind = _KINDS.get(error.code, ParameterError if error.code in (401, 403, 404) else InputError)
    return kind(detail, problems=found)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)


def _span(window: str | timedelta | None) -> str | None:
    return f"{window.total_seconds() / 3600:g}h" if isinstance(window, timedelta) else window
