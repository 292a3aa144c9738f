"""Zendesk: audits of tickets, metric events and satisfaction ratings, as its interface writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Found, Place, Unusable
from aura_analytics.io.systems.tickets import Change, TicketSystem, needed, person

__all__ = ["Zendesk"]

_STATES = {"new": "working", "open": "working", "pending": "waiting", "hold": "waiting", "solved": "ended", "closed": "ended"}
_METRIC = {"activate": "working", "pause": "waiting", "fulfill": "ended"}


class Zendesk(TicketSystem):
    """The clock of a ticket by its audits; by the events of `requester_wait_time` where no audits of it are there.

    Pending and on hold stop the clock. A rating is good or bad, which is no number of stars, and is not used.
    """

    name: ClassVar[str] = "zendesk"
    title: ClassVar[str] = "Zendesk"
    about: ClassVar[str] = "audits or metric events: OPENED, ASSIGNED, PAUSED, RESUMED, RESOLVED"
    lists: ClassVar[tuple[str, ...]] = ("audits", "ticket_audits", "ticket_metric_events", "satisfaction_ratings")

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system; which tickets have audits is known when all records have been read."""
        kept = list(records)
        self._audited = {str(one.get("ticket_id")) for _, one in kept if isinstance(one, dict) and "events" in one}
        yield from super().everything(kept)

    def pieces(self, record: dict[str, Any]) -> Iterator[Any]:
        """The changes of an audit, a metric event, or a rating."""
        try:
            if "score" in record:
                yield record, "a rating that is good or bad: that is no number of stars"
            elif "metric" in record:
                yield record, self._metric(record)
            elif isinstance(record.get("events"), list):
                yield from self._audit(record)
            else:
                yield (
                    record,
                    Unusable(f"record_unreadable: got {sorted(record)[:6]}, expected an audit, a metric event or a rating"),
                )
        except Unusable as error:
            yield record, error

    def _metric(self, record: dict[str, Any]) -> Change | str:
        number, ticket, at, kind = needed(record, "id", "ticket_id", "time", "type")
        if record["metric"] != "requester_wait_time":
            return "an event of another metric"
        if str(ticket) in self._audited:
            return "a metric event of a ticket whose audits are there"
        if kind not in _METRIC:
            return "a metric event that the clock does not know"
        first = kind == "activate" and record.get("instance_id") in (0, 1, None)
        return Change(str(ticket), f"metric-{number}", at, "begun" if first else "status", _METRIC[kind], None)

    def _audit(self, record: dict[str, Any]) -> Iterator[tuple[Any, Change | str]]:
        number, ticket, at = needed(record, "id", "ticket_id", "created_at")
        by, case = person(record.get("author_id")), str(ticket)
        for one in record["events"]:
            field, kind, value = one.get("field_name"), one.get("type"), one.get("value")
            own = f"{number}-{one.get('id')}"
            if kind not in ("Create", "Change") or field not in ("status", "assignee_id"):
                yield one, "an event of an audit that is no change of status or assignee"
            elif field == "assignee_id":
                yield one, Change(case, own, at, "holder", person(value), by, was=person(one.get("previous_value")))
            elif kind == "Create":
                yield one, Change(case, own, at, "opened", None, by)
                if _STATES.get(value, "working") != "working":
                    yield {"begins as": value}, Change(case, f"{own}-as", at, "status", _STATES[value], by)
            elif value in _STATES:
                was = _STATES.get(one.get("previous_value"))
                yield one, Change(case, own, at, "status", _STATES[value], by, more=(("status", value),), was=was)
            else:
                yield one, f"a status that Zendesk does not have: {value}"
