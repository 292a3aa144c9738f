"""Arize Phoenix: annotations of spans, traces and sessions, as its interface writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.paired import PairedSystem, Said

__all__ = ["Phoenix"]


class Phoenix(PairedSystem):
    """An annotation of a human is a verdict on the one of a machine of the same name on the same span before it.

    Labels are compared, scores where both have no label. An annotation that is written again takes the place of the one before
    (the same identifier): where the machine's was written again after the human's, nobody knows what the human saw.
    """

    name: ClassVar[str] = "phoenix"
    title: ClassVar[str] = "Arize Phoenix"
    about: ClassVar[str] = "annotation of a human over one of a machine: DECISION or OVERRIDE"
    lists: ClassVar[tuple[str, ...]] = ("data",)

    def said(self, record: dict[str, Any]) -> Iterator[tuple[Any, Said | str | Unusable]]:
        """An annotation."""
        kind, subject = record.get("annotator_kind"), _subject(record)
        if kind not in ("HUMAN", "LLM", "CODE") or not subject or not record.get("id"):
            expected = "expected an annotation with id, annotator_kind and span_id, trace_id or session_id"
            yield record, Unusable(f"annotation_unreadable: got {sorted(record)[:6]}, {expected}")
            return
        result, name = record.get("result") or {}, str(record.get("name"))
        label, who = result.get("label"), record.get("user_id")
        yield (
            record,
            Said(
                case=f"{subject}:{name}",
                number=str(record["id"]),
                who=(str(who) if who else None) if kind == "HUMAN" else str(record.get("identifier") or name),
                machine=kind != "HUMAN",
                value=result.get("score") if label in (None, "") else label,
                at=record.get("created_at"),
                changed=record.get("updated_at"),
                more={"subject": subject, "name": name, "explanation": result.get("explanation")},
            ),
        )


def _subject(record: dict[str, Any]) -> str:
    place = record.get("document_position")
    return ("" if place is None else f"{place} of ") + str(
        next((record[key] for key in ("span_id", "trace_id", "session_id") if record.get(key)), "")
    )
