"""LangSmith: feedback on runs, as its client and its interface write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.paired import PairedSystem, Said

__all__ = ["LangSmith"]

_MACHINES = ("model", "auto_eval")


class LangSmith(PairedSystem):
    """Feedback of a person is a verdict on the feedback of a model of the same key on the same run before it.

    A correction is an override. Feedback that came through the interface is by nobody knows whom, and is not used.
    """

    name: ClassVar[str] = "langsmith"
    title: ClassVar[str] = "LangSmith"
    about: ClassVar[str] = "feedback of a person over a model's: DECISION or OVERRIDE; correction: OVERRIDE"
    lists: ClassVar[tuple[str, ...]] = ("feedback", "data")

    def said(self, record: dict[str, Any]) -> Iterator[tuple[Any, Said | str | Unusable]]:
        """One feedback."""
        run = record.get("run_id") or record.get("trace_id") or record.get("session_id")
        if not record.get("id") or not record.get("key") or not run:
            said = f"feedback_unreadable: got {sorted(record)[:6]}, expected feedback with id, key and run_id"
            yield record, Unusable(said)
            return
        source = record.get("feedback_source") or {}
        kind, key = source.get("type"), str(record["key"])
        machine, corrected = kind in _MACHINES, record.get("correction")
        if not machine and kind != "app":
            yield record, "feedback that came through the interface: machine or human is not known"
            return
        value = record.get("score") if record.get("value") is None else record["value"]
        corrects = corrected not in (None, "", {})
        if machine and corrects:  # by a person, on the evaluator's own feedback
            own = {**record, "id": f"{record['id']}-corrected", "value": None, "created_at": record.get("modified_at")}
            person = {**own, "feedback_source": {"type": "app", "user_id": None}}
            yield {"correction": corrected}, next(self.said(person))[1]
            corrects = False
        who = (source.get("metadata") or {}).get("evaluator") or key if machine else source.get("user_id")
        yield (
            record,
            Said(
                case=f"{run}:{key}",
                number=str(record["id"]),
                who=str(who) if who else None,
                machine=machine,
                value=_set(corrected) if corrects else value,
                at=record.get("created_at"),
                changed=record.get("modified_at"),
                corrects=corrects,
                more={"run": str(run), "key": key, "comment": record.get("comment"), "name": source.get("user_name")},
            ),
        )


def _set(corrected: Any) -> Any:
    """What a correction sets: its value or score, where it has no more than that."""
    if isinstance(corrected, dict) and len(corrected) == 1 and set(corrected) <= {"value", "score"}:
        return next(iter(corrected.values()))
    return corrected
