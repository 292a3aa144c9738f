"""How long a case may take: limits in hours or working days, by queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem

__all__ = ["Sla", "SlaLike", "parse_sla"]


@dataclass(frozen=True)
class Sla:
    """How long a case may take: a number of hours (on the calendar) or of working days.

    Parameters
    ----------
    hours
        Hours, counted on the calendar of the dossier if it has one.
    working_days
        Working days after the day of receipt, as the United States' Freedom of Information Act counts its 20.
    """

    hours: float | None = None
    working_days: int | None = None

    def __str__(self) -> str:
        return f"{self.working_days} working days" if self.working_days is not None else f"{self.hours:g} h"


SlaLike = str | Sla | Mapping[str, str | Sla] | None


def parse_sla(sla: SlaLike) -> dict[str, Sla]:
    """SLA limits by queue, from text such as `48h`, `10d` (days around the clock) or `20 working days`.

    Parameters
    ----------
    sla
        One limit, or limits by queue with a `default`.

    Raises
    ------
    ParameterError
        If one cannot be read.

    Examples
    --------
    >>> parse_sla({"default": "48h", "foia": "20 working days"})["foia"].working_days
    20
    """
    if sla is None:
        return {}
    if not isinstance(sla, (str, Sla, Mapping)):
        expected = "such as '48h', '20 working days', or a dict by queue"
        raise ParameterError(Problem("an SLA cannot be read", got=sla, expected=expected))
    given = sla if isinstance(sla, Mapping) else {"default": sla}
    return {queue: limit if isinstance(limit, Sla) else _one_sla(limit, queue) for queue, limit in given.items()}


def _one_sla(text: str, queue: str) -> Sla:
    words = str(text).split()
    if len(words) == 3 and words[0].isdigit() and int(words[0]) > 0 and words[1:] in (["working", "days"], ["working", "day"]):
        return Sla(working_days=int(words[0]))
    try:
        return Sla(hours=times.parse_span(str(text)).total_seconds() / 3600)
    except ParameterError:
        expected = "such as '48h', '10d' or '20 working days'"
        raise ParameterError(Problem("an SLA cannot be read", got=text, expected=expected, where=f"queue {queue!r}")) from None
