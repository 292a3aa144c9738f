"""How long a case may take: limits in hours or working days, by queue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aura_analytics.clock import times
from aura_analytics.errors import ParameterError, Problem

__all__ = ["Sla", "SlaLike", "limits_text", "parse_sla"]


@dataclass(frozen=True)
class Sla:
    """How long a case may take: a number of hours (on the calendar) or of working days.

    Parameters
    ----------
    hours
        Hours, counted on the calendar of the dossier if it has one.
    working_days
        Working days after the day of receipt, as the United States' Freedom of Information Act counts its 20.
    business
        Whether the hours are opening hours, which only a calendar knows.
    """

    hours: float | None = None
    working_days: int | None = None
    business: bool = False

    def __str__(self) -> str:
        return (
            f"{self.working_days} working days"
            if self.working_days is not None
            else f"{self.hours:g} {'business hours' if self.business else 'h'}"
        )


SlaLike = str | Sla | Mapping[str, str | Sla] | None


def parse_sla(sla: SlaLike) -> dict[str, Sla]:
    """SLA limits by queue, from text such as `48h`, `1.5d` (days around the clock), `8 business hours` or `20 working days`.

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


def limits_text(limits: Mapping[str, Sla]) -> str | None:
    """Limits of cases in one text; None without any."""
    return "; ".join(f"{queue}: {limit}" for queue, limit in sorted(limits.items())) or None


def _one_sla(text: str, queue: str) -> Sla:
    said = " ".join(str(text).split()).lower()
    if found := re.fullmatch(r"([1-9]\d*) (?:working|business) days?", said):
        return Sla(working_days=int(found[1]))
    if found := re.fullmatch(r"(\d+(?:\.\d+)?) (?:working|business) hours?", said):
        said = f"{found[1]}h"
        business = True
    else:
        business = False
    try:
        return Sla(hours=times.parse_span(said).total_seconds() / 3600, business=business)
    except ParameterError:
        expected = "such as '48h', '1.5d', '8 business hours' or '20 working days'"
        raise ParameterError(Problem("an SLA cannot be read", got=text, expected=expected, where=f"queue {queue!r}")) from None
