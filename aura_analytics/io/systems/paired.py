"""Systems in which machines and humans say something about the same subject, each in a record of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Found, Place, System, Unusable, moment_of, word_of, words_of

__all__ = ["PairedSystem", "Said"]

_AT_ONCE = timedelta(seconds=1)


@dataclass(frozen=True)
class Said:
    """What a machine or a human said about something.

    Attributes
    ----------
    case
        What it is about: subject and name of the judgement.
    number
        Its own id in the system.
    who
        Who said it; None where the export names nobody.
    machine
        Whether a machine did.
    value
        What was said.
    at, changed
        When it was said, and when it was last changed (ISO 8601, as written).
    corrects
        Whether it sets something else in the place of what the machine did: an override, whatever was said before.
    confidence
        How sure a machine was, from 0 to 1; what is no such number is not used.
    more
        What else is kept.
    """

    case: str
    number: str
    who: str | None
    machine: bool
    value: Any
    at: Any
    changed: Any = None
    corrects: bool = False
    confidence: Any = None
    more: dict[str, Any] = field(default_factory=dict)


class PairedSystem(System):
    """What a human said is a verdict on the last thing that a machine said about the same before.

    A subclass turns a record into what was said (`said`). Where the machine's word was changed after the human spoke, nobody knows
    what the human saw: that is no verdict.
    """

    judged: ClassVar[str] = "what a machine said: it is compared with what humans said"

    def said(self, record: dict[str, Any]) -> Iterator[tuple[Any, Said | Events | str | Unusable]]:
        """What a record says.

        Parameters
        ----------
        record
            One record of the export.
        """
        raise NotImplementedError

    def everything(self, records: Iterable[tuple[Place, Any]]) -> Iterator[Found]:
        """As of any system, when all records have been read."""
        every = [(place, *one) for place, record in records for one in self.safely(record)]
        machines: dict[str, list[Said]] = {}
        for _, _, one in every:
            if isinstance(one, Said) and one.machine:
                machines.setdefault(one.case, []).append(one)
        for known in machines.values():
            known.sort(key=lambda one: moment_of(one.at))
        for place, piece, one in every:
            yield place, piece, self._verdict(one, machines.get(one.case, [])) if isinstance(one, Said) else one

    def pieces(self, record: dict[str, Any]) -> Iterator[Any]:
        """What a record says."""
        yield from self.said(record)

    def _verdict(self, one: Said, machines: list[Said]) -> Events | str | Unusable:
        if one.machine:
            return self.judged
        who = one.who or self.reviewer
        if who is None:
            return "what a human said, who is not named"
        before = [each for each in machines if one.at is None or each.at is None or moment_of(each.at) <= moment_of(one.at)]
        advice = before[-1] if before else None
        event = {
            "ts": one.at,
            "case_id": one.case,
            "actor": who,
            "actor_kind": "officer",
            "event_id": f"{IMPORTED}{self.name}-{one.number}",
            "attributes": one.more,
        }
        spoken = [moment_of(one.at), moment_of(one.changed)]
        if one.at is not None and any(spoken[0] + _AT_ONCE < moment_of(each.at) <= spoken[1] for each in machines):
            return "what a human said was changed after a machine had spoken again: on what it is said is not known"
        if one.corrects:
            word = word_of(one.value)
            if word is None:
                return "a correction in which nothing is set"
            same = None if advice is None or word_of(advice.value) is None else words_of(advice.value, one.value)
            if isinstance(same, tuple) and same[0] == same[1]:
                return "a correction to what was said"
            said = None if advice is None else word_of(advice.value)
            agent = None if advice is None else advice.who
            return [{**event, "type": "OVERRIDE", "agent": agent, "ai_recommendation": said, "human_verdict": word}]
        if advice is None:
            return "what a human said where no machine had said anything before"
        if one.at is not None and moment_of(advice.changed) > max(moment_of(one.at), moment_of(advice.at) + _AT_ONCE):
            return "what the machine said was changed after the human spoke: what the human saw is not known"
        try:
            words = words_of(advice.value, one.value)
        except Unusable as error:
            return error
        if isinstance(words, str):
            return words
        kind = "DECISION" if words[0] == words[1] else "OVERRIDE"
        sure = advice.confidence if type(advice.confidence) in (int, float) and 0 <= advice.confidence <= 1 else None
        verdict = {"agent": advice.who, "ai_recommendation": words[0], "human_verdict": words[1], "confidence": sure}
        return [{**event, **verdict, "type": kind}]
