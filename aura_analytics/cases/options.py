"""How cases are attributed and timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    from aura_analytics.clock.calendars import Calendar

__all__ = ["Attribution", "Counting", "Holding", "Options"]

Attribution = Literal["last_decider", "event_actor", "all_deciders"]
Holding = Literal["closer", "holder"]
Counting = Literal["once", "every"]


@dataclass(frozen=True)
class Options:
    """How cases are attributed and timed.

    Parameters
    ----------
    attribution
        Whom a rating that names no actor is about: the last to decide its case before it (`last_decider`), everyone who did
        (`all_deciders`), or nobody (`event_actor`).
    holding
        Whose time a handed-over case is: `closer` gives it to who resolved it, from their assignment on; `holder` gives
        everyone the time that they held it.
    calendar
        Business hours that elapsed time is counted in; None counts every hour.
    ratings
        What counts of several ratings by one rater of one case: the first one (`once`), or all of them (`every`). Ratings that
        name no rater are one rater's; ratings that name no case all count.

    Raises
    ------
    ParameterError
        For another word than these.
    """

    attribution: Attribution = "last_decider"
    holding: Holding = "closer"
    calendar: Calendar | None = None
    ratings: Counting = "once"

    def __post_init__(self) -> None:
        words = (("attribution", Attribution), ("holding", Holding), ("ratings", Counting))
        for name, allowed in ((name, get_args(words)) for name, words in words):
            if getattr(self, name) not in allowed:
                raise ParameterError(Problem(f"unknown {name}", got=getattr(self, name), expected=" or ".join(allowed)))
