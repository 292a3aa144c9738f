"""Langfuse: scores and items of annotation queues, as its interface (v3, v2) and its exports write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Found, Place, Unusable, either
from aura_analytics.io.systems.paired import PairedSystem, Said

__all__ = ["Langfuse"]

_ASK = "fields=details,annotation,subject"


class Langfuse(PairedSystem):
    """An annotation is a verdict on the evaluation of the same subject and name before it.

    A correction is an override. An item of an annotation queue is given to who annotated it, and ended when it was completed.
    Scores that came through the interface are by nobody knows whom, and are not used.
    """

    name: ClassVar[str] = "langfuse"
    title: ClassVar[str] = "Langfuse"
    about: ClassVar[str] = (
        "annotation over an evaluation: DECISION or OVERRIDE; correction: OVERRIDE; queue item: ASSIGNED and RESOLVED"
    )
    lists: ClassVar[tuple[str, ...]] = ("data", "scores", "items")

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system; whose the items of queues are is known when all scores have been read."""
        kept = list(records)
        self._annotators: dict[tuple[str, str], set[str]] = {}
        for _, record in kept:
            if isinstance(record, dict) and record.get("source") == "ANNOTATION":
                who, queue = _author(record) or self.reviewer, either(record, "queueId")
                if who and queue:
                    self._annotators.setdefault((str(queue), _subject(record)), set()).add(who)
        yield from super().everything(kept)

    def said(self, record: dict[str, Any]) -> Iterator[tuple[Any, Said | Events | str | Unusable]]:
        """A score, or an item of a queue."""
        if either(record, "objectId") is not None:
            yield record, self._item(record)
        elif record.get("source") not in ("ANNOTATION", "EVAL", "API") or not record.get("id"):
            yield record, Unusable("score_unreadable: got no id or no source, expected a score or an item of a queue")
        elif not _subject(record):
            yield record, Unusable(f"subject_missing: got a score of nothing, expected its subject: ask for {_ASK}")
        elif record["source"] == "API":
            yield record, "a score that came through the interface: machine or human is not known"
        else:
            yield record, self._score(record)

    def _score(self, record: dict[str, Any]) -> Said:
        machine = record["source"] == "EVAL"
        kind, name = either(record, "dataType"), str(record.get("name"))
        value = record.get("value") if either(record, "stringValue") is None else either(record, "stringValue")
        if kind == "BOOLEAN" and value in (0, 1, "True", "False"):
            value = value in (1, "True")
        return Said(
            case=f"{_subject(record)}:{name}",
            number=str(record["id"]),
            who=name if machine else _author(record),
            machine=machine,
            value=value,
            at=record.get("timestamp"),
            changed=either(record, "updatedAt"),
            corrects=kind == "CORRECTION",
            more={"subject": _subject(record), "name": name, "comment": record.get("comment"), "queue": either(record, "queueId")},
        )

    def _item(self, record: dict[str, Any]) -> Events | str | Unusable:
        subject, queue = str(either(record, "objectId")), str(either(record, "queueId"))
        if not record.get("id"):
            return Unusable("item_unreadable: got no id, expected an item of a queue")
        who = self._annotators.get((queue, subject), set())
        one = next(iter(who)) if len(who) == 1 else None
        own = f"{IMPORTED}langfuse-item-{record['id']}"
        event = {"case_id": subject, "queue": queue, "actor": one, "actor_kind": "officer" if one else None}
        kind, name = ("ASSIGNED", "given") if one else ("OPENED", "begun")
        begun = {**event, "type": kind, "ts": either(record, "createdAt"), "event_id": f"{own}-{name}"}
        if record.get("status") != "COMPLETED" or not either(record, "completedAt"):
            return [begun]
        return [
            begun,
            {**event, "type": "RESOLVED", "ts": either(record, "completedAt"), "event_id": f"{own}-{'ended' if one else 'over'}"},
        ]


def _author(record: dict[str, Any]) -> str | None:
    who = either(record, "authorUserId")
    return who.strip() if isinstance(who, str) and who.strip() else None


def _subject(record: dict[str, Any]) -> str:
    """What a score is about; "" where it does not say."""
    subject = record.get("subject")
    if isinstance(subject, dict):
        return str(subject.get("id") or "")
    return str(next((one for key in ("observationId", "traceId", "sessionId", "datasetRunId") if (one := either(record, key))), ""))
