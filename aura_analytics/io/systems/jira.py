"""Jira: issues with their changelog, as its interface writes them (`expand=changelog`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Unusable, moment_of
from aura_analytics.io.systems.tickets import Change, TicketSystem, needed, person

__all__ = ["Jira"]

_WAITING = (
    "on hold",
    "hold",
    "pending",
    "blocked",
    "waiting",
    "waiting for customer",
    "waiting on customer",
    "waiting for reporter",
)


class Jira(TicketSystem):
    """The clock of an issue: created, assignee, status, resolution.

    An issue ends when it gets a resolution, whatever the last status of its workflow is called, and is opened again when that is
    taken away. A status called waiting, waiting for customer (or reporter), pending, on hold or blocked stops the clock. People are
    known by their account, since two may have one name.
    """

    name: ClassVar[str] = "jira"
    title: ClassVar[str] = "Jira"
    about: ClassVar[str] = "created: OPENED; assignee: ASSIGNED; status: PAUSED, RESUMED; resolution: RESOLVED"
    lists: ClassVar[tuple[str, ...]] = ("issues", "values")

    def pieces(self, record: dict[str, Any]) -> Iterator[Any]:
        """The beginning of an issue, and its changes."""
        try:
            key, fields = needed(record, "key", "fields")
            key = str(key)
            (created,) = needed(fields, "created")
        except Unusable as error:
            yield record, error
            return
        if not isinstance((record.get("changelog") or {}).get("histories"), list):
            yield record, Unusable(f"changelog_missing: got issue {key} without its history, expected expand=changelog")
            return
        histories = record["changelog"]["histories"]
        if record["changelog"].get("total", 0) > len(histories):
            said = f"got {len(histories)} of {record['changelog']['total']} changes of {key}, expected all"
            yield record, Unusable(f"changelog_cut: {said}: read the issue's own changelog to its end")
            return
        queue = (fields.get("issuetype") or {}).get("name")
        number = str(record.get("id") or key)
        yield {"key": key, "created": created}, Change(key, f"{number}-opened", _iso(created), "opened", None, None, queue)
        first = self._first_holder(fields, histories)
        if first:
            began = (("said", "who was in charge when it was created"),)
            yield {"key": key, "assignee": first}, Change(key, f"{number}-first", _iso(created), "holder", first, None, more=began)
        if fields.get("resolutiondate") and not any(
            _field(item) == "resolution" for one in histories for item in one.get("items") or []
        ):
            ended_at = _iso(fields["resolutiondate"])
            yield {"key": key, "resolutiondate": ended_at}, Change(key, f"{number}-ended", ended_at, "status", "ended", None)
        yield from self._changes(key, number, _iso(created), histories)

    def _changes(self, key: str, number: str, created: Any, histories: list[dict[str, Any]]) -> Iterator[Any]:
        statuses = [item for one in sorted(histories, key=_when) for item in one.get("items") or [] if _field(item) == "status"]
        waits, ended = bool(statuses) and _waits(statuses[0].get("fromString")), False
        if waits:
            yield {"begins as": statuses[0]["fromString"]}, Change(key, f"{number}-as", created, "status", "waiting", None)
        for one in sorted(histories, key=_when):
            by = None if (one.get("author") or {}).get("accountType") == "app" else person(one.get("author"))
            for place, item in enumerate(one.get("items") or []):
                own, at = f"{one['id']}-{place}", _iso(one.get("created"))
                more = (("from", item.get("fromString")), ("to", item.get("toString")))
                field = _field(item)
                if field == "assignee":
                    yield item, Change(key, own, at, "holder", person(item.get("to")), by, more=more, was=person(item.get("from")))
                elif field in ("status", "resolution"):
                    if field == "status":
                        waits = _waits(item.get("toString"))
                    else:
                        ended = person(item.get("to")) is not None
                    yield (
                        item,
                        Change(key, own, at, "status", "ended" if ended else "waiting" if waits else "working", by, more=more),
                    )
                else:
                    yield item, "a change of another field"

    def _first_holder(self, fields: dict[str, Any], histories: list[dict[str, Any]]) -> str | None:
        """Who was in charge at the beginning: whom the first change of the assignee took it from, or who still is."""
        for one in sorted(histories, key=_when):
            for item in one.get("items") or []:
                if _field(item) == "assignee":
                    return person(item.get("from"))
        return person(fields.get("assignee"))


def _when(history: dict[str, Any]) -> datetime:
    return moment_of(_iso(history.get("created")))


def _field(item: dict[str, Any]) -> Any:
    return item.get("fieldId") or item.get("field")


def _waits(status: Any) -> bool:
    return str(status).strip().casefold() in _WAITING


def _iso(text: Any) -> Any:
    """A time with its offset as ISO 8601 has it: Jira writes `+0100`."""
    if isinstance(text, str) and len(text) > 5 and text[-5] in "+-" and text[-4:].isdigit():
        return f"{text[:-2]}:{text[-2:]}"
    return text
