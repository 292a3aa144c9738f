"""ServiceNow: records of a task table and rows of its audit table, as its interface and its exports write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Found, Place, Unusable
from aura_analytics.io.systems.tickets import Change, TicketSystem, needed, person

__all__ = ["ServiceNow"]

_STATES = {
    **dict.fromkeys(("1", "2", "new", "in progress", "active", "work in progress", "open", "assigned"), "working"),
    **dict.fromkeys(("3", "4", "5", "on hold", "pending", "awaiting user info", "awaiting problem", "awaiting vendor"), "waiting"),
    **dict.fromkeys(("6", "7", "8", "resolved", "closed", "canceled", "cancelled"), "ended"),
}


class ServiceNow(TicketSystem):
    """The clock of an incident: opened, assigned to, state, by the rows of `sys_audit`.

    A record of the table itself tells when it was opened; where no audits are there, also when it ended, and who has it, as if
    they had had it from the beginning. States are those of incidents (3 to 5 wait, 6 to 8 are an end), by number
    or by name; times are UTC, as the interface writes them. `?` is nobody.
    """

    name: ClassVar[str] = "servicenow"
    title: ClassVar[str] = "ServiceNow"
    about: ClassVar[str] = "record: OPENED; audit of assigned_to: ASSIGNED; audit of state: PAUSED, RESUMED, RESOLVED"
    lists: ClassVar[tuple[str, ...]] = ("result", "records")

    def pieces(self, record: dict[str, Any]) -> Iterator[Any]:
        """A record of the table, or a row of its audit."""
        row = {key: _plain(value) for key, value in record.items()}
        try:
            if "fieldname" in row:
                yield record, self._audit(row)
            else:
                yield from self._record(record, row)
        except Unusable as error:
            yield record, error

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system; which records have audits is known when all rows have been read."""
        kept = list(records)
        rows = [one for _, one in kept if isinstance(one, dict)]
        self._audited = {(str(_plain(row.get("documentkey"))), str(_plain(row.get("fieldname")))) for row in rows}
        yield from super().everything(kept)

    def _record(self, record: dict[str, Any], row: dict[str, Any]) -> Iterator[tuple[Any, Change | Unusable]]:
        number, opened = (str(one) for one in needed(row, "sys_id", "opened_at"))
        more = (("number", row.get("number")),)
        yield record, Change(number, f"{number}-opened", opened, "opened", None, None, row.get("category"), more)
        holder = person(row.get("assigned_to"))
        if holder is not None and (number, "assigned_to") not in self._audited:
            yield {"assigned_to": holder}, Change(number, f"{number}-given", opened, "holder", holder, None)
        if (number, "state") in self._audited:
            return
        ended = row.get("resolved_at") or row.get("closed_at")
        if ended:
            by = _somebody(row.get("resolved_by") or row.get("closed_by"))
            yield {"ended": ended}, Change(number, f"{number}-ended", ended, "status", "ended", by)
        elif _STATES.get(str(row.get("state")).strip().casefold()) == "ended":
            said = f"end_missing: got state {row['state']!r}, expected resolved_at or closed_at, or audits of the state"
            yield {"state": row["state"]}, Unusable(said)

    def _audit(self, row: dict[str, Any]) -> Change | str:
        number, case, at = needed(row, "sys_id", "documentkey", "sys_created_on")
        field, value, by = row["fieldname"], row.get("newvalue"), _somebody(row.get("user"))
        more = (("from", row.get("oldvalue")), ("to", value))
        if field == "assigned_to":
            was = person(row.get("oldvalue"))
            return Change(str(case), str(number), at, "holder", person(value), by, more=more, was=was)
        if field not in ("state", "incident_state"):
            return "a change of another field"
        if field == "incident_state":
            return "the state told again under its old name"
        if row.get("tablename") not in ("incident", None) and str(value).strip().isdigit():
            raise Unusable(
                f"state_unknown: got {value!r} of table {row['tablename']!r}, expected a state of an incident, or its name"
            )
        status, was = (_STATES.get(str(one).strip().casefold()) for one in (value, row.get("oldvalue")))
        if status is None:
            raise Unusable(f"state_unknown: got {value!r}, expected a state of an incident: {', '.join(_STATES)}")
        return Change(str(case), str(number), at, "status", status, by, more=more, was=was)


def _somebody(user: Any) -> str | None:
    """Who made a change, where it was not the system itself."""
    name = person(user)
    return None if name in ("system", "guest") else name


def _plain(value: Any) -> Any:
    """The value of a field, which may come with what is shown for it; `?` is nothing."""
    if isinstance(value, dict):
        value = value.get("value", value.get("display_value"))
    return None if isinstance(value, str) and value.strip() in ("", "?") else value
