"""What is to be said to whom: written in the transaction in which a verdict is noted, so that each change is told once.

A verdict that is noted is compared with the one that was noted before, under a lock: of two processes that see the same change one
writes. The first verdicts of a ledger are noted and told to nobody.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.ledger import tables
from aura_analytics.ledger.failures import translated
from aura_analytics.service.told.supervisors import Supervisors

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from aura_analytics.ledger.store import Ledger

__all__ = ["Message", "Outbox"]

_TOLD = ("flag", "watch")
_LEASE = 60_000_000  # microseconds for which who takes a message has it
_WAITS = (10, 60, 300, 900, 3_600)  # seconds before it is tried again
_MOST = 12  # tries


@dataclass(frozen=True)
class Message:
    """Something that is to be sent.

    Attributes
    ----------
    n, name
        Its number, and the name by which whoever receives it knows it again.
    channel, recipient
        `mail` or `webhook`, and to whom.
    actor, body
        About whom, and what.
    tries
        How often it was tried.
    """

    n: int
    name: str
    channel: str
    recipient: str
    actor: str
    body: Mapping[str, Any]
    tries: int


class Outbox:
    """Messages of a ledger.

    Parameters
    ----------
    ledger
        The ledger.
    supervisors
        Who is told of whom: the actor's supervisor, and nobody else.
    webhook
        Address that is told, too.
    wait
        Seconds before a message goes out, so that others for the same person can join it.
    """

    def __init__(self, ledger: Ledger, supervisors: Supervisors, webhook: str | None = None, wait: float = 0.0) -> None:
        self._ledger, self._engines = ledger, ledger.engines
        self._supervisors, self._webhook, self._wait = supervisors, webhook, wait

    def note(self, policy: str, seq: int, verdicts: Iterable[Mapping[str, Any]]) -> int:
        """Note verdicts, and write what is to be told of those that changed to `flag` or `watch`; returns how many messages.

        Parameters
        ----------
        policy
            Which policy they are of: name and version.
        seq
            The place in the ledger up to which they hold.
        verdicts
            Dicts with `actor`, `status`, `reasons` and the numbers behind it.
        """
        v = tables.verdicts
        written = 0
        rows = sorted(verdicts, key=lambda row: str(row["actor"]))  # in one order: two processes do not wait for each other
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            query = select(v.c.actor, v.c.verdict, v.c.seq).where(v.c.policy == policy)
            if not self._engines.sqlite:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1635082593)")
            known = {row.actor: (row.verdict, row.seq) for row in connection.execute(query)}
            began = bool(known)
            for row in rows:
                actor, verdict = str(row["actor"]), str(row["status"])
                before = known.get(actor)
                if before is not None and (before[0] == verdict or before[1] > seq):
                    continue
                if before is None:
                    connection.execute(v.insert().values(policy=policy, actor=actor, verdict=verdict, seq=seq))
                else:
                    change = v.update().where(v.c.policy == policy, v.c.actor == actor)
                    connection.execute(change.values(verdict=verdict, seq=seq))
                if verdict in _TOLD and began:
                    written += self._write(connection, policy, seq, row, None if before is None else before[0])
        return written

    def _write(self, connection: Connection, policy: str, seq: int, row: Mapping[str, Any], before: str | None) -> int:
        actor, verdict = str(row["actor"]), str(row["status"])
        body = json.dumps({**row, "policy": policy, "seq": seq, "before": before}, ensure_ascii=False, default=str)
        boss = self._supervisors.of(actor)
        to = [("mail", boss.mail)] if boss is not None and boss.mail else []
        to += [("webhook", self._webhook)] if self._webhook else []
        due = _now() + int(self._wait * 1e6)
        for channel, recipient in to:
            name = f"{channel}/{policy}/{actor}/{verdict}/{seq}"
            values = {
                "name": name,
                "channel": channel,
                "recipient": recipient,
                "actor": actor,
                "line": body,
                "due": due,
                "tries": 0,
            }
            connection.execute(tables.outbox.insert().values(**values))
        return len(to)

    def take(self, holder: str, most: int = 50) -> list[Message]:
        """Messages that are due, for whoever takes them alone for a minute; those to one person come together.

        Parameters
        ----------
        holder
            Who takes them.
        most
            How many at most.
        """
        o, now = tables.outbox, _now()
        free = and_(o.c.sent.is_(None), o.c.failed.is_(None), or_(o.c.held_until.is_(None), o.c.held_until < now))
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            m = tables.mutes
            muted = select(m.c.recipient).where(m.c.begins <= now, m.c.ends > now)
            query = select(o).where(free, o.c.due <= now, o.c.recipient.not_in(muted)).order_by(o.c.due, o.c.n).limit(most)
            rows = connection.execute(query if self._engines.sqlite else query.with_for_update(skip_locked=True)).all()
            people = {(row.channel, row.recipient) for row in rows if row.channel == "mail"}
            taken = {row.n: row for row in rows}
            for channel, recipient in people:  # what waits for the same person goes along
                more = select(o).where(free, o.c.channel == channel, o.c.recipient == recipient).limit(500)
                more = more if self._engines.sqlite else more.with_for_update(skip_locked=True)
                taken |= {row.n: row for row in connection.execute(more)}
            change = o.update().where(o.c.n.in_(taken)).values(holder=holder, held_until=now + _LEASE, tries=o.c.tries + 1)
            if taken:
                connection.execute(change)
        return [
            Message(row.n, row.name, row.channel, row.recipient, row.actor, json.loads(row.line), row.tries + 1)
            for row in sorted(taken.values(), key=lambda row: row.n)
        ]

    def done(self, messages: Iterable[Message], holder: str) -> None:
        """Note that messages were sent.

        Parameters
        ----------
        messages
            Which.
        holder
            Who took them.
        """
        o = tables.outbox
        numbers = [one.n for one in messages]
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            connection.execute(o.update().where(o.c.n.in_(numbers), o.c.holder == holder).values(sent=_now(), held_until=None))

    def failed(self, messages: Iterable[Message], holder: str, why: str) -> None:
        """Note that messages could not be sent: they are tried again later, twelve times in all.

        Parameters
        ----------
        messages
            Which.
        holder
            Who took them.
        why
            In words.
        """
        o = tables.outbox
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            for one in messages:
                wait = _WAITS[min(one.tries, len(_WAITS)) - 1]
                last = one.tries >= _MOST
                values = {"held_until": None, "due": _now() + wait * 1_000_000, "failed": why[:500] if last else None}
                connection.execute(o.update().where(o.c.n == one.n, o.c.holder == holder).values(**values))

    def waiting(self) -> tuple[int, float]:
        """How many messages are due and not sent, and since how many seconds the oldest is."""
        o, now = tables.outbox.c, _now()
        query = select(func.count(), func.min(o.due)).where(o.sent.is_(None), o.failed.is_(None), o.due <= now)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            count, first = connection.execute(query).one()
        return int(count), 0.0 if first is None else (now - first) / 1e6

    def mute(self, recipient: str, hours: float, by: str, reason: str) -> None:
        """Tell somebody nothing for a while; it is recorded who asked for that, and what waits is sent afterwards.

        Parameters
        ----------
        recipient
            The address.
        hours
            How long, at most 720.
        by, reason
            Who asks for it, and why.

        Raises
        ------
        ParameterError
            If it is no length, or nobody or no reason is named.
        """
        if not 0 < hours <= 720 or not by.strip() or not reason.strip():
            raise ParameterError(
                Problem("a mute has an end, somebody who asks and a reason", got=f"{hours} hours", expected="at most 720 hours")
            )
        now = _now()
        row = {"recipient": recipient, "by": by, "reason": reason, "begins": now, "ends": now + int(hours * 3.6e9)}
        with translated(self._engines.url), self._engines.writer.begin() as connection:
            connection.execute(tables.mutes.insert().values(**row))


def _now() -> int:
    return time.time_ns() // 1000
