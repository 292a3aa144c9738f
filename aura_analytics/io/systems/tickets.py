"""Ticket systems: changes of status and of the person in charge, as the clock of a case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Found, Place, System, Unusable, moment_of

__all__ = ["Change", "TicketSystem", "needed", "person"]

UNASSIGNED = "unassigned"
_ORDER = {"opened": 0, "begun": 0, "holder": 1, "status": 2}
_NOBODY = ("", "null", "none", "-1", "?", "unassigned")


@dataclass(frozen=True)
class Change:
    """Something that happened to a ticket.

    Attributes
    ----------
    case, number, at
        The ticket, the change's own id in the system, and when (ISO 8601).
    what
        `opened`, `status`, `holder`; `begun`, which opens a ticket that is not known yet and is a status of another one.
    to
        The new status as `working`, `waiting` or `ended`, or the new person in charge.
    by
        Who made the change; None where it is not said.
    queue
        Of `opened`: the queue.
    more
        What else is kept.
    was
        What it was before, where the change says so: a status, or a person.
    """

    case: str
    number: str
    at: Any
    what: str
    to: str | None
    by: str | None
    queue: str | None = None
    more: tuple[tuple[str, Any], ...] = ()
    was: str | None = None


class TicketSystem(System):
    """Tickets whose history is read in the order of time.

    A waiting status stops the clock (`PAUSED`), another one after it starts it (`RESUMED`); an end (`RESOLVED`) is by who is in
    charge then; who made the change may be anybody, and is kept beside it. A ticket that is worked on after its end is opened
    again, and given again to who is in charge. One that is taken from somebody and given to nobody is given to `unassigned`: whose
    it was is not charged with it.
    """

    judges: ClassVar[bool] = False

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system; a ticket's changes are put in order when all have been read."""
        every = [(place, *one) for place, record in records for one in self.safely(record)]
        changes = [(moment_of(one.at), i, one) for i, (_, _, one) in enumerate(every) if isinstance(one, Change)]
        changes.sort(key=lambda one: (one[0], _ORDER[one[2].what], one[1]))  # who takes a ticket and ends it has it first
        status: dict[str, str] = {}
        holder: dict[str, str | None] = {}
        yield from ((place, piece, one) for place, piece, one in every if not isinstance(one, Change))
        for moment, i, one in changes:  # in this order, since events of one moment are read as they stand
            unread = moment.year == 1
            found = Unusable(f"time_unreadable: got {one.at!r}, expected ISO 8601") if unread else self._event(one, status, holder)
            yield every[i][0], every[i][1], found

    def _event(self, one: Change, status: dict[str, str], holder: dict[str, str | None]) -> Events | str:
        event: dict[str, Any] = {
            "ts": one.at,
            "case_id": one.case,
            "event_id": f"{IMPORTED}{self.name}-{one.number}",
            "attributes": {**dict(one.more), **({} if one.by is None else {"by": one.by})},
        }
        if one.what == "opened" or (one.what == "begun" and one.case not in status):
            status.setdefault(one.case, "working")
            return [{**event, "type": "OPENED", "queue": one.queue}]
        if one.what == "holder":
            if one.to is not None and one.to == holder.get(one.case):
                return "given to who has it"
            if one.to is None and holder.get(one.case, one.was) is None:
                return "given to nobody, as before"
            holder[one.case] = one.to
            given = {"actor": one.to or UNASSIGNED, "actor_kind": "officer" if one.to else "system"}
            return [{**event, **given, "type": "ASSIGNED"}]
        before, now = status.get(one.case, one.was or "working"), one.to or "working"
        status[one.case] = now
        has = holder.get(one.case)
        if now == before:
            return "a change between two statuses that are the same to the clock"
        if now == "ended":
            return [{**event, "type": "RESOLVED", "actor": has, "actor_kind": "officer" if has else None}]
        if before == "ended":
            again = [{**event, "type": "OPENED"}]
            if has:
                own = f"{event['event_id']}-again"
                again.append({**event, "type": "ASSIGNED", "actor": has, "actor_kind": "officer", "event_id": own})
            return [*again, {**event, "type": "PAUSED", "event_id": f"{event['event_id']}-waits"}] if now == "waiting" else again
        return [{**event, "type": "PAUSED" if now == "waiting" else "RESUMED"}]


def person(value: Any) -> str | None:
    """Who is meant; None where it is nobody.

    Examples
    --------
    >>> person(" 17 "), person("?"), person({"accountId": "a1"}), person(None)
    ('17', None, 'a1', None)
    """
    if isinstance(value, dict):
        value = value.get("accountId") or value.get("key") or value.get("value") or value.get("id") or value.get("name")
    word = "" if value is None or isinstance(value, (bool, list)) else str(value).strip()
    return None if word.casefold() in _NOBODY else word


def needed(record: dict[str, Any], *names: str) -> list[Any]:
    """Values that a record must have.

    Raises
    ------
    Unusable
        If one is missing.

    Examples
    --------
    >>> needed({"id": 7, "at": "2026-01-05"}, "id", "at")
    [7, '2026-01-05']
    """
    lacks = [name for name in names if record.get(name) in (None, "")]
    if lacks:
        raise Unusable(f"{lacks[0]}_missing: got {sorted(record)[:8]}, expected {', '.join(names)}")
    return [record[name] for name in names]
