"""Argilla: records with suggestions and responses, as its client writes them (`record.to_dict`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from aura_analytics.io.systems.base import Unusable
from aura_analytics.io.systems.paired import PairedSystem, Said

__all__ = ["Argilla"]


class Argilla(PairedSystem):
    """A response to a question is a verdict on the suggestion for it.

    Neither has a time in what the client writes: the record's `updated_at` beside it is the time of its responses. Nor does it say
    which responses are drafts or discarded: `submitted` beside it lists who has submitted theirs. Marked places in a text are not
    compared.
    """

    name: ClassVar[str] = "argilla"
    title: ClassVar[str] = "Argilla"
    about: ClassVar[str] = "response over a suggestion: DECISION or OVERRIDE"
    judged: ClassVar[str] = "a suggestion: it is compared with the responses"
    lists: ClassVar[tuple[str, ...]] = ("items", "records")

    def said(self, record: dict[str, Any]) -> Iterator[tuple[Any, Said | str | Unusable]]:
        """The suggestions and the responses of a record."""
        own = record.get("_server_id") or record.get("id")
        if not own or not isinstance(record.get("responses"), dict) or not isinstance(record.get("suggestions"), dict):
            expected = "expected a record with id, suggestions and responses, as record.to_dict() gives it"
            yield record, Unusable(f"record_unreadable: got {sorted(record)[:6]}, {expected}")
            return
        at, case = record.get("updated_at"), str(record.get("id") or own)
        for question, one in record["suggestions"].items():
            agent = str(one.get("agent") or "an agent without a name")
            yield (
                {question: one},
                Said(f"{case}:{question}", "", agent, machine=True, value=one["value"], at=None, confidence=one.get("score")),
            )
        for question, responses in record["responses"].items():
            for one in responses:
                who = one.get("user_id")
                number = f"{own}-{question}-{who}"
                if not isinstance(record.get("submitted"), list):
                    yield (
                        {question: one},
                        Unusable("submitted_missing: got a response, expected who has submitted theirs: submitted"),
                    )
                elif who not in record["submitted"]:
                    yield {question: one}, "a response that is not submitted: a draft, or discarded"
                elif not at:
                    yield {question: one}, Unusable("time_missing: got a record without a time, expected its updated_at beside it")
                elif isinstance(one["value"], list) and any(isinstance(part, dict) for part in one["value"]):
                    yield {question: one}, "marked places or ranks: not compared"
                else:
                    more = {"record": own, "question": question}
                    known = str(who) if who and who != "None" else None
                    yield (
                        {question: one},
                        Said(f"{case}:{question}", number, known, machine=False, value=one["value"], at=at, more=more),
                    )
