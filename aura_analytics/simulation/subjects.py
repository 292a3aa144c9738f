"""Whom a rule judges in a simulated world: officers, then agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.rules.grammar import comparisons

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.scenario import Scenario

__all__ = ["Subjects", "subjects_of"]


@dataclass(frozen=True)
class Subjects:
    """The officers of one world, then its agents.

    Parameters
    ----------
    officers
        How many of them are officers.
    judged
        Whom the rule is meant for.
    bad
        Who is made to underperform.
    """

    officers: int
    judged: NDArray[np.bool_]
    bad: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """How many there are in a world."""
        return len(self.judged)

    def by_world(self, numbers: NDArray[np.int64], worlds: int) -> NDArray[np.int64]:
        """Places in a table with a row per world, one after another, of the numbers of everybody (the officers of all worlds, then
        the agents of all worlds).
        """
        split = self.officers * worlds
        agents = max(self.size - self.officers, 1)
        is_officer = numbers < split
        world = np.where(is_officer, numbers // max(self.officers, 1), (numbers - split) // agents)
        place = np.where(is_officer, numbers % max(self.officers, 1), self.officers + (numbers - split) % agents)
        return np.asarray(world * self.size + place)


def subjects_of(scenario: Scenario, policy: Policy) -> Subjects:
    """The officers and agents of a world, and which of them a policy judges: those of its kinds for whom the metrics of at least
    one rule have a meaning. Machines in an officer's place are judged by nobody.
    """
    everybody: list[tuple[str, bool]] = [(group.kind, group.bad) for group in scenario.officers for _ in group.names]
    everybody += [("agent", group.bad) for group in scenario.agents for _ in group.names]
    kinds = np.array([kind for kind, _ in everybody])
    meant = {
        kind
        for kind in policy.spec.kinds
        if kind != "system" and any(all(kind in leaf.kind.kinds for leaf in comparisons(rule.when)) for rule in policy.spec.rules)
    }
    judged = np.isin(kinds, sorted(meant))
    return Subjects(sum(group.count for group in scenario.officers), judged, np.array([bad for _, bad in everybody], dtype=bool))
