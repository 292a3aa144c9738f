"""What is drawn of a case, and what comes beside its verdict where a scenario has it: audits that prefer some cases, drills, first
verdicts, own work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.simulation.world import Columns

__all__ = ["look_into", "purposes", "rare_columns"]

_RARE = {"drill": "drill", "first": "first_right", "own": "own_work"}


def purposes(scenario: Scenario) -> list[str]:
    """What is drawn beside arrivals: streams that nobody reads are left alone."""
    agents, citizens = scenario.agents, scenario.citizens
    many = sum(group.count for group in agents) > 1
    asked = {
        "truth": True,
        "agent": many,
        "ai": True,
        "sure": any(each.confidence_sd for each in agents),
        "invented": any(each.hallucination for each in agents),
        "short": any(each.too_short for each in agents),
        "officer": True,
        "service": True,
        "verdict": True,
        "response": citizens.response > 0,
        "stars": citizens.response > 0,
        "rated": citizens.response > 0,
        "audit": scenario.audited > 0 or scenario.audits.overridden is not None or scenario.audits.wrong is not None,
        "drill": scenario.drills is not None,
        "planted": scenario.drills is not None,
        "first": any(each.initial_right is not None for each in scenario.officers),
        "own": any(each.own_work for each in scenario.officers),
        "difficulty": any(each.calibration for each in agents),
        "decides": any(each.decides < 1 for each in scenario.officers),
    }
    return [purpose for purpose, wanted in asked.items() if wanted]


def rare_columns(drawn: Iterable[str]) -> tuple[str, ...]:
    """The columns of cases that only some scenarios have."""
    return tuple(column for purpose, column in _RARE.items() if purpose in drawn)


def look_into(c: Columns, scenario: Scenario, group: NDArray[np.int64]) -> None:
    """Whether each case is audited, was begun with a verdict of one's own (1 right, 0 wrong, -1: none), and is one's own work.

    Parameters
    ----------
    c
        The cases, decided.
    scenario
        The world.
    group
        The group of officers of each.
    """
    officers, audits = scenario.officers, scenario.audits
    if audits.overridden is not None or audits.wrong is not None:
        chance = np.full(len(c["override"]), scenario.audited)
        if audits.overridden is not None:
            chance[c["override"]] = audits.overridden
        if audits.wrong is not None:
            chance[c["ai_right"] == c["override"]] = audits.wrong
        c["audited"] = c["u:audit"] < chance
    c["audited"] = c["audited"] & c["decided"]
    if "drill" in c:
        c["audited"] = c["audited"] & ~c["drill"]
    if "u:first" in c:
        share = np.array([-1.0 if each.initial_right is None else each.initial_right for each in officers])[group]
        c["first_right"] = np.where(share < 0, -1, c["u:first"] < share).astype(np.int8)
    if "u:own" in c:
        c["own_work"] = c["u:own"] < np.array([each.own_work for each in officers])[group]
