"""How a board was counted: window, limits, calendar, attribution and data, as a column that travels with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.clock import times
from aura_analytics.clock.calendars import as_calendar
from aura_analytics.clock.sla import limits_text, parse_sla
from aura_analytics.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aura_analytics.metrics.kinds.base import Metric
    from aura_analytics.rules.grammar import PolicyFile

__all__ = ["COUNTED", "board_problems", "counted_problems"]

COUNTED = pl.Struct(
    {
        "window": pl.String(),  # such as 90d, or all
        "sla": pl.String(),
        "calendar": pl.String(),
        "attribution": pl.String(),
        "holding": pl.String(),
        "ratings": pl.String(),
        "confidence": pl.Float64(),
        "policy": pl.String(),  # name and version of the policy behind pip_status
        "events": pl.Int64(),  # events about work up to the end of the window, and a digest of them
        "data": pl.String(),
        "later": pl.Int64(),  # events after the end of the window, of any type
        "notes": pl.List(pl.String()),  # what a view must say of the way in which it was counted
    }
)
_WORDS = {
    "sla": "limits of cases",
    "calendar": "calendar",
    "attribution": "attribution of ratings",
    "holding": "holding of cases",
    "ratings": "ratings that repeat one",
}


def board_problems(board: pl.DataFrame, spec: PolicyFile, reads: Iterable[Metric]) -> list[Problem]:
    """Why a policy cannot judge a board: a column is lacking, or it was counted otherwise."""
    needed = ["actor", "actor_kind", "as_of"]
    for one in reads:
        needed += [name for name in (one.name, f"{one.name}_n") if name in one.columns]
    if spec.evidence.both_verdicts:
        needed.append("agreed_ever")
    lacking = [name for name in needed if name not in board.columns]
    problems = [
        Problem("the dossiers lack a column that the policy reads", got=name, next="compute them with this metric")
        for name in lacking
    ]
    return problems + counted_problems(board, spec)


def _own_way(spec: PolicyFile) -> dict[str, str]:
    """What a policy says of how boards are counted, as `counted` has it."""
    found = {name: str(value) for name, value in spec.way.items()}
    if spec.sla is not None:
        found["sla"] = limits_text(parse_sla(spec.sla)) or ""
    if spec.calendar is not None:
        found["calendar"] = str(as_calendar(spec.calendar))
    return found


def counted_problems(board: pl.DataFrame, spec: PolicyFile) -> list[Problem]:
    """Why a policy does not judge a board: it was counted over another window, or its readings in different ways."""
    if "counted" not in board.columns or board.is_empty():
        return []
    ways = board["counted"].struct.unnest().select("window", *_WORDS).unique(maintain_order=True)
    wanted, windows = times.window_text(spec.span), ways["window"].drop_nulls().unique(maintain_order=True).to_list()
    problems = [
        Problem(
            "the board was counted over another window than the policy judges",
            got=times.span_of_time(window),
            expected=times.span_of_time(wanted),
            next="count it with aura.dossiers(events, policy=...), or judge by policy.over(window)",
        )
        for window in windows
        if window != wanted
    ]
    own = _own_way(spec)
    for name, words in _WORDS.items():
        found = ways[name].unique(maintain_order=True).to_list()
        if name in own and any(each != own[name] for each in found):
            problem = Problem(
                f"the board was counted otherwise than the policy judges: {words}",
                got=", ".join("none" if each is None else str(each) for each in found),
                expected=own[name],
                next="count it with aura.dossiers(events, policy=...), and leave to the policy what it says",
            )
            problems.append(problem)
        elif len(found) > 1:
            problems.append(Problem(f"the readings were counted in different ways: {words}", got=", ".join(map(str, found))))
    return problems
